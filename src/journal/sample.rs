//! Calls for the tests of the journal.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::{CallEntry, Journal, Origin, PlacedCall};
use crate::clock::{Clock, ClockMode};
use crate::domain::{MakeCall, Moment, Sid};
use crate::wire::{Message, Parameters, Target};

/// So many milliseconds after the epoch.
pub(super) fn at(millis: u64) -> Moment {
    Moment::from_epoch(Duration::from_millis(millis))
}

pub(super) fn opened(journal: &Journal, number: u8) -> Arc<CallEntry> {
    opened_in(journal, number, ("default", 0))
}

/// A call of this project and generation of it.
pub(super) fn opened_in(journal: &Journal, number: u8, of: (&str, u64)) -> Arc<CallEntry> {
    let (project, generation) = of;
    let call = MakeCall::sample(&format!("user-{number}"));
    let placed = PlacedCall {
        sid: Sid::from_random_bytes([number; 16]),
        origin: Arc::new(Origin {
            tag: journal.news.events.tag(&project.into()),
            project: project.into(),
            generation,
            clock: Clock::new(ClockMode::Real),
            news: journal.news.clone(),
        }),
        scenario: "answered".into(),
        chosen_by: "default",
        call,
        request: r#"{"playCount": 1}"#.into(),
    };
    journal.open(placed, at(0))
}

/// Asserts that `json` is as the schema of `T` says.
pub(super) fn conforms<T: JsonSchema>(json: &Value) {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let schema = settings.into_generator().into_root_schema_for::<T>();
    let schema = jsonschema::validator_for(schema.as_value()).unwrap();
    let faults: Vec<_> = schema.iter_errors(json).map(|e| e.to_string()).collect();
    assert!(faults.is_empty(), "{json}: {faults:?}");
}

pub(super) fn message(target: &str, parameters: Parameters) -> Message {
    let target = Target::new(target.parse().unwrap());
    Message::new(Arc::new(target), &parameters)
}
