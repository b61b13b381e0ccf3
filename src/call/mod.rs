//! The life of one call: from the API's answer to its last callback.
//!
//! One task per call owns all of that call's state, so that order within a session ID needs no
//! machinery. [`Life::live`] reads from top to bottom like the sequence diagram of contract 7.

mod course;
mod engaged;
mod phone;
mod sending;
mod timeline;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::oneshot;

pub(crate) use engaged::Engagements;
pub(crate) use phone::{PhoneAction, Phones};
pub(crate) use sending::{NotReplayable, SentDelivery, SentLog, Targets};
pub(crate) use timeline::{Foreseen, Happening, timeline};

use crate::clock::{self, Activities, Activity, Clock};
use crate::delivery::Courier;
use crate::domain::{
    AgentCallResult, CallEnd, CallState, Callback, CalleeAction, DisconnectReason, Fidelity,
    MakeCall, MissingNotifyUrl, Moment, Plan, SendWhen, StatusFailure,
};
use crate::journal::{CallEntry, Journal};
use crate::wire::{
    Parameters, agent_call_status_parameters, call_event_parameters, notify_parameters,
};
use course::{Course, course, failed_end, unconnected};
use engaged::Engagement;
use phone::{RingingPhone, amend};
use sending::{Copies, Sent};

/// What a call needs from around it.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) courier: Courier,
    pub(crate) fidelity: Arc<Fidelity>,
    pub(crate) targets: Arc<Targets>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) activities: Arc<Activities>,
    pub(crate) engagements: Arc<Engagements>,
    pub(crate) phones: Arc<Phones>,
    pub(crate) sent: SentLog,
}

impl Line {
    pub(crate) fn new(
        clock: Clock,
        courier: Courier,
        fidelity: Arc<Fidelity>,
        targets: Arc<Targets>,
        journal: Arc<Journal>,
    ) -> Self {
        Self {
            courier,
            fidelity,
            targets,
            journal,
            activities: Arc::new(Activities::new(clock)),
            engagements: Arc::default(),
            phones: Arc::default(),
            sent: SentLog::default(),
        }
    }

    /// The same line, on which there is no call yet.
    pub(crate) fn renewed(&self) -> Self {
        Self::new(
            self.clock().clone(),
            self.courier.clone(),
            self.fidelity.clone(),
            self.targets.clone(),
            self.journal.clone(),
        )
    }

    pub(crate) fn clock(&self) -> &Clock {
        self.activities.clock()
    }
}

/// A call that was accepted and whose life has not begun or is under way.
#[derive(Debug)]
pub(crate) struct Life {
    plan: Box<Plan>,
    line: Arc<Line>,
    /// The callee's phone, from ringing to the end of the call. Put away before the activity is over, which it
    /// can make busy.
    phone: Option<RingingPhone>,
    activity: Activity,
    entry: Arc<CallEntry>,
    accepted_at: Moment,
    /// Who is engaged by this call, from Notify to its end.
    engagement: Option<Engagement>,
    /// How Notify went, once that is known.
    notified: Option<Initiation>,
    /// When Agent Call Status was due, once its turn has come.
    status_due: Option<Moment>,
    /// Who acted on the phone and waits for the state that follows.
    acted: Option<oneshot::Sender<()>>,
    copies: Copies,
}

/// When a step of the initiation was over, or why the call does not get to ring.
type Initiation = Result<Moment, Box<NotInitiated>>;

/// Why a call does not get to ring.
#[derive(Debug)]
struct NotInitiated {
    fail_reason: Arc<str>,
    /// The end that follows, unless nothing but Agent Call Status does.
    end: Option<Arc<CallEnd>>,
    at: Moment,
}

impl NotInitiated {
    fn result(&self) -> AgentCallResult {
        AgentCallResult::Fail(self.fail_reason.clone())
    }
}

impl Life {
    pub(crate) fn new(
        plan: Box<Plan>,
        (line, activity): (Arc<Line>, Activity),
        entry: Arc<CallEntry>,
        accepted_at: Moment,
    ) -> Box<Self> {
        Box::new(Self {
            plan,
            line,
            activity,
            entry,
            accepted_at,
            engagement: None,
            notified: None,
            status_due: None,
            phone: None,
            acted: None,
            copies: Copies::default(),
        })
    }

    /// Its place in the journal.
    pub(crate) fn entry(&self) -> &CallEntry {
        &self.entry
    }

    fn call(&self) -> &MakeCall {
        &self.entry.placed().call
    }

    /// Sends what the scenario wants sent before the API request is answered.
    async fn send_before_answer(&mut self) {
        if self.plan.notify.send == SendWhen::BeforeResponse {
            self.notified = Some(self.notify(self.accepted_at).await);
        }
        if self.plan.agent_call_status.send == SendWhen::BeforeResponse {
            let result = match &self.notified {
                Some(Err(failure)) => failure.result(),
                _ => self.plan.result.clone(),
            };
            self.report_status(result, self.accepted_at).await;
        }
    }

    /// Lives until the API's answer is due. Gives back the time of the answer; `None` if the project
    /// was reset meanwhile.
    pub(crate) async fn live_until_answer(&mut self) -> Option<Moment> {
        if self.is_answered_at_once() {
            return Some(self.now());
        }
        let parking = self.activity.parking().clone();
        clock::unless_dismissed(&parking, self.lead_up_to_answer()).await?;
        Some(self.now())
    }

    fn is_answered_at_once(&self) -> bool {
        let plan = &self.plan;
        let sends = [plan.notify.send, plan.agent_call_status.send];
        plan.response_after.is_zero() && !sends.contains(&SendWhen::BeforeResponse)
    }

    async fn lead_up_to_answer(&mut self) {
        self.send_before_answer().await;
        self.activity.sleep_until(self.answer_due()).await;
    }

    fn answer_due(&self) -> Moment {
        self.accepted_at + self.plan.response_after
    }

    fn now(&self) -> Moment {
        self.line.clock().now()
    }

    /// Lives the call to its end, or until its project is reset. To be begun once the API's answer has
    /// been written.
    pub(crate) fn live(self: Box<Self>) -> impl Future<Output = ()> {
        let parking = self.activity.parking().clone();
        clock::live(parking, Box::pin(self.live_on()))
    }

    async fn live_on(mut self: Box<Self>) {
        let answered = self.answer_due();
        if self.plan.agent_call_status.send == SendWhen::BeforeNotify {
            let result = self.plan.result.clone();
            self.report_status(result, answered).await;
        }
        let end = match self.initiate(answered).await {
            Ok(ringing) => Some(self.ring_and_talk(ringing).await),
            Err(failure) => failure.end,
        };
        if let Some(end) = end {
            self.end_and_report(end).await;
        }
        self.settle().await;
    }

    /// Notify, its verdict, and Agent Call Status. Gives back since when it rings.
    async fn initiate(&mut self, answered: Moment) -> Initiation {
        let notified = match self.notified.take() {
            Some(outcome) => outcome,
            None => self.notify(answered).await,
        };
        let step = match &notified {
            Ok(at) => *at,
            Err(failure) => failure.at,
        };
        let due = step.max(answered) + self.plan.agent_call_status.after;
        let verdict = notified.and_then(|_| self.planned_verdict(due));
        if let Err(failure) = &verdict {
            self.activity.sleep_until(failure.at).await;
            self.enter(CallState::Failed, failure.at);
        }
        self.activity.sleep_until(due).await;
        if verdict.is_ok() {
            let parking = self.activity.parking().clone();
            self.phone = Some(self.line.phones.ring(self.entry.sid(), parking));
            self.enter(CallState::Ringing, due);
        }
        // Ahead of Call Event, unless that shall overtake it.
        if self.plan.call_event.send == SendWhen::BeforeAgentCallStatus && ends(&verdict) {
            return verdict;
        }
        let result = match &verdict {
            Ok(_) => AgentCallResult::Success,
            Err(failure) => failure.result(),
        };
        let arrived = self.report_status(result, due).await;
        let fatal = self.line.fidelity.agent_call_status_failure == StatusFailure::EndCall;
        if verdict.is_ok() && !arrived && fatal {
            let at = self.now();
            return Err(self.refuse(DisconnectReason::AppServerDataError, at));
        }
        verdict
    }

    /// What the plan itself says of the initiation, judged at `at`.
    fn planned_verdict(&self, at: Moment) -> Initiation {
        let AgentCallResult::Fail(fail_reason) = &self.plan.result else {
            return Ok(at);
        };
        let fidelity = &self.line.fidelity;
        let setup = self.accepted_at;
        let end = failed_end(&self.plan, self.call(), fidelity, setup, at);
        Err(Box::new(NotInitiated {
            fail_reason: fail_reason.clone(),
            end: end.map(Arc::new),
            at,
        }))
    }

    /// The failure of a call that ends for `reason` before it rings.
    fn refuse(&self, reason: DisconnectReason, at: Moment) -> Box<NotInitiated> {
        self.not_initiated(self.unconnected(reason, at))
    }

    fn unconnected(&self, reason: DisconnectReason, at: Moment) -> CallEnd {
        unconnected(reason, &self.line.fidelity, self.accepted_at, at)
    }

    fn not_initiated(&self, end: CallEnd) -> Box<NotInitiated> {
        let fail_reason = match end.reason {
            DisconnectReason::Busy => self.line.fidelity.busy_fail_reason.as_str(),
            other => other.name(),
        };
        Box::new(NotInitiated {
            fail_reason: fail_reason.into(),
            at: end.times.end,
            end: Some(Arc::new(end)),
        })
    }

    /// Sends Notify and judges the answer. Gives back when it was answered.
    async fn notify(&mut self, answered: Moment) -> Initiation {
        let reaches_nobody = self.call().initiation_failure.is_some()
            || self.plan.callee.action == CalleeAction::Busy;
        if reaches_nobody {
            self.entry.drop_delivery(Callback::Notify);
            return Ok(answered);
        }
        let due = answered + self.plan.notify.after;
        self.activity.sleep_until(due).await;
        let Line {
            engagements,
            fidelity,
            ..
        } = &*self.line;
        match engagements.engage(&self.entry, fidelity) {
            Ok(engagement) => self.engagement = engagement,
            Err(reason) => {
                self.entry.drop_delivery(Callback::Notify);
                self.entry.remark(format!(
                    "notify was not sent: a party is in another call ({reason})"
                ));
                return Err(self.refuse(reason, due));
            }
        }
        let rel_code = match self.send(Callback::Notify, due, notify).await {
            Sent::NotWanted => return Ok(due),
            Sent::Accepted => {
                let now = self.now();
                self.enter(CallState::Notified, now);
                return Ok(now);
            }
            Sent::NoUrl => match self.line.fidelity.missing_notify_url {
                MissingNotifyUrl::Skip => return Ok(due),
                MissingNotifyUrl::PushError => PUSH_REQ_FAIL,
            },
            Sent::Unreachable => PUSH_REQ_FAIL,
            Sent::Refused => PUSH_ERROR,
        };
        self.engagement = None;
        let end = self.unconnected(DisconnectReason::PushError, self.now());
        Err(self.not_initiated(end.rel_code(rel_code)))
    }

    /// Sends Agent Call Status; true if the app server took it, or was not to be told.
    async fn report_status(&mut self, result: AgentCallResult, due: Moment) -> bool {
        if self.status_due.replace(due).is_some() {
            return true;
        }
        let sent = self
            .send(Callback::AgentCallStatus, due, move |life| {
                agent_call_status_parameters(life.entry.sid(), &result, &life.line.fidelity)
            })
            .await;
        !matches!(sent, Sent::Unreachable | Sent::Refused)
    }

    /// The callee acts, or does not. Gives back how the call ended.
    async fn ring_and_talk(&mut self, ringing: Moment) -> Arc<CallEnd> {
        let mut course = self.course(ringing);
        let mut entered = 0;
        loop {
            let at = course.states.get(entered).map(|(_, at)| *at);
            let at = at.unwrap_or(course.end.times.end);
            if let Some(action) = self.phone_before(at).await {
                let now = self.now();
                amend(&mut self.plan, action, ringing, now);
                course = self.course(ringing);
                continue;
            }
            let Some((state, at)) = course.states.get(entered) else {
                return course.end;
            };
            self.go_on_in(*state, *at);
            entered += 1;
        }
    }

    fn course(&self, ringing: Moment) -> Course {
        course(&self.plan, &self.line.fidelity, self.accepted_at, ringing)
    }

    /// Enters a state of a call that was taken.
    fn go_on_in(&mut self, state: CallState, at: Moment) {
        if let Some(phone) = &self.phone {
            phone.is_answered();
        }
        if let Some(engagement) = &self.engagement {
            engagement.talks();
        }
        self.enter(state, at);
    }

    /// What is done with the callee's phone before `at`.
    async fn phone_before(&mut self, at: Moment) -> Option<PhoneAction> {
        let mut sleep = pin!(self.activity.sleep_until(at));
        let acted = poll_fn(|context| {
            // Asleep before it looks at the phone: who acts after that rouses it.
            let slept = sleep.as_mut().poll(context);
            let acted = self.phone.as_ref().and_then(RingingPhone::take_action);
            match acted {
                Some(acted) => Poll::Ready(Some(acted)),
                None => slept.map(|()| None),
            }
        });
        let (action, done) = acted.await?;
        self.acted = Some(done);
        Some(action)
    }

    /// The call is over: the callee is free again, and the app server is told.
    async fn end_and_report(&mut self, end: Arc<CallEnd>) {
        let ended = end.times.end;
        self.activity.sleep_until(ended).await;
        self.engagement = None;
        self.phone = None;
        self.entry.ends(end.clone());
        self.enter(CallState::Ended, ended);
        // Of a call that failed, the step before is Agent Call Status.
        let step = self.status_due.map_or(ended, |status| status.max(ended));
        let due = step + self.plan.call_event.after;
        self.wait_for(Callback::CallEvent, due).await;
        self.send(Callback::CallEvent, due, |life| {
            call_event_parameters(life.entry.sid(), life.call(), &end, &life.line.fidelity)
        })
        .await;
        if self.status_due.is_none() {
            let result = match self
                .entry
                .read(|record| record.has_been(CallState::Ringing))
            {
                true => AgentCallResult::Success,
                false => match &self.plan.result {
                    AgentCallResult::Success => AgentCallResult::Fail("PUSH_ERROR".into()),
                    failed => failed.clone(),
                },
            };
            let due = self.now() + self.plan.agent_call_status.after;
            self.wait_for(Callback::AgentCallStatus, due).await;
            self.report_status(result, due).await;
        }
    }

    async fn settle(self: Box<Self>) {
        self.copies.finished(&self.activity).await;
        self.line.journal.settle(&self.entry);
    }

    fn enter(&mut self, state: CallState, at: Moment) {
        self.entry.enter(state, at);
        if let Some(done) = self.acted.take() {
            // Nobody waits any more: their loss.
            let _ = done.send(());
        }
    }

    fn wire_order(&self, callback: Callback, parameters: Parameters) -> Parameters {
        parameters.ordered(
            self.line.fidelity.parameter_order,
            (self.entry.sid(), callback),
        )
    }
}

fn notify(life: &Life) -> Parameters {
    notify_parameters(life.entry.sid(), life.call(), &life.line.fidelity)
}

/// `PUSH_REQ_FAIL`: the Notify URL could not be called (contract 7.3).
const PUSH_REQ_FAIL: u16 = 203;
/// `PUSH_ERROR`: Notify was answered with a failure (contract 7.3).
const PUSH_ERROR: u16 = 205;

/// Whether a Call Event follows.
fn ends(verdict: &Initiation) -> bool {
    verdict
        .as_ref()
        .map_or_else(|failure| failure.end.is_some(), |_| true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<A, F: Future>(_: impl FnOnce(A) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_life_of_a_call_that_waits_takes_little_memory() {
        let future = size_of_future(Life::live_on);
        assert!(future <= 224, "{future} bytes");
        assert!(size_of::<Life>() <= 144, "{} bytes", size_of::<Life>());
    }
}
