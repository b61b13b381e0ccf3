//! One project: what an API key stands for, and the unit of isolation (design 3).

mod registry;
mod run;

use std::net::IpAddr;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use crate::call::{Line, SentDelivery};
use crate::clock::{Activity, Advance, Clock, NotManual};
use crate::domain::{ContentId, MakeCall, Plan, ServiceId, Sid};
use crate::scenario::{Phases, Scenario, Surroundings, draw_sid, plan, random_of_call};
use crate::settings::ProjectSettings;
use crate::sync::{read, write};
use crate::wire::ErrorAnswer;
pub(crate) use registry::{Projects, Taken};
pub(crate) use run::{Arm, Run};

/// A project at run time.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) name: Arc<str>,
    pub(crate) settings: ProjectSettings,
    pub(crate) clock: Clock,
    default_length: Duration,
    /// What a reset begins anew.
    run: RwLock<Arc<Run>>,
    /// One at a time moves the clock.
    advancing: tokio::sync::Mutex<()>,
}

/// What was decided about a call that passed validation.
#[derive(Debug)]
pub(crate) enum Placement {
    /// It is accepted, and this will happen in it.
    Accepted(Sid, Box<Plan>),
    /// The scenario refuses it, after this delay.
    Refused(ErrorAnswer, Duration),
}

impl Project {
    /// `default_length` is that of an audio source for which none is listed.
    pub(crate) fn new(settings: ProjectSettings, line: Line, default_length: Duration) -> Self {
        let name: Arc<str> = settings.name.as_str().into();
        let run = Run::new(name.clone(), line, settings.rate_limit);
        Self {
            name,
            clock: run.line.clock().clone(),
            default_length,
            run: RwLock::new(Arc::new(run)),
            advancing: tokio::sync::Mutex::new(()),
            settings,
        }
    }

    /// The service that the key belongs to; `None` in open mode, where every ID will do.
    pub(crate) fn service_id(&self) -> Option<&ServiceId> {
        self.settings.service_id.as_ref()
    }

    /// What goes on since the last reset.
    pub(crate) fn run(&self) -> Arc<Run> {
        read(&self.run).clone()
    }

    /// Whether a request that came from `source` now is within the rate limit.
    pub(crate) fn is_within_rate_limit(&self, source: Option<IpAddr>) -> bool {
        self.settings.rate_limit.is_none() || {
            let now = self.clock.now();
            self.run().is_within_rate_limit(source, now)
        }
    }

    /// Begins a call, or something like it, as part of what goes on since the last reset. No reset comes
    /// to its end before the activity does. `None` once the project has ended.
    pub(crate) fn begin(&self) -> Option<(Arc<Run>, Activity)> {
        // Under the lock, so that nothing begins in a run whose end was already waited for.
        let run = read(&self.run);
        let activity = run.line.activities.begin()?;
        Some((run.clone(), activity))
    }

    /// Begins everything anew and waits until nothing of before is going on: timers are cancelled,
    /// callbacks in flight are waited for. What is of a run before the number given back is over. A project
    /// that has ended stays so.
    pub(crate) async fn reset(&self) -> u64 {
        let (ended, generation) = {
            let mut run = write(&self.run);
            if run.line.activities.is_closed() {
                (run.clone(), run.origin.generation + 1)
            } else {
                run.line.activities.close();
                let next = Arc::new(run.next());
                let generation = next.origin.generation;
                (std::mem::replace(&mut *run, next), generation)
            }
        };
        ended.line.activities.over().await;
        generation
    }

    /// Lets nothing begin any more, and waits until nothing is going on: timers are cancelled, callbacks
    /// in flight are waited for.
    pub(crate) async fn end(&self) {
        let run = {
            let run = write(&self.run);
            run.line.activities.close();
            run.clone()
        };
        run.line.activities.over().await;
    }

    /// Moves the manual clock, see [`Clock::advance`]. Gives back by how much, and what was sent
    /// meanwhile, in the order in which it ended.
    ///
    /// # Errors
    /// When the clock is not manual, or is switched while this is under way.
    pub(crate) async fn advance(
        &self,
        how: Advance,
    ) -> Result<(Duration, Vec<SentDelivery>), NotManual> {
        let _turn = self.advancing.lock().await;
        let run = self.run();
        let noting = run.line.sent.begin();
        let before = self.clock.now();
        self.clock.advance(how).await?;
        Ok((self.clock.now().since(before), noting.end()))
    }

    /// Whether this audio source can be played. A project that lists none accepts any.
    pub(crate) fn is_uploaded(&self, id: ContentId) -> bool {
        let listed = &self.settings.audio_sources;
        listed.is_empty() || listed.contains_key(&id)
    }

    /// Decides what happens in `call`, and counts it.
    pub(crate) fn place(&self, run: &Run, call: &MakeCall, scenario: &Scenario) -> Placement {
        let nth = self
            .settings
            .seed
            .map_or(0, |_| run.count_of_callee(&call.to));
        self.decide(run, call, scenario, nth, |scenario| {
            run.count_turn(scenario, &call.to)
        })
    }

    /// What would happen in `call` if it were made now.
    pub(crate) fn foresee(&self, run: &Run, call: &MakeCall, scenario: &Scenario) -> Placement {
        let nth = self
            .settings
            .seed
            .map_or(0, |_| run.calls_of_callee(&call.to));
        self.decide(run, call, scenario, nth, |scenario| {
            run.turn(scenario, &call.to)
        })
    }

    fn decide(
        &self,
        run: &Run,
        call: &MakeCall,
        scenario: &Scenario,
        nth: u64,
        turn: impl FnOnce(&Scenario) -> u64,
    ) -> Placement {
        let mut random = random_of_call(self.settings.seed, &self.name, &call.to, nth);
        let sid = draw_sid(&mut random);
        let phases: &Phases = scenario.turns.pick(turn(scenario), &mut random);
        let surroundings = Surroundings {
            fidelity: &run.line.fidelity,
            audio_length: &|id| self.audio_length(id),
        };
        let plan = plan(call, phases, &surroundings, &mut random);
        match &phases.refusal {
            Some(error) => Placement::Refused(error.clone(), plan.response_after.into()),
            None => Placement::Accepted(sid, Box::new(plan)),
        }
    }

    fn audio_length(&self, id: ContentId) -> Duration {
        let listed = self.settings.audio_sources.get(&id).copied();
        listed.unwrap_or(self.default_length)
    }
}
