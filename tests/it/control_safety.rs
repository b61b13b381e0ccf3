//! Who may use the control API, asked over real HTTP.

use serde_json::Value;

use crate::helpers::{TestBed, answer_of};

async fn control(bed: &TestBed, path: &str, headers: &[(&str, &str)]) -> (u16, Value) {
    let url = format!("{}/_emulator/{path}", bed.emulator.url());
    let request = headers
        .iter()
        .fold(bed.client.get(url), |request, (name, value)| {
            request.header(*name, *value)
        });
    answer_of(request).await
}

fn refusal(code: &str, status: u16, (found, body): (u16, Value)) {
    assert_eq!(
        (found, body["error"]["code"].as_str()),
        (status, Some(code))
    );
    assert!(body["error"]["hint"].is_string(), "{body}");
}

#[tokio::test]
async fn a_foreign_host_is_refused_for_all_paths_unless_it_is_listed() {
    let bed = TestBed::start(|builder| {
        builder.config("control: { allow_hosts: [emulator.example.com] }")
    })
    .await;
    for path in [
        "health",
        "inbox/notify",
        "openapi.json",
        "calls/x",
        "nothing",
    ] {
        let answer = control(&bed, path, &[("Host", "evil.example")]).await;
        refusal("foreign_host", 403, answer);
    }
    for host in ["emulator.example.com:80", "planet-emulator:7526", "[::1]"] {
        let (status, body) = control(&bed, "health", &[("Host", host)]).await;
        assert_eq!(status, 200, "{host}: {body}");
    }
}

#[tokio::test]
async fn a_foreign_origin_is_refused_and_the_own_one_is_not() {
    let bed = TestBed::start(|builder| builder).await;
    let own = bed.emulator.url();
    for origin in ["http://evil.example", "http://127.0.0.1", "null"] {
        refusal(
            "foreign_origin",
            403,
            control(&bed, "health", &[("Origin", origin)]).await,
        );
    }
    let (status, _) = control(&bed, "health", &[("Origin", &own)]).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn the_token_opens_the_control_api_and_calls_need_none() {
    let mut bed = TestBed::start(|builder| {
        builder
            .config("control: { token: s3cret-t0ken }")
            .clock("1000x")
    })
    .await;

    let sid = bed.accepted("alice").await;
    for _ in 0..3 {
        bed.receiver.next().await;
    }
    let path = format!("calls/{sid}/wait?for=settled");
    refusal("missing_token", 401, control(&bed, &path, &[]).await);
    let wrong = [("Authorization", "Bearer s3cret")];
    refusal("wrong_token", 401, control(&bed, &path, &wrong).await);
    refusal("missing_token", 401, control(&bed, "nothing", &[]).await);
    let right = [("Authorization", "Bearer s3cret-t0ken")];
    assert_eq!(control(&bed, &path, &right).await.0, 200);
    assert_eq!(control(&bed, "health", &[]).await.0, 200);
    assert_eq!(control(&bed, "inbox/notify?sid=1", &[]).await.0, 200);

    let url = format!("{}/_emulator/calls/{sid}", bed.emulator.url());
    let refused = bed.client.get(url).send().await.unwrap();
    assert_eq!(refused.headers()["www-authenticate"], "Bearer");
    assert!(!refused.text().await.unwrap().contains("s3cret"));
}

#[tokio::test]
async fn a_wrong_method_and_an_unknown_path_say_what_would_do() {
    let bed = TestBed::start(|builder| builder).await;
    let url = format!("{}/_emulator/health", bed.emulator.url());
    let answer = bed.client.delete(url).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["allow"]),
        (405, &"GET".parse().unwrap())
    );

    let (status, body) = control(&bed, "call/0f8fad5b/wait", &[]).await;
    assert_eq!(status, 404);
    assert_eq!(
        body["error"]["hint"],
        "did you mean `/_emulator/calls/0f8fad5b/wait`?"
    );
}

#[tokio::test]
async fn bodies_are_limited_in_size_and_strict_json() {
    let bed = TestBed::start(|builder| builder).await;
    let url = format!("{}/_emulator", bed.emulator.url());
    let large = "x".repeat((1 << 20) + 1);
    for (request, status, code) in [
        (
            bed.client
                .put(format!("{url}/scenarios/x"))
                .body(large.clone()),
            413,
            "body_too_large",
        ),
        (
            bed.client.post(format!("{url}/projects")).body(large),
            413,
            "body_too_large",
        ),
        (
            bed.client
                .put(format!("{url}/scenarios/x"))
                .body(vec![0xff]),
            400,
            "invalid_text",
        ),
        (
            bed.client.post(format!("{url}/projects")).body("{,}"),
            400,
            "invalid_json",
        ),
        (
            bed.client
                .post(format!("{url}/projects"))
                .body(r#"{"nam":"x"}"#),
            422,
            "invalid_body",
        ),
        (
            bed.client.get(format!("{url}/calls?limt=1")),
            400,
            "invalid_query",
        ),
    ] {
        let (found, body) = answer_of(request).await;
        assert_eq!(
            (found, body["error"]["code"].as_str()),
            (status, Some(code)),
            "{body}"
        );
    }
}
