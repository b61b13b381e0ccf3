//! The vocabulary: what the emulation talks about, with no I/O and no time of its own.
//!
//! A value of these types is known to be well formed: the `parse` constructors are the only way in.

mod callback;
mod duration;
mod end;
mod fidelity;
mod ids;
mod make_call;
mod moment;
mod plan;
mod reason;
mod release_code;
mod state;
mod text;

pub(crate) use callback::Callback;
pub(crate) use duration::{HumanDuration, parse_duration};
pub(crate) use end::{CallEnd, CallTimes};
pub(crate) use fidelity::{
    CalleeInCall, CallerInCall, ContentIdCase, ErrorBody, ErrorCodeType, Fidelity, HeaderCheck,
    MalformedPeerId, MissingNotifyUrl, NullParameters, ParameterOrder, PlayWaitFrom,
    PlaybackEndReleaser, RateLimitScope, Redirects, ReleaserType, ResultSpelling, ServiceIdCheck,
    StatusFailure, Stid, Tolerance, UnknownContentId,
};
pub(crate) use ids::{ContentId, ContentIds, ServiceId, Sid, UserId};
pub(crate) use make_call::{Callee, Caller, InitiationFailure, MakeCall, PeerKey};
pub(crate) use moment::{Moment, Span};
pub(crate) use plan::{
    AgentCallResult, CalleeAction, Manner, ParameterEdits, Plan, PlannedCallee, PlannedDelivery,
    PlannedEnd, SendWhen,
};
pub(crate) use reason::{DisconnectReason, Releaser, Terminate};
pub(crate) use release_code::{release_code_name, release_code_number};
pub(crate) use state::CallState;
pub(crate) use text::{Text, part_of};
