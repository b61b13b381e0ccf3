use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::ControlError;
use crate::domain::Callback;
use crate::yaml::nearest;

/// Takes a callback for which no URL is configured, so that a first call shows the whole sequence.
pub(super) async fn receive_callback(
    request: HttpRequest,
    callback: web::Path<String>,
) -> Result<HttpResponse, ControlError> {
    let Some(known) = Callback::from_name(&callback) else {
        let message = format!("there is no inbox for `{callback}`");
        let names = Callback::ALL.map(Callback::name);
        let near = nearest(&callback, names).unwrap_or(names[0]);
        return Err(ControlError::not_found("unknown_callback", message)
            .with_hint(format!("did you mean `{near}`?")));
    };
    tracing::info!(
        callback = known.name(),
        "inbox received {known}?{}",
        request.query_string()
    );
    Ok(HttpResponse::Ok().json(json!({ "received": known.name() })))
}
