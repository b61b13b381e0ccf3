use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Deserialize;

use super::ControlError;
use crate::clock::timeout;
use crate::domain::{CallState, Callback, Sid, parse_duration};
use crate::emulator::Core;
use crate::journal::{CallEntry, CallRecord};
use crate::yaml::nearest;

/// How long to wait if nothing is said.
const USUAL_TIMEOUT: Duration = Duration::from_secs(10);
/// A longer wait is cut to this, so that a forgotten client does not hold on for ever.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(600);

/// The whole record of a call.
pub(super) async fn get_call(
    core: web::Data<Core>,
    sid: web::Path<String>,
) -> Result<HttpResponse, ControlError> {
    let entry = find(&core, &sid)?;
    Ok(record(StatusCode::OK, &entry))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WaitQuery {
    r#for: Option<String>,
    timeout: Option<String>,
}

/// Waits for a state or a delivery; 408 with the record as it stands if that takes too long or can no
/// longer come.
pub(super) async fn wait_for_call(
    core: web::Data<Core>,
    sid: web::Path<String>,
    query: Result<web::Query<WaitQuery>, actix_web::Error>,
) -> Result<HttpResponse, ControlError> {
    let query = query.map_err(|error| {
        ControlError::bad_request("invalid_query", error.to_string())
            .with_hint("the parameters are `for` and `timeout`")
    })?;
    let event = query.r#for.as_deref().unwrap_or("settled").parse()?;
    let limit = match &query.timeout {
        Some(text) => parse_duration(text)
            .map_err(|reason| ControlError::bad_request("invalid_timeout", reason))?,
        None => USUAL_TIMEOUT,
    };
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

/// What can be waited for.
#[derive(Debug, Clone, Copy)]
enum Event {
    State(CallState),
    Through(Callback),
    Settled,
}

impl std::str::FromStr for Event {
    type Err = ControlError;

    fn from_str(name: &str) -> Result<Self, ControlError> {
        let state = CallState::ALL
            .into_iter()
            .find(|state| state.name() == name);
        if let Some(state) = state {
            return Ok(Self::State(state));
        }
        if let Some(callback) = Callback::from_name(name) {
            return Ok(Self::Through(callback));
        }
        if name == "settled" {
            return Ok(Self::Settled);
        }
        let states = CallState::ALL.map(CallState::name);
        let callbacks = Callback::ALL.map(Callback::name);
        let known: Vec<_> = states
            .into_iter()
            .chain(callbacks)
            .chain(["settled"])
            .collect();
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("one of {}", known.join(", ")),
        };
        let message = format!("`{name}` cannot be waited for");
        Err(ControlError::bad_request("unknown_event", message).with_hint(hint))
    }
}

fn has_happened(event: Event, record: &CallRecord) -> bool {
    match event {
        Event::State(state) => record.has_been(state),
        Event::Through(callback) => record.is_through_with(callback),
        Event::Settled => record.settled,
    }
}
