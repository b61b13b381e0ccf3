//! Projects made, replaced and deleted while the emulator runs.

use planet_emulator::Emulator;
use serde_json::{Value, json};

use crate::control::{Control, TestProject, manual, ok, refused};
use crate::helpers::{Receiver, TestBed, answer_of};

#[tokio::test]
async fn made_up_credentials_are_shown_once_and_never_again() {
    let (_emulator, shop) = manual("").await;
    let secret = &shop.api_secret;
    assert!(secret.len() >= 32, "{secret}");

    let replaced = ok(shop
        .control
        .put(&format!("projects/{}", shop.name), json!({}))
        .await);
    let read = shop.control.read(&format!("projects/{}", shop.name)).await;
    let listed = shop.control.read("projects").await;

    for shown in [&replaced, &read, &listed] {
        assert!(!shown.to_string().contains(secret), "{shown:#}");
        assert!(shown.to_string().contains(&shop.api_key), "{shown:#}");
    }
    assert_eq!(read["service_id"], *shop.service_id);
}

#[tokio::test]
async fn a_project_is_as_it_was_asked_for() {
    let emulator = Emulator::builder().start().await.unwrap();
    let control = Control::of(&emulator.url());
    let wanted = json!({
        "name": "checkout", "service_id": "checkout-eval", "api_key": "checkout-key", "api_secret": "s3cret",
        "callbacks": { "notify": "http://127.0.0.1:1/notify" }, "audio_sources": { "5498f04048fa": "8s" },
        "rate_limit": 7, "clock": "manual", "seed": 42,
    });

    let (status, created) = control.post("projects", wanted.clone()).await;

    assert_eq!(status, 201, "{created:#}");
    for key in [
        "name",
        "service_id",
        "api_key",
        "api_secret",
        "audio_sources",
        "rate_limit",
        "seed",
    ] {
        assert_eq!(created[key], wanted[key], "{key}");
    }
    assert_eq!(created["clock"]["mode"], "manual");
    assert_eq!(created["callbacks"]["notify"], "http://127.0.0.1:1/notify");
    // What has no URL goes to the inbox, as everywhere in an emulator without configured projects.
    let inbox = format!("{}/_emulator/inbox/call_event", emulator.url());
    assert_eq!(created["callbacks"]["call_event"], inbox);
    let mut shown = created;
    shown.as_object_mut().unwrap().remove("api_secret");
    assert_eq!(control.read("projects/checkout").await, shown);
}

#[tokio::test]
async fn a_created_project_is_strict_beside_the_open_one() {
    let bed = TestBed::start(|builder| builder.clock("manual")).await;
    let control = Control::of(&bed.emulator.url());
    let mut shop = TestProject::create(&control, Receiver::start(), json!({})).await;

    let secret = std::mem::replace(&mut shop.api_secret, "guessed".to_owned());
    let (status, answer) = shop.call("alice").await;
    shop.api_secret = secret;
    assert_eq!(
        (status, &answer["message"]),
        (401, &json!("ApiSecret is invalid"))
    );

    let mut foreign = shop.body();
    foreign["requestContext"]["serviceId"] = json!("somebody-else");
    let (status, answer) = answer_of(shop.request("alice").body(foreign.to_string())).await;
    assert_eq!(status, 403, "{answer}");
    assert!(
        answer["message"]
            .as_str()
            .unwrap()
            .contains("somebody-else"),
        "{answer}"
    );

    assert_eq!(shop.call("alice").await.0, 200);
    // What no project's key is still goes to the open project.
    let sid = bed.accepted("alice").await;
    assert_eq!(
        control.read(&format!("calls/{sid}")).await["project"],
        "default"
    );
}

#[tokio::test]
async fn a_replaced_project_keeps_who_it_is_and_nothing_else() {
    let (_emulator, mut shop) = manual("").await;
    let arm = json!({ "scenario": "callee-busy", "times": 5 });
    ok(shop.control.post(&shop.path("arm"), arm).await);
    let sid = shop.accepted("alice").await;
    let callbacks =
        shop.control.read(&format!("projects/{}", shop.name)).await["callbacks"].clone();

    let settings = json!({ "clock": "manual", "seed": 7, "callbacks": callbacks });
    let replaced = ok(shop
        .control
        .put(&format!("projects/{}", shop.name), settings)
        .await);

    assert_eq!(
        (&replaced["name"], &replaced["seed"]),
        (&json!(shop.name), &json!(7))
    );
    refused(
        404,
        "unknown_call",
        shop.control.get(&format!("calls/{sid}")).await,
    );
    let sid = shop.accepted("alice").await;
    assert_eq!(shop.record(&sid).await["scenario"], "answered");
    shop.until_idle().await;
    for received in shop.receiver.rest() {
        assert_eq!(received.parameter("sid").as_deref(), Some(&*sid));
    }
}

#[tokio::test]
async fn a_deleted_project_is_gone_with_everything_in_it() {
    let (_emulator, mut shop) = manual("").await;
    let project = format!("projects/{}", shop.name);
    // In strict mode there is no open project that its credentials could fall to.
    let strict = Emulator::builder().config(STRICT).start().await.unwrap();
    let control = Control::of(&strict.url());
    let strange =
        TestProject::create(&control, Receiver::start(), json!({ "clock": "manual" })).await;
    assert_eq!(strange.call("alice").await.0, 200);
    assert_eq!(
        control
            .delete(&format!("projects/{}", strange.name))
            .await
            .0,
        204
    );
    let (status, answer) = strange.call("alice").await;
    assert_eq!(
        (status, &answer["message"]),
        (401, &json!("ApiKey not found"))
    );

    let sid = shop.accepted("emu-no-answer").await;
    shop.advance(json!({ "by": "10s" })).await;
    assert_eq!(shop.arrived().len(), 2);
    assert_eq!(shop.control.delete(&project).await, (204, Value::from("")));
    refused(404, "unknown_project", shop.control.get(&project).await);
    refused(404, "unknown_project", shop.control.delete(&project).await);
    refused(
        404,
        "unknown_call",
        shop.control.get(&format!("calls/{sid}")).await,
    );
    let requests = shop
        .control
        .read(&format!("requests?project={}", shop.name))
        .await;
    assert_eq!(requests["requests"], json!([]));
    // Its name is free again.
    let again = json!({ "name": shop.name });
    assert_eq!(shop.control.post("projects", again).await.0, 201);
    assert!(shop.arrived().is_empty());
}

const STRICT: &str = "
projects:
  - name: first
    service_id: first-eval
    api_key: first-key
    api_secret: first-secret
";

#[tokio::test]
async fn a_name_or_a_key_that_is_taken_is_refused_without_telling_the_key() {
    let (_emulator, shop) = manual("").await;
    let same_name = json!({ "name": shop.name });
    let error = refused(
        409,
        "project_exists",
        shop.control.post("projects", same_name).await,
    );
    assert!(
        error["hint"]
            .as_str()
            .unwrap()
            .contains(&format!("PUT /_emulator/projects/{}", shop.name))
    );

    let same_key = json!({ "name": "other", "api_key": shop.api_key });
    let error = refused(
        409,
        "api_key_taken",
        shop.control.post("projects", same_key.clone()).await,
    );
    assert!(!error.to_string().contains(&shop.api_key), "{error}");
    ok(shop
        .control
        .post("projects", json!({ "name": "other" }))
        .await);
    refused(
        409,
        "api_key_taken",
        shop.control.put("projects/other", same_key).await,
    );

    let renamed = shop
        .control
        .put("projects/other", json!({ "name": "another" }))
        .await;
    refused(409, "another_name", renamed);
    refused(
        404,
        "unknown_project",
        shop.control.put("projects/nobody", json!({})).await,
    );
}

#[tokio::test]
async fn the_open_project_stays_open() {
    let bed = TestBed::start(|builder| builder).await;
    let control = Control::of(&bed.emulator.url());
    refused(
        409,
        "open_project",
        control.delete("projects/default").await,
    );
    let closed = json!({ "api_key": "key", "api_secret": "secret" });
    refused(
        409,
        "open_project",
        control.put("projects/default", closed).await,
    );

    let replaced = ok(control
        .put("projects/default", json!({ "clock": "manual" }))
        .await);

    assert_eq!(
        (&replaced["api_key"], &replaced["service_id"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(bed.call("alice").await.0, 200);
}

#[tokio::test]
async fn a_misspelt_project_and_a_misspelt_setting_are_told_what_was_meant() {
    let (_emulator, shop) = manual("").await;
    ok(shop
        .control
        .post("projects", json!({ "name": "checkout" }))
        .await);
    let error = refused(
        404,
        "unknown_project",
        shop.control.get("projects/chekout").await,
    );
    assert_eq!(error["hint"], "did you mean `checkout`?");

    let body =
        json!({ "clok": "manual", "callbacks": { "notfy": "http://127.0.0.1/" }, "seed": -1 });
    let error = refused(
        422,
        "invalid_body",
        shop.control.post("projects", body).await,
    );
    let faults: Vec<_> = error["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| &fault["path"])
        .collect();
    assert_eq!(faults, ["callbacks.notfy", "clok", "seed"]);
    assert_eq!(error["faults"][1]["hint"], "did you mean `clock`?");
}
