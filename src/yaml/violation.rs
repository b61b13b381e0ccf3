//! What in a value is not as its schema says.
//!
//! Checks by the keywords that the schemas of our types have, and by no others: a validator for all of JSON
//! Schema would be a third of the program. Tests compare the two, and refuse a schema that says more
//! (`oracle.rs`).

use std::cmp::Ordering;
use std::collections::HashSet;

use regex_lite::Regex;
use serde_json::{Map, Number, Value};

use super::schema::View;
use super::shape::Formats;

/// A keyword of a schema that a value violates.
pub(super) struct Violation<'s> {
    /// Leads to the value.
    pub(super) pointer: String,
    /// The schema to which the keyword belongs.
    pub(super) schema: View<'s>,
    pub(super) kind: Kind<'s>,
}

impl Violation<'_> {
    pub(super) fn is_about_type(&self) -> bool {
        matches!(self.kind, Kind::Type)
    }
}

/// In what way a value violates a schema.
pub(super) enum Kind<'s> {
    /// It is of another type.
    Type,
    /// It is another value, or fits several of the branches of `oneOf`.
    Value,
    /// This format refuses it.
    Format(&'s str),
    /// It has fewer entries, keys or characters than this.
    TooFew(u64),
    /// It has more entries, keys or characters than this.
    TooMany(u64),
    /// Some of its entries are equal.
    Repeated,
    /// It lacks this key.
    Missing(&'s str),
    /// It has these keys besides those that are known.
    Unknown(Vec<String>),
    /// It has this key, which the schema of keys does not allow.
    Key(String),
    /// It fits no branch, each of which has these violations.
    NoBranch(Vec<Vec<Violation<'s>>>),
}

/// Everything in a value that a schema does not allow.
pub(super) fn violations<'s>(
    value: &Value,
    schema: View<'s>,
    formats: &Formats,
) -> Vec<Violation<'s>> {
    let mut checker = Checker {
        formats,
        pointer: String::new(),
        found: Vec::new(),
    };
    checker.check(value, schema);
    checker.found
}

/// Whether a schema allows a value, whatever its formats mean.
pub(crate) fn allows(schema: &Value, value: &Value) -> bool {
    violations(value, View::root(schema), &Formats::new()).is_empty()
}

/// Checks a value by what one keyword of a schema says.
type Check = for<'s> fn(&mut Checker<'s, '_>, &Value, View<'s>, &'s Value);

/// The keywords, in the order in which violations of them are told.
pub(super) const KEYWORDS: [(&str, Check); 22] = [
    ("type", |checker, value, schema, names| {
        let fits = several(names).iter().any(|name| has_type(value, name));
        checker.expect(fits, schema, Kind::Type);
    }),
    ("const", |checker, value, schema, only| {
        checker.expect(value == only, schema, Kind::Value);
    }),
    ("enum", |checker, value, schema, values| {
        checker.expect(several(values).contains(value), schema, Kind::Value);
    }),
    ("minimum", |checker, value, schema, limit| {
        let fits = compare(value, limit).is_none_or(Ordering::is_ge);
        checker.expect(fits, schema, Kind::Value);
    }),
    ("maximum", |checker, value, schema, limit| {
        let fits = compare(value, limit).is_none_or(Ordering::is_le);
        checker.expect(fits, schema, Kind::Value);
    }),
    ("minLength", |checker, value, schema, limit| {
        checker.at_least(limit, characters(value), schema);
    }),
    ("maxLength", |checker, value, schema, limit| {
        checker.at_most(limit, characters(value), schema);
    }),
    ("minItems", |checker, value, schema, limit| {
        checker.at_least(limit, value.as_array().map(Vec::len), schema);
    }),
    ("maxItems", |checker, value, schema, limit| {
        checker.at_most(limit, value.as_array().map(Vec::len), schema);
    }),
    ("minProperties", |checker, value, schema, limit| {
        checker.at_least(limit, value.as_object().map(Map::len), schema);
    }),
    ("maxProperties", |checker, value, schema, limit| {
        checker.at_most(limit, value.as_object().map(Map::len), schema);
    }),
    ("required", |checker, value, schema, says| {
        checker.required(value, schema, says);
    }),
    ("pattern", |checker, value, schema, pattern| {
        let text = value.as_str();
        let fits = text.is_none_or(|text| matches(text, pattern.as_str().unwrap_or_default()));
        checker.expect(fits, schema, Kind::Value);
    }),
    ("format", |checker, value, schema, says| {
        checker.format(value, schema, says);
    }),
    ("uniqueItems", |checker, value, schema, _| {
        let mut seen = HashSet::new();
        let fits = several(value).iter().all(|entry| seen.insert(entry));
        checker.expect(fits, schema, Kind::Repeated);
    }),
    ("properties", |checker, value, schema, properties| {
        for (key, entry) in entries(value) {
            if let Some(property) = properties.get(key) {
                checker.check_at(key, entry, schema.at(property));
            }
        }
    }),
    ("patternProperties", |checker, value, schema, patterns| {
        for (key, entry) in entries(value) {
            for (_, property) in entries(patterns).filter(|(pattern, _)| matches(key, pattern)) {
                checker.check_at(key, entry, schema.at(property));
            }
        }
    }),
    ("additionalProperties", |checker, value, schema, says| {
        checker.additional_properties(value, schema, says);
    }),
    ("propertyNames", |checker, value, schema, says| {
        checker.property_names(value, schema, says);
    }),
    ("items", |checker, value, schema, each| {
        for (index, entry) in value.as_array().into_iter().flatten().enumerate() {
            checker.check_at(&index.to_string(), entry, schema.at(each));
        }
    }),
    ("anyOf", |checker, value, schema, branches| {
        let branches = checker.branches(value, schema, branches);
        let fits = branches.iter().any(Vec::is_empty);
        checker.expect(fits, schema, Kind::NoBranch(branches));
    }),
    ("oneOf", |checker, value, schema, branches| {
        let branches = checker.branches(value, schema, branches);
        match branches.iter().filter(|branch| branch.is_empty()).count() {
            0 => checker.expect(false, schema, Kind::NoBranch(branches)),
            fitting => checker.expect(fitting == 1, schema, Kind::Value),
        }
    }),
];

/// On its way through a value.
pub(super) struct Checker<'s, 'f> {
    formats: &'f Formats,
    /// Leads to where it is.
    pointer: String,
    found: Vec<Violation<'s>>,
}

impl<'s> Checker<'s, '_> {
    fn check(&mut self, value: &Value, schema: View<'s>) {
        let schema = schema.resolve();
        for (keyword, check) in KEYWORDS {
            if let Some(says) = schema.value.get(keyword) {
                check(self, value, schema, says);
            }
        }
    }

    fn check_at(&mut self, key: &str, value: &Value, schema: View<'s>) {
        let length = self.pointer.len();
        self.pointer = entry(&self.pointer, key);
        self.check(value, schema);
        self.pointer.truncate(length);
    }

    fn expect(&mut self, fits: bool, schema: View<'s>, kind: Kind<'s>) {
        if !fits {
            let pointer = self.pointer.clone();
            self.found.push(Violation {
                pointer,
                schema,
                kind,
            });
        }
    }

    fn at_least(&mut self, limit: &Value, found: Option<usize>, schema: View<'s>) {
        let limit = limit.as_u64().unwrap_or_default();
        let fits = found.is_none_or(|found| found as u64 >= limit);
        self.expect(fits, schema, Kind::TooFew(limit));
    }

    fn at_most(&mut self, limit: &Value, found: Option<usize>, schema: View<'s>) {
        let limit = limit.as_u64().unwrap_or(u64::MAX);
        let fits = found.is_none_or(|found| found as u64 <= limit);
        self.expect(fits, schema, Kind::TooMany(limit));
    }

    fn required(&mut self, value: &Value, schema: View<'s>, names: &'s Value) {
        for name in several(names).iter().filter_map(Value::as_str) {
            let fits = value.as_object().is_none_or(|keys| keys.contains_key(name));
            self.expect(fits, schema, Kind::Missing(name));
        }
    }

    /// Formats that nobody added say nothing: those of numbers stand beside their limits.
    fn format(&mut self, value: &Value, schema: View<'s>, name: &'s Value) {
        let name = name.as_str().unwrap_or_default();
        if let (Some(check), Some(text)) = (self.formats.get(name), value.as_str()) {
            self.expect(check(text).is_ok(), schema, Kind::Format(name));
        }
    }

    fn additional_properties(&mut self, value: &Value, schema: View<'s>, rest: &'s Value) {
        let properties = schema.value.get("properties");
        let patterns = schema.value.get("patternProperties");
        let is_known = |key: &str| {
            properties.is_some_and(|properties| properties.get(key).is_some())
                || patterns.is_some_and(|all| entries(all).any(|(one, _)| matches(key, one)))
        };
        let unknown = entries(value).filter(|(key, _)| !is_known(key));
        if rest == &Value::Bool(false) {
            let keys: Vec<_> = unknown.map(|(key, _)| key.clone()).collect();
            self.expect(keys.is_empty(), schema, Kind::Unknown(keys));
        } else {
            unknown.for_each(|(key, entry)| self.check_at(key, entry, schema.at(rest)));
        }
    }

    fn property_names(&mut self, value: &Value, schema: View<'s>, names: &'s Value) {
        for (key, _) in entries(value) {
            let violations = violations(&Value::from(key.as_str()), schema.at(names), self.formats);
            for violation in violations {
                self.expect(false, violation.schema, Kind::Key(key.clone()));
            }
        }
    }

    /// The violations of each branch.
    fn branches(
        &mut self,
        value: &Value,
        schema: View<'s>,
        branches: &'s Value,
    ) -> Vec<Vec<Violation<'s>>> {
        let before = std::mem::take(&mut self.found);
        let branches = several(branches).iter().map(|branch| {
            self.check(value, schema.at(branch));
            std::mem::take(&mut self.found)
        });
        let branches = branches.collect();
        self.found = before;
        branches
    }
}

/// The pointer of an entry of a mapping.
pub(super) fn entry(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// Whether any part of a text matches; no pattern of ours is one that cannot be read.
pub(super) fn matches(text: &str, pattern: &str) -> bool {
    Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text))
}

/// The entries of a list; anything else is its own only entry.
fn several(value: &Value) -> &[Value] {
    value
        .as_array()
        .map_or(std::slice::from_ref(value), Vec::as_slice)
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn characters(value: &Value) -> Option<usize> {
    value.as_str().map(|text| text.chars().count())
}

fn has_type(value: &Value, name: &Value) -> bool {
    match (name.as_str().unwrap_or_default(), value) {
        ("integer", Value::Number(number)) => ordinal(number).is_some_and(|(_, rest)| rest == 0.0),
        ("number", Value::Number(_))
        | ("null", Value::Null)
        | ("boolean", Value::Bool(_))
        | ("string", Value::String(_))
        | ("array", Value::Array(_))
        | ("object", Value::Object(_)) => true,
        _ => false,
    }
}

/// `None` unless both are numbers.
fn compare(value: &Value, limit: &Value) -> Option<Ordering> {
    ordinal(value.as_number()?)?.partial_cmp(&ordinal(limit.as_number()?)?)
}

/// The whole part of a number, and the rest: exact, where `f64` would round large integers.
fn ordinal(number: &Number) -> Option<(i128, f64)> {
    if let Some(whole) = number.as_i128() {
        return Some((whole, 0.0));
    }
    let number = number.as_f64()?;
    Some((number.floor() as i128, number - number.floor()))
}
