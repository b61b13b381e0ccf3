use std::net::IpAddr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::HumanDuration;

/// What is not publicly known of Planet, each as a choice with the recommended default.
///
/// The numbers are those of contract section 10; `docs/fidelity.md` holds the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Fidelity {
    /// 10-1: how Agent Call Status spells its result.
    pub result_spelling: ResultSpelling,
    /// 10-2: the JSON type of `code` in error bodies.
    pub error_code_type: ErrorCodeType,
    /// 10-2: whether errors have a body at all.
    pub error_body: ErrorBody,
    /// 10-4: the delay from the API's answer to Notify, unless the scenario gives one.
    pub notify_after: HumanDuration,
    /// 10-5: the delay from Notify's answer to Agent Call Status, unless the scenario gives one.
    pub agent_call_status_after: HumanDuration,
    /// 10-5: the delay from the end of the call to Call Event, unless the scenario gives one.
    pub call_event_after: HumanDuration,
    /// 10-7: which answers to Notify count as success.
    pub notify_success: NotifySuccess,
    /// 10-7: whether redirects of callbacks are followed.
    pub redirects: Redirects,
    /// 10-8: what a failed Agent Call Status delivery does to the call.
    pub agent_call_status_failure: StatusFailure,
    /// 10-11: which of the two service IDs must be the key's own.
    pub service_id_check: ServiceIdCheck,
    /// 10-12: what happens to a content ID that was never uploaded.
    pub unknown_content_id: UnknownContentId,
    /// 10-13: what happens to a malformed callee ID.
    pub malformed_peer_id: MalformedPeerId,
    /// 10-14: which letter case content IDs may have.
    pub content_id_case: ContentIdCase,
    /// 10-15: what happens to fields that no document mentions.
    pub extra_fields: Tolerance,
    /// 10-15: what happens to an explicit `null` for an optional field.
    pub explicit_null: Tolerance,
    /// 10-15: what happens to a content ID that is listed twice.
    pub duplicate_content_ids: Tolerance,
    /// 10-16: whether a number may be sent as text.
    pub numbers_as_text: Tolerance,
    /// 10-16: what happens when caller and callee have the same user ID.
    pub same_user_id: Tolerance,
    /// 10-17: what is asked of the `Accept` header.
    pub accept_header: HeaderCheck,
    /// 10-18: what is asked of the `Content-Type` header.
    pub content_type_header: HeaderCheck,
    /// 10-19: what the rate limit counts.
    pub rate_limit_scope: RateLimitScope,
    /// 10-23: whether the deprecated `stid` is sent beside `app_svr_data`.
    pub stid: Stid,
    /// 10-23, 10-24: what becomes of a parameter without a value.
    pub null_parameters: NullParameters,
    /// 10-25: the caller's address in Call Event.
    #[schemars(description = "an IP address such as `192.0.2.1`")]
    pub srcip: IpAddr,
    /// 10-25: the callee's address in Call Event.
    #[schemars(description = "an IP address such as `198.51.100.1`")]
    pub dstip: IpAddr,
    /// 10-27: the smallest `duration` of a call that was connected, in seconds.
    #[schemars(range(max = 1))]
    pub connected_duration_at_least: u8,
    /// 10-28: how Call Event writes `releaser_type`.
    pub releaser_type: ReleaserType,
    /// 10-29: who ends the call when the audio is over.
    pub playback_end_releaser: PlaybackEndReleaser,
    /// 10-30: how long a call rings before it ends unanswered.
    pub no_answer_after: HumanDuration,
    /// 10-31: the pause between two audio files.
    pub playback_gap: HumanDuration,
    /// 10-32: from when `playWaitTime` is counted if the callee prepares.
    pub play_wait_from: PlayWaitFrom,
    /// 10-33: what happens to a second call to a callee who is ringing or talking.
    pub callee_in_call: CalleeInCall,
    /// 10-34: what happens to a second call of a caller who is in a call.
    pub caller_in_call: CallerInCall,
    /// 10-35: the `fail_reason` when the callee is busy.
    pub busy_fail_reason: String,
    /// 10-37: the order of callback parameters.
    pub parameter_order: ParameterOrder,
    /// 10-39: what a missing Notify URL does to the call.
    pub missing_notify_url: MissingNotifyUrl,
    /// 10-43: how long a call may last; `null` for no limit.
    #[schemars(extend("x-nullable" = true))]
    pub max_call_time: Option<HumanDuration>,
}

impl Default for Fidelity {
    fn default() -> Self {
        let millis = |millis| HumanDuration(Duration::from_millis(millis));
        Self {
            result_spelling: ResultSpelling::Table,
            error_code_type: ErrorCodeType::String,
            error_body: ErrorBody::Json,
            notify_after: millis(50),
            agent_call_status_after: millis(50),
            call_event_after: millis(20),
            notify_success: NotifySuccess::Any2xx,
            redirects: Redirects::NotFollowed,
            agent_call_status_failure: StatusFailure::Ignore,
            service_id_check: ServiceIdCheck::Caller,
            unknown_content_id: UnknownContentId::Reject,
            malformed_peer_id: MalformedPeerId::FailReason,
            content_id_case: ContentIdCase::Any,
            extra_fields: Tolerance::Allow,
            explicit_null: Tolerance::Allow,
            duplicate_content_ids: Tolerance::Allow,
            numbers_as_text: Tolerance::Reject,
            same_user_id: Tolerance::Reject,
            accept_header: HeaderCheck::Lenient,
            content_type_header: HeaderCheck::Lenient,
            rate_limit_scope: RateLimitScope::Project,
            stid: Stid::Send,
            null_parameters: NullParameters::Omit,
            // Documentation ranges of RFC 5737: they belong to nobody.
            srcip: IpAddr::from([192, 0, 2, 1]),
            dstip: IpAddr::from([198, 51, 100, 1]),
            connected_duration_at_least: 1,
            releaser_type: ReleaserType::Number,
            playback_end_releaser: PlaybackEndReleaser::Caller,
            no_answer_after: HumanDuration(Duration::from_secs(60)),
            playback_gap: millis(0),
            play_wait_from: PlayWaitFrom::PreparationEnd,
            callee_in_call: CalleeInCall::Busy,
            caller_in_call: CallerInCall::Allow,
            busy_fail_reason: "BUSY".to_owned(),
            parameter_order: ParameterOrder::Documented,
            missing_notify_url: MissingNotifyUrl::PushError,
            max_call_time: None,
        }
    }
}

macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[schemars(inline)]
        pub(crate) enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant,)*
        }
    )*};
}

choices! {
    /// 10-1.
    ResultSpelling {
        /// `SUCCESS`, `FAIL`.
        Table = "table",
        /// `Success`, `Fail`.
        Example = "example",
    }
    /// 10-2.
    ErrorCodeType {
        /// `"400"`.
        String = "string",
        /// `400`.
        Integer = "integer",
    }
    /// 10-2.
    ErrorBody {
        /// `status`, `code`, `message`, `data`, `timestamp`.
        Json = "json",
        /// No body.
        Empty = "empty",
    }
    /// 10-7.
    NotifySuccess {
        /// 200 to 299.
        Any2xx = "any_2xx",
        /// 200 alone.
        Only200 = "only_200",
    }
    /// 10-7.
    Redirects {
        /// A redirect is an answer like any other.
        NotFollowed = "not_followed",
        /// Up to ten are followed.
        Followed = "followed",
    }
    /// 10-8.
    StatusFailure {
        /// The call goes on.
        Ignore = "ignore",
        /// The call ends with `APP_SERVER_DATA_ERROR`.
        EndCall = "end_call",
    }
    /// 10-11.
    ServiceIdCheck {
        /// `requestContext.serviceId` must be the key's; the callee's must be some project's.
        Caller = "caller",
        /// The callee's must be the key's.
        Callee = "callee",
        /// Both must be the key's.
        Both = "both",
        /// Neither is looked at.
        None = "none",
    }
    /// 10-12.
    UnknownContentId {
        /// 400.
        Reject = "reject",
        /// 200, then Agent Call Status fails.
        FailReason = "fail_reason",
        /// As if it had been uploaded, with the default length.
        Accept = "accept",
    }
    /// 10-13.
    MalformedPeerId {
        /// 200, then Agent Call Status fails with `Invalid peerId`.
        FailReason = "fail_reason",
        /// 400.
        Reject = "reject",
    }
    /// 10-14.
    ContentIdCase {
        /// Both.
        Any = "any",
        /// Lower case only.
        Lower = "lower",
    }
    /// 10-15, 10-16.
    Tolerance {
        /// Taken.
        Allow = "allow",
        /// 400.
        Reject = "reject",
    }
    /// 10-17, 10-18.
    HeaderCheck {
        /// Must be there and cover JSON; wildcards and parameters are fine.
        Lenient = "lenient",
        /// Must be exactly `application/json`.
        Strict = "strict",
        /// Not looked at.
        Off = "off",
    }
    /// 10-19.
    RateLimitScope {
        /// All requests of a project, that is, of an API key.
        Project = "project",
        /// The requests of a project from one source address.
        SourceIp = "source_ip",
    }
    /// 10-23.
    Stid {
        /// Sent with the value of `app_svr_data`.
        Send = "send",
        /// Left out.
        Omit = "omit",
    }
    /// 10-24.
    NullParameters {
        /// The parameter is left out.
        Omit = "omit",
        /// The parameter is sent with nothing after `=`.
        Empty = "empty",
    }
    /// 10-28.
    ReleaserType {
        /// `1`.
        Number = "number",
        /// `callee`.
        Name = "name",
    }
    /// 10-29.
    PlaybackEndReleaser {
        /// The agent.
        Caller = "caller",
        /// LINE Planet Cloud.
        CloudServer = "cloud_server",
    }
    /// 10-32.
    PlayWaitFrom {
        /// The end of the preparation.
        PreparationEnd = "preparation_end",
        /// The answer.
        Answer = "answer",
    }
    /// 10-33.
    CalleeInCall {
        /// No Notify, FAIL, then `BUSY` (1202).
        Busy = "busy",
        /// As `busy`, but `ALREADY_GOT_A_CALL` (1204) while the first call has not been answered.
        AlreadyGotACall = "already_got_a_call",
        /// Both calls go on.
        Allow = "allow",
    }
    /// 10-34.
    CallerInCall {
        /// Both calls go on.
        Allow = "allow",
        /// The second call ends with `MULTIDEV_IN_USE` (1205).
        MultidevInUse = "multidev_in_use",
    }
    /// 10-37.
    ParameterOrder {
        /// As in the documented examples.
        Documented = "documented",
        /// Another order in each callback.
        Shuffled = "shuffled",
    }
    /// 10-39.
    MissingNotifyUrl {
        /// The call ends with `PUSH_ERROR`.
        PushError = "push_error",
        /// Notify is skipped, the call goes on.
        Skip = "skip",
    }
}

impl NotifySuccess {
    /// Whether an answer of this status is success.
    pub(crate) fn covers(self, status: u16) -> bool {
        match self {
            Self::Any2xx => (200..300).contains(&status),
            Self::Only200 => status == 200,
        }
    }
}
