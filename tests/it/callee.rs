//! Being the callee's phone.

use serde_json::{Value, json};

use crate::control::{TestProject, manual, ok, refused, sid, with_project};
use crate::helpers::answer_of;

const BY_HAND: &str = "
name: by-hand
match: { to_user_id: hand-* }
callee: { action: manual }
---
name: prepares-by-hand
match: { to_user_id: prepares }
callee: { action: manual, prepares_for: 10s }
";

async fn act(shop: &TestProject, sid: &str, body: Value) -> (u16, Value) {
    shop.control
        .post(&format!("calls/{sid}/callee"), body)
        .await
}

/// A call that rings, on a manual clock.
async fn ringing(shop: &TestProject, callee: &str) -> String {
    let sid = shop.accepted(callee).await;
    shop.advance(json!({ "by": "1s" })).await;
    assert_eq!(shop.record(&sid).await["state"], "ringing");
    sid
}

#[tokio::test]
async fn the_callee_answers_and_hangs_up_when_told_to() {
    let (_emulator, mut shop) = manual(BY_HAND).await;
    let sid = ringing(&shop, "hand-1").await;
    shop.advance(json!({ "by": "20s" })).await;

    let answered = ok(act(&shop, &sid, json!({ "action": "answer" })).await);
    assert_eq!(answered["state"], "talking");
    shop.advance(json!({ "by": "3s" })).await;
    let bye = json!({ "action": "hang_up", "user_rel_code": "bye & thanks" });
    let ended = ok(act(&shop, &sid, bye).await);

    assert_eq!(ended["state"], "ended");
    assert_eq!(ended["end"]["reason"], "NORMAL");
    shop.until_idle().await;
    let event = shop.receiver.rest().pop().unwrap().parameters();
    for (parameter, value) in [
        ("duration", "3"),
        ("releaser_type", "1"),
        ("disconnect_reason", "1001"),
        ("user_rel_code", "bye & thanks"),
    ] {
        assert_eq!(event[parameter], value, "{parameter}");
    }
}

#[tokio::test]
async fn the_callee_declines_when_told_to() {
    let (_emulator, mut shop) = manual(BY_HAND).await;
    let sid = ringing(&shop, "hand-1").await;

    let no = json!({ "action": "decline", "user_rel_code": "in a meeting" });
    let declined = ok(act(&shop, &sid, no).await);

    assert_eq!(
        (&declined["state"], &declined["end"]["reason"]),
        (&json!("ended"), &json!("DECLINE"))
    );
    shop.until_idle().await;
    let event = shop.receiver.rest().pop().unwrap().parameters();
    assert_eq!(
        (&*event["user_rel_code"], &*event["duration"]),
        ("in a meeting", "0")
    );
}

#[tokio::test]
async fn an_answered_call_that_is_left_alone_plays_to_its_end() {
    let (_emulator, shop) = manual(BY_HAND).await;
    let sid = ringing(&shop, "hand-1").await;
    ok(act(&shop, &sid, json!({ "action": "answer" })).await);
    shop.until_idle().await;
    let end = &shop.record(&sid).await["end"];
    assert_eq!(
        (&end["reason"], &end["releaser_type"], &end["duration"]),
        (&json!("NORMAL"), &json!(2), &json!(4))
    );
}

#[tokio::test]
async fn a_callee_that_nobody_acts_for_does_not_answer() {
    let (_emulator, shop) = manual(BY_HAND).await;
    let sid = ringing(&shop, "hand-1").await;
    shop.until_idle().await;
    assert_eq!(shop.record(&sid).await["end"]["reason"], "NOANSWER");
}

#[tokio::test]
async fn a_callee_of_any_scenario_can_be_acted_for() {
    let (_emulator, shop) = manual("").await;
    let sid = ringing(&shop, "emu-no-answer").await;
    ok(act(&shop, &sid, json!({ "action": "answer" })).await);
    shop.until_idle().await;
    assert_eq!(shop.record(&sid).await["end"]["reason"], "NORMAL");

    let sid = ringing(&shop, "emu-declines").await;
    ok(act(&shop, &sid, json!({ "action": "answer" })).await);
    shop.until_idle().await;
    assert_eq!(shop.record(&sid).await["end"]["reason"], "NORMAL");
}

#[tokio::test]
async fn a_callee_who_prepares_is_waited_for_and_may_hang_up() {
    let (_emulator, shop) = manual(BY_HAND).await;
    let mut body = shop.body();
    body["useResponderPreparation"] = json!(true);
    let sid = sid(answer_of(shop.request("prepares").body(body.to_string())).await);
    shop.advance(json!({ "by": "1s" })).await;
    let answered = ok(act(&shop, &sid, json!({ "action": "answer" })).await);
    assert_eq!(answered["state"], "preparing");
    let ended = ok(act(&shop, &sid, json!({ "action": "hang_up" })).await);
    assert_eq!(ended["state"], "ended");
}

#[tokio::test]
async fn in_real_time_it_is_the_same() {
    let (_emulator, mut shop) = with_project(BY_HAND, json!({ "clock": "real" })).await;
    let sid = shop.accepted("hand-1").await;
    shop.reached(&sid, "ringing").await;
    let answered = ok(act(&shop, &sid, json!({ "action": "answer" })).await);
    assert_eq!(answered["state"], "talking");
    let ended = ok(act(&shop, &sid, json!({ "action": "hang_up" })).await);
    assert_eq!(ended["state"], "ended");
    shop.reached(&sid, "settled").await;
    assert_eq!(
        shop.arrived(),
        ["notify", "agent_call_status", "call_event"]
    );
}

#[tokio::test]
async fn what_cannot_be_done_now_is_refused_with_the_state() {
    let (_emulator, shop) = manual(BY_HAND).await;
    let refusal = async |sid: &str, action: &str| {
        refused(
            409,
            "not_now",
            act(&shop, sid, json!({ "action": action })).await,
        )
    };
    let sid = shop.accepted("hand-1").await;
    let error = refusal(&sid, "answer").await;
    assert_eq!(
        error["message"],
        "`answer` needs a call that is ringing, but this one is accepted"
    );
    assert!(
        error["hint"].as_str().unwrap().contains("wait?for=ringing"),
        "{error}"
    );

    shop.advance(json!({ "by": "1s" })).await;
    let error = refusal(&sid, "hang_up").await;
    assert_eq!(
        error["message"],
        "`hang_up` needs a call that is talking, but this one is ringing"
    );

    ok(act(&shop, &sid, json!({ "action": "answer" })).await);
    for action in ["answer", "decline"] {
        let error = refusal(&sid, action).await;
        assert_eq!(error["hint"], "`hang_up` ends it");
    }

    shop.until_idle().await;
    for action in ["answer", "decline", "hang_up"] {
        let error = refusal(&sid, action).await;
        assert!(
            error["message"]
                .as_str()
                .unwrap()
                .ends_with("this one is ended"),
            "{error}"
        );
    }
    let failed = shop.accepted("emu-invalid-peer-id").await;
    shop.until_idle().await;
    let error = refusal(&failed, "answer").await;
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .ends_with("this one is failed"),
        "{error}"
    );
}

#[tokio::test]
async fn a_text_of_the_application_is_short_and_not_for_an_answer() {
    let (_emulator, shop) = manual(BY_HAND).await;
    let sid = ringing(&shop, "hand-1").await;
    let too_early = json!({ "action": "answer", "user_rel_code": "hello" });
    refused(422, "invalid_body", act(&shop, &sid, too_early).await);
    // 127 characters, but 128 bytes.
    let too_long = format!("é{}", "x".repeat(126));
    let too_long = json!({ "action": "decline", "user_rel_code": too_long });
    refused(422, "invalid_body", act(&shop, &sid, too_long).await);
    refused(
        422,
        "invalid_body",
        act(&shop, &sid, json!({ "action": "hangup" })).await,
    );
    refused(
        404,
        "unknown_call",
        act(&shop, "nobody", json!({ "action": "answer" })).await,
    );

    let just_right = json!({ "action": "decline", "user_rel_code": "x".repeat(127) });
    ok(act(&shop, &sid, just_right).await);
}
