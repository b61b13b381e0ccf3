use std::sync::Arc;

use super::{CallEntry, CallRecord, Journal, RequestEntry};
use crate::domain::CallState;
use crate::sync::locked;

/// So many entries are looked at in one go: the journal is locked for no longer than it takes to
/// collect them.
const CHUNK: usize = 256;

/// What was asked for, in the order of acceptance, and where to go on if there is more.
///
/// A cursor is the number of the last entry seen. Hence entries that come or go in the meantime make no
/// page skip or repeat another one.
type Page<T> = (Vec<Arc<T>>, Option<u64>);

/// Which calls are asked for: those of which everything given is true.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CallFilter {
    pub(crate) project: Option<String>,
    pub(crate) state: Option<CallState>,
    pub(crate) settled: Option<bool>,
    pub(crate) scenario: Option<String>,
    pub(crate) chosen_by: Option<String>,
    pub(crate) to_user_id: Option<String>,
    pub(crate) to_service_id: Option<String>,
    pub(crate) from_user_id: Option<String>,
    pub(crate) from_service_id: Option<String>,
    pub(crate) app_svr_data: Option<String>,
}

impl CallFilter {
    pub(crate) fn matches(&self, record: &CallRecord<'_>) -> bool {
        let placed = &record.placed;
        let (from, to) = (&placed.call.from, &placed.call.to);
        is(&self.project, Some(&placed.origin.project))
            && self.state.is_none_or(|state| state == record.state())
            && self.settled.is_none_or(|settled| settled == record.settled)
            && is(&self.scenario, Some(&placed.scenario))
            && is(&self.chosen_by, Some(placed.chosen_by))
            && is(&self.to_user_id, Some(&to.user_id))
            && is(&self.to_service_id, Some(&to.service_id))
            && is(&self.from_user_id, Some(from.user_id.as_str()))
            && is(&self.from_service_id, Some(from.service_id.as_str()))
            && is(&self.app_svr_data, placed.call.app_svr_data.as_deref())
    }
}

/// Which requests are asked for: those of which everything given is true.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RequestFilter {
    pub(crate) project: Option<String>,
    pub(crate) status: Option<u16>,
}

impl RequestFilter {
    fn matches(&self, entry: &RequestEntry) -> bool {
        is(&self.project, entry.request.project.as_deref())
            && self
                .status
                .is_none_or(|status| status == entry.request.status)
    }
}

fn is(wanted: &Option<String>, found: Option<&str>) -> bool {
    wanted.is_none() || wanted.as_deref() == found
}

impl Journal {
    /// At most `limit` calls, at least one, after the one that `cursor` stands for.
    pub(crate) fn calls(
        &self,
        filter: &CallFilter,
        limit: usize,
        cursor: Option<u64>,
    ) -> Page<CallEntry> {
        let chunk_after = |number| {
            let shelves = locked(&self.shelves);
            let chunk = shelves.after(number).take(CHUNK);
            chunk.map(|entry| (entry.number, entry.clone())).collect()
        };
        let is_wanted = |entry: &CallEntry| entry.read(|record| filter.matches(record));
        page(limit, cursor, chunk_after, is_wanted)
    }

    /// At most `limit` requests, at least one, after the one that `cursor` stands for.
    pub(crate) fn requests(
        &self,
        filter: &RequestFilter,
        limit: usize,
        cursor: Option<u64>,
    ) -> Page<RequestEntry> {
        let chunk_after = |number| {
            let requests = &self.requests;
            requests.after(number, CHUNK, |n, entry| (n, entry.clone()))
        };
        page(limit, cursor, chunk_after, |entry| filter.matches(entry))
    }
}

/// `chunk_after` gives some entries above a number in their order, or none at the end.
fn page<T>(
    limit: usize,
    cursor: Option<u64>,
    chunk_after: impl Fn(u64) -> Vec<(u64, Arc<T>)>,
    is_wanted: impl Fn(&T) -> bool,
) -> Page<T> {
    let limit = limit.max(1);
    let mut found = Vec::new();
    let mut seen = cursor.unwrap_or_default();
    while found.len() <= limit {
        let chunk = chunk_after(seen);
        let Some((last, _)) = chunk.last() else {
            break;
        };
        seen = *last;
        found.extend(chunk.into_iter().filter(|(_, entry)| is_wanted(entry)));
    }
    let next = (found.len() > limit).then(|| found[limit - 1].0);
    found.truncate(limit);
    (found.into_iter().map(|(_, entry)| entry).collect(), next)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::journal::RequestRecord;
    use crate::journal::sample::{at, opened, opened_in};

    /// What happens to the journal between two pages.
    #[derive(Debug, Clone, Copy)]
    enum Between {
        Open,
        /// Settles the oldest live call, which may drop a settled one.
        Settle,
        Forget,
    }

    fn between() -> impl Strategy<Value = Between> {
        prop_oneof![
            3 => Just(Between::Open),
            3 => Just(Between::Settle),
            1 => Just(Between::Forget),
        ]
    }

    proptest! {
        #[test]
        fn paging_never_skips_or_repeats_a_call_that_stays(
            before in 0_u8..40,
            limit in 1_usize..7,
            steps in prop::collection::vec(prop::collection::vec(between(), 0..4), 60),
        ) {
            let journal = Journal::new(4);
            let filter = CallFilter { project: Some("shop".into()), ..CallFilter::default() };
            let mut live: Vec<_> = (0..before).map(|n| opened_in(&journal, n, ("shop", 1))).collect();
            opened_in(&journal, 99, ("bank", 0));
            opened_in(&journal, 98, ("shop", 0));
            let at_first: BTreeSet<_> = live.iter().map(|entry| entry.number).collect();
            let (mut seen, mut cursor) = (Vec::new(), None);
            for happenings in steps {
                let (page, next) = journal.calls(&filter, limit, cursor);
                prop_assert!(page.len() <= limit);
                prop_assert!(next.is_none() || page.len() == limit);
                seen.extend(page.iter().map(|entry| entry.number));
                let Some(next) = next else { break };
                cursor = Some(next);
                for happening in happenings {
                    match happening {
                        Between::Open => live.push(opened_in(&journal, 100, ("shop", 1))),
                        Between::Settle if !live.is_empty() => journal.settle(&live.remove(0)),
                        Between::Settle => {}
                        Between::Forget => journal.forget("shop", 1),
                    }
                }
            }
            prop_assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
            let kept: BTreeSet<_> = journal.calls(&filter, 1_000, None).0
                .iter().map(|entry| entry.number).collect();
            for number in kept.intersection(&at_first) {
                prop_assert!(seen.contains(number), "{number} is not in {seen:?}");
            }
        }
    }

    #[test]
    fn calls_are_found_by_what_is_given() {
        let journal = Journal::new(10);
        let first = opened(&journal, 1);
        let second = opened_in(&journal, 2, ("shop", 0));
        second.enter(CallState::Ringing, at(5));
        journal.settle(&first);
        let some = |text: &str| Some(text.to_owned());
        let none = CallFilter::default();
        #[rustfmt::skip]
        let cases = [
            (none.clone(), 2),
            (CallFilter { project: some("shop"), ..none.clone() }, 1),
            (CallFilter { state: Some(CallState::Ringing), ..none.clone() }, 1),
            (CallFilter { state: Some(CallState::Ended), ..none.clone() }, 0),
            (CallFilter { settled: Some(false), ..none.clone() }, 1),
            (CallFilter { scenario: some("answered"), ..none.clone() }, 2),
            (CallFilter { chosen_by: some("header"), ..none.clone() }, 0),
            (CallFilter { to_user_id: some("user-1"), ..none.clone() }, 1),
            (CallFilter { to_service_id: some("shop"), ..none.clone() }, 2),
            (CallFilter { from_user_id: some("AGENT"), ..none.clone() }, 2),
            (CallFilter { from_service_id: some("bank"), ..none.clone() }, 0),
            (CallFilter { app_svr_data: some(""), ..none.clone() }, 0),
            (CallFilter { to_user_id: some("user-1"), settled: Some(false), ..none }, 0),
        ];
        let past_all = Some(u64::MAX);
        assert!(journal.calls(&cases[0].0, 10, past_all).0.is_empty());
        for (filter, expected) in cases {
            let (found, _) = journal.calls(&filter, 10, None);
            assert_eq!(found.len(), expected, "{filter:?}");
        }
    }

    #[test]
    fn the_latest_requests_are_kept_and_paged_by_number() {
        let journal = Journal::new(3);
        for path in ["/1", "/2", "/3", "/4"] {
            journal.requested(RequestRecord::new("POST", path, at(0)));
        }
        let all = RequestFilter::default();
        let numbers = |(page, next): Page<RequestEntry>| {
            let numbers: Vec<_> = page.iter().map(|entry| entry.n).collect();
            (numbers, next)
        };

        assert_eq!(
            numbers(journal.requests(&all, 2, None)),
            (vec![2, 3], Some(3))
        );
        assert_eq!(numbers(journal.requests(&all, 2, Some(3))), (vec![4], None));
        let refused = RequestFilter {
            status: Some(400),
            ..all
        };
        assert_eq!(numbers(journal.requests(&refused, 2, None)), (vec![], None));
    }

    #[test]
    fn forgetting_removes_the_requests_of_older_generations() {
        let journal = Journal::new(10);
        for of in [
            Some(("shop", 0)),
            Some(("shop", 1)),
            Some(("bank", 0)),
            None,
        ] {
            let request = RequestRecord::new("POST", "/", at(0));
            journal.requested(match of {
                Some((project, generation)) => request.of(project.into(), generation),
                None => request,
            });
        }

        journal.forget("shop", 1);

        let (kept, _) = journal.requests(&RequestFilter::default(), 10, None);
        let kept: Vec<_> = kept.iter().map(|entry| entry.n).collect();
        assert_eq!(kept, [2, 3, 4]);
    }
}
