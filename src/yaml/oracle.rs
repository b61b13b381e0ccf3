//! Whether documents are checked as a validator for all of JSON Schema would check them.

use std::sync::Arc;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value, json};

use super::schema::View;
use super::shape::Formats;
use super::violation::{KEYWORDS, Kind, Violation, violations};

/// Keywords that say nothing about which values are allowed.
const ANNOTATIONS: [&str; 10] = [
    "$defs",
    "$ref",
    "$schema",
    "default",
    "description",
    "examples",
    "title",
    "x-expected",
    "x-nullable",
    "deprecated",
];

/// Formats that say no more than the limits beside them, or nothing to either validator.
const EMPTY_FORMATS: [&str; 9] = [
    "double", "int32", "int64", "ip", "uint", "uint16", "uint32", "uint64", "uint8",
];

/// Fails for a schema that says anything that documents are not checked by.
pub(crate) fn assert_known(schema: &Value, formats: &Formats) {
    let Value::Object(keywords) = schema else {
        assert_eq!(*schema, json!(true), "nothing is checked by this");
        return;
    };
    let is_checked = |keyword: &str| KEYWORDS.iter().any(|(known, _)| *known == keyword);
    for (keyword, says) in keywords {
        let is_known = is_checked(keyword) || ANNOTATIONS.contains(&keyword.as_str());
        assert!(is_known, "`{keyword}` is not checked: {schema}");
        match (keyword.as_str(), says) {
            ("$ref", says) => {
                let is_alone = !keywords.keys().any(|keyword| is_checked(keyword));
                assert!(
                    is_alone && says.as_str().unwrap().starts_with("#/"),
                    "{schema}"
                );
            }
            ("format", says) => {
                let name = says.as_str().unwrap();
                assert!(
                    formats.contains_key(name) || EMPTY_FORMATS.contains(&name),
                    "{schema}"
                );
            }
            ("const", says) => assert!(!says.is_number(), "{schema}"),
            ("enum", Value::Array(values)) => {
                assert!(
                    values
                        .iter()
                        .all(|value| value.is_string() || value.is_null()),
                    "{schema}"
                );
            }
            ("pattern", says) => assert_pattern(says.as_str().unwrap()),
            ("uniqueItems", says) => assert_eq!(says, &json!(true), "{schema}"),
            ("$defs" | "properties", Value::Object(schemas)) => {
                assert_all_known(schemas.values(), formats)
            }
            ("additionalProperties", Value::Bool(false)) => {}
            ("patternProperties", Value::Object(schemas)) => {
                schemas.keys().for_each(|pattern| assert_pattern(pattern));
                assert_all_known(schemas.values(), formats);
            }
            ("anyOf" | "oneOf", Value::Array(schemas)) => assert_all_known(schemas, formats),
            ("items" | "additionalProperties" | "propertyNames", says) => {
                assert_known(says, formats)
            }
            _ => {}
        }
    }
}

fn assert_all_known<'a>(schemas: impl IntoIterator<Item = &'a Value>, formats: &Formats) {
    for schema in schemas {
        assert_known(schema, formats);
    }
}

fn assert_pattern(pattern: &str) {
    assert!(regex_lite::Regex::new(pattern).is_ok(), "`{pattern}`");
}

/// Fails unless both find the same violations in what becomes of documents that are changed at random.
pub(crate) fn assert_agrees(schema: &Value, formats: &Formats, documents: &[Value]) {
    let validator = validator(schema, formats);
    let teller = Teller::new(schema);
    let words = words(schema);
    let documents = proptest::sample::select(documents.to_vec());
    let changes = proptest::collection::vec(change(words), 0..4);
    proptest!(|(document in documents, changes in changes)| {
        let document = changes.into_iter().fold(document, |document, change| change.made_to(document));
        let ours = violations(&document, View::root(schema), formats);
        let theirs: Vec<_> = validator.iter_errors(&document).collect();
        let (ours, theirs) = (teller.all_ours(&ours), teller.all_theirs(&theirs));
        prop_assert_eq!(ours, theirs, "{}", document);
    });
}

fn validator(schema: &Value, formats: &Formats) -> Validator {
    let mut options = jsonschema::options().should_validate_formats(true);
    for (name, check) in formats {
        let check = Arc::clone(check);
        options = options.with_format(name.clone(), move |text: &str| check(text).is_ok());
    }
    options.build(schema).unwrap()
}

/// The pointer of the value, that of the schema, and what is wrong.
type Told = (String, String, Value);

/// Tells a violation in a way that both validators have in common.
struct Teller<'a> {
    root: &'a Value,
    /// Of the root's parts.
    pointers: Vec<String>,
}

impl<'a> Teller<'a> {
    fn new(root: &'a Value) -> Self {
        Self {
            root,
            pointers: pointers(root),
        }
    }

    fn all_ours(&self, violations: &[Violation<'_>]) -> Vec<Told> {
        missing_last(violations.iter().map(|one| self.ours(one)))
    }

    fn all_theirs(&self, errors: &[ValidationError<'_>]) -> Vec<Told> {
        missing_last(errors.iter().map(|one| self.theirs(one)))
    }

    fn ours(&self, violation: &Violation<'_>) -> Told {
        let kind = match &violation.kind {
            Kind::Type => json!("type"),
            Kind::Value => json!("value"),
            Kind::Format(name) => json!({ "format": name }),
            Kind::TooFew(limit) => json!({ "at least": limit }),
            Kind::TooMany(limit) => json!({ "at most": limit }),
            Kind::Repeated => json!("repeated"),
            Kind::Missing(name) => json!({ "missing": name }),
            Kind::Unknown(keys) => json!({ "unknown": keys }),
            Kind::Key(key) => json!({ "key": key }),
            Kind::NoBranch(branches) => branches
                .iter()
                .map(|all| json!(self.all_ours(all)))
                .collect(),
        };
        let schema = violation.schema.value;
        let is_here = |pointer: &&String| std::ptr::eq(self.root.pointer(pointer).unwrap(), schema);
        let schema = self.pointers.iter().find(is_here).unwrap();
        (violation.pointer.clone(), schema.clone(), kind)
    }

    fn theirs(&self, error: &ValidationError<'_>) -> Told {
        let kind = match error.kind() {
            ValidationErrorKind::Type { .. } => json!("type"),
            ValidationErrorKind::Format { format } => json!({ "format": format }),
            ValidationErrorKind::MinItems { limit }
            | ValidationErrorKind::MinProperties { limit }
            | ValidationErrorKind::MinLength { limit } => json!({ "at least": limit }),
            ValidationErrorKind::MaxItems { limit }
            | ValidationErrorKind::MaxProperties { limit }
            | ValidationErrorKind::MaxLength { limit } => json!({ "at most": limit }),
            ValidationErrorKind::UniqueItems => json!("repeated"),
            ValidationErrorKind::Required { property } => json!({ "missing": property }),
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                json!({ "unknown": unexpected })
            }
            ValidationErrorKind::PropertyNames { error } => {
                json!({ "key": error.instance().as_ref() })
            }
            ValidationErrorKind::AnyOf { context }
            | ValidationErrorKind::OneOfNotValid { context } => context
                .iter()
                .map(|all| json!(self.all_theirs(all)))
                .collect(),
            _ => json!("value"),
        };
        let (schema, _) = error.schema_path().as_str().rsplit_once('/').unwrap();
        (error.instance_path().to_string(), schema.to_owned(), kind)
    }
}

/// In the order in which faults are told, but for missing keys, which the oracle tells now here, now there:
/// these are last, by place and name.
fn missing_last(told: impl Iterator<Item = Told>) -> Vec<Told> {
    let mut told: Vec<_> = told.collect();
    told.sort_by_key(|(place, _, kind)| {
        let missing = kind.get("missing")?;
        Some((place.clone(), missing.to_string()))
    });
    told
}

/// Something else in the place of a part of a document.
#[derive(Debug, Clone)]
struct Change {
    place: Index,
    kind: ChangeKind,
}

#[derive(Debug, Clone)]
enum ChangeKind {
    Replace(Value),
    Insert(String, Value),
    Rename(Index, String),
    Remove(Index),
}

impl Change {
    fn made_to(self, mut document: Value) -> Value {
        let pointers = pointers(&document);
        let place = document
            .pointer_mut(self.place.get(pointers.as_slice()).as_str())
            .unwrap();
        match (self.kind, place) {
            (ChangeKind::Replace(value), place) => *place = value,
            (ChangeKind::Insert(key, value), Value::Object(entries)) => {
                _ = entries.insert(key, value)
            }
            (ChangeKind::Insert(_, value), Value::Array(entries)) => entries.push(value),
            (ChangeKind::Rename(at, key), Value::Object(entries)) if !entries.is_empty() => {
                let old = entries.keys().nth(at.index(entries.len())).unwrap().clone();
                let value = entries.remove(&old).unwrap();
                entries.insert(key, value);
            }
            (ChangeKind::Remove(at), Value::Object(entries)) if !entries.is_empty() => {
                let key = entries.keys().nth(at.index(entries.len())).unwrap().clone();
                entries.remove(&key);
            }
            (ChangeKind::Remove(at), Value::Array(entries)) if !entries.is_empty() => {
                entries.remove(at.index(entries.len()));
            }
            (ChangeKind::Rename(..) | ChangeKind::Remove(_) | ChangeKind::Insert(..), _) => {}
        }
        document
    }
}

/// The pointers of a value and of all its parts.
fn pointers(value: &Value) -> Vec<String> {
    let parts: Vec<(String, &Value)> = match value {
        Value::Array(entries) => entries
            .iter()
            .enumerate()
            .map(|(at, entry)| (at.to_string(), entry))
            .collect(),
        Value::Object(entries) => entries
            .iter()
            .map(|(key, entry)| (key.clone(), entry))
            .collect(),
        _ => Vec::new(),
    };
    let below = parts.into_iter().flat_map(|(key, part)| {
        let part = pointers(part).into_iter();
        part.map(move |pointer| super::violation::entry("", &key) + &pointer)
            .collect::<Vec<_>>()
    });
    std::iter::once(String::new()).chain(below).collect()
}

fn change(words: Vec<String>) -> impl Strategy<Value = Change> {
    let word = proptest::sample::select(words);
    let value = value(word.clone().boxed());
    let kind = prop_oneof![
        value.clone().prop_map(ChangeKind::Replace),
        (word.clone(), value).prop_map(|(key, value)| ChangeKind::Insert(key, value)),
        (any::<Index>(), word).prop_map(|(at, key)| ChangeKind::Rename(at, key)),
        any::<Index>().prop_map(ChangeKind::Remove),
    ];
    (any::<Index>(), kind).prop_map(|(place, kind)| Change { place, kind })
}

fn value(word: BoxedStrategy<String>) -> BoxedStrategy<Value> {
    let numbers = vec![
        json!(0),
        json!(-1),
        json!(1),
        json!(2.0),
        json!(2.5),
        json!(-0.0),
        json!(10),
        json!(100),
        json!(101),
        json!(65536),
        json!(u32::MAX),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1e19),
        json!(1e300),
        json!(18_446_744_073_709_551_616.0),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        proptest::sample::select(numbers),
        word.clone().prop_map(Value::from),
        "[ -~äß~/]{0,70}".prop_map(Value::from),
    ];
    let entries = leaf.prop_recursive(3, 12, 3, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map(word.clone(), inner, 0..3)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    });
    entries.boxed()
}

/// Keys and texts that a schema knows, and a few that it does not.
fn words(schema: &Value) -> Vec<String> {
    let mut words = vec![
        "",
        "x",
        "7",
        "1s",
        "1e3",
        "real",
        "20x",
        "5498f04048fa",
        "http://a/b",
        "~/",
    ];
    let mut open = vec![schema];
    while let Some(next) = open.pop() {
        match next {
            Value::Object(entries) => {
                let properties = entries.get("properties").and_then(Value::as_object);
                words.extend(
                    properties
                        .into_iter()
                        .flat_map(Map::keys)
                        .map(String::as_str),
                );
                words.extend(entries.get("const").and_then(Value::as_str));
                open.extend(entries.values());
            }
            Value::Array(entries) => open.extend(entries),
            _ => {}
        }
    }
    words.into_iter().map(str::to_owned).collect()
}
