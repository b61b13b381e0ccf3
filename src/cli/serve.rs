use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};
use tracing::level_filters::LevelFilter;

use super::check::plural;
use super::{exit, files};
use crate::clock::ClockMode;
use crate::scenario::{Catalog, LoadError, catalog_of};
use crate::settings::{self, Layers, LogFormat, Settings, SettingsOverrides, read_config_file};
use crate::startup::{self, Running};
use crate::telemetry::log_to_stderr;
use crate::yaml::{Source, Style, render};

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
    let catalog = match load_catalog(&settings) {
        Ok(catalog) => catalog,
        Err(reason) => return exit::cannot_start(reason),
    };
    let scenarios = catalog.len();
    let running = match startup::start(&settings, catalog) {
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
    exit::say(ready_line(&settings, &running, scenarios));
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
pub(super) fn ready_line(settings: &Settings, running: &Running, scenarios: usize) -> String {
    format!(
        "planet-emulator {} ready on {} ({}, {}, clock {})",
        env!("CARGO_PKG_VERSION"),
        running.url(),
        plural(scenarios, "scenario"),
        plural(settings.projects.len(), "project"),
        settings.clock,
    )
}

pub(super) fn settings_of(args: ServeArgs) -> Result<Settings, String> {
    let usual = Path::new(files::CONFIG_FILE);
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

pub(super) fn load_catalog(settings: &Settings) -> Result<Catalog, String> {
    let sources = sources_of(settings)?;
    match catalog_of(&sources, &settings.default_scenario) {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                tracing::warn!("{warning}");
            }
            Ok(loaded.catalog)
        }
        Err(LoadError::Faults(faults)) => {
            let rendered = render(&faults, Style::Plain);
            Err(format!("faulty scenarios\n{}", rendered.trim_end()))
        }
        Err(LoadError::Default(reason)) => Err(reason),
    }
}

fn sources_of(settings: &Settings) -> Result<Vec<Source>, String> {
    let mut sources = Vec::new();
    for path in &settings.scenarios {
        // The usual folder need not be there; one that was named must be.
        if settings.scenarios_are_default && !path.exists() {
            continue;
        }
        sources.extend(files::scenario_sources(path)?);
    }
    Ok(sources)
}

/// Writes the file under another name first, so that a reader never sees half of it.
pub(super) fn write_port(path: &Path, running: &Running) -> Result<(), String> {
    let partial = path.with_extension("partial");
    let port = format!("{}\n", running.address.port());
    std::fs::write(&partial, port)
        .and_then(|()| std::fs::rename(&partial, path))
        .map_err(|error| format!("cannot write port file `{}`: {error}", path.display()))
}
