use url::Url;

/// `base` with `query` behind whatever query it already has, and without its fragment.
///
/// `query` is percent-encoded already; what `base` has is not encoded again.
pub(crate) fn with_query(base: &Url, query: &str) -> Url {
    let mut url = base.clone();
    url.set_fragment(None);
    let joined = match base.query() {
        None | Some("") => query.to_owned(),
        Some(before) if query.is_empty() || before.ends_with('&') => format!("{before}{query}"),
        Some(before) => format!("{before}&{query}"),
    };
    url.set_query(Some(joined.as_str()).filter(|query| !query.is_empty()));
    url
}

/// How `url` appears in records and logs: without its password.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    if url.password().is_some() && url.set_password(Some("***")).is_err() {
        // Only a URL without a host refuses a password, and such a URL has none.
        return format!("{}:***", url.scheme());
    }
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_come_behind_the_registered_query() {
        for (base, query, expected) in [
            ("http://h/n", "a=1", "http://h/n?a=1"),
            ("http://h", "a=1", "http://h/?a=1"),
            ("http://h/n?", "a=1", "http://h/n?a=1"),
            ("http://h/n?x=1", "a=1", "http://h/n?x=1&a=1"),
            ("http://h/n?x=1&", "a=1", "http://h/n?x=1&a=1"),
            ("http://h/n?x=1?", "a=1", "http://h/n?x=1?&a=1"),
            (
                "http://h/n?x=%2f+%C3%A9",
                "a=b%3D%3D",
                "http://h/n?x=%2f+%C3%A9&a=b%3D%3D",
            ),
            ("http://h/n?x=1#top", "a=1", "http://h/n?x=1&a=1"),
            ("http://h/n#top", "", "http://h/n"),
            ("http://h/n?x=1", "", "http://h/n?x=1"),
        ] {
            assert_eq!(
                with_query(&base.parse().unwrap(), query).as_str(),
                expected,
                "{base}"
            );
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        for (given, expected) in [
            ("http://h/n?x=1", "http://h/n?x=1"),
            ("http://me@h/", "http://me@h/"),
            ("http://me:secret@h:81/n", "http://me:***@h:81/n"),
            ("http://:secret@h/", "http://:***@h/"),
        ] {
            assert_eq!(shown(&given.parse().unwrap()), expected);
        }
    }
}
