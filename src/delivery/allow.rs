use std::net::{IpAddr, Ipv6Addr};

use anyhow::Context;
use url::{Host, Url};

use super::error::DeliveryError;

/// Where some clouds keep their machines' credentials; the other such address is link-local.
const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// The hosts that may be called: all if none is listed. Link-local addresses are never among them.
#[derive(Debug, Default)]
pub(super) struct AllowedHosts(Vec<Entry>);

#[derive(Debug)]
enum Entry {
    Exactly(Host),
    /// Names below this one; written with its leading dot.
    Below(String),
}

impl AllowedHosts {
    pub(super) fn parse(entries: &[String]) -> anyhow::Result<Self> {
        let entries = entries.iter().map(|entry| {
            Entry::parse(entry.trim()).with_context(|| {
                format!(
                    "allow_hosts: `{entry}` is not a host such as `app.example.com`, `*.example.com` or `10.0.0.7`"
                )
            })
        });
        Ok(Self(entries.collect::<Result<_, _>>()?))
    }

    /// Whether `url` may be called, as far as can be told before its host is resolved.
    pub(super) fn check(&self, url: &Url) -> Result<(), DeliveryError> {
        let refused = |why: &str| {
            Err(DeliveryError::NotAllowed {
                host: url.host_str().unwrap_or_default().to_owned(),
                why: why.to_owned(),
            })
        };
        let Some(host) = url.host().map(normal) else {
            return refused("the URL has no host");
        };
        if !matches!(url.scheme(), "http" | "https") {
            return refused("only http and https URLs are called");
        }
        if address_of(&host).is_some_and(is_forbidden) {
            return refused("link-local and metadata addresses are never called");
        }
        if !self.0.is_empty() && !self.0.iter().any(|entry| entry.covers(&host)) {
            return refused("it is not in `allow_hosts`");
        }
        Ok(())
    }
}

impl Entry {
    fn parse(text: &str) -> Result<Self, url::ParseError> {
        // Before the port is cut off: an IPv6 address may end like one.
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Exactly(normal::<String>(match address {
                IpAddr::V4(address) => Host::Ipv4(address),
                IpAddr::V6(address) => Host::Ipv6(address),
            })));
        }
        let host = match text.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() => host,
            _ => text,
        };
        let (parent, below) = match host.strip_prefix("*.") {
            Some(parent) => (parent, true),
            None => (host, false),
        };
        match (normal(Host::parse(parent)?), below) {
            (Host::Domain(name), _) if name.contains('*') => {
                Err(url::ParseError::InvalidDomainCharacter)
            }
            (Host::Domain(parent), true) => Ok(Self::Below(format!(".{parent}"))),
            (_, true) => Err(url::ParseError::InvalidDomainCharacter),
            (host, false) => Ok(Self::Exactly(host)),
        }
    }

    fn covers(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Exactly(listed), host) => listed == host,
            (Self::Below(parent), Host::Domain(name)) => {
                name.len() > parent.len() && name.ends_with(parent.as_str())
            }
            (Self::Below(_), _) => false,
        }
    }
}

/// One spelling per host: no final dot, lower case, no IPv4 address within an IPv6 one.
fn normal<S: AsRef<str>>(host: Host<S>) -> Host {
    match host {
        Host::Domain(name) => {
            let name = name.as_ref();
            Host::Domain(name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase())
        }
        Host::Ipv4(address) => Host::Ipv4(address),
        Host::Ipv6(address) => match address.to_canonical() {
            IpAddr::V4(address) => Host::Ipv4(address),
            IpAddr::V6(address) => Host::Ipv6(address),
        },
    }
}

fn address_of(host: &Host) -> Option<IpAddr> {
    match host {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some(IpAddr::V4(*address)),
        Host::Ipv6(address) => Some(IpAddr::V6(*address)),
    }
}

/// Whether `address` is one that is never called.
pub(super) fn is_forbidden(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local() || address == METADATA,
    }
}
