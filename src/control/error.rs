use std::fmt;
use std::sync::Arc;

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
    faults: Vec<FaultView>,
}

/// One thing that is wrong with a body, a query or a file.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Fault")]
pub(super) struct FaultView {
    /// The text in which it stands; absent for bodies of JSON and queries.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<Arc<str>>,
    /// Counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    /// Counted from 1, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    /// The keys that lead there, such as `match.to_user_id`; empty for the whole.
    path: String,
    /// What was expected and what was found.
    message: String,
    /// What to do about it, if that is known.
    hint: Option<String>,
}

impl FaultView {
    /// A fault in a text that somebody wrote.
    pub(super) fn in_text(fault: Fault) -> Self {
        Self {
            file: Some(fault.source.name.clone()),
            line: Some(fault.line),
            column: Some(fault.column),
            ..Self::in_value(fault)
        }
    }

    /// A fault in a value, which has no lines.
    fn in_value(fault: Fault) -> Self {
        Self {
            file: None,
            line: None,
            column: None,
            path: fault.path,
            message: fault.message,
            hint: fault.hint,
        }
    }
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

    /// Lists everything that is wrong with a body of JSON or a query.
    #[must_use]
    pub(super) fn with_faults(self, faults: Vec<Fault>) -> Self {
        self.listing(faults.into_iter().map(FaultView::in_value).collect())
    }

    /// Lists everything that is wrong with a text, each with its line.
    #[must_use]
    pub(super) fn with_faults_in_text(self, faults: Vec<Fault>) -> Self {
        self.listing(faults.into_iter().map(FaultView::in_text).collect())
    }

    /// If it is one fault, its hint is that of the whole.
    fn listing(mut self, faults: Vec<FaultView>) -> Self {
        if let [only] = faults.as_slice() {
            self.error.hint.clone_from(&only.hint);
        }
        self.error.faults = faults;
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
