//! From violations of a schema to faults that tell what to do.

use std::collections::{BTreeMap, HashSet};

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Violation;
use serde_json::Value;

use super::branch::{self, Choice};
use super::expected::{MOST_NAMES, expected, found};
use super::hint::{self, Hints};
use super::schema::View;
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
    pub(super) fn explain(&self, errors: &[ValidationError<'_>]) -> Vec<Fault> {
        let of_wrong_type: HashSet<&str> = errors
            .iter()
            .filter(|error| is_about_type(error))
            .map(|error| error.instance_path().as_str())
            .collect();
        let mut faults = Vec::new();
        let mut missing: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for error in errors {
            let pointer = error.instance_path().as_str();
            // A fault about the type of a value says all there is to say about it.
            let is_overruled = of_wrong_type.contains(pointer) && !is_about_type(error);
            if is_overruled || self.document.is_broken(pointer) {
                continue;
            }
            if let Violation::Required { property } = error.kind() {
                missing
                    .entry(pointer)
                    .or_default()
                    .extend(property.as_str());
            } else {
                faults.extend(self.violation(error));
            }
        }
        for (pointer, mut names) in missing {
            if !self.document.lacks_entries(pointer) {
                names.retain(|name| !is_misspelt(name, pointer, errors));
                faults.extend(self.missing_keys(pointer, &names));
            }
        }
        faults
    }

    fn violation(&self, error: &ValidationError<'_>) -> Vec<Fault> {
        let pointer = error.instance_path().as_str();
        let value: &Value = error.instance();
        let schema = View::around_keyword(self.schema, error.schema_path().as_str())
            .unwrap_or_else(|| View::root(self.schema));
        let fault = match error.kind() {
            Violation::AdditionalProperties { unexpected }
            | Violation::UnevaluatedProperties { unexpected } => {
                let keys = unexpected.iter();
                return keys
                    .map(|key| self.unknown_key(pointer, key, schema))
                    .collect();
            }
            Violation::AnyOf { context } | Violation::OneOfNotValid { context } => {
                return self.no_branch(pointer, value, schema, context);
            }
            Violation::PropertyNames { error } => self.refused_key(pointer, error),
            Violation::FalseSchema => self
                .document
                .fault_at_key(pointer, "this is not allowed here"),
            Violation::UniqueItems => return self.repeated_entries(pointer, value),
            Violation::Format { format } => self.format(pointer, value, schema, format),
            kind => match too_many_or_few(kind, value) {
                Some(message) => self.document.fault_at(pointer, message),
                None => self.mismatch(pointer, value, schema),
            },
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
        context: &[Vec<ValidationError<'_>>],
    ) -> Vec<Fault> {
        match branch::choose(schema, value, pointer, context) {
            Choice::Only(index) => self.explain(&context[index]),
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

    fn refused_key(&self, pointer: &str, error: &ValidationError<'_>) -> Fault {
        let key = error.instance().as_str().unwrap_or_default();
        let schema = View::around_keyword(self.schema, error.schema_path().as_str())
            .unwrap_or_else(|| View::root(self.schema));
        let message = format!(
            "expected {} as a key, found {}",
            expected(schema),
            quote(key)
        );
        let hint = self.hints.for_mismatch(schema, error.instance(), key);
        self.document
            .fault_at_key(&entry(pointer, key), message)
            .with_hint_if(hint)
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

fn is_about_type(error: &ValidationError<'_>) -> bool {
    matches!(error.kind(), Violation::Type { .. })
}

/// Whether a missing key is there after all, but for its spelling, which is a fault of its own.
fn is_misspelt(name: &str, pointer: &str, errors: &[ValidationError<'_>]) -> bool {
    errors.iter().any(|error| match error.kind() {
        Violation::AdditionalProperties { unexpected }
        | Violation::UnevaluatedProperties { unexpected } => {
            error.instance_path().as_str() == pointer
                && unexpected.iter().any(|key| nearest(key, [name]).is_some())
        }
        _ => false,
    })
}

/// Violations of length and number, which are about how much there is of a value.
fn too_many_or_few(kind: &Violation, value: &Value) -> Option<String> {
    let length = match value {
        Value::Array(entries) => entries.len(),
        Value::Object(entries) => entries.len(),
        Value::String(text) => text.chars().count(),
        _ => return None,
    };
    let (bound, limit, one, many) = match kind {
        Violation::MinItems { limit } => ("at least", *limit, "entry", "entries"),
        Violation::MaxItems { limit } => ("at most", *limit, "entry", "entries"),
        Violation::AdditionalItems { limit } => ("at most", *limit as u64, "entry", "entries"),
        Violation::MinProperties { limit } => ("at least", *limit, "key", "keys"),
        Violation::MaxProperties { limit } => ("at most", *limit, "key", "keys"),
        Violation::MinLength { limit } => ("at least", *limit, "character", "characters"),
        Violation::MaxLength { limit } => ("at most", *limit, "character", "characters"),
        _ => return None,
    };
    let found = match (length, value) {
        (0, Value::String(_)) => "empty text".to_owned(),
        (0, Value::Array(_)) => "an empty list".to_owned(),
        (0, _) => "an empty mapping".to_owned(),
        _ => length.to_string(),
    };
    Some(format!(
        "expected {bound} {}, found {found}",
        count(limit, one, many)
    ))
}

/// The pointer of an entry of a mapping.
fn entry(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}
