use std::collections::VecDeque;

/// The latest items of a numbered sequence.
#[derive(Debug)]
pub(super) struct Ring<T> {
    at_most: usize,
    /// With their numbers, which rise but may have gaps.
    items: VecDeque<(u64, T)>,
    /// The number of the item that had to go last; 0 if none had to.
    gone: u64,
}

impl<T> Ring<T> {
    pub(super) fn new(at_most: usize) -> Self {
        Self {
            at_most,
            items: VecDeque::new(),
            gone: 0,
        }
    }

    /// Adds an item whose number is higher than all before. Gives back the item that had to go if there was
    /// no room.
    pub(super) fn push(&mut self, number: u64, item: T) -> Option<T> {
        let is_full = self.items.len() >= self.at_most;
        let gone = is_full.then(|| self.items.pop_front()).flatten();
        self.items.push_back((number, item));
        let (number, item) = gone?;
        self.gone = number;
        Some(item)
    }

    /// The items with higher numbers than `number`, in order.
    pub(super) fn after(&self, number: u64) -> impl Iterator<Item = &(u64, T)> {
        let start = self.items.partition_point(|(n, _)| *n <= number);
        self.items.range(start..)
    }

    /// The number of the item that had to go last; 0 if none had to.
    pub(super) fn gone(&self) -> u64 {
        self.gone
    }

    /// Removes the others without counting them as dropped.
    pub(super) fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        self.items.retain(|(_, item)| keep(item));
    }
}
