//! From violations of a schema to faults that tell what to do.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::branch::{self, Choice};
use super::expected::{MOST_NAMES, expected, found};
use super::hint::{self, Hints};
use super::schema::View;
use super::violation::{Kind, Violation, entry};
use super::words::{count, list, quote};
use super::{Document, Fault, nearest};

/// Turns violations found in one document into faults.
pub(super) struct Explainer<'a> {
    pub(super) document: &'a Document,
    pub(super) schema: &'a Value,
    pub(super) hints: Hints<'a>,
}

impl<'a> Explainer<'a> {
    /// Explains all violations of one schema, or of one branch of it, by one value.
    pub(super) fn explain(&self, violations: &[Violation<'_>]) -> Vec<Fault> {
        let of_wrong_type: HashSet<&str> = violations
            .iter()
            .filter(|violation| violation.is_about_type())
            .map(|violation| violation.pointer.as_str())
            .collect();
        let mut faults = Vec::new();
        let mut missing: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for violation in violations {
            let pointer = violation.pointer.as_str();
            // A fault about the type of a value says all there is to say about it.
            let is_overruled = of_wrong_type.contains(pointer) && !violation.is_about_type();
            if is_overruled || self.document.is_broken(pointer) {
                continue;
            }
            if let Kind::Missing(name) = violation.kind {
                missing.entry(pointer).or_default().push(name);
            } else {
                faults.extend(self.violation(violation));
            }
        }
        for (pointer, mut names) in missing {
            if !self.document.lacks_entries(pointer) {
                names.retain(|name| !is_misspelt(name, pointer, violations));
                faults.extend(self.missing_keys(pointer, &names));
            }
        }
        faults
    }

    fn violation(&self, violation: &Violation<'_>) -> Vec<Fault> {
        let (pointer, schema) = (violation.pointer.as_str(), violation.schema);
        let value = self.document.value.pointer(pointer);
        let value = value.unwrap_or(&Value::Null);
        let fault = match &violation.kind {
            Kind::Unknown(keys) => {
                let keys = keys.iter();
                return keys
                    .map(|key| self.unknown_key(pointer, key, schema))
                    .collect();
            }
            Kind::NoBranch(branches) => return self.no_branch(pointer, value, schema, branches),
            Kind::Repeated => return self.repeated_entries(pointer, value),
            Kind::Key(key) => self.refused_key(pointer, key, schema),
            Kind::Format(format) => self.format(pointer, value, schema, format),
            Kind::TooFew(limit) => self.amount(pointer, value, "at least", *limit),
            Kind::TooMany(limit) => self.amount(pointer, value, "at most", *limit),
            Kind::Missing(_) | Kind::Type | Kind::Value => self.mismatch(pointer, value, schema),
        };
        vec![fault]
    }

    /// A value that is not what the schema expects.
    fn mismatch(&self, pointer: &str, value: &Value, schema: View<'_>) -> Fault {
        let written = self.document.source_text(pointer);
        let message = format!(
            "expected {}, found {}",
            expected(schema),
            found(schema, value, written)
        );
        let hint = match value {
            Value::Null => self.hint_for_nothing(pointer),
            _ => self
                .hints
                .for_mismatch(schema, value, written.unwrap_or_default()),
        };
        self.document.fault_at(pointer, message).with_hint_if(hint)
    }

    fn no_branch(
        &self,
        pointer: &str,
        value: &Value,
        schema: View<'_>,
        branches: &[Vec<Violation<'_>>],
    ) -> Vec<Fault> {
        match branch::choose(schema, value, pointer, branches) {
            Choice::Only(index) => self.explain(&branches[index]),
            Choice::Unclear => vec![self.mismatch(pointer, value, schema)],
        }
    }

    fn format(&self, pointer: &str, value: &Value, schema: View<'_>, format: &str) -> Fault {
        let told = value
            .as_str()
            .and_then(|text| self.hints.told_by_format(format, text));
        self.mismatch(pointer, value, schema).with_hint_if(told)
    }

    fn hint_for_nothing(&self, pointer: &str) -> Option<String> {
        let (parent, _) = pointer.rsplit_once('/')?;
        let in_list = self
            .document
            .value
            .pointer(parent)
            .is_some_and(Value::is_array);
        let part = if in_list { "entry" } else { "key" };
        Some(format!("remove the {part} or give it a value"))
    }

    fn unknown_key(&self, pointer: &str, key: &str, schema: View<'_>) -> Fault {
        let hint = hint::for_unknown_key(key, schema, View::root(self.schema), pointer);
        let message = format!("unknown key {}", quote(key));
        self.document
            .fault_at_key(&entry(pointer, key), message)
            .with_hint_if(hint)
    }

    fn missing_keys(&self, pointer: &str, names: &[&str]) -> Option<Fault> {
        let noun = match names.len() {
            0 => return None,
            1 => "key",
            _ => "keys",
        };
        let names = list(names.iter().copied(), " and ", MOST_NAMES);
        Some(
            self.document
                .fault_at_key(pointer, format!("missing {noun} {names}")),
        )
    }

    fn refused_key(&self, pointer: &str, key: &str, schema: View<'_>) -> Fault {
        let message = format!(
            "expected {} as a key, found {}",
            expected(schema),
            quote(key)
        );
        let hint = self.hints.for_mismatch(schema, &Value::from(key), key);
        self.document
            .fault_at_key(&entry(pointer, key), message)
            .with_hint_if(hint)
    }

    /// A value of which there is too much or too little.
    fn amount(&self, pointer: &str, value: &Value, bound: &str, limit: u64) -> Fault {
        let (length, nothing, one, many) = match value {
            Value::Array(entries) => (entries.len(), "an empty list", "entry", "entries"),
            Value::Object(entries) => (entries.len(), "an empty mapping", "key", "keys"),
            _ => {
                let text = value.as_str().unwrap_or_default();
                (
                    text.chars().count(),
                    "empty text",
                    "character",
                    "characters",
                )
            }
        };
        let found = match length {
            0 => nothing.to_owned(),
            _ => length.to_string(),
        };
        let amount = count(limit, one, many);
        let message = format!("expected {bound} {amount}, found {found}");
        self.document.fault_at(pointer, message)
    }

    fn repeated_entries(&self, pointer: &str, value: &Value) -> Vec<Fault> {
        let mut seen = HashSet::new();
        let entries = value.as_array().into_iter().flatten().enumerate();
        let repeated = entries.filter(|(_, entry)| !seen.insert(*entry));
        repeated
            .map(|(at, _)| {
                let pointer = format!("{pointer}/{at}");
                let message = match self.document.source_text(&pointer) {
                    Some(written) => format!("duplicate entry {}", quote(written)),
                    None => "duplicate entry".to_owned(),
                };
                self.document.fault_at(&pointer, message)
            })
            .collect()
    }
}

/// Whether a missing key is there after all, but for its spelling, which is a fault of its own.
fn is_misspelt(name: &str, pointer: &str, violations: &[Violation<'_>]) -> bool {
    violations.iter().any(|violation| match &violation.kind {
        Kind::Unknown(keys) => {
            violation.pointer == pointer && keys.iter().any(|key| nearest(key, [name]).is_some())
        }
        _ => false,
    })
}
