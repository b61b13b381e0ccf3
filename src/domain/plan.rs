use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::{Callback, DisconnectReason, Moment, Releaser, Span, Terminate};

/// What will happen in one call: every choice made, every delay drawn.
///
/// Made by planning, executed by the life of the call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    /// How long the API's answer is held back.
    pub response_after: Span,
    /// The Notify callback.
    pub notify: PlannedDelivery,
    /// The Agent Call Status callback.
    pub agent_call_status: PlannedDelivery,
    /// What Agent Call Status says if nothing else goes wrong.
    pub result: AgentCallResult,
    /// What the callee does while it rings.
    pub callee: PlannedCallee,
    /// From the connection to the end of the last audio file, preparation included.
    pub playback: Span,
    /// How the call ends earlier or otherwise than by itself.
    pub end: Option<Box<PlannedEnd>>,
    /// The 1-to-1 Call Event callback.
    pub call_event: PlannedDelivery,
}

impl Plan {
    /// How a callback is sent.
    pub(crate) const fn delivery(&self, callback: Callback) -> &PlannedDelivery {
        match callback {
            Callback::Notify => &self.notify,
            Callback::AgentCallStatus => &self.agent_call_status,
            Callback::CallEvent => &self.call_event,
        }
    }
}

/// When and whether a callback is sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PlannedDelivery {
    /// From the step before.
    pub after: Span,
    /// When, in the order of things.
    pub send: SendWhen,
    /// The rest, which is the same for all calls of a scenario; `None` for once and unchanged, as usual.
    pub manner: Option<Arc<Manner>>,
}

impl PlannedDelivery {
    /// When it is sent, the first time at `due`.
    pub(crate) fn dues(&self, due: Moment) -> impl Iterator<Item = Moment> + use<> {
        let manner = self.manner.as_deref();
        let times = manner.map_or(1, |manner| manner.copies);
        let every = manner.map_or(Duration::ZERO, |manner| manner.copies_every);
        (0..times).map(move |copy| due + every * copy)
    }
}

/// How a callback is sent that is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manner {
    /// How many times; at least once.
    pub copies: u32,
    /// The time between two copies.
    pub copies_every: Duration,
    /// What is changed in its parameters.
    pub edits: ParameterEdits,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            copies: 1,
            copies_every: Duration::ZERO,
            edits: ParameterEdits::default(),
        }
    }
}

/// Where in the order a callback is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendWhen {
    /// In its documented place.
    Normal,
    /// Not at all.
    Never,
    /// Before the API request is answered.
    BeforeResponse,
    /// Before Notify.
    BeforeNotify,
    /// Before Agent Call Status, which then follows the end of the call.
    BeforeAgentCallStatus,
}

/// Changes to the parameters of one callback.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ParameterEdits {
    /// Parameters given another value, or added at the end.
    pub set: BTreeMap<String, String>,
    /// Parameters left out.
    pub remove: BTreeSet<String>,
}

/// The content of Agent Call Status (contract 6.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AgentCallResult {
    /// The call was initiated towards the callee.
    Success,
    /// It was not, for this reason.
    Fail(Arc<str>),
}

/// What the callee does, and when, counted from the start of ringing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PlannedCallee {
    /// What they do.
    pub action: CalleeAction,
    /// When they do it.
    pub after: Span,
    /// How long they prepare after answering; zero if they do not.
    pub prepares_for: Span,
}

/// What a callee does with an incoming call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CalleeAction {
    /// Takes it and listens to the end.
    Answer,
    /// Rejects it.
    Decline,
    /// Lets it ring.
    Ignore,
    /// Is in another call.
    Busy,
    /// Waits for what the control API says; lets it ring if that says nothing.
    Manual,
}

/// An end that the scenario asks for; what is absent follows from the reason (contract 8).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PlannedEnd {
    /// The delay from the answer, or from the start of ringing if nobody answers.
    pub after: Option<Duration>,
    /// Why.
    pub reason: Option<DisconnectReason>,
    /// By whom.
    pub by: Option<Releaser>,
    /// The application's own text, at most 127 bytes.
    pub user_rel_code: Option<Arc<str>>,
    /// The Q.850 cause.
    pub terminate: Option<Terminate>,
    /// The release code.
    pub rel_code: Option<u16>,
    /// The release code's name.
    pub rel_code_str: Option<Arc<str>>,
}
