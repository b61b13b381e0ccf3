use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::queue::Place;
use super::{Clock, Parking};
use crate::domain::Moment;

/// What goes on in a project between two resets: each call, and each further copy of a callback.
#[derive(Debug)]
pub(crate) struct Activities {
    clock: Clock,
    begun: AtomicU64,
    going_on: TaskTracker,
    /// Asked at every step, for which the token would take a lock.
    is_closed: AtomicBool,
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
            is_closed: AtomicBool::new(false),
            closed: CancellationToken::new(),
        }
    }

    pub(crate) const fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    /// Waits until they are closed.
    pub(super) const fn closed(&self) -> Closed<'_> {
        Closed {
            of: self,
            waiting: None,
        }
    }

    /// Begins one more, which is busy; `None` once they are closed.
    pub(crate) fn begin(self: &Arc<Self>) -> Option<Activity> {
        if self.is_closed() {
            return None;
        }
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        Some(Activity::new(self.clone(), number))
    }

    /// Ends each activity as soon as it waits: from now on it would wait for ever.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.closed.cancel();
        for queue in self.clock.queues() {
            queue.dismiss(self);
        }
    }

    /// Waits until none is going on.
    pub(crate) async fn over(&self) {
        self.going_on.wait().await;
    }
}

/// Waits for the end of activities. Boxed and made when first polled: most of what may be dismissed is over
/// before that.
pub(super) struct Closed<'a> {
    of: &'a Activities,
    waiting: Option<Pin<Box<WaitForCancellationFuture<'a>>>>,
}

impl Future for Closed<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let of = self.of;
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(of.closed.cancelled()));
        waiting.as_mut().poll(context)
    }
}

/// Something that goes on in a project, in turns busy and waiting ("parked"). Over when dropped.
#[derive(Debug)]
pub(crate) struct Activity {
    /// Counted from 0 in the order in which they began.
    number: u64,
    parking: Arc<Parking>,
    _token: TaskTrackerToken,
}

impl Activity {
    fn new(of: Arc<Activities>, number: u64) -> Self {
        Self {
            number,
            _token: of.going_on.token(),
            parking: Arc::new(Parking::new(of)),
        }
    }

    fn of(&self) -> &Arc<Activities> {
        self.parking.of()
    }

    /// The project's time.
    pub(crate) fn now(&self) -> Moment {
        self.of().clock.now()
    }

    /// A part that goes on beside this one, and has its place in the order.
    pub(crate) fn branch(&self) -> Self {
        Self::new(self.of().clone(), self.number)
    }

    pub(super) const fn place(&self, due: Moment, nth: u32) -> Place {
        Place {
            due,
            activity: self.number,
            nth,
        }
    }

    pub(crate) const fn parking(&self) -> &Arc<Parking> {
        &self.parking
    }

    /// Waits until the project's time is `due`, not at all if that is past. Never returns once the
    /// activities are closed. One sleep at a time.
    pub(crate) const fn sleep_until(&self, due: Moment) -> Sleep<'_> {
        Sleep {
            activity: self,
            due,
            nth: None,
        }
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
        let mut waiting = pin!(waiting);
        let mut closed = self.of().closed();
        let result = poll_fn(|context| match waiting.as_mut().poll(context) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending => Pin::new(&mut closed).poll(context).map(|()| None),
        });
        match result.await {
            Some(result) => result,
            None => self.parked(std::future::pending()).await,
        }
    }
}

impl Drop for Activity {
    fn drop(&mut self) {
        if self.parking.is_busy() {
            self.of().clock.is_less_busy();
        }
    }
}

/// A sleep, given up when dropped.
#[derive(Debug)]
pub(crate) struct Sleep<'a> {
    activity: &'a Activity,
    due: Moment,
    /// What its place in a queue differs in from others of the activity, while it has one.
    nth: Option<u32>,
}

impl Sleep<'_> {
    fn place(&self) -> Option<Place> {
        let place = |nth| self.activity.place(self.due, nth);
        self.nth.map(place)
    }
}

impl Future for Sleep<'_> {
    type Output = ();

    /// Lies down as often as it takes: whoever rouses an activity need not know what it sleeps for.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let parking = &*self.activity.parking;
        loop {
            if let Some(place) = self.place()
                && parking.poll_sleep(place, context.waker()).is_pending()
            {
                return Poll::Pending;
            }
            if parking.of().is_closed() {
                self.nth = None;
                parking.enter();
                return Poll::Pending;
            }
            self.nth = parking.clock().lie_down(self.due, self.activity);
            if self.nth.is_none() {
                return Poll::Ready(());
            }
        }
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place() {
            self.activity.parking.get_up(place);
        }
    }
}
