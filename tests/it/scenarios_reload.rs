//! Scenarios that change while the emulator runs: by their files, and through the control API.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::Folder;
use crate::helpers::{TestBed, answer_of};

/// Far beyond the second in which a change is to be taken up; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

const DECLINES: &str = "name: alice\nmatch: { to_user_id: alice }\ncallee: { action: decline }\n";
const FAULTY: &str = "name: alice\nmatch: { to_user_id: alice }\ncalle: { action: busy }\n";

/// An emulator that reads the scenarios of a folder.
async fn started(folder: &Folder) -> TestBed {
    let path = json!(folder.path("."));
    TestBed::start(|builder| {
        builder
            .config(format!("scenarios: [{path}]"))
            .clock("1000x")
    })
    .await
}

async fn scenarios(bed: &TestBed, method: &str, path: &str, body: &str) -> (u16, Value) {
    let url = format!("{}/_emulator/{path}", bed.emulator.url());
    let method = method.parse().unwrap();
    answer_of(bed.client.request(method, url).body(body.to_owned())).await
}

/// What health tells of the scenarios, once it is as `wanted`.
#[expect(
    clippy::disallowed_methods,
    reason = "bounds a failing test, not the emulation"
)]
async fn health(bed: &TestBed, wanted: impl Fn(&Value) -> bool) -> Value {
    let asked = async {
        loop {
            let told = scenarios(bed, "GET", "health", "").await.1["scenarios"].take();
            if wanted(&told) {
                return told;
            }
        }
    };
    tokio::time::timeout(PATIENCE, asked)
        .await
        .expect("health should tell")
}

fn count(told: &Value) -> u64 {
    told["count"].as_u64().unwrap()
}

fn is_faulty(told: &Value) -> bool {
    told["faults"] != json!([])
}

async fn scenario_of_a_call(bed: &TestBed) -> String {
    let sid = bed.accepted("alice").await;
    bed.settled(&sid).await["scenario"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn an_added_a_changed_and_a_removed_file_are_taken_up() {
    let folder = Folder::new();
    let bed = started(&folder).await;
    let before = health(&bed, |_| true).await;
    assert_eq!(scenario_of_a_call(&bed).await, "answered");

    fs::write(folder.path("alice.yaml"), DECLINES).unwrap();
    let added = health(&bed, |told| count(told) == count(&before) + 1).await;
    assert!(
        added["loaded_at"].as_str() > before["loaded_at"].as_str(),
        "{added}"
    );
    assert_eq!(scenario_of_a_call(&bed).await, "alice");

    fs::write(folder.path("alice.yaml"), DECLINES.replace("alice", "bob")).unwrap();
    health(&bed, |told| told["loaded_at"] != added["loaded_at"]).await;
    assert_eq!(scenario_of_a_call(&bed).await, "answered");

    fs::remove_file(folder.path("alice.yaml")).unwrap();
    health(&bed, |told| count(told) == count(&before)).await;
}

#[tokio::test]
async fn faulty_files_are_refused_as_a_whole_until_they_are_in_order() {
    let folder = Folder::new().with("alice.yaml", DECLINES);
    let bed = started(&folder).await;
    let before = health(&bed, |_| true).await;

    fs::write(folder.path("bob.yaml"), "name: bob\n").unwrap();
    fs::write(folder.path("alice.yaml"), FAULTY).unwrap();
    let refused = health(&bed, is_faulty).await;
    let fault = &refused["faults"][0];
    assert!(
        fault["file"].as_str().unwrap().ends_with("alice.yaml"),
        "{fault}"
    );
    assert_eq!((&fault["line"], &fault["column"]), (&json!(3), &json!(1)));
    assert_eq!(fault["message"], "unknown key `calle`");
    assert_eq!(fault["hint"], "did you mean `callee`?");
    assert_eq!(scenario_of_a_call(&bed).await, "alice");

    // What is put meanwhile is taken up, though the files are not.
    let (status, _) = scenarios(&bed, "PUT", "scenarios/carol", "name: carol").await;
    assert_eq!(status, 201);
    assert!(is_faulty(&health(&bed, |_| true).await));

    fs::write(folder.path("alice.yaml"), DECLINES).unwrap();
    let repaired = health(&bed, |told| !is_faulty(told)).await;
    assert_eq!(count(&repaired), count(&before) + 2);
}

#[tokio::test]
async fn a_scenario_that_is_put_wins_until_it_is_deleted() {
    let folder = Folder::new().with("alice.yaml", DECLINES);
    let bed = started(&folder).await;
    let busy = "name: alice\nmatch: { to_user_id: alice }\ncallee: { action: busy }\n";

    let (status, put) = scenarios(&bed, "PUT", "scenarios/alice", busy).await;
    assert_eq!((status, &put["origin"]), (201, &json!("put")), "{put}");
    let (status, _) = scenarios(&bed, "PUT", "scenarios/alice", busy).await;
    assert_eq!(status, 200);
    let sid = bed.accepted("alice").await;
    assert_eq!(bed.settled(&sid).await["end"]["reason"], "BUSY");

    let (status, _) = scenarios(&bed, "DELETE", "scenarios/alice", "").await;
    assert_eq!(status, 204);
    let (_, read) = scenarios(&bed, "GET", "scenarios/alice", "").await;
    assert_eq!(read["origin"], "file");
    assert_eq!(read["yaml"], DECLINES.trim_end());
    assert_eq!(read["match"], json!({ "to_user_id": ["alice"] }));
    let (status, refused) = scenarios(&bed, "DELETE", "scenarios/alice", "").await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (409, &json!("not_put"))
    );
}

#[tokio::test]
async fn a_faulty_text_is_refused_with_the_place_of_each_fault() {
    let bed = started(&Folder::new()).await;
    let text = "name: alice\ncalle: {}\nnotify: { after: soon }\n";
    let (status, refused) = scenarios(&bed, "PUT", "scenarios/alice", text).await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (422, &json!("invalid_scenario"))
    );
    let faults = refused["error"]["faults"].as_array().unwrap();
    let places: Vec<_> = faults
        .iter()
        .map(|fault| {
            (
                fault["line"].as_u64().unwrap(),
                fault["path"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(places, [(2, "calle"), (3, "notify.after")]);
    let (status, _) = scenarios(&bed, "GET", "scenarios/alice", "").await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn all_scenarios_are_listed_by_name_with_their_origin() {
    let folder = Folder::new().with(
        "two.yaml",
        "name: b-two\n---\n# the third\nname: a-three\npriority: 2\n",
    );
    let bed = started(&folder).await;
    let (_, list) = scenarios(&bed, "GET", "scenarios", "").await;
    let listed = list["scenarios"].as_array().unwrap();
    let names: Vec<_> = listed
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert!(names.is_sorted(), "{names:?}");
    assert_eq!(listed[0]["priority"], 2);
    let (_, third) = scenarios(&bed, "GET", "scenarios/a-three", "").await;
    assert_eq!(third["yaml"], "name: a-three\npriority: 2");
    let (_, second) = scenarios(&bed, "GET", "scenarios/b-two", "").await;
    assert_eq!(second["yaml"], "name: b-two");
    let (_, built_in) = scenarios(&bed, "GET", "scenarios/callee-declines", "").await;
    assert_eq!(built_in["origin"], "built_in");
}
