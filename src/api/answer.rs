use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::{Method, StatusCode, header::ContentType};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use arcstr::ArcStr;

use crate::call::Life;
use crate::domain::{ErrorBody, Moment};
use crate::emulator::Core;
use crate::journal::RequestRecord;
use crate::wire::{ErrorAnswer, SuccessAnswer};

/// The answer to a call that is accepted; the call's life begins once it has been written.
pub(super) fn accept(life: Box<Life>, now: Moment) -> HttpResponse<AnswerBody> {
    let answer = SuccessAnswer::new(life.entry().sid(), now);
    let text = serde_json::to_vec(&answer).unwrap_or_default();
    HttpResponse::Ok()
        .content_type(ContentType::json())
        .message_body(AnswerBody {
            text: Some(text.into()),
            life: BeginOnDrop(Some(life)),
        })
        .unwrap_or_else(|_| HttpResponse::with_body(StatusCode::OK, AnswerBody::empty()))
}

/// The answer to a request that is refused, of which nothing more is known; it goes on record.
pub(super) fn refuse(core: &Core, request: &HttpRequest, error: &ErrorAnswer) -> HttpResponse {
    let now = core.now();
    let record = request_record(request, request.path().into(), now).refused(error, &[]);
    core.journal.requested(record);
    error_response(core, error, now)
}

/// What every request has to tell for the record, `path` its own.
pub(super) fn request_record(request: &HttpRequest, path: ArcStr, now: Moment) -> RequestRecord {
    let method = match *request.method() {
        Method::POST => arcstr::literal!("POST"),
        ref other => other.as_str().into(),
    };
    RequestRecord::new(method, path, now)
}

pub(super) fn error_response(core: &Core, error: &ErrorAnswer, now: Moment) -> HttpResponse {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    match core.fidelity.error_body {
        ErrorBody::Json => response
            .content_type(ContentType::json())
            .body(error.body(core.fidelity.error_code_type, now)),
        ErrorBody::Empty => response.finish(),
    }
}

/// A body that begins the life of a call when it is done with.
///
/// Rationale: a callback must not overtake the API's answer. The server drops the body after encoding
/// it and writes what it encoded in the same poll of the connection's task. What is spawned on the
/// worker's own single-threaded runtime by then cannot run before that poll is over, hence not before
/// the answer was handed to the socket. Lives on another thread's runtime would lose that order. The
/// drop, not the handler, begins the life, so that it also happens when the client has gone meanwhile.
pub(super) struct AnswerBody {
    text: Option<Bytes>,
    life: BeginOnDrop,
}

/// Also when the client has gone: the call was accepted, so it happens.
struct BeginOnDrop(Option<Box<Life>>);

impl Drop for BeginOnDrop {
    fn drop(&mut self) {
        let runtime = tokio::runtime::Handle::try_current();
        if let (Some(life), Ok(runtime)) = (self.0.take(), runtime) {
            runtime.spawn(life.live());
        }
    }
}

impl AnswerBody {
    fn empty() -> Self {
        Self {
            text: None,
            life: BeginOnDrop(None),
        }
    }
}

impl MessageBody for AnswerBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.text.as_ref().map_or(0, |text| text.len() as u64))
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        // Kept beside the text, so that it lives until the server has taken all of it.
        let _ = &self.life;
        Poll::Ready(self.text.take().map(Ok))
    }
}
