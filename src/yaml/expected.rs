//! What a schema expects and what was found, in words.
//!
//! Types own their wording: `x-expected` in a schema is taken as it is; a description that begins
//! with an article, such as "A duration such as `50ms`.", reads as an expectation and is taken next.

use serde_json::Value;

use super::schema::View;
use super::words::{list, quote};

/// Longer descriptions explain rather than name.
const LONGEST_DESCRIPTION: usize = 80;

/// How many names a message lists.
pub(super) const MOST_NAMES: usize = 24;

/// What a schema expects: "a list", "one of `a` or `b`".
pub(super) fn expected(schema: View<'_>) -> String {
    if let Some(text) = schema.text("x-expected") {
        return text.to_owned();
    }
    if let Some(literals) = schema.literals() {
        return one_of(&literals);
    }
    let branches = schema.branches();
    if !branches.is_empty() {
        return alternatives(&branches);
    }
    // A description of a mapping tells what it is for, not what it looks like.
    let described = schema
        .text("description")
        .filter(|_| !schema.accepts("object"));
    if let Some(text) = described.and_then(as_expectation) {
        return text;
    }
    if let Some(Value::Array(names)) = schema.get("type") {
        let names = names.iter().filter_map(Value::as_str);
        let words: Vec<_> = names.map(|name| of_type(schema, name)).collect();
        return join(words);
    }
    match schema.text("type") {
        Some(name) => of_type(schema, name),
        None => "another value".to_owned(),
    }
}

/// Literals of all branches first and together, then each of the others.
fn alternatives(branches: &[View<'_>]) -> String {
    let mut literals = Vec::new();
    let mut words = Vec::new();
    for branch in branches {
        match branch.literals() {
            Some(values) if branch.text("x-expected").is_none() => literals.extend(values),
            _ => words.push(expected(*branch)),
        }
    }
    if words.is_empty() {
        return one_of(&literals);
    }
    words.splice(
        0..0,
        literals.into_iter().map(|value| quote(&literal(value))),
    );
    join(words)
}

fn join(words: Vec<String>) -> String {
    let mut distinct: Vec<String> = Vec::new();
    for word in words {
        if !distinct.contains(&word) {
            distinct.push(word);
        }
    }
    match distinct.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{}, or {last}", first.join(", ")),
        _ => distinct.concat(),
    }
}

fn one_of(literals: &[&Value]) -> String {
    let one = if literals.len() > 1 { "one of " } else { "" };
    let names: Vec<_> = literals.iter().copied().map(literal).collect();
    format!(
        "{one}{}",
        list(names.iter().map(String::as_str), ", ", MOST_NAMES)
    )
}

fn literal(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn as_expectation(description: &str) -> Option<String> {
    let first = description.lines().next()?.trim().trim_end_matches('.');
    let article = first.split(' ').next()?;
    let fits = matches!(article, "A" | "An" | "a" | "an")
        && !first.contains(". ")
        && first.chars().count() <= LONGEST_DESCRIPTION;
    fits.then(|| format!("a{}", &first[1..]))
}

/// What a JSON type is called in messages.
fn of_type(schema: View<'_>, name: &str) -> String {
    match name {
        "null" => "nothing".to_owned(),
        "boolean" => "`true` or `false`".to_owned(),
        "integer" => format!("a whole number{}", range(schema)),
        "number" => format!("a number{}", range(schema)),
        "array" => "a list".to_owned(),
        "object" => match required(schema).as_slice() {
            [] => "a mapping".to_owned(),
            names => format!(
                "a mapping with {}",
                list(names.iter().copied(), " and ", MOST_NAMES)
            ),
        },
        _ => text_such_as(schema),
    }
}

fn text_such_as(schema: View<'_>) -> String {
    if let Some(example) = example(schema) {
        format!("text such as {}", quote(example))
    } else if let Some(format) = schema.text("format") {
        format!("text in the format {}", quote(format))
    } else if let Some(pattern) = schema.text("pattern") {
        format!("text that matches {}", quote(pattern))
    } else {
        "text".to_owned()
    }
}

fn required(schema: View<'_>) -> Vec<&str> {
    let names = schema.get("required").and_then(Value::as_array);
    names
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn example(schema: View<'_>) -> Option<&str> {
    schema
        .get("examples")?
        .as_array()?
        .iter()
        .find_map(Value::as_str)
}

/// " from 1 to 10", " of at least 1"; empty if any number will do.
fn range(schema: View<'_>) -> String {
    let limit = |keyword| {
        schema
            .get(keyword)
            .filter(|limit| limit.is_number())
            .map(plain)
    };
    let least = limit("minimum");
    let most = limit("maximum");
    match (
        least,
        most,
        limit("exclusiveMinimum"),
        limit("exclusiveMaximum"),
    ) {
        (Some(least), Some(most), ..) => format!(" from {least} to {most}"),
        (Some(least), None, _, None) => format!(" of at least {least}"),
        (None, Some(most), None, _) => format!(" of at most {most}"),
        (Some(least), None, _, Some(below)) => {
            format!(" of at least {least} and less than {below}")
        }
        (None, Some(most), Some(above), _) => format!(" greater than {above} and at most {most}"),
        (None, None, Some(above), Some(below)) => format!(" between {above} and {below}"),
        (None, None, Some(above), None) => format!(" greater than {above}"),
        (None, None, None, Some(below)) => format!(" less than {below}"),
        (None, None, None, None) => String::new(),
    }
}

/// A limit as people write it: schemas of Rust types have `0.0` for zero.
fn plain(limit: &Value) -> String {
    let text = limit.to_string();
    text.strip_suffix(".0")
        .map_or_else(|| text.clone(), str::to_owned)
}

/// What was found instead; `written` is how a scalar stands in the text.
pub(super) fn found(schema: View<'_>, value: &Value, written: Option<&str>) -> String {
    let shown = |value: &Value| quote(written.unwrap_or(&value.to_string()));
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(_) => shown(value),
        Value::Number(_) if schema.accepts("number") || schema.accepts("integer") => shown(value),
        Value::Number(_) => format!("the number {}", shown(value)),
        Value::String(text) if text.is_empty() => "empty text".to_owned(),
        Value::String(text) if schema.accepts("string") => quote(text),
        Value::String(text) => format!("the text {}", quote(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(entries) if entries.is_empty() => "an empty mapping".to_owned(),
        Value::Object(entries) if schema.accepts("object") => {
            let keys = entries.keys().map(String::as_str);
            format!("a mapping with {}", list(keys, " and ", MOST_NAMES))
        }
        Value::Object(_) => "a mapping".to_owned(),
    }
}
