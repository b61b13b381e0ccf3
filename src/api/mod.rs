//! The emulated surface (contract 3 to 5): one routing table, one file per resource.

mod answer;
mod make_call;

use actix_web::{HttpRequest, HttpResponse, web};

use crate::emulator::Core;
use crate::wire::ErrorAnswer;
use answer::refuse;
pub(crate) use make_call::BodyLimit;

/// The routes of the emulated API.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config.service(
        web::resource("/tas/v2/agt_call/audio_caller/{to_service_id}/{to_user_id}")
            .route(web::post().to(make_call::make_agent_call))
            .default_service(web::to(method_not_allowed)),
    );
}

/// Every path that has no route.
pub(crate) async fn not_found(request: HttpRequest, core: web::Data<Core>) -> HttpResponse {
    let message = format!("no such API: {} {}", request.method(), request.path());
    refuse(&core, &request, &ErrorAnswer::new(404, message))
}

async fn method_not_allowed(request: HttpRequest, core: web::Data<Core>) -> HttpResponse {
    let message = format!("method {} is not allowed here: use POST", request.method());
    let mut response = refuse(&core, &request, &ErrorAnswer::new(405, message));
    let allow = actix_web::http::header::HeaderValue::from_static("POST");
    response
        .headers_mut()
        .insert(actix_web::http::header::ALLOW, allow);
    response
}
