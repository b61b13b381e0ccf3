//! Logs: one line per event, on stderr, with stable fields (`sid`, `callback`, `status`).

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{format::Writer, layer};
use tracing_subscriber::layer::{Context, Filter, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, filter::FilterExt as _, filter::Targets};

use crate::clock::{Clock, ClockMode, Stopwatch};
use crate::settings::LogFormat;

/// So many lines are written in a second at most, and as many warnings and errors. Nobody reads more,
/// and under load writing them would take most of the time; the journal has every call all the same.
const LINES_PER_SECOND: u64 = 1_000;

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
        .with(lines.with_filter(filter.and(Throttle::new(format))))
        .try_init();
}

/// Lets no more than [`LINES_PER_SECOND`] through, and says so when it does.
struct Throttle {
    since: Stopwatch,
    format: LogFormat,
    usual: Budget,
    grave: Budget,
}

impl Throttle {
    fn new(format: LogFormat) -> Self {
        Self {
            since: Stopwatch::start(),
            format,
            usual: Budget::default(),
            grave: Budget::default(),
        }
    }

    /// Not through the log itself, which is in the middle of a line.
    fn say_what_is_left_out(&self) {
        let what = format!(
            "more than {LINES_PER_SECOND} lines within a second: the rest of them is left out; the journal has every call"
        );
        let _ = match self.format {
            LogFormat::Text => writeln!(io::stderr(), "{what}"),
            LogFormat::Json => writeln!(io::stderr(), r#"{{"level":"WARN","message":"{what}"}}"#),
        };
    }
}

impl<S> Filter<S> for Throttle {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    /// Lines are judged one by one, so that nothing is to be asked beforehand.
    fn callsite_enabled(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::always()
    }

    fn event_enabled(&self, event: &tracing::Event<'_>, _: &Context<'_, S>) -> bool {
        let budget = match *event.metadata().level() {
            Level::ERROR | Level::WARN => &self.grave,
            _ => &self.usual,
        };
        match budget.take(self.since.elapsed().as_secs()) {
            Taken::Within => true,
            Taken::FirstBeyond => {
                self.say_what_is_left_out();
                false
            }
            Taken::Beyond => false,
        }
    }
}

/// How many lines the current second has had: the second in the upper half, the lines in the lower.
#[derive(Default)]
struct Budget(AtomicU64);

#[derive(Debug, PartialEq, Eq)]
enum Taken {
    Within,
    /// The first line for which there was none left in this second.
    FirstBeyond,
    Beyond,
}

impl Budget {
    fn take(&self, second: u64) -> Taken {
        let begin = second << 32;
        let one_more = |spent: u64| match spent {
            spent if spent < begin => Some(begin + 1),
            // Beyond it, counting on would only cost.
            spent if spent - begin > LINES_PER_SECOND => None,
            spent => Some(spent + 1),
        };
        let order = Ordering::Relaxed;
        match self.0.fetch_update(order, order, one_more) {
            Err(_) => Taken::Beyond,
            Ok(spent) if spent == begin + LINES_PER_SECOND => Taken::FirstBeyond,
            Ok(_) => Taken::Within,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_so_many_lines_and_tells_once_when_they_are_spent() {
        let budget = Budget::default();
        for second in [1, 2, 7] {
            for _ in 0..LINES_PER_SECOND {
                assert_eq!(budget.take(second), Taken::Within);
            }
            assert_eq!(budget.take(second), Taken::FirstBeyond);
            assert_eq!(budget.take(second), Taken::Beyond);
        }
    }
}
