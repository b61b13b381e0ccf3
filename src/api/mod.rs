//! The emulated surface (contract 3 to 5): one routing table, one file per resource.

mod answer;
mod make_call;

use actix_web::guard::fn_guard;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::emulator::Core;
use crate::wire::ErrorAnswer;
use answer::refuse;
pub(crate) use make_call::BodyLimit;

/// What the path of Make Agent 1-to-1 Call begins with; service ID and user ID of the callee follow.
const MAKE_AGENT_CALL: &str = "/tas/v2/agt_call/audio_caller";

/// The routes of the emulated API.
///
/// The end of the path is looked at by hand: a pattern would be matched by regular expression, which
/// takes longer than the whole validation.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    let is_call = fn_guard(|request| names_callee(request.head().uri.path()));
    config.service(
        web::scope(MAKE_AGENT_CALL)
            .guard(is_call)
            .default_service(web::to(make_call::make_agent_call)),
    );
}

/// Whether exactly two segments follow what the path begins with.
fn names_callee(path: &str) -> bool {
    let rest = path.strip_prefix(MAKE_AGENT_CALL);
    let rest = rest.and_then(|rest| rest.strip_prefix('/'));
    let mut segments = rest.unwrap_or_default().split('/');
    let mut has_one = || segments.next().is_some_and(|segment| !segment.is_empty());
    has_one() && has_one() && segments.next().is_none()
}

/// Every path that has no route.
pub(crate) async fn not_found(request: HttpRequest, core: web::Data<Core>) -> HttpResponse {
    let message = format!("no such API: {} {}", request.method(), request.path());
    refuse(&core, &request, &ErrorAnswer::new(404, message))
}

fn method_not_allowed(request: &HttpRequest, core: &Core) -> HttpResponse {
    let message = format!("method {} is not allowed here: use POST", request.method());
    let mut response = refuse(core, request, &ErrorAnswer::new(405, message));
    let allow = actix_web::http::header::HeaderValue::from_static("POST");
    response
        .headers_mut()
        .insert(actix_web::http::header::ALLOW, allow);
    response
}
