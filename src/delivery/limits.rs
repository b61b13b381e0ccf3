mod places;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::num::NonZero;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::thread::available_parallelism;

use thread_local::ThreadLocal;

use self::places::{HostId, Places, WaiterId};
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

    /// Waits for a place; at a full host, without holding any other host up.
    pub(super) async fn enter(&self, host: &Arc<str>) -> Place<'_> {
        self.share().enter(host).await
    }

    fn share(&self) -> &Share {
        let next = || self.threads.fetch_add(1, Ordering::Relaxed);
        &self.shares[*self.of_thread.get_or(next) % self.shares.len()]
    }

    #[cfg(test)]
    pub(super) fn visitors(&self) -> usize {
        let visitors = |share: &Share| locked(&share.0).visitors();
        self.shares.iter().map(visitors).sum()
    }
}

/// The places of some threads.
///
/// Whoever takes a waker out of it wakes or drops that without the lock: it may come back here.
#[derive(Debug)]
struct Share(Mutex<Places>);

/// The right to have one callback in flight.
#[derive(Debug)]
pub(super) struct Place<'a> {
    share: &'a Share,
    host: HostId,
}

/// One that waits for its place, or has been handed it and does not know yet.
struct Waiting<'a> {
    share: &'a Share,
    /// `None` once it knows.
    id: Option<WaiterId>,
}

impl Share {
    fn new(total: usize, per_host: usize) -> Self {
        Self(Mutex::new(Places::new(total, per_host)))
    }

    async fn enter(&self, host: &Arc<str>) -> Place<'_> {
        let share = self;
        let entered = poll_fn(|context| {
            let entered = locked(&share.0).enter(host, context.waker());
            Poll::Ready(entered)
        });
        match entered.await {
            Ok(host) => Place { share, host },
            Err(id) => {
                let id = Some(id);
                Waiting { share, id }.await
            }
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let next = locked(&self.share.0).leave(self.host);
        if let Some(next) = next {
            next.wake();
        }
    }
}

impl<'a> Future for Waiting<'a> {
    type Output = Place<'a>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Place<'a>> {
        let Self { share, id } = &mut *self;
        let Some(waiter) = *id else {
            return Poll::Pending;
        };
        let collected = locked(&share.0).collect(waiter, context.waker());
        match collected {
            Ok(host) => {
                *id = None;
                Poll::Ready(Place { share, host })
            }
            Err(_outdated) => Poll::Pending,
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Some(id) = self.id else {
            return;
        };
        let (_own, next) = locked(&self.share.0).give_up(id);
        if let Some(next) = next {
            next.wake();
        }
    }
}
