//! The rate limit of contract 10-19: so many requests in any second.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use crate::domain::Moment;

/// The span over which requests are counted.
const WINDOW: Duration = Duration::from_secs(1);

/// Counts requests over a sliding second. Requests over the limit do not count.
#[derive(Debug)]
pub(crate) struct RateLimit {
    per_second: usize,
    /// When the latest requests of each source came, oldest first; never more than the limit.
    admitted: HashMap<Option<IpAddr>, VecDeque<Moment>>,
}

impl RateLimit {
    pub(crate) fn new(per_second: u32) -> Self {
        Self {
            per_second: usize::try_from(per_second).unwrap_or(usize::MAX),
            admitted: HashMap::new(),
        }
    }

    /// Whether one more request of `source` is within the limit; counts it if so.
    pub(crate) fn admit(&mut self, source: Option<IpAddr>, now: Moment) -> bool {
        let admitted = self.admitted.entry(source).or_default();
        while admitted.front().is_some_and(|&at| now.since(at) >= WINDOW) {
            admitted.pop_front();
        }
        let within = admitted.len() < self.per_second;
        if within {
            admitted.push_back(now);
        }
        within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_admitted_if_fewer_than_the_limit_came_in_the_last_second() {
        let at = |millis| Moment::from_epoch(Duration::from_millis(millis));
        let mut limit = RateLimit::new(2);
        for (millis, admitted) in [
            (0, true),
            (500, true),
            (999, false),
            (1_000, true),
            (1_499, false),
            (1_500, true),
            (9_000, true),
        ] {
            assert_eq!(limit.admit(None, at(millis)), admitted, "at {millis} ms");
        }
    }

    #[test]
    fn each_source_has_a_limit_of_its_own() {
        let now = Moment::from_epoch(Duration::ZERO);
        let mut limit = RateLimit::new(1);
        assert!(limit.admit(Some(IpAddr::from([127, 0, 0, 1])), now));
        assert!(limit.admit(Some(IpAddr::from([127, 0, 0, 2])), now));
        assert!(!limit.admit(Some(IpAddr::from([127, 0, 0, 1])), now));
    }
}
