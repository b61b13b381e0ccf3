use actix_web::{HttpResponse, web};
use serde::Serialize;

use crate::emulator::Core;

#[derive(Serialize)]
struct Health {
    ready: bool,
    version: &'static str,
    projects: usize,
    scenarios: usize,
    calls: Calls,
}

#[derive(Serialize)]
struct Calls {
    live: usize,
    settled: usize,
    /// Settled calls that the journal no longer holds.
    dropped: u64,
}

/// Version, readiness, counts.
pub(super) async fn get_health(core: web::Data<Core>) -> HttpResponse {
    let counts = core.journal.counts();
    HttpResponse::Ok().json(Health {
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
