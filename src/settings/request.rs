//! A project as the control API takes it.

use std::collections::BTreeMap;

use rand::RngExt as _;
use schemars::JsonSchema;
use serde::Deserialize;

use super::file::{CallbacksFile, MOST};
use super::text::{ApiKey, ProjectName, Secret, Text, TextRule};
use super::{CallbackUrls, Credentials, ProjectSettings, Settings};
use crate::clock::ClockMode;
use crate::domain::{ContentId, HumanDuration, ServiceId};

/// A project to be created, or to take the place of another. What is left out is made up (name, service
/// ID, API key and secret), or as the emulator's own setting (clock, seed), or none.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(example = serde_json::json!({
    "name": "checkout",
    "callbacks": { "notify": "http://127.0.0.1:3000/planet/notify" },
    "clock": "manual",
}))]
pub(crate) struct ProjectRequest {
    /// What the control API calls the project.
    name: Option<Text<ProjectName>>,
    /// The service that the API key belongs to.
    service_id: Option<Text<ServiceId>>,
    /// The user of Basic authentication.
    api_key: Option<Text<ApiKey>>,
    /// The password of Basic authentication.
    api_secret: Option<Secret>,
    /// Where callbacks go.
    callbacks: CallbacksFile,
    /// The length of each uploaded audio source, by content ID; with none listed, every ID is known.
    #[schemars(extend("propertyNames" = {
        "format": <ContentId as TextRule>::FORMAT,
        "x-expected": <ContentId as TextRule>::EXPECTED,
    }))]
    audio_sources: BTreeMap<Text<ContentId>, HumanDuration>,
    /// Operations per second; no limit if left out.
    #[schemars(range(min = 1, max = MOST))]
    rate_limit: Option<u32>,
    /// How time passes.
    clock: Option<Text<ClockMode>>,
    /// Makes every random choice repeatable.
    seed: Option<u64>,
}

/// What a project is called and known by, where a request does not say.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) service_id: Option<ServiceId>,
    pub(crate) credentials: Option<Credentials>,
}

impl Identity {
    /// One that no other project has.
    pub(crate) fn made_up() -> Self {
        let mut random = rand::rng();
        let mut digits = || format!("{:016x}", random.random::<u64>());
        Self {
            name: format!("project-{}", digits()),
            service_id: None,
            credentials: Some(Credentials {
                api_key: format!("key-{}", digits()),
                api_secret: Secret::from(digits() + &digits()),
            }),
        }
    }
}

impl From<&ProjectSettings> for Identity {
    fn from(project: &ProjectSettings) -> Self {
        Self {
            name: project.name.clone(),
            service_id: project.service_id.clone(),
            credentials: project.credentials.clone(),
        }
    }
}

impl ProjectRequest {
    /// The name it asks for.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_ref().map(|name| name.0.0.as_str())
    }

    /// Whether it says anything of what distinguishes a project in strict mode.
    pub(crate) const fn has_credentials(&self) -> bool {
        self.service_id.is_some() || self.api_key.is_some() || self.api_secret.is_some()
    }

    /// The settings it stands for.
    pub(crate) fn settings(self, identity: Identity, emulator: &Settings) -> ProjectSettings {
        let name = self.name.map_or(identity.name, |name| name.0.0);
        let service_id = self.service_id.map(|id| id.0).or(identity.service_id);
        let credentials = identity.credentials.map(|made_up| Credentials {
            api_key: self.api_key.map_or(made_up.api_key, |key| key.0.0),
            api_secret: self.api_secret.unwrap_or(made_up.api_secret),
        });
        let audio_sources = self.audio_sources.into_iter();
        ProjectSettings {
            // A name is a service ID but for the underscores.
            service_id: service_id
                .or_else(|| ServiceId::parse(name.replace('_', "-")).ok())
                .filter(|_| credentials.is_some()),
            name,
            credentials,
            callbacks: CallbackUrls::from(self.callbacks),
            audio_sources: audio_sources
                .map(|(Text(id), HumanDuration(length))| (id, length))
                .collect(),
            rate_limit: self.rate_limit,
            clock: self.clock.map_or(emulator.clock, |clock| clock.0),
            seed: self.seed.or(emulator.seed),
        }
    }
}
