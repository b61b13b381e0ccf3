//! From texts to a catalog.

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize as _;
use serde_json::Value;

use super::builtin;
use super::catalog::{Catalog, Origin, Scenario, Turns};
use super::file::{PhasesFile, SHAPE, ScenarioFile};
use super::lint;
use super::matching::Conditions;
use super::phases::Phases;
use crate::yaml::{Document, Fault, Source, Style, render};

/// A catalog and what is doubtful about it.
pub(crate) struct Loaded {
    pub(crate) catalog: Catalog,
    pub(crate) warnings: Vec<Fault>,
}

/// Why there is no catalog.
#[derive(Debug)]
pub(crate) enum LoadError {
    /// Faults in the scenarios, with the warnings.
    Faults(Vec<Fault>),
    /// A file cannot be read.
    Unreadable(String),
    /// `default_scenario` names none.
    Default(String),
}

impl LoadError {
    /// What is wrong, one by one.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        match self {
            Self::Faults(faults) => faults.clone(),
            Self::Unreadable(reason) | Self::Default(reason) => {
                vec![Fault::error(&Source::new("scenarios", ""), 0..0, reason)]
            }
        }
    }
}

/// As `check` prints it.
impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Faults(faults) => {
                let rendered = render(faults, Style::Plain);
                write!(f, "faulty scenarios\n{}", rendered.trim_end())
            }
            Self::Unreadable(reason) | Self::Default(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for LoadError {}

/// The catalog of the user's sources, those that win first, and the shipped scenarios.
///
/// # Errors
/// Every fault of every source.
pub(crate) fn catalog_of(
    sources: &[(Origin, &[Source])],
    default: &str,
) -> Result<Loaded, LoadError> {
    let mut scenarios = Vec::new();
    let mut faults = Vec::new();
    let mut warnings = Vec::new();
    for (origin, sources) in sources {
        let mut names: HashMap<String, (Source, usize)> = HashMap::new();
        for source in *sources {
            let documents = SHAPE.read_all(source);
            let documents = documents.map_err(|more| faults.extend(more));
            for (document, file) in documents.unwrap_or_default() {
                faults.extend(repeated_name(&mut names, &document, &file.name));
                faults.extend(lint::errors(&document));
                warnings.extend(lint::contradictions(&document));
                match scenario_of(&document, file, *origin) {
                    Ok(scenario) => scenarios.push((scenario, Some(document))),
                    Err(more) => faults.extend(more),
                }
            }
        }
    }
    if !faults.is_empty() {
        return Err(LoadError::Faults(faults));
    }
    for source in builtin::sources() {
        for document in Document::salvage(&source).documents {
            let file = SHAPE.read_sound(&document).map_err(LoadError::Faults)?;
            let scenario = scenario_of(&document, file, Origin::BuiltIn);
            scenarios.push((scenario.map_err(LoadError::Faults)?, None));
        }
    }
    let mut documents = HashMap::new();
    let scenarios = scenarios.into_iter().map(|(scenario, document)| {
        if let Some(document) = document {
            documents.entry(scenario.name.clone()).or_insert(document);
        }
        scenario
    });
    let catalog = Catalog::new(scenarios.collect(), default).map_err(LoadError::Default)?;
    warnings.extend(lint::shadowed(&catalog, &documents));
    Ok(Loaded { catalog, warnings })
}

/// Checks that a text holds one scenario, of this name.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn only_scenario(source: &Source, name: &str) -> Result<(), Vec<Fault>> {
    let documents = SHAPE.read_all(source)?;
    let fault = match documents.as_slice() {
        [(_, file)] if file.name == name => return Ok(()),
        [] => Fault::error(source, 0..0, "expected one scenario, found none"),
        [(document, file)] => {
            let found = &file.name;
            let message = format!("expected the name `{name}`, as in the path, found `{found}`");
            document.fault_at("/name", message)
        }
        [_, (second, _), ..] => second
            .fault_at("", "expected one scenario, found another one")
            .with_hint("put each under its own name"),
    };
    Err(vec![fault])
}

fn repeated_name(
    names: &mut HashMap<String, (Source, usize)>,
    document: &Document,
    name: &str,
) -> Option<Fault> {
    let place = (document.source.clone(), document.line());
    let (source, line) = names.insert(name.to_owned(), place)?;
    let message = format!(
        "the name `{name}` is already taken at {}:{line}",
        source.name
    );
    Some(
        document
            .fault_at("/name", message)
            .with_hint("give each scenario a name of its own"),
    )
}

fn scenario_of(
    document: &Document,
    file: ScenarioFile,
    origin: Origin,
) -> Result<Scenario, Vec<Fault>> {
    Ok(Scenario {
        turns: turns_of(document, &file)?,
        name: file.name.into(),
        description: file.description.map(Into::into),
        source: document.source.name.clone(),
        yaml: document.text().into(),
        origin,
        conditions: file.matching.map(Conditions::from),
        priority: file.priority,
    })
}

/// The phases of every variant, each merged over what the scenario says for all.
fn turns_of(document: &Document, file: &ScenarioFile) -> Result<Turns, Vec<Fault>> {
    let base = only_phases(&document.value);
    let variants = |key: &str| -> Vec<Value> {
        let list = document.value.get(key).and_then(Value::as_array);
        list.cloned()
            .unwrap_or_else(|| vec![Value::Object(serde_json::Map::new())])
    };
    let weights: Vec<u32> = match &file.one_of {
        Some(choices) => choices
            .iter()
            .map(|choice| choice.weight.unwrap_or(1))
            .collect(),
        None => vec![1],
    };
    let mut turns = Vec::new();
    for (turn, by_turn) in variants("in_turn").iter().enumerate() {
        let mut choices = Vec::new();
        for (choice, (by_chance, weight)) in variants("one_of").iter().zip(&weights).enumerate() {
            let mut merged = base.clone();
            merge(&mut merged, &only_phases(by_turn));
            merge(&mut merged, &only_phases(by_chance));
            let phases = PhasesFile::deserialize(&merged).map_err(|e| {
                let pointer = match (&file.one_of, &file.in_turn) {
                    (Some(_), _) => format!("/one_of/{choice}"),
                    (None, Some(_)) => format!("/in_turn/{turn}"),
                    (None, None) => String::new(),
                };
                vec![document.fault_at(&pointer, e.to_string())]
            })?;
            choices.push((*weight, Phases::from(phases)));
        }
        turns.push(choices);
    }
    Ok(Turns {
        per: file.per.unwrap_or_default(),
        repeat: file.repeat.unwrap_or_default(),
        turns,
    })
}

/// The phases among the keys of a scenario or variant.
fn only_phases(value: &Value) -> Value {
    const PHASES: [&str; 6] = [
        "response",
        "notify",
        "agent_call_status",
        "callee",
        "end",
        "call_event",
    ];
    let fields = value.as_object().into_iter().flatten();
    let phases = fields.filter(|(key, _)| PHASES.contains(&key.as_str()));
    Value::Object(
        phases
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    )
}

/// Lays `over` upon `value`: mappings are merged key by key, anything else is replaced.
fn merge(value: &mut Value, over: &Value) {
    match (value, over) {
        (Value::Object(fields), Value::Object(over)) => {
            for (key, over) in over {
                merge(fields.entry(key).or_insert(Value::Null), over);
            }
        }
        (value, over) => value.clone_from(over),
    }
}
