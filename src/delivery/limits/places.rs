use std::collections::HashMap;
use std::sync::Arc;
use std::task::Waker;

use slab::Slab;

/// The memory for so many waiters is kept when nobody waits any more.
pub(super) const WAITERS_KEPT: usize = 256;

/// So many places, and so many of them at each host, with those who wait for one.
///
/// What holds between any two calls:
/// * Who is in flight or [`Ready`](Stage::Ready) has one of its host's places, who is in flight has one of
///   the total as well; the rest is `free`.
/// * If somebody waits at a host, all places of that host are taken; if somebody is `ready`, all of the
///   total are.
/// * A place that is given back belongs at once to the first who waits for it, and nobody overtakes.
/// * Of the hosts where nobody is, only `idle` is kept: one that is called again and again would
///   otherwise come and go with each callback.
#[derive(Debug)]
pub(super) struct Places {
    free: usize,
    per_host: usize,
    hosts: Slab<Host>,
    by_name: HashMap<Arc<str>, HostId>,
    /// The host that was left last.
    idle: Option<HostId>,
    waiters: Slab<Waiter>,
    /// Who has a place at the host, and waits for one of the total.
    ready: Queue,
}

pub(super) type HostId = usize;
pub(super) type WaiterId = usize;

#[derive(Debug)]
struct Host {
    name: Arc<str>,
    free: usize,
    queue: Queue,
}

#[derive(Debug)]
struct Waiter {
    host: HostId,
    stage: Stage,
    /// `None` once it is in flight.
    waker: Option<Waker>,
    ahead: Option<WaiterId>,
    behind: Option<WaiterId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Waits for a place at its host.
    AtHost,
    /// Waits for a place of the total alone.
    Ready,
    /// Has been handed both, but has not collected them yet.
    InFlight,
}

impl Places {
    /// At least one place.
    pub(super) fn new(total: usize, per_host: usize) -> Self {
        Self {
            free: total.max(1),
            per_host: per_host.max(1),
            hosts: Slab::new(),
            by_name: HashMap::new(),
            idle: None,
            waiters: Slab::new(),
            ready: Queue::default(),
        }
    }

    /// Takes a place at the host of this name. If there is none, the one with this waker waits from now on,
    /// until it [collects](Self::collect) the place or [gives up](Self::give_up).
    pub(super) fn enter(&mut self, name: &Arc<str>, waker: &Waker) -> Result<HostId, WaiterId> {
        let id = self.host(name);
        let host = &mut self.hosts[id];
        if host.free == 0 {
            return Err(self.wait(id, Stage::AtHost, waker));
        }
        host.free -= 1;
        if self.free == 0 {
            return Err(self.wait(id, Stage::Ready, waker));
        }
        self.free -= 1;
        Ok(id)
    }

    /// Gives a place back. Who is in flight instead is to be woken.
    #[must_use]
    pub(super) fn leave(&mut self, host: HostId) -> Option<Waker> {
        self.free += 1;
        self.leave_host(host);
        self.admit()
    }

    /// The place that a waiter has been handed; it is no waiter any more then. If there is none yet, this
    /// waker counts from now on, and the one before is given back.
    pub(super) fn collect(&mut self, id: WaiterId, waker: &Waker) -> Result<HostId, Option<Waker>> {
        match &mut self.waiters[id].waker {
            None => Ok(self.forget(id).host),
            Some(known) if known.will_wake(waker) => Err(None),
            known => Err(known.replace(waker.clone())),
        }
    }

    /// A waiter goes away. Gives back its waker and that of who is in flight instead, which is to be woken.
    #[must_use]
    pub(super) fn give_up(&mut self, id: WaiterId) -> (Option<Waker>, Option<Waker>) {
        let Waiter { host, stage, .. } = self.waiters[id];
        let next = match stage {
            Stage::AtHost => {
                self.hosts[host].queue.remove(&mut self.waiters, id);
                None
            }
            Stage::Ready => {
                self.ready.remove(&mut self.waiters, id);
                self.leave_host(host);
                None
            }
            Stage::InFlight => self.leave(host),
        };
        (self.forget(id).waker, next)
    }

    fn host(&mut self, name: &Arc<str>) -> HostId {
        if let Some(id) = self.by_name.get(name) {
            return *id;
        }
        let id = self.hosts.insert(Host {
            name: name.clone(),
            free: self.per_host,
            queue: Queue::default(),
        });
        self.by_name.insert(name.clone(), id);
        id
    }

    fn wait(&mut self, host: HostId, stage: Stage, waker: &Waker) -> WaiterId {
        let id = self.waiters.insert(Waiter {
            host,
            stage,
            waker: Some(waker.clone()),
            ahead: None,
            behind: None,
        });
        let queue = match stage {
            Stage::AtHost => &mut self.hosts[host].queue,
            _ => &mut self.ready,
        };
        queue.push(&mut self.waiters, id);
        id
    }

    /// Hands a place at a host on to who is first there.
    fn leave_host(&mut self, id: HostId) {
        let host = &mut self.hosts[id];
        if let Some(next) = host.queue.pop(&mut self.waiters) {
            self.waiters[next].stage = Stage::Ready;
            self.ready.push(&mut self.waiters, next);
            return;
        }
        host.free += 1;
        if host.free == self.per_host {
            self.keep_idle(id);
        }
    }

    /// Hands a place of the total, if there is one, to who has been ready for the longest time.
    fn admit(&mut self) -> Option<Waker> {
        if self.free == 0 {
            return None;
        }
        let first = self.ready.pop(&mut self.waiters)?;
        self.free -= 1;
        let waiter = &mut self.waiters[first];
        waiter.stage = Stage::InFlight;
        waiter.waker.take()
    }

    /// Nobody is at this host any more: it is kept in place of the one before.
    fn keep_idle(&mut self, id: HostId) {
        let before = self.idle.replace(id).filter(|before| *before != id);
        if let Some(before) = before
            && self.hosts[before].free == self.per_host
        {
            let host = self.hosts.remove(before);
            self.by_name.remove(&host.name);
        }
    }

    fn forget(&mut self, id: WaiterId) -> Waiter {
        let waiter = self.waiters.remove(id);
        if self.waiters.is_empty() && self.waiters.capacity() > WAITERS_KEPT {
            self.waiters.shrink_to_fit();
        }
        waiter
    }
}

/// Some of the waiters, in the order in which they came. Each knows who is ahead and who is behind, so that
/// any of them can go away at once.
#[derive(Debug, Default)]
struct Queue {
    first: Option<WaiterId>,
    last: Option<WaiterId>,
}

impl Queue {
    fn push(&mut self, waiters: &mut Slab<Waiter>, id: WaiterId) {
        let ahead = self.last.replace(id);
        match ahead {
            Some(ahead) => waiters[ahead].behind = Some(id),
            None => self.first = Some(id),
        }
        waiters[id].ahead = ahead;
        waiters[id].behind = None;
    }

    fn pop(&mut self, waiters: &mut Slab<Waiter>) -> Option<WaiterId> {
        let first = self.first?;
        self.remove(waiters, first);
        Some(first)
    }

    fn remove(&mut self, waiters: &mut Slab<Waiter>, id: WaiterId) {
        let Waiter { ahead, behind, .. } = waiters[id];
        match ahead {
            Some(ahead) => waiters[ahead].behind = behind,
            None => self.first = behind,
        }
        match behind {
            Some(behind) => waiters[behind].ahead = ahead,
            None => self.last = ahead,
        }
    }
}

#[cfg(test)]
impl Places {
    /// How many are in flight or wait.
    pub(super) fn visitors(&self) -> usize {
        let in_queue = |(_, waiter): &(_, &Waiter)| waiter.stage == Stage::AtHost;
        let taken = self.hosts.iter().map(|(_, host)| self.per_host - host.free);
        taken.sum::<usize>() + self.waiters.iter().filter(in_queue).count()
    }

    pub(super) fn known_hosts(&self) -> usize {
        assert_eq!(self.hosts.len(), self.by_name.len());
        self.hosts.len()
    }

    pub(super) fn room_for_waiters(&self) -> usize {
        self.waiters.capacity()
    }
}
