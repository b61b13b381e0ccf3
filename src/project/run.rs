use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use crate::call::Line;
use crate::domain::{Callee, MakeCall, Moment, PeerKey, RateLimitScope};
use crate::journal::Origin;
use crate::rate_limit::RateLimit;
use crate::scenario::{Conditions, Per, Scenario};
use crate::sync::locked;

/// What goes on in a project from one reset to the next, and what is counted meanwhile.
#[derive(Debug)]
pub(crate) struct Run {
    /// What the journal says of its calls.
    pub(crate) origin: Arc<Origin>,
    pub(crate) line: Arc<Line>,
    requests_per_second: Option<u32>,
    rate_limit: Option<Mutex<RateLimit>>,
    counts: Mutex<Counts>,
    /// The oldest first.
    arms: Mutex<Vec<Arm>>,
}

/// A scenario that waits for the next calls.
#[derive(Debug)]
pub(crate) struct Arm {
    pub(crate) scenario: Arc<Scenario>,
    /// Which calls it is for; all if `None`.
    pub(crate) conditions: Option<Conditions>,
    /// How many calls it still takes; at least one.
    pub(crate) times: u32,
}

/// How many calls there were, where a seed or a scenario's turns depend on it.
#[derive(Debug, Default)]
struct Counts(HashMap<Counted, u64>);

/// Which calls are counted together.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Counted {
    /// Those that take this scenario; `None` for all.
    scenario: Option<Arc<str>>,
    /// Those to this callee; `None` for all.
    callee: Option<PeerKey>,
}

impl Run {
    /// A run in which nothing has happened yet.
    pub(super) fn new(project: Arc<str>, line: Line, requests_per_second: Option<u32>) -> Self {
        Self {
            origin: line.journal.begin(project, line.clock().clone()),
            line: Arc::new(line),
            requests_per_second,
            rate_limit: requests_per_second.map(|limit| Mutex::new(RateLimit::new(limit))),
            counts: Mutex::default(),
            arms: Mutex::default(),
        }
    }

    /// The run after this one.
    pub(super) fn next(&self) -> Self {
        let project = self.origin.project.clone();
        Self::new(project, self.line.renewed(), self.requests_per_second)
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

    /// Lets the next calls that fit take a scenario.
    pub(crate) fn arm(&self, arm: Arm) {
        locked(&self.arms).push(arm);
    }

    /// The scenario that was armed for `call`, which takes one of its times.
    pub(crate) fn take_armed(&self, call: &MakeCall) -> Option<Arc<Scenario>> {
        let arms = &mut *locked(&self.arms);
        let index = arms.iter().position(|arm| arm.is_for(call))?;
        let arm = &mut arms[index];
        arm.times -= 1;
        match arm.times {
            0 => Some(arms.remove(index).scenario),
            _ => Some(arm.scenario.clone()),
        }
    }

    /// The scenario that is armed for `call`.
    pub(crate) fn armed(&self, call: &MakeCall) -> Option<Arc<Scenario>> {
        let arms = locked(&self.arms);
        let arm = arms.iter().find(|arm| arm.is_for(call));
        arm.map(|arm| arm.scenario.clone())
    }

    /// Counts a call to `callee`; gives back how many there were before.
    pub(super) fn count_of_callee(&self, callee: &Callee) -> u64 {
        locked(&self.counts).next(Counted::of_callee(callee))
    }

    /// How many calls there were to `callee`.
    pub(super) fn calls_of_callee(&self, callee: &Callee) -> u64 {
        locked(&self.counts).of(&Counted::of_callee(callee))
    }

    /// Counts a call that takes `scenario`; gives back how many took it before, as far as its variants
    /// depend on it.
    pub(super) fn count_turn(&self, scenario: &Scenario, callee: &Callee) -> u64 {
        let turns = Counted::turns(scenario, callee);
        turns.map_or(0, |turns| locked(&self.counts).next(turns))
    }

    /// How many calls took `scenario`, as far as its variants depend on it.
    pub(super) fn turn(&self, scenario: &Scenario, callee: &Callee) -> u64 {
        let turns = Counted::turns(scenario, callee);
        turns.map_or(0, |turns| locked(&self.counts).of(&turns))
    }
}

impl Arm {
    fn is_for(&self, call: &MakeCall) -> bool {
        let conditions = self.conditions.as_ref();
        conditions.is_none_or(|conditions| conditions.hold_for(call))
    }
}

impl Counted {
    fn of_callee(callee: &Callee) -> Self {
        Self {
            scenario: None,
            callee: Some(callee.key()),
        }
    }

    /// Whose calls a scenario counts; `None` if it counts none.
    fn turns(scenario: &Scenario, callee: &Callee) -> Option<Self> {
        scenario.turns.need_counting().then(|| Self {
            scenario: Some(scenario.name.clone()),
            callee: match scenario.turns.per {
                Per::Callee => Some(callee.key()),
                Per::Project => None,
            },
        })
    }

    /// The same, keeping no request in memory.
    fn own(self) -> Self {
        Self {
            callee: self.callee.map(|callee| callee.own()),
            ..self
        }
    }
}

impl Counts {
    fn of(&self, counted: &Counted) -> u64 {
        self.0.get(counted).copied().unwrap_or(0)
    }

    /// Counts one more; gives back how many there were before.
    fn next(&mut self, counted: Counted) -> u64 {
        if let Some(count) = self.0.get_mut(&counted) {
            *count += 1;
            return *count - 1;
        }
        self.0.insert(counted.own(), 1);
        0
    }
}
