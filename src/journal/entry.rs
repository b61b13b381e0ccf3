use std::sync::{Arc, Mutex};

use super::events::Happening;
use super::news::News;
use super::record::{
    AttemptRecord, CallRecord, DeliveryRecord, Outcome, PlacedCall, Progress, StateRecord,
};
use crate::domain::{CallEnd, CallState, Callback, Moment, Sid};
use crate::sync::locked;
use crate::wire::Message;

/// One call in the journal: its life tells here what happens.
#[derive(Debug)]
pub(crate) struct CallEntry {
    /// The place in the order of acceptance.
    pub(super) number: u64,
    placed: PlacedCall,
    progress: Mutex<Progress>,
}

impl CallEntry {
    pub(super) fn new(number: u64, placed: PlacedCall, accepted_at: Moment) -> Self {
        Self {
            number,
            placed,
            progress: Mutex::new(Progress::new(accepted_at)),
        }
    }

    pub(crate) fn sid(&self) -> Sid {
        self.placed.sid
    }

    /// What is known since it was accepted.
    pub(crate) const fn placed(&self) -> &PlacedCall {
        &self.placed
    }

    fn news(&self) -> &News {
        &self.placed.origin.news
    }

    fn now(&self) -> Moment {
        self.placed.origin.clock.now()
    }

    /// Whether it belongs to a generation of `project` before this one.
    pub(super) fn is_older(&self, project: &str, generation: u64) -> bool {
        let origin = &self.placed.origin;
        *origin.project == *project && origin.generation < generation
    }

    /// Looks at the record as it stands.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&CallRecord<'_>) -> T) -> T {
        look(&CallRecord::new(&self.placed, &locked(&self.progress)))
    }

    /// Waits until the record is as `wanted`; has no limit of its own.
    pub(crate) async fn wait_until(&self, wanted: impl Fn(&CallRecord<'_>) -> bool) {
        self.news().wait_until(|| self.read(&wanted)).await;
    }

    /// The call entered `state`.
    pub(crate) fn enter(&self, state: CallState, at: Moment) {
        tracing::info!(sid = %self.sid(), state = state.name(), "call {state}");
        self.change(|progress| progress.states.push(StateRecord { state, at }));
        self.tell(at, Happening::Call { state });
    }

    /// Says what the app server, or who wrote the scenario, should know.
    pub(crate) fn remark(&self, remark: String) {
        tracing::warn!(sid = %self.sid(), "{remark}");
        let remark: Arc<str> = remark.into();
        self.change(|progress| progress.remark(remark.clone()));
        self.tell(self.now(), Happening::Remark { remark });
    }

    /// How the call ends; to be told before the state is entered.
    pub(crate) fn ends(&self, end: Arc<CallEnd>) {
        self.change(|progress| progress.end = Some(end));
    }

    /// A callback is not sent.
    pub(crate) fn drop_delivery(&self, callback: Callback) {
        tracing::info!(sid = %self.sid(), callback = callback.name(), "{callback} not sent");
        let unsent = DeliveryRecord::unsent(callback, Outcome::Dropped);
        self.put_delivery(unsent);
    }

    /// A callback is on its way from now on. Gives back its index, by which to tell the rest.
    pub(crate) fn begin_delivery(
        &self,
        callback: Callback,
        due: Moment,
        message: Message,
    ) -> usize {
        self.put_delivery(DeliveryRecord::begun(callback, due, message))
    }

    fn put_delivery(&self, delivery: DeliveryRecord) -> usize {
        let (callback, outcome) = (delivery.callback, delivery.outcome);
        let index = self.change(|progress| {
            if progress.deliveries.is_empty() {
                progress.deliveries.reserve_exact(Callback::ALL.len());
            }
            progress.deliveries.push(delivery);
            progress.deliveries.len() - 1
        });
        self.tell_delivery(index, callback, outcome, None);
        index
    }

    /// A delivery was tried, and that came of it. With [`Outcome::Pending`] another try follows.
    pub(crate) fn end_delivery(
        &self,
        index: usize,
        outcome: Outcome,
        attempt: AttemptRecord,
        remark: Option<String>,
    ) {
        let callback = self.read(|record| record.deliveries[index].callback);
        self.log_attempt(callback, &attempt);
        self.news().metrics.attempted(callback, &attempt);
        let status = attempt.result.as_ref().ok().map(|(status, _)| *status);
        let remark: Option<Arc<str>> = remark.map(Into::into);
        self.change(|progress| {
            if let Some(remark) = remark.clone() {
                progress.remark(remark);
            }
            let delivery = &mut progress.deliveries[index];
            delivery.outcome = outcome;
            delivery.attempts.push(attempt);
        });
        if let Some(remark) = remark {
            self.tell(self.now(), Happening::Remark { remark });
        }
        self.tell_delivery(index, callback, outcome, status);
    }

    fn log_attempt(&self, callback: Callback, attempt: &AttemptRecord) {
        let sid = self.sid();
        let latency_ms = attempt.latency.as_millis();
        match &attempt.result {
            Ok((status, _)) => tracing::info!(
                %sid,
                callback = callback.name(),
                status,
                latency_ms,
                "{callback} answered"
            ),
            Err(error) => tracing::warn!(
                %sid,
                callback = callback.name(),
                error = %error,
                latency_ms,
                "{callback} not delivered"
            ),
        }
    }

    /// Marks the call as settled, has it shelved, and tells. Does nothing if it was settled before.
    pub(super) fn settle(&self, shelve: impl FnOnce()) {
        if std::mem::replace(&mut locked(&self.progress).settled, true) {
            return;
        }
        shelve();
        tracing::debug!(sid = %self.sid(), "call settled");
        self.tell(self.now(), Happening::Settled);
    }

    /// Marks what is owed as abandoned; gives back how many callbacks that are.
    pub(super) fn abandon(&self) -> usize {
        let abandoned = self.change(|progress| {
            let indices = progress.abandon();
            let callbacks = indices.into_iter();
            let callbacks = callbacks.map(|index| (index, progress.deliveries[index].callback));
            callbacks.collect::<Vec<_>>()
        });
        for (index, callback) in &abandoned {
            self.tell_delivery(*index, *callback, Outcome::Abandoned, None);
        }
        abandoned.len()
    }

    /// Changes the record. Has to be told afterwards: that wakes who waits for it.
    fn change<T>(&self, change: impl FnOnce(&mut Progress) -> T) -> T {
        change(&mut locked(&self.progress))
    }

    /// To be told after the record has changed, so that who hears of it finds it there.
    pub(super) fn tell(&self, at: Moment, what: Happening) {
        let project = Some(self.placed.origin.tag);
        self.news().tell(at, project, Some(self.sid()), what);
    }

    fn tell_delivery(
        &self,
        index: usize,
        callback: Callback,
        outcome: Outcome,
        status: Option<u16>,
    ) {
        let what = Happening::Delivery {
            delivery: index + 1,
            callback,
            outcome,
            status,
        };
        self.tell(self.now(), what);
    }
}
