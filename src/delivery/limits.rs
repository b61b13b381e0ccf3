use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use super::url::place;
use crate::sync::locked;

/// How many callbacks may be in flight, in all and to one host.
#[derive(Debug)]
pub(super) struct Limits {
    total: Arc<Semaphore>,
    per_host: usize,
    hosts: Arc<Mutex<Hosts>>,
}

/// The hosts with a callback in flight or waiting, by host and port. The others take no memory.
type Hosts = HashMap<String, Host>;

#[derive(Debug)]
struct Host {
    places: Arc<Semaphore>,
    visitors: usize,
}

/// The right to have one callback in flight.
#[derive(Debug)]
pub(super) struct Place {
    _total: Option<OwnedSemaphorePermit>,
    _of_host: Option<OwnedSemaphorePermit>,
    _visit: Visit,
}

impl Limits {
    pub(super) fn new(total: usize, per_host: usize) -> Self {
        let sensible = |bound: usize| bound.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            total: Arc::new(Semaphore::new(sensible(total))),
            per_host: sensible(per_host),
            hosts: Arc::default(),
        }
    }

    /// Waits for a place, first at the host: a queue before a slow host then holds no other up.
    pub(super) async fn enter(&self, url: &Url) -> Place {
        let (visit, places) = self.visit(place(url));
        // Only a closed semaphore refuses, and nothing closes these.
        let of_host = places.acquire_owned().await.ok();
        let total = Arc::clone(&self.total).acquire_owned().await.ok();
        Place {
            _total: total,
            _of_host: of_host,
            _visit: visit,
        }
    }

    fn visit(&self, name: String) -> (Visit, Arc<Semaphore>) {
        let mut hosts = locked(&self.hosts);
        let host = hosts.entry(name.clone()).or_insert_with(|| Host {
            places: Arc::new(Semaphore::new(self.per_host)),
            visitors: 0,
        });
        host.visitors += 1;
        let places = Arc::clone(&host.places);
        drop(hosts);
        let hosts = Arc::clone(&self.hosts);
        (Visit { hosts, name }, places)
    }

    #[cfg(test)]
    pub(super) fn visitors(&self) -> usize {
        locked(&self.hosts).values().map(|host| host.visitors).sum()
    }
}

/// Counts one callback at its host, also while it waits and when it is given up.
#[derive(Debug)]
struct Visit {
    hosts: Arc<Mutex<Hosts>>,
    name: String,
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut hosts = locked(&self.hosts);
        if let Some(host) = hosts.get_mut(&self.name) {
            host.visitors -= 1;
            if host.visitors == 0 {
                hosts.remove(&self.name);
            }
        }
    }
}
