//! Calls that do not get to ring: a party is in another call, or Notify does not get through.

use std::net::TcpListener;

use planet_emulator::Emulator;
use serde_json::Value;

use crate::helpers::{Received, Receiver, TestBed, sound_body};

/// `ringer` rings for a minute and `talker` talks for an hour, both at once.
const LONG: &str = "
name: rings
match: { to_user_id: ringer }
notify: { after: 0ms }
agent_call_status: { after: 0ms }
callee: { action: ignore }
---
name: talks
match: { to_user_id: talker }
notify: { after: 0ms }
agent_call_status: { after: 0ms }
callee: { action: answer, after: 0ms }
";

const PUSH_REQ_FAIL: [&str; 2] = [
    "agent_call_status FAIL PUSH_ERROR",
    "call_event 127 1302 PUSH_REQ_FAIL 203",
];

/// What a callback says of the course of its call.
fn told(received: Received) -> String {
    let names: &[_] = match &*received.callback {
        "agent_call_status" => &["result", "fail_reason"],
        "call_event" => &["terminate", "disconnect_reason", "rel_code_str", "rel_code"],
        _ => &[],
    };
    let parameters = received.parameters();
    let values = names.iter().map(|name| &*parameters[*name]);
    let words: Vec<_> = [&*received.callback].into_iter().chain(values).collect();
    words.join(" ")
}

/// What has arrived and was not taken yet.
fn rest(bed: &mut TestBed) -> Vec<String> {
    bed.receiver.rest().into_iter().map(told).collect()
}

async fn with_fidelity(fidelity: &str) -> TestBed {
    let config = format!("default_audio_duration: 1h\nfidelity: {{ {fidelity} }}");
    TestBed::start(|builder| builder.config(config).scenario(LONG)).await
}

/// All that a second call tells while a first one to the same callee is in this state.
async fn second_while(state: &str, callee: &str, fidelity: &str) -> Vec<String> {
    let mut bed = with_fidelity(fidelity).await;
    let first = bed.accepted(callee).await;
    bed.reached(&first, state).await;
    bed.reached(&first, "agent_call_status").await;
    assert_eq!(rest(&mut bed), ["notify", "agent_call_status SUCCESS None"]);

    let second = bed.accepted(callee).await;
    let record = bed.settled(&second).await;
    assert_eq!(record["deliveries"][0]["outcome"], "dropped", "{record:#}");
    assert_ne!(bed.reached(&first, state).await["settled"], true);
    rest(&mut bed)
}

#[tokio::test]
async fn a_second_call_to_a_callee_in_a_call_is_busy_by_default() {
    let busy = [
        "agent_call_status FAIL BUSY",
        "call_event 17 1202 USER_BUSY 4",
    ];
    assert_eq!(second_while("ringing", "ringer", "").await, busy);
    assert_eq!(second_while("talking", "talker", "").await, busy);
}

#[tokio::test]
async fn a_second_call_can_find_that_the_callee_already_got_a_call_until_that_is_answered() {
    let fidelity = "callee_in_call: already_got_a_call";
    assert_eq!(
        second_while("ringing", "ringer", fidelity).await,
        [
            "agent_call_status FAIL ALREADY_GOT_A_CALL",
            "call_event 127 1204 ALREADY_GOT_A_CALL 215"
        ]
    );
    assert_eq!(
        second_while("talking", "talker", fidelity).await,
        [
            "agent_call_status FAIL BUSY",
            "call_event 17 1202 USER_BUSY 4"
        ]
    );
}

#[tokio::test]
async fn a_callee_can_be_in_two_calls() {
    let mut bed = with_fidelity("callee_in_call: allow").await;
    for _ in 0..2 {
        let sid = bed.accepted("ringer").await;
        bed.reached(&sid, "agent_call_status").await;
        assert_eq!(rest(&mut bed), ["notify", "agent_call_status SUCCESS None"]);
    }
}

#[tokio::test]
async fn a_second_call_of_a_caller_in_a_call_can_be_refused() {
    let mut bed = with_fidelity("caller_in_call: multidev_in_use").await;
    let first = bed.accepted("ringer").await;
    bed.reached(&first, "agent_call_status").await;
    rest(&mut bed);

    let second = bed.accepted("talker").await;
    bed.settled(&second).await;
    assert_eq!(
        rest(&mut bed),
        [
            "agent_call_status FAIL MULTIDEV_IN_USE",
            "call_event 127 1205 MULTI_DEV_OTHER_DEV_IN_USE 6"
        ]
    );

    let mut body = sound_body();
    body["requestContext"]["userId"] = "OTHER-AGENT".into();
    let (status, answer) = bed.call_with("talker", &body).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(bed.receiver.next().await.callback, "notify");
}

#[tokio::test]
async fn a_notify_that_is_never_answered_is_a_push_error() {
    // Connections are taken by the system, and nobody ever reads them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/notify", silent.local_addr().unwrap());
    let mut bed = TestBed::start(|builder| {
        builder
            .config("delivery: { timeout: 50ms }")
            .clock("100x")
            .notify_url(url)
    })
    .await;

    let sid = bed.accepted("alice").await;
    let record = bed.settled(&sid).await;

    assert_eq!(rest(&mut bed), PUSH_REQ_FAIL);
    let notify = &record["deliveries"][0];
    assert_eq!(notify["outcome"], "failed", "{record:#}");
    assert_eq!(notify["attempts"][0]["error"], "no answer within 50ms");
}

/// A project's call when only these callbacks have a URL: what it tells, and its record.
async fn call_with_urls(callbacks: &[&str], fidelity: &str) -> (Vec<String>, Value) {
    let receiver = Receiver::start();
    let urls: Vec<_> = callbacks
        .iter()
        .map(|callback| format!("{callback}: {}/{callback}", receiver.url))
        .collect();
    let config = format!(
        "
fidelity: {{ {fidelity} }}
projects:
  - name: shop
    service_id: shop-eval
    api_key: shop-key
    api_secret: shop-secret
    callbacks: {{ {} }}
",
        urls.join(", ")
    );
    let builder = Emulator::builder().config(config).clock("100x");
    let mut bed = TestBed::of(receiver, builder).await;
    let sid = bed.accepted("alice").await;
    let record = bed.settled(&sid).await;
    (rest(&mut bed), record)
}

#[tokio::test]
async fn a_project_without_a_notify_url_gets_a_push_error_or_goes_on_without_it() {
    let others = ["agent_call_status", "call_event"];
    let (received, record) = call_with_urls(&others, "").await;
    assert_eq!(received, PUSH_REQ_FAIL, "{record:#}");

    let (received, record) = call_with_urls(&others, "missing_notify_url: skip").await;
    assert_eq!(
        received,
        [
            "agent_call_status SUCCESS None",
            "call_event 16 1001 NORMAL 1"
        ],
        "{record:#}"
    );
}

#[tokio::test]
async fn a_project_may_have_a_notify_url_alone() {
    let (received, record) = call_with_urls(&["notify"], "").await;
    assert_eq!(received, ["notify"]);
    assert_eq!(record["end"]["reason"], "NORMAL", "{record:#}");
    assert!(record["remarks"][0].is_string(), "{record:#}");
}
