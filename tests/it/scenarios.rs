//! Every shipped scenario, played end to end against a real receiver.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use actix_web::HttpResponse;
use planet_emulator::Emulator;
use serde_json::Value;
use tokio::net::TcpSocket;

use crate::helpers::{Received, Receiver, TestBed, answer_of, client, path, sound_body};

/// What a scenario does, as seen from the app server.
struct Play {
    scenario: &'static str,
    title: &'static str,
    callee: &'static str,
    outcome: Outcome,
}

enum Outcome {
    /// The API refuses the call with this status.
    Refused(u16),
    /// The API takes the call.
    Taken {
        order: &'static [&'static str],
        status: Status,
        event: Option<End>,
    },
}

/// Agent Call Status: `result` and `fail_reason`.
type Status = (&'static str, &'static str);

/// What Call Event says of the end.
struct End {
    terminate: &'static str,
    disconnect_reason: &'static str,
    releaser_type: &'static str,
    release: (&'static str, &'static str),
    talked: bool,
    user_rel_code: &'static str,
}

const NOTIFY: &str = "notify";
const STATUS: &str = "agent_call_status";
const EVENT: &str = "call_event";
const USUAL: &[&str] = &[NOTIFY, STATUS, EVENT];
const UNNOTIFIED: &[&str] = &[STATUS, EVENT];

const SUCCESS: Status = ("SUCCESS", "None");
/// The agent ends the call after the audio.
const HEARD: End = talked("1001", "2", ("1", "NORMAL"));

const fn talked(
    reason: &'static str,
    releaser: &'static str,
    release: (&'static str, &'static str),
) -> End {
    End {
        terminate: "16",
        disconnect_reason: reason,
        releaser_type: releaser,
        release,
        talked: true,
        user_rel_code: "",
    }
}

const fn never_talked(
    terminate: &'static str,
    reason: &'static str,
    releaser: &'static str,
    release: (&'static str, &'static str),
) -> End {
    End {
        terminate,
        talked: false,
        ..talked(reason, releaser, release)
    }
}

const fn with_text(text: &'static str, end: End) -> End {
    End {
        user_rel_code: text,
        ..end
    }
}

const fn taken(order: &'static [&'static str], status: Status, event: End) -> Outcome {
    Outcome::Taken {
        order,
        status,
        event: Some(event),
    }
}

const fn without_event(order: &'static [&'static str], status: Status) -> Outcome {
    Outcome::Taken {
        order,
        status,
        event: None,
    }
}

const fn play(
    scenario: &'static str,
    title: &'static str,
    callee: &'static str,
    outcome: Outcome,
) -> Play {
    Play {
        scenario,
        title,
        callee,
        outcome,
    }
}

#[rustfmt::skip]
const PLAYS: &[Play] = &[
    play("answered", "the callee listens to the end", "emu-answers", taken(USUAL, SUCCESS, HEARD)),
    play("app-server-data-error", "the data of the app server cannot be delivered", "emu-app-server-data-error",
        taken(USUAL, ("FAIL", "APP_SERVER_DATA_ERROR"), never_talked("127", "1313", "4", ("200", "INTERNAL_ERROR")))),
    play("callbacks-doubled", "each callback comes twice", "emu-callbacks-doubled",
        taken(&[NOTIFY, NOTIFY, STATUS, STATUS, EVENT, EVENT], SUCCESS, HEARD)),
    play("callee-busy", "a busy callee is not notified", "emu-busy",
        taken(UNNOTIFIED, ("FAIL", "BUSY"), never_talked("17", "1202", "1", ("4", "USER_BUSY")))),
    play("callee-declines", "the callee rejects the call", "emu-declines",
        taken(USUAL, SUCCESS, never_talked("21", "1002", "1", ("3", "REJECT")))),
    play("callee-hangs-up", "the callee hangs up before the audio is over", "emu-hangs-up",
        taken(USUAL, SUCCESS, talked("1001", "1", ("1", "NORMAL")))),
    play("caller-cancels", "the caller gives up while it rings", "emu-caller-cancels",
        taken(USUAL, SUCCESS, never_talked("77", "1201", "2", ("2", "CANCEL")))),
    play("cell-call-ringing", "a cellular call comes in while it rings", "emu-cell-call-ringing",
        taken(USUAL, SUCCESS, never_talked("127", "1003", "1", ("505", "CELLULAR_CALL")))),
    play("cell-call-talking", "a cellular call comes in after the answer", "emu-cell-call-talking",
        taken(USUAL, SUCCESS, talked("1003", "1", ("505", "CELLULAR_CALL")))),
    play("event-before-status", "Call Event overtakes Agent Call Status", "emu-event-before-status",
        taken(&[NOTIFY, EVENT, STATUS], SUCCESS, never_talked("21", "1002", "1", ("3", "REJECT")))),
    play("event-never", "Call Event is lost", "emu-event-never", without_event(&[NOTIFY, STATUS], SUCCESS)),
    play("example-spelling", "the result is spelt as in the example", "emu-example-spelling",
        taken(USUAL, ("Success", "None"), HEARD)),
    play("fails-once", "the first call is refused", "emu-fails-once", Outcome::Refused(503)),
    play("hangs-up-with-text", "the callee's app hangs up with a text", "emu-hangs-up-with-text",
        taken(USUAL, SUCCESS, with_text("heard-enough", talked("1001", "1", ("1", "NORMAL"))))),
    play("http-401", "the API refuses the credentials", "emu-http-401", Outcome::Refused(401)),
    play("http-403", "the API refuses the service ID", "emu-http-403", Outcome::Refused(403)),
    play("http-404", "the API knows no such thing", "emu-http-404", Outcome::Refused(404)),
    play("http-429", "the API is called too often", "emu-http-429", Outcome::Refused(429)),
    play("http-500", "the API fails", "emu-http-500", Outcome::Refused(500)),
    play("http-503", "the API is not available", "emu-http-503", Outcome::Refused(503)),
    play("internal-error", "Planet fails while it rings", "emu-internal-error",
        taken(USUAL, SUCCESS, never_talked("127", "1305", "4", ("200", "INTERNAL_ERROR")))),
    play("invalid-peer-id", "the call cannot be initiated", "emu-invalid-peer-id",
        without_event(&[STATUS], ("FAIL", "Invalid peerId"))),
    play("max-call-time", "the call is cut at the longest time allowed", "emu-max-call-time",
        taken(USUAL, SUCCESS, talked("1208", "4", ("122", "MAX_CALL_TIME_EXCEED")))),
    play("network-lost", "the callee's network is lost", "emu-network-lost",
        taken(USUAL, SUCCESS, talked("1301", "1", ("218", "SESS_KEEPALIVE_TIMEOUT")))),
    play("no-answer", "nobody answers", "emu-no-answer",
        taken(USUAL, SUCCESS, never_talked("18", "1203", "2", ("5", "NO_ANSWER")))),
    play("no-microphone", "the callee's microphone is silent", "emu-no-microphone",
        taken(USUAL, SUCCESS, talked("1112", "1", ("502", "NO_MEDIA_SRC")))),
    play("notify-before-response", "Notify comes before the answer", "emu-notify-before-response",
        taken(USUAL, SUCCESS, HEARD)),
    play("prepares", "the callee listens at once unless the call asks for preparation", "emu-prepares",
        taken(USUAL, SUCCESS, HEARD)),
    play("push-error", "Notify is taken for failed", "emu-push-error",
        taken(USUAL, ("FAIL", "PUSH_ERROR"), never_talked("127", "1302", "4", ("205", "PUSH_ERROR")))),
    play("push-unreachable", "Notify does not get through", "emu-push-unreachable",
        taken(UNNOTIFIED, ("FAIL", "PUSH_ERROR"), never_talked("127", "1302", "4", ("203", "PUSH_REQ_FAIL")))),
    play("slow-response", "the API takes its time", "emu-slow-response", taken(USUAL, SUCCESS, HEARD)),
    play("status-before-notify", "Agent Call Status overtakes Notify", "emu-status-before-notify",
        taken(&[STATUS, NOTIFY, EVENT], SUCCESS, HEARD)),
    play("user-error", "the callee's app ends the call with an error", "emu-user-error",
        taken(USUAL, SUCCESS, with_text("payment-required", talked("1110", "1", ("514", "APP_DEFINED_ERR"))))),
];

#[test]
fn every_shipped_scenario_is_played() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let shipped: BTreeSet<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            path.file_stem().unwrap().to_str().unwrap().to_owned()
        })
        .collect();
    let played: BTreeSet<_> = PLAYS.iter().map(|play| play.scenario.to_owned()).collect();
    assert_eq!(shipped, played);
    assert_eq!(played.len(), PLAYS.len(), "a scenario is played twice");
}

#[tokio::test]
async fn the_shipped_scenarios_send_what_they_say() {
    let mut bed = TestBed::start(|builder| builder.clock("100x")).await;
    let answers =
        futures_util::future::join_all(PLAYS.iter().map(|play| bed.call(play.callee))).await;
    let mut records = Vec::new();
    for (status, body) in answers {
        let record = match body["data"]["sid"].as_str() {
            Some(sid) => bed.settled(sid).await,
            None => Value::Null,
        };
        records.push((status, record));
    }
    let mut by_sid: BTreeMap<String, Vec<Received>> = BTreeMap::new();
    for received in bed.receiver.rest() {
        let sid = received.parameter("sid").expect("a sid");
        by_sid.entry(sid).or_default().push(received);
    }
    for (play, (status, record)) in PLAYS.iter().zip(records) {
        let received = match record["sid"].as_str() {
            Some(sid) => by_sid.remove(sid).unwrap_or_default(),
            None => Vec::new(),
        };
        check(play, status, &record, &received);
    }
    assert!(by_sid.is_empty(), "of no call: {by_sid:?}");
}

fn check(play: &Play, status: u16, record: &Value, received: &[Received]) {
    let title = format!("{}: {}", play.scenario, play.title);
    match &play.outcome {
        Outcome::Refused(refusal) => {
            assert_eq!(status, *refusal, "{title}");
            assert!(received.is_empty(), "{title}: {received:?}");
        }
        Outcome::Taken {
            order,
            status: told,
            event,
        } => {
            assert_eq!(status, 200, "{title}");
            assert_eq!(record["scenario"], play.scenario, "{title}");
            assert_eq!(record["chosen_by"], "match", "{title}");
            let mut names = names_of(received);
            if play.scenario == "callbacks-doubled" {
                // A copy and what comes next are not in any order.
                names.sort_by_key(|name| USUAL.iter().position(|usual| usual == name));
            }
            assert_eq!(&names, order, "{title}");
            for received in received {
                match &*received.callback {
                    STATUS => check_status(received, *told, &title),
                    EVENT => check_event(received, event.as_ref().expect(&title), &title),
                    _ => {}
                }
            }
        }
    }
}

fn names_of(received: &[Received]) -> Vec<&str> {
    received.iter().map(|one| &*one.callback).collect()
}

fn check_status(received: &Received, told: Status, title: &str) {
    let parameters = received.parameters();
    let got = (&*parameters["result"], &*parameters["fail_reason"]);
    assert_eq!(got, told, "{title}");
}

fn check_event(received: &Received, end: &End, title: &str) {
    let parameters = received.parameters();
    let text = |name: &str| parameters.get(name).map_or("", |value| &**value);
    let got = [
        text("terminate"),
        text("disconnect_reason"),
        text("releaser_type"),
        text("rel_code"),
        text("rel_code_str"),
        text("user_rel_code"),
    ];
    let expected = [
        end.terminate,
        end.disconnect_reason,
        end.releaser_type,
        end.release.0,
        end.release.1,
        end.user_rel_code,
    ];
    assert_eq!(got, expected, "{title}");
    let number = |name: &str| parameters[name].parse::<u64>().expect("a number");
    let (setup, start, finish) = (
        number("setup_time"),
        number("start_time"),
        number("end_time"),
    );
    let duration = number("duration");
    assert_eq!(duration > 0, end.talked, "{title}: {duration} s");
    assert_eq!(duration > 0, text("terminate") == "16", "{title}");
    assert!(setup <= finish, "{title}: {parameters:?}");
    if end.talked {
        assert!(setup <= start && start <= finish, "{title}: {parameters:?}");
        assert_eq!(finish - start, duration, "{title}: {parameters:?}");
    } else {
        assert_eq!(start, 0, "{title}");
    }
}

#[tokio::test]
async fn a_second_call_works_after_one_that_fails_once() {
    let mut bed = TestBed::start(|builder| builder.clock("100x")).await;
    assert_eq!(bed.call("emu-fails-once").await.0, 503);
    for _ in 0..2 {
        let sid = bed.accepted("emu-fails-once").await;
        bed.settled(&sid).await;
        let received = bed.receiver.rest();
        assert_eq!(names_of(&received), USUAL);
        check_event(&received[2], &HEARD, "after the failure");
    }
}

#[tokio::test]
async fn notify_before_the_answer_is_there_when_the_answer_comes() {
    let mut bed = TestBed::start(|builder| builder.clock("100x")).await;
    let sid = bed.accepted("emu-notify-before-response").await;
    let first = bed.receiver.rest().into_iter().next().unwrap();
    assert_eq!(first.callback, NOTIFY);
    assert_eq!(first.parameter("sid"), Some(sid));
}

#[tokio::test]
async fn a_notify_that_is_answered_with_500_is_a_push_error() {
    let answer = Arc::new(|received: &Received| match &*received.callback {
        NOTIFY => HttpResponse::InternalServerError().finish(),
        _ => HttpResponse::Ok().finish(),
    });
    let receiver = Receiver::answering(answer);
    let mut bed = TestBed::with_receiver(receiver, |builder| builder.clock("100x")).await;
    let sid = bed.accepted("alice").await;
    bed.settled(&sid).await;
    let received = bed.receiver.rest();
    assert_eq!(names_of(&received), USUAL);
    check_status(&received[1], ("FAIL", "PUSH_ERROR"), "answered with 500");
    let end = never_talked("127", "1302", "4", ("205", "PUSH_ERROR"));
    check_event(&received[2], &end, "answered with 500");
}

#[tokio::test]
async fn a_notify_url_where_nobody_listens_is_a_push_error() {
    // Bound and never listened on: connections are refused, and nobody else gets the port.
    let silent = TcpSocket::new_v4().unwrap();
    silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}/notify", silent.local_addr().unwrap());
    let mut bed = TestBed::start(|builder| builder.clock("100x").notify_url(url)).await;
    let sid = bed.accepted("alice").await;
    bed.settled(&sid).await;
    let received = bed.receiver.rest();
    assert_eq!(names_of(&received), UNNOTIFIED);
    check_status(&received[0], ("FAIL", "PUSH_ERROR"), "nobody listens");
    let end = never_talked("127", "1302", "4", ("203", "PUSH_REQ_FAIL"));
    check_event(&received[1], &end, "nobody listens");
}

#[tokio::test]
async fn a_callee_in_a_call_is_busy_until_that_call_ends() {
    let mut bed = TestBed::start(|builder| builder.clock("20x")).await;
    let first = bed.accepted("emu-no-answer").await;
    assert_eq!(bed.receiver.next().await.callback, NOTIFY);
    assert_eq!(bed.receiver.next().await.callback, STATUS);

    let second = bed.accepted("emu-no-answer").await;
    bed.settled(&second).await;
    let received = bed.receiver.rest();
    assert_eq!(names_of(&received), UNNOTIFIED);
    assert_eq!(received[0].parameter("sid"), Some(second));
    check_status(&received[0], ("FAIL", "BUSY"), "in a call");
    let busy = never_talked("17", "1202", "1", ("4", "USER_BUSY"));
    check_event(&received[1], &busy, "in a call");

    bed.settled(&first).await;
    let received = bed.receiver.rest();
    assert_eq!(names_of(&received), [EVENT]);
    bed.accepted("emu-no-answer").await;
    assert_eq!(bed.receiver.next().await.callback, NOTIFY);
}

#[tokio::test]
async fn a_callee_prepares_only_when_the_call_asks_for_it() {
    let bed = TestBed::start(|builder| builder.clock("100x")).await;
    for prepares in [true, false] {
        let mut body = sound_body();
        body["useResponderPreparation"] = prepares.into();
        let (status, answer) = bed.call_with("emu-prepares", &body).await;
        assert_eq!(status, 200, "{answer}");
        let record = bed.settled(answer["data"]["sid"].as_str().unwrap()).await;
        let states = record["states"].as_array().unwrap();
        let states: Vec<_> = states
            .iter()
            .map(|entered| entered["state"].as_str().unwrap())
            .collect();
        let mut expected = vec!["accepted", "notified", "ringing", "talking", "ended"];
        if prepares {
            expected.insert(3, "preparing");
        }
        assert_eq!(states, expected);
    }
}

#[tokio::test]
async fn the_header_chooses_the_scenario() {
    let mut bed = TestBed::start(|builder| builder.clock("100x")).await;
    let request = bed
        .request("emu-answers")
        .header("X-Planet-Emulator-Scenario", "callee-declines")
        .body(sound_body().to_string());
    let (status, answer) = answer_of(request).await;
    assert_eq!(status, 200, "{answer}");
    let record = bed.settled(answer["data"]["sid"].as_str().unwrap()).await;
    assert_eq!(record["scenario"], "callee-declines");
    assert_eq!(record["chosen_by"], "header");
    let received = bed.receiver.rest();
    assert_eq!(names_of(&received), USUAL);
    let declined = never_talked("21", "1002", "1", ("3", "REJECT"));
    check_event(&received[2], &declined, "chosen by header");
}

#[tokio::test]
async fn a_seed_gives_each_callee_the_same_sids_in_any_order_of_calls() {
    let mut sids = Vec::new();
    for callees in [["alice", "bob", "emu-busy"], ["emu-busy", "alice", "bob"]] {
        let bed = TestBed::start(|builder| builder.clock("100x").seed(42)).await;
        let mut of_callees: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for callee in callees.into_iter().chain(callees) {
            let sid = bed.accepted(callee).await;
            of_callees.entry(callee).or_default().push(sid);
        }
        sids.push(of_callees);
    }
    assert_eq!(sids[0], sids[1]);
    let all: BTreeSet<_> = sids[0].values().flatten().collect();
    assert_eq!(all.len(), 6);
}

#[tokio::test]
async fn projects_of_one_service_id_are_told_apart_by_their_keys() {
    let mut receivers = [Receiver::start(), Receiver::start()];
    let projects = ["red", "blue"].iter().zip(&receivers);
    let projects: String = projects
        .map(|(name, receiver)| project(name, &receiver.url))
        .collect();
    let config = format!("clock: 100x\nprojects:\n{projects}");
    let emulator = Emulator::builder().config(config).start().await.unwrap();
    let client = client();
    let call = |key: String, secret: String| {
        let url = format!("{}{}", emulator.url(), path("shop-eval", "alice"));
        let request = client
            .post(url)
            .basic_auth(key, Some(secret))
            .header("Accept", "application/json")
            .header("Content-Type", "application/json")
            .body(sound_body().to_string());
        answer_of(request)
    };
    // Both at once: a callee is busy within one project only.
    let mut sids = Vec::new();
    for name in ["red", "blue"] {
        let (status, answer) = call(format!("{name}-key"), format!("{name}-secret")).await;
        assert_eq!(status, 200, "{answer}");
        sids.push(answer["data"]["sid"].as_str().unwrap().to_owned());
    }
    for (receiver, sid) in receivers.iter_mut().zip(&sids) {
        for callback in USUAL {
            let received = receiver.next().await;
            assert_eq!(received.callback, *callback);
            assert_eq!(received.parameter("sid").as_ref(), Some(sid));
        }
    }
    let (status, _) = call("red-key".to_owned(), "blue-secret".to_owned()).await;
    assert_eq!(status, 401);
    for receiver in &mut receivers {
        assert!(receiver.rest().is_empty());
    }
}

fn project(name: &str, url: &str) -> String {
    format!(
        "- name: {name}
  service_id: shop-eval
  api_key: {name}-key
  api_secret: {name}-secret
  callbacks:
    notify: {url}/notify
    agent_call_status: {url}/agent_call_status
    call_event: {url}/call_event
"
    )
}
