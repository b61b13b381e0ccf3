use std::sync::Arc;

use tokio::task::JoinSet;
use url::Url;

use super::{Life, Line};
use crate::clock::Clock;
use crate::delivery::{Attempt, shown, with_query};
use crate::domain::{Callback, Moment, PlannedDelivery, Redirects, SendWhen, Sid};
use crate::journal::{AttemptRecord, CallEntry, DeliveryRecord, Outcome};
use crate::wire::Parameters;

/// Where a project's callbacks go; `None` where no URL is registered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Targets {
    pub(crate) notify: Option<Url>,
    pub(crate) agent_call_status: Option<Url>,
    pub(crate) call_event: Option<Url>,
}

impl Targets {
    fn of(&self, callback: Callback) -> Option<&Url> {
        match callback {
            Callback::Notify => self.notify.as_ref(),
            Callback::AgentCallStatus => self.agent_call_status.as_ref(),
            Callback::CallEvent => self.call_event.as_ref(),
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

/// The further copies of callbacks that a call still has under way.
#[derive(Debug, Default)]
pub(super) struct Copies(Option<JoinSet<()>>);

impl Copies {
    pub(super) async fn finished(&mut self) {
        if let Some(mut copies) = self.0.take() {
            while copies.join_next().await.is_some() {}
        }
    }
}

impl Life {
    /// Sends one callback as planned, and starts its copies.
    pub(super) async fn send(
        &mut self,
        callback: Callback,
        planned: &PlannedDelivery,
        due: Moment,
        parameters: Parameters,
    ) -> Sent {
        if planned.send == SendWhen::Never {
            self.drop_delivery(callback);
            return Sent::NotWanted;
        }
        let Some(target) = self.line.targets.of(callback) else {
            self.drop_delivery(callback);
            self.remark(format!(
                "{callback} was not sent: no URL is registered for it"
            ));
            return Sent::NoUrl;
        };
        let parameters = self.wire_order(callback, parameters.edited(&planned.edits));
        let sending = Sending {
            sid: self.sid,
            callback,
            url: with_query(target, &parameters.query()),
            parameters,
            line: self.line.clone(),
            entry: self.entry.clone(),
        };
        let sent = sending.send(due).await;
        if planned.copies > 1 {
            let planned = planned.clone();
            self.copies.0.get_or_insert_default().spawn(async move {
                for copy in 1..planned.copies {
                    sending.send(due + planned.copies_every * copy).await;
                }
            });
        }
        sent
    }

    /// Records that a callback is not sent.
    pub(super) fn drop_delivery(&self, callback: Callback) {
        tracing::info!(sid = %self.sid, callback = callback.name(), "{callback} not sent");
        self.entry.change(|record| {
            record.deliveries.push(DeliveryRecord {
                callback,
                outcome: Outcome::Dropped,
                due_at: None,
                url: None,
                parameters: Parameters::default(),
                attempts: Vec::new(),
            });
        });
    }
}

/// One callback, ready to be sent any number of times.
struct Sending {
    sid: Sid,
    callback: Callback,
    url: Url,
    parameters: Parameters,
    line: Arc<Line>,
    entry: Arc<CallEntry>,
}

impl Sending {
    /// Sends it at `due`; the journal has it from the moment it is on its way.
    async fn send(&self, due: Moment) -> Sent {
        let clock: &Clock = &self.line.clock;
        clock.sleep_until(due).await;
        if self.line.courier.is_closed() {
            // The emulator is being stopped, and the journal marks what is left as abandoned.
            std::future::pending::<()>().await;
        }
        let index = self.entry.change(|record| {
            record.deliveries.push(DeliveryRecord {
                callback: self.callback,
                outcome: Outcome::Pending,
                due_at: Some(due),
                url: Some(shown(&self.url).into()),
                parameters: self.parameters.clone(),
                attempts: Vec::new(),
            });
            record.deliveries.len() - 1
        });
        let begun = clock.now();
        let attempt = self.line.courier.send(&self.url).await;
        let sent = self.judge(&attempt);
        self.log(&attempt);
        let sent_at = begun + attempt.waited;
        self.entry.change(|record| {
            record.remarks.extend(self.remark_on(&attempt));
            let delivery = &mut record.deliveries[index];
            delivery.outcome = match sent {
                Sent::Accepted => Outcome::Delivered,
                _ => Outcome::Failed,
            };
            delivery.attempts.push(AttemptRecord {
                sent_at,
                lateness: sent_at.since(due),
                latency: attempt.latency,
                result: match attempt.result {
                    Ok(answer) => Ok((answer.status, answer.body)),
                    Err(error) => Err(error.to_string()),
                },
            });
        });
        sent
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

    fn log(&self, attempt: &Attempt) {
        let (sid, callback) = (self.sid, self.callback);
        let latency_ms = attempt.latency.as_millis();
        match &attempt.result {
            Ok(answer) => tracing::info!(
                %sid,
                callback = callback.name(),
                status = answer.status,
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
}
