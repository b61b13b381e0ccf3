//! How long it takes to play a call that rings for 60 seconds and is not answered, over real HTTP on
//! both sides: from the request to the Call Event, on a manual clock.
#![expect(clippy::print_stdout, reason = "a benchmark's figures are for reading")]
#![expect(clippy::unwrap_used, reason = "a benchmark that fails has no figures")]
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use planet_emulator::Emulator;
use reqwest::Client;

use common::{Tally, accepted, client, is_measured, make_call, quantile, receiver, sorted};

/// What the median has to stay below.
const BAR: Duration = Duration::from_millis(50);

/// Plays one call; gives back how long it took in the machine's time.
async fn round(client: &Client, emulator: &str, tally: &Tally) -> Duration {
    let before = tally.arrived.load(Ordering::Relaxed);
    let start = Instant::now();
    accepted(make_call(client, emulator, "emu-no-answer")).await;
    let advance = format!("{emulator}/_emulator/projects/default/clock/advance");
    let advanced = accepted(client.post(advance).body(r#"{"until": "idle"}"#)).await;
    tally.reach(before + 3).await;
    let taken = start.elapsed();
    assert!(
        advanced["advanced_ms"].as_u64() >= Some(60_000),
        "{advanced}"
    );
    taken
}

#[tokio::main]
async fn main() {
    let rounds = if is_measured() { 500 } else { 5 };
    let tally = Arc::new(Tally::default());
    let emulator = Emulator::builder()
        .callbacks(receiver(tally.clone()))
        .clock("manual")
        .start()
        .await
        .unwrap();
    let (client, url) = (client(), emulator.url());
    // Opens the connections.
    round(&client, &url, &tally).await;

    let mut taken = Vec::new();
    for _ in 0..rounds {
        taken.push(round(&client, &url, &tally).await.as_secs_f64() * 1_000.0);
    }
    let calls = emulator.calls();
    assert!(calls.iter().all(|call| call["end"]["reason"] == "NOANSWER"));
    let taken = sorted(taken);
    println!("{rounds} calls that ring for 60 s, from the request to the Call Event");
    for (name, share) in [("p50", 0.5), ("p90", 0.9), ("max", 1.0)] {
        println!("  {name} {:>6.1} ms", quantile(&taken, share));
    }
    let median = Duration::from_secs_f64(quantile(&taken, 0.5) / 1_000.0);
    assert!(
        !is_measured() || median < BAR,
        "the median is above {BAR:?}"
    );
}
