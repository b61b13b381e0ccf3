//! The one reader of time.
//!
//! Everything that waits or stamps does so on a project's [`Clock`], in [`Moment`]s of that project.
//! How these relate to the machine's time is this module's affair alone. What goes on in a project and
//! waits is an [`Activity`]: its clock knows which of them wait and until when, so that a manual clock
//! can tell when all is quiet. A call that waits is an entry in its clock's queues and no task, see
//! [`live`]. Only what concerns the machine itself and no call (how long an answer took, how long to
//! wait for a socket) uses [`Stopwatch`], [`timeout`] and [`pause`], which are always real.
#![expect(
    clippy::disallowed_methods,
    reason = "the one module that may read the time and wait"
)]

mod activity;
mod life;
mod mode;
mod parking;
mod queue;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use thiserror::Error;
use thread_local::ThreadLocal;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio::time::error::Elapsed;

use crate::domain::Moment;
use crate::sync::locked;
pub(crate) use activity::{Activities, Activity};
pub(crate) use life::{live, unless_dismissed};
pub(crate) use mode::ClockMode;
pub(crate) use parking::Parking;
use parking::Roused;
use queue::{Place, Queue};

/// How far [`Advance::UntilIdle`] goes at most. A call is over long before; an app server that answers
/// each callback with another call would otherwise keep time moving for ever.
const FURTHEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A project's time. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Read at every step of every call, hence without a lock.
    pace: ArcSwap<Pace>,
    /// Held while the pace changes.
    changing: Mutex<()>,
    /// Who sleeps, by the thread on which they lay down: there they go on.
    queues: ThreadLocal<Arc<Queue>>,
    lay_down: AtomicU32,
    /// How many activities are doing something rather than waiting.
    busy: AtomicUsize,
    /// How far a manual clock is being moved, while it is.
    advance: Mutex<Option<Moment>>,
    /// All is quiet, and nothing moves the clock on.
    quiet: Notify,
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
            pace: ArcSwap::from_pointee(pace),
            changing: Mutex::default(),
            queues: ThreadLocal::new(),
            lay_down: AtomicU32::new(0),
            busy: AtomicUsize::new(0),
            advance: Mutex::default(),
            quiet: Notify::new(),
        }))
    }

    /// The project's time; never moves backwards.
    pub(crate) fn now(&self) -> Moment {
        self.pace().now()
    }

    /// How it moves.
    pub(crate) fn mode(&self) -> ClockMode {
        self.pace().mode
    }

    /// The next moment for which something waits.
    pub(crate) fn next_due(&self) -> Option<Moment> {
        self.first().map(|(place, _)| place.due)
    }

    /// Moves otherwise from now on. Time goes on from where it is, so every remaining delay is kept.
    pub(crate) fn set_mode(&self, mode: ClockMode) {
        {
            let _changing = locked(&self.0.changing);
            self.0.pace.store(Arc::new(Pace {
                mode,
                anchor: Instant::now(),
                start: self.now(),
            }));
        }
        for queue in self.queues() {
            queue.look_anew(self);
        }
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
        let advance = Advancing::begin(self, limit);
        self.go_on();
        self.quiet().await;
        drop(advance);
        self.require_manual()?;
        if let Advance::By(_) = how {
            self.move_to(limit)?;
        }
        Ok(())
    }

    fn require_manual(&self) -> Result<(), NotManual> {
        match self.mode() {
            ClockMode::Manual => Ok(()),
            other => Err(NotManual(other)),
        }
    }

    /// Once all is quiet: rouses the next of an advance, or tells that there is none.
    ///
    /// Done by whoever made all quiet. Often that is the thread of the next one as well, and then no
    /// other thread has to be woken for it.
    fn go_on(&self) {
        let roused = {
            let mut advance = locked(&self.0.advance);
            if self.0.busy.load(Ordering::SeqCst) > 0 {
                return;
            }
            let roused = advance.and_then(|limit| self.wake_next(limit));
            if roused.is_none() {
                *advance = None;
            }
            roused
        };
        match roused {
            Some(roused) => roused.go_on(),
            None => self.0.quiet.notify_waiters(),
        }
    }

    /// Moves to the first sleeper's moment and wakes it, unless that is after `limit` or the clock is not
    /// manual any more.
    fn wake_next(&self, limit: Moment) -> Option<Roused> {
        loop {
            let (place, queue) = self.first()?;
            if place.due > limit || self.move_to(place.due).is_err() {
                return None;
            }
            // Somebody else may have roused it meanwhile.
            if let Some(roused) = queue.wake(place) {
                return Some(roused);
            }
        }
    }

    /// The first sleeper's place, and its queue.
    fn first(&self) -> Option<(Place, &Queue)> {
        let firsts = self
            .queues()
            .filter_map(|queue| Some((queue.first()?, &**queue)));
        firsts.min_by_key(|(place, _)| *place)
    }

    /// Lets it be `moment`, unless that is past.
    fn move_to(&self, moment: Moment) -> Result<(), NotManual> {
        let _changing = locked(&self.0.changing);
        let pace = self.pace();
        if pace.mode != ClockMode::Manual {
            return Err(NotManual(pace.mode));
        }
        let start = pace.start.max(moment);
        self.0.pace.store(Arc::new(Pace { start, ..pace }));
        Ok(())
    }

    /// Waits until every activity waits, and no advance is under way.
    async fn quiet(&self) {
        loop {
            let mut quiet = std::pin::pin!(self.0.quiet.notified());
            quiet.as_mut().enable();
            let is_quiet = self.0.busy.load(Ordering::SeqCst) == 0;
            if is_quiet && locked(&self.0.advance).is_none() {
                return;
            }
            quiet.await;
        }
    }

    /// Lets an activity sleep until `due`, and gives back the last part of its place; `None` if that moment
    /// is past.
    fn lie_down(&self, due: Moment, activity: &Activity) -> Option<u32> {
        if due <= self.now() {
            return None;
        }
        let nth = self.0.lay_down.fetch_add(1, Ordering::Relaxed);
        let (place, parking) = (activity.place(due, nth), activity.parking());
        // The order counts: in the queue it can be roused, and only then may all look quiet.
        parking.fall_asleep(place);
        let queue = self.0.queues.get_or_default();
        queue.add(place, parking.clone(), self);
        self.is_less_busy();
        Some(nth)
    }

    fn pace(&self) -> Pace {
        **self.0.pace.load()
    }

    fn queues(&self) -> impl Iterator<Item = &Arc<Queue>> {
        self.0.queues.iter()
    }

    fn is_busier(&self) {
        self.0.busy.fetch_add(1, Ordering::SeqCst);
    }

    fn is_less_busy(&self) {
        if self.0.busy.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.go_on();
        }
    }
}

/// An advance; over when dropped, also half way.
struct Advancing<'a>(&'a Clock);

impl<'a> Advancing<'a> {
    fn begin(clock: &'a Clock, limit: Moment) -> Self {
        *locked(&clock.0.advance) = Some(limit);
        Self(clock)
    }
}

impl Drop for Advancing<'_> {
    fn drop(&mut self) {
        *locked(&self.0.0.advance) = None;
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
