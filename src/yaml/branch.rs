//! Which of several forms of a value was meant.

use std::cmp::Reverse;

use serde_json::{Map, Value};

use super::nearest;
use super::schema::View;
use super::violation::{Kind, Violation};

/// The form that was meant, if one can tell.
#[derive(Debug, PartialEq)]
pub(super) enum Choice {
    /// The branch with this number; its own violations say what is wrong.
    Only(usize),
    /// Any of several, or none: only all of them together say what is expected.
    Unclear,
}

/// Picks the branch that fits best, given the violations of each.
///
/// A branch is out if it expects another type. Among those left for a mapping, the one with most of the
/// keys in common wins, and of equal ones the one with fewer violations.
pub(super) fn choose(
    schema: View<'_>,
    value: &Value,
    pointer: &str,
    violations: &[Vec<Violation<'_>>],
) -> Choice {
    let fitting = (0..violations.len()).filter(|at| has_right_type(&violations[*at], pointer));
    let fitting: Vec<usize> = fitting.collect();
    match (fitting.as_slice(), value) {
        ([only], _) => Choice::Only(*only),
        ([], _) => Choice::Unclear,
        (several, Value::Object(entries)) => {
            let branches = schema.branches();
            let shared = |at: usize| {
                branches
                    .get(at)
                    .map_or(0, |branch| in_common(*branch, entries))
            };
            let scored = several
                .iter()
                .map(|at| (shared(*at), *at))
                .filter(|(shared, _)| *shared > 0);
            // `max_by_key` takes the last of equal ones, and the first is wanted.
            let best = scored
                .max_by_key(|(shared, at)| (*shared, Reverse(violations[*at].len()), Reverse(*at)));
            best.map_or(Choice::Unclear, |(_, at)| Choice::Only(at))
        }
        _ => Choice::Unclear,
    }
}

fn has_right_type(violations: &[Violation<'_>], pointer: &str) -> bool {
    !violations.iter().any(|violation| {
        violation.pointer == pointer
            && match &violation.kind {
                Kind::Type => true,
                Kind::NoBranch(branches) => branches
                    .iter()
                    .all(|branch| !has_right_type(branch, pointer)),
                _ => false,
            }
    })
}

/// How many keys of a mapping a branch knows, more or less: a misspelt key counts a little, one whose
/// value is the branch's `const` most.
fn in_common(branch: View<'_>, entries: &Map<String, Value>) -> usize {
    let score = |(name, schema): (&str, View<'_>)| match entries.get(name) {
        None => usize::from(nearest(name, entries.keys().map(String::as_str)).is_some()),
        Some(value) if schema.get("const") == Some(value) => 1000,
        Some(_) => 10,
    };
    branch.properties().into_iter().map(score).sum()
}
