use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::route::{Route, post};
use super::{Body, ControlError, projects};
use crate::clock::timeout;
use crate::domain::{Callback, HumanDuration, Sid};
use crate::emulator::Core;
use crate::journal::{CallEntry, CallFilter, Outcome};
use crate::scenario::{Conditions, MatchFile};

/// How many of the calls that come closest are shown.
const SHOWN: usize = 3;

pub(super) fn routes() -> Vec<Route> {
    vec![
        post("/verify", verify)
            .summary("Checks that calls were made and callbacks delivered.")
            .body::<VerifyRequest>(
                "What is expected.",
                json!({
                    "project": "default",
                    "match": { "to_user_id": "alice" },
                    "count": { "exactly": 1 },
                    "delivered": ["call_event"],
                    "within": "5s",
                }),
            )
            .answers::<Verified>(200, "It is so.")
            .answers::<NotVerified>(409, "It is not so, with the calls that come closest.")
            .refuses(404, "unknown_project")
            .refuses(422, "invalid_body"),
    ]
}

/// What is expected of the calls on record.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct VerifyRequest {
    /// Only calls of this project.
    project: Option<String>,
    /// Only calls that meet these conditions.
    #[serde(rename = "match")]
    matching: Option<MatchFile>,
    /// How many there are; at least one if left out.
    count: Option<Count>,
    /// Callbacks that were delivered in each call that counts.
    delivered: Vec<Callback>,
    /// There is no such call; with `within`, none comes during that time either.
    never: bool,
    /// How long to wait for it, in the machine's time; not at all if left out.
    #[schemars(extend("x-wait" = true))]
    within: Option<HumanDuration>,
}

/// How many calls there are.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
struct Count {
    exactly: Option<usize>,
    at_least: Option<usize>,
    at_most: Option<usize>,
}

impl Count {
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

/// What was expected is so.
#[derive(Debug, Serialize, JsonSchema)]
struct Verified {
    /// Always true.
    verified: bool,
    /// How many calls counted.
    count: usize,
    /// Their session IDs.
    sids: Vec<Sid>,
}

/// What was expected is not so.
#[derive(Debug, Serialize, JsonSchema)]
struct NotVerified {
    error: Difference,
}

/// What differs from what was expected.
#[derive(Debug, Serialize, JsonSchema)]
struct Difference {
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

/// What is expected, ready to be looked for.
struct Expectation {
    calls: CallFilter,
    conditions: Option<Conditions>,
    count: Count,
    delivered: Vec<Callback>,
}

/// What was found.
struct Found {
    counting: Vec<Sid>,
    /// The others, the closest first.
    others: Vec<Closest>,
}

async fn verify(
    core: Data<Core>,
    Body(request): Body<VerifyRequest>,
) -> Result<HttpResponse, ControlError> {
    let expectation = expectation(&core, &request)?;
    let is_met = || {
        expectation
            .count
            .allows(expectation.look(&core).counting.len())
    };
    if let Some(HumanDuration(limit)) = request.within {
        let decided = async {
            // What shall never be is only decided early if it is.
            core.journal.wait_until(|| is_met() != request.never).await;
        };
        let _ = timeout(limit, decided).await;
    }
    let found = expectation.look(&core);
    if expectation.count.allows(found.counting.len()) {
        return Ok(HttpResponse::Ok().json(Verified {
            verified: true,
            count: found.counting.len(),
            sids: found.counting,
        }));
    }
    let error = expectation.difference(found);
    Ok(HttpResponse::build(StatusCode::CONFLICT).json(NotVerified { error }))
}

fn expectation(core: &Core, request: &VerifyRequest) -> Result<Expectation, ControlError> {
    if let Some(name) = &request.project {
        projects::find(core, name)?;
    }
    let none = Count {
        exactly: Some(0),
        ..Count::default()
    };
    let some = Count {
        at_least: Some(1),
        ..Count::default()
    };
    if request.never && request.count.is_some() {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let message = "expected `count` or `never`, found both";
        return Err(ControlError::new(status, "invalid_body", message));
    }
    Ok(Expectation {
        calls: CallFilter {
            project: request.project.clone(),
            ..CallFilter::default()
        },
        conditions: request.matching.clone().map(Conditions::from),
        count: match request.never {
            true => none,
            false => request.count.unwrap_or(some),
        },
        delivered: request.delivered.clone(),
    })
}

impl Expectation {
    fn look(&self, core: &Core) -> Found {
        let mut found = Found {
            counting: Vec::new(),
            others: Vec::new(),
        };
        for entry in core.journal.calls(&self.calls, usize::MAX, None).0 {
            let differs = self.differences(&entry);
            match differs.is_empty() {
                true => found.counting.push(entry.sid()),
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
        let too_many = found.others.is_empty() || !self.wants_more_than(count);
        let closest: Vec<_> = match too_many {
            true => {
                let counting = found.counting.into_iter();
                let shown = counting.map(|sid| Closest {
                    sid,
                    differs: Vec::new(),
                });
                shown.take(SHOWN).collect()
            }
            false => found.others.into_iter().take(SHOWN).collect(),
        };
        let hint = match closest.is_empty() {
            true => {
                Some("no call is on record: was it made to this emulator and project?".to_owned())
            }
            false => None,
        };
        Difference {
            code: "not_verified",
            message: format!("expected {} such calls, found {count}", self.count.told()),
            hint,
            count,
            closest,
        }
    }

    fn wants_more_than(&self, count: usize) -> bool {
        let wanted = self.count.exactly.or(self.count.at_least);
        wanted.is_some_and(|wanted| wanted > count)
    }
}
