use std::cell::OnceCell;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use reqwest::header::LOCATION;
use reqwest::redirect::Policy;
use rustls::{ClientConfig, RootCertStore};
use thread_local::ThreadLocal;
use url::Url;

use super::allow::AllowedHosts;
use super::error::DeliveryError;
use super::names::Names;
use super::{Answer, DeliveryOptions};
use crate::clock::timeout;
use crate::domain::Redirects;

/// So much of an answer's body is read and kept.
const MAX_BODY: usize = 1024;

const MAX_REDIRECTS: usize = 10;

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
    of_thread: ThreadLocal<OfThread>,
    timeout: Duration,
}

/// The clients of one thread. TLS is set up by the first callback that needs it: reading all roots takes
/// many times as long, and as much memory, as everything else at the start.
#[derive(Debug, Default)]
struct OfThread {
    plain: OnceCell<reqwest::Client>,
    secure: OnceCell<reqwest::Client>,
}

/// How clients are made.
#[derive(Debug)]
struct Plan {
    names: Names,
    redirects: Redirects,
    allowed: Arc<AllowedHosts>,
    max_idle_per_host: usize,
    tls: OnceLock<ClientConfig>,
}

impl Client {
    pub(super) fn new(
        options: &DeliveryOptions,
        allowed: &Arc<AllowedHosts>,
    ) -> anyhow::Result<Self> {
        // Less than the whole time, so that the report can name the cause.
        let names = Names::of_system(options.timeout.mul_f64(0.8));
        Self::with_names(options, allowed, names)
    }

    pub(super) fn with_names(
        options: &DeliveryOptions,
        allowed: &Arc<AllowedHosts>,
        names: Names,
    ) -> anyhow::Result<Self> {
        let plan = Plan {
            names,
            redirects: options.redirects,
            allowed: allowed.clone(),
            max_idle_per_host: options.max_in_flight_per_host,
            tls: OnceLock::new(),
        };
        // What would fail for every callback shall fail now.
        plan.client(without_roots()?)
            .context("cannot set up the HTTP client for callbacks")?;
        Ok(Self {
            plan,
            of_thread: ThreadLocal::new(),
            timeout: options.timeout,
        })
    }

    pub(super) async fn get(&self, url: &Url) -> Result<Answer, DeliveryError> {
        let http = self.http(url)?;
        match timeout(self.timeout, exchange(&http, url)).await {
            Ok(result) => result.map_err(|error| DeliveryError::of(error, url)),
            Err(_) => Err(DeliveryError::TimedOut(self.timeout)),
        }
    }

    /// This thread's client for such a URL.
    fn http(&self, url: &Url) -> Result<reqwest::Client, DeliveryError> {
        let of_thread = self.of_thread.get_or_default();
        // Where redirects are followed, any URL may lead to TLS.
        let is_plain = url.scheme() == "http" && self.plan.redirects == Redirects::NotFollowed;
        let (cell, make): (_, fn(&Plan) -> anyhow::Result<reqwest::Client>) = match is_plain {
            true => (&of_thread.plain, |plan| Ok(plan.client(without_roots()?)?)),
            false => (&of_thread.secure, |plan| Ok(plan.client(plan.tls()?)?)),
        };
        if cell.get().is_none() {
            let client = make(&self.plan);
            let client = client.map_err(|error| DeliveryError::Broken(format!("{error:#}")))?;
            // Nobody else is on this thread.
            let _ = cell.set(client);
        }
        let broken = || DeliveryError::Broken("no HTTP client".to_owned());
        cell.get().cloned().ok_or_else(broken)
    }
}

impl Plan {
    fn client(&self, tls: ClientConfig) -> reqwest::Result<reqwest::Client> {
        reqwest::Client::builder()
            .user_agent(concat!("planet-emulator/", env!("CARGO_PKG_VERSION")))
            .http1_only()
            // A proxy from the environment would see the callbacks, and not reach a local app server.
            .no_proxy()
            .redirect(redirect_policy(self.redirects, &self.allowed))
            .referer(false)
            .dns_resolver(self.names.clone())
            .tls_backend_preconfigured(tls)
            .pool_idle_timeout(MAX_IDLE)
            .pool_max_idle_per_host(self.max_idle_per_host)
            .build()
    }

    fn tls(&self) -> anyhow::Result<ClientConfig> {
        if let Some(known) = self.tls.get() {
            return Ok(known.clone());
        }
        let made = tls()?;
        Ok(self.tls.get_or_init(|| made).clone())
    }
}

async fn exchange(http: &reqwest::Client, url: &Url) -> reqwest::Result<Answer> {
    let mut response = http.get(url.clone()).send().await?;
    let status = response.status();
    let location = response
        .headers()
        .get(LOCATION)
        .filter(|_| status.is_redirection())
        .map(|location| String::from_utf8_lossy(location.as_bytes()).into_owned());
    let mut body = Vec::new();
    // One byte more than is kept: a body that is just as long is then read to its end, without which
    // its connection could not be used again.
    while body.len() <= MAX_BODY {
        match response.chunk().await? {
            Some(chunk) => body.extend_from_slice(&chunk[..chunk.len().min(MAX_BODY + 1)]),
            None => break,
        }
    }
    Ok(Answer {
        status: status.as_u16(),
        body: start_of(&body),
        location,
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

fn redirect_policy(redirects: Redirects, allowed: &Arc<AllowedHosts>) -> Policy {
    if redirects == Redirects::NotFollowed {
        return Policy::none();
    }
    let allowed = Arc::clone(allowed);
    Policy::custom(move |hop| {
        if hop.previous().len() > MAX_REDIRECTS {
            let told = format!("more than {MAX_REDIRECTS} redirects");
            return hop.error(DeliveryError::Broken(told));
        }
        match allowed.check(hop.url()) {
            Ok(()) => hop.follow(),
            Err(refusal) => hop.error(refusal),
        }
    })
}

/// Trusts the system's roots, thus also a company's own, and well-known ones for where there are none.
pub(crate) fn tls() -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    with_roots(roots)
}

/// For what needs no TLS: trusts nobody.
fn without_roots() -> anyhow::Result<ClientConfig> {
    with_roots(RootCertStore::empty())
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
