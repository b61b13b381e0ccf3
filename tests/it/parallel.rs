//! Fifty tests that share one emulator and know nothing of each other.
//!
//! Each has a project, a receiver and a manual clock of its own. That is all it takes: they run in parallel,
//! in any order and any number of times, and none of them waits for time to pass.

use std::future::pending;
use std::sync::LazyLock;

use planet_emulator::Emulator;
use serde_json::{Value, json};

use crate::control::{Control, TestProject, ok, refused};
use crate::helpers::{Receiver, answer_of};

const SCENARIOS: &str = "
name: by-hand
match: { to_user_id: hand-* }
callee: { action: manual }
---
name: long-talk
match: { to_user_id: talks }
callee: { action: answer, after: 30s }
end: { after: 45s, reason: NORMAL, by: callee }
---
name: three-turns
match: { to_user_id: turns }
in_turn: [ { callee: { action: decline } }, { callee: { action: busy } }, { callee: { action: ignore } } ]
";

/// The URL of the one emulator. It lives as long as the process, on a runtime that belongs to no test.
static EMULATOR: LazyLock<String> = LazyLock::new(|| {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async move {
            let emulator = Emulator::builder()
                .scenario(SCENARIOS)
                .start()
                .await
                .unwrap();
            sender.send(emulator.url()).unwrap();
            pending::<()>().await;
        });
    });
    receiver.recv().unwrap()
});

async fn project() -> TestProject {
    project_with(json!({})).await
}

async fn project_with(mut settings: Value) -> TestProject {
    settings["clock"] = json!("manual");
    TestProject::create(&Control::of(&EMULATOR), Receiver::start(), settings).await
}

/// The callbacks that arrived, which are all of this call.
fn callbacks_of(shop: &mut TestProject, sid: &str) -> Vec<String> {
    let received = shop.receiver.rest().into_iter();
    received
        .map(|received| {
            assert_eq!(received.parameter("sid").as_deref(), Some(sid));
            received.callback
        })
        .collect()
}

/// Everything that this project has on record, which is this call and nothing else.
async fn only_call(shop: &TestProject, sid: &str) -> Value {
    let list = shop
        .control
        .read(&format!("calls?project={}", shop.name))
        .await;
    let [call] = list["calls"].as_array().unwrap().as_slice() else {
        panic!("expected one call, found {list:#}");
    };
    assert_eq!(call["sid"], sid);
    call.clone()
}

const NOTIFY: &str = "notify";
const STATUS: &str = "agent_call_status";
const EVENT: &str = "call_event";

/// A call to a magic callee ID, the callbacks that arrive, and how it ends: reason, terminate, duration.
async fn ends(callee: &str, callbacks: &[&str], end: Option<(&str, u64, u64)>) {
    let mut shop = project().await;
    let sid = shop.accepted(callee).await;
    let advanced = shop.until_idle().await;

    assert_eq!(advanced["next_due_at"], Value::Null);
    assert_eq!(callbacks_of(&mut shop, &sid), callbacks);
    let record = only_call(&shop, &sid).await;
    assert_eq!(record["settled"], true);
    let found = &record["end"];
    match end {
        Some((reason, terminate, duration)) => assert_eq!(
            (&found["reason"], &found["terminate"], &found["duration"]),
            (&json!(reason), &json!(terminate), &json!(duration))
        ),
        None => assert_eq!(*found, Value::Null),
    }
}

/// A call that the API refuses with this status, and nothing comes of it.
async fn is_refused(callee: &str, status: u16) {
    let mut shop = project().await;
    let (found, answer) = shop.call(callee).await;
    assert_eq!(found, status, "{answer}");
    shop.until_idle().await;
    assert!(shop.arrived().is_empty());
    let requests = shop
        .control
        .read(&format!("requests?project={}", shop.name))
        .await;
    assert_eq!(requests["requests"][0]["status"], status);
    assert_eq!(requests["requests"].as_array().unwrap().len(), 1);
    let calls = shop
        .control
        .read(&format!("calls?project={}", shop.name))
        .await;
    assert_eq!(calls["calls"], json!([]));
}

/// One test for each line.
macro_rules! tests {
    ($($name:ident: $test:ident($($argument:expr),*);)*) => {$(
        #[tokio::test]
        async fn $name() {
            $test($($argument),*).await;
        }
    )*};
}

const ALL: &[&str] = &[NOTIFY, STATUS, EVENT];

tests! {
    answers: ends("emu-answers", ALL, Some(("NORMAL", 16, 4)));
    hangs_up: ends("emu-hangs-up", ALL, Some(("NORMAL", 16, 2)));
    hangs_up_with_text: ends("emu-hangs-up-with-text", ALL, Some(("NORMAL", 16, 2)));
    prepares: ends("emu-prepares", ALL, Some(("NORMAL", 16, 4)));
    declines: ends("emu-declines", ALL, Some(("DECLINE", 21, 0)));
    does_not_answer: ends("emu-no-answer", ALL, Some(("NOANSWER", 18, 0)));
    is_busy: ends("emu-busy", &[STATUS, EVENT], Some(("BUSY", 17, 0)));
    push_error: ends("emu-push-error", ALL, Some(("PUSH_ERROR", 127, 0)));
    push_unreachable: ends("emu-push-unreachable", &[STATUS, EVENT], Some(("PUSH_ERROR", 127, 0)));
    invalid_peer_id: ends("emu-invalid-peer-id", &[STATUS], None);
    cell_call_ringing: ends("emu-cell-call-ringing", ALL, Some(("CELL_CALL", 127, 0)));
    cell_call_talking: ends("emu-cell-call-talking", ALL, Some(("CELL_CALL", 16, 2)));
    user_error: ends("emu-user-error", ALL, Some(("USER_ERROR", 16, 2)));
    network_lost: ends("emu-network-lost", ALL, Some(("NETWORK_UNSTABLE", 16, 2)));
    no_microphone: ends("emu-no-microphone", ALL, Some(("AUDIO_TX_NO_SRC", 16, 2)));
    max_call_time: ends("emu-max-call-time", ALL, Some(("MAX_CALL_TIME_EXCEEDED", 16, 2)));
    internal_error: ends("emu-internal-error", ALL, Some(("SERVER_INTERNAL_ERROR", 127, 0)));
    app_server_data_error: ends("emu-app-server-data-error", ALL, Some(("APP_SERVER_DATA_ERROR", 127, 0)));
    caller_cancels: ends("emu-caller-cancels", ALL, Some(("CANCEL", 77, 0)));
    event_never: ends("emu-event-never", &[NOTIFY, STATUS], Some(("NORMAL", 16, 4)));
    status_before_notify: ends("emu-status-before-notify", &[STATUS, NOTIFY, EVENT], Some(("NORMAL", 16, 4)));
    event_before_status: ends("emu-event-before-status", &[NOTIFY, EVENT, STATUS], Some(("DECLINE", 21, 0)));
    example_spelling: ends("emu-example-spelling", ALL, Some(("NORMAL", 16, 4)));
    talks_for_long: ends("talks", ALL, Some(("NORMAL", 16, 4)));
    left_alone: ends("hand-1", ALL, Some(("NOANSWER", 18, 0)));
    http_401: is_refused("emu-http-401", 401);
    http_403: is_refused("emu-http-403", 403);
    http_404: is_refused("emu-http-404", 404);
    http_429: is_refused("emu-http-429", 429);
    http_500: is_refused("emu-http-500", 500);
    http_503: is_refused("emu-http-503", 503);
}

#[tokio::test]
async fn fails_once_in_each_project() {
    let shop = project().await;
    for status in [503, 200, 200] {
        assert_eq!(shop.call("emu-fails-once").await.0, status);
        shop.until_idle().await;
    }
}

#[tokio::test]
async fn every_callback_twice() {
    let mut shop = project().await;
    let sid = shop.accepted("emu-callbacks-doubled").await;
    shop.until_idle().await;
    let mut arrived = callbacks_of(&mut shop, &sid);
    arrived.sort();
    assert_eq!(arrived, [STATUS, STATUS, EVENT, EVENT, NOTIFY, NOTIFY]);
}

#[tokio::test]
async fn notify_comes_before_the_answer() {
    let mut shop = project().await;
    let request = shop
        .request("emu-notify-before-response")
        .body(shop.body().to_string());
    let mut answer = std::pin::pin!(answer_of(request));
    let first = tokio::select! {
        biased;
        answer = &mut answer => panic!("the answer came first: {answer:?}"),
        first = shop.receiver.next() => first,
    };
    assert_eq!(first.callback, NOTIFY);
    let sid = first.parameter("sid").unwrap();
    let (answer, ()) = tokio::join!(answer, async {
        while shop.until_idle().await["advanced_ms"] == 0 {}
    });
    assert_eq!(crate::control::sid(answer), sid);
    shop.until_idle().await;
    assert_eq!(callbacks_of(&mut shop, &sid), [STATUS, EVENT]);
}

#[tokio::test]
async fn an_answer_that_takes_three_seconds() {
    let shop = project().await;
    let (answer, waited) = tokio::join!(shop.call("emu-slow-response"), async {
        loop {
            let advanced = shop.advance(json!({ "by": "3s" })).await;
            if advanced["delivered"] != json!([]) {
                break advanced["advanced_ms"].clone();
            }
        }
    });
    assert_eq!((answer.0, waited), (200, json!(3_000)));
}

#[tokio::test]
async fn a_minute_in_two_steps() {
    let mut shop = project().await;
    let sid = shop.accepted("emu-no-answer").await;
    shop.advance(json!({ "by": "59s" })).await;
    assert_eq!(callbacks_of(&mut shop, &sid), [NOTIFY, STATUS]);
    shop.advance(json!({ "by": "2s" })).await;
    assert_eq!(callbacks_of(&mut shop, &sid), [EVENT]);
}

#[tokio::test]
async fn one_callback_at_a_time() {
    let mut shop = project().await;
    let sid = shop.accepted("emu-caller-cancels").await;
    let mut seen = Vec::new();
    while seen.len() < 3 {
        shop.advance(json!({ "to": "next" })).await;
        let arrived = callbacks_of(&mut shop, &sid);
        assert!(arrived.len() <= 1, "{arrived:?}");
        seen.extend(arrived);
    }
    assert_eq!(seen, ALL);
}

#[tokio::test]
async fn a_month_of_calls_one_a_day() {
    let mut shop = project().await;
    for _ in 0..30 {
        shop.accepted("emu-declines").await;
        let advanced = shop.advance(json!({ "by": "24h" })).await;
        assert_eq!(advanced["delivered"].as_array().unwrap().len(), 3);
    }
    let events = shop
        .receiver
        .rest()
        .into_iter()
        .filter(|received| received.callback == EVENT);
    let times: Vec<i64> = events
        .map(|event| event.parameter("setup_time").unwrap().parse().unwrap())
        .collect();
    for pair in times.windows(2) {
        assert!(
            (86_399..=86_401).contains(&(pair[1] - pair[0])),
            "{times:?}"
        );
    }
}

#[tokio::test]
async fn twenty_calls_in_the_order_in_which_they_were_made() {
    let mut shop = project().await;
    let mut sids = Vec::new();
    for n in 0..20 {
        sids.push(shop.accepted(&format!("callee-{n}")).await);
    }
    shop.until_idle().await;
    let received = shop.receiver.rest();
    for (callbacks, name) in received.chunks(20).zip(ALL) {
        assert!(callbacks.iter().all(|received| received.callback == *name));
        let of: Vec<_> = callbacks
            .iter()
            .map(|received| received.parameter("sid").unwrap())
            .collect();
        assert_eq!(of, sids, "{name}");
    }
    assert_eq!(received.len(), 60);
}

#[tokio::test]
async fn an_answer_by_hand() {
    let mut shop = project().await;
    let sid = shop.accepted("hand-1").await;
    shop.advance(json!({ "by": "10s" })).await;
    let callee = format!("calls/{sid}/callee");
    ok(shop
        .control
        .post(&callee, json!({ "action": "answer" }))
        .await);
    shop.advance(json!({ "by": "3s" })).await;
    ok(shop
        .control
        .post(&callee, json!({ "action": "hang_up" }))
        .await);
    shop.until_idle().await;
    assert_eq!(callbacks_of(&mut shop, &sid), ALL);
    let end = &only_call(&shop, &sid).await["end"];
    assert_eq!(
        (&end["reason"], &end["duration"]),
        (&json!("NORMAL"), &json!(3))
    );
}

#[tokio::test]
async fn a_refusal_by_hand() {
    let mut shop = project().await;
    let sid = shop.accepted("hand-1").await;
    let callee = format!("calls/{sid}/callee");
    let no = json!({ "action": "decline", "user_rel_code": "not today" });
    refused(409, "not_now", shop.control.post(&callee, no.clone()).await);
    shop.advance(json!({ "by": "10s" })).await;
    ok(shop.control.post(&callee, no).await);
    shop.until_idle().await;
    let event = shop.receiver.rest().pop().unwrap();
    assert_eq!(
        event.parameter("user_rel_code").as_deref(),
        Some("not today")
    );
}

#[tokio::test]
async fn an_arm_of_one_project_is_not_for_another() {
    let (shop, other) = (project().await, project().await);
    ok(shop
        .control
        .post(&shop.path("arm"), json!({ "scenario": "callee-busy" }))
        .await);
    let unarmed = other.accepted("alice").await;
    let armed = shop.accepted("alice").await;
    assert_eq!(only_call(&other, &unarmed).await["chosen_by"], "default");
    assert_eq!(only_call(&shop, &armed).await["chosen_by"], "armed");
}

#[tokio::test]
async fn turns_are_counted_in_each_project() {
    let shop = project().await;
    let mut reasons = Vec::new();
    for _ in 0..3 {
        let sid = shop.accepted("turns").await;
        shop.until_idle().await;
        reasons.push(shop.record(&sid).await["end"]["reason"].clone());
    }
    assert_eq!(reasons, ["DECLINE", "BUSY", "NOANSWER"]);
}

#[tokio::test]
async fn a_reset_begins_this_project_anew() {
    let mut shop = project().await;
    assert_eq!(shop.call("emu-fails-once").await.0, 503);
    let sid = shop.accepted("emu-no-answer").await;
    shop.advance(json!({ "by": "1s" })).await;
    shop.reset().await;
    assert_eq!(callbacks_of(&mut shop, &sid), [NOTIFY, STATUS]);
    assert_eq!(shop.call("emu-fails-once").await.0, 503);
    shop.until_idle().await;
    assert!(shop.arrived().is_empty());
}

#[tokio::test]
async fn a_seed_repeats_the_session_ids() {
    let shop = project_with(json!({ "seed": 7 })).await;
    let first = shop.accepted("alice").await;
    shop.reset().await;
    assert_eq!(shop.accepted("alice").await, first);
}

#[tokio::test]
async fn a_callback_once_more() {
    let mut shop = project().await;
    let sid = shop.accepted("emu-declines").await;
    shop.until_idle().await;
    ok(shop
        .control
        .post(&format!("calls/{sid}/deliveries/2/replay"), json!({}))
        .await);
    assert_eq!(
        callbacks_of(&mut shop, &sid),
        [NOTIFY, STATUS, EVENT, STATUS]
    );
}

#[tokio::test]
async fn what_happened_is_verified_within_one_project() {
    let shop = project().await;
    let expected = json!({ "project": shop.name, "match": { "to_user_id": "emu-declines" }, "delivered": [EVENT] });
    refused(
        409,
        "not_verified",
        shop.control.post("verify", expected.clone()).await,
    );
    shop.accepted("emu-declines").await;
    refused(
        409,
        "not_verified",
        shop.control.post("verify", expected.clone()).await,
    );
    shop.until_idle().await;
    ok(shop.control.post("verify", expected).await);
}

#[tokio::test]
async fn a_request_that_breaks_rules_is_on_record_here() {
    let shop = project().await;
    let broken = shop.request("alice").body("{}");
    assert_eq!(answer_of(broken).await.0, 400);
    let requests = shop
        .control
        .read(&format!("requests?project={}", shop.name))
        .await;
    let violations = requests["requests"][0]["violations"].as_array().unwrap();
    assert!(violations.len() >= 3, "{violations:?}");
}

#[tokio::test]
async fn the_rate_limit_is_this_projects() {
    let shop = project_with(json!({ "rate_limit": 2 })).await;
    for status in [200, 200, 429] {
        assert_eq!(shop.call("alice").await.0, status);
    }
    shop.advance(json!({ "by": "2s" })).await;
    assert_eq!(shop.call("alice").await.0, 200);
}

#[tokio::test]
async fn the_future_is_told_without_a_call() {
    let mut shop = project().await;
    let request = json!({
        "project": shop.name, "to_service_id": shop.service_id, "to_user_id": "talks", "body": shop.body(),
    });
    let explained = ok(shop.control.post("explain", request).await);
    assert_eq!(explained["scenario"], "long-talk");
    assert_eq!(shop.until_idle().await["advanced_ms"], 0);
    assert!(shop.arrived().is_empty());
}
