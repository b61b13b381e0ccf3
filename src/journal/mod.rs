//! What happened: a bounded record of every call, in memory.
//!
//! The life of a call tells its [`CallEntry`] what happens; the record, the log, events, metrics and who
//! waits follow from that. The journal is written to and asked; it calls nobody.

mod awaited;
mod entry;
mod events;
mod metrics;
mod news;
mod query;
mod record;
mod request;
mod ring;
mod rings;
#[cfg(test)]
mod sample;
mod shelves;
mod view;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

pub(crate) use awaited::Awaited;
pub(crate) use entry::CallEntry;
pub(crate) use events::{Event, Events, Happening, ProjectChange, ScenariosChange};
pub(crate) use metrics::Metrics;
pub(crate) use query::{CallFilter, RequestFilter};
pub(crate) use record::{AttemptRecord, CallRecord, DeliveryRecord, Origin, Outcome, PlacedCall};
pub(crate) use request::{RequestEntry, RequestRecord};
pub(crate) use view::Delivered;

use crate::clock::Clock;
use crate::domain::{CallState, Moment, Sid};
use crate::sync::locked;
use news::News;
use rings::Rings;
use shelves::Shelves;

/// The calls and requests of all projects.
///
/// Holds every live call and the latest settled ones: the oldest settled calls are dropped first, and
/// what was dropped is counted. Holds at least as many of the latest requests, and as many of
/// each thread at most.
#[derive(Debug)]
pub(crate) struct Journal {
    settled_at_most: usize,
    generations: AtomicU64,
    /// Asked for every request, hence without a lock.
    live: AtomicUsize,
    shelves: Mutex<Shelves>,
    requests: Rings<Arc<RequestEntry>>,
    news: Arc<News>,
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
            generations: AtomicU64::new(0),
            live: AtomicUsize::new(0),
            shelves: Mutex::default(),
            requests: Rings::new(settled_at_most),
            news: Arc::default(),
        }
    }

    /// Begins a run of a project, with a higher generation than any before.
    pub(crate) fn begin(&self, project: Arc<str>, clock: Clock) -> Arc<Origin> {
        Arc::new(Origin {
            tag: self.news.events.tag(&project),
            project,
            generation: self.generations.fetch_add(1, Ordering::Relaxed),
            clock,
            news: self.news.clone(),
        })
    }

    /// Takes up a call that was just accepted.
    pub(crate) fn open(&self, placed: PlacedCall, accepted_at: Moment) -> Arc<CallEntry> {
        let call = &placed.call;
        tracing::info!(
            sid = %placed.sid,
            project = &*placed.origin.project,
            scenario = &*placed.scenario,
            chosen_by = placed.chosen_by,
            to = %format_args!("{}/{}", call.to.service_id, call.to.user_id),
            "call accepted"
        );
        self.news.metrics.accepted(&placed.scenario);
        let entry = self.shelve(|shelves| shelves.put(|n| CallEntry::new(n, placed, accepted_at)));
        let state = CallState::Accepted;
        entry.tell(accepted_at, Happening::Call { state });
        entry
    }

    /// Takes up an API request, to be told once for each, when its answer is known.
    ///
    /// Wanted are the method and path of any request to the emulated surface, unknown paths included, the
    /// project and its generation as soon as the credentials tell, the scenario if one was chosen, and the
    /// session ID or the refusing answer. Writes the log line of a refusal.
    pub(crate) fn requested(&self, request: RequestRecord) {
        let (at, status) = (request.at, request.status);
        let refusal = request.message.clone();
        // Counting references to the project's name is for those alone who tell it.
        let project = refusal.as_ref().and_then(|_| request.project.clone());
        let (request, gone) = self
            .requests
            .push(|n| Arc::new(RequestEntry { n, request }));
        if gone.is_some() {
            self.news.metrics.dropped_request();
        }
        self.news.metrics.requested(status);
        if let Some(message) = refusal {
            tracing::info!(status, "request refused: {message}");
            let what = Happening::Refused {
                request,
                status,
                message,
            };
            self.announce(at, project, what);
        }
    }

    /// What happened, in order.
    pub(crate) fn events(&self) -> &Events {
        &self.news.events
    }

    /// The counts of all that happened, of the media type [`Metrics::CONTENT_TYPE`].
    pub(crate) fn metrics(&self) -> String {
        self.news.metrics.render(self.counts())
    }

    /// Adds an event that concerns no call.
    pub(crate) fn announce(&self, at: Moment, project: Option<Arc<str>>, what: Happening) {
        let project = project.map(|name| self.news.events.tag(&name));
        self.news.tell(at, project, None, what);
    }

    /// Waits until `holds`; has no limit of its own. Asks again after every event, hence after every
    /// change of a call.
    pub(crate) async fn wait_until(&self, holds: impl FnMut() -> bool) {
        self.news.wait_until(holds).await;
    }

    /// Marks a call as settled: nothing more will be sent for it.
    pub(crate) fn settle(&self, entry: &CallEntry) {
        // Who hears of it shall find the counts right.
        entry.settle(|| {
            let at_most = self.settled_at_most;
            let gone = self.shelve(|shelves| shelves.settle(entry.number, at_most));
            if gone.is_some() {
                self.news.metrics.dropped_call();
            }
        });
    }

    /// The call of this session ID, unless it was never made or was dropped since.
    pub(crate) fn find(&self, sid: Sid) -> Option<Arc<CallEntry>> {
        locked(&self.shelves).find(sid)
    }

    /// Removes what the generations of a project before `generation` left behind: requests, and calls, the
    /// live ones included. These settle, with the callbacks they still owed as abandoned.
    pub(crate) fn forget(&self, project: &str, generation: u64) {
        self.requests
            .retain(|entry| !entry.is_older(project, generation));
        let is_old = |entry: &CallEntry| entry.is_older(project, generation);
        let forgotten = self.shelve(|shelves| shelves.forget(is_old));
        for entry in forgotten {
            entry.abandon();
            entry.settle(|| ());
        }
    }

    /// Every call that is held, in no order.
    pub(crate) fn all_calls(&self) -> Vec<Arc<CallEntry>> {
        locked(&self.shelves).calls().cloned().collect()
    }

    /// Settles every live call, with the callbacks it still owed as abandoned. Gives back how many
    /// callbacks these are.
    pub(crate) fn abandon_live_calls(&self) -> usize {
        let abandon = |entry: &Arc<CallEntry>| {
            let abandoned = entry.abandon();
            self.settle(entry);
            abandoned
        };
        self.all_calls().iter().map(abandon).sum()
    }

    /// How many calls are live.
    pub(crate) fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    fn shelve<T>(&self, change: impl FnOnce(&mut Shelves) -> T) -> T {
        let mut shelves = locked(&self.shelves);
        let changed = change(&mut shelves);
        self.live.store(shelves.live(), Ordering::Relaxed);
        changed
    }

    pub(crate) fn counts(&self) -> JournalCounts {
        let shelves = locked(&self.shelves);
        JournalCounts {
            live: shelves.live(),
            settled: shelves.settled(),
            dropped: shelves.dropped(),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::sample::{at, opened, opened_in};
    use super::*;

    fn has(journal: &Journal, entry: &CallEntry) -> bool {
        journal.find(entry.sid()).is_some()
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

    #[test]
    fn forgetting_removes_exactly_the_older_generations_of_one_project() {
        let journal = Journal::new(3);
        let [live, settled, twin] = [0, 1, 2].map(|n| opened_in(&journal, n, ("shop", 0)));
        let other = opened_in(&journal, 3, ("bank", 0));
        let new = opened_in(&journal, 4, ("shop", 1));
        let new_twin = opened_in(&journal, 2, ("shop", 1));
        journal.settle(&settled);
        journal.settle(&other);

        journal.forget("shop", 1);

        for gone in [&live, &settled] {
            assert!(!has(&journal, gone));
        }
        for kept in [&other, &new] {
            assert!(has(&journal, kept));
        }
        let found = journal.find(twin.sid()).unwrap();
        assert!(Arc::ptr_eq(&found, &new_twin));
        let expected = JournalCounts {
            live: 2,
            settled: 1,
            dropped: 0,
        };
        assert_eq!(journal.counts(), expected);
        assert!(live.read(|record| record.settled), "who waits is let go");

        journal.settle(&live);
        assert_eq!(journal.counts(), expected, "what is forgotten stays so");
    }

    #[test]
    fn who_waits_for_any_call_hears_of_a_change_during_the_check() {
        let journal = Journal::new(10);
        let entry = opened(&journal, 1);
        let mut checks = 0;
        let waiting = journal.wait_until(|| {
            checks += 1;
            let is_ringing = entry.read(|record| record.has_been(CallState::Ringing));
            if !is_ringing {
                entry.enter(CallState::Ringing, at(5));
            }
            is_ringing
        });

        assert!(waiting.now_or_never().is_some());
        assert_eq!(checks, 2);
    }
}
