use actix_web::HttpRequest;
use actix_web::web::{Json, Path};
use schemars::JsonSchema;
use serde::Serialize;

use super::ControlError;
use super::route::{Route, get};
use crate::domain::Callback;
use crate::yaml::nearest;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/inbox/{callback}", receive_callback)
            .summary("Takes a callback for which no URL is configured, and logs it.")
            .open()
            .path_param::<Callback>("callback", "Which callback.")
            .answers::<Receipt>(200, "It was taken.")
            .refuses(404, "unknown_callback"),
    ]
}

/// That a callback was taken.
#[derive(Serialize, JsonSchema)]
struct Receipt {
    /// Which callback.
    received: Callback,
}

/// Takes a callback for which no URL is configured, so that a first call shows the whole sequence.
async fn receive_callback(
    request: HttpRequest,
    callback: Path<String>,
) -> Result<Json<Receipt>, ControlError> {
    let Some(received) = Callback::from_name(&callback) else {
        let message = format!("there is no inbox for `{callback}`");
        let names = Callback::ALL.map(Callback::name);
        let near = nearest(&callback, names).unwrap_or(names[0]);
        return Err(ControlError::not_found("unknown_callback", message)
            .with_hint(format!("did you mean `{near}`?")));
    };
    tracing::info!(
        callback = received.name(),
        "inbox received {received}?{}",
        request.query_string()
    );
    Ok(Json(Receipt { received }))
}
