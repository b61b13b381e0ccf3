use std::borrow::Cow;

use serde::{Serialize, Serializer};

use super::file::MatchFile;
use super::text::AnyOf;
use crate::domain::MakeCall;

/// A part of a call that a scenario can be matched by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    ToUserId,
    ToServiceId,
    FromUserId,
    FromServiceId,
    ContentId,
    AppSvrData,
    CallStartMessage,
}

impl Field {
    /// The key in scenarios.
    const fn key(self) -> &'static str {
        match self {
            Self::ToUserId => "to_user_id",
            Self::ToServiceId => "to_service_id",
            Self::FromUserId => "from_user_id",
            Self::FromServiceId => "from_service_id",
            Self::ContentId => "content_id",
            Self::AppSvrData => "app_svr_data",
            Self::CallStartMessage => "call_start_message",
        }
    }

    /// What the call has in this place; none if it has nothing there.
    pub(super) fn values(self, call: &MakeCall) -> impl Iterator<Item = Cow<'_, str>> {
        let one = match self {
            Self::ToUserId => Some(&*call.to.user_id),
            Self::ToServiceId => Some(&*call.to.service_id),
            Self::FromUserId => Some(call.from.user_id.as_str()),
            Self::FromServiceId => Some(call.from.service_id.as_str()),
            Self::ContentId => None,
            Self::AppSvrData => call.app_svr_data.as_deref(),
            Self::CallStartMessage => call.call_start_message.as_deref(),
        };
        let content_ids = match self {
            Self::ContentId => &call.content_ids[..],
            _ => &[],
        };
        let content_ids = content_ids.iter().map(|id| Cow::Owned(id.to_string()));
        one.map(Cow::Borrowed).into_iter().chain(content_ids)
    }
}

/// Which calls a scenario is for: every condition must hold, each by any of its patterns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Conditions(Vec<(Field, Vec<String>)>);

impl Conditions {
    /// Whether `call` meets all of them.
    pub(crate) fn hold_for(&self, call: &MakeCall) -> bool {
        self.0
            .iter()
            .all(|(field, patterns)| fits_any(patterns, field.values(call)))
    }

    /// A field that must have one of these values, not of patterns.
    pub(super) fn exact(&self) -> Option<(Field, &[String])> {
        let is_exact = |patterns: &[String]| !patterns.iter().any(|p| p.contains(['*', '?']));
        let mut exact = self.0.iter().filter(|(_, patterns)| is_exact(patterns));
        exact
            .next()
            .map(|(field, patterns)| (*field, patterns.as_slice()))
    }

    /// What keeps `call` from meeting them, condition by condition; empty if it does.
    pub(crate) fn unmet_by(&self, call: &MakeCall) -> Vec<String> {
        let unmet = self.0.iter().filter_map(|(field, patterns)| {
            let values: Vec<_> = field.values(call).collect();
            if fits_any(patterns, values.iter().cloned()) {
                return None;
            }
            let expected = quoted(patterns).join(" or ");
            let found = match values.is_empty() {
                true => "nothing".to_owned(),
                false => quoted(&values).join(", "),
            };
            Some(format!(
                "{}: expected {expected}, found {found}",
                field.key()
            ))
        });
        unmet.collect()
    }

    /// How many there are: the more, the more special the scenario.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether every call that meets `other` meets these too, as far as patterns show.
    pub(super) fn cover(&self, other: &Self) -> bool {
        self.0.iter().all(|(field, wide)| {
            let narrow = other.0.iter().find(|(known, _)| known == field);
            narrow
                .is_some_and(|(_, narrow)| narrow.iter().all(|n| wide.iter().any(|w| covers(w, n))))
        })
    }
}

/// Each field with its patterns, as in a file.
impl Serialize for Conditions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.0
                .iter()
                .map(|(field, patterns)| (field.key(), patterns)),
        )
    }
}

impl From<MatchFile> for Conditions {
    fn from(file: MatchFile) -> Self {
        let lower = |ids: Option<AnyOf>| {
            ids.map(|AnyOf(ids)| AnyOf(ids.iter().map(|id| id.to_ascii_lowercase()).collect()))
        };
        let fields = [
            (Field::ToUserId, file.to_user_id),
            (Field::ToServiceId, file.to_service_id),
            (Field::FromUserId, file.from_user_id),
            (Field::FromServiceId, file.from_service_id),
            // Content IDs are compared without case (contract 10-14).
            (Field::ContentId, lower(file.content_id)),
            (Field::AppSvrData, file.app_svr_data),
            (Field::CallStartMessage, file.call_start_message),
        ];
        let given = fields.into_iter();
        Self(
            given
                .filter_map(|(field, any)| Some((field, any?.0)))
                .collect(),
        )
    }
}

fn fits_any<'a>(patterns: &[String], values: impl IntoIterator<Item = Cow<'a, str>>) -> bool {
    let mut values = values.into_iter();
    values.any(|value| patterns.iter().any(|pattern| matches(pattern, &value)))
}

fn quoted(texts: &[impl AsRef<str>]) -> Vec<String> {
    let quote = |text: &str| format!("`{text}`");
    texts.iter().map(|text| quote(text.as_ref())).collect()
}

/// Whether `text` fits `pattern`, in which `*` stands for any text and `?` for any one character.
fn matches(pattern: &str, text: &str) -> bool {
    glob(pattern, text, |p, t| p == t || p == '?')
}

/// Whether every text that fits `narrow` fits `wide`: never claims it wrongly, may miss it.
fn covers(wide: &str, narrow: &str) -> bool {
    glob(wide, narrow, |w, n| w == n || (w == '?' && n != '*'))
}

/// Matches with one point of return: the last `*` takes in one more character whenever what follows
/// does not fit. Linear in practice, never worse than the product of the lengths.
fn glob(pattern: &str, text: &str, fits: impl Fn(char, char) -> bool) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    let mut star = None;
    while let Some(found) = text.clone().next() {
        match pattern.next() {
            Some('*') => star = Some((pattern.clone(), text.clone())),
            Some(wanted) if fits(wanted, found) => {
                text.next();
            }
            _ => {
                let Some((after, taken)) = &mut star else {
                    return false;
                };
                taken.next();
                (pattern, text) = (after.clone(), taken.clone());
            }
        }
    }
    pattern.all(|rest| rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_any_text_and_any_character() {
        for (pattern, text, fits) in [
            ("emu-*", "emu-declines", true),
            ("emu-*", "emu-", true),
            ("emu-*", "xemu-", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("?", "日", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "aab", true),
            ("*ab*ab", "abxab", true),
            ("*ab*ab", "ab", false),
            ("A", "a", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn what_keeps_a_call_from_meeting_conditions_is_told() {
        let call = MakeCall::sample("alice");
        let conditions = Conditions::from(MatchFile {
            to_user_id: Some(AnyOf(vec!["bob".to_owned(), "emu-*".to_owned()])),
            from_user_id: Some(AnyOf(vec!["*".to_owned()])),
            app_svr_data: Some(AnyOf(vec!["order*".to_owned()])),
            ..MatchFile::default()
        });
        assert!(!conditions.hold_for(&call));
        assert_eq!(
            conditions.unmet_by(&call),
            [
                "to_user_id: expected `bob` or `emu-*`, found `alice`",
                "app_svr_data: expected `order*`, found nothing",
            ]
        );
    }

    #[test]
    fn a_wider_pattern_covers_a_narrower_one() {
        for (wide, narrow, covered) in [
            ("emu-*", "emu-declines", true),
            ("emu-*", "emu-d*", true),
            ("*", "*", true),
            ("a?", "a*", false),
            ("a?", "a?", true),
            ("emu-d*", "emu-*", false),
        ] {
            assert_eq!(covers(wide, narrow), covered, "{wide} {narrow}");
        }
    }
}
