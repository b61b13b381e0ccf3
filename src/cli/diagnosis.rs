//! What the answer to a probe, or its failure, says of a callback URL, and what to do about it.

use std::fmt;

use url::{Host, Url};

use crate::delivery::{Answer, DeliveryError};
use crate::domain::{Callback, Fidelity, MissingNotifyUrl, Redirects};
use crate::settings::Access;

/// How a callback is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Ok,
    /// Perhaps as it should be.
    Warning,
    /// Real callbacks would fail, or make calls fail.
    Problem,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        })
    }
}

/// What was found out about one callback.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Diagnosis {
    pub(super) verdict: Verdict,
    pub(super) told: String,
    pub(super) hint: Option<String>,
}

fn ok(told: impl Into<String>) -> Diagnosis {
    let (verdict, told) = (Verdict::Ok, told.into());
    Diagnosis {
        verdict,
        told,
        hint: None,
    }
}

fn warning(told: impl Into<String>, hint: impl Into<String>) -> Diagnosis {
    let verdict = Verdict::Warning;
    Diagnosis {
        verdict,
        ..problem(told, hint)
    }
}

fn problem(told: impl Into<String>, hint: impl Into<String>) -> Diagnosis {
    Diagnosis {
        verdict: Verdict::Problem,
        told: told.into(),
        hint: Some(hint.into()),
    }
}

/// What it means that no URL is configured.
pub(super) fn of_missing(callback: Callback, access: Access, fidelity: &Fidelity) -> Diagnosis {
    let hint = format!("set `callbacks.{callback}` of the project");
    match (access, callback, fidelity.missing_notify_url) {
        (Access::Open, _, _) => ok("goes to the emulator's own inbox"),
        (Access::Strict, Callback::Notify, MissingNotifyUrl::PushError) => problem(
            "calls end with PUSH_ERROR without it (fidelity.missing_notify_url: push_error)",
            hint,
        ),
        (Access::Strict, _, _) => warning("is never sent", hint),
    }
}

/// What the answer to a bare GET means for callbacks, which have parameters.
///
/// Without parameters, an app server may well refuse the request as such (400, 422, …): this shows
/// that it is reached, and no more. What parameters do not change is a problem: nothing at the path,
/// no GET, credentials wanted, a redirect. So is a failure of its own, which no request should cause.
pub(super) fn of_answer(answer: &Answer, fidelity: &Fidelity) -> Diagnosis {
    let status = answer.status;
    let told = format!("answered {status}");
    if fidelity.notify_success.covers(status) {
        return ok(told);
    }
    match status {
        200..=299 => problem(
            told,
            "answer 200, or set `fidelity.notify_success: any_2xx`",
        ),
        300..=399 if fidelity.redirects == Redirects::NotFollowed => {
            let to = answer.location.as_deref().unwrap_or("nowhere");
            problem(
                format!("{told}, a redirect to `{to}`: redirects are not followed"),
                "configure the URL at which callbacks are taken; if this leads to a login, let callbacks in without",
            )
        }
        401 | 403 | 407 => problem(
            told,
            "let callbacks in without authentication: Planet sends no credentials",
        ),
        404 | 410 => problem(
            told,
            "compare the path with the app server's routes, and the port with the app server's",
        ),
        405 | 501 => problem(
            told,
            "let the app server take GET: callbacks are GET requests",
        ),
        400..=499 => warning(
            format!("{told}: reached; perhaps refused only because a probe has no parameters"),
            "see what a real callback is answered: `planet-emulator call alice --follow`",
        ),
        502..=504 => problem(
            told,
            "a proxy answers in the app server's place: is the app server running behind it?",
        ),
        _ => problem(
            told,
            "see the app server's log: it should answer 2xx to callbacks, and 4xx to what is none",
        ),
    }
}

/// Why there was no answer; `container` is what shows that we are in one.
pub(super) fn of_error(url: &Url, error: &DeliveryError, container: Option<&str>) -> Diagnosis {
    use DeliveryError::{NoConnection, Refused};
    let hint = match (error, container) {
        (Refused { .. } | NoConnection { .. }, Some(sign)) if is_loopback(url) => format!(
            "in a container (there is {sign}), `{}` is the container itself: name the app server's \
             service instead, or `host.docker.internal` for an app server outside of containers",
            url.host_str().unwrap_or_default()
        ),
        _ => usual_hint(url, error).to_owned(),
    };
    problem(error.to_string(), hint)
}

fn usual_hint(url: &Url, error: &DeliveryError) -> &'static str {
    match error {
        DeliveryError::Refused { .. } if is_loopback(url) => {
            "start the app server, or compare the port with the one it listens on"
        }
        DeliveryError::Refused { .. } => {
            "start the app server; compare the port, which is the one inside its container; let it \
             listen on `0.0.0.0`, not on `127.0.0.1`"
        }
        DeliveryError::Unresolved { host, .. } if host == "host.docker.internal" => {
            "on Linux, the container needs `extra_hosts: [\"host.docker.internal:host-gateway\"]`"
        }
        DeliveryError::Unresolved { .. } => {
            "compare the name; that of a container's service is known only in containers on the same network"
        }
        DeliveryError::TimedOut(_) => {
            "is the app server stuck, or a firewall in between? To wait longer, raise `delivery.timeout`"
        }
        DeliveryError::Tls { .. } => {
            "if the app server speaks http there, begin the URL with `http://`; if its certificate is \
             from an authority of your own, name that one's certificate in the variable SSL_CERT_FILE"
        }
        DeliveryError::NotAllowed { .. } => {
            "add the host to `delivery.allow_hosts`; link-local addresses cannot be added"
        }
        DeliveryError::NoConnection { .. } => {
            "is the app server's machine up, and can its network be reached from here?"
        }
        DeliveryError::Broken(_) => {
            "compare scheme and port: what listens there may speak https, or no HTTP at all"
        }
    }
}

/// Whether this URL leads back to where it is called.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_unspecified(),
        Some(Host::Ipv6(address)) => {
            let address = address.to_canonical();
            address.is_loopback() || address.is_unspecified()
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn answer(status: u16) -> Answer {
        Answer {
            status,
            body: "".into(),
            location: (300..400).contains(&status).then(|| "/login".to_owned()),
        }
    }

    #[test]
    fn what_parameters_do_not_change_is_a_problem() {
        use Verdict::{Ok, Problem, Warning};
        for (status, expected) in [
            (200, Ok),
            (204, Ok),
            (302, Problem),
            (304, Problem),
            (400, Warning),
            (401, Problem),
            (403, Problem),
            (404, Problem),
            (405, Problem),
            (409, Warning),
            (422, Warning),
            (429, Warning),
            (500, Problem),
            (503, Problem),
        ] {
            let diagnosis = of_answer(&answer(status), &Fidelity::default());
            assert_eq!(diagnosis.verdict, expected, "{status}");
            let start = format!("answered {status}");
            assert!(diagnosis.told.starts_with(&start), "{diagnosis:?}");
            assert_eq!(diagnosis.hint.is_none(), expected == Ok, "{status}");
        }
    }

    #[test]
    fn success_and_redirects_are_judged_as_for_callbacks() {
        let strict = Fidelity {
            notify_success: serde_json::from_str(r#""only_200""#).unwrap(),
            ..Fidelity::default()
        };
        assert_eq!(of_answer(&answer(200), &strict).verdict, Verdict::Ok);
        assert_eq!(of_answer(&answer(204), &strict).verdict, Verdict::Problem);
        let told = of_answer(&answer(302), &Fidelity::default()).told;
        assert_eq!(
            told,
            "answered 302, a redirect to `/login`: redirects are not followed"
        );
    }

    #[test]
    fn a_missing_url_is_as_bad_as_what_it_does_to_calls() {
        let usual = Fidelity::default();
        let lenient = Fidelity {
            missing_notify_url: MissingNotifyUrl::Skip,
            ..Fidelity::default()
        };
        let (notify, event) = (Callback::Notify, Callback::CallEvent);
        for (callback, access, fidelity, expected) in [
            (notify, Access::Open, &usual, Verdict::Ok),
            (notify, Access::Strict, &usual, Verdict::Problem),
            (notify, Access::Strict, &lenient, Verdict::Warning),
            (event, Access::Strict, &usual, Verdict::Warning),
        ] {
            let diagnosis = of_missing(callback, access, fidelity);
            assert_eq!(diagnosis.verdict, expected, "{diagnosis:?}");
        }
    }

    #[test]
    fn loopback_within_a_container_is_explained_where_it_fails() {
        let refused = || DeliveryError::Refused { by: "there".into() };
        let timed_out = || DeliveryError::TimedOut(Duration::from_secs(1));
        let container = Some("/.dockerenv");
        for (url, error, container, expected) in [
            ("http://localhost:3000/", refused(), container, true),
            ("http://app.localhost/", refused(), container, true),
            ("http://127.0.0.9:3000/", refused(), container, true),
            ("http://0.0.0.0:3000/", refused(), container, true),
            ("http://[::1]:3000/", refused(), container, true),
            ("http://app-server:3000/", refused(), container, false),
            ("http://10.0.0.7:3000/", refused(), container, false),
            ("http://localhost:3000/", timed_out(), container, false),
            ("http://localhost:3000/", refused(), None, false),
        ] {
            let diagnosis = of_error(&url.parse().unwrap(), &error, container);
            let hint = diagnosis.hint.unwrap();
            let start = "in a container (there is /.dockerenv), `";
            assert_eq!(hint.starts_with(start), expected, "{url}: {hint}");
        }
    }
}
