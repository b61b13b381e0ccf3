use std::fmt;

use super::check::plural;
use crate::journal::{AttemptRecord, CallRecord, DeliveryRecord, Journal, Outcome};

/// How many failures are told one by one.
const TOLD: usize = 5;

/// What became of all calls and their callbacks, in a few lines.
#[derive(Debug, Default)]
pub(super) struct Summary {
    calls: usize,
    delivered: usize,
    abandoned: usize,
    failures: Vec<String>,
    /// How many calls the journal no longer has.
    forgotten: u64,
}

impl Summary {
    pub(super) fn of(journal: &Journal) -> Self {
        let mut calls = journal.all_calls();
        calls.sort_by_key(|call| call.read(|record| record.states.first().map(|first| first.at)));
        let mut summary = Self {
            calls: calls.len(),
            forgotten: journal.counts().dropped,
            ..Self::default()
        };
        for call in calls {
            call.read(|record| summary.add(record));
        }
        summary
    }

    pub(super) fn has_failures(&self) -> bool {
        !self.failures.is_empty()
    }

    fn add(&mut self, call: &CallRecord<'_>) {
        for delivery in &call.deliveries {
            match delivery.outcome {
                Outcome::Delivered => self.delivered += 1,
                Outcome::Failed => self.failures.push(failure(call, delivery)),
                Outcome::Pending | Outcome::Abandoned => self.abandoned += 1,
                Outcome::Dropped => {}
            }
        }
    }
}

fn failure(call: &CallRecord<'_>, delivery: &DeliveryRecord) -> String {
    let why = match delivery.attempts.last() {
        Some(AttemptRecord {
            result: Ok((status, _)),
            ..
        }) => format!("answered {status}"),
        Some(AttemptRecord {
            result: Err(error), ..
        }) => error.clone(),
        None => "not sent".to_owned(),
    };
    let to = &call.placed.call.to.user_id;
    format!(
        "{} of {} (to {to}): {why}",
        delivery.callback, call.placed.sid
    )
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "planet-emulator: {}; callbacks: {} delivered, {} failed, {} abandoned",
            plural(self.calls, "call"),
            self.delivered,
            self.failures.len(),
            self.abandoned,
        )?;
        for failure in self.failures.iter().take(TOLD) {
            write!(f, "\n  {failure}")?;
        }
        if self.failures.len() > TOLD {
            write!(f, "\n  and {} more", self.failures.len() - TOLD)?;
        }
        if self.forgotten > 0 {
            let forgotten = self.forgotten;
            write!(
                f,
                "\n  not counted: {forgotten} earlier calls (limits.journal_calls)"
            )?;
        }
        Ok(())
    }
}
