//! Settings: embedded defaults, the config file, the environment and flags become one checked value.
//!
//! Each layer is checked against the shape of the file (`file`), so that every fault is found at its
//! place, then all are merged (`layers`) and what concerns several keys is checked. Nothing that goes
//! wrong shows a secret (`secrecy`).

mod file;
mod layers;
mod request;
mod secrecy;
mod size;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use url::Url;

use self::file::{CallbacksFile, ProjectFile, SettingsFile};
pub(crate) use self::file::{LogFormat, with_text_rules};
pub(crate) use self::request::{Identity, ProjectRequest};
pub(crate) use self::text::{Secret, Text};
use crate::clock::ClockMode;
use crate::domain::{Callback, ContentId, Fidelity, HumanDuration, ServiceId};
use crate::yaml::{Fault, Source, Style, render};

/// Everything that can be set, known to be in order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    /// Where to listen, as `host:port`.
    pub listen: String,
    /// Files and folders of scenarios.
    pub scenarios: Vec<PathBuf>,
    /// Whether nobody named any: the default folder may be missing, a named one may not.
    pub scenarios_are_default: bool,
    /// The scenario of a call that no other scenario matches.
    pub default_scenario: String,
    /// At least one.
    pub projects: Vec<ProjectSettings>,
    /// Who may call.
    pub access: Access,
    /// The length of an audio source for which none is listed.
    pub default_audio_duration: Duration,
    /// How callbacks are sent.
    pub delivery: DeliverySettings,
    /// What is held in memory at most.
    pub limits: Limits,
    /// Who may use the control API, and how.
    pub control: ControlSettings,
    /// What is not publicly known of Planet, each as a choice.
    pub fidelity: Fidelity,
    /// How the log is written.
    pub log: LogFormat,
    /// How long callbacks in flight are waited for at the end.
    pub shutdown_grace: Duration,
    /// How time passes, unless a project says otherwise.
    pub clock: ClockMode,
    /// Makes every random choice repeatable, unless a project has its own.
    pub seed: Option<u64>,
}

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anyone with well-formed credentials.
    Open,
    /// Those with a project's credentials.
    Strict,
}

/// What one API key stands for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ProjectSettings {
    /// What the control API calls it.
    pub name: String,
    /// The service; none in open mode.
    pub service_id: Option<ServiceId>,
    /// Key and secret; none in open mode.
    pub credentials: Option<Credentials>,
    /// Where callbacks go.
    pub callbacks: CallbackUrls,
    /// The length of each uploaded audio source.
    pub audio_sources: BTreeMap<ContentId, Duration>,
    /// Operations per second.
    pub rate_limit: Option<u32>,
    /// How time passes.
    pub clock: ClockMode,
    /// Makes every random choice repeatable.
    pub seed: Option<u64>,
}

/// What a client proves itself with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// The user of Basic authentication.
    pub api_key: String,
    /// The password of Basic authentication.
    pub api_secret: Secret,
}

/// Where callbacks go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct CallbackUrls {
    /// The URL of Notify.
    pub notify: Option<Url>,
    /// The URL of Agent Call Status.
    pub agent_call_status: Option<Url>,
    /// The URL of Call Event.
    pub call_event: Option<Url>,
}

impl CallbackUrls {
    /// Where a callback goes.
    pub(crate) fn get(&self, callback: Callback) -> Option<&Url> {
        match callback {
            Callback::Notify => self.notify.as_ref(),
            Callback::AgentCallStatus => self.agent_call_status.as_ref(),
            Callback::CallEvent => self.call_event.as_ref(),
        }
    }
}

/// How callbacks are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeliverySettings {
    /// From connecting to the end of the answer.
    pub timeout: Duration,
    /// How many callbacks may be under way at once; at least one.
    pub max_in_flight: usize,
    /// How many callbacks may be under way to one host at once; at least one.
    pub max_in_flight_per_host: usize,
    /// The only hosts that callbacks may go to; empty for all.
    pub allow_hosts: Vec<String>,
}

/// What is held in memory at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The largest request body, in bytes.
    pub body: usize,
    /// How many calls the journal remembers; at least one.
    pub journal_calls: usize,
    /// How many calls may be going on at once; at least one.
    pub live_calls: usize,
}

/// Who may use the control API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ControlSettings {
    /// What everything but health and inbox asks for; nothing if there is none.
    pub token: Option<Secret>,
    /// Hosts by which it may be called, such as `emulator.example.com` or `*.example.com`, beside
    /// those that no foreign web page can pose as.
    pub allow_hosts: Vec<String>,
    /// How long a request may wait at most.
    pub longest_wait: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self::from_file(SettingsFile::default(), true)
    }
}

impl Settings {
    fn from_file(file: SettingsFile, scenarios_are_default: bool) -> Self {
        let (clock, seed) = (file.clock.0, file.seed);
        let (access, projects) = if file.projects.is_empty() {
            let project = ProjectSettings::open(file.callbacks, file.rate_limit, clock, seed);
            (Access::Open, vec![project])
        } else {
            let projects = file.projects.into_iter();
            let projects = projects.map(|project| ProjectSettings::strict(project, clock, seed));
            (Access::Strict, projects.collect())
        };
        Self {
            listen: file.listen.0.0,
            scenarios: file.scenarios,
            scenarios_are_default,
            default_scenario: file.default_scenario,
            projects,
            access,
            default_audio_duration: file.default_audio_duration.0,
            delivery: DeliverySettings {
                timeout: file.delivery.timeout.0,
                max_in_flight: count(file.delivery.max_in_flight),
                max_in_flight_per_host: count(file.delivery.max_in_flight_per_host),
                allow_hosts: file.delivery.allow_hosts,
            },
            limits: Limits {
                body: usize::try_from(file.limits.body.0).unwrap_or(usize::MAX),
                journal_calls: count(file.limits.journal_calls),
                live_calls: count(file.limits.live_calls),
            },
            control: ControlSettings {
                token: file.control.token,
                allow_hosts: file.control.allow_hosts,
                longest_wait: file.control.longest_wait.0,
            },
            fidelity: file.fidelity,
            log: file.log,
            shutdown_grace: file.shutdown_grace.0,
            clock,
            seed,
        }
    }
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl ProjectSettings {
    fn open(
        callbacks: CallbacksFile,
        rate_limit: Option<u32>,
        clock: ClockMode,
        seed: Option<u64>,
    ) -> Self {
        Self {
            name: "default".to_owned(),
            service_id: None,
            credentials: None,
            callbacks: callbacks.into(),
            audio_sources: BTreeMap::new(),
            rate_limit,
            clock,
            seed,
        }
    }

    fn strict(file: ProjectFile, clock: ClockMode, seed: Option<u64>) -> Self {
        let audio_sources = file.audio_sources.into_iter();
        Self {
            name: file.name.0.0,
            service_id: Some(file.service_id.0),
            credentials: Some(Credentials {
                api_key: file.api_key.0.0,
                api_secret: file.api_secret,
            }),
            callbacks: file.callbacks.into(),
            audio_sources: audio_sources
                .map(|(Text(id), HumanDuration(length))| (id, length))
                .collect(),
            rate_limit: file.rate_limit,
            clock: file.clock.map_or(clock, |clock| clock.0),
            seed: file.seed.or(seed),
        }
    }
}

impl From<CallbacksFile> for CallbackUrls {
    fn from(file: CallbacksFile) -> Self {
        Self {
            notify: file.notify.map(|url| url.0.0),
            agent_call_status: file.agent_call_status.map(|url| url.0.0),
            call_event: file.call_event.map(|url| url.0.0),
        }
    }
}

/// Where settings come from, beside the defaults; what is further down wins.
///
/// Not `Debug`: a variable may hold secrets.
#[derive(Clone, Default)]
pub(crate) struct Layers {
    /// The config file.
    pub config_file: Option<Source>,
    /// All variables; those that are not ours are passed over.
    pub environment: Vec<(String, String)>,
    /// What flags say.
    pub overrides: SettingsOverrides,
}

/// What flags say.
#[derive(Debug, Clone, Default)]
pub(crate) struct SettingsOverrides {
    /// `--listen`.
    pub listen: Option<String>,
    /// `--scenarios`; empty if it was not given.
    pub scenarios: Vec<PathBuf>,
    /// `--seed`.
    pub seed: Option<u64>,
    /// `--clock`.
    pub clock: Option<ClockMode>,
    /// `--log`.
    pub log: Option<LogFormat>,
}

/// Why there are no settings.
#[derive(Debug)]
pub(crate) enum SettingsError {
    /// The config file cannot be read at all.
    Unreadable {
        /// As the user gave it.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// Everything that is wrong with the settings; never empty.
    Faults(Vec<Fault>),
}

impl SettingsError {
    #[cfg(test)]
    /// What is wrong, fault by fault; empty if the file could not be read.
    pub(crate) fn faults(&self) -> &[Fault] {
        match self {
            Self::Unreadable { .. } => &[],
            Self::Faults(faults) => faults,
        }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, reason } => {
                write!(f, "cannot read config file `{}`: {reason}", path.display())
            }
            Self::Faults(faults) => {
                let rendered = render(faults, Style::Plain);
                write!(f, "faulty settings\n{}", rendered.trim_end())
            }
        }
    }
}

impl std::error::Error for SettingsError {}

/// Merges and checks all layers.
///
/// # Errors
/// Everything that is wrong with any of them, and with all of them together.
pub(crate) fn load(layers: Layers) -> Result<Settings, SettingsError> {
    let merged = layers::merge(&layers).map_err(SettingsError::Faults)?;
    let mut settings = Settings::from_file(merged.file, merged.scenarios_are_default);
    // Past the layers, since a path need not be text.
    if !layers.overrides.scenarios.is_empty() {
        settings.scenarios = layers.overrides.scenarios;
        settings.scenarios_are_default = false;
    }
    Ok(settings)
}

/// Reads a config file, without a look at what it says.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn read_config_file(path: &Path) -> Result<Source, SettingsError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Source::new(path.display().to_string(), text)),
        Err(reason) => Err(SettingsError::Unreadable {
            path: path.to_owned(),
            reason,
        }),
    }
}

/// The JSON Schema of the config file, for editors.
pub(crate) fn config_schema() -> Value {
    file::shape().schema().clone()
}

/// Everything that is wrong with a config file, taken by itself.
pub(crate) fn check_config(source: &Source) -> Vec<Fault> {
    let layers = Layers {
        config_file: Some(source.clone()),
        ..Layers::default()
    };
    layers::merge(&layers).err().unwrap_or_default()
}
