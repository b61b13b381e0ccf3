use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use super::exit::{FAULTS, say, talk};
use super::http::{TokenArgs, client, told};
use crate::emulator::SCENARIO_HEADER;

const JSON: &str = "application/json";

/// All that RFC 3986 does not call unreserved.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

#[derive(Debug, Args)]
pub(super) struct CallArgs {
    /// Who is called
    #[arg(value_name = "TO_USER_ID")]
    to: String,
    /// Where the emulator is
    #[arg(
        long,
        value_name = "URL",
        env = "PLANET_EMULATOR_URL",
        default_value = "http://127.0.0.1:7526"
    )]
    url: String,
    /// Print what becomes of the call until nothing more will be sent
    #[arg(long)]
    follow: bool,
    /// The service ID of the callee
    #[arg(long, value_name = "ID", default_value = "shop-eval")]
    to_service_id: String,
    /// The service ID of the caller
    #[arg(long, value_name = "ID", default_value = "shop-eval")]
    service_id: String,
    /// The user ID of the caller
    #[arg(long, value_name = "AGENT", default_value = "agent")]
    from: String,
    /// The project's API key
    #[arg(long, value_name = "KEY", default_value = "demo-key")]
    key: String,
    /// The project's API secret
    #[arg(long, value_name = "SECRET", default_value = "demo-secret")]
    secret: String,
    /// The scenario to play, instead of the one that matches
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// What is played; may be repeated
    #[arg(long = "content-id", value_name = "ID", default_value = "5498f04048fa")]
    content_ids: Vec<String>,
    /// Text that callbacks give back
    #[arg(long, value_name = "TEXT")]
    app_svr_data: Option<String>,
    #[command(flatten)]
    token: TokenArgs,
}

pub(super) async fn run(args: CallArgs) -> ExitCode {
    match make(&args).await {
        Ok(status) => status,
        Err(reason) => {
            talk(format_args!("error: {reason}"));
            ExitCode::from(FAULTS)
        }
    }
}

async fn make(args: &CallArgs) -> Result<ExitCode, String> {
    let client = client().map_err(|error| format!("{error:#}"))?;
    let base = args.url.trim_end_matches('/');
    let url = format!(
        "{base}/tas/v2/agt_call/audio_caller/{}/{}",
        utf8_percent_encode(&args.to_service_id, ENCODED),
        utf8_percent_encode(&args.to, ENCODED)
    );
    let mut request = client
        .post(url)
        .basic_auth(&args.key, Some(&args.secret))
        .header(ACCEPT, JSON)
        .header(CONTENT_TYPE, JSON)
        .body(body(args).to_string());
    if let Some(scenario) = &args.scenario {
        request = request.header(SCENARIO_HEADER, scenario);
    }
    let response = request.send().await.map_err(|error| told(&error))?;
    let status = response.status();
    let answer = response.bytes().await.map_err(|error| told(&error))?;
    let answer = String::from_utf8_lossy(&answer);
    if !answer.is_empty() {
        say(&answer);
    }
    if status != StatusCode::OK {
        talk(format_args!("refused: {}", status.as_u16()));
        return Ok(ExitCode::from(FAULTS));
    }
    if args.follow {
        let sid = sid_of(&answer).ok_or("the answer has no session ID to follow")?;
        follow(&client, args, &sid).await?;
    }
    Ok(ExitCode::SUCCESS)
}

fn body(args: &CallArgs) -> Value {
    let sources: Vec<_> = args
        .content_ids
        .iter()
        .map(|id| json!({ "contentId": id }))
        .collect();
    let mut body = json!({
        "requestContext": { "serviceId": args.service_id, "userId": args.from },
        "mediaSourceType": "STORED_SOURCE",
        "storedSource": { "storedAudioSources": sources },
    });
    if let Some(data) = &args.app_svr_data {
        body["appSvrData"] = json!(data);
    }
    body
}

fn sid_of(answer: &str) -> Option<String> {
    let answer: Value = serde_json::from_str(answer).ok()?;
    let sid = answer["data"]["sid"].as_str().or(answer["sid"].as_str());
    sid.map(ToOwned::to_owned)
}

async fn follow(client: &Client, args: &CallArgs, sid: &str) -> Result<(), String> {
    let base = args.url.trim_end_matches('/');
    let sid = utf8_percent_encode(sid, ENCODED);
    let url = format!("{base}/_emulator/calls/{sid}/wait?for=settled&timeout=500ms");
    let mut printed = Printed::default();
    loop {
        let response = args.token.authorize(client.get(&url)).send().await;
        let response = response.map_err(|error| told(&error))?;
        let status = response.status();
        let text = response.bytes().await.map_err(|error| told(&error))?;
        if status != StatusCode::OK && status != StatusCode::REQUEST_TIMEOUT {
            let text = String::from_utf8_lossy(&text);
            return Err(format!(
                "cannot follow the call: {} {text}",
                status.as_u16()
            ));
        }
        let record: Value = serde_json::from_slice(&text)
            .map_err(|error| format!("cannot follow the call: {error}"))?;
        timeline(&record, &mut printed).iter().for_each(say);
        if status == StatusCode::OK {
            return Ok(());
        }
    }
}

/// What of a record has been told already.
#[derive(Debug, Default)]
struct Printed {
    states: usize,
    deliveries: Vec<u64>,
    end: bool,
}

/// What a record tells that was not told before, in the order in which it happened.
fn timeline(record: &Value, printed: &mut Printed) -> Vec<String> {
    let list = |name: &str| record[name].as_array().map_or(&[][..], Vec::as_slice);
    let states = list("states");
    let start = states.first().and_then(|first| moment(&first["at"]));
    let mut news = Vec::new();
    for state in states.iter().skip(printed.states) {
        news.push((moment(&state["at"]), text(&state["state"])));
    }
    printed.states = printed.states.max(states.len());
    for delivery in list("deliveries") {
        let number = delivery["n"].as_u64().unwrap_or_default();
        if delivery["outcome"] == "pending" || printed.deliveries.contains(&number) {
            continue;
        }
        printed.deliveries.push(number);
        news.push(told_of(delivery));
    }
    // What has no time never happened, hence it comes last.
    news.sort_by_key(|(at, _)| (at.is_none(), *at));
    let mut lines: Vec<_> = news
        .into_iter()
        .map(|(at, what)| format!("{}  {what}", since(start, at)))
        .collect();
    if record["settled"] == true && !printed.end {
        printed.end = true;
        let end = &record["end"];
        if !end.is_null() {
            lines.push(format!(
                "ended: {} ({}), releaser_type {}, terminate {}, rel_code {} {}, duration {} s",
                text(&end["reason"]),
                text(&end["disconnect_reason"]),
                text(&end["releaser_type"]),
                text(&end["terminate"]),
                text(&end["rel_code"]),
                text(&end["rel_code_str"]),
                text(&end["duration"])
            ));
        }
        let remarks = list("remarks").iter();
        lines.extend(remarks.map(|remark| format!("remark: {}", text(remark))));
    }
    lines
}

/// When a delivery was last tried, and what came of it.
fn told_of(delivery: &Value) -> (Option<Timestamp>, String) {
    let mut what = format!(
        "{} {}",
        text(&delivery["callback"]),
        text(&delivery["outcome"])
    );
    let last = delivery["attempts"].as_array().and_then(|all| all.last());
    let at = match last {
        Some(attempt) => {
            let result = match attempt["error"].as_str() {
                Some(error) => error.to_owned(),
                None => text(&attempt["status"]),
            };
            let latency = text(&attempt["latency_ms"]);
            what = format!("{what}: {result} in {latency} ms");
            &attempt["sent_at"]
        }
        None => &delivery["due_at"],
    };
    if let Some(url) = delivery["url"].as_str() {
        what += "  ";
        what += url.split('?').next().unwrap_or(url);
    }
    (moment(at), what)
}

fn moment(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn since(start: Option<Timestamp>, at: Option<Timestamp>) -> String {
    match (start, at) {
        (Some(start), Some(at)) => format!("{:+.3}s", at.duration_since(start).as_secs_f64()),
        _ => format!("{:7}", "-"),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeline_tells_each_thing_once_and_in_order() {
        let mut record = json!({
            "states": [
                { "state": "accepted", "at": "2025-01-01T00:00:00.000000Z" },
                { "state": "talking", "at": "2025-01-01T00:00:03.100000Z" },
            ],
            "deliveries": [
                { "n": 1, "callback": "notify", "outcome": "delivered", "url": "http://a/n?sid=1",
                  "attempts": [{ "sent_at": "2025-01-01T00:00:00.052Z", "status": 200,
                                 "latency_ms": 1.8, "error": null }] },
                { "n": 2, "callback": "call_event", "outcome": "pending", "attempts": [] },
            ],
            "end": null, "remarks": [], "settled": false,
        });
        let mut printed = Printed::default();
        assert_eq!(
            timeline(&record, &mut printed),
            [
                "+0.000s  accepted",
                "+0.052s  notify delivered: 200 in 1.8 ms  http://a/n",
                "+3.100s  talking",
            ]
        );
        assert!(timeline(&record, &mut printed).is_empty());
        record["deliveries"][1] = json!({
            "n": 2, "callback": "call_event", "outcome": "failed", "url": "http://a/c",
            "attempts": [{ "sent_at": "2025-01-01T00:00:04Z", "status": null,
                           "latency_ms": 0.3, "error": "connection refused" }],
        });
        record["settled"] = json!(true);
        record["end"] = json!({
            "reason": "DECLINE", "disconnect_reason": 1002, "releaser_type": 1, "terminate": 21,
            "rel_code": 3, "rel_code_str": "REJECT", "duration": 0,
        });
        record["remarks"] = json!(["late"]);
        assert_eq!(
            timeline(&record, &mut printed),
            [
                "+4.000s  call_event failed: connection refused in 0.3 ms  http://a/c",
                "ended: DECLINE (1002), releaser_type 1, terminate 21, rel_code 3 REJECT, duration 0 s",
                "remark: late",
            ]
        );
        assert!(timeline(&record, &mut printed).is_empty());
    }
}
