use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use thiserror::Error;
use uuid::Uuid;

use super::Text;

/// The longest service ID and user ID, in bytes (contract 9).
const MAX_ID_BYTES: usize = 64;
/// A content ID is exactly this many hexadecimal digits (contract 3.3).
const CONTENT_ID_DIGITS: usize = 12;

/// Why a text is not an ID; reads after the name of the field.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum InvalidId {
    /// There is no text.
    #[error("must not be empty")]
    Empty,
    /// More bytes than allowed.
    #[error("must be at most {MAX_ID_BYTES} bytes, found {0}")]
    TooLong(usize),
    /// A character that the rule does not allow.
    #[error("must consist of {allowed} only, found `{found}`")]
    Character {
        /// The rule in words.
        allowed: &'static str,
        /// The first character outside of it.
        found: char,
    },
    /// Not as many digits as a content ID has.
    #[error("must be exactly {CONTENT_ID_DIGITS} characters, found {0}")]
    Digits(usize),
}

fn check_id(text: &str, extra: [char; 2], allowed: &'static str) -> Result<(), InvalidId> {
    if text.is_empty() {
        return Err(InvalidId::Empty);
    }
    if let Some(found) = text
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || extra.contains(c)))
    {
        return Err(InvalidId::Character { allowed, found });
    }
    if text.len() > MAX_ID_BYTES {
        return Err(InvalidId::TooLong(text.len()));
    }
    Ok(())
}

/// The ID of a service: `a-z A-Z 0-9 - .`, 1 to 64 bytes (contract 9).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ServiceId(Text);

impl ServiceId {
    /// Takes `text` as a service ID.
    ///
    /// # Errors
    /// When it breaks the rule of contract 9.
    pub(crate) fn parse(text: impl Into<Text>) -> Result<Self, InvalidId> {
        let text = text.into();
        check_id(&text, ['-', '.'], "a-z A-Z 0-9 - .").map(|()| Self(text))
    }

    /// The ID as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, shared.
    pub(crate) fn shared(&self) -> Text {
        self.0.clone()
    }
}

/// The ID of a user: `a-z A-Z 0-9 - _`, 1 to 64 bytes (contract 9).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct UserId(Text);

impl UserId {
    /// Takes `text` as a user ID.
    ///
    /// # Errors
    /// When it breaks the rule of contract 9.
    pub(crate) fn parse(text: impl Into<Text>) -> Result<Self, InvalidId> {
        let text = text.into();
        check_id(&text, ['-', '_'], "a-z A-Z 0-9 - _").map(|()| Self(text))
    }

    /// The ID as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, shared.
    pub(crate) fn shared(&self) -> Text {
        self.0.clone()
    }
}

/// The ID of an uploaded audio source: twelve hexadecimal digits, compared without case
/// (contract 3.3, 10-14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) struct ContentId([u8; CONTENT_ID_DIGITS / 2]);

impl ContentId {
    /// Takes `text` as a content ID.
    ///
    /// # Errors
    /// When it is not exactly twelve hexadecimal digits.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidId> {
        if let Some(found) = text.chars().find(|c| !c.is_ascii_hexdigit()) {
            let allowed = "hexadecimal digits";
            return Err(InvalidId::Character { allowed, found });
        }
        if text.len() != CONTENT_ID_DIGITS {
            return Err(InvalidId::Digits(text.len()));
        }
        let id = text.bytes().fold(0, |id, digit| {
            id << 4 | u64::from((digit as char).to_digit(16).unwrap_or_default())
        });
        let [_, _, id @ ..] = id.to_be_bytes();
        Ok(Self(id))
    }
}

impl fmt::Display for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A few content IDs in one place, of which hardly any call has more than one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ContentIds {
    ids: [ContentId; Self::MOST],
    count: u8,
}

impl ContentIds {
    /// So many files an agent call plays at most (contract 3.3).
    pub(crate) const MOST: usize = 5;
}

impl Deref for ContentIds {
    type Target = [ContentId];

    fn deref(&self) -> &[ContentId] {
        &self.ids[..usize::from(self.count)]
    }
}

impl FromIterator<ContentId> for ContentIds {
    /// All are asked for; of more than [`MOST`](Self::MOST), the first are taken.
    fn from_iter<I: IntoIterator<Item = ContentId>>(ids: I) -> Self {
        let mut taken = Self::default();
        for id in ids {
            if let Some(place) = taken.ids.get_mut(usize::from(taken.count)) {
                *place = id;
                taken.count += 1;
            }
        }
        taken
    }
}

/// The ID of a call, a version-4 UUID, in lower case with hyphens (contract 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Sid(Uuid);

impl Sid {
    /// Makes a session ID of random bytes.
    pub(crate) fn from_random_bytes(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    /// A half of it, which is as good as a hash: but for four of its bits, which tell the version, it is
    /// random. These are turned to where no table looks, neither for a place nor for a first comparison.
    pub(crate) fn hash(self) -> u64 {
        self.0.as_u64_pair().0.rotate_left(32)
    }
}

impl FromStr for Sid {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::try_parse(text).map(Self)
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0.as_hyphenated(), f)
    }
}

impl Serialize for Sid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Sid {
    fn schema_name() -> Cow<'static, str> {
        "Sid".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "uuid",
            "description": "a session ID: what the API answers with, and every callback carries",
            "examples": ["0f8fad5b-d9cb-469f-a165-70867728950e"],
        })
    }
}

macro_rules! display_as_str {
    ($($id:ty),*) => {$(
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}
display_as_str!(ServiceId, UserId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_id_is_1_to_64_bytes_of_letters_digits_hyphen_and_dot() {
        for good in ["a", "shop-eval", "a.b-C9", &"x".repeat(64)] {
            assert!(ServiceId::parse(good).is_ok(), "{good}");
        }
        for (bad, reason) in [
            ("", "must not be empty"),
            ("a_b", "must consist of a-z A-Z 0-9 - . only, found `_`"),
            ("日本", "must consist of a-z A-Z 0-9 - . only, found `日`"),
            (&"x".repeat(65), "must be at most 64 bytes, found 65"),
        ] {
            assert_eq!(
                ServiceId::parse(bad).map_err(|e| e.to_string()),
                Err(reason.to_owned())
            );
        }
    }

    #[test]
    fn a_user_id_is_1_to_64_bytes_of_letters_digits_hyphen_and_underscore() {
        for good in ["a", "AGENT", "a_b-C9", &"x".repeat(64)] {
            assert!(UserId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a.b", "a b", "é", "a\n", &"x".repeat(65)] {
            assert!(UserId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_content_id_is_exactly_twelve_hexadecimal_digits_of_either_case() {
        let id = ContentId::parse("5498f04048fa").unwrap();
        assert_eq!(id.to_string(), "5498f04048fa");
        assert_eq!(ContentId::parse("5498F04048FA"), Ok(id));
        assert_eq!(
            ContentId::parse("000000000001").unwrap().to_string(),
            "000000000001"
        );
        for bad in [
            "",
            "5498f04048f",
            "5498f04048fa0",
            "5498f04048fg",
            "+498f04048fa",
        ] {
            assert!(ContentId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_sid_is_a_lower_case_version_4_uuid() {
        let sid = Sid::from_random_bytes([0xff; 16]);
        assert_eq!(sid.to_string(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(sid.to_string().parse(), Ok(sid));
    }
}
