use super::{ContentIds, ServiceId, Text, UserId};

/// An agent call that passed validation (contract 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MakeCall {
    /// Who calls (`requestContext`).
    pub from: Caller,
    /// Who is called (the path).
    pub to: Callee,
    /// What is played, in this order; 1 to 5 entries.
    pub content_ids: ContentIds,
    /// How many times the whole sequence is played; 1 to 3.
    pub play_count: u8,
    /// The pause between connection and playback, in milliseconds.
    pub play_wait_millis: u16,
    /// Returned in callbacks; never reaches the callee.
    pub app_svr_data: Option<Text>,
    /// For the callee's SDK; never in a callback.
    pub call_start_message: Option<Text>,
    /// Told to the callee inside `param`.
    pub record_on_cloud: bool,
    /// Whether the callee may answer "in preparation".
    pub use_responder_preparation: bool,
    /// Why the call, although accepted, will not be initiated towards the callee.
    pub initiation_failure: Option<InitiationFailure>,
}

#[cfg(test)]
impl MakeCall {
    /// A call from `shop/AGENT` to `shop/<to_user_id>` that says no more than it must.
    pub(crate) fn sample(to_user_id: &str) -> Self {
        Self {
            from: Caller {
                service_id: ServiceId::parse("shop").unwrap(),
                user_id: UserId::parse("AGENT").unwrap(),
            },
            to: Callee {
                service_id: "shop".into(),
                user_id: to_user_id.into(),
            },
            content_ids: ContentIds::default(),
            play_count: 1,
            play_wait_millis: 0,
            app_svr_data: None,
            call_start_message: None,
            record_on_cloud: false,
            use_responder_preparation: false,
            initiation_failure: None,
        }
    }
}

/// The caller of an agent call; need not be a registered user (contract 3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// `requestContext.serviceId`.
    pub service_id: ServiceId,
    /// `requestContext.userId`.
    pub user_id: UserId,
}

/// The callee as the path names them.
///
/// Plain text, since Planet accepts a malformed callee ID and reports it afterwards (contract 10-13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Callee {
    /// `to-serviceId`.
    pub service_id: Text,
    /// `to-userId`.
    pub user_id: Text,
}

impl Callee {
    /// What identifies the callee within a project.
    pub(crate) fn key(&self) -> PeerKey {
        PeerKey {
            service_id: self.service_id.clone(),
            user_id: self.user_id.clone(),
        }
    }
}

impl Caller {
    /// Who it is, to look it up by.
    pub(crate) fn key(&self) -> PeerKey {
        PeerKey {
            service_id: self.service_id.shared(),
            user_id: self.user_id.shared(),
        }
    }
}

/// Service ID and user ID: the pair identifies a user (contract 9).
///
/// Shares the memory of the request that it comes from; [`own`](Self::own) is for keeping it longer than
/// the call.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct PeerKey {
    service_id: Text,
    user_id: Text,
}

impl PeerKey {
    /// The same in texts of its own.
    pub(crate) fn own(&self) -> Self {
        Self {
            service_id: self.service_id.as_str().into(),
            user_id: self.user_id.as_str().into(),
        }
    }
}

/// A defect that Planet reports through Agent Call Status and not through the API's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InitiationFailure {
    /// The callee's ID breaks the rules of contract 9; see contract 10-13.
    InvalidPeerId,
    /// A content ID was never uploaded; only with `fidelity.unknown_content_id: fail_reason` (contract 10-12).
    UnknownContentId,
}

impl InitiationFailure {
    /// The `fail_reason` on the wire. `Invalid peerId` is documented (contract 6.2), the other is
    /// made after its pattern.
    pub(crate) const fn fail_reason(self) -> &'static str {
        match self {
            Self::InvalidPeerId => "Invalid peerId",
            Self::UnknownContentId => "Invalid contentId",
        }
    }
}

#[cfg(test)]
mod tests {
    use arcstr::ArcStr;

    use super::*;

    #[test]
    fn a_key_that_outlives_its_call_keeps_no_request() {
        let path = ArcStr::from("/tas/shop/alice");
        let callee = Callee {
            service_id: path.substr(5..9),
            user_id: path.substr(10..),
        };
        let own = callee.key().own();
        assert_eq!(own, callee.key());
        drop(callee);
        assert_eq!(ArcStr::strong_count(&path), Some(1));
    }
}
