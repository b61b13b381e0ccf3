use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::calls::{self, SID};
use super::route::{Route, post};
use super::{Body, ControlError};
use crate::call::PhoneAction;
use crate::domain::{CallState, Sid};
use crate::emulator::Core;
use crate::journal::CallEntry;

/// The longest `user_rel_code`, in bytes (contract 9).
const MAX_USER_REL_CODE_BYTES: usize = 127;

pub(super) fn routes() -> Vec<Route> {
    vec![
        post("/calls/{sid}/callee", act)
            .summary("Acts on the callee's phone.")
            .path_param::<Sid>("sid", SID)
            .body::<CalleeRequest>("What the callee does.", json!({ "action": "answer" }))
            .answers::<CallEntry>(200, "The call, in the state that follows.")
            .refuses(404, "unknown_call")
            .refuses(409, "not_now")
            .refuses(422, "invalid_body"),
    ]
}

/// What the callee does.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
enum CalleeRequest {
    /// Takes the call that rings.
    Answer {},
    /// Rejects it.
    Decline {
        /// The application's own text in the Call Event, of at most 127 bytes.
        #[schemars(length(max = MAX_USER_REL_CODE_BYTES))]
        user_rel_code: Option<String>,
    },
    /// Ends the call that was taken.
    HangUp {
        /// The application's own text in the Call Event, of at most 127 bytes.
        #[schemars(length(max = MAX_USER_REL_CODE_BYTES))]
        user_rel_code: Option<String>,
    },
}

async fn act(
    core: Data<Core>,
    sid: Path<String>,
    Body(request): Body<CalleeRequest>,
) -> Result<HttpResponse, ControlError> {
    let entry = calls::find(&core, &sid)?;
    let (name, wanted) = needed(&request);
    let action = phone_action(request)?;
    let project = &entry.placed().origin.project;
    let project = core.projects.find(project);
    let acted = project.and_then(|project| project.run().line.phones.act(entry.sid(), action));
    let is_taken_up = match acted {
        Some(taken_up) => taken_up.await.is_ok(),
        None => false,
    };
    if is_taken_up {
        return Ok(calls::record(StatusCode::OK, &entry));
    }
    Err(not_now(&entry, name, wanted))
}

fn phone_action(request: CalleeRequest) -> Result<PhoneAction, ControlError> {
    Ok(match request {
        CalleeRequest::Answer {} => PhoneAction::Answer,
        CalleeRequest::Decline { user_rel_code } => PhoneAction::Decline {
            user_rel_code: own_text(user_rel_code)?,
        },
        CalleeRequest::HangUp { user_rel_code } => PhoneAction::HangUp {
            user_rel_code: own_text(user_rel_code)?,
        },
    })
}

/// A schema counts characters, the contract bytes.
fn own_text(text: Option<String>) -> Result<Option<Arc<str>>, ControlError> {
    match text {
        Some(text) if text.len() > MAX_USER_REL_CODE_BYTES => {
            let message = "user_rel_code: expected at most 127 bytes of UTF-8, found more";
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Err(ControlError::new(status, "invalid_body", message))
        }
        text => Ok(text.map(Into::into)),
    }
}

/// The name of the action, and the state that it needs.
fn needed(request: &CalleeRequest) -> (&'static str, CallState) {
    match request {
        CalleeRequest::Answer {} => ("answer", CallState::Ringing),
        CalleeRequest::Decline { .. } => ("decline", CallState::Ringing),
        CalleeRequest::HangUp { .. } => ("hang_up", CallState::Talking),
    }
}

fn not_now(entry: &CallEntry, name: &str, wanted: CallState) -> ControlError {
    let state = entry.read(|record| record.state());
    let message = format!("`{name}` needs a call that is {wanted}, but this one is {state}");
    let sid = entry.sid();
    let hint = match state {
        CallState::Ended | CallState::Failed => "the call is over; make another one".to_owned(),
        CallState::Preparing | CallState::Talking => "`hang_up` ends it".to_owned(),
        _ => format!("wait for it: GET /_emulator/calls/{sid}/wait?for={wanted}"),
    };
    ControlError::conflict("not_now", message).with_hint(hint)
}
