use std::sync::Arc;
use std::time::Duration;

use serde::ser::{SerializeMap, SerializeStruct, Serializer};
use serde::{Serialize, ser};
use serde_json::value::RawValue;

use crate::clock::Clock;
use crate::domain::{CallEnd, CallState, Callback, MakeCall, Moment, Sid};
use crate::wire::Parameters;

/// A call and how it came to its scenario: what is known when it is accepted.
#[derive(Debug)]
pub(crate) struct PlacedCall {
    pub(crate) project: Arc<str>,
    /// How many times the project was reset before.
    pub(crate) generation: u64,
    /// The project's.
    #[expect(dead_code, reason = "events, which are to come, are stamped by it")]
    pub(crate) clock: Clock,
    pub(crate) scenario: Arc<str>,
    pub(crate) chosen_by: &'static str,
    pub(crate) call: Arc<MakeCall>,
    /// The body as it came.
    pub(crate) request: Box<str>,
}

/// Everything about one call (design 7).
#[derive(Debug)]
pub(crate) struct CallRecord {
    pub(crate) sid: Sid,
    pub(crate) placed: PlacedCall,
    pub(crate) states: Vec<StateRecord>,
    pub(crate) deliveries: Vec<DeliveryRecord>,
    pub(crate) end: Option<CallEnd>,
    pub(crate) remarks: Vec<String>,
    /// Nothing more will be sent.
    pub(crate) settled: bool,
}

/// A state and when the call entered it.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct StateRecord {
    pub(crate) state: CallState,
    pub(crate) at: Moment,
}

/// One callback, sent or not.
#[derive(Debug)]
pub(crate) struct DeliveryRecord {
    pub(crate) callback: Callback,
    pub(crate) outcome: Outcome,
    pub(crate) due_at: Option<Moment>,
    /// Without secrets.
    pub(crate) url: Option<Box<str>>,
    pub(crate) parameters: Parameters,
    pub(crate) attempts: Vec<AttemptRecord>,
}

/// What became of a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// On its way.
    Pending,
    /// Answered with success.
    Delivered,
    /// Answered otherwise, or not at all.
    Failed,
    /// Not sent, as the scenario or the settings say.
    Dropped,
    /// Not sent, since the emulator was stopped.
    Abandoned,
}

/// One try to deliver a callback.
#[derive(Debug)]
pub(crate) struct AttemptRecord {
    pub(crate) sent_at: Moment,
    pub(crate) lateness: Duration,
    pub(crate) latency: Duration,
    /// Status and the first KiB of the body, or what went wrong.
    pub(crate) result: Result<(u16, Box<str>), String>,
}

impl CallRecord {
    /// The record of a call that was accepted at this moment.
    pub(crate) fn new(sid: Sid, placed: PlacedCall, accepted_at: Moment) -> Self {
        Self {
            sid,
            placed,
            states: vec![StateRecord {
                state: CallState::Accepted,
                at: accepted_at,
            }],
            deliveries: Vec::new(),
            end: None,
            remarks: Vec::new(),
            settled: false,
        }
    }

    /// The state of now.
    pub(crate) fn state(&self) -> CallState {
        self.states
            .last()
            .map_or(CallState::Accepted, |last| last.state)
    }

    /// Whether the call has ever been in `state`.
    pub(crate) fn has_been(&self, state: CallState) -> bool {
        self.states.iter().any(|entered| entered.state == state)
    }

    /// Whether the first delivery of `callback` is over, however it went.
    pub(crate) fn is_through_with(&self, callback: Callback) -> bool {
        let mut of_kind = self.deliveries.iter().filter(|d| d.callback == callback);
        of_kind.any(|delivery| delivery.outcome != Outcome::Pending)
    }

    /// Marks what is pending or was never begun as abandoned; gives back how many that are.
    pub(super) fn abandon(&mut self) -> usize {
        let mut abandoned = 0;
        for delivery in &mut self.deliveries {
            if delivery.outcome == Outcome::Pending {
                delivery.outcome = Outcome::Abandoned;
                abandoned += 1;
            }
        }
        for callback in Callback::ALL {
            if !self.deliveries.iter().any(|d| d.callback == callback) {
                let unsent = DeliveryRecord::unsent(callback, Outcome::Abandoned);
                self.deliveries.push(unsent);
                abandoned += 1;
            }
        }
        abandoned
    }
}

impl DeliveryRecord {
    /// A callback on its way.
    pub(super) fn begun(
        callback: Callback,
        due: Moment,
        url: String,
        parameters: Parameters,
    ) -> Self {
        Self {
            due_at: Some(due),
            url: Some(url.into()),
            parameters,
            ..Self::unsent(callback, Outcome::Pending)
        }
    }

    /// A callback that is not sent.
    pub(super) fn unsent(callback: Callback, outcome: Outcome) -> Self {
        Self {
            callback,
            outcome,
            due_at: None,
            url: None,
            parameters: Parameters::default(),
            attempts: Vec::new(),
        }
    }
}

impl Serialize for CallRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let call = &self.placed.call;
        let mut record = serializer.serialize_struct("CallRecord", 13)?;
        record.serialize_field("sid", &self.sid)?;
        record.serialize_field("project", &self.placed.project)?;
        record.serialize_field("scenario", &self.placed.scenario)?;
        record.serialize_field("chosen_by", self.placed.chosen_by)?;
        record.serialize_field("state", &self.state())?;
        record.serialize_field("settled", &self.settled)?;
        let from = Peer {
            service_id: call.from.service_id.as_str(),
            user_id: call.from.user_id.as_str(),
        };
        let to = Peer {
            service_id: &call.to.service_id,
            user_id: &call.to.user_id,
        };
        record.serialize_field("from", &from)?;
        record.serialize_field("to", &to)?;
        let request: &RawValue =
            serde_json::from_str(&self.placed.request).map_err(ser::Error::custom)?;
        record.serialize_field("request", request)?;
        record.serialize_field("states", &self.states)?;
        let deliveries: Vec<_> = self.deliveries.iter().enumerate().map(Numbered).collect();
        record.serialize_field("deliveries", &deliveries)?;
        record.serialize_field("end", &self.end.as_ref().map(EndOf))?;
        record.serialize_field("remarks", &self.remarks)?;
        record.end()
    }
}

#[derive(Serialize)]
struct Peer<'a> {
    service_id: &'a str,
    user_id: &'a str,
}

struct Numbered<'a>((usize, &'a DeliveryRecord));

impl Serialize for Numbered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (index, delivery) = self.0;
        let mut record = serializer.serialize_struct("Delivery", 7)?;
        record.serialize_field("n", &(index + 1))?;
        record.serialize_field("callback", &delivery.callback)?;
        record.serialize_field("outcome", &delivery.outcome)?;
        record.serialize_field("due_at", &delivery.due_at)?;
        record.serialize_field("url", &delivery.url)?;
        record.serialize_field("parameters", &ByName(&delivery.parameters))?;
        record.serialize_field("attempts", &delivery.attempts)?;
        record.end()
    }
}

struct ByName<'a>(&'a Parameters);

impl Serialize for ByName<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.0.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Serialize for AttemptRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (status, answer) = match &self.result {
            Ok((status, answer)) => (Some(status), Some(answer)),
            Err(_) => (None, None),
        };
        let mut record = serializer.serialize_struct("Attempt", 6)?;
        record.serialize_field("sent_at", &self.sent_at)?;
        record.serialize_field("lateness_ms", &millis(self.lateness))?;
        record.serialize_field("status", &status)?;
        record.serialize_field("latency_ms", &millis(self.latency))?;
        record.serialize_field("error", &self.result.as_ref().err())?;
        record.serialize_field("answer", &answer)?;
        record.end()
    }
}

/// Milliseconds with one decimal: enough for a person, stable to read.
fn millis(span: Duration) -> f64 {
    (span.as_secs_f64() * 10_000.0).round() / 10.0
}

struct EndOf<'a>(&'a CallEnd);

impl Serialize for EndOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let end = self.0;
        let mut record = serializer.serialize_struct("End", 8)?;
        record.serialize_field("reason", &end.reason)?;
        record.serialize_field("disconnect_reason", &end.reason.value())?;
        record.serialize_field("releaser_type", &end.releaser.value())?;
        record.serialize_field("terminate", &end.terminate)?;
        record.serialize_field("rel_code", &end.rel_code)?;
        record.serialize_field("rel_code_str", &end.rel_code_str)?;
        record.serialize_field("user_rel_code", &end.user_rel_code)?;
        record.serialize_field("duration", &end.times.duration())?;
        record.end()
    }
}
