//! The facade: accepts or refuses requests, chooses scenarios, starts calls.

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;
use url::Url;

use crate::call::{Engagements, Life, Line, Targets};
use crate::clock::Clock;
use crate::delivery::{Courier, DeliveryOptions};
use crate::domain::{Callback, Fidelity, Moment, ServiceIdCheck};
use crate::journal::{CallRecord, Journal, PlacedCall};
use crate::project::{Placement, Project};
use crate::scenario::{Catalog, ChosenBy, Scenario};
use crate::settings::{Access, Credentials, ProjectSettings, Settings};
use crate::validate::{self, CalleePath, Rules};
use crate::wire::{ErrorAnswer, MakeCallBody, Violation};

/// The header that chooses a scenario by name.
pub(crate) const SCENARIO_HEADER: &str = "X-Planet-Emulator-Scenario";

/// All state of a running emulator, shared by every worker.
#[derive(Debug)]
pub(crate) struct Core {
    projects: Vec<(Option<Credentials>, Arc<Project>)>,
    access: Access,
    pub(crate) fidelity: Arc<Fidelity>,
    pub(crate) catalog: Catalog,
    pub(crate) journal: Arc<Journal>,
    live_calls_at_most: usize,
    courier: Courier,
}

/// A request that is not accepted: what to answer, and when.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) answer: ErrorAnswer,
    /// On the project's clock; `None` for at once.
    pub(crate) due: Option<(Clock, Moment)>,
}

impl From<ErrorAnswer> for Refusal {
    fn from(answer: ErrorAnswer) -> Self {
        Self { answer, due: None }
    }
}

/// The headers of a request that matter here.
#[derive(Debug, Default)]
pub(crate) struct RequestHeaders<'a> {
    pub(crate) authorization: Option<&'a str>,
    pub(crate) accept: Option<&'a str>,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) scenario: Option<&'a str>,
}

impl Core {
    /// Builds the state; `base` is the emulator's own URL, for the inbox.
    ///
    /// # Errors
    /// When callbacks cannot be sent at all, as with a host in `delivery.allow_hosts` that is none.
    pub(crate) fn new(settings: &Settings, catalog: Catalog, base: &Url) -> anyhow::Result<Self> {
        let courier = Courier::new(&delivery_options(settings))
            .context("cannot set up the delivery of callbacks")?;
        let fidelity = Arc::new(settings.fidelity.clone());
        let journal = Arc::new(Journal::new(settings.limits.journal_calls));
        let project = |project: &ProjectSettings| {
            let line = Line {
                clock: Clock::new(project.clock),
                courier: courier.clone(),
                fidelity: fidelity.clone(),
                targets: Arc::new(targets_of(project, settings.access, base)),
                journal: journal.clone(),
                engagements: Arc::new(Engagements::default()),
            };
            let default_length = settings.default_audio_duration;
            let running = Arc::new(Project::new(project, line, default_length));
            (project.credentials.clone(), running)
        };
        Ok(Self {
            projects: settings.projects.iter().map(project).collect(),
            access: settings.access,
            fidelity,
            catalog,
            journal,
            live_calls_at_most: settings.limits.live_calls,
            courier,
        })
    }

    /// The project that a request belongs to, once its credentials, the rate limit and its headers
    /// are found in order (design 2: the first failing group answers).
    ///
    /// # Errors
    /// 401, 429 or 400.
    pub(crate) fn admit(
        &self,
        headers: &RequestHeaders<'_>,
        source: Option<IpAddr>,
    ) -> Result<Arc<Project>, ErrorAnswer> {
        let project = self.authenticate(headers.authorization)?;
        if !project.is_within_rate_limit(source, project.line.clock.now()) {
            return Err(ErrorAnswer::new(429, "TOO_MANY_REQUEST"));
        }
        let mut violations =
            validate::header_violations(headers.accept, headers.content_type, &self.fidelity);
        // A scenario that cannot be had must not silently become another one.
        if let Some(Err(reason)) = headers.scenario.map(|name| self.catalog.find(name)) {
            let field = SCENARIO_HEADER.to_owned();
            violations.push(Violation { field, reason });
        }
        if violations.is_empty() {
            return Ok(project);
        }
        Err(ErrorAnswer::violations(
            "missing or invalid header",
            violations,
        ))
    }

    fn authenticate(&self, authorization: Option<&str>) -> Result<Arc<Project>, ErrorAnswer> {
        let unauthorized = |message: &'static str| ErrorAnswer::new(401, message);
        let Some(authorization) = authorization else {
            return Err(unauthorized("Authorization header is missing"));
        };
        let Some((key, secret)) = basic_credentials(authorization) else {
            return Err(unauthorized(
                "Authorization must be `Basic` with the base64 of API_KEY:API_SECRET",
            ));
        };
        if self.access == Access::Open {
            return Ok(self.projects[0].1.clone());
        }
        let mut found = None;
        // Every key is compared, so that the time taken does not depend on which one it is.
        for (credentials, project) in &self.projects {
            let Some(credentials) = credentials else {
                continue;
            };
            if bool::from(credentials.api_key.as_bytes().ct_eq(key.as_bytes())) {
                found = Some((credentials, project));
            }
        }
        let Some((credentials, project)) = found else {
            return Err(unauthorized("ApiKey not found"));
        };
        let expected = credentials.api_secret.expose().as_bytes();
        if !bool::from(expected.ct_eq(secret.as_bytes())) {
            return Err(unauthorized("ApiSecret is invalid"));
        }
        Ok(project.clone())
    }

    /// Accepts a call, or says why not. The life it gives back begins once the answer is written.
    ///
    /// # Errors
    /// 400, 403, 503, or what the scenario says.
    pub(crate) fn place(
        &self,
        project: &Project,
        scenario: Option<&str>,
        path: &CalleePath,
        body: &[u8],
    ) -> Result<Life, Refusal> {
        let accepted_at = project.line.clock.now();
        let body = MakeCallBody::parse(body);
        if let Ok(body) = &body {
            self.check_permission(project, body, path)?;
        }
        let body = body.map_err(|fault| ErrorAnswer::new(400, fault.to_string()))?;
        let rules = Rules {
            fidelity: &self.fidelity,
            is_uploaded: &|id| project.is_uploaded(id),
        };
        let call = validate::make_call(&body, path, &rules)
            .map_err(|violations| ErrorAnswer::violations("invalid parameter", violations))?;
        self.check_room()?;
        let (scenario, chosen_by) = self.choose(scenario, &call)?;
        let (sid, plan) = match project.place(&call, &scenario) {
            Placement::Accepted(sid, plan) => (sid, plan),
            Placement::Refused(answer, after) => {
                let due = Some((project.line.clock.clone(), accepted_at + after));
                return Err(Refusal { answer, due });
            }
        };
        let call = Arc::new(call);
        let placed = PlacedCall {
            project: project.name.clone(),
            scenario: scenario.name.clone(),
            chosen_by: chosen_by.name(),
            call: call.clone(),
            request: body.text.into(),
        };
        tracing::info!(
            %sid,
            project = &*project.name,
            scenario = &*scenario.name,
            chosen_by = chosen_by.name(),
            to = %format_args!("{}/{}", call.to.service_id, call.to.user_id),
            "call accepted"
        );
        let entry = self.journal.open(CallRecord::new(sid, placed, accepted_at));
        let line = project.line.clone();
        Ok(Life::new(sid, call, *plan, line, entry, accepted_at))
    }

    fn choose(
        &self,
        by_header: Option<&str>,
        call: &crate::domain::MakeCall,
    ) -> Result<(Arc<Scenario>, ChosenBy), ErrorAnswer> {
        match by_header {
            Some(name) => {
                let named = self.catalog.find(name);
                let named = named.map_err(|reason| ErrorAnswer::new(400, reason))?;
                Ok((named, ChosenBy::Header))
            }
            None => Ok(self.catalog.choose(call)),
        }
    }

    /// The service IDs against the key's (contract 10-11); nothing to check in open mode.
    fn check_permission(
        &self,
        project: &Project,
        body: &MakeCallBody<'_>,
        path: &CalleePath,
    ) -> Result<(), ErrorAnswer> {
        let Some(own) = project.service_id.as_ref().map(|id| id.as_str()) else {
            return Ok(());
        };
        let caller = body.caller_service_id();
        // An absent or malformed caller is for the validation of the body to tell.
        let caller_is_own = caller.as_deref().is_none_or(|caller| caller == own);
        let callee_is_own = path.service_id == own;
        let callee_is_known = || {
            let mut ids = self
                .projects
                .iter()
                .filter_map(|(_, p)| p.service_id.as_ref());
            ids.any(|id| id.as_str() == path.service_id)
        };
        let forbidden = |what: &str, id: &str| {
            Err(ErrorAnswer::new(
                403,
                format!("no permission for {what} service ID `{id}`"),
            ))
        };
        match self.fidelity.service_id_check {
            ServiceIdCheck::None => Ok(()),
            ServiceIdCheck::Caller | ServiceIdCheck::Both if !caller_is_own => {
                forbidden("the caller's", caller.as_deref().unwrap_or_default())
            }
            ServiceIdCheck::Callee | ServiceIdCheck::Both if !callee_is_own => {
                forbidden("the callee's", &path.service_id)
            }
            ServiceIdCheck::Caller if !callee_is_known() => {
                forbidden("the callee's", &path.service_id)
            }
            _ => Ok(()),
        }
    }

    fn check_room(&self) -> Result<(), ErrorAnswer> {
        if self.courier.is_closed() {
            return Err(ErrorAnswer::new(503, "the emulator is shutting down"));
        }
        if self.journal.counts().live >= self.live_calls_at_most {
            let limit = self.live_calls_at_most;
            let message = format!("more than {limit} calls are live (limits.live_calls)");
            return Err(ErrorAnswer::new(503, message));
        }
        Ok(())
    }

    /// From now on, no call is accepted and no callback is begun.
    pub(crate) fn close(&self) {
        self.courier.close();
    }

    /// How many callbacks are being sent right now.
    pub(crate) fn callbacks_in_flight(&self) -> usize {
        self.courier.in_flight()
    }

    pub(crate) fn projects(&self) -> impl Iterator<Item = &Arc<Project>> {
        self.projects.iter().map(|(_, project)| project)
    }

    /// The time for answers that belong to no project: the first project's.
    pub(crate) fn now(&self) -> Moment {
        self.projects[0].1.line.clock.now()
    }
}

/// How callbacks are sent, as the settings say.
pub(crate) fn delivery_options(settings: &Settings) -> DeliveryOptions {
    DeliveryOptions {
        timeout: settings.delivery.timeout,
        max_in_flight: settings.delivery.max_in_flight,
        max_in_flight_per_host: settings.delivery.max_in_flight_per_host,
        allow_hosts: settings.delivery.allow_hosts.clone(),
        redirects: settings.fidelity.redirects,
    }
}

/// Where the callbacks of a project go: in open mode, to the inbox unless configured.
fn targets_of(project: &ProjectSettings, access: Access, base: &Url) -> Targets {
    let target = |callback: Callback| {
        let configured = project.callbacks.get(callback).cloned();
        match access {
            Access::Open => {
                let inbox = || base.join(&format!("/_emulator/inbox/{callback}")).ok();
                configured.or_else(inbox)
            }
            Access::Strict => configured,
        }
    };
    Targets {
        notify: target(Callback::Notify),
        agent_call_status: target(Callback::AgentCallStatus),
        call_event: target(Callback::CallEvent),
    }
}

/// API key and secret of a Basic credential (contract 1).
fn basic_credentials(authorization: &str) -> Option<(String, String)> {
    let (scheme, credential) = authorization.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(credential.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (key, secret) = text.split_once(':')?;
    (!key.is_empty()).then(|| (key.to_owned(), secret.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_the_base64_of_key_colon_secret() {
        let encoded = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let pair = |key: &str, secret: &str| Some((key.to_owned(), secret.to_owned()));
        for (header, expected) in [
            (encoded("key:secret"), pair("key", "secret")),
            (encoded("key:se:cret"), pair("key", "se:cret")),
            (encoded("key:"), pair("key", "")),
            (encoded("key:s").replace("Basic", "bAsIc"), pair("key", "s")),
            (encoded(":secret"), None),
            (encoded("key"), None),
            ("Basic".to_owned(), None),
            ("Basic %%%".to_owned(), None),
            (encoded("key:secret").replace("Basic", "Bearer"), None),
            (String::new(), None),
        ] {
            assert_eq!(basic_credentials(&header), expected, "{header}");
        }
    }
}
