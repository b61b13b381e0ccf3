use std::error::Error;
use std::io;
use std::time::Duration;

use hyper_util::client::legacy;
use thiserror::Error;

/// Why a callback was not answered. Shown in one line, without the query of any URL.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum DeliveryError {
    #[error("connection refused by {by}: is the app server running?")]
    Refused { by: String },
    #[error("`{host}` does not resolve: {why}")]
    Unresolved { host: String, why: String },
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    #[error("no TLS connection to {to}: {why}")]
    Tls { to: String, why: String },
    #[error("`{host}` may not be called: {why}")]
    NotAllowed { host: String, why: String },
    #[error("no connection to {to}: {why}")]
    NoConnection { to: String, why: String },
    #[error("no usable answer: {0}")]
    Broken(String),
}

impl DeliveryError {
    /// What `error` means, which happened when `to` was called.
    pub(super) fn of(error: &(dyn Error + 'static), to: &str) -> Self {
        let to = to.to_owned();
        let causes = causes(error);
        if let Some(own) = causes.iter().find_map(|cause| cause.downcast_ref::<Self>()) {
            return own.clone();
        }
        let refused = |cause: &&(dyn Error + 'static)| {
            cause
                .downcast_ref::<io::Error>()
                .is_some_and(|cause| cause.kind() == io::ErrorKind::ConnectionRefused)
        };
        if causes.iter().any(refused) {
            return Self::Refused { by: to };
        }
        let mut labels = causes.iter().filter_map(label);
        let is_connecting = labels.any(legacy::Error::is_connect);
        let why = told(&causes);
        if causes.iter().any(|cause| cause.is::<rustls::Error>()) {
            Self::Tls { to, why }
        } else if is_connecting {
            Self::NoConnection { to, why }
        } else {
            Self::Broken(why)
        }
    }
}

/// `error` and all that caused it, from the outside in.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let inner = |cause: &&'a (dyn Error + 'static)| match (*cause).downcast_ref::<io::Error>() {
        // An I/O error gives as its source the source of what it wraps and skips the wrapped itself.
        Some(io) => io
            .get_ref()
            .map(|wrapped| wrapped as &'a (dyn Error + 'static)),
        None => (*cause).source(),
    };
    std::iter::successors(Some(error), inner).collect()
}

/// What says merely in which step of a request the rest happened.
fn label<'a>(cause: &&'a (dyn Error + 'static)) -> Option<&'a legacy::Error> {
    cause.downcast_ref()
}

/// What a person wants to read of `causes`: neither the layers' labels nor the same text twice.
fn told(causes: &[&(dyn Error + 'static)]) -> String {
    let mut told: Vec<String> = Vec::new();
    for (depth, cause) in causes.iter().enumerate() {
        let text = one_line(&cause.to_string());
        let innermost = depth + 1 == causes.len();
        let repeated = told.last().is_some_and(|before| before.ends_with(&text));
        if (innermost || label(cause).is_none()) && !repeated {
            told.push(text);
        }
    }
    told.join(": ")
}

pub(super) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ")
}
