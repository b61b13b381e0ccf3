//! What is expected of the calls on record, whether it is so, and what differs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::timeout;
use crate::domain::{Callback, HumanDuration, Sid};
use crate::journal::{CallEntry, CallFilter, Journal, Outcome};
use crate::scenario::{Conditions, MatchFile};

/// How many of the calls that come closest are shown.
const SHOWN: usize = 3;

/// What is expected of the calls on record, as it is asked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct VerifyRequest {
    /// Only calls of this project.
    pub(crate) project: Option<String>,
    /// Only calls that meet these conditions.
    #[serde(rename = "match")]
    matching: Option<MatchFile>,
    /// How many there are; at least one if left out.
    count: Option<Count>,
    /// Callbacks that were delivered in each call that counts.
    delivered: Vec<Callback>,
    /// It is not so: there are not that many such calls; with `within`, not during that time either.
    never: bool,
    /// How long to wait for it, in the machine's time; not at all if left out. More than the setting
    /// `control.longest_wait`, usually ten minutes, counts as that.
    within: Option<HumanDuration>,
}

/// How many calls there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
struct Count {
    exactly: Option<usize>,
    at_least: Option<usize>,
    at_most: Option<usize>,
}

impl Count {
    const SOME: Self = Self {
        exactly: None,
        at_least: Some(1),
        at_most: None,
    };

    fn allows(self, count: usize) -> bool {
        self.exactly.is_none_or(|exactly| count == exactly)
            && self.at_least.is_none_or(|least| count >= least)
            && self.at_most.is_none_or(|most| count <= most)
    }

    fn told(self) -> String {
        let parts = [
            self.exactly.map(|count| format!("exactly {count}")),
            self.at_least.map(|count| format!("at least {count}")),
            self.at_most.map(|count| format!("at most {count}")),
        ];
        parts
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" and ")
    }
}

/// What differs from what was expected.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Difference {
    /// Always `not_verified`.
    code: &'static str,
    message: String,
    hint: Option<String>,
    /// How many calls counted.
    count: usize,
    /// The calls that come closest to counting, the closest first; or, if too many count, some of those.
    closest: Vec<Closest>,
}

/// A call, and what keeps it from counting.
#[derive(Debug, Serialize, JsonSchema)]
struct Closest {
    sid: Sid,
    /// What was expected and found; empty for a call that counts.
    differs: Vec<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for Closest { sid, differs } in &self.closest {
            match differs.is_empty() {
                true => write!(f, "\n  call {sid} counts")?,
                false => write!(f, "\n  call {sid} differs: {}", differs.join("; "))?,
            }
        }
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Difference {}

/// What is expected, ready to be looked for.
#[derive(Debug)]
pub(crate) struct Expectation {
    calls: CallFilter,
    conditions: Option<Conditions>,
    count: Count,
    delivered: Vec<Callback>,
    never: bool,
    within: Duration,
}

/// What was found.
#[derive(Debug, Default)]
struct Found {
    counting: Vec<Arc<CallEntry>>,
    /// The others, the closest first.
    others: Vec<Closest>,
}

impl From<VerifyRequest> for Expectation {
    fn from(request: VerifyRequest) -> Self {
        Self {
            calls: CallFilter {
                project: request.project,
                ..CallFilter::default()
            },
            conditions: request.matching.map(Conditions::from),
            count: request.count.unwrap_or(Count::SOME),
            delivered: request.delivered,
            never: request.never,
            within: request.within.unwrap_or_default().0,
        }
    }
}

impl Expectation {
    /// Looks for it, and waits for it as long as it says, but not beyond `limit`. Gives back the calls
    /// that count.
    ///
    /// # Errors
    /// What differs.
    pub(crate) async fn verify(
        &self,
        journal: &Journal,
        limit: Duration,
    ) -> Result<Vec<Arc<CallEntry>>, Difference> {
        // What shall never be is only decided early if it is.
        let is_decided = || self.count.allows(self.look(journal).counting.len());
        let decided = journal.wait_until(is_decided);
        let _ = timeout(self.within.min(limit), decided).await;
        let found = self.look(journal);
        let is_so = self.count.allows(found.counting.len());
        match is_so != self.never {
            true => Ok(found.counting),
            false => Err(self.difference(found)),
        }
    }

    fn look(&self, journal: &Journal) -> Found {
        let mut found = Found::default();
        for entry in journal.calls(&self.calls, usize::MAX, None).0 {
            let differs = self.differences(&entry);
            match differs.is_empty() {
                true => found.counting.push(entry),
                false => found.others.push(Closest {
                    sid: entry.sid(),
                    differs,
                }),
            }
        }
        found.others.sort_by_key(|other| other.differs.len());
        found
    }

    fn differences(&self, entry: &CallEntry) -> Vec<String> {
        entry.read(|record| {
            let conditions = self.conditions.as_ref();
            let mut differs =
                conditions.map_or_else(Vec::new, |wanted| wanted.unmet_by(&record.placed.call));
            for &callback in &self.delivered {
                let mut deliveries = record.deliveries.iter();
                let mut of_kind = deliveries.by_ref().filter(|d| d.callback == callback);
                let first = of_kind.next().map(|delivery| delivery.outcome);
                let is_delivered = first == Some(Outcome::Delivered)
                    || of_kind.any(|delivery| delivery.outcome == Outcome::Delivered);
                if !is_delivered {
                    let found = first.map_or("nothing yet", Outcome::name);
                    differs.push(format!("{callback}: expected delivered, found {found}"));
                }
            }
            differs
        })
    }

    fn difference(&self, found: Found) -> Difference {
        let count = found.counting.len();
        let too_many = self.never || found.others.is_empty() || !self.wants_more_than(count);
        let closest: Vec<_> = match too_many {
            true => {
                let counting = found.counting.iter().take(SHOWN);
                let shown = counting.map(|entry| Closest {
                    sid: entry.sid(),
                    differs: Vec::new(),
                });
                shown.collect()
            }
            false => found.others.into_iter().take(SHOWN).collect(),
        };
        let hint = closest
            .is_empty()
            .then(|| "no call is on record: was it made to this emulator and project?".to_owned());
        Difference {
            code: "not_verified",
            message: self.told(count),
            hint,
            count,
            closest,
        }
    }

    fn told(&self, found: usize) -> String {
        let count = self.count.told();
        match self.never {
            true if self.count == Count::SOME => format!("expected no such call, found {found}"),
            true => format!("expected not {count} such calls, found {found}"),
            false => format!("expected {count} such calls, found {found}"),
        }
    }

    fn wants_more_than(&self, count: usize) -> bool {
        let wanted = self.count.exactly.or(self.count.at_least);
        wanted.is_some_and(|wanted| wanted > count)
    }
}
