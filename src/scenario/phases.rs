//! What one variant of a scenario says, ready for planning.

use std::sync::Arc;
use std::time::Duration;

use super::delay::Delay;
use super::file::{
    ActionFile, CalleeFile, EndFile, ErrorFile, EventFile, EventSend, NotifyFile, NotifySend,
    PhasesFile, ResultFile, StatusFile, StatusSend,
};
use super::text::Scalar;
use crate::domain::{
    AgentCallResult, CalleeAction, HumanDuration, InitiationFailure, Manner, ParameterEdits,
    PlannedEnd, SendWhen, Terminate,
};
use crate::wire::ErrorAnswer;

/// How long a callee lets it ring before acting, if the scenario does not say. Short enough for a
/// first look, long enough to see the ringing.
const USUAL_REACTION: Duration = Duration::from_secs(2);

/// One variant of a scenario; what the file leaves open is still open.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Phases {
    /// How long the API's answer is held back.
    pub(super) response_after: Delay,
    /// The error with which the call is refused.
    pub(crate) refusal: Option<ErrorAnswer>,
    pub(super) notify: DeliveryPhase,
    pub(super) agent_call_status: DeliveryPhase,
    pub(super) result: AgentCallResult,
    pub(super) callee: CalleeAction,
    pub(super) callee_after: Delay,
    pub(super) prepares_for: Duration,
    pub(super) end: Option<(Option<Delay>, PlannedEnd)>,
    pub(super) call_event: DeliveryPhase,
}

/// The delivery keys of one callback.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DeliveryPhase {
    /// `None`: the faithful default.
    pub(super) after: Option<Delay>,
    pub(super) send: SendWhen,
    /// `None`: once and unchanged.
    pub(super) manner: Option<Arc<Manner>>,
}

const NO_DELAY: Delay = Delay::Fixed(Duration::ZERO);

impl From<PhasesFile> for Phases {
    fn from(file: PhasesFile) -> Self {
        let (response_after, error) = file
            .response
            .map_or((None, None), |response| (response.after, response.error));
        let result = file.agent_call_status.as_ref().map(result_of);
        let callee = file.callee.unwrap_or(CalleeFile {
            action: None,
            after: None,
            prepares_for: None,
        });
        Self {
            response_after: response_after.unwrap_or(NO_DELAY),
            refusal: error.map(refusal_of),
            notify: file.notify.map(DeliveryPhase::from).unwrap_or_default(),
            agent_call_status: file
                .agent_call_status
                .map(DeliveryPhase::from)
                .unwrap_or_default(),
            result: result.unwrap_or(AgentCallResult::Success),
            callee: match callee.action.unwrap_or(ActionFile::Answer) {
                ActionFile::Answer => CalleeAction::Answer,
                ActionFile::Decline => CalleeAction::Decline,
                ActionFile::Ignore => CalleeAction::Ignore,
                ActionFile::Busy => CalleeAction::Busy,
                ActionFile::Manual => CalleeAction::Manual,
            },
            callee_after: callee.after.unwrap_or(Delay::Fixed(USUAL_REACTION)),
            prepares_for: callee.prepares_for.unwrap_or_default().0,
            end: file.end.map(end_of),
            call_event: file.call_event.map(DeliveryPhase::from).unwrap_or_default(),
        }
    }
}

/// The error of a scenario; texts for people where it gives none (contract 5.1).
fn refusal_of(file: ErrorFile) -> ErrorAnswer {
    let usual = match file.status {
        400 => "bad request",
        401 => "ApiKey not found",
        403 => "no permission for the service ID",
        404 => "not found",
        429 => "TOO_MANY_REQUEST",
        503 => "SERVICE_UNAVAILABLE",
        _ => "INTERNAL_SERVER_ERROR",
    };
    let error = match file.message {
        Some(message) => ErrorAnswer::new(file.status, message),
        None => ErrorAnswer::new(file.status, usual),
    };
    ErrorAnswer {
        code: file.code.map(|Scalar(code)| code),
        ..error.with_data(file.data.unwrap_or_default())
    }
}

fn result_of(status: &StatusFile) -> AgentCallResult {
    match (status.result, &status.fail_reason) {
        (Some(ResultFile::Fail), Some(reason)) => AgentCallResult::Fail(reason.as_str().into()),
        (Some(ResultFile::Fail), None) => {
            AgentCallResult::Fail(InitiationFailure::InvalidPeerId.fail_reason().into())
        }
        _ => AgentCallResult::Success,
    }
}

fn end_of(file: EndFile) -> (Option<Delay>, PlannedEnd) {
    let planned = PlannedEnd {
        after: None,
        reason: file.reason,
        by: file.by.map(Into::into),
        user_rel_code: file.user_rel_code.map(Into::into),
        terminate: file.terminate.map(Terminate),
        rel_code: file.rel_code,
        rel_code_str: file.rel_code_str.map(Into::into),
    };
    (file.after, planned)
}

impl Default for DeliveryPhase {
    fn default() -> Self {
        Self {
            after: None,
            send: SendWhen::Normal,
            manner: None,
        }
    }
}

macro_rules! delivery_phase_from {
    ($($file:ty),*) => {$(
        impl From<$file> for DeliveryPhase {
            fn from(file: $file) -> Self {
                let set = file.set.unwrap_or_default().into_iter();
                let set = set.map(|(name, Scalar(value))| (name, value)).collect();
                let manner = Manner {
                    copies: file.copies.unwrap_or(1),
                    copies_every: file.copies_every.map_or(Duration::ZERO, |HumanDuration(every)| every),
                    edits: ParameterEdits { set, remove: file.remove.unwrap_or_default() },
                };
                Self {
                    after: file.after,
                    send: file.send.map_or(SendWhen::Normal, Into::into),
                    manner: (manner != Manner::default()).then(|| Arc::new(manner)),
                }
            }
        }
    )*};
}
delivery_phase_from!(NotifyFile, StatusFile, EventFile);

impl From<NotifySend> for SendWhen {
    fn from(send: NotifySend) -> Self {
        match send {
            NotifySend::Normal => Self::Normal,
            NotifySend::Never => Self::Never,
            NotifySend::BeforeResponse => Self::BeforeResponse,
        }
    }
}

impl From<StatusSend> for SendWhen {
    fn from(send: StatusSend) -> Self {
        match send {
            StatusSend::Normal => Self::Normal,
            StatusSend::Never => Self::Never,
            StatusSend::BeforeResponse => Self::BeforeResponse,
            StatusSend::BeforeNotify => Self::BeforeNotify,
        }
    }
}

impl From<EventSend> for SendWhen {
    fn from(send: EventSend) -> Self {
        match send {
            EventSend::Normal => Self::Normal,
            EventSend::Never => Self::Never,
            EventSend::BeforeAgentCallStatus => Self::BeforeAgentCallStatus,
        }
    }
}
