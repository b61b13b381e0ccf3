use std::fmt::Error;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::{BUCKETS, DeliveryTally, Spans, Tally};
use crate::domain::{CallState, Callback};
use crate::journal::Outcome;

/// The media type of what [`render`] gives.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// These counts as a text that Prometheus reads.
pub(super) fn render(total: Tally, live_calls: usize) -> String {
    let mut registry = Registry::with_prefix("planet_emulator");
    registry.register_collector(Box::new(Counts { total, live_calls }));
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = encode(&mut text, &registry);
    text
}

#[derive(Debug)]
struct Counts {
    total: Tally,
    live_calls: usize,
}

impl Collector for Counts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let total = &self.total;
        let calls = total.calls.iter();
        let calls = calls.map(|(scenario, count)| ([("scenario", &**scenario)], *count));
        counters(&mut encoder, "calls", "Calls that were accepted.", calls)?;
        let states =
            CallState::ALL.map(|state| ([("state", state.name())], total.states[state as usize]));
        let help = "States that calls entered.";
        counters(&mut encoder, "call_states", help, states)?;
        let dropped = [
            ([("kind", "call")], total.dropped_calls),
            ([("kind", "request")], total.dropped_requests),
        ];
        let help = "Settled calls and requests that the journal no longer holds.";
        counters(&mut encoder, "journal_dropped", help, dropped)?;
        let help = "Calls that have not settled.";
        let live = i64::try_from(self.live_calls).unwrap_or(i64::MAX);
        encoder
            .encode_descriptor("live_calls", help, None, MetricType::Gauge)?
            .encode_gauge(&live)?;
        let requests = total.requests.iter();
        let requests = requests.map(|(status, count)| ([("status", *status)], *count));
        counters(
            &mut encoder,
            "requests",
            "API requests by status.",
            requests,
        )?;
        let help = "Callbacks by what became of them.";
        counters(&mut encoder, "deliveries", help, outcomes(total))?;
        let help = "By how much callbacks were sent after they were due, on the project's clock.";
        histograms(&mut encoder, "delivery_lateness", help, total, |of| {
            &of.lateness
        })?;
        let help = "How long the app server took to answer a callback.";
        histograms(&mut encoder, "delivery_answer", help, total, |of| {
            &of.answer
        })
    }
}

fn outcomes(total: &Tally) -> impl Iterator<Item = ([(&'static str, &'static str); 2], u64)> {
    Callback::ALL.into_iter().flat_map(|callback| {
        let of = &total.deliveries[callback as usize];
        Outcome::FINAL.map(|outcome| {
            let labels = [("callback", callback.name()), ("outcome", outcome.name())];
            (labels, of.outcomes[outcome as usize])
        })
    })
}

/// Whatever is in `counts`, also if it is nothing yet.
fn counters<S: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    counts: impl IntoIterator<Item = (S, u64)>,
) -> Result<(), Error> {
    let mut counts = counts.into_iter().peekable();
    if counts.peek().is_none() {
        return Ok(());
    }
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    counts.try_for_each(|(labels, count)| {
        metric
            .encode_family(&labels)?
            .encode_counter::<NoLabelSet, _, u64>(&count, None)
    })
}

fn histograms(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    total: &Tally,
    spans: impl Fn(&DeliveryTally) -> &Spans,
) -> Result<(), Error> {
    let unit = Some(&Unit::Seconds);
    let mut metric = encoder.encode_descriptor(name, help, unit, MetricType::Histogram)?;
    Callback::ALL.into_iter().try_for_each(|callback| {
        let labels = [("callback", callback.name())];
        let of = metric.encode_family(&labels)?;
        histogram(of, spans(&total.deliveries[callback as usize]))
    })
}

fn histogram(mut metric: MetricEncoder<'_>, spans: &Spans) -> Result<(), Error> {
    let longest = BUCKETS.into_iter().chain([f64::INFINITY]);
    let buckets: Vec<_> = longest.zip(spans.counts).collect();
    let count = spans.counts.iter().sum();
    metric.encode_histogram::<NoLabelSet>(spans.sum, count, &buckets, None)
}
