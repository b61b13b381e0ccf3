//! What happened: a bounded record of every call, in memory.
//!
//! The journal is written to and asked; it calls nobody.

mod record;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

pub(crate) use record::{
    AttemptRecord, CallRecord, DeliveryRecord, Outcome, PlacedCall, StateRecord,
};

use crate::domain::Sid;

/// The calls of all projects.
///
/// Holds every live call and the latest settled ones: the oldest settled calls are dropped first, and
/// what was dropped is counted.
#[derive(Debug)]
pub(crate) struct Journal {
    settled_at_most: usize,
    shelves: Mutex<Shelves>,
}

#[derive(Debug, Default)]
struct Shelves {
    calls: HashMap<Sid, Arc<CallEntry>>,
    /// In the order in which they settled.
    settled: VecDeque<Sid>,
    dropped: u64,
}

/// How many calls the journal holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JournalCounts {
    pub(crate) live: usize,
    pub(crate) settled: usize,
    pub(crate) dropped: u64,
}

impl Journal {
    pub(crate) fn new(settled_at_most: usize) -> Self {
        Self {
            settled_at_most,
            shelves: Mutex::default(),
        }
    }

    /// Takes up a call that was just accepted.
    pub(crate) fn open(&self, record: CallRecord) -> Arc<CallEntry> {
        let sid = record.sid;
        let entry = Arc::new(CallEntry {
            record: Mutex::new(record),
            changed: Notify::new(),
        });
        locked(&self.shelves).calls.insert(sid, entry.clone());
        entry
    }

    /// Marks a call as settled: nothing more will be sent for it.
    pub(crate) fn settle(&self, entry: &CallEntry) {
        let sid = entry.read(|record| record.sid);
        entry.change(|record| record.settled = true);
        let shelves = &mut *locked(&self.shelves);
        shelves.settled.push_back(sid);
        while shelves.settled.len() > self.settled_at_most {
            if let Some(oldest) = shelves.settled.pop_front() {
                shelves.calls.remove(&oldest);
                shelves.dropped += 1;
            }
        }
    }

    /// The call of this session ID, unless it was never made or was dropped since.
    pub(crate) fn find(&self, sid: Sid) -> Option<Arc<CallEntry>> {
        locked(&self.shelves).calls.get(&sid).cloned()
    }

    /// Every call that is held, in no order.
    pub(crate) fn calls(&self) -> Vec<Arc<CallEntry>> {
        locked(&self.shelves).calls.values().cloned().collect()
    }

    /// Settles every live call, with the callbacks it still owed as abandoned. Gives back how many
    /// callbacks these are.
    pub(crate) fn abandon_live_calls(&self) -> usize {
        let entries = self.calls();
        let live = entries.iter().filter(|entry| !entry.read(|r| r.settled));
        live.map(|entry| {
            let abandoned = entry.change(CallRecord::abandon);
            self.settle(entry);
            abandoned
        })
        .sum()
    }

    pub(crate) fn counts(&self) -> JournalCounts {
        let shelves = locked(&self.shelves);
        JournalCounts {
            live: shelves.calls.len() - shelves.settled.len(),
            settled: shelves.settled.len(),
            dropped: shelves.dropped,
        }
    }
}

/// One call in the journal.
#[derive(Debug)]
pub(crate) struct CallEntry {
    record: Mutex<CallRecord>,
    changed: Notify,
}

impl CallEntry {
    /// Looks at the record as it stands.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&CallRecord) -> T) -> T {
        look(&locked(&self.record))
    }

    /// Changes the record and wakes who waits for it.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut CallRecord) -> T) -> T {
        let changed = change(&mut locked(&self.record));
        self.changed.notify_waiters();
        changed
    }

    /// Waits until the record is as `wanted`; has no limit of its own.
    pub(crate) async fn wait_until(&self, wanted: impl Fn(&CallRecord) -> bool) {
        loop {
            // Interest is registered before the check: a change in between is not missed.
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if self.read(&wanted) {
                return;
            }
            changed.await;
        }
    }
}

/// A panic while the lock was held leaves a record that may lack a line, which is still worth showing.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::{Callee, Caller, MakeCall, Moment, ServiceId, UserId};

    fn opened(journal: &Journal, number: u8) -> Arc<CallEntry> {
        let call = MakeCall {
            from: Caller {
                service_id: ServiceId::parse("shop").unwrap(),
                user_id: UserId::parse("AGENT").unwrap(),
            },
            to: Callee {
                service_id: "shop".into(),
                user_id: "alice".into(),
            },
            content_ids: Box::default(),
            play_count: 1,
            play_wait: Duration::ZERO,
            app_svr_data: None,
            call_start_message: None,
            record_on_cloud: false,
            use_responder_preparation: false,
            initiation_failure: None,
        };
        let placed = PlacedCall {
            project: "default".into(),
            scenario: "answered".into(),
            chosen_by: "default",
            call: Arc::new(call),
            request: "{}".into(),
        };
        let sid = Sid::from_random_bytes([number; 16]);
        let now = Moment::from_epoch(Duration::ZERO);
        journal.open(CallRecord::new(sid, placed, now))
    }

    fn has(journal: &Journal, entry: &CallEntry) -> bool {
        journal.find(entry.read(|record| record.sid)).is_some()
    }

    #[test]
    fn the_oldest_settled_calls_are_dropped_and_counted_and_live_ones_never() {
        let journal = Journal::new(2);
        let live = opened(&journal, 0);
        let settled: Vec<_> = (1..=3).map(|number| opened(&journal, number)).collect();
        for entry in &settled {
            journal.settle(entry);
        }

        assert!(has(&journal, &live));
        assert!(!has(&journal, &settled[0]));
        assert!(has(&journal, &settled[1]) && has(&journal, &settled[2]));
        let expected = JournalCounts {
            live: 1,
            settled: 2,
            dropped: 1,
        };
        assert_eq!(journal.counts(), expected);
    }

    #[test]
    fn what_a_live_call_still_owes_is_abandoned_once() {
        let journal = Journal::new(10);
        let live = opened(&journal, 0);
        journal.settle(&opened(&journal, 1));

        assert_eq!(journal.abandon_live_calls(), 3);

        assert_eq!(journal.abandon_live_calls(), 0);
        let outcomes: Vec<_> = live.read(|r| r.deliveries.iter().map(|d| d.outcome).collect());
        assert_eq!(outcomes, [Outcome::Abandoned; 3]);
        assert!(live.read(|record| record.settled));
    }
}
