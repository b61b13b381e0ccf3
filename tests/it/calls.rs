//! The main job: a call is answered, and its three callbacks arrive in order.

use jiff::Timestamp;
use serde_json::Value;

use crate::helpers::TestBed;

#[tokio::test]
async fn an_answered_call_sends_its_three_callbacks_in_order() {
    let mut bed = TestBed::start(|builder| builder.clock("100x")).await;

    let sid = bed.accepted("alice").await;

    let mut arrived = Vec::new();
    for _ in 0..3 {
        let received = bed.receiver.next().await;
        assert_eq!(received.parameter("sid").as_deref(), Some(&*sid));
        arrived.push(received);
    }
    let names: Vec<_> = arrived.iter().map(|received| &*received.callback).collect();
    assert_eq!(names, ["notify", "agent_call_status", "call_event"]);
    let event = arrived[2].parameters();
    assert_eq!(event["duration"], "4");
    assert_eq!(event["app_svr_data"], "order 42 & more");
    let agent = format!("planet-emulator/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(arrived[0].headers["user-agent"], agent);
}

#[tokio::test]
async fn a_minute_of_ringing_ends_unanswered_and_nothing_follows() {
    let mut bed = TestBed::start(|builder| {
        builder
            .clock("200x")
            .scenario("name: ignores\nmatch: { to_user_id: nobody }\ncallee: { action: ignore }")
    })
    .await;

    let sid = bed.accepted("nobody").await;
    let record = bed.settled(&sid).await;

    assert_eq!(record["end"]["reason"], "NOANSWER");
    assert_eq!(record["end"]["terminate"], 18);
    let names: Vec<_> = bed
        .receiver
        .rest()
        .into_iter()
        .map(|r| r.callback)
        .collect();
    assert_eq!(names, ["notify", "agent_call_status", "call_event"]);
}

#[tokio::test]
async fn a_slow_response_takes_three_seconds_of_the_calls_time() {
    let bed = TestBed::start(|builder| builder.clock("20x")).await;

    let (status, answer) = bed.call("emu-slow-response").await;
    assert_eq!(status, 200, "{answer}");
    let record = bed.settled(answer["data"]["sid"].as_str().unwrap()).await;

    let accepted = millis(&record["states"][0]["at"]);
    let answered = answer["timestamp"].as_i64().unwrap() - accepted;
    // Three seconds of the machine's would be a minute of the call's.
    assert!((3_000..40_000).contains(&answered), "{answered} ms");
    let notify_due = millis(&record["deliveries"][0]["due_at"]) - accepted;
    assert!((3_049..=3_051).contains(&notify_due), "{notify_due} ms");
}

fn millis(time: &Value) -> i64 {
    let time: Timestamp = time.as_str().unwrap().parse().unwrap();
    time.as_millisecond()
}

#[tokio::test]
async fn a_misspelt_magic_callee_id_is_remarked_on() {
    let bed = TestBed::start(|builder| builder.clock("1000x")).await;
    for (callee, remarks) in [
        (
            "emu-decline",
            serde_json::json!([
                "no scenario is for the callee `emu-decline`: did you mean `emu-declines`?"
            ]),
        ),
        ("emily", serde_json::json!([])),
        ("emu-answers", serde_json::json!([])),
    ] {
        let sid = bed.accepted(callee).await;
        assert_eq!(bed.settled(&sid).await["remarks"], remarks, "{callee}");
    }
}
