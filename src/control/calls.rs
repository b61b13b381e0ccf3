use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::page::{Cursor, usual_limit};
use super::route::{Route, get};
use super::{ControlError, Query};
use crate::domain::{CallState, HumanDuration, Sid};
use crate::emulator::Core;
use crate::journal::{Awaited, CallEntry, CallFilter};

/// How long to wait if nothing is said.
const USUAL_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/calls", list)
            .summary("Lists calls, in the order in which they were accepted.")
            .query::<ListQuery>()
            .answers::<CallList>(200, "One page of them."),
        get("/calls/{sid}", get_call)
            .summary("Shows everything about one call.")
            .path_param::<Sid>("sid", SID)
            .answers::<CallEntry>(200, "The call as it stands.")
            .refuses(404, "unknown_call"),
        get("/calls/{sid}/wait", wait_for_call)
            .summary("Waits until something has happened in a call.")
            .path_param::<Sid>("sid", SID)
            .query::<WaitQuery>()
            .answers::<CallEntry>(200, "It has happened.")
            .answers::<CallEntry>(
                408,
                "It has not happened in time, or can no longer happen: the call as it stands.",
            )
            .refuses(404, "unknown_call"),
    ]
}

pub(super) const SID: &str = "The session ID that the API answered with.";

/// Which calls are listed: those of which everything given is true.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// The name of the project.
    project: Option<String>,
    /// Where the call stands.
    state: Option<CallState>,
    /// Whether nothing more will be sent for it.
    settled: Option<bool>,
    /// The name of the scenario.
    scenario: Option<String>,
    /// Why it takes this scenario.
    chosen_by: Option<String>,
    to_user_id: Option<String>,
    to_service_id: Option<String>,
    from_user_id: Option<String>,
    from_service_id: Option<String>,
    app_svr_data: Option<String>,
    /// How many at most.
    #[serde(default = "usual_limit")]
    #[schemars(range(min = 1, max = 1000))]
    limit: usize,
    /// `next_cursor` of the page before.
    #[serde(default)]
    cursor: Option<Cursor>,
}

/// Some calls.
#[derive(Debug, Serialize, JsonSchema)]
struct CallList {
    calls: Vec<Arc<CallEntry>>,
    /// What to give as `cursor` for the next page; null on the last one.
    next_cursor: Option<Cursor>,
}

async fn list(core: Data<Core>, Query(query): Query<ListQuery>) -> HttpResponse {
    let filter = CallFilter {
        project: query.project,
        state: query.state,
        settled: query.settled,
        scenario: query.scenario,
        chosen_by: query.chosen_by,
        to_user_id: query.to_user_id,
        to_service_id: query.to_service_id,
        from_user_id: query.from_user_id,
        from_service_id: query.from_service_id,
        app_svr_data: query.app_svr_data,
    };
    let cursor = query.cursor.map(|cursor| cursor.0);
    let (calls, next) = core.journal.calls(&filter, query.limit, cursor);
    HttpResponse::Ok().json(CallList {
        calls,
        next_cursor: next.map(Cursor),
    })
}

async fn get_call(core: Data<Core>, sid: Path<String>) -> Result<HttpResponse, ControlError> {
    let entry = find(&core, &sid)?;
    Ok(record(StatusCode::OK, &entry))
}

/// What is waited for, and how long.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WaitQuery {
    /// What is waited for; `settled` if left out.
    r#for: Option<Awaited>,
    /// How long at most, in the machine's time, ten seconds if left out. More than the setting
    /// `control.longest_wait`, usually ten minutes, counts as that.
    timeout: Option<HumanDuration>,
}

/// 408 with the record as it stands if it takes too long or can no longer come.
async fn wait_for_call(
    core: Data<Core>,
    sid: Path<String>,
    query: Query<WaitQuery>,
) -> Result<HttpResponse, ControlError> {
    let awaited = query.0.r#for.unwrap_or(Awaited::SETTLED);
    let limit = query.0.timeout.map_or(USUAL_TIMEOUT, |limit| limit.0);
    let entry = find(&core, &sid)?;
    let has_happened = entry.wait_for(awaited, limit.min(core.longest_wait()));
    let status = match has_happened.await {
        true => StatusCode::OK,
        false => StatusCode::REQUEST_TIMEOUT,
    };
    Ok(record(status, &entry))
}

/// The call of this session ID.
///
/// # Errors
/// 404.
pub(super) fn find(core: &Core, sid: &str) -> Result<Arc<CallEntry>, ControlError> {
    let found = sid
        .parse::<Sid>()
        .ok()
        .and_then(|sid| core.journal.find(sid));
    found.ok_or_else(|| unknown(sid))
}

pub(super) fn unknown(sid: &str) -> ControlError {
    let message = format!("no call has the session ID `{sid}`");
    ControlError::not_found("unknown_call", message).with_hint(
        "the journal holds live calls and the latest `limits.journal_calls` settled ones",
    )
}

/// The answer that shows a call.
pub(super) fn record(status: StatusCode, entry: &CallEntry) -> HttpResponse {
    entry.read(|record| HttpResponse::build(status).json(record))
}
