//! Settings that are text with a rule of its own.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::net::{Ipv4Addr, Ipv6Addr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use url::Url;

use crate::clock::ClockMode;
use crate::domain::{ContentId, ServiceId};

/// The rule that a text must obey to become a setting.
pub(crate) trait TextRule: Sized + fmt::Display {
    /// The name of the format in JSON Schemas.
    const FORMAT: &'static str;
    /// What the rule asks for, with an article.
    const EXPECTED: &'static str;

    /// Takes the text.
    ///
    /// # Errors
    /// A hint: what to do about a text that breaks the rule.
    fn parse(text: &str) -> Result<Self, String>;
}

/// A setting that stands in files as text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Text<T>(pub T);

impl<T: TextRule> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, T: TextRule> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);
        impl<T: TextRule> Visitor<'_> for Reader<T> {
            type Value = Text<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::EXPECTED)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<T>, E> {
                T::parse(text)
                    .map(Text)
                    .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Reader(PhantomData))
    }
}

impl<T: TextRule> JsonSchema for Text<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        T::FORMAT.into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": T::FORMAT, "x-expected": T::EXPECTED })
    }
}

/// Where to listen, as `host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListenAddress(pub String);

impl TextRule for ListenAddress {
    const FORMAT: &'static str = "listen-address";
    const EXPECTED: &'static str = "an address such as `127.0.0.1:7526`";

    fn parse(text: &str) -> Result<Self, String> {
        let Some((host, port)) = text.rsplit_once(':') else {
            let is_port = text.parse::<u16>().is_ok();
            return Err(if is_port {
                format!("put the host before the port: `127.0.0.1:{text}`")
            } else {
                format!("add a port: `{text}:7526`; port 0 takes any free one")
            });
        };
        let is_port = port.bytes().all(|digit| digit.is_ascii_digit());
        if !is_port || port.parse::<u16>().is_err() {
            return Err("end it with a port from 0 to 65535".to_owned());
        }
        let bracketed = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let is_host = match bracketed {
            Some(host) => host.parse::<Ipv6Addr>().is_ok(),
            None if host.contains(':') => {
                return Err(format!(
                    "put an IPv6 address in brackets: `[{host}]:{port}`"
                ));
            }
            None if host.is_empty() => {
                return Err(format!(
                    "name a host: `127.0.0.1:{port}`, or `0.0.0.0:{port}` for every interface"
                ));
            }
            None if host.bytes().all(|b| b.is_ascii_digit() || b == b'.') => {
                host.parse::<Ipv4Addr>().is_ok()
            }
            None => host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)),
        };
        if is_host {
            Ok(Self(text.to_owned()))
        } else {
            Err("put an IP address or a host name before the port, and nothing else".to_owned())
        }
    }
}

/// The name of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProjectName(pub String);

impl TextRule for ProjectName {
    const FORMAT: &'static str = "project-name";
    const EXPECTED: &'static str = "a name such as `shop`";

    fn parse(text: &str) -> Result<Self, String> {
        let fits = (1..=64).contains(&text.len());
        if fits && is_letters_digits_hyphen_underscore(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err("a name has 1 to 64 of a-z A-Z 0-9 - _".to_owned())
        }
    }
}

/// The public half of a project's credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiKey(pub String);

impl TextRule for ApiKey {
    const FORMAT: &'static str = "api-key";
    const EXPECTED: &'static str = "an API key such as `shop-key`";

    fn parse(text: &str) -> Result<Self, String> {
        if !text.is_empty() && is_letters_digits_hyphen_underscore(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err("an API key has at least one of a-z A-Z 0-9 - _, and nothing else".to_owned())
        }
    }
}

fn is_letters_digits_hyphen_underscore(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Where a callback goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CallbackUrl(pub Url);

impl TextRule for CallbackUrl {
    const FORMAT: &'static str = "callback-url";
    const EXPECTED: &'static str = "a URL such as `http://127.0.0.1:3000/planet/notify`";

    fn parse(text: &str) -> Result<Self, String> {
        let with_scheme = || format!("http://{text}");
        let refuse = |url: Result<Url, url::ParseError>| match url {
            _ if !text.contains("://") && Url::parse(&with_scheme()).is_ok() => {
                format!("begin it with a scheme: `{}`", with_scheme())
            }
            Ok(url) => format!(
                "the scheme must be `http` or `https`, not `{}`",
                url.scheme()
            ),
            Err(error) => error.to_string(),
        };
        match Url::parse(text) {
            Ok(url) if !matches!(url.scheme(), "http" | "https") => Err(refuse(Ok(url))),
            // `http:example.com` and `http:///x` are read as if they had the usual slashes.
            Ok(_) if !has_authority(text) => Err("put `//` and a host after the scheme".to_owned()),
            Ok(url) if url.host_str().is_none_or(str::is_empty) => {
                Err("put a host after `//`".to_owned())
            }
            Ok(url) if url.fragment().is_some() => {
                Err("remove `#` and what follows: it is never sent".to_owned())
            }
            Ok(url) => Ok(Self(url)),
            Err(error) => Err(refuse(Err(error))),
        }
    }
}

fn has_authority(text: &str) -> bool {
    text.split_once("://")
        .is_some_and(|(_, rest)| !rest.starts_with(['/', '\\']))
}

impl TextRule for ServiceId {
    const FORMAT: &'static str = "service-id";
    const EXPECTED: &'static str = "a service ID such as `shop-eval`";

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|reason| format!("a service ID {reason}"))
    }
}

impl TextRule for ContentId {
    const FORMAT: &'static str = "content-id";
    const EXPECTED: &'static str = "a content ID of twelve hexadecimal digits";

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|reason| format!("a content ID {reason}"))
    }
}

impl TextRule for ClockMode {
    const FORMAT: &'static str = "clock";
    const EXPECTED: &'static str = "`real`, `manual` or a speed such as `20x`";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_| "a speed is a number above 0, then `x`: `0.5x`, `20x`".to_owned())
    }
}

macro_rules! display_inner {
    ($($name:ty),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    )*};
}
display_inner!(ListenAddress, ProjectName, ApiKey, CallbackUrl);

/// A text that nobody may read by accident.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Secret(
    #[schemars(length(min = 1), extend("x-expected" = "a secret of at least one character"))]
    String,
);

impl Secret {
    /// The text, to compare or to send.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict<T: TextRule>(text: &str) -> String {
        match T::parse(text) {
            Ok(value) => format!("ok: {value}"),
            Err(hint) => hint,
        }
    }

    #[test]
    fn a_callback_url_is_absolute_and_http() {
        for (title, text, expected) in [
            (
                "plain",
                "http://127.0.0.1:3000/a?b=c",
                "ok: http://127.0.0.1:3000/a?b=c",
            ),
            ("tls", "https://example.com", "ok: https://example.com/"),
            (
                "no scheme",
                "localhost:3000/a",
                "begin it with a scheme: `http://localhost:3000/a`",
            ),
            (
                "an address without a scheme",
                "127.0.0.1:3000/a",
                "begin it with a scheme: `http://127.0.0.1:3000/a`",
            ),
            (
                "another scheme",
                "ftp://example.com/a",
                "the scheme must be `http` or `https`, not `ftp`",
            ),
            (
                "no slashes",
                "http:example.com",
                "put `//` and a host after the scheme",
            ),
            (
                "no host",
                "http:///a",
                "put `//` and a host after the scheme",
            ),
            ("nothing after the scheme", "http://", "empty host"),
            (
                "a fragment",
                "http://example.com/#a",
                "remove `#` and what follows: it is never sent",
            ),
            ("a bad port", "http://a:99999/", "invalid port number"),
        ] {
            assert_eq!(verdict::<CallbackUrl>(text), expected, "{title}");
        }
    }

    #[test]
    fn a_listen_address_is_host_and_port() {
        for good in [
            "127.0.0.1:7526",
            "0.0.0.0:0",
            "[::1]:7526",
            "localhost:1",
            "my_host-1.example:80",
        ] {
            assert_eq!(verdict::<ListenAddress>(good), format!("ok: {good}"));
        }
        for (text, expected) in [
            ("7526", "put the host before the port: `127.0.0.1:7526`"),
            (
                "localhost",
                "add a port: `localhost:7526`; port 0 takes any free one",
            ),
            (
                ":80",
                "name a host: `127.0.0.1:80`, or `0.0.0.0:80` for every interface",
            ),
            ("::1:80", "put an IPv6 address in brackets: `[::1]:80`"),
            ("a:65536", "end it with a port from 0 to 65535"),
            ("a:+1", "end it with a port from 0 to 65535"),
            ("a:", "end it with a port from 0 to 65535"),
            (
                "http//a:80",
                "put an IP address or a host name before the port, and nothing else",
            ),
            (
                "1.2.3:80",
                "put an IP address or a host name before the port, and nothing else",
            ),
        ] {
            assert_eq!(verdict::<ListenAddress>(text), expected, "{text}");
        }
    }

    #[test]
    fn a_secret_shows_nothing_of_itself() {
        let secret = Secret::from("hunter2".to_owned());
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"***\"");
        assert_eq!(secret.expose(), "hunter2");
    }
}
