//! What a request would bring about, without bringing it about.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::control::{TestProject, manual, ok, refused, with_project};

const TURNS: &str = "
name: refused-first
match: { to_user_id: in-turn }
in_turn: [ { response: { error: { status: 503 } } }, { callee: { action: decline } } ]
";

fn asked(shop: &TestProject, to_user_id: &str) -> Value {
    json!({
        "project": shop.name, "to_service_id": shop.service_id, "to_user_id": to_user_id, "body": shop.body(),
    })
}

async fn explain(shop: &TestProject, to_user_id: &str) -> Value {
    ok(shop.control.post("explain", asked(shop, to_user_id)).await)
}

#[tokio::test]
async fn it_tells_the_scenario_and_why_each_other_one_is_not_taken() {
    let (_emulator, shop) = manual("").await;

    let explained = explain(&shop, "emu-declines").await;

    assert_eq!(explained["accepted"], true);
    assert_eq!(
        (&explained["scenario"], &explained["chosen_by"]),
        (&json!("callee-declines"), &json!("match"))
    );
    let passed_over = explained["passed_over"].as_array().unwrap();
    let scenarios = shop.control.read("health").await["scenarios"]["count"]
        .as_u64()
        .unwrap();
    let others: Vec<_> = passed_over
        .iter()
        .map(|other| other["scenario"].as_str().unwrap())
        .collect();
    assert!(
        others.len() as u64 <= scenarios && others.len() > 10,
        "{others:?}"
    );
    assert!(!others.contains(&"callee-declines"));
    let no_answer = passed_over
        .iter()
        .find(|other| other["scenario"] == "no-answer");
    assert_eq!(
        no_answer.unwrap()["reason"],
        "to_user_id: expected `emu-no-answer`, found `emu-declines`"
    );
}

#[tokio::test]
async fn the_timeline_is_what_happens_when_the_call_is_made() {
    for callee in [
        "emu-declines",
        "emu-no-answer",
        "alice",
        "emu-busy",
        "emu-slow-response",
    ] {
        let (_emulator, shop) = with_project("", json!({ "clock": "manual", "seed": 1 })).await;
        let explained = explain(&shop, callee).await;
        let foreseen: Vec<_> = explained["timeline"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|step| {
                ["notify", "agent_call_status", "call_event"]
                    .contains(&step["what"].as_str().unwrap())
            })
            .map(|step| (step["what"].clone(), step["after_ms"].as_i64().unwrap()))
            .collect();

        // A slow response is only given once time has passed.
        let (answer, _) = tokio::join!(shop.call(callee), async {
            while shop.until_idle().await["delivered"] == json!([]) {}
        });
        shop.until_idle().await;

        let record = shop.record(&crate::control::sid(answer)).await;
        let micros = |time: &Value| {
            time.as_str()
                .unwrap()
                .parse::<Timestamp>()
                .unwrap()
                .as_millisecond()
        };
        let accepted = micros(&record["states"][0]["at"]);
        let happened: Vec<_> = record["deliveries"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|delivery| !delivery["due_at"].is_null())
            .map(|delivery| {
                (
                    delivery["callback"].clone(),
                    micros(&delivery["due_at"]) - accepted,
                )
            })
            .collect();
        assert_eq!(foreseen, happened, "{callee}: {explained:#}");
    }
}

#[tokio::test]
async fn nothing_is_counted_and_nothing_happens() {
    let (_emulator, shop) = with_project(
        TURNS,
        json!({ "clock": "manual", "seed": 42, "rate_limit": 2 }),
    )
    .await;
    let before = shop.control.read(&shop.path("clock")).await;
    let metrics = shop.control.read("metrics").await;
    for _ in 0..5 {
        let explained = explain(&shop, "in-turn").await;
        assert_eq!(
            (&explained["accepted"], &explained["refusal"]["status"]),
            (&json!(false), &json!(503))
        );
        explain(&shop, "alice").await;
    }
    for list in ["calls", "requests"] {
        assert_eq!(shop.control.read(list).await[list], json!([]));
    }
    assert_eq!(shop.control.read(&shop.path("clock")).await, before);
    assert_eq!(shop.control.read("metrics").await, metrics);

    assert_eq!(shop.call("in-turn").await.0, 503);
    let explained = explain(&shop, "in-turn").await;
    assert_eq!(explained["accepted"], true, "{explained:#}");
    let with = shop.accepted("alice").await;
    shop.reset().await;
    assert_eq!(shop.call("in-turn").await.0, 503);
    let without = shop.accepted("alice").await;
    assert_eq!(with, without, "the seed gives the same session ID");
}

#[tokio::test]
async fn an_armed_scenario_is_foreseen_and_stays_armed() {
    let (_emulator, shop) = manual("").await;
    ok(shop
        .control
        .post(&shop.path("arm"), json!({ "scenario": "callee-busy" }))
        .await);
    for _ in 0..2 {
        let explained = explain(&shop, "alice").await;
        assert_eq!(
            (&explained["scenario"], &explained["chosen_by"]),
            (&json!("callee-busy"), &json!("armed"))
        );
    }
    let sid = shop.accepted("alice").await;
    assert_eq!(shop.record(&sid).await["chosen_by"], "armed");
    assert_eq!(explain(&shop, "alice").await["chosen_by"], "default");
}

#[tokio::test]
async fn a_request_that_would_be_refused_is_told_all_its_violations() {
    let (_emulator, shop) = manual("").await;
    let mut request = asked(&shop, "alice");
    request["body"]["storedSource"]["playCount"] = json!(9);
    request["body"]["mediaSourceType"] = json!("LIVE");
    let explained = ok(shop.control.post("explain", request).await);
    assert_eq!(
        (&explained["accepted"], &explained["scenario"]),
        (&json!(false), &Value::Null)
    );
    let violations = explained["refusal"]["violations"].as_array().unwrap();
    let mut fields: Vec<_> = violations
        .iter()
        .map(|v| v["field"].as_str().unwrap())
        .collect();
    fields.sort_unstable();
    assert_eq!(fields, ["mediaSourceType", "storedSource.playCount"]);

    let mut foreign = asked(&shop, "alice");
    foreign["body"]["requestContext"]["serviceId"] = json!("somebody-else");
    let explained = ok(shop.control.post("explain", foreign).await);
    assert_eq!(explained["refusal"]["status"], 403);
}

#[tokio::test]
async fn the_header_is_explained_too() {
    let (_emulator, shop) = manual("").await;
    let mut request = asked(&shop, "alice");
    request["scenario"] = json!("no-answer");
    let explained = ok(shop.control.post("explain", request.clone()).await);
    assert_eq!(
        (&explained["scenario"], &explained["chosen_by"]),
        (&json!("no-answer"), &json!("header"))
    );
    request["scenario"] = json!("no-anser");
    let explained = ok(shop.control.post("explain", request.clone()).await);
    assert_eq!(
        (&explained["accepted"], &explained["refusal"]["status"]),
        (&json!(false), &json!(400))
    );
    request["project"] = json!("nobody");
    refused(
        404,
        "unknown_project",
        shop.control.post("explain", request).await,
    );
}
