use actix_web::web::{Data, Json};
use schemars::JsonSchema;
use serde::Serialize;

use super::route::{Route, get};
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
    /// How many scenarios there are.
    scenarios: usize,
    /// How many calls the journal holds.
    calls: Calls,
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
    Json(Health {
        ready: true,
        version: env!("CARGO_PKG_VERSION"),
        projects: core.projects.count(),
        scenarios: core.catalog.len(),
        calls: Calls {
            live: counts.live,
            settled: counts.settled,
            dropped: counts.dropped,
        },
    })
}
