//! Sends one callback over HTTP, in time and in bounds, and reports the attempt.
//!
//! What went wrong is part of the report: [`Courier::send`] never fails.

mod allow;
mod client;
mod error;
mod hop;
mod limits;
mod names;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use self::allow::AllowedHosts;
use self::client::Client;
use self::limits::{Limits, Place};
use crate::clock::Stopwatch;
use crate::domain::Redirects;
use crate::wire::{Message, Target};

pub(crate) use self::client::tls;
pub(crate) use self::error::DeliveryError;

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
    allowed: Arc<AllowedHosts>,
    client: Client,
}

/// What became of one sending.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    /// From sending until the answer's head and the start of its body, or until it failed.
    pub latency: Duration,
    pub result: Result<Answer, DeliveryError>,
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
    /// When an entry of `allow_hosts` names no host.
    pub(crate) fn new(options: &DeliveryOptions) -> anyhow::Result<Self> {
        let allowed = Arc::new(AllowedHosts::parse(&options.allow_hosts)?);
        let client = Client::new(options, &allowed);
        Ok(Self::with_client(options, allowed, client))
    }

    fn with_client(options: &DeliveryOptions, allowed: Arc<AllowedHosts>, client: Client) -> Self {
        Self(Arc::new(Inner {
            limits: Limits::new(options.max_in_flight, options.max_in_flight_per_host),
            allowed,
            client,
        }))
    }

    /// Waits for a free place, then sends GET `url`.
    pub(crate) async fn send(&self, url: &Url) -> Attempt {
        let message = Message::to(url.clone());
        self.turn(&message.target).await.send(&message).await
    }

    /// Waits until a message may be sent to `target`.
    pub(crate) async fn turn(&self, target: &Target) -> Turn<'_> {
        let place = match self.0.allowed.check(target.url()) {
            Ok(()) => Ok(self.0.limits.enter(target.place()).await),
            Err(refusal) => Err(refusal),
        };
        let courier = self;
        Turn { courier, place }
    }
}

/// The right to send one callback now; or the reason why that will not do.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    courier: &'a Courier,
    place: Result<Place<'a>, DeliveryError>,
}

impl Turn<'_> {
    /// Sends it, to where the turn is for.
    pub(crate) async fn send(self, message: &Message) -> Attempt {
        let (result, latency) = match self.place {
            Ok(_place) => {
                let sending = Stopwatch::start();
                // A request in flight is several KiB of state, which a call that merely waits need not hold.
                let result = Box::pin(self.courier.0.client.get(message)).await;
                (result, sending.elapsed())
            }
            Err(refusal) => (Err(refusal), Duration::ZERO),
        };
        Attempt { latency, result }
    }
}
