//! Every request to the emulated API, as the control API tells of it.

use serde_json::{Value, json};

use crate::control::{TestProject, manual};
use crate::helpers::answer_of;

async fn requests(shop: &TestProject, query: &str) -> Vec<Value> {
    let list = shop.control.read(&format!("requests{query}")).await;
    list["requests"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_accepted_request_names_its_call() {
    let (_emulator, shop) = manual("").await;
    let sid = shop.accepted("emu-declines").await;
    let all = requests(&shop, "").await;
    assert_eq!(all.len(), 1);
    let request = &all[0];
    let path = format!(
        "/tas/v2/agt_call/audio_caller/{}/emu-declines",
        shop.service_id
    );
    for (key, value) in [
        ("n", json!(1)),
        ("project", json!(shop.name)),
        ("method", json!("POST")),
        ("path", json!(path)),
        ("status", json!(200)),
        ("sid", json!(sid)),
        ("scenario", json!("callee-declines")),
        ("message", Value::Null),
        ("violations", json!([])),
        ("body", Value::Null),
    ] {
        assert_eq!(request[key], value, "{key}");
    }
}

#[tokio::test]
async fn a_refused_request_tells_every_violation() {
    let (_emulator, shop) = manual("").await;
    let mut body = shop.body();
    body["storedSource"]["playCount"] = json!(9);
    body["storedSource"]["storedAudioSources"][0]["contentId"] = json!("nonsense");
    body["requestContext"]["userId"] = json!("");
    let (status, answer) = answer_of(shop.request("alice").body(body.to_string())).await;
    assert_eq!(status, 400, "{answer}");

    let all = requests(&shop, "?status=400").await;

    let violations = all[0]["violations"].as_array().unwrap();
    let told: Vec<_> = violations
        .iter()
        .map(|v| v["field"].as_str().unwrap())
        .collect();
    let mut fields: Vec<_> = answer["data"].as_object().unwrap().keys().collect();
    fields.sort();
    let mut sorted = told.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, fields);
    assert!(told.len() >= 3, "{told:?}");
    assert_eq!(all[0]["message"], answer["message"]);
    assert_eq!(all[0]["body"], body.to_string());
    assert_eq!(
        (&all[0]["sid"], &all[0]["scenario"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn a_refusal_by_a_scenario_names_the_scenario() {
    let (_emulator, shop) = manual("").await;
    assert_eq!(shop.call("emu-http-429").await.0, 429);
    let all = requests(&shop, "").await;
    assert_eq!(
        (&all[0]["status"], &all[0]["scenario"]),
        (&json!(429), &json!("http-429"))
    );
}

#[tokio::test]
async fn a_path_that_nothing_answers_is_on_record() {
    let (_emulator, shop) = manual("").await;
    let url = shop.request("alice").build().unwrap().url().to_string();
    let url = url.replace("audio_caller", "video_caller");
    let client = crate::helpers::client();
    assert_eq!(answer_of(client.post(&url)).await.0, 404);
    assert_eq!(
        answer_of(client.get(url.replace("video", "audio"))).await.0,
        405
    );
    let all = requests(&shop, "").await;
    let told: Vec<_> = all
        .iter()
        .map(|r| (&r["status"], &r["method"], &r["project"]))
        .collect();
    assert_eq!(
        told,
        [
            (&json!(404), &json!("POST"), &Value::Null),
            (&json!(405), &json!("GET"), &Value::Null)
        ]
    );
}

#[tokio::test]
async fn wrong_credentials_are_on_record_without_secrets() {
    let (_emulator, mut shop) = manual("").await;
    let secret = std::mem::replace(&mut shop.api_secret, "guessed-wrong".to_owned());
    assert_eq!(shop.call("alice").await.0, 401);
    shop.api_secret = secret;
    assert_eq!(shop.call("alice").await.0, 200);

    let list = shop.control.read("requests").await;

    assert_eq!(list["requests"][0]["status"], 401);
    let (text, authorization) = (list.to_string(), shop.request("alice").build().unwrap());
    let authorization = authorization.headers()["authorization"]
        .to_str()
        .unwrap()
        .to_owned();
    for hidden in [
        "guessed-wrong",
        &shop.api_secret,
        &authorization["Basic ".len()..],
    ] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
}

#[tokio::test]
async fn they_are_listed_in_order_page_by_page_and_by_what_they_are() {
    let (_emulator, shop) = manual("").await;
    for callee in ["a", "emu-http-503", "b", "emu-http-403", "c"] {
        shop.call(callee).await;
    }
    let (mut statuses, mut query, mut pages) = (Vec::new(), "?limit=2".to_owned(), 0);
    loop {
        let page = shop.control.read(&format!("requests{query}")).await;
        let requests = page["requests"].as_array().unwrap();
        statuses.extend(
            requests
                .iter()
                .map(|request| request["status"].as_u64().unwrap()),
        );
        pages += 1;
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        query = format!("?limit=2&cursor={cursor}");
    }
    assert_eq!((statuses, pages), (vec![200, 503, 200, 403, 200], 3));
    assert_eq!(requests(&shop, "?status=503").await.len(), 1);
    assert_eq!(requests(&shop, "?project=nobody").await.len(), 0);
    assert_eq!(
        requests(&shop, &format!("?project={}", shop.name))
            .await
            .len(),
        5
    );
}
