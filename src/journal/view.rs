use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer, ser};
use serde_json::value::{RawValue, Value};

use super::CallEntry;
use super::record::{AttemptRecord, CallRecord, DeliveryRecord, Outcome, StateRecord};
use crate::domain::{CallEnd, CallState, Callback, DisconnectReason, Moment, Sid, Terminate};
use crate::wire::Message;

/// Everything about one call.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Call")]
struct CallView<'a> {
    /// The session ID that the API answered with.
    sid: Sid,
    /// The project that the call belongs to.
    #[schemars(example = &"shop")]
    project: &'a str,
    /// The scenario that the call takes.
    #[schemars(example = &"callee-declines")]
    scenario: &'a str,
    /// Why it takes this one: `armed`, `header`, `match` or `default`.
    #[schemars(example = &"match")]
    chosen_by: &'a str,
    /// Where the call stands.
    state: CallState,
    /// Whether nothing more will be sent for it.
    settled: bool,
    /// Who calls.
    from: PeerView<'a>,
    /// Who is called.
    to: PeerView<'a>,
    /// The body of the API request as it came.
    #[serde(serialize_with = "as_it_came")]
    #[schemars(with = "BTreeMap<String, Value>")]
    request: &'a str,
    /// The states that it entered, in this order.
    states: &'a [StateRecord],
    /// Its callbacks, sent or not, in the order in which their turns came.
    deliveries: Vec<DeliveryView<'a>>,
    /// How it ended; null before that, and for a call that failed without an end.
    end: Option<EndView<'a>>,
    /// What is worth knowing about the app server's behaviour.
    #[schemars(example = ["agent_call_status was answered 302: redirects are not followed"])]
    remarks: &'a [Arc<str>],
}

/// One side of a call.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Peer")]
struct PeerView<'a> {
    /// The service ID.
    #[schemars(example = &"shop-eval")]
    service_id: &'a str,
    /// The user ID.
    #[schemars(example = &"AGENT")]
    user_id: &'a str,
}

/// One callback, sent or not.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Delivery")]
struct DeliveryView<'a> {
    /// Its number within the call, from 1.
    #[schemars(range(min = 1))]
    n: usize,
    /// Which callback.
    callback: Callback,
    /// What became of it.
    outcome: Outcome,
    /// When it was to be sent; null if it was not to be.
    due_at: Option<Moment>,
    /// Where it was sent, without a password; null if it was not.
    #[schemars(extend("format" = "uri"))]
    url: Option<String>,
    /// Its parameters, in the order in which they are sent.
    #[serde(rename = "parameters", serialize_with = "by_name")]
    #[schemars(with = "BTreeMap<String, String>")]
    message: Option<&'a Message>,
    /// Each try to send it.
    attempts: Vec<AttemptView<'a>>,
}

/// One try to send a callback.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Attempt")]
struct AttemptView<'a> {
    /// When it was sent.
    sent_at: Moment,
    /// By how much that was after it was due.
    lateness_ms: f64,
    /// The status of the answer; null if there was none.
    #[schemars(example = 200)]
    status: Option<u16>,
    /// How long the answer took, in the machine's time.
    latency_ms: f64,
    /// Why there was no answer; null if there was one.
    error: Option<&'a str>,
    /// The first KiB of the answer's body; null if there was no answer.
    answer: Option<&'a str>,
}

/// A callback that is over, however it went, apart from its call's record.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Delivered {
    pub(crate) sid: Sid,
    /// The number of the delivery in the call's record.
    n: usize,
    pub(crate) callback: Callback,
    pub(crate) outcome: Outcome,
    due_at: Option<Moment>,
    /// What the app server answered.
    pub(crate) status: Option<u16>,
    /// Why there is no answer.
    pub(crate) error: Option<String>,
}

/// How a call ended.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "End")]
struct EndView<'a> {
    /// Why, by name.
    reason: DisconnectReason,
    /// Why, as the number on the wire.
    #[schemars(example = 1002)]
    disconnect_reason: u16,
    /// By whom: 1 callee, 2 caller, 3 participant, 4 LINE Planet Cloud, 5 app server.
    #[schemars(range(min = 1, max = 5))]
    releaser_type: u8,
    /// The Q.850 cause.
    terminate: Terminate,
    /// The release code.
    #[schemars(example = 3)]
    rel_code: u16,
    /// The name of the release code.
    #[schemars(example = &"REJECT")]
    rel_code_str: &'a str,
    /// The application's own text.
    user_rel_code: Option<&'a str>,
    /// For how long it was connected, in whole seconds.
    #[schemars(range(min = 0))]
    duration: i64,
}

impl<'a> CallView<'a> {
    fn of(record: &'a CallRecord<'_>) -> Self {
        let placed = &record.placed;
        let (from, to) = (&placed.call.from, &placed.call.to);
        let deliveries = record.deliveries.iter().zip(1..);
        Self {
            sid: record.placed.sid,
            project: &placed.origin.project,
            scenario: &placed.scenario,
            chosen_by: placed.chosen_by,
            state: record.state(),
            settled: record.settled,
            from: PeerView {
                service_id: from.service_id.as_str(),
                user_id: from.user_id.as_str(),
            },
            to: PeerView {
                service_id: &to.service_id,
                user_id: &to.user_id,
            },
            request: &placed.request,
            states: &record.states,
            deliveries: deliveries
                .map(|(delivery, n)| DeliveryView::of(n, delivery))
                .collect(),
            end: record.end.as_deref().map(EndView::of),
            remarks: &record.remarks,
        }
    }
}

impl<'a> DeliveryView<'a> {
    fn of(n: usize, delivery: &'a DeliveryRecord) -> Self {
        Self {
            n,
            callback: delivery.callback,
            outcome: delivery.outcome,
            due_at: delivery.due_at,
            url: delivery.message.as_ref().map(Message::shown_url),
            message: delivery.message.as_ref(),
            attempts: delivery.attempts.iter().map(AttemptView::of).collect(),
        }
    }
}

impl<'a> AttemptView<'a> {
    fn of(attempt: &'a AttemptRecord) -> Self {
        let answer = attempt.result.as_ref().ok();
        Self {
            sent_at: attempt.sent_at,
            lateness_ms: millis(attempt.lateness),
            status: answer.map(|(status, _)| *status),
            latency_ms: millis(attempt.latency),
            error: attempt.result.as_ref().err().map(String::as_str),
            answer: answer.map(|(_, body)| &**body),
        }
    }
}

impl<'a> EndView<'a> {
    fn of(end: &'a CallEnd) -> Self {
        Self {
            reason: end.reason,
            disconnect_reason: end.reason.value(),
            releaser_type: end.releaser.value(),
            terminate: end.terminate,
            rel_code: end.rel_code,
            rel_code_str: &end.rel_code_str,
            user_rel_code: end.user_rel_code.as_deref(),
            duration: end.times.duration(),
        }
    }
}

impl CallEntry {
    /// The delivery of this index, if there is one.
    pub(crate) fn delivered(&self, index: usize) -> Option<Delivered> {
        self.read(|record| {
            let delivery = record.deliveries.get(index)?;
            let result = delivery.attempts.last().map(|attempt| &attempt.result);
            Some(Delivered {
                sid: record.placed.sid,
                n: index + 1,
                callback: delivery.callback,
                outcome: delivery.outcome,
                due_at: delivery.due_at,
                status: result.and_then(|r| r.as_ref().ok().map(|(status, _)| *status)),
                error: result.and_then(|r| r.as_ref().err().cloned()),
            })
        })
    }
}

impl Serialize for CallRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        CallView::of(self).serialize(serializer)
    }
}

/// As the record stands when it is written.
impl Serialize for CallEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.read(|record| record.serialize(serializer))
    }
}

impl JsonSchema for CallEntry {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        CallView::schema_name()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        CallView::json_schema(generator)
    }
}

fn as_it_came<S: Serializer>(body: &&str, serializer: S) -> Result<S::Ok, S::Error> {
    let json: &RawValue = serde_json::from_str(body).map_err(ser::Error::custom)?;
    json.serialize(serializer)
}

fn by_name<S: Serializer>(message: &Option<&Message>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(message.iter().flat_map(|message| message.parameters()))
}

/// Milliseconds with one decimal: enough for a person, stable to read.
fn millis(span: Duration) -> f64 {
    (span.as_secs_f64() * 10_000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CallTimes, ParameterEdits};
    use crate::journal::Journal;
    use crate::journal::sample::{at, conforms, message, opened};
    use crate::wire::Parameters;

    /// A call with a bit of everything.
    fn eventful() -> Arc<CallEntry> {
        let journal = Journal::new(10);
        let entry = opened(&journal, 1);
        let edits = ParameterEdits {
            set: [("sid".to_owned(), "1".to_owned())].into(),
            ..ParameterEdits::default()
        };
        let parameters = Parameters::default().edited(&edits);
        let message = message("http://127.0.0.1:3000/notify", parameters);
        let index = entry.begin_delivery(Callback::Notify, at(50), message.clone());
        let attempt = AttemptRecord {
            sent_at: at(51),
            lateness: Duration::from_micros(1_040),
            latency: Duration::from_micros(2_560),
            result: Ok((302, "moved".into())),
        };
        let remark = "notify was answered 302: redirects are not followed".to_owned();
        entry.end_delivery(index, Outcome::Failed, attempt, Some(remark));
        entry.drop_delivery(Callback::AgentCallStatus);
        let times = CallTimes {
            setup: at(0),
            start: None,
            end: at(60),
            connected_duration_at_least: 1,
        };
        entry.ends(CallEnd::new(DisconnectReason::Decline, times).into());
        entry.enter(CallState::Ended, at(60));
        let index = entry.begin_delivery(Callback::CallEvent, at(70), message);
        let attempt = AttemptRecord {
            sent_at: at(70),
            lateness: Duration::ZERO,
            latency: Duration::from_secs(5),
            result: Err("connection refused".to_owned()),
        };
        entry.end_delivery(index, Outcome::Failed, attempt, None);
        journal.settle(&entry);
        entry
    }

    #[test]
    fn a_record_has_the_keys_of_the_control_api_in_their_order() {
        let json = serde_json::to_string_pretty(&*eventful()).unwrap();
        insta::assert_snapshot!(json, @r#"
        {
          "sid": "01010101-0101-4101-8101-010101010101",
          "project": "default",
          "scenario": "answered",
          "chosen_by": "default",
          "state": "ended",
          "settled": true,
          "from": {
            "service_id": "shop",
            "user_id": "AGENT"
          },
          "to": {
            "service_id": "shop",
            "user_id": "user-1"
          },
          "request": {"playCount": 1},
          "states": [
            {
              "state": "accepted",
              "at": "1970-01-01T00:00:00.000Z"
            },
            {
              "state": "ended",
              "at": "1970-01-01T00:00:00.060Z"
            }
          ],
          "deliveries": [
            {
              "n": 1,
              "callback": "notify",
              "outcome": "failed",
              "due_at": "1970-01-01T00:00:00.050Z",
              "url": "http://127.0.0.1:3000/notify?sid=1",
              "parameters": {
                "sid": "1"
              },
              "attempts": [
                {
                  "sent_at": "1970-01-01T00:00:00.051Z",
                  "lateness_ms": 1.0,
                  "status": 302,
                  "latency_ms": 2.6,
                  "error": null,
                  "answer": "moved"
                }
              ]
            },
            {
              "n": 2,
              "callback": "agent_call_status",
              "outcome": "dropped",
              "due_at": null,
              "url": null,
              "parameters": {},
              "attempts": []
            },
            {
              "n": 3,
              "callback": "call_event",
              "outcome": "failed",
              "due_at": "1970-01-01T00:00:00.070Z",
              "url": "http://127.0.0.1:3000/notify?sid=1",
              "parameters": {
                "sid": "1"
              },
              "attempts": [
                {
                  "sent_at": "1970-01-01T00:00:00.070Z",
                  "lateness_ms": 0.0,
                  "status": null,
                  "latency_ms": 5000.0,
                  "error": "connection refused",
                  "answer": null
                }
              ]
            }
          ],
          "end": {
            "reason": "DECLINE",
            "disconnect_reason": 1002,
            "releaser_type": 1,
            "terminate": 21,
            "rel_code": 3,
            "rel_code_str": "REJECT",
            "user_rel_code": null,
            "duration": 0
          },
          "remarks": [
            "notify was answered 302: redirects are not followed"
          ]
        }
        "#);
    }

    #[test]
    fn a_record_is_as_its_schema_says() {
        let journal = Journal::new(10);
        for entry in [eventful(), opened(&journal, 2)] {
            conforms::<CallEntry>(&serde_json::to_value(&*entry).unwrap());
        }
    }
}
