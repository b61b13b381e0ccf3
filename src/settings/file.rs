//! The configuration as it is written in a file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::size::ByteSize;
use super::text::{ApiKey, CallbackUrl, ListenAddress, ProjectName, Secret, Text, TextRule};
use crate::clock::ClockMode;
use crate::domain::{ContentId, Fidelity, HumanDuration, ServiceId, parse_duration};
use crate::yaml::Shape;

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object on each line.
    Json,
}

impl LogFormat {
    /// The word for it in settings.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Text, Self::Json]
            .into_iter()
            .find(|format| format.name() == text)
            .ok_or_else(|| format!("expected `text` or `json`, found `{text}`"))
    }
}

/// Settings of planet-emulator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "planet-emulator configuration")]
pub(super) struct SettingsFile {
    /// Where to listen, as `host:port`; port 0 takes any free one.
    pub listen: Text<ListenAddress>,
    /// Files and folders of scenarios, beside the built-in ones.
    pub scenarios: Vec<PathBuf>,
    /// The scenario of a call that no other scenario matches.
    #[schemars(length(min = 1), extend("x-expected" = "the name of a scenario"))]
    pub default_scenario: String,
    /// Open mode: where callbacks go.
    pub callbacks: CallbacksFile,
    /// Open mode: operations per second; `null` for no limit.
    #[schemars(range(min = 1, max = MOST), extend("x-nullable" = true))]
    pub rate_limit: Option<u32>,
    /// One entry for each API key; none for open mode.
    pub projects: Vec<ProjectFile>,
    /// The length of an audio source for which none is listed.
    #[schemars(extend("x-expected" = A_DURATION))]
    pub default_audio_duration: HumanDuration,
    /// How callbacks are sent.
    pub delivery: DeliveryFile,
    /// What is held in memory at most.
    pub limits: LimitsFile,
    /// Who may use the control API.
    pub control: ControlFile,
    /// What is not publicly known of Planet, each as a choice.
    pub fidelity: Fidelity,
    /// How time passes.
    pub clock: Text<ClockMode>,
    /// Makes every random choice repeatable; `null` for another one each time.
    #[schemars(extend("x-nullable" = true))]
    pub seed: Option<u64>,
    /// How long callbacks in flight are waited for at the end.
    #[schemars(extend("x-expected" = A_DURATION))]
    pub shutdown_grace: HumanDuration,
    /// How the log is written.
    pub log: LogFormat,
}

/// Also in the schema, so that a larger number is a fault like any other.
pub(super) const MOST: u32 = u32::MAX;

const A_DURATION: &str = "a duration such as `50ms`, `3s` or `1m30s`";

impl Default for SettingsFile {
    fn default() -> Self {
        Self {
            listen: Text(ListenAddress("127.0.0.1:7526".to_owned())),
            scenarios: vec!["scenarios".into()],
            default_scenario: "answered".to_owned(),
            callbacks: CallbacksFile::default(),
            rate_limit: None,
            projects: Vec::new(),
            default_audio_duration: HumanDuration(Duration::from_secs(3)),
            delivery: DeliveryFile::default(),
            limits: LimitsFile::default(),
            control: ControlFile::default(),
            fidelity: Fidelity::default(),
            clock: Text(ClockMode::Real),
            seed: None,
            shutdown_grace: HumanDuration(Duration::from_secs(1)),
            log: LogFormat::Text,
        }
    }
}

/// Where callbacks go.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CallbacksFile {
    /// The URL of Notify.
    #[schemars(extend("x-nullable" = true))]
    pub notify: Option<Text<CallbackUrl>>,
    /// The URL of Agent Call Status.
    #[schemars(extend("x-nullable" = true))]
    pub agent_call_status: Option<Text<CallbackUrl>>,
    /// The URL of Call Event.
    #[schemars(extend("x-nullable" = true))]
    pub call_event: Option<Text<CallbackUrl>>,
}

/// What one API key stands for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProjectFile {
    /// What the control API calls the project.
    pub name: Text<ProjectName>,
    /// The service that the API key belongs to.
    pub service_id: Text<ServiceId>,
    /// The user of Basic authentication.
    pub api_key: Text<ApiKey>,
    /// The password of Basic authentication.
    pub api_secret: Secret,
    /// Where callbacks go.
    #[serde(default)]
    pub callbacks: CallbacksFile,
    /// The length of each uploaded audio source, by content ID.
    #[serde(default)]
    #[schemars(extend("propertyNames" = {
        "format": <ContentId as TextRule>::FORMAT,
        "x-expected": <ContentId as TextRule>::EXPECTED,
    }))]
    pub audio_sources: BTreeMap<Text<ContentId>, HumanDuration>,
    /// Operations per second; `null` for no limit.
    #[serde(default)]
    #[schemars(range(min = 1, max = MOST), extend("x-nullable" = true))]
    pub rate_limit: Option<u32>,
    /// How time passes; as the top-level one if left out.
    pub clock: Option<Text<ClockMode>>,
    /// Makes every random choice repeatable; as the top-level one if left out.
    #[serde(default)]
    #[schemars(extend("x-nullable" = true))]
    pub seed: Option<u64>,
}

/// How callbacks are sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct DeliveryFile {
    /// From connecting to the end of the answer.
    #[schemars(extend("x-expected" = A_DURATION))]
    pub timeout: HumanDuration,
    /// How many callbacks may be under way at once.
    #[schemars(range(min = 1, max = MOST))]
    pub max_in_flight: u32,
    /// How many callbacks may be under way to one host at once.
    #[schemars(range(min = 1, max = MOST))]
    pub max_in_flight_per_host: u32,
    /// The only hosts that callbacks may go to; empty for all.
    #[schemars(inner(length(min = 1)))]
    pub allow_hosts: Vec<String>,
}

impl Default for DeliveryFile {
    fn default() -> Self {
        Self {
            timeout: HumanDuration(Duration::from_secs(5)),
            max_in_flight: 512,
            max_in_flight_per_host: 64,
            allow_hosts: Vec::new(),
        }
    }
}

/// What is held in memory at most.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LimitsFile {
    /// The largest request body.
    pub body: ByteSize,
    /// How many calls the journal remembers.
    #[schemars(range(min = 1, max = MOST))]
    pub journal_calls: u32,
    /// How many calls may be going on at once.
    #[schemars(range(min = 1, max = MOST))]
    pub live_calls: u32,
}

impl Default for LimitsFile {
    fn default() -> Self {
        Self {
            body: ByteSize(64 * 1024),
            journal_calls: 10_000,
            live_calls: 1_000_000,
        }
    }
}

/// Who may use the control API, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ControlFile {
    /// What everything under `/_emulator/` but health and inbox asks for as bearer token; `null` for nothing.
    #[schemars(extend("x-nullable" = true))]
    pub token: Option<Secret>,
    /// Hosts by which the control API may be called, beside addresses, `localhost` and names without dots.
    #[schemars(inner(length(min = 1)))]
    pub allow_hosts: Vec<String>,
    /// How long a request such as `wait` or `verify` may wait; who asks for more gets this.
    pub longest_wait: HumanDuration,
}

impl Default for ControlFile {
    fn default() -> Self {
        Self {
            token: None,
            allow_hosts: Vec::new(),
            longest_wait: HumanDuration(Duration::from_secs(600)),
        }
    }
}

/// The shape of the file, compiled once.
pub(super) fn shape() -> &'static Shape<SettingsFile> {
    static SHAPE: LazyLock<Shape<SettingsFile>> = LazyLock::new(|| with_text_rules(Shape::new()));
    &SHAPE
}

/// Lets a shape check every kind of text that has a rule of its own.
pub(crate) fn with_text_rules<T: DeserializeOwned + JsonSchema>(shape: Shape<T>) -> Shape<T> {
    let shape = shape
        .with_format(HumanDuration::FORMAT, check_duration)
        .with_format(ByteSize::FORMAT, |text| ByteSize::parse(text).map(|_| ()));
    let shape = with_rule::<_, ListenAddress>(shape);
    let shape = with_rule::<_, ProjectName>(shape);
    let shape = with_rule::<_, ServiceId>(shape);
    let shape = with_rule::<_, ApiKey>(shape);
    let shape = with_rule::<_, CallbackUrl>(shape);
    let shape = with_rule::<_, ContentId>(shape);
    with_rule::<_, ClockMode>(shape)
}

fn with_rule<T: DeserializeOwned + JsonSchema, R: TextRule>(shape: Shape<T>) -> Shape<T> {
    shape.with_format(R::FORMAT, |text| R::parse(text).map(|_| ()))
}

/// The fault itself says what was expected and found, so what is left for the hint is the way out.
fn check_duration(text: &str) -> Result<(), String> {
    parse_duration(text).map(|_| ()).map_err(|reason| {
        let trimmed = text.trim();
        let is_number = !trimmed.is_empty() && trimmed.bytes().all(|b| b.is_ascii_digit());
        match reason.strip_prefix("expected ") {
            Some(_) if is_number => format!("add a unit: `{trimmed}s` or `{trimmed}ms`"),
            Some(rest) if rest.starts_with("a duration such as") => {
                "write a number and a unit: `ms`, `s`, `m` or `h`".to_owned()
            }
            _ => reason,
        }
    })
}
