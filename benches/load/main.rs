//! How close the emulator comes to what its stack can do at all: `cargo bench --bench load`.
//!
//! The emulator runs as its users run it, as a process of its own with journal, metrics and log at
//! their defaults. Beside it, in the same rounds, runs a *floor*: the least program on the same
//! libraries that parses the same body, makes a session ID and sends the same callbacks in bounds.
//! What counts is the ratio of the two, since it hardly depends on the machine. The load generator and
//! the receiver of callbacks are in this process and share the machine with both; they speak HTTP by
//! hand, so that they take as little of it as possible.
//!
//! `cargo bench --bench load -- NAME…` runs only the named measurements.
#![expect(clippy::print_stdout, reason = "a benchmark's figures are for reading")]
#![expect(clippy::unwrap_used, reason = "a benchmark that fails has no figures")]
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

mod control;
mod floor;
mod generator;
mod measurements;
mod process;
mod receiver;
mod report;

use std::process::ExitCode;

type Measurement = (&'static str, fn(&measurements::Size));

/// The measurements by name, in the order in which they run.
const ALL: &[Measurement] = &[
    ("start", measurements::start),
    ("accept", measurements::accept),
    ("one", measurements::one_callback),
    ("three", measurements::three_callbacks),
    ("lateness", measurements::lateness),
    ("slow", measurements::slow_neighbour),
    ("matching", measurements::matching),
    ("live", measurements::live_calls),
    ("advance", measurements::advance),
];

fn main() -> ExitCode {
    // The HTTP client is built without a provider for TLS of its own.
    let _ = rustls::crypto::ring::default_provider().install_default();
    if let Some(kind) = std::env::var_os(floor::ROLE) {
        floor::serve(&kind.into_string().unwrap());
        return ExitCode::SUCCESS;
    }
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let is_measured = arguments.iter().any(|argument| argument == "--bench");
    let wanted: Vec<_> = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    if let Some(unknown) = wanted
        .iter()
        .find(|name| !ALL.iter().any(|(known, _)| known == *name))
    {
        let known: Vec<_> = ALL.iter().map(|(name, _)| *name).collect();
        println!("no measurement `{unknown}`; there are {}", known.join(", "));
        return ExitCode::FAILURE;
    }
    // Without `--bench`, as in `cargo test --benches`, it is only seen to run.
    let size = match is_measured {
        true => measurements::MEASURED,
        false => measurements::TRIED,
    };
    for (name, measure) in ALL {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            measure(&size);
        }
    }
    ExitCode::SUCCESS
}
