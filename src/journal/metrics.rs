//! Counts since the start, over all projects.

mod text;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use thread_local::ThreadLocal;

use super::JournalCounts;
use super::events::Happening;
use super::record::{AttemptRecord, Outcome};
use crate::domain::{CallState, Callback};
use crate::sync::locked;

/// In seconds: from what a callback on one machine takes to what an app server is given at most.
const BUCKETS: [f64; 14] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The counts, added up when they are asked for.
///
/// Each thread counts by itself: a counter in common would go to and fro between the threads several
/// times in each call.
#[derive(Debug, Default)]
pub(crate) struct Metrics(ThreadLocal<Mutex<Tally>>);

/// What some thread has counted, or all of them.
#[derive(Debug, Default)]
struct Tally {
    /// Accepted calls by scenario.
    calls: HashMap<Arc<str>, u64>,
    /// In the order of [`CallState::ALL`].
    states: [u64; CallState::ALL.len()],
    dropped_calls: u64,
    dropped_requests: u64,
    /// Requests by the status of the answer.
    requests: BTreeMap<u16, u64>,
    /// In the order of [`Callback::ALL`].
    deliveries: [DeliveryTally; Callback::ALL.len()],
}

#[derive(Debug, Default)]
struct DeliveryTally {
    /// In the order of [`Outcome`].
    outcomes: [u64; Outcome::COUNT],
    lateness: Spans,
    answer: Spans,
}

/// How many spans there were, by length.
#[derive(Debug, Default)]
struct Spans {
    /// In seconds.
    sum: f64,
    /// As many as are within each of [`BUCKETS`] and not within the one before; the rest are last.
    counts: [u64; BUCKETS.len() + 1],
}

impl Metrics {
    /// The media type of what [`render`](Self::render) gives.
    pub(crate) const CONTENT_TYPE: &str = text::CONTENT_TYPE;

    pub(super) fn count(&self, what: &Happening) {
        match what {
            Happening::Call { state } => self.change(|tally| tally.states[*state as usize] += 1),
            Happening::Delivery {
                callback, outcome, ..
            } => self.change(|tally| {
                tally.deliveries[*callback as usize].outcomes[*outcome as usize] += 1;
            }),
            _ => {}
        }
    }

    pub(super) fn accepted(&self, scenario: &Arc<str>) {
        self.change(|tally| tally.add_calls(scenario, 1));
    }

    pub(super) fn requested(&self, status: u16) {
        self.change(|tally| *tally.requests.entry(status).or_default() += 1);
    }

    pub(super) fn attempted(&self, callback: Callback, attempt: &AttemptRecord) {
        self.change(|tally| {
            let of = &mut tally.deliveries[callback as usize];
            of.lateness.observe(attempt.lateness);
            if attempt.result.is_ok() {
                of.answer.observe(attempt.latency);
            }
        });
    }

    pub(super) fn dropped_call(&self) {
        self.change(|tally| tally.dropped_calls += 1);
    }

    pub(super) fn dropped_request(&self) {
        self.change(|tally| tally.dropped_requests += 1);
    }

    /// All counts as a text that Prometheus reads.
    pub(super) fn render(&self, now: JournalCounts) -> String {
        let mut total = Tally::default();
        for tally in &self.0 {
            total.add(&locked(tally));
        }
        text::render(total, now.live)
    }

    fn change(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut locked(self.0.get_or_default()));
    }
}

impl Tally {
    fn add_calls(&mut self, scenario: &Arc<str>, count: u64) {
        match self.calls.get_mut(scenario) {
            Some(known) => *known += count,
            None => {
                self.calls.insert(scenario.clone(), count);
            }
        }
    }

    fn add(&mut self, other: &Self) {
        for (scenario, count) in &other.calls {
            self.add_calls(scenario, *count);
        }
        add_each(&mut self.states, &other.states);
        self.dropped_calls += other.dropped_calls;
        self.dropped_requests += other.dropped_requests;
        for (status, count) in &other.requests {
            *self.requests.entry(*status).or_default() += count;
        }
        for (of, other) in self.deliveries.iter_mut().zip(&other.deliveries) {
            add_each(&mut of.outcomes, &other.outcomes);
            of.lateness.add(&other.lateness);
            of.answer.add(&other.answer);
        }
    }
}

impl Spans {
    fn observe(&mut self, span: Duration) {
        let seconds = span.as_secs_f64();
        self.sum += seconds;
        self.counts[BUCKETS.partition_point(|longest| *longest < seconds)] += 1;
    }

    fn add(&mut self, other: &Self) {
        self.sum += other.sum;
        add_each(&mut self.counts, &other.counts);
    }
}

fn add_each(counts: &mut [u64], others: &[u64]) {
    for (count, other) in counts.iter_mut().zip(others) {
        *count += other;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::domain::{CallState, Callback};
    use crate::journal::sample::{at, message, opened};
    use crate::journal::{AttemptRecord, Journal, Outcome, RequestRecord};
    use crate::wire::ErrorAnswer;

    #[test]
    fn metrics_follow_from_what_is_told() {
        let journal = Journal::new(1);
        let settled = opened(&journal, 1);
        let message = message("http://127.0.0.1:3000/", Default::default());
        let index = settled.begin_delivery(Callback::Notify, at(0), message);
        let attempt = |result| AttemptRecord {
            sent_at: at(2),
            lateness: Duration::from_millis(2),
            latency: Duration::from_millis(30),
            result,
        };
        let failed = attempt(Err("connection refused".to_owned()));
        settled.end_delivery(index, Outcome::Pending, failed, None);
        settled.end_delivery(
            index,
            Outcome::Delivered,
            attempt(Ok((200, "".into()))),
            None,
        );
        settled.enter(CallState::Ringing, at(3));
        settled.drop_delivery(Callback::CallEvent);
        journal.settle(&settled);
        journal.settle(&opened(&journal, 2));
        opened(&journal, 3);
        let request = || RequestRecord::new("POST", "/", at(0));
        let answer = ErrorAnswer::new(401, "ApiKey not found");
        for request in [request(), request(), request().refused(&answer, b"")] {
            journal.requested(request);
        }

        let text = journal.metrics();

        for line in [
            r#"planet_emulator_calls_total{scenario="answered"} 3"#,
            r#"planet_emulator_call_states_total{state="accepted"} 3"#,
            r#"planet_emulator_call_states_total{state="ringing"} 1"#,
            r#"planet_emulator_call_states_total{state="failed"} 0"#,
            r#"planet_emulator_live_calls 1"#,
            r#"planet_emulator_journal_dropped_total{kind="call"} 1"#,
            r#"planet_emulator_journal_dropped_total{kind="request"} 2"#,
            r#"planet_emulator_requests_total{status="200"} 2"#,
            r#"planet_emulator_requests_total{status="401"} 1"#,
            r#"planet_emulator_deliveries_total{callback="notify",outcome="delivered"} 1"#,
            r#"planet_emulator_deliveries_total{callback="notify",outcome="failed"} 0"#,
            r#"planet_emulator_deliveries_total{callback="call_event",outcome="dropped"} 1"#,
            r#"planet_emulator_delivery_lateness_seconds_count{callback="notify"} 2"#,
            r#"planet_emulator_delivery_lateness_seconds_bucket{le="0.0025",callback="notify"} 2"#,
            r#"planet_emulator_delivery_answer_seconds_count{callback="notify"} 1"#,
            r#"planet_emulator_delivery_answer_seconds_sum{callback="notify"} 0.03"#,
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "{line} is not in\n{text}"
            );
        }
    }
}
