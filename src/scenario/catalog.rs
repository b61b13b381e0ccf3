use std::collections::HashMap;
use std::sync::Arc;

use rand::RngExt as _;
use schemars::JsonSchema;
use serde::Serialize;

use super::file::{Per, Repeat};
use super::index::Index;
use super::matching::{Conditions, Field};
use super::phases::Phases;
use super::seed::CallRandom;
use crate::domain::MakeCall;
use crate::yaml::nearest;

/// What the callee IDs of the shipped scenarios begin with.
const MAGIC: &str = "emu-";

/// One scenario, ready to be chosen.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: Arc<str>,
    pub(crate) description: Option<Arc<str>>,
    /// The file it stands in.
    pub(crate) source: Arc<str>,
    /// As it was written.
    pub(crate) yaml: Arc<str>,
    pub(crate) origin: Origin,
    /// `None`: chosen by name only.
    pub(crate) conditions: Option<Conditions>,
    pub(crate) priority: i32,
    pub(crate) turns: Turns,
}

/// Where a scenario comes from; the first wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Origin {
    /// Put through the control API.
    Put,
    /// A file of the user's, or given at the start.
    File,
    /// Part of the emulator.
    BuiltIn,
}

/// The variants of a scenario: by turn, and within a turn by chance. A scenario without variants has
/// one turn with one choice.
#[derive(Debug)]
pub(crate) struct Turns {
    pub(crate) per: Per,
    pub(super) repeat: Repeat,
    /// Each turn's choices with their weights; neither list is empty.
    pub(super) turns: Vec<Vec<(u32, Phases)>>,
}

impl Turns {
    /// Whether calls have to be counted for it.
    pub(crate) fn need_counting(&self) -> bool {
        self.turns.len() > 1
    }

    /// What the `nth` call (from 0) gets.
    pub(crate) fn pick(&self, nth: u64, random: &mut CallRandom) -> &Phases {
        let nth = usize::try_from(nth).unwrap_or(usize::MAX);
        let turn = match self.repeat {
            Repeat::Last => nth.min(self.turns.len() - 1),
            Repeat::Cycle => nth % self.turns.len(),
        };
        let choices = &self.turns[turn];
        let total: u64 = choices.iter().map(|(weight, _)| u64::from(*weight)).sum();
        let mut drawn = match choices.len() {
            1 => 0,
            _ => random.random_range(0..total.max(1)),
        };
        for (weight, phases) in choices {
            match drawn.checked_sub(u64::from(*weight)) {
                Some(rest) => drawn = rest,
                None => return phases,
            }
        }
        &choices[choices.len() - 1].1
    }
}

/// Why a call has its scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChosenBy {
    /// The control API.
    Armed,
    /// The request's `X-Planet-Emulator-Scenario` header.
    Header,
    /// Its conditions.
    Match,
    /// Nothing else applied.
    Default,
}

impl ChosenBy {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Armed => "armed",
            Self::Header => "header",
            Self::Match => "match",
            Self::Default => "default",
        }
    }
}

/// All scenarios.
#[derive(Debug)]
pub(crate) struct Catalog {
    by_name: HashMap<Arc<str>, Arc<Scenario>>,
    /// Those with conditions, in the order in which they are asked.
    by_rank: Vec<Arc<Scenario>>,
    /// Of the conditions of `by_rank`.
    index: Index,
    default: Arc<Scenario>,
}

impl Catalog {
    /// Puts scenarios in order; a name that comes again hides the later ones.
    ///
    /// # Errors
    /// A reason, when no scenario has the name `default`.
    pub(super) fn new(scenarios: Vec<Scenario>, default: &str) -> Result<Self, String> {
        let mut by_name = HashMap::with_capacity(scenarios.len());
        let mut by_rank = Vec::new();
        for scenario in scenarios.into_iter().map(Arc::new) {
            if by_name.contains_key(&scenario.name) {
                continue;
            }
            by_name.insert(scenario.name.clone(), scenario.clone());
            if scenario.conditions.is_some() {
                by_rank.push(scenario);
            }
        }
        // Stable: what is equal stays in the order of the catalog.
        by_rank.sort_by_key(|scenario| {
            let conditions = scenario.conditions.as_ref().map_or(0, Conditions::count);
            (
                std::cmp::Reverse(scenario.priority),
                std::cmp::Reverse(conditions),
                scenario.origin,
            )
        });
        let Some(default) = by_name.get(default).cloned() else {
            let known = by_name.keys().map(|name| &**name);
            let hint = nearest(default, known)
                .map(|near| format!("; hint: did you mean `{near}`?"))
                .unwrap_or_default();
            return Err(format!(
                "default_scenario: no scenario is named `{default}`{hint}"
            ));
        };
        let conditions = by_rank.iter().filter_map(|s| s.conditions.as_ref());
        Ok(Self {
            index: Index::of(conditions),
            by_name,
            by_rank,
            default,
        })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// All of them, by name.
    pub(crate) fn all(&self) -> Vec<&Scenario> {
        let mut all: Vec<_> = self.by_name.values().map(|scenario| &**scenario).collect();
        all.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        all
    }

    /// The scenario of this name.
    ///
    /// # Errors
    /// A reason that names the nearest known one.
    pub(crate) fn find(&self, name: &str) -> Result<Arc<Scenario>, String> {
        if let Some(scenario) = self.by_name.get(name) {
            return Ok(scenario.clone());
        }
        let known = self.by_name.keys().map(|name| &**name);
        let hint = nearest(name, known)
            .map(|near| format!(", did you mean `{near}`?"))
            .unwrap_or_default();
        Err(format!("no scenario is named `{name}`{hint}"))
    }

    /// The scenario for `call`, and why that one.
    pub(crate) fn choose(&self, call: &MakeCall) -> (Arc<Scenario>, ChosenBy) {
        let matching = self.index.first(call, |rank| {
            let conditions = self.by_rank[rank].conditions.as_ref();
            conditions.is_some_and(|conditions| conditions.hold_for(call))
        });
        match matching {
            Some(rank) => (self.by_rank[rank].clone(), ChosenBy::Match),
            None => (self.default.clone(), ChosenBy::Default),
        }
    }

    /// The magic callee ID that was probably meant by one that no scenario is for.
    pub(crate) fn nearest_magic_id(&self, to_user_id: &str) -> Option<&str> {
        if !to_user_id.starts_with(MAGIC) {
            return None;
        }
        let known = self.index.values(Field::ToUserId);
        nearest(to_user_id, known.filter(|id| id.starts_with(MAGIC)))
    }

    /// Every scenario that `call` does not get by its conditions, with the reason; those that are asked
    /// first come first.
    pub(crate) fn passed_over(&self, call: &MakeCall) -> Vec<(Arc<Scenario>, String)> {
        let mut passed_over = Vec::new();
        let mut taken: Option<&Scenario> = None;
        for scenario in &self.by_rank {
            let conditions = scenario.conditions.as_ref();
            let unmet = conditions.map_or_else(Vec::new, |conditions| conditions.unmet_by(call));
            match taken {
                _ if !unmet.is_empty() => passed_over.push((scenario.clone(), unmet.join("; "))),
                None => taken = Some(scenario),
                Some(first) => {
                    let reason = format!("`{}` is asked first, and matches too", first.name);
                    passed_over.push((scenario.clone(), reason));
                }
            }
        }
        let unconditional = self.by_name.values().filter(|s| s.conditions.is_none());
        let mut unconditional: Vec<_> = unconditional.cloned().collect();
        unconditional.sort_by(|one, other| one.name.cmp(&other.name));
        let reason = "it has no `match`: it is taken by name, or by default";
        let unconditional = unconditional.into_iter();
        passed_over.extend(unconditional.map(|scenario| (scenario, reason.to_owned())));
        passed_over
    }

    /// Those with conditions, in the order in which they are asked.
    pub(super) fn by_rank(&self) -> &[Arc<Scenario>] {
        &self.by_rank
    }
}
