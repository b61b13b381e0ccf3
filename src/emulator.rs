//! The facade: accepts or refuses requests, chooses scenarios, starts calls.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use subtle::ConstantTimeEq as _;
use url::Url;

use crate::call::{Life, Line, Targets};
use crate::clock::{Activity, Clock, ClockMode, timeout};
use crate::delivery::{Courier, DeliveryOptions};
use crate::domain::{Callback, Fidelity, MakeCall, Moment, ServiceIdCheck};
use crate::journal::{CallRecord, Happening, Journal, PlacedCall, ProjectChange, ScenariosChange};
use crate::project::{Placement, Project, Projects, Taken};
use crate::scenario::{Catalog, ChosenBy, Scenario, ScenarioStore};
use crate::settings::{Access, ProjectSettings, Settings};
use crate::validate::{self, CalleePath, Rules};
use crate::wire::{ErrorAnswer, MakeCallBody, Violation};

/// The header that chooses a scenario by name.
pub(crate) const SCENARIO_HEADER: &str = "X-Planet-Emulator-Scenario";

/// All state of a running emulator, shared by every worker.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) projects: Projects,
    access: Access,
    pub(crate) fidelity: Arc<Fidelity>,
    pub(crate) scenarios: Arc<ScenarioStore>,
    pub(crate) journal: Arc<Journal>,
    live_calls_at_most: usize,
    /// For what a project created at run time does not say.
    project_defaults: Settings,
    courier: Courier,
    /// The emulator's own URL, for the inbox.
    base: Url,
    /// For what belongs to no project.
    clock: Clock,
    is_closed: AtomicBool,
}

/// A request that is not accepted: what to answer, and when.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) answer: ErrorAnswer,
    /// On the project's clock; `None` for at once.
    pub(crate) due: Option<Box<(Activity, Moment)>>,
    /// The scenario that refuses it.
    pub(crate) scenario: Option<Arc<str>>,
}

impl From<ErrorAnswer> for Refusal {
    fn from(answer: ErrorAnswer) -> Self {
        Self {
            answer,
            due: None,
            scenario: None,
        }
    }
}

/// What a request would bring about.
#[derive(Debug)]
pub(crate) struct Foresight {
    pub(crate) call: MakeCall,
    pub(crate) scenario: Arc<Scenario>,
    pub(crate) chosen_by: ChosenBy,
    pub(crate) placement: Placement,
}

/// The headers of a request that matter here.
#[derive(Debug, Default)]
pub(crate) struct RequestHeaders<'a> {
    pub(crate) accept: Option<&'a str>,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) scenario: Option<&'a str>,
}

impl Core {
    /// Builds the state; `base` is the emulator's own URL, for the inbox.
    ///
    /// # Errors
    /// When callbacks cannot be sent at all, as with a host in `delivery.allow_hosts` that is none.
    pub(crate) fn new(
        settings: &Settings,
        scenarios: ScenarioStore,
        base: &Url,
    ) -> anyhow::Result<Self> {
        let courier = Courier::new(&delivery_options(settings))
            .context("cannot set up the delivery of callbacks")?;
        let core = Self {
            projects: Projects::default(),
            access: settings.access,
            fidelity: Arc::new(settings.fidelity.clone()),
            scenarios: Arc::new(scenarios),
            journal: Arc::new(Journal::new(settings.limits.journal_calls)),
            live_calls_at_most: settings.limits.live_calls,
            project_defaults: settings.clone(),
            courier,
            base: base.clone(),
            clock: Clock::new(ClockMode::Real),
            is_closed: AtomicBool::new(false),
        };
        for project in &settings.projects {
            core.add_project(project.clone())?;
        }
        Ok(core)
    }

    /// Takes up scenario files that have changed, all or none, and tells what came of it.
    pub(crate) fn take_up_scenario_files(&self) {
        let Some(taken_up) = self.scenarios.take_up_files() else {
            return;
        };
        let (change, message) = match taken_up {
            Ok(catalog) => {
                let message = format!("{} scenarios are in force", catalog.len());
                tracing::info!("scenario files have changed: {message}");
                (ScenariosChange::Reloaded, message)
            }
            Err(error) => {
                tracing::error!("scenario files have changed but are not taken up: {error}");
                (ScenariosChange::Refused, error.to_string())
            }
        };
        self.tell_of_scenarios(change, &message);
    }

    /// Adds an event about the catalog.
    pub(crate) fn tell_of_scenarios(&self, change: ScenariosChange, message: &str) {
        let message = message.into();
        let what = Happening::Scenarios { change, message };
        self.journal.announce(self.clock.now(), None, what);
    }

    /// Adds a project at run time.
    ///
    /// # Errors
    /// When its name or API key is taken.
    pub(crate) fn add_project(&self, settings: ProjectSettings) -> Result<Arc<Project>, Taken> {
        let project = Arc::new(self.project(settings));
        self.projects.add(project.clone())?;
        self.announce(&project, ProjectChange::Created);
        Ok(project)
    }

    /// Puts a project in the place of the one of the same name, of which nothing is left; `None` if there
    /// is none.
    ///
    /// # Errors
    /// When its API key is another project's.
    pub(crate) async fn replace_project(
        &self,
        settings: ProjectSettings,
    ) -> Result<Option<Arc<Project>>, Taken> {
        let project = Arc::new(self.project(settings));
        let Some(replaced) = self.projects.replace(project.clone())? else {
            return Ok(None);
        };
        self.end_project(&replaced).await;
        self.announce(&project, ProjectChange::Replaced);
        Ok(Some(project))
    }

    /// Takes out a project and everything in it. False if there is none of this name.
    pub(crate) async fn delete_project(&self, name: &str) -> bool {
        let Some(project) = self.projects.remove(name) else {
            return false;
        };
        self.end_project(&project).await;
        self.announce(&project, ProjectChange::Deleted);
        true
    }

    async fn end_project(&self, project: &Project) {
        project.end().await;
        self.journal
            .forget(&project.name, project.run().generation + 1);
    }

    /// A barrier: once this returns, nothing of before happens any more, and nothing of it is on record.
    pub(crate) async fn reset_project(&self, project: &Project) {
        let generation = project.reset().await;
        self.journal.forget(&project.name, generation);
        self.announce(project, ProjectChange::Reset);
    }

    fn announce(&self, project: &Project, change: ProjectChange) {
        let what = Happening::Project { change };
        self.journal
            .announce(project.clock.now(), Some(project.name.clone()), what);
    }

    pub(crate) const fn project_defaults(&self) -> &Settings {
        &self.project_defaults
    }

    /// How long a request of the control API may wait.
    pub(crate) const fn longest_wait(&self) -> Duration {
        self.project_defaults.control.longest_wait
    }

    fn project(&self, settings: ProjectSettings) -> Project {
        let targets = targets_of(&settings, self.access, &self.base);
        let line = Line::new(
            Clock::new(settings.clock),
            self.courier.clone(),
            self.fidelity.clone(),
            Arc::new(targets),
            self.journal.clone(),
        );
        Project::new(settings, line, self.project_defaults.default_audio_duration)
    }

    /// Checks what comes before the body, once the credentials are known to be good (design 2: the first
    /// failing group answers).
    ///
    /// # Errors
    /// 429 or 400.
    pub(crate) fn admit(
        &self,
        project: &Project,
        headers: &RequestHeaders<'_>,
        source: Option<IpAddr>,
        catalog: &Catalog,
    ) -> Result<(), ErrorAnswer> {
        let now = project.clock.now();
        if !project.run().is_within_rate_limit(source, now) {
            return Err(ErrorAnswer::new(429, "TOO_MANY_REQUEST"));
        }
        let mut violations =
            validate::header_violations(headers.accept, headers.content_type, &self.fidelity);
        // A scenario that cannot be had must not silently become another one.
        if let Some(Err(reason)) = headers.scenario.map(|name| catalog.find(name)) {
            let field = SCENARIO_HEADER.to_owned();
            violations.push(Violation { field, reason });
        }
        if violations.is_empty() {
            return Ok(());
        }
        Err(ErrorAnswer::violations(
            "missing or invalid header",
            violations,
        ))
    }

    /// The project that a request belongs to by its credentials.
    ///
    /// # Errors
    /// 401.
    pub(crate) fn authenticate(
        &self,
        authorization: Option<&str>,
    ) -> Result<Arc<Project>, ErrorAnswer> {
        let unauthorized = |message: &'static str| ErrorAnswer::new(401, message);
        let Some(authorization) = authorization else {
            return Err(unauthorized("Authorization header is missing"));
        };
        let Some((key, secret)) = basic_credentials(authorization) else {
            return Err(unauthorized(
                "Authorization must be `Basic` with the base64 of API_KEY:API_SECRET",
            ));
        };
        let Some(project) = self.projects.of_key(&key) else {
            let open = self.projects.open();
            return open.ok_or_else(|| unauthorized("ApiKey not found"));
        };
        let credentials = project.settings.credentials.as_ref();
        let expected = credentials.map_or("", |credentials| credentials.api_secret.expose());
        if !bool::from(expected.as_bytes().ct_eq(secret.as_bytes())) {
            return Err(unauthorized("ApiSecret is invalid"));
        }
        Ok(project)
    }

    /// Accepts a call, or says why not. The life it gives back begins once the answer is written.
    ///
    /// # Errors
    /// 400, 403, 503, or what the scenario says.
    pub(crate) fn place(
        &self,
        project: &Project,
        catalog: &Catalog,
        scenario: Option<&str>,
        path: &CalleePath,
        body: &[u8],
    ) -> Result<Box<Life>, Refusal> {
        let begun = project.begin();
        let (run, activity) =
            begun.ok_or_else(|| ErrorAnswer::new(503, "the project takes no calls any more"))?;
        let accepted_at = project.clock.now();
        let (call, text) = self.read_call(project, path, body)?;
        self.check_room()?;
        let armed = run.take_armed(&call);
        let (scenario, chosen_by) = choose(catalog, armed, scenario, &call)?;
        let (sid, plan) = match project.place(&run, &call, &scenario) {
            Placement::Accepted(sid, plan) => (sid, plan),
            Placement::Refused(answer, after) => {
                return Err(Refusal {
                    answer,
                    due: Some(Box::new((activity, accepted_at + after))),
                    scenario: Some(scenario.name.clone()),
                });
            }
        };
        let call = Arc::new(call);
        let placed = PlacedCall {
            project: project.name.clone(),
            generation: run.generation,
            clock: project.clock.clone(),
            scenario: scenario.name.clone(),
            chosen_by: chosen_by.name(),
            call: call.clone(),
            request: text.into(),
        };
        let entry = self.journal.open(CallRecord::new(sid, placed, accepted_at));
        let line = (run.line.clone(), activity);
        Ok(Life::new(sid, call, plan, line, entry, accepted_at))
    }

    /// What a request would bring about; nothing happens, and nothing is counted.
    ///
    /// # Errors
    /// 400 or 403. What a scenario says is not among the errors: the foresight tells it.
    pub(crate) fn foresee(
        &self,
        project: &Project,
        catalog: &Catalog,
        scenario: Option<&str>,
        path: &CalleePath,
        body: &[u8],
    ) -> Result<Foresight, ErrorAnswer> {
        let run = project.run();
        let (call, _) = self.read_call(project, path, body)?;
        let (scenario, chosen_by) = choose(catalog, run.armed(&call), scenario, &call)?;
        Ok(Foresight {
            placement: project.foresee(&run, &call, &scenario),
            call,
            scenario,
            chosen_by,
        })
    }

    /// The call that a request asks for, and the text of its body.
    fn read_call<'a>(
        &self,
        project: &Project,
        path: &CalleePath,
        body: &'a [u8],
    ) -> Result<(MakeCall, &'a str), ErrorAnswer> {
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
        Ok((call, body.text))
    }

    /// The service IDs against the key's (contract 10-11); nothing to check in open mode.
    fn check_permission(
        &self,
        project: &Project,
        body: &MakeCallBody<'_>,
        path: &CalleePath,
    ) -> Result<(), ErrorAnswer> {
        let Some(own) = project.service_id().map(|id| id.as_str()) else {
            return Ok(());
        };
        let caller = body.caller_service_id();
        // An absent or malformed caller is for the validation of the body to tell.
        let caller_is_own = caller.as_deref().is_none_or(|caller| caller == own);
        let callee_is_own = path.service_id == own;
        let callee_is_known =
            || self.access == Access::Open || self.projects.have_service(&path.service_id);
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
        if self.is_closed.load(Ordering::Relaxed) {
            return Err(ErrorAnswer::new(503, "the emulator is shutting down"));
        }
        if self.journal.counts().live >= self.live_calls_at_most {
            let limit = self.live_calls_at_most;
            let message = format!("more than {limit} calls are live (limits.live_calls)");
            return Err(ErrorAnswer::new(503, message));
        }
        Ok(())
    }

    /// Accepts no call any more, gives callbacks in flight this `grace`, and journals the rest as
    /// abandoned. Gives back how many callbacks were abandoned.
    pub(crate) async fn close(&self, grace: Duration) -> usize {
        self.is_closed.store(true, Ordering::Relaxed);
        let projects = self.projects.all();
        let ends = projects.iter().map(|project| project.end());
        // What is still in flight after that is abandoned, and counted as such.
        let _ = timeout(grace, join_all(ends)).await;
        self.journal.abandon_live_calls()
    }

    /// The time for answers that belong to no project.
    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
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

fn choose(
    catalog: &Catalog,
    armed: Option<Arc<Scenario>>,
    by_header: Option<&str>,
    call: &MakeCall,
) -> Result<(Arc<Scenario>, ChosenBy), ErrorAnswer> {
    if let Some(armed) = armed {
        return Ok((armed, ChosenBy::Armed));
    }
    match by_header {
        Some(name) => {
            let named = catalog.find(name);
            let named = named.map_err(|reason| ErrorAnswer::new(400, reason))?;
            Ok((named, ChosenBy::Header))
        }
        None => Ok(catalog.choose(call)),
    }
}

/// Where the callbacks of a project go: in open mode, to the inbox unless configured.
fn targets_of(project: &ProjectSettings, access: Access, base: &Url) -> Targets {
    let target = |callback: Callback| {
        let configured = project.callbacks.get(callback).cloned();
        let url = match access {
            Access::Open => {
                let inbox = || base.join(&format!("/_emulator/inbox/{callback}")).ok();
                configured.or_else(inbox)
            }
            Access::Strict => configured,
        };
        url.map(Arc::new)
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
