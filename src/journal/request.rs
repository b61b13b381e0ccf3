use std::borrow::Cow;
use std::sync::Arc;

use arcstr::ArcStr;
use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::{Moment, Sid};
use crate::wire::{ErrorAnswer, ErrorData, Violation};

/// So much of the body of a refused request is kept, in bytes.
const BODY_SHOWN: usize = 1024;

/// An API request and its answer, without the credentials it carried.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Request")]
pub(crate) struct RequestRecord {
    /// When it was answered.
    pub(super) at: Moment,
    /// The project that its credentials belong to; null if they belong to none.
    #[schemars(example = &"shop")]
    pub(super) project: Option<Arc<str>>,
    #[serde(skip)]
    pub(super) generation: u64,
    /// The method.
    #[schemars(with = "String", example = &"POST")]
    method: ArcStr,
    /// The path as it came, without its query.
    #[schemars(with = "String", example = &"/tas/v2/agt_call/audio_caller/shop-eval/emu-declines")]
    path: ArcStr,
    /// The status of the answer.
    #[schemars(example = 200)]
    pub(super) status: u16,
    /// The call's session ID, if it was accepted.
    sid: Option<Sid>,
    /// Why it was refused, if it was.
    #[schemars(example = &"invalid parameter: playCount")]
    pub(super) message: Option<Cow<'static, str>>,
    /// All rules that it breaks.
    violations: Vec<Violation>,
    /// The scenario chosen for it, if it came to that.
    #[schemars(example = &"callee-declines")]
    scenario: Option<Arc<str>>,
    /// The first KiB of the body, if it was refused.
    body: Option<Box<str>>,
}

impl RequestRecord {
    /// A request that is answered now, with success unless [`refused`](Self::refused). `path` is to come
    /// without the query.
    pub(crate) fn new(method: impl Into<ArcStr>, path: impl Into<ArcStr>, at: Moment) -> Self {
        Self {
            at,
            project: None,
            generation: 0,
            method: method.into(),
            path: path.into(),
            status: 200,
            sid: None,
            message: None,
            violations: Vec::new(),
            scenario: None,
            body: None,
        }
    }

    /// It belongs to this project, in this generation of it.
    #[must_use]
    pub(crate) fn of(mut self, project: Arc<str>, generation: u64) -> Self {
        self.project = Some(project);
        self.generation = generation;
        self
    }

    /// This scenario was chosen for it, whether or not that refuses it.
    #[must_use]
    pub(crate) fn scenario(mut self, scenario: Arc<str>) -> Self {
        self.scenario = Some(scenario);
        self
    }

    /// It became this call.
    #[must_use]
    pub(crate) fn accepted(mut self, sid: Sid) -> Self {
        self.sid = Some(sid);
        self
    }

    /// It was refused with `answer`. `body` is what was read of the request's.
    #[must_use]
    pub(crate) fn refused(mut self, answer: &ErrorAnswer, body: &[u8]) -> Self {
        self.status = answer.status;
        self.message = Some(answer.message.clone());
        if let ErrorData::Violations(violations) = &answer.data {
            self.violations.clone_from(violations);
        }
        let shown = &body[..body.len().min(BODY_SHOWN)];
        self.body = Some(String::from_utf8_lossy(shown).into());
        self
    }
}

/// A request in the journal.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NumberedRequest")]
pub(crate) struct RequestEntry {
    /// Its place in the order of the answers, from 1.
    #[schemars(range(min = 1))]
    pub(crate) n: u64,
    #[serde(flatten)]
    pub(super) request: RequestRecord,
}

impl RequestEntry {
    /// Whether it belongs to a generation of `project` before this one.
    pub(super) fn is_older(&self, project: &str, generation: u64) -> bool {
        let request = &self.request;
        request.project.as_deref() == Some(project) && request.generation < generation
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_refused_request_tells_every_violation_and_the_beginning_of_its_body() {
        let at = Moment::from_epoch(Duration::ZERO);
        let violation = |field: &str, reason: &str| Violation {
            field: field.to_owned(),
            reason: reason.to_owned(),
        };
        let violations = vec![
            violation("playCount", "must be at most 3"),
            violation("storedSource", "is missing"),
        ];
        let answer = ErrorAnswer::violations("invalid parameter", violations);
        let body = "é".repeat(BODY_SHOWN);
        let request = RequestRecord::new("POST", "/tas", at)
            .of("shop".into(), 7)
            .scenario("answered".into())
            .refused(&answer, body.as_bytes());
        assert_eq!(request.body.as_deref().map(str::len), Some(BODY_SHOWN));

        let entry = RequestEntry {
            n: 3,
            request: RequestRecord {
                body: Some("{}".into()),
                ..request
            },
        };
        insta::assert_snapshot!(serde_json::to_string_pretty(&entry).unwrap(), @r#"
        {
          "n": 3,
          "at": "1970-01-01T00:00:00.000Z",
          "project": "shop",
          "method": "POST",
          "path": "/tas",
          "status": 400,
          "sid": null,
          "message": "invalid parameter: playCount, storedSource",
          "violations": [
            {
              "field": "playCount",
              "reason": "must be at most 3"
            },
            {
              "field": "storedSource",
              "reason": "is missing"
            }
          ],
          "scenario": "answered",
          "body": "{}"
        }
        "#);
    }

    #[test]
    fn an_accepted_request_tells_its_call_and_nothing_of_its_body() {
        let sid = Sid::from_random_bytes([1; 16]);
        let at = Moment::from_epoch(Duration::ZERO);
        let request = RequestRecord::new("POST", "/tas", at).accepted(sid);
        assert_eq!((request.status, request.sid), (200, Some(sid)));
        assert!(request.message.is_none() && request.body.is_none());
    }
}
