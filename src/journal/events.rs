use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};

use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::Notify;

use super::record::Outcome;
use super::rings::Rings;
use crate::domain::{CallState, Callback, Moment, Sid};
use crate::sync::locked;

/// So many of the latest events are there for readers that lag or come back.
const HELD: usize = 10_000;
/// So many are given out in one go, so that a reader holds nobody up.
const BATCH: usize = 500;

/// What happens in all projects, in order.
#[derive(Debug)]
pub(crate) struct Events {
    told: Rings<Held>,
    /// Somebody waits for the next one; nearly always nobody does.
    is_awaited: AtomicBool,
    published: Notify,
    projects: Mutex<Projects>,
}

/// An event as it is held. To count references to the project's name would be for all threads to take turns.
#[derive(Debug)]
struct Held {
    at: Moment,
    project: Option<ProjectTag>,
    sid: Option<Sid>,
    what: Happening,
}

/// What stands for the name of a project in events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProjectTag(u32);

/// The names of all projects there ever were.
#[derive(Debug, Default)]
struct Projects {
    names: Vec<Arc<str>>,
    tags: HashMap<Arc<str>, ProjectTag>,
}

impl Projects {
    fn tag(&mut self, name: &Arc<str>) -> ProjectTag {
        if let Some(known) = self.tags.get(name) {
            return *known;
        }
        // There is no memory for as many names as this cannot count.
        let tag = ProjectTag(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        self.names.push(name.clone());
        self.tags.insert(name.clone(), tag);
        tag
    }

    fn name(&self, tag: ProjectTag) -> Option<Arc<str>> {
        self.names.get(tag.0 as usize).cloned()
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Event {
    /// Its number: one more than that of the event before, in whatever project.
    #[schemars(range(min = 1))]
    pub(crate) n: u64,
    /// When it happened, on the project's clock.
    pub(crate) at: Moment,
    /// The project in which it happened; null if it concerns all of them, or none is known.
    #[schemars(example = &"shop")]
    pub(crate) project: Option<Arc<str>>,
    /// The call in which it happened, if it was one.
    pub(crate) sid: Option<Sid>,
    #[serde(flatten)]
    pub(crate) what: Happening,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Happening {
    /// A call entered a state.
    Call {
        /// The state.
        state: CallState,
    },
    /// Nothing more will be sent for a call.
    Settled,
    /// A callback is on its way, was tried, or is not sent.
    Delivery {
        /// Its number within the call.
        #[schemars(range(min = 1))]
        delivery: usize,
        /// Which callback.
        callback: Callback,
        /// What became of it; pending while it is on its way.
        outcome: Outcome,
        /// The status of the answer, if there was one.
        status: Option<u16>,
    },
    /// Something worth knowing about the app server's behaviour in a call.
    Remark {
        /// What it is.
        remark: Arc<str>,
    },
    /// An API request was refused.
    Refused {
        /// The number of the request.
        #[schemars(range(min = 1))]
        request: u64,
        /// The status of the answer.
        status: u16,
        /// Why.
        message: Cow<'static, str>,
    },
    /// A project changed as a whole.
    Project {
        /// How.
        change: ProjectChange,
    },
    /// The catalog of scenarios changed, or did not since the new one has faults.
    Scenarios {
        /// Which of the two.
        change: ScenariosChange,
        /// In words.
        message: Arc<str>,
    },
}

impl Happening {
    /// The name of its type.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Call { .. } => "call",
            Self::Settled => "settled",
            Self::Delivery { .. } => "delivery",
            Self::Remark { .. } => "remark",
            Self::Refused { .. } => "refused",
            Self::Project { .. } => "project",
            Self::Scenarios { .. } => "scenarios",
        }
    }
}

/// How a project changed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ProjectChange {
    /// It is there from now on.
    Created,
    /// It has other settings.
    Replaced,
    /// It is as new.
    Reset,
    /// It is gone.
    Deleted,
}

/// Whether a catalog of scenarios was taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ScenariosChange {
    /// The new one is in force.
    Reloaded,
    /// The old one stays in force.
    Refused,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            told: Rings::new(HELD),
            is_awaited: AtomicBool::new(false),
            published: Notify::new(),
            projects: Mutex::default(),
        }
    }
}

impl Events {
    /// What stands for this project in [`publish`](Self::publish).
    pub(super) fn tag(&self, project: &Arc<str>) -> ProjectTag {
        locked(&self.projects).tag(project)
    }

    pub(super) fn publish(
        &self,
        at: Moment,
        project: Option<ProjectTag>,
        sid: Option<Sid>,
        what: Happening,
    ) {
        let event = Held {
            at,
            project,
            sid,
            what,
        };
        // What has to go is dropped without a lock.
        let _gone = self.told.push(|_| event);
        if self.is_awaited.load(SeqCst) && self.is_awaited.swap(false, SeqCst) {
            self.published.notify_waiters();
        }
    }

    /// The events after the one of this number, and how many of them are no longer held.
    ///
    /// Gives out a few hundred at most: a reader goes on from the last one it was given, until there is
    /// none. A number that no event has yet is of an earlier run, and stands for the beginning.
    pub(crate) fn since(&self, number: u64) -> (u64, Vec<Event>) {
        let last = self.last();
        let number = if number > last { 0 } else { number };
        // Some of each thread may be older than that.
        let start = number.max(last.saturating_sub(HELD as u64));
        let projects = locked(&self.projects);
        let events = self
            .told
            .after(start, BATCH, |n, held| held.event(n, &projects));
        let missed = events.first().map_or(0, |first| first.n - number - 1);
        (missed, events)
    }

    /// The number of the latest event; 0 if there is none yet.
    pub(crate) fn last(&self) -> u64 {
        self.told.last()
    }

    /// Waits until [`since`](Self::since) has something to give for this number.
    pub(crate) async fn wait_past(&self, number: u64) {
        loop {
            // Interest is registered before the check: an event in between is not missed.
            let mut published = std::pin::pin!(self.published.notified());
            published.as_mut().enable();
            self.is_awaited.store(true, SeqCst);
            let last = self.last();
            if last != number && last != 0 {
                return;
            }
            published.await;
        }
    }
}

impl Held {
    fn event(&self, n: u64, projects: &Projects) -> Event {
        Event {
            n,
            at: self.at,
            project: self.project.and_then(|tag| projects.name(tag)),
            sid: self.sid,
            what: self.what.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::task::{Context, Poll, Waker};

    use proptest::prelude::*;

    use super::*;
    use crate::journal::sample::{at, conforms, message, opened};
    use crate::journal::{AttemptRecord, Journal, RequestRecord};
    use crate::wire::ErrorAnswer;

    fn publish(events: &Events, times: usize) {
        for _ in 0..times {
            events.publish(at(0), None, None, Happening::Settled);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]
        #[test]
        fn a_reader_that_lags_is_told_exactly_how_many_it_missed(
            published in prop::collection::vec(0..9_000_usize, 1..6)
        ) {
            let events = Events::default();
            let (mut told, mut seen) = (0, 0);
            for times in published {
                publish(&events, times);
                loop {
                    let (missed, batch) = events.since(seen);
                    let Some(last) = batch.last() else { break };
                    told += missed + batch.len() as u64;
                    seen = last.n;
                }
                prop_assert_eq!(told, events.last());
                publish(&events, HELD + 7);
                let (missed, _) = events.since(seen);
                prop_assert_eq!(missed, 7);
            }
        }
    }

    #[test]
    fn a_number_of_an_earlier_run_stands_for_the_beginning() {
        let events = Events::default();
        assert_eq!(events.since(500), (0, Vec::new()));
        publish(&events, 2);
        let (missed, batch) = events.since(500);
        assert_eq!((missed, batch.len()), (0, 2));
    }

    #[test]
    fn who_waits_is_woken_by_the_next_event_and_no_earlier() {
        let events = Events::default();
        let mut context = Context::from_waker(Waker::noop());
        publish(&events, 3);
        let mut waiting = std::pin::pin!(events.wait_past(3));
        assert_eq!(waiting.as_mut().poll(&mut context), Poll::Pending);

        publish(&events, 1);

        assert_eq!(waiting.as_mut().poll(&mut context), Poll::Ready(()));
        for number in [0, 3, 500] {
            let mut past = std::pin::pin!(events.wait_past(number));
            assert_eq!(
                past.as_mut().poll(&mut context),
                Poll::Ready(()),
                "{number}"
            );
        }
    }

    #[test]
    fn what_happens_is_told_in_order() {
        let journal = Journal::new(10);
        let entry = opened(&journal, 1);
        let message = message("http://127.0.0.1:3000/", Default::default());
        let index = entry.begin_delivery(Callback::Notify, at(5), message);
        let attempt = AttemptRecord {
            sent_at: at(5),
            lateness: Default::default(),
            latency: Default::default(),
            result: Ok((500, "oops".into())),
        };
        let remark = Some("notify was answered 500".to_owned());
        entry.end_delivery(index, Outcome::Failed, attempt, remark);
        entry.drop_delivery(Callback::CallEvent);
        entry.enter(CallState::Failed, at(6));
        journal.settle(&entry);
        use ProjectChange::{Created, Deleted, Replaced, Reset};
        for change in [Created, Replaced, Reset, Deleted] {
            let shop = Some("shop".into());
            journal.announce(at(7), shop, Happening::Project { change });
        }
        for change in [ScenariosChange::Reloaded, ScenariosChange::Refused] {
            let message = "17 scenarios".into();
            journal.announce(at(7), None, Happening::Scenarios { change, message });
        }
        let request = RequestRecord::new("GET", "/nowhere", at(8));
        let answer = ErrorAnswer::new(404, "no such API");
        journal.requested(request.refused(&answer, b""));

        let mut shown = String::new();
        for event in journal.events().since(0).1 {
            let event = Event { at: at(0), ..event };
            conforms::<Event>(&serde_json::to_value(&event).unwrap());
            shown += &serde_json::to_string(&event).unwrap();
            shown += "\n";
        }
        insta::assert_snapshot!(shown, @r#"
        {"n":1,"at":"1970-01-01T00:00:00.000Z","project":"default","sid":"01010101-0101-4101-8101-010101010101","type":"call","state":"accepted"}
        {"n":2,"at":"1970-01-01T00:00:00.000Z","project":"default","sid":"01010101-0101-4101-8101-010101010101","type":"delivery","delivery":1,"callback":"notify","outcome":"pending","status":null}
        {"n":3,"at":"1970-01-01T00:00:00.000Z","project":"default","sid":"01010101-0101-4101-8101-010101010101","type":"remark","remark":"notify was answered 500"}
        {"n":4,"at":"1970-01-01T00:00:00.000Z","project":"default","sid":"01010101-0101-4101-8101-010101010101","type":"delivery","delivery":1,"callback":"notify","outcome":"failed","status":500}
        {"n":5,"at":"1970-01-01T00:00:00.000Z","project":"default","sid":"01010101-0101-4101-8101-010101010101","type":"delivery","delivery":2,"callback":"call_event","outcome":"dropped","status":null}
        {"n":6,"at":"1970-01-01T00:00:00.000Z","project":"default","sid":"01010101-0101-4101-8101-010101010101","type":"call","state":"failed"}
        {"n":7,"at":"1970-01-01T00:00:00.000Z","project":"default","sid":"01010101-0101-4101-8101-010101010101","type":"settled"}
        {"n":8,"at":"1970-01-01T00:00:00.000Z","project":"shop","sid":null,"type":"project","change":"created"}
        {"n":9,"at":"1970-01-01T00:00:00.000Z","project":"shop","sid":null,"type":"project","change":"replaced"}
        {"n":10,"at":"1970-01-01T00:00:00.000Z","project":"shop","sid":null,"type":"project","change":"reset"}
        {"n":11,"at":"1970-01-01T00:00:00.000Z","project":"shop","sid":null,"type":"project","change":"deleted"}
        {"n":12,"at":"1970-01-01T00:00:00.000Z","project":null,"sid":null,"type":"scenarios","change":"reloaded","message":"17 scenarios"}
        {"n":13,"at":"1970-01-01T00:00:00.000Z","project":null,"sid":null,"type":"scenarios","change":"refused","message":"17 scenarios"}
        {"n":14,"at":"1970-01-01T00:00:00.000Z","project":null,"sid":null,"type":"refused","request":1,"status":404,"message":"no such API"}
        "#);
    }
}
