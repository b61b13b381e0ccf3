//! The control API under `/_emulator/` (design 7): one routing table, one file per resource.

mod calls;
mod error;
mod health;
mod inbox;

use actix_web::web;

use error::ControlError;

/// The routes of the control API.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config.service(
        web::scope("/_emulator")
            .route("/health", web::get().to(health::get_health))
            .route("/calls/{sid}", web::get().to(calls::get_call))
            .route("/calls/{sid}/wait", web::get().to(calls::wait_for_call))
            .route("/inbox/{callback}", web::get().to(inbox::receive_callback))
            .default_service(web::to(unknown_path)),
    );
}

async fn unknown_path(request: actix_web::HttpRequest) -> ControlError {
    let message = format!("nothing answers {} {}", request.method(), request.path());
    ControlError::not_found("unknown_path", message)
}
