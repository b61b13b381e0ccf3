//! Who may use the control API: no foreign web page, no rebound DNS name, and only holders of the token.

use std::net::{Ipv4Addr, Ipv6Addr};

use actix_web::body::MessageBody;
use actix_web::dev::{ResourceDef, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, ORIGIN};
use actix_web::middleware::Next;
use subtle::ConstantTimeEq as _;

use super::{ControlError, table};
use crate::settings::ControlSettings;

/// Decides by path and headers alone.
pub(super) struct Guard {
    settings: ControlSettings,
    /// The paths for which no token is asked.
    open: Vec<ResourceDef>,
}

impl Guard {
    pub(super) fn new(settings: &ControlSettings) -> Self {
        let table = table();
        let open = table.iter().filter(|route| route.operation.is_open);
        Self {
            settings: settings.clone(),
            open: open.map(|route| ResourceDef::new(route.path)).collect(),
        }
    }

    /// Answers the request unless it may not be made.
    pub(super) async fn admit<B: MessageBody>(
        &self,
        request: ServiceRequest,
        next: Next<B>,
    ) -> Result<ServiceResponse<B>, actix_web::Error> {
        self.check(request.match_info().unprocessed(), request.headers())?;
        next.call(request).await
    }

    /// # Errors
    /// 403 for a foreign host or origin, 401 for a token that is missing or wrong.
    fn check(&self, path: &str, headers: &HeaderMap) -> Result<(), ControlError> {
        self.check_host(headers)?;
        check_origin(headers)?;
        match &self.settings.token {
            Some(token) if !self.open.iter().any(|open| open.is_match(path)) => {
                check_token(headers, token.expose())
            }
            _ => Ok(()),
        }
    }

    /// A web page whose name was made to lead here still sends its own name (DNS rebinding).
    fn check_host(&self, headers: &HeaderMap) -> Result<(), ControlError> {
        let mut hosts = texts(headers, HOST);
        let found = hosts.find(|host| !self.is_ours(host));
        let found = found.or_else(|| (!headers.contains_key(HOST)).then(|| "none".to_owned()));
        let Some(found) = found else {
            return Ok(());
        };
        let message = format!("expected a host of this emulator, found `{found}`");
        Err(forbidden("foreign_host", message).with_hint(
            "use an IP address, `localhost` or a name without dots, or list the host in the setting `control.allow_hosts`",
        ))
    }

    fn is_ours(&self, authority: &str) -> bool {
        let Some(host) = host_of(authority) else {
            return false;
        };
        let is_single_label = !host.is_empty()
            && host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let is_address = host.parse::<Ipv4Addr>().is_ok() || host.parse::<Ipv6Addr>().is_ok();
        let is_usual = host.ends_with(".localhost") || host == "host.docker.internal";
        let mut listed = self.settings.allow_hosts.iter();
        is_single_label || is_address || is_usual || listed.any(|entry| covers(entry, &host))
    }
}

/// The host of an authority in lower case, without port, brackets and a final dot.
fn host_of(authority: &str) -> Option<String> {
    let (host, rest) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (host, rest)
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let is_port = rest.is_empty()
        || rest
            .strip_prefix(':')
            .is_some_and(|port| port.bytes().all(|digit| digit.is_ascii_digit()));
    let host = host.strip_suffix('.').unwrap_or(host);
    is_port.then(|| host.to_ascii_lowercase())
}

/// Whether an entry of `control.allow_hosts` is this host, or `*.` and a name that it is below.
fn covers(entry: &str, host: &str) -> bool {
    let entry = entry.trim().to_ascii_lowercase();
    match entry.strip_prefix('*') {
        Some(below) => below.starts_with('.') && host.ends_with(below),
        None => entry == host,
    }
}

/// Browsers tell which page a request comes from; only this server's own may call it.
fn check_origin(headers: &HeaderMap) -> Result<(), ControlError> {
    let host = texts(headers, HOST).next().unwrap_or_default();
    let own = format!("http://{host}");
    match texts(headers, ORIGIN).find(|origin| !origin.eq_ignore_ascii_case(&own)) {
        None => Ok(()),
        Some(origin) => {
            let message = format!("expected no `Origin` or `{own}`, found `{origin}`");
            Err(forbidden("foreign_origin", message).with_hint(
                "web pages of others may not use the control API; call it from a program",
            ))
        }
    }
}

fn check_token(headers: &HeaderMap, expected: &str) -> Result<(), ControlError> {
    let mut given = texts(headers, AUTHORIZATION).filter_map(|value| {
        let (scheme, token) = value.trim().split_once(' ')?;
        let is_bearer = scheme.eq_ignore_ascii_case("bearer");
        is_bearer.then(|| token.trim().to_owned())
    });
    let refuse = |code, message| {
        Err(ControlError::new(StatusCode::UNAUTHORIZED, code, message)
            .with_hint("send `Authorization: Bearer` with the emulator's setting `control.token`"))
    };
    match given.next() {
        None => refuse("missing_token", "the control API asks for a token"),
        Some(token) if bool::from(token.as_bytes().ct_eq(expected.as_bytes())) => Ok(()),
        Some(_) => refuse("wrong_token", "this is not the control API's token"),
    }
}

fn forbidden(code: &'static str, message: String) -> ControlError {
    ControlError::new(StatusCode::FORBIDDEN, code, message)
}

/// All values of a header; what is no text is made one that nobody allows.
fn texts(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = String> {
    let values = headers.get_all(name);
    values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;
    use crate::settings::Settings;

    fn verdict(guard: &Guard, path: &str, headers: &[(HeaderName, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.clone(), HeaderValue::from_str(value).unwrap());
        }
        match guard.check(path, &map) {
            Ok(()) => "admitted".to_owned(),
            Err(error) => serde_json::to_value(error).unwrap()["error"]["code"]
                .as_str()
                .unwrap()
                .to_owned(),
        }
    }

    fn guard(token: Option<&str>) -> Guard {
        Guard::new(&ControlSettings {
            token: token.map(|token| token.to_owned().into()),
            allow_hosts: vec!["Planet.Example.com".to_owned(), "*.test.example".to_owned()],
            ..Settings::default().control
        })
    }

    #[test]
    fn hosts_that_no_foreign_name_can_pose_as_are_admitted() {
        for (host, expected) in [
            ("127.0.0.1:7526", "admitted"),
            ("10.1.2.3", "admitted"),
            ("[::1]:7526", "admitted"),
            ("localhost:1", "admitted"),
            ("LOCALHOST.", "admitted"),
            ("a.localhost:80", "admitted"),
            ("planet-emulator:7526", "admitted"),
            ("my_service", "admitted"),
            ("host.docker.internal:7526", "admitted"),
            ("planet.example.com:7526", "admitted"),
            ("a.test.example", "admitted"),
            ("test.example", "foreign_host"),
            ("evil.example", "foreign_host"),
            ("127.0.0.1.evil.example", "foreign_host"),
            ("localhost.evil.example", "foreign_host"),
            ("evil.example:80@localhost", "foreign_host"),
            ("127.0.0.1:x", "foreign_host"),
            ("[evil]:80", "foreign_host"),
            ("::1", "foreign_host"),
            ("", "foreign_host"),
        ] {
            assert_eq!(
                verdict(&guard(None), "/health", &[(HOST, host)]),
                expected,
                "{host}"
            );
        }
        assert_eq!(verdict(&guard(None), "/health", &[]), "foreign_host");
        let two = [(HOST, "localhost"), (HOST, "evil.example")];
        assert_eq!(verdict(&guard(None), "/health", &two), "foreign_host");
    }

    #[test]
    fn only_this_servers_own_pages_are_admitted() {
        for (origin, expected) in [
            ("http://localhost:7526", "admitted"),
            ("HTTP://LOCALHOST:7526", "admitted"),
            ("http://localhost", "foreign_origin"),
            ("http://localhost:3000", "foreign_origin"),
            ("https://localhost:7526", "foreign_origin"),
            ("null", "foreign_origin"),
            ("", "foreign_origin"),
        ] {
            let headers = [(HOST, "localhost:7526"), (ORIGIN, origin)];
            assert_eq!(
                verdict(&guard(None), "/calls", &headers),
                expected,
                "{origin}"
            );
        }
    }

    #[test]
    fn the_token_is_asked_for_everything_but_health_and_inbox() {
        let guard = guard(Some("s3cret"));
        for (path, authorization, expected) in [
            ("/calls/1", "Bearer s3cret", "admitted"),
            ("/calls/1", "bearer  s3cret ", "admitted"),
            ("/calls/1", "Bearer s3cre", "wrong_token"),
            ("/calls/1", "Bearer ", "missing_token"),
            ("/calls/1", "Basic s3cret", "missing_token"),
            ("/unknown", "", "missing_token"),
            ("", "", "missing_token"),
            ("/health/x", "", "missing_token"),
            ("/health", "", "admitted"),
            ("/inbox/notify", "", "admitted"),
        ] {
            let headers = [(HOST, "localhost"), (AUTHORIZATION, authorization)];
            assert_eq!(
                verdict(&guard, path, &headers),
                expected,
                "{path} {authorization}"
            );
        }
    }
}
