use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use tokio::runtime::Handle;

use super::queue::Place;
use super::{Activities, Clock, live};
use crate::sync::locked;

/// What goes on in an activity, as something that can be set aside while it sleeps.
pub(super) type Life = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Whether an activity is busy or waits ("is parked"); its clock counts the busy ones.
#[derive(Debug)]
pub(crate) struct Parking {
    of: Arc<Activities>,
    rest: Mutex<Rest>,
}

#[derive(Debug)]
enum Rest {
    Busy,
    /// Until somebody calls [`Parking::leave`].
    Parked,
    /// Until it is due, or roused earlier.
    Asleep(Place, Sleeper),
}

/// Who goes on when a sleep is over.
enum Sleeper {
    Unknown,
    Task(Waker),
    Life(Life),
}

impl Parking {
    /// That of an activity that begins, busy.
    pub(super) fn new(of: Arc<Activities>) -> Self {
        of.clock().is_busier();
        Self {
            of,
            rest: Mutex::new(Rest::Busy),
        }
    }

    pub(super) fn of(&self) -> &Arc<Activities> {
        &self.of
    }

    pub(super) fn clock(&self) -> &Clock {
        self.of.clock()
    }

    /// The activity waits from now on.
    pub(crate) fn enter(&self) {
        let before = std::mem::replace(&mut *locked(&self.rest), Rest::Parked);
        if matches!(before, Rest::Busy) {
            self.clock().is_less_busy();
        }
    }

    /// To be called before the activity is woken, so that it never looks idle in between.
    pub(crate) fn leave(&self) {
        let mut rest = locked(&self.rest);
        if matches!(*rest, Rest::Parked) {
            *rest = Rest::Busy;
            self.clock().is_busier();
        }
    }

    /// Ends the sleep of the moment, if there is one; who sleeps until a moment sleeps on if that has not
    /// come.
    pub(crate) fn rouse(&self) {
        let place = match &*locked(&self.rest) {
            Rest::Asleep(place, _) => *place,
            _ => return,
        };
        if let Some(roused) = self.clock().queues().find_map(|queue| queue.wake(place)) {
            roused.go_on();
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        matches!(*locked(&self.rest), Rest::Busy)
    }

    pub(super) fn is_asleep(&self) -> bool {
        matches!(*locked(&self.rest), Rest::Asleep(..))
    }

    /// The activity is about to take this place in a queue; until then it counts as busy.
    pub(super) fn fall_asleep(&self, place: Place) {
        *locked(&self.rest) = Rest::Asleep(place, Sleeper::Unknown);
    }

    /// Waits for the end of the sleep at `place`; then `waker` is called.
    pub(super) fn poll_sleep(&self, place: Place, waker: &Waker) -> Poll<()> {
        match &mut *locked(&self.rest) {
            Rest::Asleep(at, sleeper) if *at == place => {
                match sleeper {
                    Sleeper::Task(known) => known.clone_from(waker),
                    other => *other = Sleeper::Task(waker.clone()),
                }
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }

    /// Lets `life` go on when the sleep is over. Gives it back if that is so already, and drops it if the
    /// activities are closed.
    pub(super) fn set_aside(&self, life: Life) -> Option<Life> {
        let mut rest = locked(&self.rest);
        let Rest::Asleep(_, sleeper) = &mut *rest else {
            return Some(life);
        };
        // Under the lock: who closes them looks here afterwards.
        if !self.of.is_closed() {
            *sleeper = Sleeper::Life(life);
            return None;
        }
        drop(rest);
        None
    }

    /// The life that was set aside, if it is part of `activities`; it counts as parked from now on.
    pub(super) fn take_life(&self, activities: &Activities) -> Option<Life> {
        if !std::ptr::eq(&*self.of, activities) {
            return None;
        }
        let mut rest = locked(&self.rest);
        let Rest::Asleep(_, Sleeper::Life(_)) = *rest else {
            return None;
        };
        match std::mem::replace(&mut *rest, Rest::Parked) {
            Rest::Asleep(_, Sleeper::Life(life)) => Some(life),
            _ => None,
        }
    }

    /// The place is not in its queue any more: who sleeps there is busy from now on, if anybody does.
    pub(super) fn wake_up_at(self: Arc<Self>, place: Place, runtime: Handle) -> Option<Roused> {
        let sleeper = self.wake_up(place)?;
        Some(Roused {
            parking: self,
            sleeper,
            runtime,
        })
    }

    /// The activity gives up the sleep at `place`, unless it is over.
    pub(super) fn get_up(&self, place: Place) {
        if self.wake_up(place).is_some() {
            let _ = self.clock().queues().any(|queue| queue.remove(place));
        }
    }

    /// Busy again, if it sleeps at `place`.
    fn wake_up(&self, place: Place) -> Option<Sleeper> {
        let mut rest = locked(&self.rest);
        if !matches!(*rest, Rest::Asleep(at, _) if at == place) {
            return None;
        }
        self.clock().is_busier();
        match std::mem::replace(&mut *rest, Rest::Busy) {
            Rest::Asleep(_, sleeper) => Some(sleeper),
            _ => None,
        }
    }
}

/// An activity that counts as busy again, but does not go on yet.
#[must_use]
pub(super) struct Roused {
    parking: Arc<Parking>,
    sleeper: Sleeper,
    /// For a life that was set aside.
    runtime: Handle,
}

impl Roused {
    /// Lets it go on. Not to be called under a lock: in a runtime that is gone, a life ends at once.
    pub(super) fn go_on(self) {
        match self.sleeper {
            Sleeper::Unknown => {}
            Sleeper::Task(waker) => waker.wake(),
            Sleeper::Life(life) => {
                self.runtime.spawn(live(self.parking, life));
            }
        }
    }
}

impl fmt::Debug for Sleeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "Unknown",
            Self::Task(_) => "Task",
            Self::Life(_) => "Life",
        })
    }
}
