use std::sync::Arc;

use super::events::{Events, Happening};
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
        project: Option<Arc<str>>,
        sid: Option<Sid>,
        what: Happening,
    ) {
        self.metrics.count(&what);
        self.events.publish(at, project, sid, what);
    }
}
