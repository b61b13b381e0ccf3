//! Logs: one line per event, on stderr, with stable fields (`sid`, `callback`, `status`).

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{format::Writer, layer};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, filter::Targets};

use crate::clock::{Clock, ClockMode};
use crate::settings::LogFormat;

/// Stamps lines with the machine's time, whatever the projects' clocks show.
struct MachineTime(Clock);

impl FormatTime for MachineTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        write!(writer, "{}", self.0.now())
    }
}

/// Sends the program's logs of this level and above to stderr. `RUST_LOG` changes what is logged
/// (`planet_emulator=debug`); a second call changes nothing.
pub(crate) fn log_to_stderr(format: LogFormat, level: LevelFilter) {
    let usual = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("planet_emulator", level);
    let filter = std::env::var("RUST_LOG")
        .ok()
        .and_then(|text| text.parse().ok());
    let filter: Targets = filter.unwrap_or(usual);
    let time = MachineTime(Clock::new(ClockMode::Real));
    let lines = layer()
        .with_writer(io::stderr)
        .with_timer(time)
        .with_target(false);
    let lines = match format {
        LogFormat::Text => lines
            .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
            .boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // Fails only if a subscriber is set already, as by an embedding program: that one stays.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .try_init();
}
