//! Saying what should have happened, and being told what is so.

use serde_json::{Value, json};

use crate::control::{TestProject, manual, ok, refused, with_project};

async fn verify(shop: &TestProject, body: Value) -> (u16, Value) {
    shop.control.post("verify", body).await
}

async fn wrong(shop: &TestProject, body: Value) -> Value {
    refused(409, "not_verified", verify(shop, body).await)
}

#[tokio::test]
async fn calls_are_counted() {
    let (_emulator, shop) = manual("").await;
    let first = shop.accepted("alice").await;
    let second = shop.accepted("alice").await;
    shop.accepted("bob").await;
    let alice = json!({ "to_user_id": "alice" });

    let verified = ok(verify(&shop, json!({ "match": alice, "count": { "exactly": 2 } })).await);
    assert_eq!(
        verified,
        json!({ "verified": true, "count": 2, "sids": [first, second] })
    );
    for count in [
        json!({ "at_least": 2 }),
        json!({ "at_most": 2 }),
        json!({ "at_least": 1, "at_most": 3 }),
    ] {
        ok(verify(&shop, json!({ "match": alice, "count": count })).await);
    }
    for (count, told) in [
        (
            json!({ "exactly": 1 }),
            "expected exactly 1 such calls, found 2",
        ),
        (
            json!({ "at_least": 3 }),
            "expected at least 3 such calls, found 2",
        ),
        (
            json!({ "at_most": 1 }),
            "expected at most 1 such calls, found 2",
        ),
    ] {
        let error = wrong(&shop, json!({ "match": alice, "count": count })).await;
        assert_eq!(
            (error["message"].as_str(), &error["count"]),
            (Some(told), &json!(2))
        );
    }
}

#[tokio::test]
async fn one_call_is_enough_if_nothing_is_said() {
    let (_emulator, shop) = manual("").await;
    let error = wrong(&shop, json!({})).await;
    assert_eq!(error["message"], "expected at least 1 such calls, found 0");
    assert!(
        error["hint"]
            .as_str()
            .unwrap()
            .contains("no call is on record"),
        "{error}"
    );
    shop.accepted("alice").await;
    ok(verify(&shop, json!({})).await);
    ok(verify(&shop, json!({ "project": shop.name })).await);
    wrong(&shop, json!({ "project": "default" })).await;
}

#[tokio::test]
async fn the_closest_calls_show_what_differs() {
    let (_emulator, shop) = manual("").await;
    let far = shop.accepted("bob").await;
    let near = shop.accepted("alice").await;
    let wanted = json!({ "to_user_id": "alice", "app_svr_data": "order 43*" });

    let error = wrong(&shop, json!({ "match": wanted, "delivered": ["notify"] })).await;

    assert_eq!(
        error["closest"],
        json!([
            { "sid": near, "differs": [
                "app_svr_data: expected `order 43*`, found `order 42 & more`",
                "notify: expected delivered, found nothing yet",
            ] },
            { "sid": far, "differs": [
                "to_user_id: expected `alice`, found `bob`",
                "app_svr_data: expected `order 43*`, found `order 42 & more`",
                "notify: expected delivered, found nothing yet",
            ] },
        ])
    );
}

#[tokio::test]
async fn callbacks_have_to_be_delivered() {
    let (_emulator, shop) = manual("").await;
    shop.accepted("emu-event-never").await;
    shop.until_idle().await;
    ok(verify(
        &shop,
        json!({ "delivered": ["notify", "agent_call_status"] }),
    )
    .await);
    let error = wrong(&shop, json!({ "delivered": ["call_event"] })).await;
    assert_eq!(
        error["closest"][0]["differs"],
        json!(["call_event: expected delivered, found dropped"])
    );
}

#[tokio::test]
async fn what_shall_never_be_is_refuted_by_showing_it() {
    let (_emulator, shop) = manual("").await;
    let never = json!({ "match": { "to_user_id": "alice" }, "never": true });
    ok(verify(&shop, never.clone()).await);
    shop.accepted("bob").await;
    ok(verify(&shop, never.clone()).await);
    let sid = shop.accepted("alice").await;
    let error = wrong(&shop, never.clone()).await;
    assert_eq!(error["message"], "expected no such call, found 1");
    assert_eq!(error["closest"], json!([{ "sid": sid, "differs": [] }]));

    let once =
        json!({ "match": { "to_user_id": "alice" }, "never": true, "count": { "exactly": 1 } });
    let error = wrong(&shop, once).await;
    assert_eq!(
        error["message"],
        "expected not exactly 1 such calls, found 1"
    );
    ok(verify(&shop, json!({ "never": true, "count": { "at_least": 3 } })).await);
}

#[tokio::test]
async fn what_comes_in_time_is_waited_for() {
    let (_emulator, shop) = with_project("", json!({ "clock": "100x" })).await;
    let expected =
        json!({ "delivered": ["call_event"], "count": { "exactly": 2 }, "within": "25s" });
    let calls = async {
        (
            shop.accepted("emu-declines").await,
            shop.accepted("alice").await,
        )
    };
    let (answer, (first, second)) = tokio::join!(verify(&shop, expected), calls);
    assert_eq!(ok(answer)["sids"], json!([first, second]));
}

#[tokio::test]
async fn what_does_not_come_in_time_is_told() {
    let (_emulator, shop) = manual("").await;
    shop.accepted("alice").await;
    let expected = json!({ "delivered": ["notify"], "within": "20ms" });
    let error = wrong(&shop, expected).await;
    assert_eq!(
        error["closest"][0]["differs"],
        json!(["notify: expected delivered, found nothing yet"])
    );
}

#[tokio::test]
async fn never_within_ends_as_soon_as_it_is_refuted() {
    let (_emulator, shop) = manual("").await;
    // Longer than any test is patient: it is answered when the call comes.
    let never = json!({ "never": true, "within": "10m" });
    let (answer, _) = tokio::join!(verify(&shop, never), shop.call("alice"));
    refused(409, "not_verified", answer);
    let never = json!({ "match": { "to_user_id": "bob" }, "never": true, "within": "20ms" });
    ok(verify(&shop, never).await);
}

#[tokio::test]
async fn expectations_that_make_no_sense_are_refused() {
    let (_emulator, shop) = manual("").await;
    for body in [
        json!({ "count": {} }),
        json!({ "count": { "exactly": -1 } }),
        json!({ "delivered": ["event"] }),
        json!({ "delivred": ["call_event"] }),
    ] {
        refused(422, "invalid_body", verify(&shop, body).await);
    }
    refused(
        404,
        "unknown_project",
        verify(&shop, json!({ "project": "nobody" })).await,
    );
}
