//! What the OpenAPI document says of the emulated surface (contract 3 to 5).
//!
//! By hand: its rules are those of `validate`, which checks raw JSON rather than a type.

use serde_json::{Value, json};

pub(super) const PATH: &str = "/tas/v2/agt_call/audio_caller/{to-serviceId}/{to-userId}";

/// Make Agent 1-to-1 Call.
pub(super) fn make_agent_call() -> Value {
    let mut responses = json!({
        "200": {
            "description": "The call is accepted; its callbacks follow.",
            "content": { "application/json": { "schema": success(), "example": success_example() } },
            "links": links(),
        },
    });
    for (status, description) in REFUSALS {
        responses[status] = json!({
            "description": description,
            "content": { "application/json": { "schema": error() } },
        });
    }
    responses["default"] = json!({
        "description": "Whatever the scenario says.",
        "content": { "application/json": { "schema": error() } },
    });
    json!({
        "operationId": "make_agent_call",
        "summary": "Makes an agent 1-to-1 call (the emulated API of LINE Planet Cloud).",
        "description": "The header `X-Planet-Emulator-Scenario` names the scenario to play, instead of the one that matches.",
        "tags": ["agt_call"],
        // In open mode any well-formed credentials will do, which no security requirement can say.
        "security": [{ "basic": [] }, {}],
        "parameters": [
            path_parameter("to-serviceId", "The callee's service ID."),
            path_parameter("to-userId", "The callee's user ID; one that is malformed fails in Agent Call Status."),
        ],
        "requestBody": {
            "required": true,
            "content": { "application/json": { "schema": body(), "example": body_example() } },
        },
        "responses": responses,
    })
}

/// What the emulator answers by itself.
const REFUSALS: [(&str, &str); 7] = [
    (
        "400",
        "A header, a path parameter or the body breaks a rule: `data` lists each that does.",
    ),
    ("401", "The credentials are missing, malformed or wrong."),
    ("403", "The key has no permission for a service ID."),
    ("413", "The body is larger than the setting `limits.body`."),
    (
        "429",
        "More operations per second than the project's rate limit.",
    ),
    ("500", "The emulator failed."),
    (
        "503",
        "The emulator is shutting down, or too many calls are live.",
    ),
];

fn path_parameter(name: &str, description: &str) -> Value {
    json!({
        "name": name,
        "in": "path",
        "required": true,
        "description": description,
        "schema": { "type": "string", "minLength": 1 },
        "example": if name == "to-userId" { "alice" } else { "shop-eval" },
    })
}

/// Lengths are in bytes of UTF-8, which a schema cannot say: they stand in the descriptions.
fn body() -> Value {
    json!({
        "type": "object",
        "required": ["requestContext", "mediaSourceType", "storedSource"],
        "properties": {
            "requestContext": {
                "type": "object",
                "description": "Who calls.",
                "required": ["userId", "serviceId"],
                "properties": {
                    "userId": { "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$" },
                    "serviceId": { "type": "string", "pattern": "^[A-Za-z0-9.-]{1,64}$" },
                },
            },
            "mediaSourceType": { "type": "string", "const": "STORED_SOURCE" },
            "storedSource": {
                "type": "object",
                "description": "What is played.",
                "required": ["storedAudioSources"],
                "properties": {
                    "storedAudioSources": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": 5,
                        "items": {
                            "type": "object",
                            "required": ["contentId"],
                            "properties": {
                                "contentId": { "type": "string", "pattern": "^[0-9A-Fa-f]{12}$" },
                            },
                        },
                    },
                    "playCount": { "type": ["integer", "null"], "minimum": 1, "maximum": 3, "default": 2 },
                    "playWaitTime": {
                        "type": ["integer", "null"],
                        "description": "Milliseconds before the first audio source.",
                        "minimum": 1000,
                        "maximum": 4000,
                        "default": 1000,
                    },
                },
            },
            "appSvrData": {
                "type": ["string", "null"],
                "description": "Given back in callbacks; at most 4095 bytes.",
            },
            "callStartMessage": {
                "type": ["string", "null"],
                "description": "For the callee's app; at most 199 bytes.",
            },
            "recordOnCloud": { "type": ["boolean", "null"] },
            "useResponderPreparation": { "type": ["boolean", "null"] },
        },
    })
}

fn body_example() -> Value {
    json!({
        "requestContext": { "serviceId": "shop-eval", "userId": "AGENT" },
        "mediaSourceType": "STORED_SOURCE",
        "storedSource": { "storedAudioSources": [{ "contentId": "5498f04048fa" }], "playCount": 1 },
        "appSvrData": "order 42",
    })
}

fn success() -> Value {
    json!({
        "type": "object",
        "required": ["status", "data", "timestamp"],
        "properties": {
            "status": { "const": "success" },
            "data": {
                "type": "object",
                "required": ["sid"],
                "properties": { "sid": { "type": "string", "format": "uuid" } },
            },
            "timestamp": { "type": "integer", "description": "Milliseconds since the epoch." },
        },
    })
}

/// What can be done in the control API with the call that was made.
fn links() -> Value {
    let sid = "$response.body#/data/sid";
    json!({
        "record": { "operationId": "get_calls_sid", "parameters": { "sid": sid } },
        "wait": { "operationId": "get_calls_sid_wait", "parameters": { "sid": sid } },
        "callee": { "operationId": "post_calls_sid_callee", "parameters": { "sid": sid } },
        "replay": {
            "operationId": "post_calls_sid_deliveries_n_replay",
            "parameters": { "sid": sid, "n": 1 },
        },
    })
}

fn success_example() -> Value {
    json!({
        "status": "success",
        "data": { "sid": "ccd34b6c-beec-405c-a017-8b4a27c295ec" },
        "timestamp": 1_795_434_878_033_i64,
    })
}

fn error() -> Value {
    json!({
        "type": "object",
        "required": ["status", "code", "message", "data", "timestamp"],
        "properties": {
            "status": { "const": "error" },
            "code": { "type": ["string", "integer"] },
            "message": { "type": "string" },
            "data": { "description": "Field to reason for violations, else null or what the scenario says." },
            "timestamp": { "type": "integer", "description": "Milliseconds since the epoch." },
        },
    })
}
