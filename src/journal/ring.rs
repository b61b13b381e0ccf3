use std::collections::VecDeque;

/// The latest items of a sequence that is numbered from 1.
#[derive(Debug)]
pub(super) struct Ring<T> {
    at_most: usize,
    /// With their numbers, which rise but may have gaps.
    items: VecDeque<(u64, T)>,
    /// The number given out last.
    last: u64,
}

impl<T> Ring<T> {
    pub(super) fn new(at_most: usize) -> Self {
        Self {
            at_most,
            items: VecDeque::new(),
            last: 0,
        }
    }

    /// Adds the item that `make` makes of its number. Gives back the number, and the item that had to go
    /// if there was no room.
    pub(super) fn push(&mut self, make: impl FnOnce(u64) -> T) -> (u64, Option<T>) {
        let is_full = self.items.len() >= self.at_most;
        let gone = is_full.then(|| self.items.pop_front()).flatten();
        self.last += 1;
        self.items.push_back((self.last, make(self.last)));
        (self.last, gone.map(|(_, item)| item))
    }

    /// The items with higher numbers than `number`, in order.
    pub(super) fn after(&self, number: u64) -> impl Iterator<Item = &(u64, T)> {
        let start = self.items.partition_point(|(n, _)| *n <= number);
        self.items.range(start..)
    }

    /// The number given out last; 0 if there is none yet.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Removes the others without counting them as dropped.
    pub(super) fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        self.items.retain(|(_, item)| keep(item));
    }
}
