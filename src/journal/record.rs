use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use arcstr::ArcStr;
use schemars::JsonSchema;
use serde::Serialize;
use smallvec::{SmallVec, smallvec};

use super::events::ProjectTag;
use super::news::News;
use crate::clock::Clock;
use crate::domain::{CallEnd, CallState, Callback, MakeCall, Moment, Sid};
use crate::wire::Message;

/// What calls belong to: a project from one reset to the next.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) project: Arc<str>,
    pub(super) tag: ProjectTag,
    /// Higher than that of any run before.
    pub(crate) generation: u64,
    /// The project's.
    pub(crate) clock: Clock,
    pub(super) news: Arc<News>,
}

/// A call and how it came to its scenario: what is known when it is accepted.
#[derive(Debug)]
pub(crate) struct PlacedCall {
    pub(crate) sid: Sid,
    pub(crate) origin: Arc<Origin>,
    pub(crate) scenario: Arc<str>,
    pub(crate) chosen_by: &'static str,
    pub(crate) call: MakeCall,
    /// The body as it came.
    pub(crate) request: ArcStr,
}

/// Everything about one call (design 7), as it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallRecord<'a> {
    pub(crate) placed: &'a PlacedCall,
    progress: &'a Progress,
}

/// What has happened in a call. Where one thing or a few are the rule, they are held without a memory block
/// of their own: each would be touched anew when it is made, and once more when the record goes.
#[derive(Debug)]
pub(crate) struct Progress {
    /// Five is what an answered call has.
    pub(crate) states: SmallVec<[StateRecord; 5]>,
    pub(crate) deliveries: Vec<DeliveryRecord>,
    pub(crate) end: Option<Arc<CallEnd>>,
    /// Hardly any call has one.
    pub(crate) remarks: Box<[Arc<str>]>,
    /// Nothing more will be sent.
    pub(crate) settled: bool,
}

/// A state and when the call entered it.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[schemars(rename = "EnteredState")]
pub(crate) struct StateRecord {
    /// The state.
    pub(crate) state: CallState,
    /// When the call entered it.
    pub(crate) at: Moment,
}

/// One callback, sent or not.
#[derive(Debug)]
pub(crate) struct DeliveryRecord {
    pub(crate) callback: Callback,
    pub(crate) outcome: Outcome,
    pub(crate) due_at: Option<Moment>,
    /// What was sent, or is on its way.
    pub(crate) message: Option<Message>,
    pub(crate) attempts: SmallVec<[AttemptRecord; 1]>,
}

/// What became of a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// On its way.
    Pending,
    /// Answered with success.
    Delivered,
    /// Answered otherwise, or not at all.
    Failed,
    /// Not sent, as the scenario or the settings say.
    Dropped,
    /// Not sent, since the emulator was stopped.
    Abandoned,
}

impl Outcome {
    /// How many there are.
    pub(super) const COUNT: usize = Self::FINAL.len() + 1;
    /// Those in which a delivery ends.
    pub(super) const FINAL: [Self; 4] = [
        Self::Delivered,
        Self::Failed,
        Self::Dropped,
        Self::Abandoned,
    ];

    /// The name in records.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
            Self::Abandoned => "abandoned",
        }
    }
}

/// One try to deliver a callback.
#[derive(Debug)]
pub(crate) struct AttemptRecord {
    pub(crate) sent_at: Moment,
    pub(crate) lateness: Duration,
    pub(crate) latency: Duration,
    /// Status and the first KiB of the body, or what went wrong.
    pub(crate) result: Result<(u16, Box<str>), String>,
}

impl<'a> CallRecord<'a> {
    pub(super) const fn new(placed: &'a PlacedCall, progress: &'a Progress) -> Self {
        Self { placed, progress }
    }
}

impl Deref for CallRecord<'_> {
    type Target = Progress;

    fn deref(&self) -> &Progress {
        self.progress
    }
}

impl Progress {
    /// That of a call that was accepted at this moment.
    pub(super) fn new(accepted_at: Moment) -> Self {
        Self {
            states: smallvec![StateRecord {
                state: CallState::Accepted,
                at: accepted_at,
            }],
            deliveries: Vec::new(),
            end: None,
            remarks: Box::default(),
            settled: false,
        }
    }

    pub(super) fn remark(&mut self, remark: Arc<str>) {
        let mut remarks = std::mem::take(&mut self.remarks).into_vec();
        remarks.push(remark);
        self.remarks = remarks.into();
    }

    /// The state of now.
    pub(crate) fn state(&self) -> CallState {
        self.states
            .last()
            .map_or(CallState::Accepted, |last| last.state)
    }

    /// Whether the call has ever been in `state`.
    pub(crate) fn has_been(&self, state: CallState) -> bool {
        self.states.iter().any(|entered| entered.state == state)
    }

    /// Whether the first delivery of `callback` is over, however it went.
    pub(crate) fn is_through_with(&self, callback: Callback) -> bool {
        let mut of_kind = self.deliveries.iter().filter(|d| d.callback == callback);
        of_kind.any(|delivery| delivery.outcome != Outcome::Pending)
    }

    /// Marks what is pending or was never begun as abandoned, unless the call is settled. Gives back the
    /// indices of these.
    pub(super) fn abandon(&mut self) -> Vec<usize> {
        let mut abandoned = Vec::new();
        if self.settled {
            return abandoned;
        }
        for (index, delivery) in self.deliveries.iter_mut().enumerate() {
            if delivery.outcome == Outcome::Pending {
                delivery.outcome = Outcome::Abandoned;
                abandoned.push(index);
            }
        }
        for callback in Callback::ALL {
            if !self.deliveries.iter().any(|d| d.callback == callback) {
                let unsent = DeliveryRecord::unsent(callback, Outcome::Abandoned);
                abandoned.push(self.deliveries.len());
                self.deliveries.push(unsent);
            }
        }
        abandoned
    }
}

impl DeliveryRecord {
    /// A callback on its way.
    pub(super) fn begun(callback: Callback, due: Moment, message: Message) -> Self {
        Self {
            due_at: Some(due),
            message: Some(message),
            ..Self::unsent(callback, Outcome::Pending)
        }
    }

    /// A callback that is not sent.
    pub(super) fn unsent(callback: Callback, outcome: Outcome) -> Self {
        Self {
            callback,
            outcome,
            due_at: None,
            message: None,
            attempts: SmallVec::new(),
        }
    }
}
