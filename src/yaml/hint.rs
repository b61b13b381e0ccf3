//! What to do about a fault, where that can be guessed.

use serde_json::Value;

use super::expected::MOST_NAMES;
use super::schema::View;
use super::shape::Formats;
use super::violation::matches;
use super::words::{list, quote, quote_as_text};
use super::{nearest, scalar, syntax};

/// Hints about values.
pub(super) struct Hints<'a> {
    pub(super) formats: &'a Formats,
}

impl Hints<'_> {
    /// What to do about a value that is not what was expected; `written` is how it stands in the text.
    pub(super) fn for_mismatch(
        &self,
        schema: View<'_>,
        value: &Value,
        written: &str,
    ) -> Option<String> {
        match value {
            Value::String(text) => for_text(schema, text, written),
            Value::Bool(_) | Value::Number(_) if schema.accepts("string") => {
                self.for_missing_quotes(schema, written)
            }
            Value::Bool(_) | Value::Number(_) => in_a_list(schema, written),
            Value::Object(_) if schema.accepts("array") => {
                Some("begin each entry of the list with `- `".to_owned())
            }
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// What a custom format has to say against a text.
    pub(super) fn told_by_format(&self, format: &str, text: &str) -> Option<String> {
        self.formats.get(format).and_then(|check| check(text).err())
    }

    /// A number, or a word that YAML takes for something else, stands where text is expected.
    fn for_missing_quotes(&self, schema: View<'_>, written: &str) -> Option<String> {
        let forms = schema.forms();
        if forms
            .iter()
            .any(|form| self.is_allowed_text(*form, written))
        {
            return Some(format!("put it in quotes: {}", quote_as_text(written)));
        }
        let mut formats = forms.iter().filter_map(|form| form.text("format"));
        let told = formats.find_map(|format| self.told_by_format(format, written));
        told.or_else(|| nearest(written, names(schema)).map(did_you_mean))
    }

    fn is_allowed_text(&self, form: View<'_>, text: &str) -> bool {
        if let Some(literals) = form.literals() {
            return literals.iter().any(|literal| *literal == text);
        }
        let format_allows = || {
            let format = form.text("format");
            format.is_none_or(|format| self.told_by_format(format, text).is_none())
        };
        let pattern_allows = || {
            form.text("pattern")
                .is_none_or(|pattern| matches(text, pattern))
        };
        form.accepts("string") && format_allows() && pattern_allows()
    }
}

fn did_you_mean(name: &str) -> String {
    format!("did you mean {}?", quote(name))
}

fn for_text(schema: View<'_>, text: &str, written: &str) -> Option<String> {
    if let Some(name) = nearest(text, names(schema)) {
        return Some(did_you_mean(name));
    }
    if schema.accepts("boolean") {
        let meant = match text.to_lowercase().as_str() {
            "yes" | "on" | "y" | "true" => Some("`true`"),
            "no" | "off" | "n" | "false" => Some("`false`"),
            _ => None,
        };
        if let Some(meant) = meant {
            return Some(format!("write {meant}"));
        }
    }
    let wants_number = schema.accepts("number") || schema.accepts("integer");
    if wants_number && written != text && matches!(scalar::number(text), Some(Ok(_))) {
        return Some(format!("remove the quotes: {}", quote(text)));
    }
    if schema.accepts("object")
        && let Some(repaired) = syntax::missing_space(text)
    {
        return Some(format!("put a space after the colon: {}", quote(&repaired)));
    }
    in_a_list(schema, written)
}

fn in_a_list(schema: View<'_>, written: &str) -> Option<String> {
    let wants_list = schema.accepts("array") && !written.contains('\n');
    wants_list.then(|| format!("put it in a list: {}", quote(&format!("[{written}]"))))
}

/// The names that a value may be, if it may be a name.
fn names(schema: View<'_>) -> Vec<&str> {
    let literals = schema.forms().into_iter().filter_map(View::literals);
    literals.flatten().filter_map(Value::as_str).collect()
}

/// What to do about a key that a mapping does not know.
pub(super) fn for_unknown_key(
    key: &str,
    schema: View<'_>,
    root: View<'_>,
    pointer: &str,
) -> Option<String> {
    let properties = schema.properties();
    let known: Vec<&str> = properties.iter().map(|(name, _)| *name).collect();
    match nearest(key, known.iter().copied()) {
        Some(name) => Some(did_you_mean(name)),
        None => place_of(key, schema, root, pointer).or_else(|| for_keys(schema, &known)),
    }
}

/// Where a key belongs that stands in the wrong mapping: wrong indentation is easily come by.
fn place_of(key: &str, schema: View<'_>, root: View<'_>, pointer: &str) -> Option<String> {
    let has_key = |view: View<'_>| view.properties().iter().any(|(name, _)| *name == key);
    let beneath = schema.properties().into_iter();
    let beneath = beneath.filter(|(_, property)| property.forms().into_iter().any(has_key));
    let beneath: Vec<&str> = beneath.map(|(name, _)| name).collect();
    if !beneath.is_empty() {
        let places = list(beneath, " or ", MOST_NAMES);
        return Some(format!("{} belongs under {places}", quote(key)));
    }
    let at_top = !pointer.is_empty() && has_key(root);
    at_top.then(|| {
        format!(
            "{} belongs at the top level; check the indentation",
            quote(key)
        )
    })
}

/// The keys that a mapping knows.
fn for_keys(schema: View<'_>, known: &[&str]) -> Option<String> {
    match known {
        [] => {
            let patterns = schema.get("patternProperties").and_then(Value::as_object)?;
            let patterns = list(patterns.keys().map(String::as_str), " or ", MOST_NAMES);
            Some(format!("a key must match {patterns}"))
        }
        [only] => Some(format!("the only known key is {}", quote(only))),
        _ => Some(format!(
            "known keys are {}",
            list(known.iter().copied(), ", ", MOST_NAMES)
        )),
    }
}
