use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// No delay or limit of the emulator may be longer: a longer one is a slip of the pen, and far
/// from what the arithmetic of times can hold.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Reads a span of time as people write it: `50ms`, `3s`, `1.5s`, `1m30s`, `2h`.
///
/// # Errors
/// The reason, as a fragment, when the text is no such span, is negative or is above seven days.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let expected = "expected a duration such as `50ms`, `3s` or `1m30s`";
    let signed: SignedDuration = match text.trim() {
        // The one number that means the same in every unit.
        "0" => SignedDuration::ZERO,
        trimmed if trimmed.starts_with(['P', 'p', '+', '-']) => {
            return Err(format!("{expected}, found `{text}`"));
        }
        trimmed => trimmed
            .parse()
            .map_err(|_| format!("{expected}, found `{text}`"))?,
    };
    let duration = Duration::try_from(signed)
        .map_err(|_| format!("expected a duration of at least `0ms`, found `{text}`"))?;
    if duration > LONGEST {
        return Err(format!("expected at most seven days, found `{text}`"));
    }
    Ok(duration)
}

/// A [`Duration`] in a file or a request that people write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct HumanDuration(pub Duration);

impl HumanDuration {
    /// The name of the string format in JSON Schemas; checked by [`parse_duration`].
    pub(crate) const FORMAT: &'static str = "human-duration";
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_zero() {
            return f.write_str("0ms");
        }
        let text = SignedDuration::try_from(self.0)
            .map(|signed| format!("{signed:#}"))
            .unwrap_or_default();
        f.write_str(&text.replace(' ', ""))
    }
}

impl Serialize for HumanDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = HumanDuration;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as `50ms`, `3s` or `1m30s`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<HumanDuration, E> {
                parse_duration(text).map(HumanDuration).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl JsonSchema for HumanDuration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": Self::FORMAT,
            "description": "a duration such as `50ms`, `3s` or `1m30s`",
            "examples": ["50ms", "3s", "1m30s"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, millis) in [
            ("50ms", 50),
            ("3s", 3_000),
            ("1.5s", 1_500),
            ("1m30s", 90_000),
            ("1m 30s", 90_000),
            ("2h", 7_200_000),
            ("0ms", 0),
            ("0s", 0),
            ("0", 0),
            (" 3s ", 3_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_what_was_expected() {
        for text in [
            "", "3", "s", "3 sconds", "-3s", "3s ago", "P1D", "PT3S", "1e9s", "8 days", "169h",
            "NaN", "∞",
        ] {
            let reason = parse_duration(text).expect_err(text);
            assert!(reason.starts_with("expected"), "{text}: {reason}");
            assert!(reason.contains(&format!("`{text}`")), "{text}: {reason}");
        }
    }

    #[test]
    fn a_duration_is_shown_as_it_can_be_read_again() {
        for (millis, text) in [
            (0, "0ms"),
            (50, "50ms"),
            (90_000, "1m30s"),
            (1_500, "1s500ms"),
        ] {
            let duration = HumanDuration(Duration::from_millis(millis));
            assert_eq!(duration.to_string(), text);
            assert_eq!(parse_duration(text), Ok(duration.0));
        }
    }
}
