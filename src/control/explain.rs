use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::Data;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::route::{Route, post};
use super::{Body, ControlError, projects};
use crate::call::{Foreseen, Happening, timeline};
use crate::domain::Callee;
use crate::emulator::{Core, Foresight};
use crate::project::Placement;
use crate::scenario::Catalog;
use crate::wire::{ErrorAnswer, ErrorData};

pub(super) fn routes() -> Vec<Route> {
    vec![
        post("/explain", explain)
            .summary("Says what a request would bring about; nothing happens.")
            .body::<ExplainRequest>(
                "The request as it would be sent.",
                json!({
                    "to_service_id": "shop-eval",
                    "to_user_id": "emu-declines",
                    "body": {
                        "requestContext": { "serviceId": "shop-eval", "userId": "AGENT" },
                        "mediaSourceType": "STORED_SOURCE",
                        "storedSource": { "storedAudioSources": [{ "contentId": "5498f04048fa" }], "playCount": 1 },
                    },
                }),
            )
            .answers::<Explanation>(200, "What would happen.")
            .refuses(404, "unknown_project"),
    ]
}

/// A request as it would be sent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ExplainRequest {
    /// The project whose credentials it would carry; the first one if left out.
    project: Option<String>,
    /// `to-serviceId` in the path.
    to_service_id: String,
    /// `to-userId` in the path.
    to_user_id: String,
    /// What the header `X-Planet-Emulator-Scenario` would say.
    scenario: Option<String>,
    /// The body.
    body: Map<String, Value>,
}

/// What would happen.
#[derive(Debug, Serialize, JsonSchema)]
struct Explanation {
    /// Whether the API would answer with a session ID.
    accepted: bool,
    /// The scenario it would get; null if it is refused before one is chosen.
    scenario: Option<Arc<str>>,
    /// Why this one: `armed`, `header`, `match` or `default`.
    chosen_by: Option<&'static str>,
    /// The answer of the API if it refuses.
    refusal: Option<RefusalView>,
    /// What would happen if every callback is answered with success at once.
    timeline: Vec<Step>,
    /// Why each other scenario is not taken by its conditions, in the order in which they are asked.
    passed_over: Vec<PassedOver>,
}

/// The answer of the API to a request that is refused.
#[derive(Debug, Serialize, JsonSchema)]
struct RefusalView {
    status: u16,
    message: String,
    /// What is wrong, by field.
    violations: Vec<ViolationView>,
}

/// Something that is wrong with a request.
#[derive(Debug, Serialize, JsonSchema)]
struct ViolationView {
    field: String,
    reason: String,
}

/// Something that would happen.
#[derive(Debug, Serialize, JsonSchema)]
struct Step {
    /// From the request on.
    after_ms: u64,
    /// `response`, a callback, or a state of the call.
    #[schemars(example = &"notify")]
    what: &'static str,
    /// More about it; null if there is nothing to add.
    detail: Option<String>,
}

/// A scenario that is not taken by its conditions.
#[derive(Debug, Serialize, JsonSchema)]
struct PassedOver {
    scenario: Arc<str>,
    reason: String,
}

impl From<Foreseen> for Step {
    fn from(foreseen: Foreseen) -> Self {
        let (what, detail) = match foreseen.what {
            Happening::Answered => ("response", None),
            Happening::Sent(callback) => (callback.name(), None),
            Happening::Entered(state) => (state.name(), None),
            Happening::Ended(end) => (
                "ended",
                Some(format!(
                    "{} by {}, terminate {}, {}",
                    end.reason,
                    end.releaser.name(),
                    end.terminate.0,
                    end.rel_code_str
                )),
            ),
        };
        Self {
            after_ms: u64::try_from(foreseen.after.as_millis()).unwrap_or(u64::MAX),
            what,
            detail,
        }
    }
}

async fn explain(
    core: Data<Core>,
    Body(request): Body<ExplainRequest>,
) -> Result<HttpResponse, ControlError> {
    let project = match &request.project {
        Some(name) => projects::find(&core, name)?,
        None => core.projects.first().ok_or_else(|| {
            ControlError::not_found("unknown_project", "there is no project at all")
        })?,
    };
    let to = Callee {
        service_id: request.to_service_id.into(),
        user_id: request.to_user_id.into(),
    };
    let body = Value::Object(request.body).to_string();
    let scenario = request.scenario.as_deref();
    let catalog = core.scenarios.catalog();
    let foresight = core.foresee(&project, &catalog, scenario, to, body.as_bytes());
    let explanation = match foresight {
        Ok(foresight) => Explanation::of(foresight, &core, &catalog),
        Err(refusal) => Explanation {
            accepted: false,
            scenario: None,
            chosen_by: None,
            refusal: Some(refusal.into()),
            timeline: Vec::new(),
            passed_over: Vec::new(),
        },
    };
    Ok(HttpResponse::Ok().json(explanation))
}

impl Explanation {
    fn of(foresight: Foresight, core: &Core, catalog: &Catalog) -> Self {
        let Foresight {
            call,
            scenario,
            chosen_by,
            placement,
        } = foresight;
        let (refusal, foreseen) = match placement {
            Placement::Accepted(_, plan) => (None, timeline(&plan, &call, &core.fidelity)),
            Placement::Refused(answer, after) => {
                let what = Happening::Answered;
                (Some(answer.into()), vec![Foreseen { after, what }])
            }
        };
        let passed_over = catalog.passed_over(&call).into_iter();
        let others = passed_over.filter(|(other, _)| other.name != scenario.name);
        Self {
            accepted: refusal.is_none(),
            chosen_by: Some(chosen_by.name()),
            refusal,
            timeline: foreseen.into_iter().map(Step::from).collect(),
            passed_over: others
                .map(|(other, reason)| PassedOver {
                    scenario: other.name.clone(),
                    reason,
                })
                .collect(),
            scenario: Some(scenario.name.clone()),
        }
    }
}

impl From<ErrorAnswer> for RefusalView {
    fn from(answer: ErrorAnswer) -> Self {
        let violations = match answer.data {
            ErrorData::Violations(violations) => violations,
            ErrorData::Null | ErrorData::Other(_) => Vec::new(),
        };
        let violations = violations.into_iter().map(|violation| ViolationView {
            field: violation.field,
            reason: violation.reason,
        });
        Self {
            status: answer.status,
            message: answer.message.into_owned(),
            violations: violations.collect(),
        }
    }
}
