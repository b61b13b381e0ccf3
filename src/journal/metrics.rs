use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry, Unit};

use super::JournalCounts;
use super::events::Happening;
use super::record::{AttemptRecord, Outcome};
use crate::domain::{CallState, Callback};

/// In seconds: from what a callback on one machine takes to what an app server is given at most.
const BUCKETS: [f64; 14] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Counts since the start, over all projects.
///
/// Where a label has few values, the counters are made beforehand: counting costs no look-up, and what
/// has not happened yet shows as 0.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    calls: Family<OfScenario, Counter>,
    /// In the order of [`CallState::ALL`].
    states: [Counter; CallState::ALL.len()],
    live: Gauge,
    dropped_calls: Counter,
    dropped_requests: Counter,
    requests: Family<OfStatus, Counter>,
    /// In the order of [`Callback::ALL`].
    deliveries: [DeliveryMetrics; Callback::ALL.len()],
}

#[derive(Debug)]
struct DeliveryMetrics {
    delivered: Counter,
    failed: Counter,
    dropped: Counter,
    abandoned: Counter,
    lateness: Histogram,
    answer: Histogram,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfScenario {
    scenario: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfState {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStatus {
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCallback {
    callback: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfDelivery {
    callback: &'static str,
    outcome: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("planet_emulator");
        let states: Family<OfState, Counter> =
            registered(&mut registry, "call_states", "States that calls entered");
        let dropped: Family<OfKind, Counter> = registered(
            &mut registry,
            "journal_dropped",
            "Settled calls and requests that the journal no longer holds",
        );
        let dropped = |kind| dropped.get_or_create_owned(&OfKind { kind });
        Self {
            calls: registered(&mut registry, "calls", "Calls that were accepted"),
            states: CallState::ALL.map(|state| {
                let state = state.name();
                states.get_or_create_owned(&OfState { state })
            }),
            live: registered(&mut registry, "live_calls", "Calls that have not settled"),
            dropped_calls: dropped("call"),
            dropped_requests: dropped("request"),
            requests: registered(&mut registry, "requests", "API requests by status"),
            deliveries: delivery_metrics(&mut registry),
            registry,
        }
    }
}

fn delivery_metrics(registry: &mut Registry) -> [DeliveryMetrics; Callback::ALL.len()] {
    let outcomes: Family<OfDelivery, Counter> =
        registered(registry, "deliveries", "Callbacks by what became of them");
    let histograms =
        || Family::<OfCallback, Histogram>::new_with_constructor(|| Histogram::new(BUCKETS));
    let (lateness, answer) = (histograms(), histograms());
    registry.register_with_unit(
        "delivery_lateness",
        "By how much callbacks were sent after they were due, on the project's clock",
        Unit::Seconds,
        lateness.clone(),
    );
    registry.register_with_unit(
        "delivery_answer",
        "How long the app server took to answer a callback",
        Unit::Seconds,
        answer.clone(),
    );
    Callback::ALL.map(|callback| {
        let callback = callback.name();
        let of = |outcome| outcomes.get_or_create_owned(&OfDelivery { callback, outcome });
        DeliveryMetrics {
            delivered: of("delivered"),
            failed: of("failed"),
            dropped: of("dropped"),
            abandoned: of("abandoned"),
            lateness: lateness.get_or_create_owned(&OfCallback { callback }),
            answer: answer.get_or_create_owned(&OfCallback { callback }),
        }
    })
}

fn registered<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

impl Metrics {
    /// The media type of what [`render`](Self::render) gives.
    pub(crate) const CONTENT_TYPE: &str =
        "application/openmetrics-text; version=1.0.0; charset=utf-8";

    pub(super) fn count(&self, what: &Happening) {
        match what {
            Happening::Call { state } => {
                self.states[*state as usize].inc();
            }
            Happening::Delivery {
                callback, outcome, ..
            } => {
                let of = &self.deliveries[*callback as usize];
                let counter = match outcome {
                    Outcome::Pending => return,
                    Outcome::Delivered => &of.delivered,
                    Outcome::Failed => &of.failed,
                    Outcome::Dropped => &of.dropped,
                    Outcome::Abandoned => &of.abandoned,
                };
                counter.inc();
            }
            _ => {}
        }
    }

    pub(super) fn accepted(&self, scenario: &str) {
        let scenario = scenario.to_owned();
        self.calls.get_or_create(&OfScenario { scenario }).inc();
    }

    pub(super) fn requested(&self, status: u16) {
        self.requests.get_or_create(&OfStatus { status }).inc();
    }

    pub(super) fn attempted(&self, callback: Callback, attempt: &AttemptRecord) {
        let of = &self.deliveries[callback as usize];
        of.lateness.observe(attempt.lateness.as_secs_f64());
        if attempt.result.is_ok() {
            of.answer.observe(attempt.latency.as_secs_f64());
        }
    }

    pub(super) fn dropped_call(&self) {
        self.dropped_calls.inc();
    }

    pub(super) fn dropped_request(&self) {
        self.dropped_requests.inc();
    }

    /// All counts as a text that Prometheus reads.
    pub(super) fn render(&self, now: JournalCounts) -> String {
        self.live.set(i64::try_from(now.live).unwrap_or(i64::MAX));
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
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
