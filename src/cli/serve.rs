use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};
use tracing::level_filters::LevelFilter;

use super::check::plural;
use super::exit;
use crate::clock::ClockMode;
use crate::scenario::{LoadError, ScenarioFiles, ScenarioStore};
use crate::settings::{self, Layers, LogFormat, Settings, SettingsOverrides, read_config_file};
use crate::startup::{self, Running};
use crate::telemetry::log_to_stderr;

/// The config file that is taken if none is named.
pub(super) const CONFIG_FILE: &str = "planet-emulator.yaml";

#[derive(Debug, Default, Args)]
pub(super) struct ServeArgs {
    /// The config file [default: planet-emulator.yaml, if it is there]
    #[arg(long, value_name = "FILE", env = "PLANET_EMULATOR_CONFIG")]
    config: Option<PathBuf>,
    /// Where to listen, such as 127.0.0.1:7526; port 0 is any free one
    #[arg(long, value_name = "ADDR")]
    pub(super) listen: Option<String>,
    /// A scenario file or a folder of them; may be given again
    #[arg(long, value_name = "PATH")]
    scenarios: Vec<PathBuf>,
    /// Fixes session IDs, drawn delays and choices
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How time passes: real, a speed such as 20x, or manual
    #[arg(long, value_name = "MODE")]
    clock: Option<ClockMode>,
    /// How logs are written to stderr
    #[arg(long, value_name = "FORMAT")]
    log: Option<LogArg>,
    /// Writes the port to this file once the emulator is ready
    #[arg(long, value_name = "FILE")]
    pub(super) port_file: Option<PathBuf>,
}

impl ServeArgs {
    /// As if nothing else were given.
    pub(super) fn with_config(config: Option<PathBuf>) -> Self {
        Self {
            config,
            ..Self::default()
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogArg {
    Text,
    Json,
}

impl From<LogArg> for LogFormat {
    fn from(arg: LogArg) -> Self {
        match arg {
            LogArg::Text => Self::Text,
            LogArg::Json => Self::Json,
        }
    }
}

pub(super) async fn run(args: ServeArgs) -> ExitCode {
    let port_file = args.port_file.clone();
    let settings = match settings_of(args) {
        Ok(settings) => settings,
        Err(reason) => return exit::cannot_start(reason),
    };
    log_to_stderr(settings.log, LevelFilter::INFO);
    let scenarios = match load_scenarios(&settings) {
        Ok(scenarios) => scenarios,
        Err(error) => return exit::cannot_start(error),
    };
    let running = match startup::start(&settings, scenarios) {
        Ok(running) => running,
        Err(error) => return exit::cannot_start(error),
    };
    // Set up before anybody is told that we are ready: a signal right then must not be lost.
    let signals = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    );
    let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
        return exit::cannot_start("cannot listen for signals");
    };
    if let Some(path) = port_file
        && let Err(reason) = write_port(&path, &running)
    {
        return exit::cannot_start(reason);
    }
    exit::say(ready_line(&settings, &running));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    let abandoned = running.stop().await;
    if abandoned > 0 {
        tracing::warn!(
            abandoned,
            "stopped with {} not sent",
            plural(abandoned, "callback")
        );
    }
    ExitCode::SUCCESS
}

/// A stable interface: scripts wait for this line.
pub(super) fn ready_line(settings: &Settings, running: &Running) -> String {
    format!(
        "planet-emulator {} ready on {} ({}, {}, clock {})",
        env!("CARGO_PKG_VERSION"),
        running.url(),
        plural(running.core.scenarios.catalog().len(), "scenario"),
        plural(settings.projects.len(), "project"),
        settings.clock,
    )
}

pub(super) fn settings_of(args: ServeArgs) -> Result<Settings, String> {
    let usual = Path::new(CONFIG_FILE);
    let config = args
        .config
        .or_else(|| usual.exists().then(|| usual.to_owned()));
    let config_file = match config {
        Some(path) => Some(read_config_file(&path).map_err(|error| error.to_string())?),
        None => None,
    };
    let layers = Layers {
        config_file,
        // A variable that is not text cannot be one of ours.
        environment: std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        overrides: SettingsOverrides {
            listen: args.listen,
            scenarios: args.scenarios,
            seed: args.seed,
            clock: args.clock,
            log: args.log.map(Into::into),
        },
    };
    settings::load(layers).map_err(|error| error.to_string())
}

pub(super) fn load_scenarios(settings: &Settings) -> Result<ScenarioStore, LoadError> {
    let files = ScenarioFiles::of(settings);
    ScenarioStore::load(Vec::new(), files, &settings.default_scenario)
}

/// Writes the file under another name first, so that a reader never sees half of it.
pub(super) fn write_port(path: &Path, running: &Running) -> Result<(), String> {
    let partial = path.with_extension("partial");
    let port = format!("{}\n", running.address.port());
    std::fs::write(&partial, port)
        .and_then(|()| std::fs::rename(&partial, path))
        .map_err(|error| format!("cannot write port file `{}`: {error}", path.display()))
}
