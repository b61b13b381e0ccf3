//! What a schema cannot say about scenarios.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::catalog::Catalog;
use crate::yaml::{Document, Fault, Severity};

/// The longest `user_rel_code`, in bytes (contract 9).
const MAX_USER_REL_CODE_BYTES: usize = 127;

/// Faults beyond the schema.
pub(super) fn errors(document: &Document) -> Vec<Fault> {
    let mut faults = Vec::new();
    for variant in variants(document) {
        let pointer = format!("{}/end/user_rel_code", variant.pointer);
        let text = document.value.pointer(&pointer).and_then(Value::as_str);
        if let Some(bytes) = text.map(str::len).filter(|&b| b > MAX_USER_REL_CODE_BYTES) {
            faults.push(document.fault_at(
                &pointer,
                format!("expected at most {MAX_USER_REL_CODE_BYTES} bytes of UTF-8, found {bytes}"),
            ));
        }
    }
    if let Some(choices) = document.value.get("one_of").and_then(Value::as_array)
        && choices
            .iter()
            .all(|c| c.get("weight").and_then(Value::as_u64) == Some(0))
    {
        faults.push(document.fault_at_key("/one_of", "expected a weight above 0, found none"));
    }
    faults
}

/// Keys that say something that can never come to pass.
pub(super) fn contradictions(document: &Document) -> Vec<Fault> {
    let mut warnings = Vec::new();
    for variant in variants(document) {
        variant.warn(document, &mut warnings);
    }
    let value = &document.value;
    for key in ["per", "repeat"] {
        if value.get(key).is_some() && value.get("in_turn").is_none() {
            let message = format!("`{key}` has no effect without `in_turn`");
            warnings.push(warning(document, &format!("/{key}"), message));
        }
    }
    warnings
}

/// The user's scenarios that no call can get by match, since another one always comes first.
pub(super) fn shadowed(catalog: &Catalog, documents: &HashMap<Arc<str>, Document>) -> Vec<Fault> {
    let mut warnings = Vec::new();
    for (rank, scenario) in catalog.by_rank().iter().enumerate() {
        let (Some(document), Some(conditions)) =
            (documents.get(&scenario.name), &scenario.conditions)
        else {
            continue;
        };
        let earlier = catalog.by_rank()[..rank].iter().find(|earlier| {
            let wider = earlier.conditions.as_ref();
            wider.is_some_and(|wider| wider.cover(conditions))
        });
        if let Some(earlier) = earlier {
            let message = format!(
                "`{}` can never be chosen by match: `{}` ({}) takes each of its calls first",
                scenario.name, earlier.name, earlier.source
            );
            let hint = "narrow the other one's conditions, or give this one a higher `priority`";
            warnings.push(warning(document, "/match", message).with_hint(hint));
        }
    }
    warnings
}

/// The scenario itself or one of its variants, by JSON pointer.
struct Variant<'a> {
    pointer: String,
    value: &'a Value,
}

fn variants(document: &Document) -> Vec<Variant<'_>> {
    let mut variants = vec![Variant {
        pointer: String::new(),
        value: &document.value,
    }];
    for key in ["in_turn", "one_of"] {
        let list = document.value.get(key).and_then(Value::as_array);
        for (index, value) in list.into_iter().flatten().enumerate() {
            let pointer = format!("/{key}/{index}");
            variants.push(Variant { pointer, value });
        }
    }
    variants
}

impl Variant<'_> {
    fn text(&self, pointer: &str) -> Option<&str> {
        self.value.pointer(pointer).and_then(Value::as_str)
    }

    fn warn(&self, document: &Document, warnings: &mut Vec<Fault>) {
        let mut warn = |pointer: &str, message: String| {
            let pointer = format!("{}{pointer}", self.pointer);
            if document.value.pointer(&pointer).is_some() {
                warnings.push(warning(document, &pointer, message));
            }
        };
        for phase in ["notify", "agent_call_status", "call_event"] {
            let send = self.text(&format!("/{phase}/send")).unwrap_or("normal");
            if send == "never" {
                for key in ["after", "copies", "copies_every", "set", "remove"] {
                    let message = format!("`{key}` has no effect: `{phase}` is never sent");
                    warn(&format!("/{phase}/{key}"), message);
                }
            } else if send.starts_with("before_") {
                let message = format!("`after` contradicts `send: {send}`: it is not waited for");
                warn(&format!("/{phase}/after"), message);
            }
            if self.value.pointer(&format!("/{phase}/copies")).is_none() {
                let message = "`copies_every` has no effect without `copies`".to_owned();
                warn(&format!("/{phase}/copies_every"), message);
            }
        }
        let action = self.text("/callee/action").unwrap_or("answer");
        if !["answer", "manual"].contains(&action) {
            let message =
                format!("`prepares_for` has no effect: the callee's action is `{action}`");
            warn("/callee/prepares_for", message);
        }
        if action == "busy" {
            warn(
                "/callee/after",
                "`after` has no effect: a busy callee never rings".to_owned(),
            );
            warn(
                "/notify",
                "`notify` has no effect: a busy callee is not notified of".to_owned(),
            );
        }
        if ["ignore", "manual"].contains(&action) {
            let message = format!("`after` has no effect: the callee's action is `{action}`");
            warn("/callee/after", message);
        }
        if self.text("/agent_call_status/result") == Some("fail") {
            warn(
                "/callee",
                "`callee` has no effect: the call fails before it rings".to_owned(),
            );
            if self.value.get("end").is_none() {
                let message = "`call_event` has no effect: a failed call has none without `end`";
                warn("/call_event", message.to_owned());
            }
        } else {
            let message = "`fail_reason` has no effect unless `result` is `fail`".to_owned();
            warn("/agent_call_status/fail_reason", message);
        }
        if self.value.pointer("/response/error").is_some() {
            for phase in ["notify", "agent_call_status", "callee", "end", "call_event"] {
                let message = format!("`{phase}` has no effect: `response.error` refuses the call");
                warn(&format!("/{phase}"), message);
            }
        }
    }
}

fn warning(document: &Document, pointer: &str, message: String) -> Fault {
    Fault {
        severity: Severity::Warning,
        ..document.fault_at_key(pointer, message)
    }
}
