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
#[serde(deny_unknown_fields)]
#[schemars(extend("dependentSchemas" = { "user_rel_code": { "properties": { "action": {
    "enum": ["decline", "hang_up"],
    "x-expected": "`decline` or `hang_up` beside `user_rel_code`",
} } } }))]
struct CalleeRequest {
    action: Action,
    /// The application's own text in the Call Event, of at most 127 bytes; not with `answer`.
    #[schemars(length(max = MAX_USER_REL_CODE_BYTES))]
    user_rel_code: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Action {
    /// Takes the call that rings.
    Answer,
    /// Rejects it.
    Decline,
    /// Ends the call that was taken.
    HangUp,
}

async fn act(
    core: Data<Core>,
    sid: Path<String>,
    Body(request): Body<CalleeRequest>,
) -> Result<HttpResponse, ControlError> {
    let entry = calls::find(&core, &sid)?;
    let action = phone_action(&request)?;
    let project = entry.read(|record| record.placed.project.clone());
    let project = core.projects.find(&project);
    let acted = project.and_then(|project| project.run().line.phones.act(entry.sid(), action));
    let is_taken_up = match acted {
        Some(taken_up) => taken_up.await.is_ok(),
        None => false,
    };
    if is_taken_up {
        return Ok(calls::record(StatusCode::OK, &entry));
    }
    Err(not_now(&entry, request.action))
}

fn phone_action(request: &CalleeRequest) -> Result<PhoneAction, ControlError> {
    let text = request.user_rel_code.as_deref();
    // The schema counts characters.
    if text.is_some_and(|text| text.len() > MAX_USER_REL_CODE_BYTES) {
        let message = "user_rel_code: expected at most 127 bytes of UTF-8, found more";
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return Err(ControlError::new(status, "invalid_body", message));
    }
    let user_rel_code: Option<Arc<str>> = text.map(Into::into);
    match request.action {
        Action::Answer => Ok(PhoneAction::Answer),
        Action::Decline => Ok(PhoneAction::Decline { user_rel_code }),
        Action::HangUp => Ok(PhoneAction::HangUp { user_rel_code }),
    }
}

fn not_now(entry: &CallEntry, action: Action) -> ControlError {
    let state = entry.read(|record| record.state());
    let (name, wanted) = match action {
        Action::Answer => ("answer", CallState::Ringing),
        Action::Decline => ("decline", CallState::Ringing),
        Action::HangUp => ("hang_up", CallState::Talking),
    };
    let message = format!("`{name}` needs a call that is {wanted}, but this one is {state}");
    let sid = entry.sid();
    let hint = match state {
        CallState::Ended | CallState::Failed => "the call is over; make another one".to_owned(),
        CallState::Preparing | CallState::Talking => "`hang_up` ends it".to_owned(),
        _ => format!("wait for it: GET /_emulator/calls/{sid}/wait?for={wanted}"),
    };
    ControlError::conflict("not_now", message).with_hint(hint)
}
