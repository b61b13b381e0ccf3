//! How many calls an emulator takes and plays to the end, over real HTTP on both sides, and how
//! late its callbacks are. The load generator and the receiver share the machine with it.
#![expect(clippy::print_stdout, reason = "a benchmark's figures are for reading")]
#![expect(clippy::unwrap_used, reason = "a benchmark that fails has no figures")]
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use planet_emulator::Emulator;
use reqwest::Client;
use tokio::task::JoinSet;

use common::{Tally, accepted, client, is_measured, make_call, quantile, receiver, sorted};

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

/// Where nothing is measured, it is only seen to run.
const TRIED: Size = Size {
    connections: 4,
    calls: 20,
    rounds: 1,
    paced_per_second: 100,
    paced_calls: 10,
};

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
        make_call(client, &self.emulator.url(), &format!("user-{callee}"))
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

#[tokio::main]
async fn main() {
    let size = if is_measured() { MEASURED } else { TRIED };
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
