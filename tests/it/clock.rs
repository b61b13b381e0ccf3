//! Time that is moved: what comes due, in which order, and what is told about it.

use std::sync::Arc;

use actix_web::HttpResponse;
use futures_util::FutureExt as _;
use jiff::Timestamp;
use planet_emulator::Emulator;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};

use crate::control::{Control, TestProject, manual, ok, refused, with_project};
use crate::helpers::Receiver;

const QUICK_AND_SLOW: &str = "
name: quick
match: { to_user_id: quick-* }
callee: { action: decline, after: 3s }
---
name: slow
match: { to_user_id: slow-* }
callee: { action: decline, after: 5s }
";

fn moment(time: &Value) -> Timestamp {
    time.as_str()
        .unwrap_or_else(|| panic!("{time}"))
        .parse()
        .unwrap()
}

fn millis_between(earlier: &Value, later: &Value) -> i64 {
    moment(later).as_millisecond() - moment(earlier).as_millisecond()
}

/// Which callbacks an advance says it delivered.
fn callbacks(advanced: &Value) -> Vec<&str> {
    let delivered = advanced["delivered"].as_array().unwrap();
    let names = delivered.iter().map(|delivery| &delivery["callback"]);
    names.map(|name| name.as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_minute_without_an_answer_passes_when_it_is_told_to() {
    let (_emulator, mut shop) = manual("").await;
    let sid = shop.accepted("emu-no-answer").await;
    assert!(shop.arrived().is_empty(), "no time has passed");

    let advanced = shop.advance(json!({ "by": "59s" })).await;

    assert_eq!(callbacks(&advanced), ["notify", "agent_call_status"]);
    assert_eq!(shop.arrived(), ["notify", "agent_call_status"]);
    assert_eq!(advanced["advanced_ms"], 59_000);
    let left = millis_between(&advanced["now"], &advanced["next_due_at"]);
    assert!((1_000..=1_200).contains(&left), "{left} ms");

    let advanced = shop.advance(json!({ "by": "2s" })).await;

    assert_eq!(callbacks(&advanced), ["call_event"]);
    assert_eq!(advanced["next_due_at"], Value::Null);
    let event = shop.receiver.next().await.parameters();
    assert_eq!(
        (&*event["sid"], &*event["disconnect_reason"]),
        (&*sid, "1203")
    );
    let record = shop.record(&sid).await;
    assert_eq!(record["settled"], true);
    assert_eq!(record["end"]["reason"], "NOANSWER");
}

#[tokio::test]
async fn one_moment_after_the_other_until_idle() {
    let (_emulator, mut shop) = manual("").await;
    shop.accepted("emu-no-answer").await;

    let mut steps = Vec::new();
    loop {
        let advanced = shop.advance(json!({ "to": "next" })).await;
        for delivery in advanced["delivered"].as_array().unwrap() {
            assert_eq!(delivery["due_at"], advanced["now"], "{advanced:#}");
        }
        steps.extend(callbacks(&advanced).into_iter().map(str::to_owned));
        if advanced["next_due_at"].is_null() {
            break;
        }
    }

    assert_eq!(steps, ["notify", "agent_call_status", "call_event"]);
    assert_eq!(shop.arrived(), steps);
    let idle = shop.advance(json!({ "to": "next" })).await;
    assert_eq!(
        (&idle["advanced_ms"], &idle["delivered"]),
        (&json!(0), &json!([]))
    );
}

#[tokio::test]
async fn what_is_due_first_is_sent_first_and_among_equals_the_call_that_was_accepted_first() {
    const CALLS: usize = 30;
    let (_emulator, mut shop) = manual(QUICK_AND_SLOW).await;
    let (mut slow, mut quick, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..CALLS {
        let kind = if n % 3 == 0 { "quick" } else { "slow" };
        let sid = shop.accepted(&format!("{kind}-{n}")).await;
        let of_kind = if n % 3 == 0 { &mut quick } else { &mut slow };
        of_kind.push(sid.clone());
        all.push(sid);
    }
    let of = |callback, sids: &[String]| {
        let sids = sids.iter().map(move |sid| (callback, sid.clone()));
        sids.collect::<Vec<(&str, String)>>()
    };
    let expected = [
        of("notify", &all),
        of("agent_call_status", &all),
        of("call_event", &quick),
        of("call_event", &slow),
    ]
    .concat();

    let advanced = shop.advance(json!({ "by": "10s" })).await;

    let received = shop.receiver.rest();
    let arrived: Vec<_> = received
        .iter()
        .map(|received| (&*received.callback, received.parameter("sid").unwrap()))
        .collect();
    assert_eq!(arrived, expected);
    let told: Vec<_> = advanced["delivered"].as_array().unwrap().iter().collect();
    let told_sids = told
        .iter()
        .map(|delivery| delivery["sid"].as_str().unwrap().to_owned());
    let told_order: Vec<_> = callbacks(&advanced).into_iter().zip(told_sids).collect();
    assert_eq!(told_order, expected);
    assert!(told.is_sorted_by_key(|delivery| moment(&delivery["due_at"])));
}

#[tokio::test]
async fn an_advance_waits_for_answers_that_take_their_time() {
    let gate = Arc::new(Semaphore::new(0));
    let (sender, mut held) = mpsc::unbounded_channel();
    let receiver = Receiver::answering_late(Arc::new({
        let gate = gate.clone();
        move |received| {
            let (gate, sender, callback) =
                (gate.clone(), sender.clone(), received.callback.clone());
            async move {
                sender.send(callback).unwrap();
                gate.acquire().await.unwrap().forget();
                HttpResponse::Ok().finish()
            }
            .boxed_local()
        }
    }));
    let emulator = Emulator::builder().start().await.unwrap();
    let control = Control::of(&emulator.url());
    let shop = TestProject::create(&control, receiver, json!({ "clock": "manual" })).await;
    let sid = shop.accepted("emu-declines").await;

    let mut advancing = std::pin::pin!(shop.until_idle());
    for expected in ["notify", "agent_call_status", "call_event"] {
        let callback = tokio::select! {
            biased;
            callback = held.recv() => callback.unwrap(),
            advanced = &mut advancing => panic!("answered before {expected} was: {advanced:#}"),
        };
        assert_eq!(callback, expected);
        let record = tokio::select! {
            record = shop.record(&sid) => record,
            advanced = &mut advancing => panic!("answered before {expected} was: {advanced:#}"),
        };
        let deliveries = record["deliveries"].as_array().unwrap();
        assert_eq!(deliveries.last().unwrap()["outcome"], "pending");
        gate.add_permits(1);
    }
    let advanced = advancing.await;

    assert_eq!(
        callbacks(&advanced),
        ["notify", "agent_call_status", "call_event"]
    );
    for delivery in advanced["delivered"].as_array().unwrap() {
        assert_eq!(
            (&delivery["outcome"], &delivery["status"]),
            (&json!("delivered"), &json!(200))
        );
    }
}

#[tokio::test]
async fn a_delivery_that_fails_is_listed_with_what_went_wrong() {
    let answers = |received: &crate::helpers::Received| match &*received.callback {
        "call_event" => HttpResponse::InternalServerError().finish(),
        _ => HttpResponse::Ok().finish(),
    };
    let emulator = Emulator::builder().start().await.unwrap();
    let control = Control::of(&emulator.url());
    let receiver = Receiver::answering(Arc::new(answers));
    let shop = TestProject::create(&control, receiver, json!({ "clock": "manual" })).await;
    shop.accepted("emu-declines").await;
    let advanced = shop.until_idle().await;
    let event = &advanced["delivered"][2];
    assert_eq!(
        (&event["outcome"], &event["status"]),
        (&json!("failed"), &json!(500))
    );
    assert_eq!(event["error"], Value::Null);

    let nowhere = Receiver::start();
    let mut cut_off = TestProject::create(&control, nowhere, json!({ "clock": "manual" })).await;
    let gone = std::mem::replace(&mut cut_off.receiver, Receiver::start());
    gone.stop().await;
    cut_off.accepted("emu-declines").await;
    let advanced = cut_off.until_idle().await;
    let notify = &advanced["delivered"][0];
    assert_eq!(
        (&notify["callback"], &notify["outcome"]),
        (&json!("notify"), &json!("failed"))
    );
    assert_eq!(notify["status"], Value::Null);
    assert!(
        notify["error"].as_str().unwrap().contains("refused"),
        "{notify}"
    );
}

#[tokio::test]
async fn switching_the_clock_keeps_every_remaining_delay() {
    let (_emulator, shop) = manual("").await;
    let (clock, sid) = (shop.path("clock"), shop.accepted("emu-no-answer").await);
    let before = shop.advance(json!({ "by": "20s" })).await;

    for mode in ["real", "2x", "manual"] {
        let switched = ok(shop.control.put(&clock, json!({ "mode": mode })).await);
        assert_eq!(switched["mode"], mode);
        assert_eq!(switched["next_due_at"], before["next_due_at"]);
        let passed = millis_between(&before["now"], &switched["now"]);
        assert!((0..30_000).contains(&passed), "{passed} ms");
    }
    let stopped = shop.control.read(&clock).await;
    let advanced = shop.advance(json!({ "to": "next" })).await;
    let left = millis_between(&stopped["now"], &stopped["next_due_at"]);
    // Each of the three is cut to whole milliseconds.
    let advanced_ms = advanced["advanced_ms"].as_i64().unwrap();
    assert!(
        (left - advanced_ms).abs() <= 1,
        "{left} and {advanced_ms} ms"
    );

    // What is left now is the Call Event's own delay: with a fast clock it comes by itself.
    ok(shop.control.put(&clock, json!({ "mode": "1000x" })).await);
    let record = shop.reached(&sid, "settled").await;
    assert_eq!(record["deliveries"][2]["due_at"], advanced["next_due_at"]);
}

#[tokio::test]
async fn a_call_that_began_in_real_time_is_ended_by_hand() {
    let (_emulator, shop) = with_project("", json!({ "clock": "real" })).await;
    let sid = shop.accepted("emu-no-answer").await;
    shop.reached(&sid, "agent_call_status").await;

    ok(shop
        .control
        .put(&shop.path("clock"), json!({ "mode": "manual" }))
        .await);
    let advanced = shop.until_idle().await;

    assert_eq!(callbacks(&advanced), ["call_event"]);
    let record = shop.record(&sid).await;
    let states = record["states"].as_array().unwrap();
    let at = |name: &str| &states.iter().find(|state| state["state"] == name).unwrap()["at"];
    assert_eq!(millis_between(at("ringing"), at("ended")), 60_000);
}

#[tokio::test]
async fn two_projects_have_their_own_time() {
    let (_emulator, shop) = manual("").await;
    let settings = json!({ "clock": "manual" });
    let mut other = TestProject::create(&shop.control, Receiver::start(), settings).await;
    let sid = other.accepted("emu-no-answer").await;
    shop.accepted("emu-no-answer").await;
    // Lets the call get to where it waits for its time.
    other.advance(json!({ "by": "0s" })).await;
    let before = shop.control.read(&other.path("clock")).await;

    let advanced = shop.until_idle().await;

    assert_eq!(
        callbacks(&advanced),
        ["notify", "agent_call_status", "call_event"]
    );
    assert_eq!(shop.control.read(&other.path("clock")).await, before);
    assert!(other.arrived().is_empty());
    assert_eq!(other.record(&sid).await["state"], "accepted");
}

#[tokio::test]
async fn callbacks_records_and_answers_carry_the_projects_time() {
    let (_emulator, mut shop) = manual("").await;
    let today = shop.control.read(&shop.path("clock")).await;
    let next_week = shop.advance(json!({ "by": "168h" })).await;
    assert_eq!(
        millis_between(&today["now"], &next_week["now"]),
        168 * 3_600_000
    );

    let (_, answer) = shop.call("emu-no-answer").await;
    assert_eq!(
        answer["timestamp"],
        moment(&next_week["now"]).as_millisecond()
    );
    shop.until_idle().await;

    let event = shop.receiver.rest().pop().unwrap().parameters();
    let seconds = |name: &str| event[name].parse::<i64>().unwrap();
    let accepted = moment(&next_week["now"]).as_second();
    assert_eq!(seconds("setup_time"), accepted);
    assert!(
        (60..=61).contains(&(seconds("end_time") - accepted)),
        "{event:?}"
    );
    let record = shop.record(answer["data"]["sid"].as_str().unwrap()).await;
    assert_eq!(record["states"][0]["at"], next_week["now"]);
    let sent = &record["deliveries"][2]["attempts"][0];
    assert!(moment(&sent["sent_at"]).as_second() >= accepted + 60);
}

#[tokio::test]
async fn a_clock_that_moves_by_itself_is_not_moved() {
    let (_emulator, shop) = with_project("", json!({ "clock": "20x" })).await;
    let advance = shop.path("clock/advance");

    let error = refused(
        409,
        "clock_not_manual",
        shop.control.post(&advance, json!({ "by": "1s" })).await,
    );

    assert_eq!(error["message"], "the clock is `20x`, not `manual`");
    let hint = error["hint"].as_str().unwrap();
    assert!(
        hint.contains(&format!("PUT /_emulator/{}", shop.path("clock"))),
        "{hint}"
    );
}

#[tokio::test]
async fn how_far_is_said_in_exactly_one_way() {
    let (_emulator, shop) = manual("").await;
    let advance = shop.path("clock/advance");
    for body in [
        json!({}),
        json!({ "by": "1s", "to": "next" }),
        json!({ "to": "end" }),
        json!({ "by": "soon" }),
    ] {
        let (status, answer) = shop.control.post(&advance, body).await;
        assert_eq!(status, 422, "{answer:#}");
    }
    let typo = shop.control.post(&advance, json!({ "untl": "idle" })).await;
    let error = refused(422, "invalid_body", typo);
    assert_eq!(error["faults"][0]["hint"], "did you mean `until`?");
}

const COPIES: &str = "
name: copies-soon-and-late
notify: { copies: 3, copies_every: 10s }
callee: { action: ignore }
call_event: { copies: 2, copies_every: 90s }
";

#[tokio::test]
async fn copies_come_in_their_time_and_the_call_settles_with_the_last_one() {
    let (_emulator, mut shop) = manual(COPIES).await;
    let sid = shop.plays("copies-soon-and-late", "alice").await;

    shop.advance(json!({ "by": "61s" })).await;
    let expected = [
        "notify",
        "agent_call_status",
        "notify",
        "notify",
        "call_event",
    ];
    assert_eq!(shop.arrived(), expected);
    assert_eq!(shop.record(&sid).await["settled"], false);

    let advanced = shop.until_idle().await;
    assert_eq!(callbacks(&advanced), ["call_event"]);
    assert_eq!(shop.record(&sid).await["settled"], true);
}

#[tokio::test]
async fn time_moves_on_after_a_reset_that_found_copies_under_way() {
    let (_emulator, mut shop) = manual(COPIES).await;
    for span in ["5s", "30s", "65s"] {
        shop.plays("copies-soon-and-late", "alice").await;
        shop.advance(json!({ "by": span })).await;
        shop.reset().await;
        shop.arrived();
        assert_eq!(shop.until_idle().await["delivered"], json!([]), "{span}");
    }
}

#[tokio::test]
async fn advances_at_the_same_time_take_turns() {
    let (_emulator, mut shop) = manual("").await;
    for n in 0..5 {
        shop.plays("no-answer", &format!("callee-{n}")).await;
    }
    let before = shop.control.read(&shop.path("clock")).await;

    let advances = (0..4).map(|_| shop.advance(json!({ "by": "61s" })));
    let advanced = futures_util::future::join_all(advances).await;

    let delivered: usize = advanced
        .iter()
        .map(|advanced| callbacks(advanced).len())
        .sum();
    assert_eq!((delivered, shop.arrived().len()), (15, 15));
    let after = shop.control.read(&shop.path("clock")).await;
    assert_eq!(millis_between(&before["now"], &after["now"]), 4 * 61_000);
}
