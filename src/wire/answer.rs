use std::borrow::Cow;

use schemars::JsonSchema;
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::{ErrorCodeType, Moment, Sid};

/// The body of a successful Make Agent 1-to-1 Call (contract 4), in the documented key order.
#[derive(Debug, Serialize)]
pub(crate) struct SuccessAnswer {
    status: &'static str,
    data: SuccessData,
    timestamp: i64,
}

#[derive(Debug, Serialize)]
struct SuccessData {
    sid: Sid,
}

impl SuccessAnswer {
    pub(crate) fn new(sid: Sid, now: Moment) -> Self {
        Self {
            status: "success",
            data: SuccessData { sid },
            timestamp: now.epoch_millis(),
        }
    }
}

/// One rule that a request breaks: where, and how it reads after the name of that place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Violation {
    /// A field path such as `storedSource.storedAudioSources[1].contentId`, or a header's name.
    pub(crate) field: String,
    /// What is wrong with it.
    pub(crate) reason: String,
}

/// An error as Planet tells it (contract 5.2), without the time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ErrorAnswer {
    pub(crate) status: u16,
    /// The `code` if it is not the status.
    pub(crate) code: Option<String>,
    pub(crate) message: Cow<'static, str>,
    pub(crate) data: ErrorData,
}

/// The `data` of an error body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ErrorData {
    Null,
    /// Field path to reason.
    Violations(Vec<Violation>),
    /// What a scenario says.
    Other(Value),
}

impl ErrorAnswer {
    pub(crate) fn new(status: u16, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            code: None,
            message: message.into(),
            data: ErrorData::Null,
        }
    }

    /// A 400 for these violations; `what` they are violations of opens the message.
    pub(crate) fn violations(what: &str, violations: Vec<Violation>) -> Self {
        let fields: Vec<_> = violations.iter().map(|v| v.field.as_str()).collect();
        Self {
            message: format!("{what}: {}", fields.join(", ")).into(),
            data: ErrorData::Violations(violations),
            ..Self::new(400, "")
        }
    }

    pub(crate) fn with_data(mut self, data: Value) -> Self {
        self.data = match data {
            Value::Null => ErrorData::Null,
            data => ErrorData::Other(data),
        };
        self
    }

    /// The JSON text of the body.
    pub(crate) fn body(&self, code_type: ErrorCodeType, now: Moment) -> String {
        let code = match (&self.code, code_type) {
            (None, ErrorCodeType::Integer) => Value::from(self.status),
            (Some(code), ErrorCodeType::Integer) => code
                .parse::<i64>()
                .map_or_else(|_| Value::from(code.as_str()), Value::from),
            (None, ErrorCodeType::String) => Value::from(self.status.to_string()),
            (Some(code), ErrorCodeType::String) => Value::from(code.as_str()),
        };
        let body = ErrorBody {
            status: "error",
            code,
            message: &self.message,
            data: &self.data,
            timestamp: now.epoch_millis(),
        };
        serde_json::to_string(&body).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    status: &'static str,
    code: Value,
    message: &'a str,
    data: &'a ErrorData,
    timestamp: i64,
}

impl Serialize for ErrorData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Other(value) => value.serialize(serializer),
            Self::Violations(violations) => {
                let mut map = serializer.serialize_map(Some(violations.len()))?;
                for violation in violations {
                    map.serialize_entry(&violation.field, &violation.reason)?;
                }
                map.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    const NOW: Duration = Duration::from_millis(1_760_000_000_123);

    #[test]
    fn success_is_written_as_in_the_documented_example() {
        let answer = SuccessAnswer::new(Sid::from_random_bytes([7; 16]), Moment::from_epoch(NOW));
        assert_eq!(
            serde_json::to_string(&answer).unwrap(),
            r#"{"status":"success","data":{"sid":"07070707-0707-4707-8707-070707070707"},"timestamp":1760000000123}"#
        );
    }

    #[test]
    fn an_error_has_its_status_as_code_text_unless_told_otherwise() {
        let now = Moment::from_epoch(NOW);
        let error = ErrorAnswer::new(401, "ApiKey not found");
        assert_eq!(
            error.body(ErrorCodeType::String, now),
            r#"{"status":"error","code":"401","message":"ApiKey not found","data":null,"timestamp":1760000000123}"#
        );
        assert_eq!(
            error.body(ErrorCodeType::Integer, now),
            r#"{"status":"error","code":401,"message":"ApiKey not found","data":null,"timestamp":1760000000123}"#
        );
        let own = ErrorAnswer {
            code: Some("461".to_owned()),
            ..ErrorAnswer::new(200, "invalid ID")
        };
        assert_eq!(
            own.with_data(json!({"a": 1}))
                .body(ErrorCodeType::String, now),
            r#"{"status":"error","code":"461","message":"invalid ID","data":{"a":1},"timestamp":1760000000123}"#
        );
    }

    #[test]
    fn violations_stand_in_data_in_the_order_found() {
        let violation = |field: &str, reason: &str| Violation {
            field: field.to_owned(),
            reason: reason.to_owned(),
        };
        let error = ErrorAnswer::violations(
            "invalid parameter",
            vec![violation("z", "is required"), violation("a", "is required")],
        );
        assert_eq!(
            error.body(ErrorCodeType::String, Moment::from_epoch(NOW)),
            r#"{"status":"error","code":"400","message":"invalid parameter: z, a","data":{"z":"is required","a":"is required"},"timestamp":1760000000123}"#
        );
    }
}
