use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::domain::{MakeCall, Sid};

/// What Notify's `param` decodes to (contract 6.1.1).
///
/// Planet documents it as opaque; the members are those that public samples show, and `emulator`
/// marks that no real device can join this call.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CcParam<'a> {
    call_flow_type: &'static str,
    comm_param: &'static str,
    call_type: &'static str,
    sid: Sid,
    from_user_id: &'a str,
    from_service_id: &'a str,
    record_on_cloud: bool,
    emulator: bool,
}

/// JSON inside JSON, as in the documented example; `mpkey` is the base64 of `planet-emulator`.
const COMM_PARAM: &str = r#"{"mpkey":"cGxhbmV0LWVtdWxhdG9y","ctm":3000,"ict":6000}"#;

/// The value of `param`, to be handed to the callee's app as `cc_param`.
pub(super) fn cc_param(sid: Sid, call: &MakeCall) -> String {
    let param = CcParam {
        call_flow_type: "M",
        comm_param: COMM_PARAM,
        call_type: "A",
        sid,
        from_user_id: call.from.user_id.as_str(),
        from_service_id: call.from.service_id.as_str(),
        record_on_cloud: call.record_on_cloud,
        emulator: true,
    };
    STANDARD.encode(serde_json::to_vec(&param).unwrap_or_default())
}
