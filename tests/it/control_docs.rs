//! `docs/control-api.md` is written by a live emulator, and is the committed one.

mod json;
mod page;

use std::path::Path;

use jiff::Timestamp;
use planet_emulator::Emulator;
use reqwest::Method;
use serde_json::{Value, json};

use crate::control::{Control, TestProject};
use crate::helpers::{Receiver, in_time};
use page::{Page, delete, get, post, put};

const BODY: &str = r#"{"requestContext":{"serviceId":"shop-eval","userId":"AGENT"},"mediaSourceType":"STORED_SOURCE","storedSource":{"storedAudioSources":[{"contentId":"5498f04048fa"}],"playCount":1},"appSvrData":"order 42"}"#;

const SCENARIO: &str = "
name: by-hand
match: { to_user_id: hand-* }
callee: { action: manual }
";

/// Set to 1, the test writes the page instead of comparing it.
const UPDATE: &str = "UPDATE_DOCS";

#[tokio::test]
async fn the_page_on_the_control_api_is_what_an_emulator_answers() {
    let builder = Emulator::builder()
        .scenario(SCENARIO)
        .seed(42)
        .clock("manual");
    let emulator = builder.start().await.unwrap();
    let control = Control::of(&emulator.url());
    let receiver = Receiver::start();
    let mut page = Page::new(control.clone(), emulator.url(), receiver.url.clone());

    page.say(INTRODUCTION);
    let shop = projects(&mut page, &control, receiver).await;
    a_call(&mut page, &shop).await;
    clock(&mut page, &shop).await;
    arm(&mut page).await;
    calls(&mut page, &shop).await;
    looking_back(&mut page, &shop).await;
    scenarios(&mut page).await;
    following(&mut page, &shop).await;
    the_rest(&mut page).await;

    let written = page.text();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/control-api.md");
    if std::env::var(UPDATE).is_ok_and(|value| value == "1") {
        std::fs::write(&path, &written).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let different = written
        .lines()
        .zip(committed.lines())
        .find(|(new, old)| new != old);
    assert!(
        written == committed,
        "docs/control-api.md is not what the emulator answers; `{UPDATE}=1 cargo test --test it control_docs` \
         writes it anew. The first line that differs, new and old: {different:#?}"
    );
    every_operation_is_there(&control, &written).await;
}

async fn every_operation_is_there(control: &Control, page: &str) {
    let openapi = control.read("openapi.json").await;
    for (path, operations) in openapi["paths"].as_object().unwrap() {
        for method in operations
            .as_object()
            .unwrap()
            .keys()
            .filter(|key| *key != "parameters")
        {
            let heading = format!("### `{} {path}`\n", method.to_uppercase());
            assert!(
                page.contains(&heading),
                "docs/control-api.md lacks {heading}"
            );
        }
    }
}

const INTRODUCTION: &str = "
# The control API

<!-- Written by tests/it/control_docs.rs from what a live emulator answers. Change the text there, and run
UPDATE_DOCS=1 cargo test --test it control_docs -->

Everything that a test wants to know of the emulator, or do to it, goes over HTTP under `/_emulator/`: any language will
do. Bodies and answers are JSON. Every exchange on this page took place: a test repeats them all and compares. Long
answers are cut, which `…` shows.

Three things to know:

* **Projects.** A project is what one API key stands for: callback URLs, calls, time. Without configuration there is
  one, `default`, which accepts any credentials. A test suite that runs in parallel gives each test a project of its own,
  see [parallel-tests.md](parallel-tests.md).
* **Time.** With a manual clock nothing happens by itself; an *advance* lets time pass at once, and is answered when all
  that came due is over. See [testing-without-sleeping.md](testing-without-sleeping.md).
* **Refusals** say what is wrong and what to do: `{\"error\": {\"code\": …, \"message\": …, \"hint\": …}}`. The code is for
  programs. An unknown key is an error that names the nearest known one.

If `control.token` is set, everything but health and inbox asks for `-H 'Authorization: Bearer …'`. Times are on the
project's clock; what ends in `_ms` is in milliseconds. `/_emulator/openapi.json` describes all of this for
generators of clients.

## Health
";

async fn projects(page: &mut Page, control: &Control, receiver: Receiver) -> TestProject {
    page.operation(
        "GET /_emulator/health",
        "Is it up, and what is in it? It answers as soon as calls can be made.",
    );
    page.show(get("health").fix("scenarios.loaded_at", NINE))
        .await;

    page.say("## Projects");
    page.operation(
        "POST /_emulator/projects",
        "Creates a project. Whatever is left out is made up (name, service ID, API key, secret) or as in the emulator's \
         settings (clock, seed). The secret is shown this once. `audio_sources` and `rate_limit` can be given as well.",
    );
    let body = r#"{"name": "shop", "service_id": "shop-eval", "callbacks": {"notify": "http://127.0.0.1:3000/planet/notify", "agent_call_status": "http://127.0.0.1:3000/planet/agent_call_status", "call_event": "http://127.0.0.1:3000/planet/call_event"}, "clock": "manual"}"#;
    let create = post("projects", body).answers(201).fix("clock.now", NINE);
    let created: Value = serde_json::from_str(&page.show(create).await).unwrap();
    let text = |key: &str| created[key].as_str().unwrap().to_owned();
    let shop = TestProject {
        control: control.clone(),
        name: text("name"),
        service_id: text("service_id"),
        api_key: text("api_key"),
        api_secret: text("api_secret"),
        receiver,
    };
    page.set_time(whole_second(&shop).await);
    page.say("A name or an API key that is taken is refused:");
    page.show(post("projects", r#"{"name": "shop"}"#).answers(409))
        .await;

    page.operation(
        "GET /_emulator/projects",
        "Lists the projects, without secrets.",
    );
    let list = get("projects")
        .fix("projects.0.clock.now", NINE)
        .cut("projects", 1);
    page.show(list).await;
    page.operation("GET /_emulator/projects/{project}", "Shows one.");
    page.show(get("projects/shop")).await;
    page.say("A name that is not known:");
    page.show(get("projects/shpo").answers(404)).await;

    page.operation(
        "PUT /_emulator/projects/{project}",
        "Replaces a project: other settings, and nothing in it. Only who it is stays: name, service ID and credentials, \
         unless others are given. What is left out of the body is as if the project were created.",
    );
    crate::control::ok(
        control
            .post(
                "projects",
                json!({ "name": "scratch", "api_key": "scratch-key" }),
            )
            .await,
    );
    page.show(
        put("projects/scratch", r#"{"clock": "20x", "seed": 7}"#)
            .fix("clock.now", NINE)
            .cut("callbacks", 1),
    )
    .await;

    page.operation(
        "DELETE /_emulator/projects/{project}",
        "Deletes a project with everything in it. Callbacks on their way are waited for; nothing comes after the answer.",
    );
    page.show(delete("projects/scratch").answers(204)).await;

    page.operation(
        "POST /_emulator/projects/{project}/reset",
        "Begins a project anew: cancels what is to come, waits for callbacks on their way, and empties the journal, all \
         counters and arms. It is a barrier: **nothing of before arrives after the answer.** Settings and time stay. With \
         a seed, the session IDs begin anew too.",
    );
    page.show(post("projects/shop/reset", "").answers(204))
        .await;
    shop
}

const NINE: &str = "2026-11-23T09:00:00.000Z";

/// Moves the time of the project to a whole second, so that seconds on the wire are always cut alike.
async fn whole_second(shop: &TestProject) -> Timestamp {
    let now = |clock: &Value| clock["now"].as_str().unwrap().parse::<Timestamp>().unwrap();
    let begun = now(&shop.control.read("projects/shop/clock").await);
    let missing = 1_000 - begun.subsec_millisecond();
    now(&shop.advance(json!({ "by": format!("{missing}ms") })).await)
}

/// Makes a call as an app server does.
async fn call(shop: &TestProject, callee: &str) -> (String, String) {
    let response = shop.request(callee).body(BODY).send().await.unwrap();
    let answer = response.text().await.unwrap();
    let sid = answer
        .split('"')
        .find(|text| text.len() == 36)
        .unwrap()
        .to_owned();
    (sid, answer)
}

async fn a_call(page: &mut Page, shop: &TestProject) {
    page.say("## A call");
    page.operation(
        "POST /tas/v2/agt_call/audio_caller/{to-serviceId}/{to-userId}",
        "The emulated endpoint itself, *Make Agent 1-to-1 Call*, is not part of the control API: this is what the app \
         server does. The rest of the page looks at this call and a few like it.",
    );
    let (_, answer) = call(shop, "emu-no-answer").await;
    page.show_text(&api_curl(shop, "emu-no-answer"), "json", &answer);
    // Lets the call get to where it waits for its time.
    shop.advance(json!({ "by": "0s" })).await;
}

async fn clock(page: &mut Page, shop: &TestProject) {
    page.say("## Time");
    page.operation(
        "GET /_emulator/projects/{project}/clock",
        "Shows the time of a project, and when the next thing happens by itself.",
    );
    page.show(get("projects/shop/clock")).await;
    page.operation(
        "PUT /_emulator/projects/{project}/clock",
        "Lets time pass otherwise: `real`, `manual`, or a speed such as `20x`. Calls go on; every remaining delay is kept.",
    );
    page.show(put("projects/shop/clock", r#"{"mode": "manual"}"#))
        .await;
    page.operation(
        "POST /_emulator/projects/{project}/clock/advance",
        "Moves a manual clock: `by` a span, `to` the `next` moment at which something is due, or `until` the project is \
         `idle`. All that comes due happens in its order, calls that are due together in the order in which they were \
         accepted. The app server's answers are waited for. Once this is answered, **all that came due is over**: assert \
         right away.\n\nThe call above rings for a minute:",
    );
    page.show(post("projects/shop/clock/advance", r#"{"by": "59s"}"#))
        .await;
    page.say("The rest of the minute, and the end:");
    page.show(post("projects/shop/clock/advance", r#"{"until": "idle"}"#))
        .await;
    page.say(
        "A callback that fails is listed as well, with `\"outcome\": \"failed\"` and its status or error. A clock that \
         moves by itself is not moved:",
    );
    let real = json!({ "mode": "real" });
    crate::control::ok(shop.control.put("projects/default/clock", real).await);
    let advance = post("projects/default/clock/advance", r#"{"by": "60s"}"#);
    page.show(advance.answers(409)).await;
}

fn api_curl(shop: &TestProject, callee: &str) -> String {
    let (key, secret) = (&shop.api_key, &shop.api_secret);
    format!(
        "curl -sS -u {key}:{secret} -H 'Accept: application/json' -H 'Content-Type: application/json' -d '{BODY}' \
         http://127.0.0.1:7526/tas/v2/agt_call/audio_caller/shop-eval/{callee}"
    )
}

async fn arm(page: &mut Page) {
    page.say("## What happens in a call");
    page.operation(
        "POST /_emulator/projects/{project}/arm",
        "Lets the next calls take a scenario, before the header `X-Planet-Emulator-Scenario`, before `match` and the \
         default. `match` takes the conditions of [scenarios](scenarios.md), and is for all calls if left out; `times` is \
         1 if left out.",
    );
    let body = r#"{"scenario": "callee-busy", "match": {"to_user_id": "alice"}, "times": 2}"#;
    page.show(post("projects/shop/arm", body)).await;
}

async fn calls(page: &mut Page, shop: &TestProject) {
    page.say("## Calls");
    page.operation(
        "GET /_emulator/calls",
        "Lists calls in the order in which they were accepted. Filters: `project`, `state`, `settled`, `scenario`, \
         `chosen_by`, `to_user_id`, `to_service_id`, `from_user_id`, `from_service_id`, `app_svr_data`. At most `limit` \
         (100) at a time; `next_cursor` is the `cursor` of the next page, null on the last one.",
    );
    let list = get("calls?project=shop&state=ended&limit=20").cut("calls.0", 6);
    page.show(list).await;

    let (sid, _) = call(shop, "emu-declines").await;
    shop.until_idle().await;
    page.operation(
        "GET /_emulator/calls/{sid}",
        "Shows everything about one call: why it took its scenario, its states, each callback with every attempt, how it \
         ended, and remarks on the app server's behaviour.",
    );
    let record = get(&format!("calls/{sid}"))
        .cut("request", 1)
        .cut("deliveries.0.parameters", 2);
    page.show(
        record
            .cut("deliveries.2.parameters", 2)
            .cut("deliveries", 3),
    )
    .await;

    page.operation(
        "GET /_emulator/calls/{sid}/wait",
        "Waits until something has happened, and answers with the record: `for` is a state (`accepted`, `notified`, \
         `ringing`, `preparing`, `talking`, `ended`, `failed`), a callback (`notify`, `agent_call_status`, `call_event`: \
         its first delivery is over, however it went) or `settled`, which is usual: nothing more will be sent. `timeout` is \
         10s if left out, in real time. 408, with the record as it stands, if it takes longer or can no longer come.",
    );
    page.show(get(&format!("calls/{sid}/wait?for=call_event&timeout=10s")).cut("", 6))
        .await;
    page.show(
        get(&format!("calls/{sid}/wait?for=talking&timeout=10s"))
            .answers(408)
            .cut("", 6),
    )
    .await;

    page.operation(
        "POST /_emulator/calls/{sid}/callee",
        "Acts on the callee's phone: `answer` or `decline` while it rings, `hang_up` once it is answered; with the last \
         two, `user_rel_code` is the application's own text. It works in every scenario; with `callee: { action: manual }` \
         the phone rings until somebody acts. The answer is the record, in the state that follows.",
    );
    let (by_hand, _) = call(shop, "hand-1").await;
    let callee = format!("calls/{by_hand}/callee");
    page.say("If it cannot be done now, the refusal names the state:");
    page.show(post(&callee, r#"{"action": "answer"}"#).answers(409))
        .await;
    shop.advance(json!({ "by": "5s" })).await;
    page.say("Five seconds later:");
    page.show(post(&callee, r#"{"action": "answer"}"#).cut("", 6))
        .await;
    let hang_up = r#"{"action": "hang_up", "user_rel_code": "changed my mind"}"#;
    page.show(post(&callee, hang_up).cut("", 6)).await;
    shop.until_idle().await;

    page.operation(
        "POST /_emulator/calls/{sid}/deliveries/{n}/replay",
        "Sends a callback once more, at once and to the letter, also of a call that is over. It is answered when the app \
         server has answered; the record has a new delivery.",
    );
    let replay = post(&format!("calls/{sid}/deliveries/3/replay"), "");
    let replay = replay
        .cut("request", 0)
        .cut("states", 0)
        .cut("deliveries.3.parameters", 1);
    page.show(replay.cut("", 11).keep("deliveries", 3)).await;
}

async fn looking_back(page: &mut Page, shop: &TestProject) {
    page.say("## Looking back, and ahead");
    page.operation(
        "GET /_emulator/requests",
        "Lists every request to the emulated API, the refused ones with all violations. Filters: `project`, `status`; \
         `limit` and `cursor` as with calls.",
    );
    let broken = BODY
        .replace(r#""playCount":1"#, r#""playCount":9"#)
        .replace("5498f04048fa", "nonsense");
    let refused = shop.request("alice").body(broken).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    page.show(get("requests?project=shop&status=400")).await;

    page.operation(
        "POST /_emulator/verify",
        "Checks what should have happened. `match` is as in scenarios; `count` takes `exactly`, `at_least`, `at_most` \
         (if left out, one call at least); `delivered` lists callbacks that must have arrived in each call that counts. \
         With `never` there must be none. With `within`, in real time, it is waited for.",
    );
    let declined = r#"{"project": "shop", "match": {"to_user_id": "emu-declines"}, "count": {"exactly": 1}, "delivered": ["call_event"]}"#;
    page.show(post("verify", declined)).await;
    page.say("If it is not so, the calls that come closest show what differs:");
    let wrong = r#"{"project": "shop", "match": {"to_user_id": "emu-declines", "app_svr_data": "order 43"}}"#;
    page.show(post("verify", wrong).answers(409).cut("error.closest", 1))
        .await;

    page.operation(
        "POST /_emulator/explain",
        "Says what a request would bring about: the scenario, why this one and why no other, and what would happen when. \
         Nothing happens and nothing is counted.",
    );
    let body = format!(
        r#"{{"project": "shop", "to_service_id": "shop-eval", "to_user_id": "emu-declines", "body": {BODY}}}"#
    );
    page.show(post("explain", &body).cut("passed_over", 2))
        .await;
}

async fn scenarios(page: &mut Page) {
    page.say("## Scenarios");
    page.operation(
        "GET /_emulator/scenarios",
        "Lists the scenarios in force. Those that were put win over those of files, and these over those built in.",
    );
    page.show(get("scenarios").cut("scenarios", 1)).await;
    page.operation(
        "PUT /_emulator/scenarios/{name}",
        "Adds or replaces a scenario. The body is its YAML, as in [scenarios.md](scenarios.md).",
    );
    let declines =
        "name: alice-declines\nmatch: { to_user_id: alice }\ncallee: { action: decline }";
    page.show(put("scenarios/alice-declines", declines).answers(201))
        .await;
    page.say("Faults are told with their places, and what was in force stays in force:");
    let faulty = declines.replace("callee", "calle");
    page.show(put("scenarios/alice-declines", &faulty).answers(422))
        .await;
    page.operation(
        "GET /_emulator/scenarios/{name}",
        "Shows one, with its YAML.",
    );
    page.show(get("scenarios/alice-declines")).await;
    page.operation(
        "DELETE /_emulator/scenarios/{name}",
        "Takes back one that was put. Those of files and those built in cannot be deleted.",
    );
    page.show(delete("scenarios/alice-declines").answers(204))
        .await;
}

async fn following(page: &mut Page, shop: &TestProject) {
    page.say("## Following");
    page.operation(
        "GET /_emulator/events",
        "Tells what happens while it happens, as server-sent events. `project` leaves other projects out. Events are \
         numbered: `since=N`, or the header `Last-Event-ID` that browsers send, goes on after event N, and `since=0` \
         begins with the oldest one held. A reader that is too slow is told how many events it missed: `event: missed`.",
    );
    shop.reset().await;
    let path = "events?project=shop";
    let response = shop.control.request(Method::GET, path).send();
    let mut response = response.await.unwrap();
    let mut told = String::new();
    let mut made = false;
    while !told.contains("event: settled") {
        let chunk = in_time("an event should come", response.chunk()).await;
        told += str::from_utf8(&chunk.unwrap().unwrap()).unwrap();
        // Once the stream has begun.
        if !std::mem::replace(&mut made, true) {
            call(shop, "emu-invalid-peer-id").await;
            shop.until_idle().await;
        }
    }
    let command = format!("curl -sSN 'http://127.0.0.1:7526/_emulator/{path}'");
    page.show_text(&command, "text", &told);

    page.operation(
        "GET /_emulator/metrics",
        "Counts and histograms in the text format of Prometheus, over all projects since the start. Some lines of it:",
    );
    let lines = &[
        "planet_emulator_calls",
        "planet_emulator_deliveries",
        "planet_emulator_live",
        "planet_emulator_requests",
    ];
    let text = shop.control.read("metrics").await;
    let mut shown: Vec<_> = text.as_str().unwrap().lines().collect();
    shown.retain(|line| lines.iter().any(|beginning| line.starts_with(beginning)));
    // Their order within a family is not fixed.
    shown.sort_unstable();
    page.show_text(
        "curl -sS http://127.0.0.1:7526/_emulator/metrics",
        "text",
        &shown.join("\n"),
    );
}

async fn the_rest(page: &mut Page) {
    page.say("## The rest");
    page.operation(
        "GET /_emulator/inbox/{callback}",
        "Takes a callback for which no URL is configured, in an emulator without configured projects: so a first call \
         shows its whole sequence in the log. Not meant to be called by hand.",
    );
    page.show(get("inbox/notify?sid=0f8fad5b-d9cb-469f-a165-70867728950e"))
        .await;
    page.operation(
        "GET /_emulator/openapi.json",
        "Describes the control API and the emulated endpoint as OpenAPI 3.1, with all schemas.",
    );
    page.show(get("openapi.json").cut("components", 0).cut("paths", 0))
        .await;
}
