//! JSON that keeps the order of its keys, and is written as a person would.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// What fits into this many columns stands in one line.
const WIDTH: usize = 100;
/// So much is shown of a text that is longer.
const CLIPPED: usize = 120;

#[derive(Clone)]
pub(super) enum Json {
    Scalar(Value),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Json {
    pub(super) fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap()
    }

    /// What `path` leads to, such as `deliveries.0.url`.
    pub(super) fn at(&mut self, path: &str) -> &mut Self {
        let steps = path.split('.').filter(|step| !step.is_empty());
        steps.fold(self, |json, step| {
            let found = match json {
                Self::List(items) => items.get_mut(step.parse::<usize>().unwrap()),
                Self::Object(members) => members
                    .iter_mut()
                    .find(|(key, _)| key == step)
                    .map(|(_, value)| value),
                Self::Scalar(_) => None,
            };
            found.unwrap_or_else(|| panic!("nothing is at `{path}`"))
        })
    }

    /// Cuts a list or an object to its first `length` entries, and says so.
    pub(super) fn cut(&mut self, length: usize) {
        match self {
            Self::List(items) => {
                items.truncate(length);
                items.push(Self::Scalar("…".into()));
            }
            Self::Object(members) => {
                members.truncate(length);
                members.push(("…".to_owned(), Self::Scalar("…".into())));
            }
            Self::Scalar(value) => panic!("`{value}` cannot be cut"),
        }
    }

    /// Puts this number in the place of all that have this key.
    pub(super) fn set_all(&mut self, key: &str, number: f64) {
        match self {
            Self::Scalar(_) => {}
            Self::List(items) => items.iter_mut().for_each(|item| item.set_all(key, number)),
            Self::Object(members) => {
                for (name, value) in members {
                    match name == key {
                        true => *value = Self::Scalar(number.into()),
                        false => value.set_all(key, number),
                    }
                }
            }
        }
    }

    /// Leaves of a list this one, and says so.
    pub(super) fn keep(&mut self, index: usize) {
        if let Self::List(items) = self {
            let kept = items.swap_remove(index);
            *items = vec![Self::Scalar("…".into()), kept];
        }
    }

    /// Cuts each text that is very long.
    pub(super) fn clip(&mut self) {
        match self {
            Self::Scalar(Value::String(text)) if text.chars().count() > CLIPPED => {
                *text = text.chars().take(CLIPPED).chain(['…']).collect();
            }
            Self::Scalar(_) => {}
            Self::List(items) => items.iter_mut().for_each(Self::clip),
            Self::Object(members) => members.iter_mut().for_each(|(_, value)| value.clip()),
        }
    }

    pub(super) fn pretty(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, 0, 0);
        text
    }

    /// Writes what stands in a line in which `before` columns are taken.
    fn write(&self, text: &mut String, indent: usize, before: usize) {
        let line = self.to_string();
        if before + line.chars().count() <= WIDTH {
            text.push_str(&line);
            return;
        }
        let (open, close) = match self {
            Self::Scalar(_) => return text.push_str(&line),
            Self::List(_) => ('[', ']'),
            Self::Object(_) => ('{', '}'),
        };
        text.push(open);
        let inner = indent + 2;
        let mut separator = "";
        let mut begin = |text: &mut String, key: &str| {
            *text += separator;
            *text += "\n";
            *text += &" ".repeat(inner);
            *text += key;
            separator = ",";
        };
        match self {
            Self::Scalar(_) => {}
            Self::List(items) => items.iter().for_each(|item| {
                begin(text, "");
                item.write(text, inner, inner);
            }),
            Self::Object(members) => members.iter().for_each(|(key, value)| {
                let key = format!("\"{key}\": ");
                begin(text, &key);
                value.write(text, inner, inner + key.len());
            }),
        }
        *text += "\n";
        *text += &" ".repeat(indent);
        text.push(close);
    }
}

/// In one line.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |parts: Vec<String>| parts.join(", ");
        match self {
            Self::Scalar(value) => write!(f, "{value}"),
            Self::List(items) => {
                write!(
                    f,
                    "[{}]",
                    joined(items.iter().map(Self::to_string).collect())
                )
            }
            Self::Object(members) if members.is_empty() => f.write_str("{}"),
            Self::Object(members) => {
                let members = members
                    .iter()
                    .map(|(key, value)| format!("\"{key}\": {value}"));
                write!(f, "{{ {} }}", joined(members.collect()))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(InOrder)
    }
}

struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Scalar(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Scalar(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Json::Object(object))
    }
}
