use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error, StrDeserializer};

use super::{CallEntry, CallRecord};
use crate::clock::timeout;
use crate::domain::{CallState, Callback};

/// What can be waited for in a call.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(extend("x-expected" = "a state, a callback or `settled`"))]
pub(crate) enum Awaited {
    /// The call has been in this state.
    State(CallState),
    /// The first delivery of this callback is over, however it went.
    Through(Callback),
    /// Nothing more will be sent.
    End(Settled),
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Settled {
    Settled,
}

impl Awaited {
    pub(crate) const SETTLED: Self = Self::End(Settled::Settled);

    /// What is waited for by this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let name: StrDeserializer<'_, Error> = name.into_deserializer();
        Self::deserialize(name).ok()
    }

    /// All names.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        let states = CallState::ALL.map(CallState::name);
        let callbacks = Callback::ALL.map(Callback::name);
        states.into_iter().chain(callbacks).chain(["settled"])
    }

    fn has_happened(self, record: &CallRecord<'_>) -> bool {
        match self {
            Self::State(state) => record.has_been(state),
            Self::Through(callback) => record.is_through_with(callback),
            Self::End(Settled::Settled) => record.settled,
        }
    }
}

impl CallEntry {
    /// Waits until it has happened, or can no longer happen, for this long in the machine's time. Gives
    /// back whether it has.
    pub(crate) async fn wait_for(&self, awaited: Awaited, limit: Duration) -> bool {
        let over = self.wait_until(|record| record.settled || awaited.has_happened(record));
        // Whether it was in time shows in the record, not in how the wait ended.
        let _ = timeout(limit, over).await;
        self.read(|record| awaited.has_happened(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_stands_for_something_to_wait_for() {
        for name in Awaited::names() {
            assert!(Awaited::from_name(name).is_some(), "{name}");
        }
        assert!(Awaited::from_name("setled").is_none());
    }
}
