//! Tags: those of the core schema are heeded, all others refused.

use saphyr_parser::{ScalarStyle, Tag};
use serde_json::Value;

use super::scalar;

/// The value of a scalar with a tag; `None` if the tag is not known or does not suit the text.
pub(super) fn resolve(
    text: &str,
    style: ScalarStyle,
    tag: &Tag,
) -> Option<Result<Value, scalar::NoSuchValue>> {
    if is_neutral(tag) {
        return Some(Ok(Value::String(text.to_owned())));
    }
    if !tag.is_yaml_core_schema() {
        return None;
    }
    let plain = match tag.suffix.as_str() {
        "str" => return Some(Ok(Value::String(text.to_owned()))),
        _ if style == ScalarStyle::Literal || style == ScalarStyle::Folded => return None,
        _ => scalar::resolve(text),
    };
    let suits = match (tag.suffix.as_str(), &plain) {
        ("null", Ok(Value::Null)) | ("bool", Ok(Value::Bool(_))) => true,
        ("int", Ok(Value::Number(number))) => !number.is_f64(),
        ("float", Ok(Value::Number(_))) | ("int" | "float", Err(_)) => true,
        _ => false,
    };
    suits.then_some(plain)
}

/// Whether a tag says of a collection nothing but what it is.
pub(super) fn suits_collection(tag: &Tag, expected: &str) -> bool {
    is_neutral(tag) || (tag.is_yaml_core_schema() && tag.suffix == expected)
}

/// `!` alone says that a scalar is text and a collection is what it looks like.
fn is_neutral(tag: &Tag) -> bool {
    tag.handle.is_empty() && tag.suffix == "!"
}

/// The tag as people write it.
pub(super) fn spelling(tag: &Tag) -> String {
    if tag.is_yaml_core_schema() {
        format!("!!{}", tag.suffix)
    } else {
        format!("{}{}", tag.handle, tag.suffix)
    }
}

/// What to do about a tag that is not known or does not suit.
pub(super) fn hint(tag: &Tag) -> String {
    if tag.is_yaml_core_schema() {
        "remove the tag, or write a value that suits it".to_owned()
    } else {
        "text that begins with `!` must be in quotes".to_owned()
    }
}
