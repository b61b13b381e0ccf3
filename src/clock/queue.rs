use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::{Activities, Clock, Parking, Roused};
use crate::domain::Moment;
use crate::sync::locked;

/// A place in the queues of a clock: by moment, then by the order in which activities began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) due: Moment,
    pub(super) activity: u64,
    /// Keeps apart what one activity waits for.
    pub(super) nth: u32,
}

/// Who lay down on one thread, in order. While time moves by itself, a task on that thread's runtime, the
/// keeper, rouses who is due.
#[derive(Debug, Default)]
pub(super) struct Queue {
    sleepers: Mutex<Sleepers>,
    /// Tells the keeper that it has to look again.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Sleepers {
    by_place: BTreeMap<Place, Arc<Parking>>,
    /// Where they go on.
    runtime: Option<Handle>,
    is_kept: bool,
}

impl Queue {
    /// Adds one that is asleep already. To be called on this queue's thread.
    pub(super) fn add(self: &Arc<Self>, place: Place, parking: Arc<Parking>, clock: &Clock) {
        let mut sleepers = locked(&self.sleepers);
        sleepers.by_place.insert(place, parking);
        let is_first = sleepers.first() == Some(place);
        sleepers.go_on_here();
        self.see_to_keeper(&mut sleepers, clock, is_first);
    }

    /// After a change of pace: everybody's due moment is another time of the machine now.
    pub(super) fn look_anew(self: &Arc<Self>, clock: &Clock) {
        self.see_to_keeper(&mut locked(&self.sleepers), clock, true);
    }

    fn see_to_keeper(self: &Arc<Self>, sleepers: &mut Sleepers, clock: &Clock, has_changed: bool) {
        if sleepers.is_kept {
            if has_changed {
                self.changed.notify_one();
            }
            return;
        }
        let Some(first) = sleepers.first() else {
            return;
        };
        let moves_by_itself = clock.pace().machine_time(first.due).is_some();
        if let (true, Some(runtime)) = (moves_by_itself, &sleepers.runtime) {
            runtime.spawn(keep(self.clone(), clock.clone()));
            sleepers.is_kept = true;
        }
    }

    pub(super) fn first(&self) -> Option<Place> {
        locked(&self.sleepers).first()
    }

    /// Removes a sleeper; false if it is not here.
    pub(super) fn remove(&self, place: Place) -> bool {
        locked(&self.sleepers).by_place.remove(&place).is_some()
    }

    /// Wakes a sleeper, if it is here.
    pub(super) fn wake(&self, place: Place) -> Option<Roused> {
        let (parking, runtime) = {
            let mut sleepers = locked(&self.sleepers);
            let parking = sleepers.by_place.remove(&place);
            (parking, sleepers.runtime.clone())
        };
        parking?.wake_up_at(place, runtime?)
    }

    /// Rouses all who are due. Gives back when the next one is, in the machine's time; `None` if there is
    /// none, or nobody knows: then there is no keeper any more.
    fn rouse_due(&self, clock: &Clock) -> Option<Instant> {
        let (due, runtime, next) = {
            let mut sleepers = locked(&self.sleepers);
            // Under the lock: who changes the pace looks here afterwards.
            let pace = clock.pace();
            let now = pace.now();
            let mut due = Vec::new();
            while let Some(first) = sleepers.by_place.first_entry()
                && first.key().due <= now
            {
                due.push(first.remove_entry());
            }
            let first = sleepers.first();
            let next = first.and_then(|first| pace.machine_time(first.due));
            sleepers.is_kept = next.is_some();
            (due, sleepers.runtime.clone(), next)
        };
        for (place, parking) in due {
            let runtime = runtime.clone();
            if let Some(roused) = runtime.and_then(|here| parking.wake_up_at(place, here)) {
                roused.go_on();
            }
        }
        next
    }

    /// Ends what sleeps as part of `activities` and is no task.
    pub(super) fn dismiss(&self, activities: &Activities) {
        let mut dismissed = Vec::new();
        locked(&self.sleepers).by_place.retain(|_, parking| {
            let life = parking.take_life(activities);
            let stays = life.is_none();
            dismissed.extend(life);
            stays
        });
        // Without the lock: what is dropped may have a place here itself.
        drop(dismissed);
    }
}

impl Sleepers {
    fn first(&self) -> Option<Place> {
        self.by_place.first_key_value().map(|(place, _)| *place)
    }

    /// From now on, who sleeps here goes on in the runtime of now: one that was here before may be gone.
    fn go_on_here(&mut self) {
        let here = Handle::current();
        let known = self.runtime.as_ref();
        if known.is_none_or(|known| known.id() != here.id()) {
            self.runtime = Some(here);
        }
    }
}

/// Rouses who is due in a queue for as long as somebody sleeps there and time moves by itself.
async fn keep(queue: Arc<Queue>, clock: Clock) {
    let mut keeper = Keeper {
        queue: &queue,
        is_done: false,
    };
    loop {
        let mut changed = std::pin::pin!(queue.changed.notified());
        changed.as_mut().enable();
        let Some(next) = queue.rouse_due(&clock) else {
            keeper.is_done = true;
            return;
        };
        tokio::select! {
            () = sleep_until(next) => {}
            () = changed => {}
        }
    }
}

/// A keeper whose runtime goes away makes room for another.
struct Keeper<'a> {
    queue: &'a Queue,
    is_done: bool,
}

impl Drop for Keeper<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            locked(&self.queue.sleepers).is_kept = false;
        }
    }
}
