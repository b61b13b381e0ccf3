//! The one reader of time.
//!
//! Everything that waits or stamps does so on a project's [`Clock`], in [`Moment`]s of that project.
//! How these relate to the machine's time is this module's affair alone, so that another kind of
//! clock changes no caller. Only what concerns the machine itself and no call (how long an answer
//! took, how long to wait for a socket) uses [`Stopwatch`] and [`timeout`], which are always real.
#![expect(
    clippy::disallowed_methods,
    reason = "the one module that may read the time and wait"
)]

use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;
use tokio::time::error::Elapsed;

use crate::domain::Moment;

/// The fastest scaled clock: a millisecond of the machine is then nearly three hours.
const MAX_SPEED: f64 = 10_000_000.0;

/// How a project's clock moves.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) enum ClockMode {
    /// With the machine's time.
    #[default]
    Real,
    /// This many times as fast.
    Scaled(f64),
}

impl ClockMode {
    fn speed(self) -> f64 {
        match self {
            Self::Real => 1.0,
            Self::Scaled(speed) => speed,
        }
    }
}

impl FromStr for ClockMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let speed = match text {
            "real" => return Ok(Self::Real),
            _ => text.strip_suffix('x').and_then(|speed| speed.parse().ok()),
        };
        match speed {
            Some(speed) if speed > 0.0 && speed <= MAX_SPEED => Ok(Self::Scaled(speed)),
            _ => Err(format!(
                "expected `real` or a speed such as `20x`, found `{text}`"
            )),
        }
    }
}

impl fmt::Display for ClockMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Real => f.write_str("real"),
            Self::Scaled(speed) => write!(f, "{speed}x"),
        }
    }
}

/// A project's time. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Clock(Arc<Pace>);

/// The relation between the machine's time and the project's.
#[derive(Debug)]
struct Pace {
    mode: ClockMode,
    /// The machine's monotonic time at which the project's time was `start`.
    anchor: Instant,
    start: Moment,
}

impl Clock {
    /// A clock that shows the machine's time now and moves as `mode` says.
    pub(crate) fn new(mode: ClockMode) -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        Self(Arc::new(Pace {
            mode,
            anchor: Instant::now(),
            start: Moment::from_epoch(since_epoch.unwrap_or_default()),
        }))
    }

    /// The project's time; never moves backwards.
    pub(crate) fn now(&self) -> Moment {
        let elapsed = self.0.anchor.elapsed();
        self.0.start
            + match self.0.mode {
                ClockMode::Real => elapsed,
                ClockMode::Scaled(speed) => elapsed.mul_f64(speed),
            }
    }

    /// Waits until the project's time is `due`; returns at once if that is past.
    pub(crate) async fn sleep_until(&self, due: Moment) {
        let pace = &self.0;
        let machine_due = pace.anchor + due.since(pace.start).div_f64(pace.mode.speed());
        if machine_due > Instant::now() {
            tokio::time::sleep_until(machine_due).await;
        }
    }
}

/// Measures a span of the machine's time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Gives up on `future` after `limit` of the machine's time.
///
/// # Errors
/// When the limit was reached first.
pub(crate) async fn timeout<F: Future>(limit: Duration, future: F) -> Result<F::Output, Elapsed> {
    tokio::time::timeout(limit, future).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_real_or_a_speed() {
        for text in ["real", "20x", "0.5x", "1000x"] {
            assert_eq!(text.parse::<ClockMode>().unwrap().to_string(), text);
        }
        for text in ["", "x", "0x", "-1x", "NaNx", "infx", "1e9x", "Real", "20"] {
            let reason = text.parse::<ClockMode>().expect_err(text);
            assert!(reason.starts_with("expected `real` or a speed"), "{reason}");
        }
    }

    #[tokio::test]
    async fn a_scaled_clock_passes_a_minute_at_once() {
        let clock = Clock::new(ClockMode::Scaled(100_000.0));
        let (start, machine) = (clock.now(), Stopwatch::start());
        clock.sleep_until(start + Duration::from_secs(60)).await;
        assert!(clock.now() >= start + Duration::from_secs(60));
        assert!(machine.elapsed() < Duration::from_secs(30));
    }
}
