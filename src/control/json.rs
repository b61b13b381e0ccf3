//! Strict reading of JSON: what is given twice is an error, and `2.0` is the number 2.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The value that a text of JSON says.
///
/// # Errors
/// When it is no JSON, or an object has a key twice; with line and column.
pub(super) fn parse(text: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice::<Strict>(text).map(|strict| strict.0)
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(whole(value).map_or_else(|| value.into(), Value::Number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if fields.contains_key(&key) {
                return Err(A::Error::custom(format!("the key `{key}` is given twice")));
            }
            let Strict(value) = map.next_value()?;
            fields.insert(key, value);
        }
        Ok(fields.into())
    }
}

/// The whole number that a floating-point one is, if it is one that fits into 64 bits: to JSON Schema,
/// they are the same.
fn whole(value: f64) -> Option<Number> {
    const TOO_LARGE: f64 = 18_446_744_073_709_551_616.0;
    const SMALLEST: f64 = -9_223_372_036_854_775_808.0;
    match value {
        _ if value.fract() != 0.0 => None,
        0.0..TOO_LARGE => Some(Number::from(value as u64)),
        SMALLEST..0.0 => Some(Number::from(value as i64)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_what_they_say() {
        let text = r#" { "a": [null, true, -1, 2.5, "\u00e4", {}], "b": 18446744073709551615 } "#;
        let expected = json!({ "a": [null, true, -1, 2.5, "ä", {}], "b": u64::MAX });
        assert_eq!(parse(text.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_fraction_of_zero() {
        let expected = json!([2, -300, 0, 10_000_000_000_000_000_000_u64, 2.5, 1e300]);
        let read = parse(b"[2.0, -3e2, -0.0, 1e19, 2.5, 1e300]").unwrap();
        assert_eq!(read, expected);
    }

    #[test]
    fn what_is_no_json_or_said_twice_is_refused_with_its_place() {
        for (text, expected) in [
            ("{\n  to: 1 }", "key must be a string at line 2 column 3"),
            (
                "{ \"a\": 1,\n  \"a\": 2 }",
                "the key `a` is given twice at line 2 column 5",
            ),
            ("{} x", "trailing characters at line 1 column 4"),
            ("[1,]", "trailing comma at line 1 column 4"),
            ("1e999", "number out of range at line 1 column 5"),
        ] {
            let error = parse(text.as_bytes()).expect_err(text);
            assert_eq!(error.to_string(), expected, "{text}");
        }
        let deep = "[".repeat(10_000);
        assert!(parse(deep.as_bytes()).is_err());
    }
}
