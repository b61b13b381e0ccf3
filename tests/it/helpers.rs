//! An emulator and a receiver for its callbacks, each on a port of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, ready};
use planet_emulator::{Emulator, EmulatorBuilder};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// A scenario of `callee-*`: declined, without any delay.
pub(crate) const AT_ONCE: &str = "
name: at-once
match: { to_user_id: callee-* }
notify: { after: 0ms }
agent_call_status: { after: 0ms }
callee: { action: decline, after: 0ms }
call_event: { after: 0ms }
";

/// Far beyond what anything here takes; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for what should come at once; fails with `what` otherwise.
#[expect(
    clippy::disallowed_methods,
    reason = "bounds a failing test, not the emulation"
)]
pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    let result = tokio::time::timeout(PATIENCE, future).await;
    result.unwrap_or_else(|_| panic!("{what}"))
}

/// A callback as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// The last segment of the path.
    pub callback: String,
    /// Everything after `?`, as it came.
    pub query: String,
    pub headers: BTreeMap<String, String>,
}

impl Received {
    /// The parameters, decoded.
    pub(crate) fn parameters(&self) -> BTreeMap<String, String> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .into_owned()
            .collect()
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        self.parameters().remove(name)
    }
}

/// What the receiver answers to a callback.
pub(crate) type Answer = Arc<dyn Fn(&Received) -> HttpResponse + Send + Sync>;

/// The same, given when the future is ready.
pub(crate) type LateAnswer =
    Arc<dyn Fn(&Received) -> LocalBoxFuture<'static, HttpResponse> + Send + Sync>;

/// A stand-in app server.
pub(crate) struct Receiver {
    pub url: String,
    received: mpsc::UnboundedReceiver<Received>,
    handle: ServerHandle,
}

impl Receiver {
    /// Answers 200 to everything.
    pub(crate) fn start() -> Self {
        Self::answering(Arc::new(|_| HttpResponse::Ok().finish()))
    }

    pub(crate) fn answering(answer: Answer) -> Self {
        Self::answering_late(Arc::new(move |received| {
            ready(answer(received)).boxed_local()
        }))
    }

    pub(crate) fn answering_late(answer: LateAnswer) -> Self {
        let (sender, received) = mpsc::unbounded_channel();
        let server = HttpServer::new(move || {
            let (sender, answer) = (sender.clone(), answer.clone());
            App::new().default_service(web::to(move |request: HttpRequest| {
                let callback = request.path().rsplit('/').next().unwrap_or_default();
                let header = |(name, value): (
                    &actix_web::http::header::HeaderName,
                    &actix_web::http::header::HeaderValue,
                )| {
                    (
                        name.to_string(),
                        value.to_str().unwrap_or_default().to_owned(),
                    )
                };
                let received = Received {
                    callback: callback.to_owned(),
                    query: request.query_string().to_owned(),
                    headers: request.headers().iter().map(header).collect(),
                };
                let response = answer(&received);
                let _ = sender.send(received);
                response
            }))
        })
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .unwrap();
        let url = format!("http://{}", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self {
            url,
            received,
            handle,
        }
    }

    /// The next callback that arrives.
    pub(crate) async fn next(&mut self) -> Received {
        let next = in_time("a callback should arrive", self.received.recv());
        next.await.unwrap()
    }

    /// Closes the port.
    pub(crate) async fn stop(self) {
        self.handle.stop(true).await;
    }

    /// What has arrived and was not taken yet.
    pub(crate) fn rest(&mut self) -> Vec<Received> {
        std::iter::from_fn(|| self.received.try_recv().ok()).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

/// An emulator and its receiver.
pub(crate) struct TestBed {
    pub emulator: Emulator,
    pub receiver: Receiver,
    pub client: reqwest::Client,
}

impl TestBed {
    pub(crate) async fn start(configure: impl FnOnce(EmulatorBuilder) -> EmulatorBuilder) -> Self {
        Self::with_receiver(Receiver::start(), configure).await
    }

    pub(crate) async fn with_receiver(
        receiver: Receiver,
        configure: impl FnOnce(EmulatorBuilder) -> EmulatorBuilder,
    ) -> Self {
        let builder = Emulator::builder().callbacks(format!("{}/planet", receiver.url));
        Self::of(receiver, configure(builder)).await
    }

    /// With an emulator that is told of the receiver nowhere but in `builder`.
    pub(crate) async fn of(receiver: Receiver, builder: EmulatorBuilder) -> Self {
        Self {
            emulator: builder.start().await.unwrap(),
            receiver,
            client: client(),
        }
    }

    /// Makes a call to this user of `shop-eval` with a sound body.
    pub(crate) async fn call(&self, to_user_id: &str) -> (u16, Value) {
        self.call_with(to_user_id, &sound_body()).await
    }

    pub(crate) async fn call_with(&self, to_user_id: &str, body: &Value) -> (u16, Value) {
        let request = self.request(to_user_id).body(body.to_string());
        answer_of(request).await
    }

    /// A request with sound headers and no body yet.
    pub(crate) fn request(&self, to_user_id: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{}", self.emulator.url(), path("shop-eval", to_user_id));
        self.client
            .post(url)
            .basic_auth("shop-key", Some("shop-secret"))
            .header("Accept", "application/json")
            .header("Content-Type", "application/json")
    }

    /// Makes a call that is accepted; gives back its session ID.
    pub(crate) async fn accepted(&self, to_user_id: &str) -> String {
        let (status, body) = self.call(to_user_id).await;
        assert_eq!(status, 200, "{body}");
        body["data"]["sid"].as_str().unwrap().to_owned()
    }

    /// The record of a call once it has settled.
    pub(crate) async fn settled(&self, sid: &str) -> Value {
        self.reached(sid, "settled").await
    }

    /// The record of a call once this state or delivery has come.
    pub(crate) async fn reached(&self, sid: &str, event: &str) -> Value {
        let url = format!(
            "{}/_emulator/calls/{sid}/wait?for={event}&timeout=30s",
            self.emulator.url()
        );
        let (status, record) = answer_of(self.client.get(url)).await;
        assert_eq!(status, 200, "{record:#}");
        record
    }
}

pub(crate) fn client() -> reqwest::Client {
    // Fails if another test was first, which is just as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .unwrap()
}

pub(crate) async fn answer_of(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    (status, body)
}

pub(crate) fn path(service_id: &str, user_id: &str) -> String {
    format!("/tas/v2/agt_call/audio_caller/{service_id}/{user_id}")
}

/// A body that breaks no rule, and is played in 1 s + 1 x 3 s.
pub(crate) fn sound_body() -> Value {
    json!({
        "requestContext": { "serviceId": "shop-eval", "userId": "AGENT" },
        "mediaSourceType": "STORED_SOURCE",
        "storedSource": {
            "storedAudioSources": [{ "contentId": "5498f04048fa" }],
            "playCount": 1,
        },
        "appSvrData": "order 42 & more",
    })
}
