use std::sync::atomic::AtomicBool;
use std::task::{Wake, Waker};
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;
use tokio::task::yield_now;

use super::*;
use crate::clock;

/// Whether somebody was woken.
#[derive(Debug, Default)]
struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        assert!(!self.0.swap(true, Ordering::SeqCst), "woken twice");
    }
}

impl Bell {
    fn has_rung(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// One callback that has a place or waits for it, polled by hand.
struct Visitor<'a> {
    host: usize,
    bell: Arc<Bell>,
    entering: Pin<Box<dyn Future<Output = Place<'a>> + 'a>>,
    place: Option<Place<'a>>,
    /// After which step nothing but the total could still hold it up.
    ready_since: Option<usize>,
}

impl<'a> Visitor<'a> {
    fn new(share: &'a Share, hosts: &'a [Arc<str>], host: usize) -> Self {
        let mut visitor = Self {
            host,
            bell: Arc::default(),
            entering: Box::pin(share.enter(&hosts[host])),
            place: None,
            ready_since: None,
        };
        visitor.poll();
        visitor
    }

    /// Asks for the place, with a waker of its own each time.
    fn poll(&mut self) {
        self.bell = Arc::default();
        let waker = Waker::from(self.bell.clone());
        if let Poll::Ready(place) = self
            .entering
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
        {
            self.place = Some(place);
        }
    }

    /// Has a place, perhaps without knowing it yet.
    fn is_in(&self) -> bool {
        self.place.is_some() || self.bell.has_rung()
    }
}

fn hosts(count: usize) -> Vec<Arc<str>> {
    let name = |number| format!("host:{number}").into();
    (0..count).map(name).collect()
}

#[derive(Debug, Clone)]
enum Step {
    Enter(usize),
    /// One asks again, whether it was woken or not.
    Poll(Index),
    /// One leaves, or gives up before it knows of its place or even has one.
    Leave(Index),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..3_usize).prop_map(Step::Enter),
        2 => any::<Index>().prop_map(Step::Poll),
        3 => any::<Index>().prop_map(Step::Leave),
    ]
}

/// A share as it shall look from outside.
struct Model<'a> {
    total: usize,
    per_host: usize,
    /// In the order in which they came.
    visitors: Vec<Visitor<'a>>,
    steps: usize,
}

impl<'a> Model<'a> {
    fn take(&mut self, step: &Step, share: &'a Share, hosts: &'a [Arc<str>]) {
        let waited = self.waiting();
        let count = self.visitors.len();
        match step {
            Step::Enter(host) => self.visitors.push(Visitor::new(share, hosts, *host)),
            Step::Poll(_) | Step::Leave(_) if count == 0 => {}
            Step::Poll(which) => self.poll(which.index(count)),
            Step::Leave(which) => drop(self.visitors.remove(which.index(count))),
        }
        self.steps += 1;
        for host in 0..hosts.len() {
            self.check_host(host);
        }
        self.check_total();
        assert!(self.waiting() + 1 >= waited);
        assert_eq!(locked(&share.0).visitors(), self.visitors.len());
    }

    fn poll(&mut self, visitor: usize) {
        let visitor = &mut self.visitors[visitor];
        if visitor.place.is_none() {
            let was_in = visitor.is_in();
            visitor.poll();
            assert_eq!(visitor.place.is_some(), was_in);
        }
    }

    fn waiting(&self) -> usize {
        self.visitors.iter().filter(|one| !one.is_in()).count()
    }

    /// Who came first is in; who is not is held up by others here, or by the total alone from now on.
    fn check_host(&mut self, host: usize) {
        let here = self.visitors.iter_mut().filter(|one| one.host == host);
        let mut is_next_in = true;
        for (ahead, visitor) in here.enumerate() {
            assert!(is_next_in || !visitor.is_in(), "overtaken at its host");
            is_next_in = visitor.is_in();
            if ahead < self.per_host {
                visitor.ready_since.get_or_insert(self.steps);
            }
            assert!(visitor.ready_since.is_some() || !is_next_in);
        }
    }

    /// Nobody is in who came too much or too early, and nobody waits who could be in.
    fn check_total(&self) {
        let ready = self.visitors.iter().filter(|one| one.ready_since.is_some());
        let (inside, held_up): (Vec<_>, Vec<_>) = ready.partition(|one| one.is_in());
        assert!(inside.len() <= self.total);
        assert!(inside.len() == self.total || held_up.is_empty());
        let last_in = inside.iter().filter_map(|one| one.ready_since).max();
        let next = held_up.iter().filter_map(|one| one.ready_since).min();
        assert!(next.is_none_or(|next| last_in < Some(next)), "overtaken");
    }
}

proptest! {
    #[test]
    fn each_place_goes_to_the_first_who_may_have_it(
        (total, per_host) in (1..5_usize, 1..4_usize),
        steps in prop::collection::vec(step(), 0..120),
        order in prop::collection::vec(any::<Index>(), 120),
    ) {
        let (share, hosts) = (Share::new(total, per_host), hosts(3));
        let visitors = Vec::new();
        let mut model = Model { total, per_host, visitors, steps: 0 };
        let leave = order.into_iter().map(Step::Leave);
        for step in steps.into_iter().chain(leave) {
            model.take(&step, &share, &hosts);
        }
        assert!(model.visitors.is_empty() && locked(&share.0).known_hosts() <= 1);
        for host in 0..total {
            model.take(&Step::Enter(host % 3), &share, &hosts);
        }
        assert!(model.waiting() == 0 || per_host * 3 < total);
    }
}

#[test]
fn who_gives_up_leaves_its_place_to_the_next() {
    let (share, hosts) = (Share::new(1, 1), hosts(2));
    let enter = |host| Visitor::new(&share, &hosts, host);
    let (first, ready, at_host) = (enter(0), enter(1), enter(1));
    let (handed, last) = (enter(1), enter(1));
    drop(at_host);
    drop(ready);
    assert!(!handed.is_in());
    drop(first);
    assert!(handed.is_in() && handed.place.is_none() && !last.is_in());
    drop(handed);
    assert!(last.is_in());
}

#[test]
fn a_crowd_leaves_no_memory_behind() {
    let (share, hosts) = (Share::new(2, 1), hosts(1000));
    for _ in 0..2 {
        let visitors = (0..5000).map(|number| Visitor::new(&share, &hosts, number % 1000));
        let visitors: Vec<_> = visitors.collect();
        assert_eq!(locked(&share.0).visitors(), visitors.len());
        drop(visitors);
        assert_eq!(locked(&share.0).visitors(), 0);
        assert_eq!(locked(&share.0).known_hosts(), 1);
        assert!(locked(&share.0).room_for_waiters() <= places::WAITERS_KEPT);
    }
}

/// Who comes and goes on several threads at once, and how many of them were in at most.
struct Traffic {
    share: Share,
    hosts: Vec<Arc<str>>,
    inside: Vec<AtomicUsize>,
    most: AtomicUsize,
}

impl Traffic {
    async fn visit(&self, number: usize) {
        let host = number % self.hosts.len();
        let place = tokio::select! {
            biased;
            place = self.share.enter(&self.hosts[host]) => place,
            () = yield_now(), if number.is_multiple_of(5) => return,
        };
        let inside = self.inside[host].fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(inside, Ordering::SeqCst);
        yield_now().await;
        self.inside[host].fetch_sub(1, Ordering::SeqCst);
        drop(place);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_share_is_shared_by_threads() {
    let traffic = Arc::new(Traffic {
        share: Share::new(5, 2),
        hosts: hosts(3),
        inside: std::iter::repeat_with(AtomicUsize::default)
            .take(3)
            .collect(),
        most: AtomicUsize::default(),
    });
    let visitors = (0..32).map(|first| {
        let traffic = traffic.clone();
        tokio::spawn(async move {
            for number in first..first + 200 {
                traffic.visit(number).await;
            }
        })
    });
    for visitor in visitors.collect::<Vec<_>>() {
        let patience = Duration::from_secs(20);
        clock::timeout(patience, visitor).await.unwrap().unwrap();
    }
    assert_eq!(traffic.most.load(Ordering::SeqCst), 2);
    assert_eq!(locked(&traffic.share.0).visitors(), 0);
}
