//! The control API, and a project of one's own, as a client in any language has them.

use std::time::Duration;

use planet_emulator::Emulator;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::helpers::{Receiver, answer_of, client, path, sound_body};

/// Far beyond what any request here takes; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The control API of an emulator.
#[derive(Clone)]
pub(crate) struct Control {
    url: String,
    client: reqwest::Client,
}

impl Control {
    /// `url` is the emulator's own.
    pub(crate) fn of(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            client: client(),
        }
    }

    /// A request to a path below `/_emulator/`.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.outside(method, &format!("/_emulator/{path}"))
    }

    /// A request to any path of the emulator.
    fn outside(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url));
        request.timeout(PATIENCE)
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        answer_of(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        answer_of(self.request(Method::POST, path).body(body.to_string())).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> (u16, Value) {
        answer_of(self.request(Method::PUT, path).body(body.to_string())).await
    }

    pub(crate) async fn delete(&self, path: &str) -> (u16, Value) {
        answer_of(self.request(Method::DELETE, path)).await
    }

    /// What is there.
    pub(crate) async fn read(&self, path: &str) -> Value {
        ok(self.get(path).await)
    }
}

/// The body of an answer that is a success.
pub(crate) fn ok((status, body): (u16, Value)) -> Value {
    assert!((200..300).contains(&status), "{status}: {body:#}");
    body
}

/// The explanation of an answer that is this refusal.
pub(crate) fn refused(status: u16, code: &str, answer: (u16, Value)) -> Value {
    let (found, mut body) = answer;
    assert_eq!(
        (found, body["error"]["code"].as_str()),
        (status, Some(code)),
        "{body:#}"
    );
    body["error"].take()
}

/// A project with a receiver of its own; strict, since that is what every created project is.
pub(crate) struct TestProject {
    pub control: Control,
    pub name: String,
    pub service_id: String,
    pub api_key: String,
    pub api_secret: String,
    pub receiver: Receiver,
}

impl TestProject {
    /// Creates a project whose callbacks go to `receiver`.
    pub(crate) async fn create(control: &Control, receiver: Receiver, mut settings: Value) -> Self {
        let url = |callback: &str| format!("{}/planet/{callback}", receiver.url);
        settings["callbacks"] = json!({
            "notify": url("notify"),
            "agent_call_status": url("agent_call_status"),
            "call_event": url("call_event"),
        });
        let created = ok(control.post("projects", settings).await);
        let text = |key: &str| created[key].as_str().unwrap().to_owned();
        Self {
            control: control.clone(),
            name: text("name"),
            service_id: text("service_id"),
            api_key: text("api_key"),
            api_secret: text("api_secret"),
            receiver,
        }
    }

    /// A path of this project in the control API.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("projects/{}/{rest}", self.name)
    }

    /// A body that breaks no rule, and is played in 1 s + 1 x 3 s.
    pub(crate) fn body(&self) -> Value {
        let mut body = sound_body();
        body["requestContext"]["serviceId"] = json!(self.service_id);
        body
    }

    /// A request with sound headers and no body yet.
    pub(crate) fn request(&self, to_user_id: &str) -> RequestBuilder {
        self.control
            .outside(Method::POST, &path(&self.service_id, to_user_id))
            .basic_auth(&self.api_key, Some(&self.api_secret))
            .header("Accept", "application/json")
            .header("Content-Type", "application/json")
    }

    pub(crate) async fn call(&self, to_user_id: &str) -> (u16, Value) {
        let request = self.request(to_user_id);
        answer_of(request.body(self.body().to_string())).await
    }

    /// Makes a call that is accepted; gives back its session ID.
    pub(crate) async fn accepted(&self, to_user_id: &str) -> String {
        sid(self.call(to_user_id).await)
    }

    /// The same with a scenario of this name.
    pub(crate) async fn plays(&self, scenario: &str, to_user_id: &str) -> String {
        let request = self.request(to_user_id).body(self.body().to_string());
        let request = request.header("X-Planet-Emulator-Scenario", scenario);
        sid(answer_of(request).await)
    }

    pub(crate) async fn advance(&self, how: Value) -> Value {
        ok(self.control.post(&self.path("clock/advance"), how).await)
    }

    pub(crate) async fn until_idle(&self) -> Value {
        self.advance(json!({ "until": "idle" })).await
    }

    pub(crate) async fn reset(&self) {
        assert_eq!(
            self.control.post(&self.path("reset"), json!({})).await.0,
            204
        );
    }

    /// Everything about a call.
    pub(crate) async fn record(&self, sid: &str) -> Value {
        self.control.read(&format!("calls/{sid}")).await
    }

    /// The same once this state or delivery has come.
    pub(crate) async fn reached(&self, sid: &str, event: &str) -> Value {
        let path = format!("calls/{sid}/wait?for={event}&timeout=25s");
        self.control.read(&path).await
    }

    /// The names of the callbacks that arrived and were not taken yet.
    pub(crate) fn arrived(&mut self) -> Vec<String> {
        let rest = self.receiver.rest().into_iter();
        rest.map(|received| received.callback).collect()
    }
}

/// The session ID in the answer to a call that was accepted.
pub(crate) fn sid(answer: (u16, Value)) -> String {
    ok(answer)["data"]["sid"].as_str().unwrap().to_owned()
}

/// An emulator that knows these scenarios as well, and a project of it with a manual clock.
pub(crate) async fn manual(scenarios: &str) -> (Emulator, TestProject) {
    with_project(scenarios, json!({ "clock": "manual" })).await
}

/// An emulator that knows these scenarios as well, and a project of it.
pub(crate) async fn with_project(scenarios: &str, settings: Value) -> (Emulator, TestProject) {
    let builder = Emulator::builder().scenario(scenarios);
    let emulator = builder.start().await.unwrap();
    let control = Control::of(&emulator.url());
    let project = TestProject::create(&control, Receiver::start(), settings).await;
    (emulator, project)
}
