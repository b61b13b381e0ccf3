use std::sync::Arc;
use std::time::Duration;

use super::{
    DisconnectReason, Moment, PlannedEnd, Releaser, Terminate, release_code_name,
    release_code_number,
};

/// How a call ended: everything that Call Event says beyond who and when (contract 8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CallEnd {
    /// Why.
    pub reason: DisconnectReason,
    /// By whom.
    pub releaser: Releaser,
    /// The Q.850 cause.
    pub terminate: Terminate,
    /// The release code.
    pub rel_code: u16,
    /// Its name.
    pub rel_code_str: Arc<str>,
    /// The application's own text.
    pub user_rel_code: Option<Arc<str>>,
    /// When.
    pub times: CallTimes,
}

impl CallEnd {
    /// The ordinary end for `reason`: releaser and codes follow from it.
    pub(crate) fn new(reason: DisconnectReason, times: CallTimes) -> Self {
        let rel_code = reason.usual_rel_code();
        Self {
            reason,
            releaser: reason.usual_releaser(),
            terminate: reason.terminate(times.start.is_some()),
            rel_code,
            rel_code_str: release_code_name(rel_code).unwrap_or("UNDEFINED").into(),
            user_rel_code: None,
            times,
        }
    }

    /// The same end, released by somebody else.
    #[must_use]
    pub(crate) fn by(mut self, releaser: Releaser) -> Self {
        self.releaser = releaser;
        self
    }

    /// The same end with another release code.
    #[must_use]
    pub(crate) fn rel_code(mut self, code: u16) -> Self {
        self.rel_code = code;
        self.rel_code_str = release_code_name(code).unwrap_or("UNKNOWN_ERROR").into();
        self
    }

    /// The same end with what the scenario says otherwise; a new reason brings its own releaser
    /// and codes.
    #[must_use]
    pub(crate) fn changed_by(self, planned: &PlannedEnd) -> Self {
        let mut end = match planned.reason {
            Some(reason) => Self::new(reason, self.times),
            None => self,
        };
        if let Some(releaser) = planned.by {
            end.releaser = releaser;
        }
        match (planned.rel_code, &planned.rel_code_str) {
            (Some(code), None) => end = end.rel_code(code),
            (code, Some(name)) => {
                let known = code.or_else(|| release_code_number(name));
                end.rel_code = known.unwrap_or(end.rel_code);
                end.rel_code_str = name.clone();
            }
            (None, None) => {}
        }
        end.terminate = planned.terminate.unwrap_or(end.terminate);
        end.user_rel_code = planned.user_rel_code.clone().or(end.user_rel_code);
        end
    }
}

/// The three times of a call and what follows from them.
///
/// The wire has whole seconds (contract 10-21), so that durations are differences of rounded times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallTimes {
    /// The call was made.
    pub setup: Moment,
    /// It was connected, if it was.
    pub start: Option<Moment>,
    /// It ended.
    pub end: Moment,
    /// The smallest duration of a connected call, in seconds (contract 10-27).
    pub connected_duration_at_least: u8,
}

impl CallTimes {
    /// `setup_time`.
    pub(crate) const fn setup_time(&self) -> i64 {
        self.setup.epoch_seconds()
    }

    /// `start_time`; 0 if the call was never connected.
    pub(crate) fn start_time(&self) -> i64 {
        self.start.map_or(0, Moment::epoch_seconds)
    }

    /// `end_time`.
    pub(crate) fn end_time(&self) -> i64 {
        let end = self.end.epoch_seconds();
        match self.start {
            Some(start) => {
                end.max(start.epoch_seconds() + i64::from(self.connected_duration_at_least))
            }
            None => end,
        }
    }

    /// `duration`: `end_time - start_time`, or 0 if the call was never connected.
    pub(crate) fn duration(&self) -> i64 {
        self.start
            .map_or(0, |start| self.end_time() - start.epoch_seconds())
    }

    /// `billing_sec`: the connected time, rounded up to seconds (contract 10-26).
    pub(crate) fn billing_sec(&self) -> u64 {
        let connected = self
            .start
            .map_or(Duration::ZERO, |start| self.end.since(start));
        connected.as_secs() + u64::from(connected.subsec_nanos() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(start: Option<u64>, end: u64) -> CallTimes {
        let at = |millis| Moment::from_epoch(Duration::from_millis(millis));
        CallTimes {
            setup: at(1_000_000),
            start: start.map(at),
            end: at(end),
            connected_duration_at_least: 1,
        }
    }

    #[test]
    fn duration_is_the_difference_of_the_times_sent() {
        for (what, times, expected) in [
            ("never connected", times(None, 1_060_900), (0, 1_060, 0, 0)),
            (
                "whole seconds",
                times(Some(1_002_000), 1_009_000),
                (1_002, 1_009, 7, 7),
            ),
            (
                "billing is rounded up",
                times(Some(1_002_000), 1_009_001),
                (1_002, 1_009, 7, 8),
            ),
            (
                "over a second's edge",
                times(Some(1_002_900), 1_004_100),
                (1_002, 1_004, 2, 2),
            ),
            (
                "connected for an instant",
                times(Some(1_002_100), 1_002_200),
                (1_002, 1_003, 1, 1),
            ),
        ] {
            let found = (
                times.start_time(),
                times.end_time(),
                times.duration(),
                times.billing_sec(),
            );
            assert_eq!(found, expected, "{what}");
        }
    }

    #[test]
    fn a_planned_end_changes_what_it_names_and_nothing_else() {
        let end = CallEnd::new(DisconnectReason::Normal, times(Some(1_002_000), 1_009_000));
        let planned = PlannedEnd {
            user_rel_code: Some("bye".into()),
            ..PlannedEnd::default()
        };
        let with_text = end.clone().changed_by(&planned);
        assert_eq!(with_text.user_rel_code.as_deref(), Some("bye"));
        assert_eq!((with_text.reason, with_text.rel_code), (end.reason, 1));

        let planned = PlannedEnd {
            reason: Some(DisconnectReason::NetworkUnstable),
            by: Some(Releaser::CloudServer),
            rel_code: Some(219),
            ..PlannedEnd::default()
        };
        let lost = end.changed_by(&planned);
        assert_eq!(lost.releaser, Releaser::CloudServer);
        assert_eq!(&*lost.rel_code_str, "SESS_ACTIVE_TIMEOUT");
        assert_eq!(lost.terminate, Terminate::NORMAL_RELEASED);
    }
}
