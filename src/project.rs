//! One project: what an API key stands for, and the unit of isolation (design 3).

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::call::Line;
use crate::domain::{
    Callee, ContentId, MakeCall, Moment, PeerKey, Plan, RateLimitScope, ServiceId, Sid,
};
use crate::rate_limit::RateLimit;
use crate::scenario::{Per, Phases, Scenario, Surroundings, draw_sid, plan, random_of_call};
use crate::settings::ProjectSettings;

/// A project at run time.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) name: Arc<str>,
    /// The service that the key belongs to; `None` in open mode, where every ID will do.
    pub(crate) service_id: Option<ServiceId>,
    pub(crate) line: Arc<Line>,
    audio: AudioSources,
    rate_limit: Option<Mutex<RateLimit>>,
    seed: Option<u64>,
    counts: Mutex<Counts>,
}

/// The uploaded audio sources. A project that lists none accepts any.
#[derive(Debug)]
struct AudioSources {
    listed: BTreeMap<ContentId, Duration>,
    default_length: Duration,
}

/// How many calls there were, where a seed or a scenario's turns depend on it.
#[derive(Debug, Default)]
struct Counts {
    of_callee: HashMap<PeerKey, u64>,
    of_scenario: HashMap<(Arc<str>, Option<PeerKey>), u64>,
}

/// What was decided about a call that passed validation.
pub(crate) enum Placement {
    /// It is accepted, and this will happen in it.
    Accepted(Sid, Box<Plan>),
    /// The scenario refuses it, after this delay.
    Refused(crate::wire::ErrorAnswer, Duration),
}

impl Project {
    pub(crate) fn new(settings: &ProjectSettings, line: Line, default_length: Duration) -> Self {
        Self {
            name: settings.name.as_str().into(),
            service_id: settings.service_id.clone(),
            line: Arc::new(line),
            audio: AudioSources {
                listed: settings.audio_sources.clone(),
                default_length,
            },
            rate_limit: settings
                .rate_limit
                .map(|limit| Mutex::new(RateLimit::new(limit))),
            seed: settings.seed,
            counts: Mutex::default(),
        }
    }

    /// Whether a request that came from `source` now is within the rate limit.
    pub(crate) fn is_within_rate_limit(&self, source: Option<IpAddr>, now: Moment) -> bool {
        let Some(limit) = &self.rate_limit else {
            return true;
        };
        let source = match self.line.fidelity.rate_limit_scope {
            RateLimitScope::Project => None,
            RateLimitScope::SourceIp => source,
        };
        locked(limit).admit(source, now)
    }

    /// Whether this audio source can be played.
    pub(crate) fn is_uploaded(&self, id: ContentId) -> bool {
        self.audio.listed.is_empty() || self.audio.listed.contains_key(&id)
    }

    /// Decides what happens in `call`.
    pub(crate) fn place(&self, call: &MakeCall, scenario: &Scenario) -> Placement {
        let nth = match self.seed {
            Some(_) => next(&mut locked(&self.counts).of_callee, call.to.key()),
            None => 0,
        };
        let mut random = random_of_call(self.seed, &self.name, &call.to, nth);
        let sid = draw_sid(&mut random);
        let turn = self.turn(scenario, &call.to);
        let phases = scenario.turns.pick(turn, &mut random);
        let surroundings = Surroundings {
            fidelity: &self.line.fidelity,
            audio_length: &|id| self.audio_length(id),
        };
        let plan = plan(call, phases, &surroundings, &mut random);
        match refusal_of(phases) {
            Some(error) => Placement::Refused(error, plan.response_after),
            None => Placement::Accepted(sid, Box::new(plan)),
        }
    }

    fn audio_length(&self, id: ContentId) -> Duration {
        let listed = self.audio.listed.get(&id).copied();
        listed.unwrap_or(self.audio.default_length)
    }

    /// How many calls took the scenario before this one, as far as its variants depend on it.
    fn turn(&self, scenario: &Scenario, callee: &Callee) -> u64 {
        if !scenario.turns.need_counting() {
            return 0;
        }
        let of = match scenario.turns.per {
            Per::Callee => Some(callee.key()),
            Per::Project => None,
        };
        let key = (scenario.name.clone(), of);
        next(&mut locked(&self.counts).of_scenario, key)
    }
}

fn refusal_of(phases: &Phases) -> Option<crate::wire::ErrorAnswer> {
    phases.refusal.clone()
}

/// Counts one more; gives back how many there were before.
fn next<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, u64>, key: K) -> u64 {
    let count = counts.entry(key).or_default();
    *count += 1;
    *count - 1
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
