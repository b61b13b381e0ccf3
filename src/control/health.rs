use actix_web::web::{Data, Json};
use schemars::JsonSchema;
use serde::Serialize;

use super::error::FaultView;
use super::route::{Route, get};
use crate::domain::Moment;
use crate::emulator::Core;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/health", get_health)
            .summary("Tells version, readiness and counts.")
            .open()
            .answers::<Health>(200, "The emulator is ready."),
    ]
}

/// Version, readiness, counts.
#[derive(Serialize, JsonSchema)]
struct Health {
    /// Always true: who is not ready does not answer.
    ready: bool,
    /// The emulator's version.
    #[schemars(example = &env!("CARGO_PKG_VERSION"))]
    version: &'static str,
    /// How many projects there are.
    projects: usize,
    scenarios: Scenarios,
    /// How many calls the journal holds.
    calls: Calls,
}

/// The scenarios in force.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ScenarioCounts")]
struct Scenarios {
    count: usize,
    /// Since when these are in force.
    loaded_at: Option<Moment>,
    /// Why the files as they are now are not in force; empty if they are.
    faults: Vec<FaultView>,
}

/// How many calls the journal holds.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CallCounts")]
struct Calls {
    /// Calls for which something may still be sent.
    live: usize,
    /// Calls for which nothing more will be sent.
    settled: usize,
    /// Settled calls that the journal no longer holds.
    dropped: u64,
}

async fn get_health(core: Data<Core>) -> Json<Health> {
    let counts = core.journal.counts();
    let status = core.scenarios.status();
    Json(Health {
        ready: true,
        version: env!("CARGO_PKG_VERSION"),
        projects: core.projects.count(),
        scenarios: Scenarios {
            count: core.scenarios.catalog().len(),
            loaded_at: status.loaded_at,
            faults: status.faults.into_iter().map(FaultView::in_text).collect(),
        },
        calls: Calls {
            live: counts.live,
            settled: counts.settled,
            dropped: counts.dropped,
        },
    })
}
