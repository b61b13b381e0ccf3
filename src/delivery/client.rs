use std::cell::OnceCell;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use http_body_util::{BodyExt as _, Empty};
use hyper::Response;
use hyper::body::{Bytes, Incoming};
use hyper::header::LOCATION;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use thread_local::ThreadLocal;
use url::Url;

use super::allow::AllowedHosts;
use super::error::DeliveryError;
use super::hop::Hop;
use super::names::Names;
use super::{Answer, DeliveryOptions};
use crate::clock::timeout;
use crate::domain::Redirects;
use crate::wire::Message;

/// So much of an answer's body is read and kept.
const MAX_BODY: usize = 1024;

/// Shorter than what common servers grant an idle connection: sending on one that the server closes
/// at that moment would fail a callback for no fault of the app server's.
const MAX_IDLE: Duration = Duration::from_secs(1);

/// An HTTP client for callbacks, with connections of its own for each thread.
///
/// A connection is driven by the runtime of the thread that opened it. Were connections shared, nearly
/// every callback would have to wake another thread twice.
#[derive(Debug)]
pub(super) struct Client {
    plan: Plan,
    allowed: Arc<AllowedHosts>,
    of_thread: ThreadLocal<OfThread>,
    timeout: Duration,
}

/// Knows no proxy: one from the environment would see the callbacks, and not reach a local app server.
pub(super) type Http = legacy::Client<HttpsConnector<HttpConnector<Names>>, Empty<Bytes>>;

/// The clients of one thread. TLS is set up by the first callback that needs it: reading all roots takes
/// many times as long, and as much memory, as everything else at the start.
#[derive(Debug, Default)]
struct OfThread {
    plain: OnceCell<Http>,
    secure: OnceCell<Http>,
}

/// How clients are made.
#[derive(Debug)]
struct Plan {
    names: Names,
    redirects: Redirects,
    max_idle_per_host: usize,
    without_tls: Tls,
    with_tls: Tls,
}

/// Made when it is first asked for.
#[derive(Debug)]
struct Tls {
    make: fn() -> anyhow::Result<ClientConfig>,
    made: OnceLock<Arc<ClientConfig>>,
}

impl Client {
    pub(super) fn new(options: &DeliveryOptions, allowed: &Arc<AllowedHosts>) -> Self {
        // Less than the whole time, so that the report can name the cause.
        let names = Names::of_system(options.timeout.mul_f64(0.8));
        Self::with_names(options, allowed, names)
    }

    pub(super) fn with_names(
        options: &DeliveryOptions,
        allowed: &Arc<AllowedHosts>,
        names: Names,
    ) -> Self {
        let plan = Plan {
            names,
            redirects: options.redirects,
            max_idle_per_host: options.max_in_flight_per_host,
            without_tls: Tls::new(|| with_roots(RootCertStore::empty())),
            with_tls: Tls::new(tls),
        };
        Self {
            plan,
            allowed: allowed.clone(),
            of_thread: ThreadLocal::new(),
            timeout: options.timeout,
        }
    }

    pub(super) async fn get(&self, message: &Message) -> Result<Answer, DeliveryError> {
        let http = self.http(message.target.url())?;
        match timeout(self.timeout, self.exchange(&http, message)).await {
            Ok(result) => result,
            Err(_) => Err(DeliveryError::TimedOut(self.timeout)),
        }
    }

    /// This thread's client for such a URL.
    fn http(&self, url: &Url) -> Result<Http, DeliveryError> {
        let of_thread = self.of_thread.get_or_default();
        // Where redirects are followed, any URL may lead to TLS.
        let is_plain = url.scheme() == "http" && self.plan.redirects == Redirects::NotFollowed;
        let (client, tls) = if is_plain {
            (&of_thread.plain, &self.plan.without_tls)
        } else {
            (&of_thread.secure, &self.plan.with_tls)
        };
        if let Some(known) = client.get() {
            return Ok(known.clone());
        }
        let broken = |error: anyhow::Error| DeliveryError::Broken(format!("{error:#}"));
        let tls = tls.get().map_err(broken)?;
        Ok(client.get_or_init(|| self.plan.client(tls)).clone())
    }

    async fn exchange(&self, http: &Http, message: &Message) -> Result<Answer, DeliveryError> {
        let mut hop = Hop::first(message);
        loop {
            let response = hop.send(http).await?;
            let next = match self.plan.redirects {
                Redirects::Followed => hop.next(&response, &self.allowed)?,
                Redirects::NotFollowed => None,
            };
            match next {
                Some(next) => hop = next,
                None => return answer(response).await.map_err(|error| hop.failed(&error)),
            }
        }
    }
}

impl Plan {
    fn client(&self, tls: Arc<ClientConfig>) -> Http {
        let mut http = HttpConnector::new_with_resolver(self.names.clone());
        http.set_nodelay(true);
        http.enforce_http(false);
        legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(MAX_IDLE)
            .pool_max_idle_per_host(self.max_idle_per_host)
            .build(HttpsConnector::from((http, tls)))
    }
}

impl Tls {
    fn new(make: fn() -> anyhow::Result<ClientConfig>) -> Self {
        Self {
            make,
            made: OnceLock::new(),
        }
    }

    fn get(&self) -> anyhow::Result<Arc<ClientConfig>> {
        if let Some(known) = self.made.get() {
            return Ok(known.clone());
        }
        let made = Arc::new((self.make)()?);
        Ok(self.made.get_or_init(|| made).clone())
    }
}

async fn answer(response: Response<Incoming>) -> hyper::Result<Answer> {
    let (head, mut body) = response.into_parts();
    let location = head.headers.get(LOCATION);
    let location = location.filter(|_| head.status.is_redirection());
    let mut start = Vec::new();
    // One byte more than is kept: a body that is just as long is then read to its end, without which
    // its connection could not be used again.
    while start.len() <= MAX_BODY {
        let Some(frame) = body.frame().await.transpose()? else {
            break;
        };
        if let Some(data) = frame.data_ref() {
            start.extend_from_slice(&data[..data.len().min(MAX_BODY + 1)]);
        }
    }
    Ok(Answer {
        status: head.status.as_u16(),
        body: start_of(&start),
        location: location.map(|at| String::from_utf8_lossy(at.as_bytes()).into_owned()),
    })
}

fn start_of(body: &[u8]) -> Box<str> {
    let mut start = &body[..body.len().min(MAX_BODY)];
    if start.len() < body.len()
        && let Err(error) = std::str::from_utf8(start)
        && error.error_len().is_none()
    {
        // Cut within a character, which is no fault of the answer's.
        start = &start[..error.valid_up_to()];
    }
    String::from_utf8_lossy(start).into()
}

/// Trusts the system's roots, thus also a company's own, and well-known ones for where there are none.
pub(crate) fn tls() -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    with_roots(roots)
}

fn with_roots(roots: RootCertStore) -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("cannot set up TLS for callbacks")?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
