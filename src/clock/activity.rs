use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::sleepers::Place;
use super::{Clock, Sleep};
use crate::domain::Moment;

/// What goes on in a project between two resets: each call, and each further copy of a callback.
#[derive(Debug)]
pub(crate) struct Activities {
    clock: Clock,
    begun: AtomicU64,
    going_on: TaskTracker,
    closed: CancellationToken,
}

impl Activities {
    pub(crate) fn new(clock: Clock) -> Self {
        let going_on = TaskTracker::new();
        // Says only that its end may be waited for; more may begin.
        going_on.close();
        Self {
            clock,
            begun: AtomicU64::new(0),
            going_on,
            closed: CancellationToken::new(),
        }
    }

    pub(crate) const fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.is_cancelled()
    }

    /// Begins one more, which is busy; `None` once they are closed.
    pub(crate) fn begin(self: &Arc<Self>) -> Option<Activity> {
        if self.is_closed() {
            return None;
        }
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        Some(Activity::new(self.clone(), number))
    }

    /// Lets each activity end as soon as it waits: from now on it waits for ever, see [`Dismissal`].
    pub(crate) fn close(&self) {
        self.closed.cancel();
    }

    /// Waits until none is going on.
    pub(crate) async fn over(&self) {
        self.going_on.wait().await;
    }
}

/// Something that goes on in a project, in turns busy and waiting ("parked"). Over when dropped.
#[derive(Debug)]
pub(crate) struct Activity {
    of: Arc<Activities>,
    /// Counted from 0 in the order in which they began.
    number: u64,
    parking: Arc<Parking>,
    _token: TaskTrackerToken,
}

/// Whether an activity is parked; its clock counts those that are not.
#[derive(Debug)]
pub(crate) struct Parking {
    clock: Clock,
    parked: AtomicBool,
    changed: Notify,
}

impl Parking {
    /// The activity waits from now on.
    pub(crate) fn enter(&self) {
        if !self.parked.swap(true, Ordering::SeqCst) {
            self.clock.is_less_busy();
            self.changed.notify_waiters();
        }
    }

    /// To be called before the activity is woken, so that it never looks idle in between.
    pub(crate) fn leave(&self) {
        if self.parked.swap(false, Ordering::SeqCst) {
            self.clock.is_busier();
        }
    }
}

impl Activity {
    fn new(of: Arc<Activities>, number: u64) -> Self {
        let clock = of.clock.clone();
        clock.is_busier();
        Self {
            number,
            parking: Arc::new(Parking {
                clock,
                parked: AtomicBool::new(false),
                changed: Notify::new(),
            }),
            _token: of.going_on.token(),
            of,
        }
    }

    /// The project's time.
    pub(crate) fn now(&self) -> Moment {
        self.of.clock.now()
    }

    /// A part that goes on beside this one, and has its place in the order.
    pub(crate) fn branch(&self) -> Self {
        Self::new(self.of.clone(), self.number)
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    pub(crate) const fn parking(&self) -> &Arc<Parking> {
        &self.parking
    }

    /// Waits until the project's time is `due`, not at all if that is past. Never returns once the
    /// activities are closed.
    pub(crate) async fn sleep_until(&self, due: Moment) {
        if self.of.is_closed() {
            return self.parked(std::future::pending()).await;
        }
        let clock = &self.of.clock;
        let Some(place) = clock.lie_down(due, self) else {
            return;
        };
        let bed = Bed { clock, place };
        let mut timer = pin!(None);
        poll_fn(
            |context| match bed.clock.poll_sleeper(place, context.waker()) {
                Sleep::Over => Poll::Ready(()),
                Sleep::UntilRoused => {
                    timer.set(None);
                    Poll::Pending
                }
                Sleep::Until(machine_time) => {
                    let is_set = timer.as_ref().as_pin_ref();
                    if is_set.is_none_or(|timer: std::pin::Pin<&tokio::time::Sleep>| {
                        timer.deadline() != machine_time
                    }) {
                        timer.set(Some(tokio::time::sleep_until(machine_time)));
                    }
                    let timer = timer.as_mut().as_pin_mut();
                    timer.map_or(Poll::Pending, |timer| timer.poll(context))
                }
            },
        )
        .await;
    }

    /// Waits for something that is not a matter of time: while that lasts, the activity is parked.
    /// Whoever ends the waiting calls [`Parking::leave`] first.
    pub(crate) async fn parked<T>(&self, waiting: impl Future<Output = T>) -> T {
        self.parking.enter();
        let result = waiting.await;
        self.parking.leave();
        result
    }

    /// Waits for something that need not come any more once the activities are closed; never returns if
    /// that happens first. The activity stays busy meanwhile.
    pub(crate) async fn unless_closed<T>(&self, waiting: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            result = waiting => result,
            () = self.of.closed.cancelled() => self.parked(std::future::pending()).await,
        }
    }

    /// What ends the activity when its project is reset.
    pub(crate) fn dismissal(&self) -> Dismissal {
        Dismissal {
            of: self.of.clone(),
            parking: self.parking.clone(),
        }
    }
}

impl Drop for Activity {
    fn drop(&mut self) {
        if !self.parking.parked.load(Ordering::SeqCst) {
            self.of.clock.is_less_busy();
        }
    }
}

/// Tells when an activity has to be dropped.
#[derive(Debug)]
pub(crate) struct Dismissal {
    of: Arc<Activities>,
    parking: Arc<Parking>,
}

impl Dismissal {
    /// Returns once the activities are closed and this one is not in the middle of something.
    pub(crate) async fn comes(&self) {
        self.of.closed.cancelled().await;
        loop {
            let mut changed = pin!(self.parking.changed.notified());
            changed.as_mut().enable();
            if self.parking.parked.load(Ordering::SeqCst) {
                return;
            }
            changed.await;
        }
    }
}

/// A place among the sleepers, given up when dropped.
struct Bed<'a> {
    clock: &'a Clock,
    place: Place,
}

impl Drop for Bed<'_> {
    fn drop(&mut self) {
        self.clock.get_up(self.place);
    }
}
