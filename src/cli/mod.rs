//! The command line (design 4): one file per command.

mod call;
mod check;
mod container;
mod diagnosis;
mod doctor;
mod exec;
mod exit;
mod healthcheck;
mod http;
mod listen;
mod schema;
mod serve;
mod summary;
mod supervise;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// LINE Planet Cloud's Audio Caller on your own machine.
#[derive(Debug, Parser)]
#[command(
    name = "planet-emulator",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Exit status: 0 fine, 1 faults found, 2 wrong usage, 3 cannot start,\n\
                  70 callbacks failed under `exec --strict`.\n\
                  Without a command, the emulator is served: `planet-emulator --clock 20x`."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the emulator (as without a command)
    Serve(serve::ServeArgs),
    /// Run a command with an emulator of its own, and stop both
    Exec(exec::ExecArgs),
    /// What stands between `exec` and its command
    #[command(hide = true)]
    Supervise(supervise::SuperviseArgs),
    /// Lint config and scenario files
    Check(check::CheckArgs),
    /// Print the JSON Schema of config or scenario files
    Schema(schema::SchemaArgs),
    /// Be a stand-in app server: print each callback, answer 200
    Listen(listen::ListenArgs),
    /// Make a sample call
    Call(call::CallArgs),
    /// Probe every configured callback URL and explain what is wrong
    Doctor(doctor::DoctorArgs),
    /// Exit 0 if an emulator is ready
    Healthcheck(healthcheck::HealthcheckArgs),
}

/// Runs the program.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return exit::cannot_start(format!("no runtime: {error}")),
    };
    runtime.block_on(async {
        match cli.command.unwrap_or(Command::Serve(cli.serve)) {
            Command::Serve(args) => serve::run(args).await,
            Command::Exec(args) => exec::run(args).await,
            Command::Supervise(args) => supervise::run(args).await,
            Command::Check(args) => check::run(args),
            Command::Schema(args) => schema::run(args),
            Command::Listen(args) => listen::run(args).await,
            Command::Call(args) => call::run(args).await,
            Command::Doctor(args) => doctor::run(args).await,
            Command::Healthcheck(args) => healthcheck::run(args).await,
        }
    })
}
