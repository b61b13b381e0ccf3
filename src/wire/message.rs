use std::borrow::Cow;
use std::sync::Arc;

use bytestring::ByteString;
use url::Url;

use super::callback_query::{Parameters, decoded};
use super::callback_url::{shown, with_query};

/// Where callbacks go, and what of it is the same for each of them.
#[derive(Debug)]
pub(crate) struct Target {
    /// As registered: it may hold a password.
    url: Url,
    /// The URL without its credentials, which are sent in a header of their own.
    bare: Box<str>,
    place: Arc<str>,
}

impl Target {
    pub(crate) fn new(url: Url) -> Self {
        let mut bare = url.clone();
        // Only a URL without a host refuses this, and such a URL has no credentials.
        let _ = bare.set_username("").and(bare.set_password(None));
        Self {
            bare: String::from(bare).into(),
            place: place(&url).into(),
            url,
        }
    }

    /// As registered: it may hold a password.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// How it appears in records and logs: without the password.
    pub(crate) fn shown(&self) -> String {
        shown(&self.url)
    }

    /// The host and port, for bounds and messages.
    pub(crate) fn place(&self) -> &Arc<str> {
        &self.place
    }
}

fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// What a callback says, and to whom. One text serves the request and the record of it.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) target: Arc<Target>,
    /// Where it is sent, without credentials.
    url: ByteString,
    /// So much of the URL, at its end, are the parameters.
    query_length: usize,
}

impl Message {
    pub(crate) fn new(target: Arc<Target>, parameters: &Parameters) -> Self {
        Self::with_query(target, &parameters.query())
    }

    fn with_query(target: Arc<Target>, query: &str) -> Self {
        Self {
            url: with_query(&target.bare, query).into(),
            query_length: query.len(),
            target,
        }
    }

    /// The same, sent elsewhere.
    #[must_use]
    pub(crate) fn readdressed(&self, target: Arc<Target>) -> Self {
        Self::with_query(target, self.query())
    }

    /// One without parameters.
    pub(crate) fn to(url: Url) -> Self {
        Self::new(Arc::new(Target::new(url)), &Parameters::default())
    }

    /// Where it is sent, without credentials.
    pub(crate) fn url(&self) -> &ByteString {
        &self.url
    }

    /// The parameters as they are sent.
    fn query(&self) -> &str {
        &self.url[self.url.len() - self.query_length..]
    }

    /// How its URL appears in records and logs: without the password.
    pub(crate) fn shown_url(&self) -> String {
        with_query(&self.target.shown(), self.query())
    }

    /// The names and values of its parameters, in the order in which they are sent.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        decoded(self.query())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ParameterEdits;

    #[test]
    fn a_message_tells_its_parameters_and_no_password() {
        let set = [("a b", "=&+%é"), ("empty", ""), ("é", "1")];
        let edits = ParameterEdits {
            set: set.map(|(name, value)| (name.into(), value.into())).into(),
            ..ParameterEdits::default()
        };
        let target = Target::new("http://me:secret@h/n?x=1#top".parse().unwrap());
        assert_eq!(&**target.place(), "h:80");

        let message = Message::new(Arc::new(target), &Parameters::default().edited(&edits));

        let query = "x=1&a%20b=%3D%26%2B%25%C3%A9&empty=&%C3%A9=1";
        assert_eq!(*message.url(), format!("http://h/n?{query}"));
        assert_eq!(message.shown_url(), format!("http://me:***@h/n?{query}"));
        let told: Vec<_> = message.parameters().collect();
        assert_eq!(told, set.map(|(name, value)| (name.into(), value.into())));
        let silent = Message::to("http://h/n?x=1".parse().unwrap());
        assert_eq!(silent.parameters().count(), 0);
    }
}
