//! What happens, told while it happens.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::control::{Control, TestProject, manual};
use crate::helpers::{Receiver, in_time};

/// One server-sent event.
#[derive(Debug, PartialEq)]
struct Sent {
    id: Option<u64>,
    event: String,
    data: Value,
}

/// Somebody who follows the events.
struct Reader {
    response: reqwest::Response,
    /// What came and was not read yet.
    text: String,
}

impl Reader {
    async fn of(control: &Control, query: &str, last_event_id: Option<&str>) -> Self {
        let mut request = control.request(Method::GET, &format!("events?{query}"));
        if let Some(id) = last_event_id {
            request = request.header("Last-Event-ID", id);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut reader = Self {
            response,
            text: String::new(),
        };
        assert_eq!(reader.block().await, ": listening");
        reader
    }

    /// What stands before the next empty line.
    async fn block(&mut self) -> String {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return block;
            }
            let chunk = in_time("an event should come", self.response.chunk()).await;
            self.text += str::from_utf8(&chunk.unwrap().unwrap()).unwrap();
        }
    }

    async fn next(&mut self) -> Sent {
        let block = self.block().await;
        let field = |name: &str| {
            let mut lines = block.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        };
        Sent {
            id: field("id").map(|id| id.parse().unwrap()),
            event: field("event").unwrap().to_owned(),
            data: serde_json::from_str(field("data").unwrap()).unwrap(),
        }
    }

    /// Everything up to the end of this call.
    async fn until_settled(&mut self, sid: &str) -> Vec<Sent> {
        let mut sent = Vec::new();
        loop {
            sent.push(self.next().await);
            let last = &sent.last().unwrap();
            if last.event == "settled" && last.data["sid"] == sid {
                return sent;
            }
        }
    }
}

#[tokio::test]
async fn a_call_is_told_from_its_beginning_to_its_end_by_number() {
    let (_emulator, shop) = manual("").await;
    let mut reader = Reader::of(&shop.control, "since=0", None).await;
    let sid = shop.accepted("emu-declines").await;
    shop.until_idle().await;

    let sent = reader.until_settled(&sid).await;

    for (event, n) in sent.iter().zip(1..) {
        assert_eq!((event.id, &event.data["n"]), (Some(n), &json!(n)));
        assert_eq!(event.data["type"], event.event);
    }
    // The open project, and this one.
    let (created, of_shop) = sent.split_at(2);
    for (event, project) in created.iter().zip(["default", &shop.name]) {
        assert_eq!(
            (&event.data["change"], &event.data["project"]),
            (&json!("created"), &json!(project))
        );
    }
    let told: Vec<_> = of_shop
        .iter()
        .map(|event| match &*event.event {
            "call" => event.data["state"].as_str().unwrap().to_owned(),
            "delivery" => {
                format!("{} {}", event.data["callback"], event.data["outcome"]).replace('"', "")
            }
            other => other.to_owned(),
        })
        .collect();
    assert_eq!(
        told,
        [
            "accepted",
            "notify pending",
            "notify delivered",
            "notified",
            "ringing",
            "agent_call_status pending",
            "agent_call_status delivered",
            "ended",
            "call_event pending",
            "call_event delivered",
            "settled",
        ]
    );
    for event in of_shop {
        assert_eq!(
            (&event.data["project"], &event.data["sid"]),
            (&json!(shop.name), &json!(sid))
        );
    }
}

#[tokio::test]
async fn a_reader_of_now_is_told_what_comes_and_one_who_comes_back_goes_on() {
    let (_emulator, shop) = manual("").await;
    let first = shop.accepted("emu-declines").await;
    shop.until_idle().await;
    let mut reader = Reader::of(&shop.control, "", None).await;
    let second = shop.accepted("emu-declines").await;
    shop.until_idle().await;
    let new = reader.until_settled(&second).await;
    assert!(
        new.iter().all(|event| event.data["sid"] == second),
        "{new:#?}"
    );

    let whole = Reader::of(&shop.control, "since=0", None)
        .await
        .until_settled(&second)
        .await;
    let (seen, unseen) = whole.split_at(5);
    let last = seen.last().unwrap().id.unwrap();
    let mut by_query = Reader::of(&shop.control, &format!("since={last}"), None).await;
    assert_eq!(by_query.until_settled(&second).await, unseen);
    let mut by_header = Reader::of(&shop.control, "", Some(&last.to_string())).await;
    assert_eq!(by_header.until_settled(&second).await, unseen);
    assert!(unseen.iter().any(|event| event.data["sid"] == first));
}

#[tokio::test]
async fn a_reader_of_one_project_is_not_told_of_others() {
    let (_emulator, shop) = manual("").await;
    let settings = json!({ "clock": "manual" });
    let other = TestProject::create(&shop.control, Receiver::start(), settings).await;
    let mut reader = Reader::of(
        &shop.control,
        &format!("since=0&project={}", shop.name),
        None,
    )
    .await;
    other.accepted("emu-declines").await;
    other.until_idle().await;
    let sid = shop.accepted("emu-declines").await;
    shop.until_idle().await;

    let sent = reader.until_settled(&sid).await;

    assert!(
        sent.iter().all(|event| event.data["project"] == *shop.name),
        "{sent:#?}"
    );
    // Numbers are those of all projects, so that a reader can go on without the filter.
    let last = sent.last().unwrap().id.unwrap();
    assert!(last > u64::try_from(sent.len()).unwrap());
}

#[tokio::test]
async fn refusals_and_changes_of_a_project_are_told() {
    let (_emulator, shop) = manual("").await;
    let mut reader = Reader::of(&shop.control, "", None).await;
    shop.call("emu-http-429").await;
    shop.reset().await;
    shop.control
        .delete(&format!("projects/{}", shop.name))
        .await;
    let refused = reader.next().await;
    assert_eq!(
        (&*refused.event, &refused.data["status"]),
        ("refused", &json!(429))
    );
    for change in ["reset", "deleted"] {
        let event = reader.next().await;
        assert_eq!(
            (&*event.event, &event.data["change"]),
            ("project", &json!(change))
        );
    }
}

#[tokio::test]
async fn a_reader_who_lags_is_told_how_much_it_missed() {
    const HELD: u64 = 10_000;
    let (_emulator, shop) = manual("").await;
    // The cheapest thing that is told: a request that nothing answers.
    let url = shop.request("alice").build().unwrap().url().to_string();
    let url = url.replace("audio_caller", "video_caller");
    let client = crate::helpers::client();
    let batches = (HELD + 20).div_ceil(64);
    for _ in 0..batches {
        let answers = join_all((0..64).map(|_| client.get(&url).send())).await;
        assert!(
            answers
                .into_iter()
                .all(|answer| answer.unwrap().status() == 404)
        );
    }
    // And the creation of two projects.
    let told = batches * 64 + 2;

    let mut reader = Reader::of(&shop.control, "since=3", None).await;

    let missed = reader.next().await;
    assert_eq!((&*missed.event, missed.id), ("missed", None));
    assert_eq!(missed.data, json!({ "missed": told - HELD - 3 }));
    for n in told - HELD + 1..=told {
        assert_eq!(reader.next().await.id, Some(n));
    }
}
