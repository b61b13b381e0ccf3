use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! disconnect_reasons {
    ($($variant:ident $name:literal $value:literal $releaser:ident $rel_code:literal,)*) => {
        /// Why a call ended: every name and value of contract 8.1.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub(crate) enum DisconnectReason {
            $(#[doc = concat!("`", $name, "`, ", $value, ".")]
            #[serde(rename = $name)]
            $variant,)*
        }

        impl DisconnectReason {
            /// All of them, by value.
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The documented name.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The number on the wire.
            pub(crate) const fn value(self) -> u16 {
                match self { $(Self::$variant => $value,)* }
            }

            /// Who ends a call for this reason, if nothing else is said: the likeliest of the
            /// sources in contract 8.1, seen from an agent call.
            pub(crate) const fn usual_releaser(self) -> Releaser {
                match self { $(Self::$variant => Releaser::$releaser,)* }
            }

            /// The release code that goes with the reason (contract 8.4). Where several map to the
            /// reason, the one of contract 7.3; where none does, the closest by meaning.
            pub(crate) const fn usual_rel_code(self) -> u16 {
                match self { $(Self::$variant => $rel_code,)* }
            }
        }
    };
}

disconnect_reasons! {
    Normal "NORMAL" 1001 Callee 1,
    Decline "DECLINE" 1002 Callee 3,
    CellCall "CELL_CALL" 1003 Callee 505,
    InternalError "INTERNAL_ERROR" 1109 Callee 513,
    UserError "USER_ERROR" 1110 Callee 514,
    InternalKitError "INTERNAL_KIT_ERROR" 1111 Callee 521,
    AudioTxNoSrc "AUDIO_TX_NO_SRC" 1112 Callee 502,
    Cancel "CANCEL" 1201 Caller 2,
    Busy "BUSY" 1202 Callee 4,
    NoAnswer "NOANSWER" 1203 Caller 5,
    AlreadyGotACall "ALREADY_GOT_A_CALL" 1204 CloudServer 215,
    MultidevInUse "MULTIDEV_IN_USE" 1205 CloudServer 6,
    MultidevAnswer "MULTIDEV_ANSWER" 1206 CloudServer 7,
    MultidevDecline "MULTIDEV_DECLINE" 1207 CloudServer 8,
    MaxCallTimeExceeded "MAX_CALL_TIME_EXCEEDED" 1208 CloudServer 122,
    NetworkUnstable "NETWORK_UNSTABLE" 1301 Callee 218,
    PushError "PUSH_ERROR" 1302 CloudServer 205,
    AuthError "AUTH_ERROR" 1303 CloudServer 202,
    ReleasedCall "RELEASED_CALL" 1304 CloudServer 210,
    ServerInternalError "SERVER_INTERNAL_ERROR" 1305 CloudServer 200,
    UnavailableNetwork "UNAVAILABLE_NETWORK" 1308 Callee 512,
    AppDestroy "APP_DESTROY" 1309 Callee 506,
    SystemSleep "SYSTEM_SLEEP" 1310 Callee 522,
    SystemLogoff "SYSTEM_LOGOFF" 1311 Callee 523,
    MtuExceeded "MTU_EXCEEDED" 1312 Callee 524,
    AppServerDataError "APP_SERVER_DATA_ERROR" 1313 CloudServer 200,
    DesktopScreenLocked "DESKTOP_SCREEN_LOCKED" 1314 Callee 513,
    RoomIsFull "ROOM_IS_FULL" 1401 CloudServer 401,
    AloneKickOut "ALONE_KICK_OUT" 1402 CloudServer 405,
    RoomNotFound "ROOM_NOT_FOUND" 1404 CloudServer 402,
    AnotherInstanceTryToJoin "ANOTHER_INSTANCE_TRY_TO_JOIN" 1405 Participant 520,
    ServiceAccessTokenError "SERVICE_ACCESS_TOKEN_ERROR" 1501 CloudServer 202,
    ServiceInvalidId "SERVICE_INVALID_ID" 1502 CloudServer 200,
    ServiceMaintenance "SERVICE_MAINTENANCE" 1503 CloudServer 200,
    ServiceBusy "SERVICE_BUSY" 1504 CloudServer 200,
    ServiceInternalError "SERVICE_INTERNAL_ERROR" 1505 CloudServer 200,
    ServiceHttpError "SERVICE_HTTP_ERROR" 1506 Caller 511,
    ServiceHttpConnectionTimeOut "SERVICE_HTTP_CONNECTION_TIME_OUT" 1507 Caller 511,
    ServiceHttpInvalidPeerCert "SERVICE_HTTP_INVALID_PEER_CERT" 1508 Caller 511,
    ServiceHttpConnectFail "SERVICE_HTTP_CONNECT_FAIL" 1509 Caller 511,
    ServiceHttpInvalidUrl "SERVICE_HTTP_INVALID_URL" 1510 Caller 511,
    ServiceIncompatiblePlanetkitVer "SERVICE_INCOMPATIBLE_PLANETKIT_VER" 1511 CloudServer 200,
    ServiceTooManyRequests "SERVICE_TOO_MANY_REQUESTS" 1512 CloudServer 232,
    WebRtcAbort "WEB_RTC_ABORT" 1601 Callee 600,
    WebRtcNotAllowed "WEB_RTC_NOT_ALLOWED" 1602 Callee 601,
    WebRtcNotFound "WEB_RTC_NOT_FOUND" 1603 Callee 602,
    WebRtcNotReadable "WEB_RTC_NOT_READABLE" 1604 Callee 603,
    WebRtcOverconstrained "WEB_RTC_OVERCONSTRAINED" 1605 Callee 604,
    WebRtcSecurityError "WEB_RTC_SECURITY_ERROR" 1606 Callee 605,
    WebRtcTypeError "WEB_RTC_TYPE_ERROR" 1607 Callee 606,
    WebNoMediaPacket "WEB_NO_MEDIA_PACKET" 1608 Callee 500,
    WebCallConnectFailByServer "WEB_CALL_CONNECT_FAIL_BY_SERVER" 1609 Callee 607,
    WebCallConnectFailByClient "WEB_CALL_CONNECT_FAIL_BY_CLIENT" 1610 Callee 608,
    WebSignalingUnexpectedDisconnected "WEB_SIGNALING_UNEXPECTED_DISCONNECTED" 1611 Callee 609,
    WebBrowserNotSupported "WEB_BROWSER_NOT_SUPPORTED" 1612 Callee 1000,
}

impl DisconnectReason {
    /// The Q.850 cause that goes with the reason (contract 8.3): 16 whenever media flowed.
    pub(crate) const fn terminate(self, connected: bool) -> Terminate {
        if connected {
            return Terminate::NORMAL_RELEASED;
        }
        match self {
            Self::Busy => Terminate::BUSY,
            Self::NoAnswer => Terminate::NO_ANSWER,
            Self::Decline | Self::MultidevDecline => Terminate::REJECTED,
            Self::Cancel => Terminate::CANCELED,
            _ => Terminate::OTHER,
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who ended the call (contract 8.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Releaser {
    /// The callee.
    Callee,
    /// The caller: here, the agent.
    Caller,
    /// A participant of a group call.
    Participant,
    /// LINE Planet Cloud.
    CloudServer,
    /// The application server.
    AppServer,
}

impl Releaser {
    /// The number on the wire.
    pub(crate) const fn value(self) -> u8 {
        match self {
            Self::Callee => 1,
            Self::Caller => 2,
            Self::Participant => 3,
            Self::CloudServer => 4,
            Self::AppServer => 5,
        }
    }

    /// The word that the web SDK uses.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Callee => "callee",
            Self::Caller => "caller",
            Self::Participant => "participant",
            Self::CloudServer => "cloud_server",
            Self::AppServer => "app_server",
        }
    }
}

/// A Q.850 cause in Planet's simplified form (contract 8.3).
///
/// Any number can stand here, since a scenario may send what Planet would not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Terminate(pub u16);

impl Terminate {
    /// The call was connected.
    pub(crate) const NORMAL_RELEASED: Self = Self(16);
    /// The callee is in another call.
    pub(crate) const BUSY: Self = Self(17);
    /// Nobody answered in time.
    pub(crate) const NO_ANSWER: Self = Self(18);
    /// The callee declined.
    pub(crate) const REJECTED: Self = Self(21);
    /// The caller gave up.
    pub(crate) const CANCELED: Self = Self(77);
    /// Anything else.
    pub(crate) const OTHER: Self = Self(127);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::release_code_name;

    #[test]
    fn every_reason_has_a_value_of_its_own_and_a_known_release_code() {
        let mut last = 0;
        for reason in DisconnectReason::ALL {
            assert!(reason.value() > last, "{reason}");
            last = reason.value();
            assert!(
                release_code_name(reason.usual_rel_code()).is_some(),
                "{reason}"
            );
            let json = serde_json::to_value(reason).unwrap();
            assert_eq!(json, reason.name());
        }
    }

    #[test]
    fn the_q850_cause_follows_from_the_reason_unless_media_flowed() {
        use DisconnectReason as R;
        for (reason, cause) in [
            (R::Busy, 17),
            (R::NoAnswer, 18),
            (R::Decline, 21),
            (R::MultidevDecline, 21),
            (R::Cancel, 77),
            (R::PushError, 127),
            (R::CellCall, 127),
            (R::Normal, 127),
        ] {
            assert_eq!(reason.terminate(false), Terminate(cause), "{reason}");
            assert_eq!(reason.terminate(true), Terminate(16), "{reason}");
        }
    }
}
