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

/// The host and port that `url` is sent to, for bounds and messages.
pub(super) fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}
