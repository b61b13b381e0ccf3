use std::sync::{Arc, Mutex};

use thiserror::Error;
use tokio::sync::oneshot;

use super::{Life, Line};
use crate::clock::{Activity, Parking, unless_dismissed};
use crate::delivery::{Attempt, Turn};
use crate::domain::{Callback, Moment, Redirects, SendWhen};
use crate::journal::{AttemptRecord, CallEntry, Outcome};
use crate::sync::locked;
use crate::wire::{Message, Parameters, Target};

/// Where a project's callbacks go; `None` where no URL is registered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Targets {
    pub(crate) notify: Option<Arc<Target>>,
    pub(crate) agent_call_status: Option<Arc<Target>>,
    pub(crate) call_event: Option<Arc<Target>>,
}

impl Targets {
    pub(crate) fn of(&self, callback: Callback) -> Option<&Arc<Target>> {
        match callback {
            Callback::Notify => self.notify.as_ref(),
            Callback::AgentCallStatus => self.agent_call_status.as_ref(),
            Callback::CallEvent => self.call_event.as_ref(),
        }
    }
}

/// The deliveries that were over since somebody began to ask, in the order in which they ended.
#[derive(Debug, Default)]
pub(crate) struct SentLog(Mutex<Option<Vec<SentDelivery>>>);

/// A call with the index of one of its deliveries.
pub(crate) type SentDelivery = (Arc<CallEntry>, usize);

/// Notes deliveries until it is dropped.
#[derive(Debug)]
pub(crate) struct Noting<'a>(&'a SentLog);

impl Noting<'_> {
    /// What was noted.
    pub(crate) fn end(self) -> Vec<SentDelivery> {
        locked(&self.0.0).take().unwrap_or_default()
    }
}

impl Drop for Noting<'_> {
    fn drop(&mut self) {
        *locked(&self.0.0) = None;
    }
}

impl SentLog {
    /// Notes from now on; for one at a time.
    pub(crate) fn begin(&self) -> Noting<'_> {
        *locked(&self.0) = Some(Vec::new());
        Noting(self)
    }

    fn note(&self, entry: &Arc<CallEntry>, index: usize) {
        if let Some(sent) = &mut *locked(&self.0) {
            sent.push((entry.clone(), index));
        }
    }
}

/// What became of one callback, as the call sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// Answered with success.
    Accepted,
    /// Answered otherwise.
    Refused,
    /// Not answered.
    Unreachable,
    /// The scenario does not send it.
    NotWanted,
    /// No URL is registered for it.
    NoUrl,
}

/// The further copies of callbacks that a call still has under way; hardly any call has one.
#[derive(Debug, Default)]
pub(super) struct Copies(Option<Arc<Mutex<UnderWay>>>);

#[derive(Debug, Default)]
struct UnderWay {
    count: usize,
    /// The call, while it waits for them.
    waiting: Option<(Arc<Parking>, oneshot::Sender<()>)>,
}

impl Copies {
    /// Waits until none is under way; `call` is what they are copies for.
    pub(super) async fn finished(&self, call: &Activity) {
        let Some(under_way) = &self.0 else {
            return;
        };
        let (last_is_over, is_over) = oneshot::channel();
        {
            let mut under_way = locked(under_way);
            if under_way.count == 0 {
                return;
            }
            // Under the lock, so that the last copy finds the call parked.
            call.parking().enter();
            under_way.waiting = Some((call.parking().clone(), last_is_over));
        }
        let _given_up = WaitingForCopies(under_way);
        // The sender is kept until it has sent.
        let _ = is_over.await;
    }

    fn begin(&mut self) -> CopyUnderWay {
        let under_way = self.0.get_or_insert_default();
        locked(under_way).count += 1;
        CopyUnderWay(under_way.clone())
    }
}

/// A call that waits for its copies until this is dropped.
struct WaitingForCopies<'a>(&'a Mutex<UnderWay>);

impl Drop for WaitingForCopies<'_> {
    fn drop(&mut self) {
        locked(self.0).waiting = None;
    }
}

/// Some copies of one callback; over when dropped.
struct CopyUnderWay(Arc<Mutex<UnderWay>>);

impl Drop for CopyUnderWay {
    fn drop(&mut self) {
        let mut under_way = locked(&self.0);
        under_way.count -= 1;
        if under_way.count > 0 {
            return;
        }
        if let Some((parking, last_is_over)) = under_way.waiting.take() {
            parking.leave();
            // Nobody waits any more: the project was reset.
            let _ = last_is_over.send(());
        }
    }
}

impl Life {
    /// Sends one callback, which was to happen at `due`, as planned, and starts its copies. What it says is
    /// made by `parameters` when its turn has come.
    pub(super) async fn send(
        &mut self,
        callback: Callback,
        due: Moment,
        parameters: impl FnOnce(&Self) -> Parameters,
    ) -> Sent {
        let target = match self.target(callback) {
            Ok(target) => target.clone(),
            Err(unsent) => return self.drop_delivery(callback, unsent),
        };
        // Boxed: a call that merely waits need not hold what only sending takes.
        Box::pin(self.send_due(callback, target, due, parameters)).await
    }

    /// Waits until a callback is due, not at all if it goes nowhere.
    pub(super) async fn wait_for(&self, callback: Callback, due: Moment) {
        if self.target(callback).is_ok() {
            self.activity.sleep_until(due).await;
        }
    }

    /// Where a callback goes; or why it goes nowhere.
    fn target(&self, callback: Callback) -> Result<&Arc<Target>, Sent> {
        if self.plan.delivery(callback).send == SendWhen::Never {
            return Err(Sent::NotWanted);
        }
        self.line.targets.of(callback).ok_or(Sent::NoUrl)
    }

    fn drop_delivery(&self, callback: Callback, unsent: Sent) -> Sent {
        self.entry.drop_delivery(callback);
        if unsent == Sent::NoUrl {
            self.entry.remark(format!(
                "{callback} was not sent: no URL is registered for it"
            ));
        }
        unsent
    }

    async fn send_due(
        &mut self,
        callback: Callback,
        target: Arc<Target>,
        due: Moment,
        parameters: impl FnOnce(&Self) -> Parameters,
    ) -> Sent {
        let turn = self.line.turn(&self.activity, &target).await;
        let parameters = self.edited(callback, parameters(self));
        let message = Message::new(target, &self.wire_order(callback, parameters));
        let sending = Sending {
            callback,
            message,
            line: self.line.clone(),
            entry: self.entry.clone(),
        };
        let (_, sent) = sending.send(turn, &self.activity, due).await;
        let copies: Vec<_> = self.plan.delivery(callback).dues(due).skip(1).collect();
        if !copies.is_empty() {
            let under_way = self.copies.begin();
            tokio::spawn(sending.send_again(self.activity.branch(), copies, under_way));
        }
        sent
    }

    /// With what the scenario changes.
    fn edited(&self, callback: Callback, parameters: Parameters) -> Parameters {
        match &self.plan.delivery(callback).manner {
            Some(manner) => parameters.edited(&manner.edits),
            None => parameters,
        }
    }
}

/// One callback, ready to be sent any number of times.
struct Sending {
    callback: Callback,
    message: Message,
    line: Arc<Line>,
    entry: Arc<CallEntry>,
}

/// Why a delivery cannot be replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum NotReplayable {
    #[error("the call has no such delivery")]
    Unknown,
    #[error("it was never sent, so that there is nothing to send again")]
    NeverSent,
    #[error("no URL is registered for this callback")]
    NoUrl,
    #[error("its project was reset meanwhile")]
    Reset,
}

impl Line {
    /// Waits until a callback may be sent to `target`; never returns if the project is reset before.
    async fn turn(&self, activity: &Activity, target: &Target) -> Turn<'_> {
        activity.unless_closed(self.courier.turn(target)).await
    }

    /// Sends a callback of any call of the project once more, as it was sent the first time but to the
    /// URL of now. Gives back the index of the new delivery, once it is over.
    ///
    /// # Errors
    /// When there is nothing that could be sent again.
    pub(crate) async fn replay(
        self: Arc<Self>,
        activity: Activity,
        entry: Arc<CallEntry>,
        index: usize,
    ) -> Result<usize, NotReplayable> {
        let (callback, before) = entry.read(|record| {
            let delivery = record.deliveries.get(index);
            let delivery = delivery.ok_or(NotReplayable::Unknown)?;
            let message = delivery.message.clone();
            Ok((delivery.callback, message.ok_or(NotReplayable::NeverSent)?))
        })?;
        let target = self.targets.of(callback).ok_or(NotReplayable::NoUrl)?;
        let message = before.readdressed(target.clone());
        let sending = Sending {
            callback,
            message,
            line: self.clone(),
            entry,
        };
        let sent = sending.send_in_turn(&activity, activity.now());
        let sent = unless_dismissed(activity.parking(), sent).await;
        sent.map(|(index, _)| index).ok_or(NotReplayable::Reset)
    }
}

impl Sending {
    /// Sends the copies, each when it is due, or as many of them as there are before a reset. One that is on
    /// its way is not cut off, even if the call is: whoever resets the project waits for it.
    async fn send_again(self, activity: Activity, dues: Vec<Moment>, under_way: CopyUnderWay) {
        let all = async {
            for due in dues {
                activity.sleep_until(due).await;
                self.send_in_turn(&activity, due).await;
            }
        };
        unless_dismissed(activity.parking(), all).await;
        // Before the activity is over: the clock never sees the call idle in between.
        drop(under_way);
    }

    /// Sends it when that may be; for the rest see [`send`](Self::send). Never returns if the project is
    /// reset before.
    async fn send_in_turn(&self, activity: &Activity, due: Moment) -> (usize, Sent) {
        let turn = self.line.turn(activity, &self.message.target).await;
        self.send(turn, activity, due).await
    }

    /// Sends it, which was to happen at `due`; the journal has it from now on. Gives back its index there.
    async fn send(&self, turn: Turn<'_>, activity: &Activity, due: Moment) -> (usize, Sent) {
        let message = self.message.clone();
        let index = self.entry.begin_delivery(self.callback, due, message);
        let sent_at = activity.now();
        let attempt = turn.send(&self.message).await;
        let sent = self.judge(&attempt);
        let outcome = match sent {
            Sent::Accepted => Outcome::Delivered,
            _ => Outcome::Failed,
        };
        let remark = self.remark_on(&attempt);
        let attempt = AttemptRecord {
            sent_at,
            lateness: sent_at.since(due),
            latency: attempt.latency,
            result: match attempt.result {
                Ok(answer) => Ok((answer.status, answer.body)),
                Err(error) => Err(error.to_string()),
            },
        };
        self.entry.end_delivery(index, outcome, attempt, remark);
        self.line.sent.note(&self.entry, index);
        (index, sent)
    }

    /// Contract 10-7: which answers are success.
    fn judge(&self, attempt: &Attempt) -> Sent {
        let Ok(answer) = &attempt.result else {
            return Sent::Unreachable;
        };
        let success = self.line.fidelity.notify_success.covers(answer.status);
        if success {
            Sent::Accepted
        } else {
            Sent::Refused
        }
    }

    fn remark_on(&self, attempt: &Attempt) -> Option<String> {
        let callback = self.callback;
        let answer = match &attempt.result {
            Ok(answer) => answer,
            Err(error) => return Some(format!("{callback} was not delivered: {error}")),
        };
        let redirected = (300..400).contains(&answer.status);
        if redirected && self.line.fidelity.redirects == Redirects::NotFollowed {
            return Some(format!(
                "{callback} was answered {}: redirects are not followed",
                answer.status
            ));
        }
        let unhappy = !(200..300).contains(&answer.status);
        unhappy.then(|| format!("{callback} was answered {}", answer.status))
    }
}
