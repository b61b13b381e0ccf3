//! The shape of a scenario file: design 6, key by key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::delay::Delay;
use super::text::{AnyOf, Scalar};
use crate::domain::{DisconnectReason, HumanDuration, Releaser, parse_duration};
use crate::yaml::Shape;

/// Checks scenario files.
pub(super) static SHAPE: LazyLock<Shape<ScenarioFile>> = LazyLock::new(|| {
    Shape::new().with_format(HumanDuration::FORMAT, |text| {
        parse_duration(text).map(|_| ())
    })
});

/// The JSON Schema of a scenario, for editors.
pub(crate) fn scenario_schema() -> &'static Value {
    SHAPE.schema()
}

/// Adds the phases of a call to a struct. Not `flatten`, which would cost the positions of unknown keys.
macro_rules! with_phases {
    ($($(#[$attribute:meta])* struct $name:ident { $($(#[$field_attribute:meta])* $field:ident: $type:ty,)* })*) => {$(
        #[derive(Debug, Clone, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        $(#[$attribute])*
        pub(super) struct $name {
            $($(#[$field_attribute])* pub(super) $field: $type,)*
            /// How the API request is answered.
            pub(super) response: Option<ResponseFile>,
            /// The Notify callback.
            pub(super) notify: Option<NotifyFile>,
            /// The Agent Call Status callback.
            pub(super) agent_call_status: Option<StatusFile>,
            /// What the callee does while it rings.
            pub(super) callee: Option<CalleeFile>,
            /// How the call ends earlier or otherwise than by itself.
            pub(super) end: Option<EndFile>,
            /// The 1-to-1 Call Event callback.
            pub(super) call_event: Option<EventFile>,
        }
    )*};
}

with_phases! {
    /// One scenario: what happens in a call.
    #[schemars(title = "Scenario of planet-emulator")]
    #[expect(dead_code, reason = "phases are read as `PhasesFile`, with the variants merged in")]
    struct ScenarioFile {
        /// Unique, in kebab-case.
        #[schemars(
            regex(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$"),
            length(max = 64),
            extend("x-expected" = "a name in kebab-case such as `callee-declines`")
        )]
        name: String,
        /// What it is good for.
        description: Option<String>,
        /// Which calls take it; all conditions must hold.
        #[serde(rename = "match")]
        matching: Option<MatchFile>,
        /// Higher is asked first.
        #[serde(default)]
        priority: i32,
        /// Variants by turn: the first call takes the first one, the second call the second.
        #[schemars(length(min = 1))]
        in_turn: Option<Vec<PhasesFile>>,
        /// Whose calls `in_turn` counts.
        per: Option<Per>,
        /// What follows the last variant of `in_turn`.
        repeat: Option<Repeat>,
        /// Variants of which one is drawn for each call.
        #[schemars(length(min = 1))]
        one_of: Option<Vec<WeightedFile>>,
    }

    /// A variant: what it says goes over the rest of the scenario, key by key.
    struct PhasesFile {}

    /// A variant with its share among its siblings.
    #[expect(dead_code, reason = "phases are read as `PhasesFile`, with the variants merged in")]
    struct WeightedFile {
        /// The share; 1 if left out.
        weight: Option<u32>,
    }
}

/// Conditions on a call; a list means any of its entries, `*` and `?` are wildcards.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub(crate) struct MatchFile {
    /// The callee's user ID.
    pub(super) to_user_id: Option<AnyOf>,
    /// The callee's service ID.
    pub(super) to_service_id: Option<AnyOf>,
    /// The caller's user ID.
    pub(super) from_user_id: Option<AnyOf>,
    /// The caller's service ID.
    pub(super) from_service_id: Option<AnyOf>,
    /// Any content ID of the call.
    pub(super) content_id: Option<AnyOf>,
    /// The application data of the call.
    pub(super) app_svr_data: Option<AnyOf>,
    /// The call start message.
    pub(super) call_start_message: Option<AnyOf>,
}

/// Whose calls are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Per {
    /// Those to the same callee.
    #[default]
    Callee,
    /// Those of the project.
    Project,
}

/// What follows the last variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Repeat {
    /// The last one again.
    #[default]
    Last,
    /// The first one again.
    Cycle,
}

/// How the API request is answered.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResponseFile {
    /// How long the answer is held back.
    pub(super) after: Option<Delay>,
    /// Refuses the call with this error.
    pub(super) error: Option<ErrorFile>,
}

/// The error with which a call is refused.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ErrorFile {
    /// The HTTP status.
    #[schemars(range(min = 200, max = 599))]
    pub(super) status: u16,
    /// The text for people.
    pub(super) message: Option<String>,
    /// The `code` in the body; the status if left out.
    pub(super) code: Option<Scalar>,
    /// The `data` in the body.
    pub(super) data: Option<Value>,
}

macro_rules! with_delivery_keys {
    ($($(#[$attribute:meta])* struct $name:ident($send:ty) { $($(#[$field_attribute:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$attribute])*
        #[derive(Debug, Clone, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            /// The delay from the step before.
            pub(super) after: Option<Delay>,
            /// Whether it is sent, and where in the order.
            pub(super) send: Option<$send>,
            /// How often it is sent in all.
            #[schemars(range(min = 1, max = 100))]
            pub(super) copies: Option<u32>,
            /// The time between two copies.
            pub(super) copies_every: Option<HumanDuration>,
            /// Parameters given another value.
            pub(super) set: Option<BTreeMap<String, Scalar>>,
            /// Parameters left out.
            pub(super) remove: Option<BTreeSet<String>>,
            $($(#[$field_attribute])* pub(super) $field: $type,)*
        }
    )*};
}

with_delivery_keys! {
    /// The Notify callback.
    struct NotifyFile(NotifySend) {}

    /// The Agent Call Status callback.
    struct StatusFile(StatusSend) {
        /// Whether the call was initiated towards the callee.
        result: Option<ResultFile>,
        /// The `fail_reason` of a failure.
        fail_reason: Option<String>,
    }

    /// The 1-to-1 Call Event callback.
    struct EventFile(EventSend) {}
}

/// Where Notify is sent.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum NotifySend {
    /// In its documented place.
    Normal,
    /// Not at all.
    Never,
    /// Before the API request is answered.
    BeforeResponse,
}

/// Where Agent Call Status is sent.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum StatusSend {
    /// In its documented place.
    Normal,
    /// Not at all.
    Never,
    /// Before the API request is answered.
    BeforeResponse,
    /// Before Notify.
    BeforeNotify,
}

/// Where Call Event is sent.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum EventSend {
    /// In its documented place.
    Normal,
    /// Not at all.
    Never,
    /// Before Agent Call Status, which then follows the end of the call.
    BeforeAgentCallStatus,
}

/// The `result` of Agent Call Status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ResultFile {
    /// The call was initiated towards the callee.
    Success,
    /// It was not.
    Fail,
}

/// What the callee does while it rings.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CalleeFile {
    /// What it does.
    pub(super) action: Option<ActionFile>,
    /// When, counted from the start of ringing.
    pub(super) after: Option<Delay>,
    /// How long it prepares after answering, if the caller supports that.
    pub(super) prepares_for: Option<HumanDuration>,
}

/// What a callee does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ActionFile {
    /// Takes it and listens to the end.
    Answer,
    /// Rejects it.
    Decline,
    /// Lets it ring.
    Ignore,
    /// Is in another call.
    Busy,
    /// Does what the control API says.
    Manual,
}

/// How the call ends earlier or otherwise than by itself.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EndFile {
    /// When, counted from the answer, or from the start of ringing if nobody answers.
    pub(super) after: Option<Delay>,
    /// Why.
    pub(super) reason: Option<DisconnectReason>,
    /// By whom.
    pub(super) by: Option<ByFile>,
    /// The application's own text.
    #[schemars(length(max = 127))]
    pub(super) user_rel_code: Option<String>,
    /// The Q.850 cause.
    pub(super) terminate: Option<u16>,
    /// The release code.
    pub(super) rel_code: Option<u16>,
    /// The release code's name.
    pub(super) rel_code_str: Option<String>,
}

/// Who ends a 1-to-1 call.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ByFile {
    /// The callee.
    Callee,
    /// The agent.
    Caller,
    /// LINE Planet Cloud.
    CloudServer,
    /// The application server.
    AppServer,
}

impl From<ByFile> for Releaser {
    fn from(by: ByFile) -> Self {
        match by {
            ByFile::Callee => Self::Callee,
            ByFile::Caller => Self::Caller,
            ByFile::CloudServer => Self::CloudServer,
            ByFile::AppServer => Self::AppServer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::builtin;
    use crate::yaml::Document;
    use crate::yaml::oracle::{assert_agrees, assert_known};

    #[test]
    fn scenarios_are_checked_as_their_schema_says() {
        let (schema, formats) = (SHAPE.schema(), SHAPE.formats());
        let sources = builtin::sources().into_iter();
        let documents = sources.flat_map(|source| Document::parse_all(&source).unwrap());
        let documents: Vec<_> = documents.map(|document| document.value).collect();
        assert_known(schema, formats);
        assert_agrees(schema, formats, &documents);
    }
}
