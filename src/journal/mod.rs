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

    /// Settles every live call, with the callbacks it still owed as abandoned. Gives back how many
    /// callbacks these are.
    pub(crate) fn abandon_live_calls(&self) -> usize {
        let entries: Vec<_> = locked(&self.shelves).calls.values().cloned().collect();
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
