//! Which addresses a name has.
//!
//! The resolver of the HTTP client will not do: it asks DNS also for names that `/etc/hosts` has in
//! one address family only, and it keeps addresses longer than a recreated container keeps its own.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use std::vec;

use futures_util::future::BoxFuture;
use hickory_resolver::config::ResolveHosts;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Hosts, TokioResolver};
use hyper_util::client::legacy::connect::dns;
use tower_service::Service;

use super::allow::is_forbidden;
use super::error::{DeliveryError, one_line};
use crate::clock::timeout;

/// For so long an answer of DNS is kept, whatever it says itself.
const MAX_TTL: Duration = Duration::from_secs(1);

/// Resolves names. Clones share what they know.
#[derive(Clone)]
pub(super) struct Names(Arc<Inner>);

struct Inner {
    hosts: Hosts,
    /// Or why there is none.
    dns: Result<TokioResolver, String>,
    dns_patience: Duration,
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").finish_non_exhaustive()
    }
}

impl Names {
    /// As the system is configured; `patience` bounds what one callback may wait for DNS.
    pub(super) fn of_system(patience: Duration) -> Self {
        Self::new(Hosts::from_system().unwrap_or_default(), dns(), patience)
    }

    pub(super) fn new(
        hosts: Hosts,
        dns: Result<TokioResolver, String>,
        dns_patience: Duration,
    ) -> Self {
        Self(Arc::new(Inner {
            hosts,
            dns,
            dns_patience,
        }))
    }

    /// The addresses of `host` that may be called; at least one.
    pub(super) async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, DeliveryError> {
        let mut addresses = match self.0.static_addresses(host) {
            found if found.is_empty() => self.0.ask_dns(host).await?,
            found => found,
        };
        addresses.retain(|address| !is_forbidden(*address));
        if addresses.is_empty() {
            return Err(DeliveryError::NotAllowed {
                host: host.to_owned(),
                why: "all its addresses are link-local or metadata ones, which are never called"
                    .to_owned(),
            });
        }
        Ok(addresses)
    }
}

impl Inner {
    /// What needs no network.
    fn static_addresses(&self, host: &str) -> Vec<IpAddr> {
        let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let mut found = Vec::new();
        if let Ok(name) = Name::from_utf8(&name) {
            for family in [RecordType::A, RecordType::AAAA] {
                let query = Query::query(name.clone(), family);
                if let Some(lookup) = self.hosts.lookup_static_host(&query) {
                    found.extend(
                        lookup
                            .answers()
                            .iter()
                            .filter_map(|record| record.data.ip_addr()),
                    );
                }
            }
        }
        if found.is_empty() && (name == "localhost" || name.ends_with(".localhost")) {
            found = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        }
        found
    }

    async fn ask_dns(&self, host: &str) -> Result<Vec<IpAddr>, DeliveryError> {
        let unresolved = |why: String| DeliveryError::Unresolved {
            host: host.to_owned(),
            why,
        };
        let dns = self.dns.as_ref().map_err(|why| unresolved(why.clone()))?;
        match timeout(self.dns_patience, dns.lookup_ip(host)).await {
            Ok(Ok(lookup)) => Ok(lookup.iter().collect()),
            Ok(Err(error)) if error.is_no_records_found() => {
                Err(unresolved("there is no such name".to_owned()))
            }
            Ok(Err(error)) => Err(unresolved(one_line(&error.to_string()))),
            Err(_) => Err(unresolved("the name server does not answer".to_owned())),
        }
    }
}

/// The addresses of a name, as the HTTP client asks for them.
impl Service<dns::Name> for Names {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = DeliveryError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: dns::Name) -> Self::Future {
        let names = self.clone();
        Box::pin(async move {
            let addresses = names.addresses(name.as_str()).await?.into_iter();
            // Port 0 stands for the URL's.
            let sockets: Vec<_> = addresses.map(|ip| SocketAddr::new(ip, 0)).collect();
            Ok(sockets.into_iter())
        })
    }
}

fn dns() -> Result<TokioResolver, String> {
    let told = |error| {
        let error = one_line(&format!("{error}"));
        format!(
            "it is not in the hosts file, and the system's DNS settings are not usable ({error})"
        )
    };
    let mut builder = TokioResolver::builder_tokio().map_err(told)?;
    let options = builder.options_mut();
    options.positive_max_ttl = Some(MAX_TTL);
    options.negative_max_ttl = Some(MAX_TTL);
    options.use_hosts_file = ResolveHosts::Never;
    builder.build().map_err(told)
}
