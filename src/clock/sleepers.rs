use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;

use super::activity::{Activity, Parking};
use crate::domain::Moment;

/// Who waits for which moment, in order.
#[derive(Debug, Default)]
pub(super) struct Sleepers {
    queue: BTreeMap<Place, Sleeper>,
    counted: u64,
}

/// A place in the queue: by moment, then by the order in which activities began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) due: Moment,
    activity: u64,
    /// Keeps apart what one activity waits for.
    nth: u64,
}

#[derive(Debug)]
pub(super) struct Sleeper {
    parking: Arc<Parking>,
    waker: Option<Waker>,
}

impl Sleeper {
    /// Lets it go on. It counts as busy before this returns.
    pub(super) fn rouse(self) {
        self.parking.leave();
        if let Some(waker) = self.waker {
            waker.wake();
        }
    }
}

impl Sleepers {
    /// Adds one that is parked from now on.
    pub(super) fn add(&mut self, due: Moment, activity: &Activity) -> Place {
        self.counted += 1;
        let place = Place {
            due,
            activity: activity.number(),
            nth: self.counted,
        };
        let parking = activity.parking().clone();
        let sleeper = Sleeper {
            parking,
            waker: None,
        };
        self.queue.entry(place).or_insert(sleeper).parking.enter();
        place
    }

    /// Remembers whom to wake. False if it is no longer asleep.
    pub(super) fn wait(&mut self, place: Place, waker: &Waker) -> bool {
        let Some(sleeper) = self.queue.get_mut(&place) else {
            return false;
        };
        match &mut sleeper.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        true
    }

    pub(super) fn remove(&mut self, place: Place) {
        if let Some(sleeper) = self.queue.remove(&place) {
            sleeper.parking.leave();
        }
    }

    pub(super) fn first(&self) -> Option<Moment> {
        self.queue.first_key_value().map(|(place, _)| place.due)
    }

    /// The first one, unless it sleeps beyond `limit`.
    pub(super) fn take_first(&mut self, limit: Moment) -> Option<(Moment, Sleeper)> {
        let first = self.queue.first_entry()?;
        let due = first.key().due;
        (due <= limit).then(|| (due, first.remove()))
    }

    /// Lets every sleeper look anew until when it sleeps.
    pub(super) fn wake_all(&self) {
        for waker in self.queue.values().filter_map(|s| s.waker.as_ref()) {
            waker.wake_by_ref();
        }
    }
}
