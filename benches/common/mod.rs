//! A stand-in app server and what else the benchmarks share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use tokio::sync::Notify;

const BODY: &str = r#"{
    "requestContext": { "serviceId": "shop-eval", "userId": "agent" },
    "mediaSourceType": "STORED_SOURCE",
    "storedSource": { "storedAudioSources": [{ "contentId": "5498f04048fa" }] }
}"#;

/// Nothing here takes that long unless callbacks are lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// Without `--bench`, as in `cargo test --benches`, nothing is measured.
pub(crate) fn is_measured() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// Counts the callbacks that arrive.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) arrived: AtomicUsize,
    news: Notify,
}

impl Tally {
    fn add(&self) {
        self.arrived.fetch_add(1, Ordering::Relaxed);
        self.news.notify_one();
    }

    pub(crate) async fn reach(&self, count: usize) {
        let reached = async {
            while self.arrived.load(Ordering::Relaxed) < count {
                self.news.notified().await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, reached).await;
        let arrived = self.arrived.load(Ordering::Relaxed);
        assert!(waited.is_ok(), "{arrived} of {count} callbacks arrived");
    }
}

/// A request for a call to this user.
pub(crate) fn make_call(client: &Client, emulator: &str, callee: &str) -> RequestBuilder {
    let url = format!("{emulator}/tas/v2/agt_call/audio_caller/shop-eval/{callee}");
    client
        .post(url)
        .basic_auth("key", Some("secret"))
        .header("Accept", "application/json")
        .header("Content-Type", "application/json")
        .body(BODY)
}

/// The answer, which must be a success.
pub(crate) async fn accepted(request: RequestBuilder) -> Value {
    let response = request.send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// Starts a stand-in app server; gives back its URL.
pub(crate) fn receiver(tally: Arc<Tally>) -> String {
    let server = HttpServer::new(move || {
        let tally = tally.clone();
        App::new().default_service(web::to(move || {
            tally.add();
            async { HttpResponse::Ok().finish() }
        }))
    })
    .workers(1)
    .disable_signals()
    .bind("127.0.0.1:0")
    .unwrap();
    let url = format!("http://{}", server.addrs()[0]);
    tokio::spawn(server.run());
    url
}

/// A client with connections of its own.
pub(crate) fn client() -> Client {
    // Done before by another client, or not.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .unwrap()
}

/// The value below which this share of all lies.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index into a short list"
    )]
    let index = ((sorted.len() - 1) as f64 * share).round() as usize;
    sorted[index]
}

pub(crate) fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}
