use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

use thread_local::ThreadLocal;

use super::ring::Ring;
use crate::sync::locked;

/// The latest items of a sequence that is numbered from 1, to which all threads add.
///
/// Each thread holds what it has added: none waits for another, or for memory that another has just
/// written.
#[derive(Debug)]
pub(super) struct Rings<T: Send> {
    /// So many of the latest items are held at least, and so many of each thread at most.
    at_most: usize,
    of_thread: ThreadLocal<Mutex<Ring<T>>>,
    /// The number given out last. Counted with the thread's ring locked: who reads it, and locks all rings
    /// then, finds every item up to it.
    last: AtomicU64,
}

impl<T: Send> Rings<T> {
    pub(super) fn new(at_most: usize) -> Self {
        Self {
            at_most,
            of_thread: ThreadLocal::new(),
            last: AtomicU64::new(0),
        }
    }

    /// Adds the item that `make` makes of its number. Gives back the number, and the item that had to go
    /// if there was no room.
    pub(super) fn push(&self, make: impl FnOnce(u64) -> T) -> (u64, Option<T>) {
        let ring = || Mutex::new(Ring::new(self.at_most));
        let mut ring = locked(self.of_thread.get_or(ring));
        let number = self.last.fetch_add(1, SeqCst) + 1;
        (number, ring.push(number, make(number)))
    }

    /// The number given out last; 0 if there is none yet.
    pub(super) fn last(&self) -> u64 {
        self.last.load(SeqCst)
    }

    /// What `read` makes of the numbers and items after this number, in order: of so many at most. The first
    /// is a later one if the next has had to go.
    pub(super) fn after<R>(
        &self,
        number: u64,
        at_most: usize,
        mut read: impl FnMut(u64, &T) -> R,
    ) -> Vec<R> {
        let last = self.last();
        let rings: Vec<_> = self.of_thread.iter().map(locked).collect();
        // Of what is older, other threads may still hold some.
        let gone = rings.iter().map(|ring| ring.gone()).max();
        let start = number.max(gone.unwrap_or(0));
        let of_each = rings.iter().map(|ring| ring.after(start).take(at_most));
        let mut found: Vec<_> = of_each.flatten().filter(|(n, _)| *n <= last).collect();
        found.sort_unstable_by_key(|(n, _)| *n);
        found.truncate(at_most);
        found.into_iter().map(|(n, item)| read(*n, item)).collect()
    }

    /// Removes the others without counting them as dropped.
    pub(super) fn retain(&self, keep: impl Fn(&T) -> bool) {
        for ring in &self.of_thread {
            locked(ring).retain(&keep);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    #[test]
    fn what_several_threads_add_at_once_is_read_in_order_and_whole() {
        const THREADS: u64 = 4;
        const EACH: u64 = 2_000;
        let rings = Rings::new(10_000);
        let mut seen = 0;
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| (0..EACH).for_each(|_| _ = rings.push(|number| number)));
            }
            while seen < THREADS * EACH {
                let found = rings.after(seen, 500, |n, item| (n, *item));
                for (number, item) in found {
                    assert_eq!((number, item), (seen + 1, seen + 1));
                    seen += 1;
                }
            }
        });
        assert!(rings.after(seen, 500, |_, _| ()).is_empty());
    }

    #[test]
    fn what_is_older_than_an_item_that_had_to_go_is_gone_on_all_threads() {
        let rings = Rings::new(3);
        let met = Barrier::new(2);
        let dropped: Vec<_> = thread::scope(|scope| {
            scope.spawn(|| {
                rings.push(|number| number);
                met.wait();
                // It stays: a thread that begins after its end could go on with its ring.
                met.wait();
            });
            met.wait();
            let dropped = (0..5)
                .filter_map(|_| rings.push(|number| number).1)
                .collect();
            met.wait();
            dropped
        });

        let held = rings.after(0, 10, |n, item| (n, *item));

        assert_eq!(dropped, [2, 3]);
        assert_eq!(held, [(4, 4), (5, 5), (6, 6)]);
        assert_eq!(rings.after(4, 1, |n, item| (n, *item)), [(5, 5)]);
    }
}
