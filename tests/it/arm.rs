//! Scenarios that wait for the next calls.

use serde_json::{Value, json};

use crate::control::{TestProject, manual, ok, refused};

async fn arm(shop: &TestProject, body: Value) -> Value {
    ok(shop.control.post(&shop.path("arm"), body).await)
}

/// The scenario of a call, and why it takes this one.
async fn chosen(shop: &TestProject, sid: &str) -> (String, String) {
    let record = shop.record(sid).await;
    let text = |key: &str| record[key].as_str().unwrap().to_owned();
    (text("scenario"), text("chosen_by"))
}

fn pair(scenario: &str, chosen_by: &str) -> (String, String) {
    (scenario.to_owned(), chosen_by.to_owned())
}

#[tokio::test]
async fn it_takes_as_many_calls_that_match_as_it_is_told_to() {
    let (_emulator, shop) = manual("").await;
    let armed = arm(
        &shop,
        json!({ "scenario": "callee-declines", "match": { "to_user_id": ["alice", "al-*"] }, "times": 2 }),
    )
    .await;
    assert_eq!(
        armed,
        json!({ "project": shop.name, "scenario": "callee-declines", "times": 2 })
    );

    for (callee, expected) in [
        ("bob", pair("answered", "default")),
        ("alice", pair("callee-declines", "armed")),
        ("al-2", pair("callee-declines", "armed")),
        ("alice", pair("answered", "default")),
    ] {
        let sid = shop.accepted(callee).await;
        assert_eq!(chosen(&shop, &sid).await, expected, "{callee}");
        shop.until_idle().await;
    }
}

#[tokio::test]
async fn it_comes_before_the_header_and_the_match() {
    let (_emulator, shop) = manual("").await;
    arm(&shop, json!({ "scenario": "callee-busy" })).await;
    let first = shop.plays("no-answer", "alice").await;
    let second = shop.plays("no-answer", "alice").await;
    assert_eq!(chosen(&shop, &first).await, pair("callee-busy", "armed"));
    assert_eq!(chosen(&shop, &second).await, pair("no-answer", "header"));

    arm(&shop, json!({ "scenario": "callee-busy" })).await;
    let third = shop.accepted("emu-declines").await;
    let fourth = shop.accepted("emu-declines").await;
    assert_eq!(chosen(&shop, &third).await, pair("callee-busy", "armed"));
    assert_eq!(
        chosen(&shop, &fourth).await,
        pair("callee-declines", "match")
    );
}

#[tokio::test]
async fn of_several_the_oldest_that_fits_is_taken() {
    let (_emulator, shop) = manual("").await;
    arm(
        &shop,
        json!({ "scenario": "callee-busy", "match": { "to_user_id": "bob" } }),
    )
    .await;
    arm(&shop, json!({ "scenario": "callee-declines" })).await;
    arm(&shop, json!({ "scenario": "no-answer" })).await;
    let mut taken = Vec::new();
    for callee in ["alice", "bob", "carol", "dave"] {
        let sid = shop.accepted(callee).await;
        taken.push(chosen(&shop, &sid).await.0);
    }
    assert_eq!(
        taken,
        ["callee-declines", "callee-busy", "no-answer", "answered"]
    );
}

#[tokio::test]
async fn a_refusal_is_armed_like_any_other_scenario() {
    let (_emulator, shop) = manual("").await;
    arm(
        &shop,
        json!({ "scenario": "http-503", "match": { "to_user_id": "alice" } }),
    )
    .await;
    assert_eq!(shop.call("bob").await.0, 200);
    assert_eq!(shop.call("alice").await.0, 503);
    assert_eq!(shop.call("alice").await.0, 200);
}

#[tokio::test]
async fn a_call_that_breaks_rules_uses_nothing_up() {
    let (_emulator, shop) = manual("").await;
    arm(&shop, json!({ "scenario": "callee-declines" })).await;
    let broken = shop.request("alice").body("{}");
    assert_eq!(crate::helpers::answer_of(broken).await.0, 400);
    let sid = shop.accepted("alice").await;
    assert_eq!(chosen(&shop, &sid).await, pair("callee-declines", "armed"));
}

#[tokio::test]
async fn what_cannot_be_armed_is_refused() {
    let (_emulator, shop) = manual("").await;
    let path = shop.path("arm");
    let unknown = shop
        .control
        .post(&path, json!({ "scenario": "callee-declined" }))
        .await;
    let error = refused(404, "unknown_scenario", unknown);
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("callee-declines"),
        "{error}"
    );
    let nobody = shop
        .control
        .post("projects/nobody/arm", json!({ "scenario": "no-answer" }))
        .await;
    refused(404, "unknown_project", nobody);
    for body in [
        json!({}),
        json!({ "scenario": "no-answer", "times": 0 }),
        json!({ "scenario": "no-answer", "match": { "to_usr_id": "alice" } }),
    ] {
        refused(422, "invalid_body", shop.control.post(&path, body).await);
    }
}
