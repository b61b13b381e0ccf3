use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::route::{Route, get};
use super::{ControlError, Query};
use crate::clock::timeout;
use crate::domain::{CallState, Callback, HumanDuration, Sid};
use crate::emulator::Core;
use crate::journal::{CallEntry, CallRecord};

/// How long to wait if nothing is said.
const USUAL_TIMEOUT: Duration = Duration::from_secs(10);
/// A longer wait is cut to this, so that a forgotten client does not hold on for ever.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(600);

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/calls/{sid}", get_call)
            .summary("Shows everything about one call.")
            .path_param::<Sid>("sid", SID)
            .answers::<Record>(200, "The call as it stands.")
            .refuses(404, "unknown_call"),
        get("/calls/{sid}/wait", wait_for_call)
            .summary("Waits until something has happened in a call.")
            .path_param::<Sid>("sid", SID)
            .query::<WaitQuery>()
            .answers::<Record>(200, "It has happened.")
            .answers::<Record>(
                408,
                "It has not happened in time, or can no longer happen: the call as it stands.",
            )
            .refuses(404, "unknown_call"),
    ]
}

const SID: &str = "The session ID that the API answered with.";

/// The journal writes a call in its own words.
type Record = Map<String, Value>;

async fn get_call(core: Data<Core>, sid: Path<String>) -> Result<HttpResponse, ControlError> {
    let entry = find(&core, &sid)?;
    Ok(record(StatusCode::OK, &entry))
}

/// What is waited for, and how long.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WaitQuery {
    /// What is waited for; `settled` if left out.
    r#for: Option<Event>,
    /// How long at most, ten seconds if left out; more than ten minutes count as ten minutes.
    timeout: Option<HumanDuration>,
}

/// What can be waited for.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(extend("x-expected" = "a state, a callback or `settled`"))]
enum Event {
    /// The call has been in this state.
    State(CallState),
    /// The first delivery of this callback is over, however it went.
    Through(Callback),
    /// Nothing more will be sent.
    End(Settled),
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Settled {
    Settled,
}

/// 408 with the record as it stands if it takes too long or can no longer come.
async fn wait_for_call(
    core: Data<Core>,
    sid: Path<String>,
    query: Query<WaitQuery>,
) -> Result<HttpResponse, ControlError> {
    let event = query.0.r#for.unwrap_or(Event::End(Settled::Settled));
    let limit = query.0.timeout.map_or(USUAL_TIMEOUT, |limit| limit.0);
    let entry = find(&core, &sid)?;
    let over = entry.wait_until(|record| record.settled || has_happened(event, record));
    // Whether it was in time shows in the record, not in how the wait ended.
    let _ = timeout(limit.min(LONGEST_TIMEOUT), over).await;
    let status = match entry.read(|record| has_happened(event, record)) {
        true => StatusCode::OK,
        false => StatusCode::REQUEST_TIMEOUT,
    };
    Ok(record(status, &entry))
}

fn find(core: &Core, sid: &str) -> Result<Arc<CallEntry>, ControlError> {
    let found = sid
        .parse::<Sid>()
        .ok()
        .and_then(|sid| core.journal.find(sid));
    found.ok_or_else(|| {
        ControlError::not_found(
            "unknown_call",
            format!("no call has the session ID `{sid}`"),
        )
        .with_hint(
            "the journal holds live calls and the latest `limits.journal_calls` settled ones",
        )
    })
}

fn record(status: StatusCode, entry: &CallEntry) -> HttpResponse {
    entry.read(|record| HttpResponse::build(status).json(record))
}

fn has_happened(event: Event, record: &CallRecord) -> bool {
    match event {
        Event::State(state) => record.has_been(state),
        Event::Through(callback) => record.is_through_with(callback),
        Event::End(Settled::Settled) => record.settled,
    }
}
