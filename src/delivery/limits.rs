use std::collections::HashMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::available_parallelism;

use thread_local::ThreadLocal;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::sync::locked;

/// How many callbacks may be in flight, in all and to one host.
///
/// Each thread has its share. Were the places common, nearly every callback that is over would have to
/// wake the next one on another thread.
#[derive(Debug)]
pub(super) struct Limits {
    shares: Box<[Share]>,
    /// Which share is a thread's.
    of_thread: ThreadLocal<usize>,
    threads: AtomicUsize,
}

impl Limits {
    pub(super) fn new(total: usize, per_host: usize) -> Self {
        let threads = available_parallelism().map_or(1, NonZero::get);
        // A bound that is lower than the number of threads is kept all the same.
        let count = threads.min(total).min(per_host).max(1);
        let share = || Share::new(total / count, per_host / count);
        Self {
            shares: std::iter::repeat_with(share).take(count).collect(),
            of_thread: ThreadLocal::new(),
            threads: AtomicUsize::new(0),
        }
    }

    /// Waits for a place, first at the host: a queue before a slow host then holds no other up.
    pub(super) async fn enter(&self, host: &Arc<str>) -> Place {
        self.share().enter(host).await
    }

    /// A place, if there is one without waiting.
    pub(super) fn enter_now(&self, host: &Arc<str>) -> Option<Place> {
        self.share().enter_now(host)
    }

    fn share(&self) -> &Share {
        let next = || self.threads.fetch_add(1, Ordering::Relaxed);
        &self.shares[*self.of_thread.get_or(next) % self.shares.len()]
    }

    #[cfg(test)]
    pub(super) fn visitors(&self) -> usize {
        self.shares.iter().map(Share::visitors).sum()
    }
}

/// The places of some threads.
#[derive(Debug)]
struct Share {
    total: Arc<Semaphore>,
    per_host: usize,
    hosts: Arc<Mutex<Hosts>>,
}

/// The hosts with a callback in flight or waiting, by host and port. The others take no memory.
type Hosts = HashMap<Arc<str>, Host>;

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

impl Share {
    fn new(total: usize, per_host: usize) -> Self {
        let sensible = |bound: usize| bound.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            total: Arc::new(Semaphore::new(sensible(total))),
            per_host: sensible(per_host),
            hosts: Arc::default(),
        }
    }

    async fn enter(&self, host: &Arc<str>) -> Place {
        let (visit, places) = self.visit(host.clone());
        Place {
            // Only a closed semaphore refuses, and nothing closes these.
            _of_host: places.acquire_owned().await.ok(),
            _total: self.total.clone().acquire_owned().await.ok(),
            _visit: visit,
        }
    }

    fn enter_now(&self, host: &Arc<str>) -> Option<Place> {
        let (visit, places) = self.visit(host.clone());
        Some(Place {
            _of_host: Some(places.try_acquire_owned().ok()?),
            _total: Some(self.total.clone().try_acquire_owned().ok()?),
            _visit: visit,
        })
    }

    fn visit(&self, name: Arc<str>) -> (Visit, Arc<Semaphore>) {
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
    fn visitors(&self) -> usize {
        locked(&self.hosts).values().map(|host| host.visitors).sum()
    }
}

/// Counts one callback at its host, also while it waits and when it is given up.
#[derive(Debug)]
struct Visit {
    hosts: Arc<Mutex<Hosts>>,
    name: Arc<str>,
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
