//! Sends one callback over HTTP, in time and in bounds, and reports the attempt.
//!
//! What went wrong is part of the report: [`Courier::send`] never fails.

mod allow;
mod client;
mod error;
mod limits;
mod names;
#[cfg(test)]
mod tests;
mod url;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::url::Url;

use self::allow::AllowedHosts;
use self::client::Client;
use self::limits::{Limits, Place};
use crate::clock::Stopwatch;
use crate::domain::Redirects;

pub(crate) use self::client::tls;
pub(crate) use self::error::DeliveryError;
pub(crate) use self::url::{shown, with_query};

/// How callbacks are sent.
#[derive(Debug, Clone)]
pub(crate) struct DeliveryOptions {
    /// How long one callback may take, from its sending until the start of the answer's body.
    pub timeout: Duration,
    pub max_in_flight: usize,
    pub max_in_flight_per_host: usize,
    /// If not empty, the only hosts that may be called: names, `*.example.com`, addresses.
    pub allow_hosts: Vec<String>,
    pub redirects: Redirects,
}

/// Sends callbacks. Clones share connections and bounds.
#[derive(Debug, Clone)]
pub(crate) struct Courier(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limits: Limits,
    closed: AtomicBool,
    allowed: Arc<AllowedHosts>,
    client: Client,
}

/// What became of one sending, which counts as in flight until this is dropped: who waits for callbacks
/// in flight then finds them recorded.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// How long it waited for a free place.
    pub waited: Duration,
    /// From sending until the answer's head and the start of its body, or until it failed.
    pub latency: Duration,
    pub result: Result<Answer, DeliveryError>,
    _place: Option<Place>,
}

/// What the app server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub status: u16,
    /// The first KiB, read as UTF-8.
    pub body: Box<str>,
    /// Where a redirect points.
    pub location: Option<String>,
}

impl Courier {
    /// # Errors
    /// When an entry of `allow_hosts` names no host, or TLS cannot be set up.
    pub(crate) fn new(options: &DeliveryOptions) -> anyhow::Result<Self> {
        let allowed = Arc::new(AllowedHosts::parse(&options.allow_hosts)?);
        let client = Client::new(options, &allowed)?;
        Ok(Self::with_client(options, allowed, client))
    }

    fn with_client(options: &DeliveryOptions, allowed: Arc<AllowedHosts>, client: Client) -> Self {
        Self(Arc::new(Inner {
            limits: Limits::new(options.max_in_flight, options.max_in_flight_per_host),
            closed: AtomicBool::new(false),
            allowed,
            client,
        }))
    }

    /// How many callbacks are being sent right now.
    pub(crate) fn in_flight(&self) -> usize {
        self.0.limits.taken()
    }

    /// From now on, no callback is sent any more; those in flight are not touched.
    pub(crate) fn close(&self) {
        self.0.closed.store(true, Ordering::Relaxed);
    }

    /// Whether callbacks are no longer sent.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Relaxed)
    }

    /// Waits for a free place, then sends GET `url`; waits for ever if the courier is closed meanwhile.
    pub(crate) async fn send(&self, url: &Url) -> Attempt {
        let inner = &self.0;
        if let Err(refusal) = inner.allowed.check(url) {
            return Attempt {
                waited: Duration::ZERO,
                latency: Duration::ZERO,
                result: Err(refusal),
                _place: None,
            };
        }
        let waiting = Stopwatch::start();
        let place = inner.limits.enter(url).await;
        if self.is_closed() {
            // Nothing of it is in flight, and a stop need not wait for it.
            drop(place);
            return std::future::pending().await;
        }
        let waited = waiting.elapsed();

        let sending = Stopwatch::start();
        // A request in flight is several KiB of state, which a call that merely waits need not hold.
        let result = Box::pin(inner.client.get(url)).await;
        Attempt {
            waited,
            latency: sending.elapsed(),
            result,
            _place: Some(place),
        }
    }
}
