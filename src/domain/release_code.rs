/// The platform's release codes (contract 8.4), by number. 515 to 519 are left out: the contract
/// knows only the beginning of their names.
const RELEASE_CODES: &[(u16, &str)] = &[
    (0, "UNDEFINED"),
    (1, "NORMAL"),
    (2, "CANCEL"),
    (3, "REJECT"),
    (4, "USER_BUSY"),
    (5, "NO_ANSWER"),
    (6, "MULTI_DEV_OTHER_DEV_IN_USE"),
    (7, "MULTI_DEV_OTHER_DEV_ANSWER"),
    (8, "MULTI_DEV_OTHER_DEV_REJECT"),
    (100, "MANDATORY_INFO_MISSING"),
    (101, "INVALID_STATE"),
    (102, "MEM_FAIL"),
    (103, "PROTOCOL_ERR"),
    (104, "INVALID_I_ZONE"),
    (105, "INVALID_R_ZONE"),
    (106, "RETRY_AFTER"),
    (107, "OBJ_CREATE_FAIL"),
    (108, "SESS_NOT_FOUND"),
    (109, "SCHAN_NOT_FOUND"),
    (110, "MCHAN_NOT_FOUND"),
    (111, "COMM_NOT_FOUND"),
    (112, "INVALID_MSG"),
    (113, "TRPT_ERR"),
    (114, "TRPT_DISCONNECTED"),
    (115, "REQ_TIMEOUT"),
    (116, "STALE_EVENT"),
    (117, "INVALID_FEATURE_SET"),
    (118, "INVALID_FEATURE_QUERY"),
    (119, "FEATURE_NOT_FOUND"),
    (120, "INVALID_SVC_ID"),
    (121, "INVALID_TGT_SVC_ID"),
    (122, "MAX_CALL_TIME_EXCEED"),
    (200, "INTERNAL_ERROR"),
    (201, "RELAY_ERROR"),
    (202, "AUTH_ERROR"),
    (203, "PUSH_REQ_FAIL"),
    (204, "TOKEN_REQ_FAIL"),
    (205, "PUSH_ERROR"),
    (206, "TOKEN_ERROR"),
    (207, "USER_NOT_FOUND_PUSH"),
    (208, "USER_NOT_FOUND_TOKEN"),
    (209, "DB_ERROR"),
    (210, "DB_COMM_NOT_FOUND"),
    (211, "DB_CHAN_NOT_FOUND"),
    (212, "REMAIN_COMM_CLEAN"),
    (213, "HUNTING_ERROR"),
    (214, "ANSWER_TIMEOUT_BY_SVR"),
    (215, "ALREADY_GOT_A_CALL"),
    (216, "NO_RESOURCE"),
    (217, "IF_TIMEOUT"),
    (218, "SESS_KEEPALIVE_TIMEOUT"),
    (219, "SESS_ACTIVE_TIMEOUT"),
    (220, "MEDIA_FACILITY_ERROR"),
    (221, "MEDIA_BRIDGING_ERROR"),
    (222, "SWITCH_OVER_ERROR"),
    (223, "HAND_OVER_ERROR"),
    (224, "SESS_NOT_SELECTED"),
    (225, "B_SESS_ACTIVE_TIMEOUT"),
    (226, "INVALID_TOKEN_RSP"),
    (227, "B_SESS_KEEPALIVE_TIMEOUT"),
    (228, "DB_STATUS_NOT_FOUND"),
    (229, "MAX_CFG_LEN_EXCEEDED"),
    (230, "UE_UNREACHABLE"),
    (231, "INVALID_PUSH_RSP"),
    (232, "MAX_CPS_EXCEEDED"),
    (233, "RELEASE_BY_SO"),
    (234, "RELEASE_BY_GDOWN"),
    (235, "MAX_MULTI_DEV_EXCEEDED"),
    (236, "SERVER_NO_RESPOND"),
    (300, "RELEASE_BY_GC"),
    (400, "ROOM_AUTH_ERROR"),
    (401, "ROOM_IS_FULL"),
    (402, "ROOM_NOT_FOUND"),
    (403, "USER_ATTR_ERROR"),
    (405, "ALONE_KICK_OUT"),
    (406, "MAX_GCALL_TIME_EXCEEDED"),
    (410, "NOT_JOINED"),
    (411, "NOT_USER_INFO"),
    (412, "CASTER_NOT_EXIST"),
    (413, "ROOM_ATTRS_ERROR"),
    (415, "ROOM_DESTROY"),
    (416, "ROOM_DESTROY_BY_USER"),
    (417, "ROOM_FORCE_CLOSE"),
    (418, "ROOM_FORCE_CLOSE_BY_USER"),
    (450, "ROOM_CHAN_CREATE_FAIL"),
    (451, "ROOM_CHAN_ATTRS_ERROR"),
    (452, "ROOM_CHAN_NOT_FOUND"),
    (500, "NO_MEDIA_PACKETS"),
    (501, "NETWORK_UNREACHABLE"),
    (502, "NO_MEDIA_SRC"),
    (503, "NO_MEDIA_SENT"),
    (504, "SESSION_FAIL"),
    (505, "CELLULAR_CALL"),
    (506, "UE_DESTROY"),
    (507, "UE_SYSTEM"),
    (508, "HUY_NEGO_FAIL"),
    (509, "SVR_CONFIG_LOAD_FAIL"),
    (510, "AUDIO_DEV_FAIL"),
    (511, "CONN_REQ_FAIL"),
    (512, "NETWORK_UNAVAILABLE"),
    (513, "USR_INTERNAL_ERR"),
    (514, "APP_DEFINED_ERR"),
    (520, "ANOTHER_INSTANCE_TRY_TO_CONNECT"),
    (521, "KIT_DEFINED_ERR"),
    (522, "UE_SLEEP"),
    (523, "UE_LOGOFF"),
    (524, "MTU_EXCEEDED"),
    (600, "ABORT"),
    (601, "NOT_ALLOWED"),
    (602, "NOT_FOUND"),
    (603, "NOT_READABLE"),
    (604, "OVERCONSTRAINED"),
    (605, "SECURITY_ERROR"),
    (606, "TYPE_ERROR"),
    (607, "CALL_CONNECT_FAIL_BY_SERVER"),
    (608, "CALL_CONNECT_FAIL_BY_CLIENT"),
    (609, "WEB_SIGNALING_UNEXPECTED_DISCONNECTED"),
    (1000, "UNKNOWN_ERROR"),
];

/// The name of a release code.
pub(crate) fn release_code_name(code: u16) -> Option<&'static str> {
    RELEASE_CODES
        .binary_search_by_key(&code, |(number, _)| *number)
        .ok()
        .map(|index| RELEASE_CODES[index].1)
}

/// The number of a release code.
pub(crate) fn release_code_number(name: &str) -> Option<u16> {
    RELEASE_CODES
        .iter()
        .find(|(_, known)| *known == name)
        .map(|(number, _)| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_codes_are_found_by_number_and_by_name() {
        assert!(RELEASE_CODES.is_sorted_by(|a, b| a.0 < b.0));
        for &(number, name) in RELEASE_CODES {
            assert_eq!(release_code_name(number), Some(name));
            assert_eq!(release_code_number(name), Some(number));
        }
        assert_eq!(release_code_name(9), None);
        assert_eq!(release_code_number("NOPE"), None);
    }
}
