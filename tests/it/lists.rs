//! Calls that are listed, and calls that are waited for.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::control::{manual, refused, sid, with_project};
use crate::helpers::{AT_ONCE, answer_of};

/// Whom the calls of a list are to.
fn callees(list: &Value) -> Vec<&str> {
    let calls = list["calls"].as_array().unwrap();
    let to = calls.iter().map(|call| &call["to"]["user_id"]);
    to.map(|user| user.as_str().unwrap()).collect()
}

#[tokio::test]
async fn calls_are_listed_by_what_they_are() {
    let (_emulator, shop) = manual("").await;
    for callee in ["emu-declines", "alice", "emu-invalid-peer-id"] {
        shop.accepted(callee).await;
    }
    shop.until_idle().await;
    shop.accepted("emu-no-answer").await;
    shop.advance(json!({ "by": "1s" })).await;
    let mut other = shop.body();
    other["appSvrData"] = json!("order 43");
    other["requestContext"]["userId"] = json!("ANOTHER");
    sid(answer_of(shop.request("bob").body(other.to_string())).await);

    let all = [
        "emu-declines",
        "alice",
        "emu-invalid-peer-id",
        "emu-no-answer",
        "bob",
    ];
    let service = format!("to_service_id={}", shop.service_id);
    let project = format!("project={}", shop.name);
    for (query, expected) in [
        ("", &all[..]),
        (&*project, &all[..]),
        ("project=default", &[]),
        ("state=ended", &["emu-declines", "alice"]),
        ("state=failed", &["emu-invalid-peer-id"]),
        ("state=ringing", &["emu-no-answer"]),
        ("state=accepted", &["bob"]),
        ("settled=false", &["emu-no-answer", "bob"]),
        ("settled=true&state=ended", &["emu-declines", "alice"]),
        ("scenario=callee-declines", &["emu-declines"]),
        ("chosen_by=default", &["alice", "bob"]),
        ("to_user_id=alice", &["alice"]),
        (&*service, &all[..]),
        ("from_user_id=ANOTHER", &["bob"]),
        ("app_svr_data=order%2043", &["bob"]),
        ("app_svr_data=order%2043&settled=true", &[]),
    ] {
        let list = shop.control.read(&format!("calls?{query}")).await;
        assert_eq!(callees(&list), expected, "{query}");
        assert_eq!(list["next_cursor"], Value::Null, "{query}");
    }
    let list = shop.control.read("calls?to_user_id=alice").await;
    let record = shop.record(list["calls"][0]["sid"].as_str().unwrap()).await;
    assert_eq!(list["calls"][0], record);
}

#[tokio::test]
async fn a_page_goes_on_where_the_one_before_ended_whatever_comes_meanwhile() {
    let (_emulator, shop) = manual("").await;
    for n in 0..5 {
        shop.accepted(&format!("callee-{n}")).await;
    }
    let first = shop.control.read("calls?limit=2").await;
    assert_eq!(callees(&first), ["callee-0", "callee-1"]);
    shop.accepted("callee-5").await;
    shop.until_idle().await;
    let next = |page: &Value| {
        format!(
            "calls?limit=2&cursor={}",
            page["next_cursor"].as_str().unwrap()
        )
    };
    let second = shop.control.read(&next(&first)).await;
    assert_eq!(callees(&second), ["callee-2", "callee-3"]);
    let third = shop.control.read(&next(&second)).await;
    assert_eq!(callees(&third), ["callee-4", "callee-5"]);
    assert_eq!(third["next_cursor"], Value::Null);
}

#[tokio::test]
async fn a_query_that_is_not_understood_is_refused() {
    let (_emulator, shop) = manual("").await;
    let error = refused(
        400,
        "invalid_query",
        shop.control.get("calls?sate=ended").await,
    );
    assert_eq!(error["hint"], "did you mean `state`?");
    let error = refused(
        400,
        "invalid_query",
        shop.control.get("calls?state=rining").await,
    );
    assert!(
        error["hint"].as_str().unwrap().contains("ringing"),
        "{error}"
    );
    for query in [
        "limit=0",
        "limit=1001",
        "cursor=abc",
        "settled=maybe",
        "state=ended&state=failed",
    ] {
        refused(
            400,
            "invalid_query",
            shop.control.get(&format!("calls?{query}")).await,
        );
    }
}

#[tokio::test]
async fn whatever_is_waited_for_is_told_when_it_comes() {
    let (_emulator, shop) = manual("").await;
    let sid = shop.accepted("alice").await;
    let events = [
        "accepted",
        "notified",
        "ringing",
        "talking",
        "ended",
        "settled",
        "notify",
        "agent_call_status",
        "call_event",
    ];
    let waiting = join_all(events.iter().map(|event| shop.reached(&sid, event)));
    let (records, _) = tokio::join!(waiting, shop.until_idle());
    for (event, record) in events.iter().zip(records) {
        let states = record["states"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| &s["state"]);
        let deliveries = record["deliveries"].as_array().unwrap();
        let delivered = deliveries
            .iter()
            .filter(|delivery| delivery["outcome"] == "delivered");
        let mut seen = states.chain(delivered.map(|delivery| &delivery["callback"]));
        let is_settled = *event == "settled" && record["settled"] == true;
        assert!(
            is_settled || seen.any(|seen| seen == event),
            "{event}: {record:#}"
        );
    }
}

#[tokio::test]
async fn no_wake_up_is_lost_however_quick_the_call_is() {
    let (_emulator, shop) = with_project(AT_ONCE, json!({ "clock": "real" })).await;
    for round in 0..30 {
        let shop = &shop;
        let calls = (0..4).map(|n| async move {
            let sid = shop.accepted(&format!("callee-{round}-{n}")).await;
            let events = ["notify", "ringing", "call_event", "settled"];
            join_all(events.map(|event| shop.reached(&sid, event))).await
        });
        join_all(calls).await;
    }
}

#[tokio::test]
async fn what_does_not_come_in_time_is_told_with_the_call_as_it_stands() {
    let (_emulator, shop) = manual("").await;
    let sid = shop.accepted("emu-no-answer").await;
    shop.advance(json!({ "by": "1s" })).await;
    for timeout in ["0s", "20ms"] {
        let path = format!("calls/{sid}/wait?for=ended&timeout={timeout}");
        let (status, record) = shop.control.get(&path).await;
        assert_eq!((status, &record["state"]), (408, &json!("ringing")));
        assert_eq!(record, shop.record(&sid).await);
    }
}

#[tokio::test]
async fn what_can_no_longer_come_is_not_waited_for() {
    let (_emulator, shop) = manual("").await;
    let sid = shop.accepted("emu-declines").await;
    // Longer than any test is patient.
    let path = format!("calls/{sid}/wait?for=talking&timeout=10m");
    let ((status, record), _) = tokio::join!(shop.control.get(&path), shop.until_idle());
    assert_eq!((status, &record["settled"]), (408, &json!(true)));
    assert_eq!(shop.control.get(&path).await.0, 408);
}

#[tokio::test]
async fn what_cannot_be_waited_for_is_refused() {
    let (_emulator, shop) = manual("").await;
    let sid = shop.accepted("alice").await;
    for query in [
        "for=end",
        "for=answered",
        "timeout=soon",
        "for=ended&until=now",
    ] {
        let answer = shop.control.get(&format!("calls/{sid}/wait?{query}")).await;
        refused(400, "invalid_query", answer);
    }
    refused(
        404,
        "unknown_call",
        shop.control.get("calls/nobody/wait").await,
    );
}

#[tokio::test]
async fn a_call_is_found_by_its_session_id_alone() {
    let (_emulator, shop) = manual("").await;
    let sid = shop.accepted("alice").await;
    let mistyped = format!("{}0", &sid[..35]);
    let record = shop.record(&sid).await;
    assert_eq!(
        (&record["sid"], &record["request"]),
        (&json!(sid), &shop.body())
    );
    if mistyped != sid {
        let error = refused(
            404,
            "unknown_call",
            shop.control.get(&format!("calls/{mistyped}")).await,
        );
        assert!(
            error["message"].as_str().unwrap().contains(&mistyped),
            "{error}"
        );
    }
}
