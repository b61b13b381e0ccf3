use std::collections::HashMap;

use super::matching::{Conditions, Field};
use crate::domain::MakeCall;

/// Which conditions a call can meet, without asking all of them: most ask for exact values of a field.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// The ranks of the conditions that ask for a value, by field and value.
    exact: Vec<(Field, RanksByValue)>,
    /// The ranks of those that only ask for patterns.
    others: Vec<usize>,
}

type RanksByValue = HashMap<Box<str>, Vec<usize>>;

impl Index {
    /// Of conditions in the order of their ranks.
    pub(super) fn of<'a>(conditions: impl IntoIterator<Item = &'a Conditions>) -> Self {
        let mut index = Self::default();
        for (rank, conditions) in conditions.into_iter().enumerate() {
            let Some((field, values)) = conditions.exact() else {
                index.others.push(rank);
                continue;
            };
            let by_value = index.by_value(field);
            for value in values {
                by_value
                    .entry(value.as_str().into())
                    .or_default()
                    .push(rank);
            }
        }
        index
    }

    fn by_value(&mut self, field: Field) -> &mut RanksByValue {
        let known = self.exact.iter().position(|(known, _)| *known == field);
        let place = known.unwrap_or_else(|| {
            self.exact.push((field, HashMap::new()));
            self.exact.len() - 1
        });
        &mut self.exact[place].1
    }

    /// The values that are asked for in this field.
    pub(super) fn values(&self, field: Field) -> impl Iterator<Item = &str> {
        let of_field = self.exact.iter().filter(move |(known, _)| *known == field);
        of_field.flat_map(|(_, by_value)| by_value.keys().map(|value| &**value))
    }

    /// The lowest rank that `fits`, asking only of those that can.
    pub(super) fn first(&self, call: &MakeCall, fits: impl Fn(usize) -> bool) -> Option<usize> {
        let mut best = usize::MAX;
        let mut consider = |ranks: &[usize]| {
            let mut better = ranks.iter().take_while(|&&rank| rank < best);
            if let Some(&rank) = better.find(|&&rank| fits(rank)) {
                best = rank;
            }
        };
        for (field, by_value) in &self.exact {
            for value in field.values(call) {
                consider(by_value.get(&*value).map_or(&[][..], Vec::as_slice));
            }
        }
        consider(&self.others);
        (best != usize::MAX).then_some(best)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scenario::MatchFile;

    fn conditions(text: &str) -> Conditions {
        let file: MatchFile = serde_json::from_str(text).unwrap();
        Conditions::from(file)
    }

    proptest! {
        #[test]
        fn the_index_finds_what_asking_all_finds(
            asked in prop::collection::vec(("[ab*]{1,2}", "[so?]{1,4}", any::<bool>()), 0..8),
            callee in "[ab]{1,2}",
        ) {
            let all: Vec<_> = asked
                .iter()
                .map(|(user, service, both)| match both {
                    true => conditions(&format!(r#"{{"to_user_id": "{user}", "to_service_id": "{service}"}}"#)),
                    false => conditions(&format!(r#"{{"to_user_id": ["{user}", "b"]}}"#)),
                })
                .collect();
            let call = MakeCall::sample(&callee);
            let expected = all.iter().position(|conditions| conditions.hold_for(&call));
            let index = Index::of(&all);
            prop_assert_eq!(index.first(&call, |rank| all[rank].hold_for(&call)), expected);
        }
    }
}
