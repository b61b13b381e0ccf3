use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One of the three callbacks of an agent call (contract 6.1 to 6.3).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Callback {
    /// `notify_cb`: the app server must tell the callee's app that a call is coming.
    Notify,
    /// `agent_call_status_cb`: whether the call was initiated towards the callee.
    AgentCallStatus,
    /// `on_call_evt_cb`: the call is over.
    CallEvent,
}

impl Callback {
    /// All of them, in the order in which a call sends them.
    pub(crate) const ALL: [Self; 3] = [Self::Notify, Self::AgentCallStatus, Self::CallEvent];

    /// The name in settings, scenarios, records and logs.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Notify => "notify",
            Self::AgentCallStatus => "agent_call_status",
            Self::CallEvent => "call_event",
        }
    }

    /// The callback of this name, if there is one.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|callback| callback.name() == name)
    }
}

impl fmt::Display for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
