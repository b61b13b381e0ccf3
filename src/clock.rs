//! The one reader of time.
//!
//! Everything that waits or stamps does so on a project's [`Clock`], in [`Moment`]s of that project.
//! How these relate to the machine's time is this module's affair alone. What goes on in a project and
//! waits is an [`Activity`]: its clock knows which of them wait and until when, so that a manual clock
//! can tell when all is quiet. Only what concerns the machine itself and no call (how long an answer
//! took, how long to wait for a socket) uses [`Stopwatch`], [`timeout`] and [`pause`], which are always
//! real.
#![expect(
    clippy::disallowed_methods,
    reason = "the one module that may read the time and wait"
)]

mod activity;
mod mode;
mod sleepers;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use thiserror::Error;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio::time::error::Elapsed;

use crate::domain::Moment;
use crate::sync::locked;
pub(crate) use activity::{Activities, Activity, Parking};
pub(crate) use mode::ClockMode;
use sleepers::{Place, Sleepers};

/// How far [`Advance::UntilIdle`] goes at most. A call is over long before; an app server that answers
/// each callback with another call would otherwise keep time moving for ever.
const FURTHEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A project's time. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    /// How many activities are doing something rather than waiting.
    busy: AtomicUsize,
    quiet: Notify,
}

#[derive(Debug)]
struct State {
    pace: Pace,
    sleepers: Sleepers,
}

/// The relation between the machine's time and the project's.
#[derive(Debug, Clone, Copy)]
struct Pace {
    mode: ClockMode,
    /// The machine's monotonic time at which the project's time was `start`.
    anchor: Instant,
    start: Moment,
}

impl Pace {
    fn now(&self) -> Moment {
        match self.mode {
            ClockMode::Real => self.start + self.anchor.elapsed(),
            ClockMode::Scaled(speed) => self.start + self.anchor.elapsed().mul_f64(speed),
            ClockMode::Manual => self.start,
        }
    }

    /// The machine's time at `due`; `None` if that is for nobody to know.
    fn machine_time(&self, due: Moment) -> Option<Instant> {
        let ahead = due.since(self.start);
        match self.mode {
            ClockMode::Real => Some(self.anchor + ahead),
            ClockMode::Scaled(speed) => Some(self.anchor + ahead.div_f64(speed)),
            ClockMode::Manual => None,
        }
    }
}

/// How long a sleeper sleeps on.
#[derive(Debug)]
enum Sleep {
    Over,
    /// In the machine's time.
    Until(Instant),
    UntilRoused,
}

/// How far a manual clock is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advance {
    /// By this span.
    By(Duration),
    /// To the next moment at which something is due.
    ToNext,
    /// Until nothing is waited for any more.
    UntilIdle,
}

/// A clock that moves by itself cannot be moved.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[error("the clock is `{0}`, not `manual`")]
pub(crate) struct NotManual(ClockMode);

impl Clock {
    /// A clock that shows the machine's time now and moves as `mode` says.
    pub(crate) fn new(mode: ClockMode) -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        let pace = Pace {
            mode,
            anchor: Instant::now(),
            start: Moment::from_epoch(since_epoch.unwrap_or_default()),
        };
        Self(Arc::new(Inner {
            state: Mutex::new(State {
                pace,
                sleepers: Sleepers::default(),
            }),
            busy: AtomicUsize::new(0),
            quiet: Notify::new(),
        }))
    }

    /// The project's time; never moves backwards.
    pub(crate) fn now(&self) -> Moment {
        self.state().pace.now()
    }

    /// How it moves.
    pub(crate) fn mode(&self) -> ClockMode {
        self.state().pace.mode
    }

    /// The next moment for which something waits.
    pub(crate) fn next_due(&self) -> Option<Moment> {
        self.state().sleepers.first()
    }

    /// Moves otherwise from now on. Time goes on from where it is, so every remaining delay is kept.
    pub(crate) fn set_mode(&self, mode: ClockMode) {
        let mut state = self.state();
        state.pace = Pace {
            mode,
            anchor: Instant::now(),
            start: state.pace.now(),
        };
        state.sleepers.wake_all();
    }

    /// Moves a manual clock from one due moment to the next, in order. At each, waits until all that
    /// was set going there is done or waits for a later moment; what takes real time meanwhile, such as
    /// an app server's answer, is given it. What is due at the same moment goes one after the other, in
    /// the order in which the activities began. Not to be called again before it has returned.
    ///
    /// # Errors
    /// When the clock is not manual, or is switched while this is under way.
    pub(crate) async fn advance(&self, how: Advance) -> Result<(), NotManual> {
        self.require_manual()?;
        self.quiet().await;
        let limit = match how {
            Advance::By(span) => self.now() + span,
            Advance::ToNext => self.next_due().unwrap_or_else(|| self.now()),
            Advance::UntilIdle => self.now() + FURTHEST,
        };
        while self.rouse_next(limit)? {
            self.quiet().await;
        }
        if let Advance::By(_) = how {
            let mut state = self.state();
            state.pace.start = state.pace.start.max(limit);
        }
        Ok(())
    }

    fn require_manual(&self) -> Result<(), NotManual> {
        match self.mode() {
            ClockMode::Manual => Ok(()),
            other => Err(NotManual(other)),
        }
    }

    /// Moves to the first sleeper's moment and wakes it, unless that is after `limit`.
    fn rouse_next(&self, limit: Moment) -> Result<bool, NotManual> {
        let mut state = self.state();
        if state.pace.mode != ClockMode::Manual {
            return Err(NotManual(state.pace.mode));
        }
        let Some((due, sleeper)) = state.sleepers.take_first(limit) else {
            return Ok(false);
        };
        state.pace.start = state.pace.start.max(due);
        sleeper.rouse();
        Ok(true)
    }

    /// Waits until every activity waits.
    async fn quiet(&self) {
        loop {
            let mut quiet = std::pin::pin!(self.0.quiet.notified());
            quiet.as_mut().enable();
            if self.0.busy.load(Ordering::SeqCst) == 0 {
                return;
            }
            quiet.await;
        }
    }

    /// Takes a place among the sleepers, unless `due` is past.
    fn lie_down(&self, due: Moment, activity: &Activity) -> Option<Place> {
        let mut state = self.state();
        if due <= state.pace.now() {
            return None;
        }
        Some(state.sleepers.add(due, activity))
    }

    /// How long the sleeper at `place` sleeps on; then `waker` is called.
    fn poll_sleeper(&self, place: Place, waker: &Waker) -> Sleep {
        let mut state = self.state();
        if !state.sleepers.wait(place, waker) {
            return Sleep::Over;
        }
        let until = state.pace.machine_time(place.due);
        until.map_or(Sleep::UntilRoused, Sleep::Until)
    }

    fn get_up(&self, place: Place) {
        self.state().sleepers.remove(place);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.0.state)
    }

    fn is_busier(&self) {
        self.0.busy.fetch_add(1, Ordering::SeqCst);
    }

    fn is_less_busy(&self) {
        if self.0.busy.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.quiet.notify_waiters();
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

/// Waits for `span` of the machine's time.
pub(crate) async fn pause(span: Duration) {
    tokio::time::sleep(span).await;
}
