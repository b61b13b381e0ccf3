//! Callbacks that are sent once more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use planet_emulator::Emulator;
use serde_json::{Value, json};

use crate::control::{Control, TestProject, manual, ok, refused};
use crate::helpers::Receiver;

async fn replay(shop: &TestProject, sid: &str, n: &str) -> (u16, Value) {
    let path = format!("calls/{sid}/deliveries/{n}/replay");
    shop.control.post(&path, json!({})).await
}

#[tokio::test]
async fn a_callback_of_a_settled_call_is_sent_again_to_the_letter() {
    let (_emulator, mut shop) = manual("").await;
    let sid = shop.accepted("emu-declines").await;
    shop.until_idle().await;
    let first = shop.receiver.rest();
    let before = shop.control.read(&shop.path("clock")).await;

    let record = ok(replay(&shop, &sid, "3").await);

    let deliveries = record["deliveries"].as_array().unwrap();
    assert_eq!(deliveries.len(), 4);
    let replayed = &deliveries[3];
    assert_eq!(
        (&replayed["n"], &replayed["callback"]),
        (&json!(4), &json!("call_event"))
    );
    assert_eq!(
        (&replayed["outcome"], &replayed["due_at"]),
        (&json!("delivered"), &before["now"])
    );
    assert_eq!(deliveries[2]["attempts"].as_array().unwrap().len(), 1);
    let again = shop.receiver.next().await;
    assert_eq!(
        (&again.callback, &again.query),
        (&first[2].callback, &first[2].query)
    );
    assert!(shop.arrived().is_empty());
    assert_eq!(shop.control.read(&shop.path("clock")).await, before);
}

#[tokio::test]
async fn a_callback_of_a_live_call_is_sent_again_and_the_call_goes_on() {
    let (_emulator, mut shop) = manual("").await;
    let sid = shop.accepted("emu-no-answer").await;
    shop.advance(json!({ "by": "1s" })).await;

    ok(replay(&shop, &sid, "1").await);
    shop.until_idle().await;

    assert_eq!(
        shop.arrived(),
        ["notify", "agent_call_status", "notify", "call_event"]
    );
    assert_eq!(shop.record(&sid).await["end"]["reason"], "NOANSWER");
}

#[tokio::test]
async fn a_callback_that_failed_may_arrive_the_second_time() {
    let status = Arc::new(AtomicU16::new(500));
    let receiver = Receiver::answering(Arc::new({
        let status = status.clone();
        move |_| {
            let status = StatusCode::from_u16(status.load(Ordering::SeqCst)).unwrap();
            HttpResponse::new(status)
        }
    }));
    let emulator = Emulator::builder().start().await.unwrap();
    let control = Control::of(&emulator.url());
    let shop = TestProject::create(&control, receiver, json!({ "clock": "manual" })).await;
    let sid = shop.accepted("emu-declines").await;
    shop.until_idle().await;
    let outcome = |record: &Value, index: usize| record["deliveries"][index]["outcome"].clone();
    assert_eq!(outcome(&shop.record(&sid).await, 0), "failed");

    let failed = ok(replay(&shop, &sid, "1").await);
    status.store(200, Ordering::SeqCst);
    let record = ok(replay(&shop, &sid, "1").await);

    let count = record["deliveries"].as_array().unwrap().len();
    assert_eq!(outcome(&failed, count - 2), "failed");
    assert_eq!(outcome(&record, count - 1), "delivered");
    assert_eq!(outcome(&record, 0), "failed");
}

#[tokio::test]
async fn what_was_never_sent_is_not_sent_again() {
    let (_emulator, shop) = manual("").await;
    let sid = shop.accepted("emu-event-never").await;
    shop.until_idle().await;
    let error = refused(409, "not_replayable", replay(&shop, &sid, "3").await);
    assert!(
        error["message"].as_str().unwrap().contains("never sent"),
        "{error}"
    );
}

#[tokio::test]
async fn a_call_or_a_delivery_that_is_not_there_is_told_apart() {
    let (_emulator, shop) = manual("").await;
    let sid = shop.accepted("emu-declines").await;
    shop.until_idle().await;
    for n in ["0", "4", "-1", "first", "99999999999999999999"] {
        refused(404, "unknown_delivery", replay(&shop, &sid, n).await);
    }
    refused(404, "unknown_call", replay(&shop, "nobody", "1").await);
    let other = sid.replace(|digit: char| digit.is_ascii_digit(), "0");
    refused(404, "unknown_call", replay(&shop, &other, "1").await);
}
