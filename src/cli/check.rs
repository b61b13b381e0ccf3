use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::exit;
use super::serve::CONFIG_FILE;
use crate::scenario::{LoadError, Origin, catalog_of, scenario_sources};
use crate::settings::{Settings, check_config, read_config_file};
use crate::yaml::{Document, Fault, Severity, Source, Style, render};

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Config files, scenario files, or folders of scenarios [default: planet-emulator.yaml and
    /// scenarios, as far as they are there]
    paths: Vec<PathBuf>,
    /// A config file to check beside them
    #[arg(long, value_name = "FILE", env = "PLANET_EMULATOR_CONFIG")]
    config: Option<PathBuf>,
}

/// What is to be checked.
#[derive(Default)]
struct Files {
    configs: Vec<Source>,
    scenarios: Vec<Source>,
}

pub(super) fn run(args: CheckArgs) -> ExitCode {
    let checked = match gather(&args) {
        Ok(checked) => checked,
        Err(reason) => {
            exit::talk(format_args!("error: {reason}"));
            return ExitCode::from(exit::FAULTS);
        }
    };
    let faults = faults_of(&checked);
    let style = match std::io::stderr().is_terminal() {
        true => Style::Coloured,
        false => Style::Plain,
    };
    if !faults.is_empty() {
        exit::talk(render(&faults, style).trim_end());
    }
    let errors = faults
        .iter()
        .filter(|fault| fault.severity == Severity::Error)
        .count();
    let count = checked.configs.len() + checked.scenarios.len();
    exit::talk(format_args!(
        "{}, {}, {}",
        plural(count, "file"),
        plural(errors, "error"),
        plural(faults.len() - errors, "warning")
    ));
    match errors {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(exit::FAULTS),
    }
}

pub(super) fn plural(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

fn gather(args: &CheckArgs) -> Result<Files, String> {
    let mut found = Files::default();
    if let Some(config) = &args.config {
        found.configs.push(config_source(config)?);
    }
    if args.paths.is_empty() {
        if args.config.is_none() && Path::new(CONFIG_FILE).exists() {
            found.configs.push(config_source(Path::new(CONFIG_FILE))?);
        }
        let usual = Path::new("scenarios");
        if usual.exists() {
            found.scenarios = scenario_sources(usual)?;
        }
    }
    for path in &args.paths {
        for source in scenario_sources(path)? {
            match is_config(path, &source) {
                true => found.configs.push(source),
                false => found.scenarios.push(source),
            }
        }
    }
    Ok(found)
}

fn config_source(path: &Path) -> Result<Source, String> {
    read_config_file(path).map_err(|error| error.to_string())
}

/// A file is a config by its name, or else by holding a key that only a config has. Anything
/// undecided is taken for a scenario, whose faults then tell.
fn is_config(path: &Path, source: &Source) -> bool {
    const CONFIG_KEYS: [&str; 13] = [
        "listen",
        "scenarios",
        "default_scenario",
        "callbacks",
        "projects",
        "default_audio_duration",
        "delivery",
        "limits",
        "control",
        "fidelity",
        "clock",
        "seed",
        "log",
    ];
    let named = path
        .file_stem()
        .is_some_and(|stem| stem == "planet-emulator");
    let salvage = Document::salvage(source);
    let first = salvage.documents.first();
    let fields = first.and_then(|document| document.value.as_object());
    named
        || fields.is_some_and(|fields| {
            !fields.contains_key("name") && CONFIG_KEYS.iter().any(|key| fields.contains_key(*key))
        })
}

fn faults_of(files: &Files) -> Vec<Fault> {
    let mut faults: Vec<_> = files.configs.iter().flat_map(check_config).collect();
    let scenarios = [(Origin::File, &files.scenarios[..])];
    match catalog_of(&scenarios, &Settings::default().default_scenario) {
        Ok(loaded) => faults.extend(loaded.warnings),
        Err(LoadError::Faults(more)) => faults.extend(more),
        // The default scenario is one of those built in, and files were read before.
        Err(LoadError::Default(_) | LoadError::Unreadable(_)) => {}
    }
    faults
}
