use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use hashbrown::HashTable;

use super::CallEntry;
use crate::domain::Sid;

/// The calls that are held, found by number and by session ID.
#[derive(Debug, Default)]
pub(super) struct Shelves {
    /// By their numbers, hence in the order of acceptance.
    calls: BTreeMap<u64, Arc<CallEntry>>,
    by_sid: BySid,
    /// The numbers of the settled calls among them, in the order in which they settled.
    settled: VecDeque<u64>,
    /// How many calls were ever taken up.
    opened: u64,
    dropped: u64,
}

impl Shelves {
    /// Every call, in the order of acceptance.
    pub(super) fn calls(&self) -> impl Iterator<Item = &Arc<CallEntry>> {
        self.calls.values()
    }

    /// The calls after the one of this number, in the order of acceptance.
    pub(super) fn after(&self, number: u64) -> impl Iterator<Item = &Arc<CallEntry>> {
        let after = self.calls.range((Excluded(number), Unbounded));
        after.map(|(_, entry)| entry)
    }

    pub(super) fn find(&self, sid: Sid) -> Option<Arc<CallEntry>> {
        self.by_sid.find(sid).cloned()
    }

    pub(super) fn live(&self) -> usize {
        self.calls.len() - self.settled.len()
    }

    pub(super) fn settled(&self) -> usize {
        self.settled.len()
    }

    pub(super) const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Takes up the call that `make` makes of its number.
    pub(super) fn put(&mut self, make: impl FnOnce(u64) -> CallEntry) -> Arc<CallEntry> {
        self.opened += 1;
        let entry = Arc::new(make(self.opened));
        self.calls.insert(entry.number, entry.clone());
        self.by_sid.insert(entry.clone());
        entry
    }

    /// Gives back the call that had to go to make room, if one had to.
    pub(super) fn settle(&mut self, number: u64, at_most: usize) -> Option<Arc<CallEntry>> {
        // A call that was forgotten in the meantime has no place here any more.
        if self.calls.contains_key(&number) {
            self.settled.push_back(number);
        }
        if self.settled.len() <= at_most {
            return None;
        }
        self.dropped += 1;
        let oldest = self.settled.pop_front()?;
        self.remove(oldest)
    }

    /// Removes the calls that are `old`, and gives them back.
    pub(super) fn forget(&mut self, is_old: impl Fn(&CallEntry) -> bool) -> Vec<Arc<CallEntry>> {
        let old = self.calls.values().filter(|entry| is_old(entry));
        let old: Vec<_> = old.map(|entry| entry.number).collect();
        let forgotten = old.into_iter().filter_map(|number| self.remove(number));
        let forgotten = forgotten.collect();
        let Self { calls, settled, .. } = self;
        settled.retain(|number| calls.contains_key(number));
        forgotten
    }

    fn remove(&mut self, number: u64) -> Option<Arc<CallEntry>> {
        let entry = self.calls.remove(&number)?;
        self.by_sid.remove(&entry);
        Some(entry)
    }
}

/// Calls by session ID, each with the hash of that. A map would have all of it once more for each call.
#[derive(Debug, Default)]
struct BySid(HashTable<(u64, Arc<CallEntry>)>);

impl BySid {
    fn find(&self, sid: Sid) -> Option<&Arc<CallEntry>> {
        let found = self.0.find(sid.hash(), |(_, entry)| entry.sid() == sid);
        found.map(|(_, entry)| entry)
    }

    /// The call that is found by its session ID from now on: with a seed, the calls after a reset have the
    /// session IDs of the calls before it.
    fn insert(&mut self, entry: Arc<CallEntry>) {
        let (sid, hash) = (entry.sid(), entry.sid().hash());
        match self.0.find_mut(hash, |(_, known)| known.sid() == sid) {
            Some((_, known)) => *known = entry,
            None => {
                self.0.insert_unique(hash, (hash, entry), |(hash, _)| *hash);
            }
        }
    }

    /// Removes this call, unless another one has taken its session ID.
    fn remove(&mut self, entry: &CallEntry) {
        let hash = entry.sid().hash();
        let found = self
            .0
            .find_entry(hash, |(_, known)| known.number == entry.number);
        if let Ok(found) = found {
            found.remove();
        }
    }
}
