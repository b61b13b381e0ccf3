use url::Url;

/// The URL `base` with `query` behind whatever query it already has, and without its fragment.
///
/// `query` is percent-encoded already; what `base` has is not encoded again.
pub(super) fn with_query(base: &str, query: &str) -> String {
    let base = base.split_once('#').map_or(base, |(before, _)| before);
    let separator = match base.split_once('?') {
        _ if query.is_empty() => "",
        None => "?",
        Some((_, before)) if before.is_empty() || before.ends_with('&') => "",
        Some(_) => "&",
    };
    [base, separator, query].concat()
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
            let registered: Url = base.parse().unwrap();
            assert_eq!(with_query(registered.as_str(), query), expected, "{base}");
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
