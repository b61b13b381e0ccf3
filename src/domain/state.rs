use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a call stands in its life (design 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CallState {
    /// The API request was answered with a `sid`.
    Accepted,
    /// The app server was told, and took it.
    Notified,
    /// The caller waits for an answer (WAITANSWER).
    Ringing,
    /// Connected, but the callee has not finished preparing: no media flows.
    Preparing,
    /// Connected, media flows.
    Talking,
    /// The call is over.
    Ended,
    /// The call was not initiated towards the callee.
    Failed,
}

impl CallState {
    /// All of them, in the order of a call that is answered.
    pub(crate) const ALL: [Self; 7] = [
        Self::Accepted,
        Self::Notified,
        Self::Ringing,
        Self::Preparing,
        Self::Talking,
        Self::Ended,
        Self::Failed,
    ];

    /// The name in records and logs.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Notified => "notified",
            Self::Ringing => "ringing",
            Self::Preparing => "preparing",
            Self::Talking => "talking",
            Self::Ended => "ended",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for CallState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
