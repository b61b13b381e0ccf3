use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::route::{Route, post};
use super::{Body, ControlError, NAME, projects};
use crate::emulator::Core;
use crate::project::Arm;
use crate::scenario::{Conditions, MatchFile};

pub(super) fn routes() -> Vec<Route> {
    vec![
        post("/projects/{project}/arm", arm)
            .summary("Lets the next calls that match take a scenario, before header, match and default.")
            .path_param::<String>("project", NAME)
            .body::<ArmRequest>(
                "Which scenario, for which calls.",
                json!({ "scenario": "callee-declines", "match": { "to_user_id": "alice" }, "times": 1 }),
            )
            .answers::<Armed>(200, "It waits for its calls.")
            .refuses(404, "unknown_project")
            .refuses(404, "unknown_scenario"),
    ]
}

/// A scenario that shall wait for the next calls.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ArmRequest {
    /// The name of the scenario.
    scenario: String,
    /// Which calls it is for; all if left out.
    #[serde(rename = "match")]
    matching: Option<MatchFile>,
    /// How many calls take it.
    #[serde(default = "once")]
    #[schemars(range(min = 1, max = 1_000_000))]
    times: u32,
}

const fn once() -> u32 {
    1
}

/// A scenario that waits for the next calls.
#[derive(Debug, Serialize, JsonSchema)]
struct Armed {
    project: Arc<str>,
    scenario: Arc<str>,
    /// How many calls take it.
    times: u32,
}

async fn arm(
    core: Data<Core>,
    name: Path<String>,
    Body(request): Body<ArmRequest>,
) -> Result<HttpResponse, ControlError> {
    let project = projects::find(&core, &name)?;
    let catalog = core.scenarios.catalog();
    let scenario = catalog.find(&request.scenario).map_err(|reason| {
        ControlError::not_found("unknown_scenario", reason)
            .with_hint("`GET /_emulator/scenarios` lists them")
    })?;
    let armed = Armed {
        project: project.name.clone(),
        scenario: scenario.name.clone(),
        times: request.times,
    };
    project.run().arm(Arm {
        scenario,
        conditions: request.matching.map(Conditions::from),
        times: request.times,
    });
    Ok(HttpResponse::Ok().json(armed))
}
