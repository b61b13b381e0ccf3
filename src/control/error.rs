use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::WWW_AUTHENTICATE;
use actix_web::{HttpRequest, HttpResponse, Responder, ResponseError};
use schemars::JsonSchema;
use serde::Serialize;

use crate::yaml::Fault;

/// A refusal of the control API.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub(super) struct ControlError {
    #[serde(skip)]
    status: StatusCode,
    error: Explanation,
}

/// Why something was refused.
#[derive(Debug, Serialize, JsonSchema)]
struct Explanation {
    /// For programs: never changes its meaning.
    #[schemars(example = &"unknown_call")]
    code: &'static str,
    /// For people: what was expected and what was found.
    message: String,
    /// What to do about it, if that is known.
    hint: Option<String>,
    /// Everything that is wrong with what was sent; absent where there is nothing to list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<InputFault>,
}

/// One thing that is wrong with a body or a query.
#[derive(Debug, Serialize, JsonSchema)]
struct InputFault {
    /// Where, such as `match.to_user_id`; empty for the whole.
    path: String,
    /// What was expected and what was found.
    message: String,
    /// What to do about it, if that is known.
    hint: Option<String>,
}

impl ControlError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            error: Explanation {
                code,
                message: message.into(),
                hint: None,
                faults: Vec::new(),
            },
        }
    }

    pub(super) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(super) fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    pub(super) fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    pub(super) fn panicked() -> Self {
        let message = "the emulator failed at this request; its log says more";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", message)
            .with_hint("this is a fault of the emulator: please report it")
    }

    #[must_use]
    pub(super) fn with_hint(self, hint: impl Into<String>) -> Self {
        self.with_hint_if(Some(hint.into()))
    }

    #[must_use]
    pub(super) fn with_hint_if(mut self, hint: Option<String>) -> Self {
        self.error.hint = hint.or(self.error.hint);
        self
    }

    /// Lists everything that is wrong; if it is one thing, that is the hint as well.
    #[must_use]
    pub(super) fn with_faults(mut self, faults: Vec<Fault>) -> Self {
        if let [only] = faults.as_slice() {
            self.error.hint.clone_from(&only.hint);
        }
        let faults = faults.into_iter().map(|fault| InputFault {
            path: fault.path,
            message: fault.message,
            hint: fault.hint,
        });
        self.error.faults = faults.collect();
        self
    }
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error.message)
    }
}

impl ResponseError for ControlError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if self.status == StatusCode::UNAUTHORIZED {
            response.insert_header((WWW_AUTHENTICATE, "Bearer"));
        }
        response.json(self)
    }
}

impl Responder for ControlError {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.error_response()
    }
}
