use actix_web::HttpResponse;
use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::route::{Route, post};
use super::{Body, ControlError, projects};
use crate::domain::Sid;
use crate::emulator::Core;
use crate::verify::{Difference, Expectation, VerifyRequest};

pub(super) fn routes() -> Vec<Route> {
    vec![
        post("/verify", verify)
            .summary("Checks that calls were made and callbacks delivered.")
            .body::<VerifyRequest>(
                "What is expected.",
                json!({
                    "project": "default",
                    "match": { "to_user_id": "alice" },
                    "count": { "exactly": 1 },
                    "delivered": ["call_event"],
                    "within": "5s",
                }),
            )
            .answers::<Verified>(200, "It is so.")
            .answers::<NotVerified>(409, "It is not so, with the calls that come closest.")
            .refuses(404, "unknown_project"),
    ]
}

/// What was expected is so.
#[derive(Debug, Serialize, JsonSchema)]
struct Verified {
    /// Always true.
    verified: bool,
    /// How many calls counted.
    count: usize,
    /// Their session IDs.
    sids: Vec<Sid>,
}

/// What was expected is not so.
#[derive(Debug, Serialize, JsonSchema)]
struct NotVerified {
    error: Difference,
}

async fn verify(
    core: Data<Core>,
    Body(request): Body<VerifyRequest>,
) -> Result<HttpResponse, ControlError> {
    if let Some(name) = &request.project {
        projects::find(&core, name)?;
    }
    let expectation = Expectation::from(request);
    let verified = expectation.verify(&core.journal, core.longest_wait()).await;
    Ok(match verified {
        Ok(counting) => HttpResponse::Ok().json(Verified {
            verified: true,
            count: counting.len(),
            sids: counting.iter().map(|entry| entry.sid()).collect(),
        }),
        Err(error) => HttpResponse::Conflict().json(NotVerified { error }),
    })
}
