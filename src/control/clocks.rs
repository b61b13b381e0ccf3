use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::route::{Route, get, post, put};
use super::{Body, ControlError, NAME, projects};
use crate::clock::{Advance, Clock, ClockMode, NotManual};
use crate::domain::{HumanDuration, Moment};
use crate::emulator::Core;
use crate::journal::Delivered;
use crate::settings::Text;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/projects/{project}/clock", read)
            .summary("Shows the time of a project.")
            .path_param::<String>("project", NAME)
            .answers::<ClockView>(200, "The clock.")
            .refuses(404, "unknown_project"),
        put("/projects/{project}/clock", switch)
            .summary("Lets the time of a project pass otherwise; every remaining delay is kept.")
            .path_param::<String>("project", NAME)
            .body::<ClockRequest>("How time passes from now on.", json!({ "mode": "manual" }))
            .answers::<ClockView>(200, "The clock.")
            .refuses(404, "unknown_project"),
        post("/projects/{project}/clock/advance", advance)
            .summary("Moves a manual clock, and answers once all that came due is answered or has failed.")
            .path_param::<String>("project", NAME)
            .body::<AdvanceRequest>("How far: exactly one of the three.", json!({ "by": "60s" }))
            .answers::<Advanced>(200, "What was delivered, and what is due next.")
            .refuses(404, "unknown_project")
            .refuses(409, "clock_not_manual")
            .refuses(422, "how_far"),
    ]
}

/// The time of a project.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ClockView {
    /// `real`, `manual` or a speed such as `20x`.
    mode: String,
    now: Moment,
    /// When the next thing happens by itself; null if nothing is waited for.
    next_due_at: Option<Moment>,
}

/// How time passes from now on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ClockRequest {
    /// `real`, `manual` or a speed such as `20x`.
    mode: Text<ClockMode>,
}

/// How far time moves: exactly one of the three.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
struct AdvanceRequest {
    /// By this span.
    by: Option<HumanDuration>,
    /// To the next moment at which something is due.
    to: Option<To>,
    /// Until nothing is waited for any more, seven days at most.
    until: Option<Until>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum To {
    Next,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Until {
    Idle,
}

/// What an advance brought.
#[derive(Debug, Serialize, JsonSchema)]
struct Advanced {
    now: Moment,
    /// By how much time was moved.
    advanced_ms: u64,
    /// Every callback that came due, in the order in which it was sent.
    delivered: Vec<Delivered>,
    /// When the next thing happens; null if nothing is waited for.
    next_due_at: Option<Moment>,
}

impl From<&Clock> for ClockView {
    fn from(clock: &Clock) -> Self {
        Self {
            mode: clock.mode().to_string(),
            now: clock.now(),
            next_due_at: clock.next_due(),
        }
    }
}

async fn read(core: Data<Core>, name: Path<String>) -> Result<HttpResponse, ControlError> {
    let project = projects::find(&core, &name)?;
    Ok(HttpResponse::Ok().json(ClockView::from(&project.clock)))
}

async fn switch(
    core: Data<Core>,
    name: Path<String>,
    Body(request): Body<ClockRequest>,
) -> Result<HttpResponse, ControlError> {
    let project = projects::find(&core, &name)?;
    project.clock.set_mode(request.mode.0);
    Ok(HttpResponse::Ok().json(ClockView::from(&project.clock)))
}

async fn advance(
    core: Data<Core>,
    name: Path<String>,
    Body(request): Body<AdvanceRequest>,
) -> Result<HttpResponse, ControlError> {
    let project = projects::find(&core, &name)?;
    let how = how_far(&request)?;
    let not_manual = |error: NotManual| {
        ControlError::conflict("clock_not_manual", error.to_string()).with_hint(format!(
            "switch it first: PUT /_emulator/projects/{name}/clock {{\"mode\": \"manual\"}}"
        ))
    };
    let (span, sent) = project.advance(how).await.map_err(not_manual)?;
    let sent = sent.iter();
    let delivered = sent.filter_map(|(entry, index)| entry.delivered(*index));
    Ok(HttpResponse::Ok().json(Advanced {
        now: project.clock.now(),
        advanced_ms: u64::try_from(span.as_millis()).unwrap_or(u64::MAX),
        delivered: delivered.collect(),
        next_due_at: project.clock.next_due(),
    }))
}

fn how_far(request: &AdvanceRequest) -> Result<Advance, ControlError> {
    match (request.by, request.to, request.until) {
        (Some(HumanDuration(span)), None, None) => Ok(Advance::By(span)),
        (None, Some(To::Next), None) => Ok(Advance::ToNext),
        (None, None, Some(Until::Idle)) => Ok(Advance::UntilIdle),
        _ => {
            let message = "expected exactly one of `by`, `to` and `until`";
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Err(ControlError::new(status, "how_far", message)
                .with_hint(r#"such as {"by": "60s"}, {"to": "next"} or {"until": "idle"}"#))
        }
    }
}
