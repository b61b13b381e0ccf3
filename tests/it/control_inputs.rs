//! Bodies that the control API does not take.

use reqwest::Method;
use serde_json::{Value, json};

use crate::control::{manual, refused};
use crate::helpers::answer_of;

const LARGEST: usize = 1 << 20;

#[tokio::test]
async fn a_misspelt_key_is_told_what_was_meant_wherever_there_is_a_body() {
    let (_emulator, shop) = manual("").await;
    let sid = shop.accepted("alice").await;
    let callee = format!("calls/{sid}/callee");
    for (path, key, meant) in [
        ("projects", "servce_id", "service_id"),
        (&*shop.path("clock/advance"), "unil", "until"),
        (&*shop.path("arm"), "scenaro", "scenario"),
        (&*callee, "actoin", "action"),
        ("verify", "withn", "within"),
        ("explain", "to_user", "to_user_id"),
    ] {
        let answer = shop.control.post(path, json!({ key: "1s" })).await;
        let error = refused(422, "invalid_body", answer);
        let faults = error["faults"].as_array().unwrap();
        let fault = faults.iter().find(|fault| fault["path"] == key);
        let fault = fault.unwrap_or_else(|| panic!("{path}: {error:#}"));
        assert_eq!(fault["hint"], format!("did you mean `{meant}`?"), "{path}");
    }
    let answer = shop
        .control
        .put(&shop.path("clock"), json!({ "mod": "real" }))
        .await;
    refused(422, "invalid_body", answer);
}

#[tokio::test]
async fn a_body_is_json() {
    let (_emulator, shop) = manual("").await;
    for body in ["{", "mode: manual", "\u{feff}{}", "[1"] {
        let request = shop.control.request(Method::POST, "verify").body(body);
        let error = refused(400, "invalid_json", answer_of(request).await);
        assert!(
            error["message"].as_str().unwrap().contains("line 1"),
            "{error}"
        );
    }
    for body in ["[]", "null", "7", "\"x\""] {
        let request = shop.control.request(Method::POST, "verify").body(body);
        refused(422, "invalid_body", answer_of(request).await);
    }
}

#[tokio::test]
async fn a_body_has_a_limit() {
    let (_emulator, shop) = manual("").await;
    let padded = |length: usize| {
        let body = json!({ "project": shop.name, "never": true }).to_string();
        body.clone() + &" ".repeat(length - body.len())
    };
    let verify = |body: String| answer_of(shop.control.request(Method::POST, "verify").body(body));

    let (status, answer) = verify(padded(LARGEST)).await;
    assert_eq!((status, &answer["verified"]), (200, &Value::Bool(true)));
    let error = refused(413, "body_too_large", verify(padded(LARGEST + 1)).await);
    assert!(
        error["message"].as_str().unwrap().contains("1048576"),
        "{error}"
    );
}
