use std::borrow::Cow;
use std::fmt;

use arcstr::ArcStr;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use thiserror::Error;

/// How deep arrays and objects may stand in each other. JSON readers have such limits (this one's
/// own is 128, Jackson's 1000); without one, whoever reads the request later may overflow.
const MAX_DEPTH: usize = 128;

/// Why a request body is not even an object.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum BodyFault {
    #[error("malformed JSON: the body is empty")]
    Empty,
    #[error("malformed JSON: invalid UTF-8 after byte {0}")]
    NotUtf8(usize),
    #[error("malformed JSON: nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("malformed JSON: {0}")]
    Syntax(String),
    #[error("the body must be a JSON object, found {0}")]
    NotAnObject(JsonKind),
}

/// The request body of Make Agent 1-to-1 Call: JSON for certain, its fields not yet looked at.
///
/// Values stay as the text that came, so that a number such as `1e400` can be reported with the name
/// of its field instead of spoiling the whole body.
#[derive(Debug)]
pub(crate) struct MakeCallBody<'b> {
    pub(crate) text: &'b ArcStr,
    pub(crate) fields: JsonObject<'b>,
}

/// The text of a body, without white space around it.
pub(crate) fn body_text(bytes: &[u8]) -> Result<ArcStr, BodyFault> {
    let text = std::str::from_utf8(bytes).map_err(|e| BodyFault::NotUtf8(e.valid_up_to()))?;
    match text.trim_matches([' ', '\t', '\r', '\n']) {
        "" => Err(BodyFault::Empty),
        text => Ok(text.into()),
    }
}

impl<'b> MakeCallBody<'b> {
    /// Reads what [`body_text`] gave.
    pub(crate) fn parse(text: &'b ArcStr) -> Result<Self, BodyFault> {
        if depth(text) > MAX_DEPTH {
            return Err(BodyFault::TooDeep);
        }
        let kind = JsonKind::of_text(text);
        let fault = |e: serde_json::Error| BodyFault::Syntax(e.to_string());
        if kind != JsonKind::Object {
            serde_json::from_str::<&RawValue>(text).map_err(fault)?;
            return Err(BodyFault::NotAnObject(kind));
        }
        let fields = serde_json::from_str(text).map_err(fault)?;
        Ok(Self { text, fields })
    }

    /// `requestContext.serviceId`, if the body has such a text.
    pub(crate) fn caller_service_id(&self) -> Option<Cow<'b, str>> {
        let context = JsonObject::read(self.fields.get("requestContext")?)?;
        string_of(context.get("serviceId")?).ok()
    }
}

/// How deep the brackets of a JSON text stand in each other at most.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// A JSON object whose values are still text. Of a repeated key, the last counts, as in most readers.
#[derive(Debug, Default)]
pub(crate) struct JsonObject<'b>(Vec<(Cow<'b, str>, &'b RawValue)>);

impl<'b> JsonObject<'b> {
    /// The object that `value` is, if it is one.
    pub(crate) fn read(value: &'b RawValue) -> Option<Self> {
        serde_json::from_str(value.get()).ok()
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'b RawValue> {
        let entry = self.0.iter().rev().find(|(name, _)| name == key);
        entry.map(|(_, value)| *value)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_ref())
    }
}

impl<'de> Deserialize<'de> for JsonObject<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = JsonObject<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::with_capacity(8);
                while let Some(Key(key)) = map.next_key()? {
                    fields.push((key, map.next_value()?));
                }
                Ok(JsonObject(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// A key that is borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Key<'b>(#[serde(borrow)] Cow<'b, str>);

/// The text of a JSON string.
///
/// # Errors
/// When it is no string, or holds an escape that is no Unicode text (a lone surrogate).
pub(crate) fn string_of(value: &RawValue) -> serde_json::Result<Cow<'_, str>> {
    serde_json::from_str::<Key<'_>>(value.get()).map(|key| key.0)
}

/// What a JSON value is, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonKind {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

impl JsonKind {
    pub(crate) fn of(value: &RawValue) -> Self {
        Self::of_text(value.get())
    }

    fn of_text(text: &str) -> Self {
        match text.as_bytes().first() {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::Array,
            Some(b'"') => Self::String,
            Some(b't' | b'f') => Self::Boolean,
            Some(b'n') => Self::Null,
            _ => Self::Number,
        }
    }
}

impl fmt::Display for JsonKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::String => "a string",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::Null => "null",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_json_object_is_told_apart() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        for (what, body, message) in [
            ("nothing", &b""[..], "malformed JSON: the body is empty"),
            ("white space", b" \n", "malformed JSON: the body is empty"),
            (
                "invalid UTF-8",
                b"{\"a\":\"\xff\"}",
                "malformed JSON: invalid UTF-8 after byte 6",
            ),
            (
                "an unclosed object",
                b"{\"a\":1",
                "malformed JSON: EOF while parsing an object at line 1 column 6",
            ),
            (
                "a trailing comma",
                b"{\"a\":1,}",
                "malformed JSON: trailing comma at line 1 column 8",
            ),
            (
                "text after the object",
                b"{} x",
                "malformed JSON: trailing characters at line 1 column 4",
            ),
            (
                "a text that is no value",
                b"hello",
                "malformed JSON: expected value at line 1 column 1",
            ),
            (
                "deep nesting",
                deep.as_bytes(),
                "malformed JSON: nested deeper than 128 levels",
            ),
            (
                "an array",
                b"[]",
                "the body must be a JSON object, found an array",
            ),
            (
                "null",
                b"null",
                "the body must be a JSON object, found null",
            ),
        ] {
            let text = body_text(body);
            let parsed = text.and_then(|text| MakeCallBody::parse(&text).map(drop));
            let fault = parsed.expect_err(what);
            assert_eq!(fault.to_string(), message, "{what}");
        }
    }

    #[test]
    fn brackets_inside_strings_are_not_depth() {
        assert_eq!(depth(r#"{"a":"[[[[\"[["}"#), 1);
        assert_eq!(depth("[[],[[]]]"), 3);
    }

    #[test]
    fn of_a_repeated_key_the_last_counts() {
        let text = ArcStr::from(r#"{"a":1,"\u0061":2}"#);
        let body = MakeCallBody::parse(&text).unwrap();
        assert_eq!(body.fields.get("a").map(RawValue::get), Some("2"));
    }

    #[test]
    fn the_callers_service_id_is_found_in_a_body_that_breaks_other_rules() {
        let text = r#"{"x":1e400,"requestContext":{"serviceId":"shop","userId":7}}"#.into();
        let body = MakeCallBody::parse(&text).unwrap();
        assert_eq!(body.caller_service_id().as_deref(), Some("shop"));
    }
}
