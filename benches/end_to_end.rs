//! How many calls an emulator takes and plays to the end, over real HTTP on both sides, and how
//! late its callbacks are. The load generator and the receiver share the machine with it.
#![expect(clippy::print_stdout, reason = "a benchmark's figures are for reading")]
#![expect(clippy::unwrap_used, reason = "a benchmark that fails has no figures")]
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix_web::{App, HttpResponse, HttpServer, web};
use planet_emulator::Emulator;
use reqwest::Client;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::JoinSet;

const CONFIG: &str = "
default_scenario: at-once
limits: { journal_calls: 100000 }
";

const AT_ONCE: &str = "
name: at-once
notify: { after: 0ms }
agent_call_status: { after: 0ms }
callee: { action: decline, after: 0ms }
call_event: { after: 0ms }
";

const PACED: &str = "
name: paced
callee: { action: decline, after: 300ms }
";

const BODY: &str = r#"{
    "requestContext": { "serviceId": "shop-eval", "userId": "agent" },
    "mediaSourceType": "STORED_SOURCE",
    "storedSource": { "storedAudioSources": [{ "contentId": "5498f04048fa" }] }
}"#;

/// Nothing here takes that long unless callbacks are lost.
const PATIENCE: Duration = Duration::from_secs(60);

struct Size {
    connections: usize,
    calls: usize,
    rounds: usize,
    paced_per_second: u32,
    paced_calls: usize,
}

const MEASURED: Size = Size {
    connections: 64,
    calls: 5_000,
    rounds: 5,
    paced_per_second: 300,
    paced_calls: 900,
};

/// Without `--bench`, as in `cargo test --benches`, it is only seen to run.
const TRIED: Size = Size {
    connections: 4,
    calls: 20,
    rounds: 1,
    paced_per_second: 100,
    paced_calls: 10,
};

/// Counts the callbacks that arrive.
#[derive(Default)]
struct Tally {
    arrived: AtomicUsize,
    news: Notify,
}

impl Tally {
    fn add(&self) {
        self.arrived.fetch_add(1, Ordering::Relaxed);
        self.news.notify_one();
    }

    async fn reach(&self, count: usize) {
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

struct Bench {
    emulator: Emulator,
    tally: Arc<Tally>,
    callees: AtomicUsize,
}

impl Bench {
    async fn start() -> Self {
        let tally = Arc::new(Tally::default());
        let emulator = Emulator::builder()
            .config(CONFIG)
            .scenario(AT_ONCE)
            .scenario(PACED)
            .callbacks(receiver(tally.clone()))
            .start()
            .await
            .unwrap();
        Self {
            emulator,
            tally,
            callees: AtomicUsize::new(0),
        }
    }

    /// A request to a callee that no other call has.
    fn request(&self, client: &Client) -> reqwest::RequestBuilder {
        let callee = self.callees.fetch_add(1, Ordering::Relaxed);
        let base = self.emulator.url();
        let url = format!("{base}/tas/v2/agt_call/audio_caller/shop-eval/user-{callee}");
        client
            .post(url)
            .basic_auth("key", Some("secret"))
            .header("Accept", "application/json")
            .header("Content-Type", "application/json")
            .body(BODY)
    }

    /// How long until all calls were accepted, and until all their callbacks had arrived.
    async fn round(self: &Arc<Self>, clients: &[Client], calls: usize) -> (Duration, Duration) {
        let before = self.tally.arrived.load(Ordering::Relaxed);
        let left = Arc::new(AtomicUsize::new(calls));
        let start = Instant::now();
        let mut connections = JoinSet::new();
        for client in clients {
            let (bench, left, client) = (self.clone(), left.clone(), client.clone());
            connections.spawn(async move {
                let take = |left: usize| left.checked_sub(1);
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
                    .is_ok()
                {
                    accepted(bench.request(&client)).await;
                }
            });
        }
        connections.join_all().await;
        let all_accepted = start.elapsed();
        self.tally.reach(before + 3 * calls).await;
        (all_accepted, start.elapsed())
    }

    /// How late the callbacks of calls at an even pace were sent, in milliseconds.
    async fn lateness(self: &Arc<Self>, client: &Client, size: &Size) -> Vec<f64> {
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / size.paced_per_second);
        let mut calls = JoinSet::new();
        for _ in 0..size.paced_calls {
            ticks.tick().await;
            let request = self.request(client);
            calls.spawn(accepted(
                request.header("X-Planet-Emulator-Scenario", "paced"),
            ));
        }
        let mut lateness = Vec::new();
        for answer in calls.join_all().await {
            let sid = answer["data"]["sid"].as_str().unwrap();
            let base = self.emulator.url();
            let url = format!("{base}/_emulator/calls/{sid}/wait?for=settled&timeout=30s");
            let record = accepted(client.get(url)).await;
            for delivery in record["deliveries"].as_array().unwrap() {
                for attempt in delivery["attempts"].as_array().unwrap() {
                    lateness.push(attempt["lateness_ms"].as_f64().unwrap());
                }
            }
        }
        assert_eq!(lateness.len(), 3 * size.paced_calls);
        lateness
    }
}

/// The answer, which must be a success.
async fn accepted(request: reqwest::RequestBuilder) -> Value {
    let response = request.send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// Starts a stand-in app server; gives back its URL.
fn receiver(tally: Arc<Tally>) -> String {
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

fn client() -> Client {
    Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .unwrap()
}

/// The value below which this share of all lies.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index into a short list"
    )]
    let index = ((sorted.len() - 1) as f64 * share).round() as usize;
    sorted[index]
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

#[tokio::main]
async fn main() {
    let measured = std::env::args().any(|argument| argument == "--bench");
    let size = if measured { MEASURED } else { TRIED };
    rustls::crypto::ring::default_provider()
        .install_default()
        .unwrap();
    let bench = Arc::new(Bench::start().await);
    // A client of its own for each, hence a connection of its own.
    let clients: Vec<_> = (0..size.connections).map(|_| client()).collect();
    // Opens the connections.
    bench.round(&clients, 10 * size.connections).await;

    let (mut accepted, mut completed) = (Vec::new(), Vec::new());
    for _ in 0..size.rounds {
        let (all_accepted, all_arrived) = bench.round(&clients, size.calls).await;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let calls = size.calls as f64;
        accepted.push(calls / all_accepted.as_secs_f64());
        completed.push(calls / all_arrived.as_secs_f64());
    }
    println!(
        "{} rounds of {} calls on {} connections (medians)",
        size.rounds, size.calls, size.connections
    );
    for (what, rates) in [
        ("accepted", accepted),
        ("completed with three callbacks", completed),
    ] {
        println!("  {:>8.0} calls/s {what}", quantile(&sorted(rates), 0.5));
    }

    let lateness = sorted(bench.lateness(&clients[0], &size).await);
    println!(
        "lateness of {} callbacks at {} calls/s",
        lateness.len(),
        size.paced_per_second
    );
    for (name, share) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
        println!("  {name} {:>6.1} ms", quantile(&lateness, share));
    }
}
