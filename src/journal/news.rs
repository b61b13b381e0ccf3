use super::events::{Events, Happening, ProjectTag};
use super::metrics::Metrics;
use crate::domain::{Moment, Sid};

/// Where what happens is told besides the record.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) events: Events,
    pub(super) metrics: Metrics,
}

impl News {
    pub(super) fn tell(
        &self,
        at: Moment,
        project: Option<ProjectTag>,
        sid: Option<Sid>,
        what: Happening,
    ) {
        self.metrics.count(&what);
        self.events.publish(at, project, sid, what);
    }

    /// Waits until `holds`; has no limit of its own. Asks again after everything that is told.
    pub(super) async fn wait_until(&self, mut holds: impl FnMut() -> bool) {
        loop {
            // What happens during the check is past this number, hence not missed.
            let seen = self.events.last();
            if holds() {
                return;
            }
            self.events.wait_past(seen).await;
        }
    }
}
