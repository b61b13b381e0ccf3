//! Counts for Prometheus agree with what was done.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::control::{TestProject, manual};
use crate::helpers::answer_of;

/// Every sample by its name with labels, such as `planet_emulator_calls_total{scenario="answered"}`.
async fn samples(shop: &TestProject) -> BTreeMap<String, f64> {
    let Value::String(text) = shop.control.read("metrics").await else {
        panic!("expected text");
    };
    assert!(text.ends_with("# EOF\n"), "{text}");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        })
        .collect()
}

#[tokio::test]
async fn counts_agree_with_what_was_done() {
    let (_emulator, shop) = manual("").await;
    for callee in [
        "emu-declines",
        "emu-declines",
        "alice",
        "emu-event-never",
        "emu-http-503",
        "emu-busy",
    ] {
        shop.call(callee).await;
        shop.until_idle().await;
    }
    shop.accepted("emu-no-answer").await;
    assert_eq!(answer_of(shop.request("alice").body("{}")).await.0, 400);

    let samples = samples(&shop).await;

    let of = |name: &str| {
        *samples
            .get(&format!("planet_emulator_{name}"))
            .unwrap_or(&-1.0)
    };
    for (name, expected) in [
        (r#"calls_total{scenario="callee-declines"}"#, 2.0),
        (r#"calls_total{scenario="answered"}"#, 1.0),
        (r#"calls_total{scenario="no-answer"}"#, 1.0),
        (r#"calls_total{scenario="http-503"}"#, -1.0),
        (r#"call_states_total{state="accepted"}"#, 6.0),
        (r#"call_states_total{state="ringing"}"#, 4.0),
        (r#"call_states_total{state="ended"}"#, 5.0),
        (r#"call_states_total{state="failed"}"#, 1.0),
        ("live_calls", 1.0),
        (r#"requests_total{status="200"}"#, 6.0),
        (r#"requests_total{status="400"}"#, 1.0),
        (r#"requests_total{status="503"}"#, 1.0),
        (
            r#"deliveries_total{callback="notify",outcome="delivered"}"#,
            4.0,
        ),
        (
            r#"deliveries_total{callback="notify",outcome="dropped"}"#,
            1.0,
        ),
        (
            r#"deliveries_total{callback="agent_call_status",outcome="delivered"}"#,
            5.0,
        ),
        (
            r#"deliveries_total{callback="call_event",outcome="delivered"}"#,
            4.0,
        ),
        (
            r#"deliveries_total{callback="call_event",outcome="dropped"}"#,
            1.0,
        ),
        (
            r#"deliveries_total{callback="call_event",outcome="failed"}"#,
            0.0,
        ),
        (r#"delivery_answer_seconds_count{callback="notify"}"#, 4.0),
        (
            r#"delivery_lateness_seconds_count{callback="call_event"}"#,
            4.0,
        ),
        (
            r#"delivery_answer_seconds_bucket{le="+Inf",callback="notify"}"#,
            4.0,
        ),
    ] {
        assert_eq!(of(name), expected, "{name} in {samples:#?}");
    }
}

#[tokio::test]
async fn buckets_never_shrink_towards_infinity() {
    let (_emulator, shop) = manual("").await;
    for n in 0..5 {
        shop.accepted(&format!("callee-{n}")).await;
    }
    shop.until_idle().await;
    let samples = samples(&shop).await;
    for histogram in ["delivery_lateness", "delivery_answer"] {
        for callback in ["notify", "agent_call_status", "call_event"] {
            let of = |le: &str| {
                let name = format!("planet_emulator_{histogram}_seconds_bucket");
                samples[&format!(r#"{name}{{le="{le}",callback="{callback}"}}"#)]
            };
            let counts = ["0.0005", "0.005", "0.05", "0.5", "5.0", "+Inf"].map(of);
            assert!(counts.is_sorted(), "{histogram} {callback}: {counts:?}");
            assert_eq!(counts[5], 5.0);
        }
    }
}
