use std::ffi::OsString;
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitCode, ExitStatus};

use clap::Args;
use rustix::process::{Pid, Signal, kill_process};
use tracing::level_filters::LevelFilter;

use super::exit::{STRICT_FAILURE, cannot_start, talk};
use super::serve::{ServeArgs, load_scenarios, ready_line, settings_of, write_port};
use super::summary::Summary;
use super::supervise::{Event, KILLED, Signals, shares_our_group};
use crate::startup::{self, Running};
use crate::telemetry::log_to_stderr;

/// Where CMD finds the emulator, whatever else it is told.
const URL_VARIABLE: &str = "PLANET_EMULATOR_URL";

#[derive(Debug, Args)]
#[command(
    override_usage = "planet-emulator exec [OPTIONS] -- CMD [ARG]...",
    after_help = "Listens on a free port of 127.0.0.1 unless --listen says otherwise. stdout belongs to CMD \
                  alone: the ready line, warnings and the summary go to stderr.\n\n\
                  SIGTERM and SIGINT reach CMD; SIGTERM also ends it, after five seconds by force. If stdin is \
                  a terminal, Ctrl-C reaches CMD from there, and a SIGINT from elsewhere is not passed on. \
                  What CMD leaves running is ended too.\n\n\
                  Exit status: CMD's, or 128 and the signal that killed it; 126 CMD cannot be run, 127 CMD not \
                  found; 3 the emulator cannot start; 70 CMD passed but callbacks failed, with --strict.\n\n\
                  Example: planet-emulator exec --clock 100x --env PLANET_BASE_URL -- npm test"
)]
pub(super) struct ExecArgs {
    #[command(flatten)]
    serve: ServeArgs,
    /// A variable that gets the base URL, beside `PLANET_EMULATOR_URL`; may be given again
    #[arg(long = "env", value_name = "NAME", value_parser = variable_name)]
    variables: Vec<String>,
    /// Exit with 70 if CMD passed but callbacks failed
    #[arg(long)]
    strict: bool,
    /// What to run
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

fn variable_name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains(['=', '\0']) {
        return Err("expected the name of a variable, such as `PLANET_BASE_URL`".to_owned());
    }
    Ok(text.to_owned())
}

pub(super) async fn run(args: ExecArgs) -> ExitCode {
    // Set up first: a signal during the start must not leave the command running.
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return cannot_start(format_args!("cannot listen for signals: {error}")),
    };
    let running = match start(args.serve) {
        Ok(running) => running,
        Err(reason) => return cannot_start(reason),
    };
    let journal = running.core.journal.clone();
    let ended = match supervised(&args.command, &args.variables, &running.url()) {
        Ok(supervisor) => until_ended(supervisor, &mut signals).await,
        Err(error) => Err(error),
    };
    running.stop().await;
    let status = match ended {
        Ok(status) => status,
        Err(error) => return cannot_start(format_args!("cannot supervise a command: {error}")),
    };
    let summary = Summary::of(&journal);
    talk(&summary);
    match status_of(status) {
        0 if args.strict && summary.has_failures() => ExitCode::from(STRICT_FAILURE),
        status => ExitCode::from(status),
    }
}

fn start(mut args: ServeArgs) -> Result<Running, String> {
    args.listen.get_or_insert_with(|| "127.0.0.1:0".to_owned());
    let port_file = args.port_file.clone();
    let settings = settings_of(args)?;
    // The course of each call would drown what the command tells.
    log_to_stderr(settings.log, LevelFilter::WARN);
    let scenarios = load_scenarios(&settings).map_err(|error| error.to_string())?;
    let running = startup::start(&settings, scenarios).map_err(|error| error.to_string())?;
    if let Some(path) = port_file {
        write_port(&path, &running)?;
    }
    talk(ready_line(&settings, &running));
    Ok(running)
}

/// Starts the command below a process that leaves nothing of it behind (`supervise`).
fn supervised(command: &[OsString], variables: &[String], url: &str) -> io::Result<Child> {
    let mut supervisor = Command::new(std::env::current_exe()?);
    supervisor
        .args([
            "supervise",
            "--parent",
            &std::process::id().to_string(),
            "--",
        ])
        .args(command)
        .env(URL_VARIABLE, url)
        .envs(variables.iter().map(|name| (name, url)));
    if !shares_our_group() {
        // Signals from a terminal come to us alone, and are passed on once.
        supervisor.process_group(0);
    }
    supervisor.spawn()
}

async fn until_ended(mut supervisor: Child, signals: &mut Signals) -> io::Result<ExitStatus> {
    let pid = Pid::from_child(&supervisor);
    loop {
        if let Some(status) = supervisor.try_wait()? {
            return Ok(status);
        }
        let passed_on = match signals.next().await {
            Event::ChildEnded => continue,
            Event::Terminate => Signal::TERM,
            Event::Interrupt => Signal::INT,
        };
        // Not waited for yet, so the number is still the supervisor's.
        let _ = kill_process(pid, passed_on);
    }
}

fn status_of(status: ExitStatus) -> u8 {
    let killed = || status.signal().map(|signal| KILLED + signal);
    let status = status.code().or_else(killed).unwrap_or_default();
    u8::try_from(status).unwrap_or(u8::MAX)
}
