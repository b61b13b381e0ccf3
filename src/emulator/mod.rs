//! The facade: accepts or refuses requests, chooses scenarios, starts calls.

mod access;
mod placing;
mod projects;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::join_all;
use url::Url;

pub(crate) use access::{RequestHeaders, SCENARIO_HEADER};
pub(crate) use placing::{Foresight, Refusal};

use crate::clock::{Clock, ClockMode, timeout};
use crate::delivery::{Courier, DeliveryOptions};
use crate::domain::{Fidelity, Moment};
use crate::journal::{Happening, Journal, ScenariosChange};
use crate::project::Projects;
use crate::scenario::ScenarioStore;
use crate::settings::{Access, Settings};

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

    pub(crate) const fn project_defaults(&self) -> &Settings {
        &self.project_defaults
    }

    /// How long a request of the control API may wait.
    pub(crate) const fn longest_wait(&self) -> Duration {
        self.project_defaults.control.longest_wait
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
