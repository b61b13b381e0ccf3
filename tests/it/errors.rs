//! Refusals: whole answers to the letter, and which check answers first.
//!
//! Requests are written byte by byte: an HTTP client would add headers of its own.

use planet_emulator::Emulator;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::helpers::{TestBed, path, sound_body};

/// `shop-key:shop-secret`, `other-key:shop-secret` and `shop-key:other-secret` in base64.
const SHOP: &str = "Basic c2hvcC1rZXk6c2hvcC1zZWNyZXQ=";
const UNKNOWN_KEY: &str = "Basic b3RoZXIta2V5OnNob3Atc2VjcmV0";
const WRONG_SECRET: &str = "Basic c2hvcC1rZXk6b3RoZXItc2VjcmV0";

const JSON: &str = "application/json";

const STRICT: &str = "
projects:
  - { name: shop, service_id: shop-eval, api_key: shop-key, api_secret: shop-secret }
  - { name: bank, service_id: bank-eval, api_key: bank-key, api_secret: bank-secret }
";

/// A request that is accepted unless something about it is changed.
#[derive(Clone)]
struct Request {
    method: &'static str,
    path: String,
    authorization: Option<&'static str>,
    accept: Option<&'static str>,
    content_type: Option<&'static str>,
    scenario: Option<&'static str>,
    body: Vec<u8>,
}

impl Request {
    fn sound() -> Self {
        Self {
            method: "POST",
            path: path("shop-eval", "alice"),
            authorization: Some(SHOP),
            accept: Some(JSON),
            content_type: Some(JSON),
            scenario: None,
            body: sound_body().to_string().into_bytes(),
        }
    }

    fn with_body(body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: body.into(),
            ..Self::sound()
        }
    }

    /// With the sound body after a change.
    fn changed(change: impl FnOnce(&mut Value)) -> Self {
        let mut body = sound_body();
        change(&mut body);
        Self::with_body(body.to_string())
    }

    /// With this text in place of the number of `playCount`.
    fn play_count(text: &str) -> Self {
        let body = sound_body().to_string();
        let changed = body.replace(r#""playCount":1"#, &format!(r#""playCount":{text}"#));
        assert_ne!(changed, body);
        Self::with_body(changed)
    }

    fn bytes(&self) -> Vec<u8> {
        let headers = [
            ("Authorization", self.authorization),
            ("Accept", self.accept),
            ("Content-Type", self.content_type),
            ("X-Planet-Emulator-Scenario", self.scenario),
        ];
        let mut text = format!(
            "{} {} HTTP/1.1\r\nHost: emulator\r\nConnection: close\r\nContent-Length: {}\r\n",
            self.method,
            self.path,
            self.body.len()
        );
        for (name, value) in headers {
            if let Some(value) = value {
                text.extend([name, ": ", value, "\r\n"]);
            }
        }
        text += "\r\n";
        [text.as_bytes(), &self.body].concat()
    }
}

async fn started(config: &str) -> Emulator {
    let builder = Emulator::builder().config(config).clock("100x");
    builder.start().await.unwrap()
}

/// Status and body of the answer. The body's time is hidden once it is known to be one.
async fn answer(emulator: &Emulator, request: &Request) -> String {
    let (head, body) = head_and_body(emulator, request).await;
    let status = head.split(' ').nth(1).unwrap();
    let has_json = head
        .to_ascii_lowercase()
        .contains("\r\ncontent-type: application/json\r\n");
    assert_eq!(has_json, !body.is_empty(), "{head}");
    format!("{status} {}", without_time(&body))
}

async fn head_and_body(emulator: &Emulator, request: &Request) -> (String, String) {
    let url = emulator.url();
    let mut stream = TcpStream::connect(url.trim_start_matches("http://"))
        .await
        .unwrap();
    stream.write_all(&request.bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (format!("{head}\r\n"), body.to_owned())
}

fn without_time(body: &str) -> String {
    let Some((before, time)) = body.split_once(r#""timestamp":"#) else {
        return body.to_owned();
    };
    let digits = time.find(|c: char| !c.is_ascii_digit()).unwrap();
    assert_eq!(digits, 13, "milliseconds: {body}");
    format!(r#"{before}"timestamp":[ms]{}"#, &time[digits..])
}

/// One line for each request: what is special about it, status and body.
async fn answers(emulator: &Emulator, requests: &[(&str, Request)]) -> String {
    let mut lines = Vec::new();
    for (what, request) in requests {
        lines.push(format!("{what}: {}", answer(emulator, request).await));
    }
    lines.join("\n")
}

#[tokio::test]
async fn a_request_without_usable_credentials_is_refused() {
    let with = |authorization| Request {
        authorization,
        ..Request::sound()
    };
    let emulator = started(STRICT).await;
    let answers = answers(
        &emulator,
        &[
            ("missing", with(None)),
            ("other scheme", with(Some("Bearer c2hvcA=="))),
            ("not base64", with(Some("Basic %%%"))),
            ("no colon", with(Some("Basic c2hvcA=="))),
            ("unknown key", with(Some(UNKNOWN_KEY))),
            ("wrong secret", with(Some(WRONG_SECRET))),
        ],
    )
    .await;
    insta::assert_snapshot!(answers, @r#"
    missing: 401 {"status":"error","code":"401","message":"Authorization header is missing","data":null,"timestamp":[ms]}
    other scheme: 401 {"status":"error","code":"401","message":"Authorization must be `Basic` with the base64 of API_KEY:API_SECRET","data":null,"timestamp":[ms]}
    not base64: 401 {"status":"error","code":"401","message":"Authorization must be `Basic` with the base64 of API_KEY:API_SECRET","data":null,"timestamp":[ms]}
    no colon: 401 {"status":"error","code":"401","message":"Authorization must be `Basic` with the base64 of API_KEY:API_SECRET","data":null,"timestamp":[ms]}
    unknown key: 401 {"status":"error","code":"401","message":"ApiKey not found","data":null,"timestamp":[ms]}
    wrong secret: 401 {"status":"error","code":"401","message":"ApiSecret is invalid","data":null,"timestamp":[ms]}
    "#);
}

#[tokio::test]
async fn a_request_over_the_rate_limit_is_refused() {
    // So slow that all requests fall into one second.
    let builder = Emulator::builder().config("rate_limit: 2").clock("0.01x");
    let emulator = builder.start().await.unwrap();
    let bad = Request::with_body("");
    for _ in 0..2 {
        let answer = answer(&emulator, &bad).await;
        assert!(answer.starts_with("400 "), "{answer}");
    }
    insta::assert_snapshot!(answer(&emulator, &Request::sound()).await, @r#"429 {"status":"error","code":"429","message":"TOO_MANY_REQUEST","data":null,"timestamp":[ms]}"#);
}

#[tokio::test]
async fn all_headers_that_are_missing_or_wrong_are_told_together() {
    let with = |accept, content_type| Request {
        accept,
        content_type,
        ..Request::sound()
    };
    let emulator = started("").await;
    let answers = answers(
        &emulator,
        &[
            ("both missing", with(None, None)),
            ("both wrong", with(Some("text/html"), Some("text/plain"))),
            ("one wrong", with(Some(JSON), Some("text/plain"))),
        ],
    )
    .await;
    insta::assert_snapshot!(answers, @r#"
    both missing: 400 {"status":"error","code":"400","message":"missing or invalid header: Accept, Content-Type","data":{"Accept":"is required and must be `application/json`","Content-Type":"is required and must be `application/json`"},"timestamp":[ms]}
    both wrong: 400 {"status":"error","code":"400","message":"missing or invalid header: Accept, Content-Type","data":{"Accept":"must allow `application/json`, found `text/html`","Content-Type":"must be `application/json`, found `text/plain`"},"timestamp":[ms]}
    one wrong: 400 {"status":"error","code":"400","message":"missing or invalid header: Content-Type","data":{"Content-Type":"must be `application/json`, found `text/plain`"},"timestamp":[ms]}
    "#);
}

#[tokio::test]
async fn a_service_id_that_the_key_may_not_use_is_forbidden() {
    let emulator = started(STRICT).await;
    let answers = answers(
        &emulator,
        &[
            (
                "caller",
                Request::changed(|body| body["requestContext"]["serviceId"] = "bank-eval".into()),
            ),
            (
                "callee",
                Request {
                    path: path("nobody-eval", "alice"),
                    ..Request::sound()
                },
            ),
        ],
    )
    .await;
    insta::assert_snapshot!(answers, @r#"
    caller: 403 {"status":"error","code":"403","message":"no permission for the caller's service ID `bank-eval`","data":null,"timestamp":[ms]}
    callee: 403 {"status":"error","code":"403","message":"no permission for the callee's service ID `nobody-eval`","data":null,"timestamp":[ms]}
    "#);
}

#[tokio::test]
async fn the_setting_says_whose_service_id_must_be_the_keys() {
    let from_bank =
        Request::changed(|body| body["requestContext"]["serviceId"] = "bank-eval".into());
    let to = |service_id| Request {
        path: path(service_id, "alice"),
        ..Request::sound()
    };
    let to_bank = to("bank-eval");
    let to_nobody = to("nobody-eval");
    let mut lines = Vec::new();
    for check in ["caller", "callee", "both", "none"] {
        let config = format!("fidelity: {{ service_id_check: {check} }}\n{STRICT}");
        let emulator = started(&config).await;
        let mut statuses = Vec::new();
        for request in [&from_bank, &to_bank, &to_nobody] {
            let answer = answer(&emulator, request).await;
            statuses.push(answer[..3].to_owned());
        }
        lines.push(format!("{check}: {}", statuses.join(" ")));
    }
    // From another's, to another's, to nobody's.
    insta::assert_snapshot!(lines.join("\n"), @r"
    caller: 403 200 403
    callee: 200 403 403
    both: 403 403 403
    none: 200 200 200
    ");
}

#[tokio::test]
async fn a_scenario_that_is_not_there_is_refused_with_the_nearest_name() {
    let emulator = started("").await;
    let misspelt = Request {
        scenario: Some("callee-decline"),
        ..Request::sound()
    };
    let far_from_all = Request {
        scenario: Some("x"),
        accept: None,
        ..Request::sound()
    };
    let answers = answers(
        &emulator,
        &[("misspelt", misspelt), ("and no Accept", far_from_all)],
    )
    .await;
    insta::assert_snapshot!(answers, @r#"
    misspelt: 400 {"status":"error","code":"400","message":"missing or invalid header: X-Planet-Emulator-Scenario","data":{"X-Planet-Emulator-Scenario":"no scenario is named `callee-decline`, did you mean `callee-declines`?"},"timestamp":[ms]}
    and no Accept: 400 {"status":"error","code":"400","message":"missing or invalid header: Accept, X-Planet-Emulator-Scenario","data":{"Accept":"is required and must be `application/json`","X-Planet-Emulator-Scenario":"no scenario is named `x`"},"timestamp":[ms]}
    "#);
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_one() {
    let emulator = started("").await;
    let wrong = Request {
        method: "PUT",
        ..Request::sound()
    };
    let (head, body) = head_and_body(&emulator, &wrong).await;
    assert!(head.starts_with("HTTP/1.1 405 "), "{head}");
    assert!(
        head.to_ascii_lowercase().contains("\r\nallow: post\r\n"),
        "{head}"
    );
    insta::assert_snapshot!(without_time(&body), @r#"{"status":"error","code":"405","message":"method PUT is not allowed here: use POST","data":null,"timestamp":[ms]}"#);
}

#[tokio::test]
async fn a_call_beyond_those_that_may_be_live_is_refused() {
    let config = "limits: { live_calls: 1 }\nfidelity: { no_answer_after: 10h }";
    let bed = TestBed::start(|builder| builder.config(config).clock("100x")).await;
    let settled = bed.accepted("emu-invalid-peer-id").await;
    bed.settled(&settled).await;

    bed.accepted("emu-no-answer").await;
    insta::assert_snapshot!(answer(&bed.emulator, &Request::sound()).await, @r#"503 {"status":"error","code":"503","message":"more than 1 calls are live (limits.live_calls)","data":null,"timestamp":[ms]}"#);
}

#[tokio::test]
async fn what_is_not_the_api_has_the_same_error_body() {
    let with = |method, path: &str| Request {
        method,
        path: path.to_owned(),
        ..Request::sound()
    };
    let route = path("shop-eval", "alice");
    let emulator = started("").await;
    let answers = answers(
        &emulator,
        &[
            ("unknown route", with("POST", "/tas/v2/agt_call")),
            ("no callee", with("POST", &path("shop-eval", "alice/more"))),
            ("wrong method", with("GET", &route)),
            ("other wrong method", with("DELETE", &route)),
        ],
    )
    .await;
    insta::assert_snapshot!(answers, @r#"
    unknown route: 404 {"status":"error","code":"404","message":"no such API: POST /tas/v2/agt_call","data":null,"timestamp":[ms]}
    no callee: 404 {"status":"error","code":"404","message":"no such API: POST /tas/v2/agt_call/audio_caller/shop-eval/alice/more","data":null,"timestamp":[ms]}
    wrong method: 405 {"status":"error","code":"405","message":"method GET is not allowed here: use POST","data":null,"timestamp":[ms]}
    other wrong method: 405 {"status":"error","code":"405","message":"method DELETE is not allowed here: use POST","data":null,"timestamp":[ms]}
    "#);
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused() {
    let large = sound_body().to_string() + &" ".repeat(70 * 1024);
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(1_000), "]".repeat(1_000));
    let emulator = started("").await;
    let answers = answers(
        &emulator,
        &[
            ("too large", Request::with_body(large)),
            ("empty", Request::with_body("")),
            ("malformed", Request::with_body(r#"{"requestContext":}"#)),
            ("not UTF-8", Request::with_body(*b"{\"a\":\"\xff\"}")),
            ("deep", Request::with_body(deep)),
            ("array", Request::with_body("[]")),
        ],
    )
    .await;
    insta::assert_snapshot!(answers, @r#"
    too large: 413 {"status":"error","code":"413","message":"the body is larger than 65536 bytes","data":null,"timestamp":[ms]}
    empty: 400 {"status":"error","code":"400","message":"malformed JSON: the body is empty","data":null,"timestamp":[ms]}
    malformed: 400 {"status":"error","code":"400","message":"malformed JSON: expected value at line 1 column 19","data":null,"timestamp":[ms]}
    not UTF-8: 400 {"status":"error","code":"400","message":"malformed JSON: invalid UTF-8 after byte 6","data":null,"timestamp":[ms]}
    deep: 400 {"status":"error","code":"400","message":"malformed JSON: nested deeper than 128 levels","data":null,"timestamp":[ms]}
    array: 400 {"status":"error","code":"400","message":"the body must be a JSON object, found an array","data":null,"timestamp":[ms]}
    "#);
}

#[tokio::test]
async fn every_violation_is_told_at_its_field() {
    let several = Request {
        path: path("shop%20eval", "%20"),
        ..Request::with_body(
            json!({
                "requestContext": { "serviceId": "shop-eval" },
                "mediaSourceType": "LIVE",
                "storedSource": {
                    "storedAudioSources": [{ "contentId": "5498f04048fa" }, { "contentId": "x" }],
                    "playCount": 4,
                    "playWaitTime": 999,
                },
                "appSvrData": "é".repeat(2_048),
                "recordOnCloud": "true",
            })
            .to_string(),
        )
    };
    let as_array = Request::changed(|body| {
        body["storedSource"] = json!([body["storedSource"].take()]);
    });
    let emulator = started("fidelity: { malformed_peer_id: reject }").await;
    let answers = answers(
        &emulator,
        &[
            ("nothing given", Request::with_body("{}")),
            ("storedSource as array", as_array),
            ("several", several),
            ("1e400", Request::play_count("1e400")),
            ("1.5", Request::play_count("1.5")),
            ("text", Request::play_count(r#""2""#)),
        ],
    )
    .await;
    insta::assert_snapshot!(answers, @r#"
    nothing given: 400 {"status":"error","code":"400","message":"invalid parameter: requestContext, mediaSourceType, storedSource","data":{"requestContext":"is required","mediaSourceType":"is required","storedSource":"is required"},"timestamp":[ms]}
    storedSource as array: 400 {"status":"error","code":"400","message":"invalid parameter: storedSource","data":{"storedSource":"must be an object holding `storedAudioSources`, found an array"},"timestamp":[ms]}
    several: 400 {"status":"error","code":"400","message":"invalid parameter: to-serviceId, to-userId, requestContext.userId, mediaSourceType, storedSource.storedAudioSources[1].contentId, storedSource.playCount, storedSource.playWaitTime, appSvrData, recordOnCloud","data":{"to-serviceId":"must consist of a-z A-Z 0-9 - . only, found ` `","to-userId":"must consist of a-z A-Z 0-9 - _ only, found ` `","requestContext.userId":"is required","mediaSourceType":"must be `STORED_SOURCE`, found `LIVE`","storedSource.storedAudioSources[1].contentId":"must consist of hexadecimal digits only, found `x`","storedSource.playCount":"must be from 1 to 3, found 4","storedSource.playWaitTime":"must be from 1000 to 4000, found 999","appSvrData":"must be at most 4095 bytes of UTF-8, found 4096","recordOnCloud":"must be a boolean, found a string"},"timestamp":[ms]}
    1e400: 400 {"status":"error","code":"400","message":"invalid parameter: storedSource.playCount","data":{"storedSource.playCount":"must be an integer, found 1e400"},"timestamp":[ms]}
    1.5: 400 {"status":"error","code":"400","message":"invalid parameter: storedSource.playCount","data":{"storedSource.playCount":"must be an integer, found 1.5"},"timestamp":[ms]}
    text: 400 {"status":"error","code":"400","message":"invalid parameter: storedSource.playCount","data":{"storedSource.playCount":"must be an integer, found a string"},"timestamp":[ms]}
    "#);
}

#[tokio::test]
async fn the_code_of_an_error_can_be_an_integer() {
    let emulator = started("fidelity: { error_code_type: integer }").await;
    insta::assert_snapshot!(answer(&emulator, &Request::with_body("")).await, @r#"400 {"status":"error","code":400,"message":"malformed JSON: the body is empty","data":null,"timestamp":[ms]}"#);
}

#[tokio::test]
async fn an_error_can_be_without_a_body() {
    let emulator = started("fidelity: { error_body: empty }").await;
    let unknown = Request {
        path: "/".to_owned(),
        ..Request::sound()
    };
    assert_eq!(answer(&emulator, &Request::with_body("")).await, "400 ");
    assert_eq!(answer(&emulator, &unknown).await, "404 ");
}

#[tokio::test]
async fn a_malformed_callee_can_be_refused_at_once() {
    let emulator = started("fidelity: { malformed_peer_id: reject }").await;
    let malformed = Request {
        path: path("shop-eval", "al%20ice%2F"),
        ..Request::sound()
    };
    insta::assert_snapshot!(answer(&emulator, &malformed).await, @r#"400 {"status":"error","code":"400","message":"invalid parameter: to-userId","data":{"to-userId":"must consist of a-z A-Z 0-9 - _ only, found ` `"},"timestamp":[ms]}"#);
}

#[tokio::test]
async fn the_first_failing_check_answers_alone() {
    let forbidden = Request::with_body(
        r#"{"requestContext":{"serviceId":"bank-eval","userId":7},"mediaSourceType":"LIVE"}"#,
    );
    let bad_headers = Request {
        accept: None,
        content_type: Some("text/plain"),
        ..forbidden.clone()
    };
    let bad_everything = Request {
        authorization: Some(UNKNOWN_KEY),
        ..bad_headers.clone()
    };
    let emulator = started(STRICT).await;
    let answers = answers(
        &emulator,
        &[
            ("credentials, headers, body", bad_everything),
            ("headers, permission, body", bad_headers),
            ("permission, body", forbidden),
        ],
    )
    .await;
    insta::assert_snapshot!(answers, @r#"
    credentials, headers, body: 401 {"status":"error","code":"401","message":"ApiKey not found","data":null,"timestamp":[ms]}
    headers, permission, body: 400 {"status":"error","code":"400","message":"missing or invalid header: Accept, Content-Type","data":{"Accept":"is required and must be `application/json`","Content-Type":"must be `application/json`, found `text/plain`"},"timestamp":[ms]}
    permission, body: 403 {"status":"error","code":"403","message":"no permission for the caller's service ID `bank-eval`","data":null,"timestamp":[ms]}
    "#);
}
