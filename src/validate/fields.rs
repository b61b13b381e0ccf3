use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde_json::value::RawValue;

use super::{Cut, Quoted};
use crate::domain::{Fidelity, Tolerance};
use crate::wire::{JsonKind, JsonObject, Violation, string_of};

/// What a check of one value says; the error reads after the name of the field.
pub(super) type Checked<T> = Result<T, String>;

/// An object of the body, and where it stands.
pub(super) struct Object<'o, 'b> {
    /// What the paths of its fields begin with, such as `storedSource.`.
    pub(super) prefix: &'o dyn Display,
    pub(super) fields: &'o JsonObject<'b>,
}

/// Reads fields and notes each one that breaks a rule; reading goes on after that.
pub(super) struct Reader<'f> {
    pub(super) fidelity: &'f Fidelity,
    violations: Vec<Violation>,
}

impl<'f> Reader<'f> {
    pub(super) fn new(fidelity: &'f Fidelity) -> Self {
        let violations = Vec::new();
        Self {
            fidelity,
            violations,
        }
    }

    pub(super) fn refuse(&mut self, field: impl Into<String>, reason: impl Into<String>) {
        let (field, reason) = (field.into(), reason.into());
        self.violations.push(Violation { field, reason });
    }

    /// Notes the reason of a refused value.
    pub(super) fn take<T>(
        &mut self,
        (prefix, name): (&dyn Display, &str),
        checked: Checked<T>,
    ) -> Option<T> {
        checked
            .map_err(|reason| self.refuse(format!("{prefix}{name}"), reason))
            .ok()
    }

    /// The value of a field that must be there; `null` is not a value.
    pub(super) fn required<'b, T>(
        &mut self,
        object: &Object<'_, 'b>,
        name: &str,
        check: impl FnOnce(&'b RawValue) -> Checked<T>,
    ) -> Option<T> {
        let checked = match object.fields.get(name) {
            None => Err("is required".to_owned()),
            Some(value) if is_null(value) => Err("is required, found null".to_owned()),
            Some(value) => check(value),
        };
        self.take((object.prefix, name), checked)
    }

    /// The value of a field that may be missing; `null` counts as missing if it may (contract 10-15).
    pub(super) fn optional<'b, T>(
        &mut self,
        object: &Object<'_, 'b>,
        name: &str,
        check: impl FnOnce(&'b RawValue) -> Checked<T>,
    ) -> Option<T> {
        let value = object.fields.get(name)?;
        let checked = if !is_null(value) {
            check(value)
        } else if self.fidelity.explicit_null == Tolerance::Reject {
            Err("must not be null".to_owned())
        } else {
            return None;
        };
        self.take((object.prefix, name), checked)
    }

    /// Refuses the fields of an object that no document mentions, if they may not be (contract 10-15).
    pub(super) fn only(&mut self, object: &Object<'_, '_>, known: &[&str]) {
        if self.fidelity.extra_fields == Tolerance::Allow {
            return;
        }
        for name in object.fields.keys().filter(|name| !known.contains(name)) {
            self.refuse(format!("{}{name}", object.prefix), "is not a known field");
        }
    }

    /// All that was noted, the first reason of each field.
    ///
    /// A field can come twice where the body repeats it, or has one named like the path of another.
    pub(super) fn into_violations(mut self) -> Vec<Violation> {
        let mut seen = HashSet::new();
        self.violations.retain(|v| seen.insert(v.field.clone()));
        self.violations
    }
}

fn is_null(value: &RawValue) -> bool {
    JsonKind::of(value) == JsonKind::Null
}

/// Refuses a value of another kind; `wanted` names the right one.
fn check_kind(value: &RawValue, kind: JsonKind, wanted: impl Display) -> Checked<()> {
    match JsonKind::of(value) {
        found if found == kind => Ok(()),
        found => Err(format!("must be {wanted}, found {found}")),
    }
}

/// The object that a value is; `wanted` says what object it must be.
pub(super) fn object<'b>(value: &'b RawValue, wanted: &str) -> Checked<JsonObject<'b>> {
    check_kind(value, JsonKind::Object, wanted)?;
    JsonObject::read(value).ok_or_else(|| "must have field names of valid Unicode text".to_owned())
}

/// The entries of the array that a value is.
pub(super) fn array(value: &RawValue) -> Checked<Vec<&RawValue>> {
    check_kind(value, JsonKind::Array, JsonKind::Array)?;
    serde_json::from_str(value.get()).map_err(|_| "must be a valid array".to_owned())
}

/// The text that a value is, its escapes decoded.
pub(super) fn text(value: &RawValue) -> Checked<Cow<'_, str>> {
    check_kind(value, JsonKind::String, JsonKind::String)?;
    string_of(value).map_err(|_| "must be valid Unicode text".to_owned())
}

/// A text that is not longer than `max` bytes.
pub(super) fn text_within(value: &RawValue, max: usize) -> Checked<Cow<'_, str>> {
    let text = text(value)?;
    match text.len() {
        length if length <= max => Ok(text),
        length => Err(format!(
            "must be at most {max} bytes of UTF-8, found {length}"
        )),
    }
}

pub(super) fn boolean(value: &RawValue) -> Checked<bool> {
    check_kind(value, JsonKind::Boolean, JsonKind::Boolean)?;
    Ok(value.get() == "true")
}

/// A whole number in `range`, written without fraction and exponent (contract 10-16).
pub(super) fn integer<T>(
    value: &RawValue,
    range: &RangeInclusive<T>,
    as_text: Tolerance,
) -> Checked<T>
where
    T: FromStr + PartialOrd + Display,
{
    if as_text == Tolerance::Allow && JsonKind::of(value) == JsonKind::String {
        let text = text(value)?;
        return integer_of_text(&text, Quoted(&text), range);
    }
    check_kind(value, JsonKind::Number, "an integer")?;
    integer_of_text(value.get(), Cut(value.get()), range)
}

fn integer_of_text<T>(text: &str, found: impl Display, range: &RangeInclusive<T>) -> Checked<T>
where
    T: FromStr + PartialOrd + Display,
{
    if !is_integer(text) {
        return Err(format!("must be an integer, found {found}"));
    }
    // What does not fit into the type is out of range as well.
    let number = text.parse().ok().filter(|number| range.contains(number));
    let (from, to) = (range.start(), range.end());
    number.ok_or_else(|| format!("must be from {from} to {to}, found {found}"))
}

/// Whether a text is what JSON writes for a whole number.
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let has_only_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    has_only_digits && (digits == "0" || !digits.starts_with('0'))
}
