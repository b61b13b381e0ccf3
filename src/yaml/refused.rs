//! What serde refused though the schema allowed it.

use std::fmt::Write;

use serde_path_to_error::{Error, Segment};

use super::{Document, Fault};

/// The fault, at the part that serde was reading.
pub(super) fn fault(document: &Document, error: &Error<serde_json::Error>) -> Fault {
    let mut pointer = String::new();
    for segment in error.path() {
        match segment {
            Segment::Seq { index } => _ = write!(pointer, "/{index}"),
            Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    document.fault_at(&pointer, reworded(&error.inner().to_string()))
}

/// Serde's own complaints in the order of ours, without the names of Rust types.
fn reworded(message: &str) -> String {
    if let Some((found, expected)) = message
        .strip_prefix("unknown variant ")
        .and_then(|told| told.split_once(", expected "))
    {
        return format!("expected {expected}, found {found}");
    }
    let told = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "));
    let Some((found, expected)) = told.and_then(|told| told.split_once(", expected ")) else {
        return message.to_owned();
    };
    let expected = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" | "isize" => {
            if found.starts_with("floating") {
                "a whole number"
            } else {
                "a whole number in range"
            }
        }
        "f32" | "f64" => "a number",
        "a string" | "a borrowed string" => "text",
        "a sequence" => "a list",
        "a map" => "a mapping",
        other => other,
    };
    let found = found
        .replace("floating point", "the number")
        .replace("integer", "the number")
        .replace("boolean", "the value")
        .replace("string", "the text")
        .replace('"', "`");
    format!("expected {expected}, found {found}")
}
