//! From defaults, file, environment and flags to one configuration.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use config::{Config, ConfigError, Map, Source as ConfigSource, ValueKind};
use serde_json::Value;

use super::file::{SettingsFile, shape};
use super::{Layers, SettingsOverrides, secrecy};
use crate::domain::ContentId;
use crate::yaml::{Document, Fault, Source, nearest};

/// What every variable of ours begins with.
const PREFIX: &str = "PLANET_EMULATOR_";

/// Variables that are no settings: where a running emulator is, and where the config file is.
const RESERVED: [&str; 2] = ["PLANET_EMULATOR_URL", "PLANET_EMULATOR_CONFIG"];

pub(super) const DEFAULTS: &str = include_str!("default.yaml");

/// All layers together.
pub(super) struct Merged {
    pub(super) file: SettingsFile,
    /// Whether the scenarios are those of the defaults.
    pub(super) scenarios_are_default: bool,
}

/// Puts the layers on top of each other.
///
/// # Errors
/// Everything that is wrong with any of them, and with all of them together.
pub(super) fn merge(layers: &Layers) -> Result<Merged, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut stack = Vec::new();
    for source in layers.config_file.iter() {
        stack.extend(of_file(source, &mut faults));
    }
    let mut variables: Vec<_> = layers.environment.iter().collect();
    // A variable for a whole mapping comes before those for its keys, which then win. Stable: of one
    // that is given twice, the later wins.
    variables.sort_by(|(one, _), (other, _)| one.cmp(other));
    for (name, value) in variables {
        stack.extend(of_variable(name, value, &mut faults));
    }
    for (flag, path, value) in of_overrides(&layers.overrides) {
        stack.extend(of_text(flag, &path, &value, &mut faults));
    }
    let scenarios_are_default = stack
        .iter()
        .all(|layer| layer.value.get("scenarios").is_none());
    let merged = flatten(&stack);
    if let Ok(value) = &merged {
        faults.extend(across(value, &stack));
    }
    if !faults.is_empty() {
        return Err(in_reading_order(faults));
    }
    let file = merged
        .map_err(|error| {
            vec![Fault::error(
                &Source::new("settings", ""),
                0..0,
                error.to_string(),
            )]
        })
        .and_then(|value| shape().read_sound(&Document::from_value("settings", value)))?;
    Ok(Merged {
        file,
        scenarios_are_default,
    })
}

/// Text by text, in the order of the layers.
fn in_reading_order(mut faults: Vec<Fault>) -> Vec<Fault> {
    let mut names: Vec<Arc<str>> = Vec::new();
    for fault in &faults {
        if !names.contains(&fault.source.name) {
            names.push(Arc::clone(&fault.source.name));
        }
    }
    faults.sort_by_key(|fault| {
        let text = names.iter().position(|name| *name == fault.source.name);
        (text, fault.line, fault.column)
    });
    faults
}

/// One source of settings, with its part of the whole.
struct Layer {
    value: Value,
    document: Document,
    /// If the text was made for reading, the one that the user wrote.
    written: Option<Written>,
}

/// The text of a variable or flag, from which a document was made.
#[derive(Clone)]
struct Written {
    source: Source,
    /// How deep the key is, and so how many lines precede the value.
    depth: usize,
    /// Whether the value stands in the document as it was written.
    verbatim: bool,
}

impl Layer {
    fn fault_at(&self, pointer: &str, message: String) -> Fault {
        self.moved(self.document.fault_at(pointer, message))
    }

    fn fault_at_key(&self, pointer: &str, message: String) -> Fault {
        self.moved(self.document.fault_at_key(pointer, message))
    }

    fn moved(&self, fault: Fault) -> Fault {
        match &self.written {
            Some(written) => written.moved(fault),
            None => fault,
        }
    }
}

impl Written {
    /// The fault at the place in the user's text.
    fn moved(&self, fault: Fault) -> Fault {
        let whole = || 0..self.source.text.len();
        let span = if self.verbatim && fault.line > self.depth {
            let made = &fault.source.text;
            let line = made[..fault.span.start]
                .rfind('\n')
                .map_or(0, |at| at + 1 + self.indent());
            let before: usize = self
                .source
                .text
                .split_inclusive('\n')
                .take(fault.line - self.depth - 1)
                .map(str::len)
                .sum();
            let start = before + fault.span.start.saturating_sub(line);
            start..start + fault.span.len()
        } else {
            whole()
        };
        // A label may tell the number of a line, which is another one here.
        Fault::error(&self.source, span, fault.message).with_hint_if(fault.hint)
    }

    fn indent(&self) -> usize {
        2 * self.depth
    }
}

/// The configuration file; no layer if there is nothing in it.
fn of_file(source: &Source, faults: &mut Vec<Fault>) -> Option<Layer> {
    let salvage = Document::salvage(source);
    let mut found = salvage.faults;
    let is_sound = found.is_empty();
    let mut documents = salvage.documents.into_iter();
    let document = documents.next();
    if let Some(document) = &document {
        found.extend(if is_sound {
            shape().read(document).err().unwrap_or_default()
        } else {
            shape().check(document)
        });
    }
    if let Some(second) = documents.next() {
        let fault = second.fault_at("", "expected one document, found another one");
        found.push(fault.with_hint("a configuration is one file without `---`"));
    }
    faults.extend(secrecy::censor(found));
    document.map(|document| Layer {
        value: document.value.clone(),
        document,
        written: None,
    })
}

/// Flags; each is a key's path and its text.
fn of_overrides(overrides: &SettingsOverrides) -> Vec<(&'static str, Vec<&'static str>, String)> {
    let mut layers = Vec::new();
    let mut add = |flag, key, value: Option<String>| {
        layers.extend(value.map(|value| (flag, vec![key], value)));
    };
    add("--listen", "listen", overrides.listen.clone());
    add(
        "--seed",
        "seed",
        overrides.seed.map(|seed| seed.to_string()),
    );
    add(
        "--clock",
        "clock",
        overrides.clock.map(|clock| clock.to_string()),
    );
    add(
        "--log",
        "log",
        overrides.log.map(|log| log.name().to_owned()),
    );
    layers
}

/// One variable of the environment; no layer if it is none of ours.
fn of_variable(name: &str, value: &str, faults: &mut Vec<Fault>) -> Option<Layer> {
    let rest = name.strip_prefix(PREFIX)?;
    if RESERVED.contains(&name) {
        return None;
    }
    let known = paths(shape().schema());
    match known.iter().find(|path| variable(path) == rest) {
        Some(path) => of_text(name, path, value, faults),
        None => {
            faults.push(unknown_variable(name, rest, &known));
            None
        }
    }
}

fn unknown_variable(name: &str, rest: &str, known: &[Vec<&str>]) -> Fault {
    let names: Vec<String> = known.iter().map(|path| variable(path)).collect();
    let above = names
        .iter()
        .filter(|known| rest.starts_with(&format!("{known}__")))
        .max_by_key(|known| known.len());
    let is_whole = above.is_some_and(|above| {
        let below = format!("{above}__");
        !names.iter().any(|known| known.starts_with(&below))
    });
    let hint = match above {
        Some(above) if is_whole => Some(format!(
            "this setting is given as a whole, as YAML: `{PREFIX}{above}`"
        )),
        _ => nearest(rest, names.iter().map(String::as_str))
            .map(|near| format!("did you mean `{PREFIX}{near}`?")),
    };
    // The value stays out: there is no telling whether it is a secret.
    Fault::error(&Source::new(name, ""), 0..0, "unknown variable").with_hint_if(hint)
}

/// The paths of all keys, of mappings too.
fn paths(schema: &Value) -> Vec<Vec<&str>> {
    fn walk<'a>(
        root: &'a Value,
        schema: &'a Value,
        path: &[&'a str],
        found: &mut Vec<Vec<&'a str>>,
    ) {
        let properties = resolve(root, schema).get("properties");
        for (key, schema) in properties.and_then(Value::as_object).into_iter().flatten() {
            let path = [path, &[key.as_str()]].concat();
            found.push(path.clone());
            walk(root, schema, &path, found);
        }
    }
    let mut found = Vec::new();
    walk(schema, schema, &[], &mut found);
    found
}

fn variable(path: &[&str]) -> String {
    path.join("__").to_uppercase()
}

fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let target = schema.get("$ref").and_then(Value::as_str);
    let target = target.and_then(|target| target.strip_prefix('#'));
    match target.and_then(|pointer| root.pointer(pointer)) {
        Some(target) => resolve(root, target),
        None => schema,
    }
}

fn schema_at<'a>(root: &'a Value, path: &[&str]) -> &'a Value {
    path.iter().fold(root, |schema, key| {
        &resolve(root, schema)["properties"][*key]
    })
}

/// The JSON types that a schema allows.
fn types<'a>(root: &'a Value, schema: &'a Value) -> BTreeSet<&'a str> {
    let schema = resolve(root, schema);
    match &schema["type"] {
        Value::String(name) => return BTreeSet::from([name.as_str()]),
        Value::Array(names) => return names.iter().filter_map(Value::as_str).collect(),
        _ => {}
    }
    let branches = ["anyOf", "oneOf"]
        .into_iter()
        .filter_map(|keyword| schema[keyword].as_array())
        .flatten();
    branches.flat_map(|branch| types(root, branch)).collect()
}

/// A setting given as text: as it is where the key is text, as YAML elsewhere.
fn of_text(name: &str, path: &[&str], text: &str, faults: &mut Vec<Fault>) -> Option<Layer> {
    let root = shape().schema();
    let schema = schema_at(root, path);
    let allowed = types(root, schema);
    let is_null = allowed.contains("null") && matches!(text.trim(), "" | "null" | "~");
    let is_text = allowed
        .iter()
        .all(|name| matches!(*name, "string" | "null"));
    let is_list_of_text = allowed.contains("array")
        && types(root, &resolve(root, schema)["items"]) == BTreeSet::from(["string"]);
    let trimmed = text.trim();
    let as_list = is_list_of_text && !trimmed.starts_with('[') && !trimmed.starts_with("- ");
    let (value, verbatim) = if is_null {
        ("null".to_owned(), false)
    } else if is_text {
        (Value::from(text).to_string(), false)
    } else if as_list {
        let entries = text.split(',').map(str::trim);
        let entries: Value = entries.filter(|entry| !entry.is_empty()).collect();
        (entries.to_string(), false)
    } else {
        (text.to_owned(), true)
    };
    let written = Written {
        source: Source::new(name, text),
        depth: path.len(),
        verbatim,
    };
    let document = document_of(name, path, &value);
    let salvage = Document::salvage(&document);
    let mut found = salvage.faults;
    let is_sound = found.is_empty();
    let layer = salvage.documents.into_iter().next().map(|document| Layer {
        value: document.value.clone(),
        document,
        written: Some(written.clone()),
    });
    if let Some(layer) = &layer {
        found.extend(if is_sound {
            shape().read(&layer.document).err().unwrap_or_default()
        } else {
            shape().check(&layer.document)
        });
    }
    let moved = found.into_iter().map(|fault| written.moved(fault));
    faults.extend(secrecy::censor(moved.collect()));
    layer
}

/// A document with this one setting in it.
fn document_of(name: &str, path: &[&str], value: &str) -> Source {
    let mut text = String::new();
    for (depth, key) in path.iter().enumerate() {
        text.extend(["  ".repeat(depth).as_str(), key, ":\n"]);
    }
    for line in value.split_inclusive('\n') {
        text.extend(["  ".repeat(path.len()).as_str(), line]);
    }
    Source::new(name, text)
}

/// A value as a source of the layering library.
#[derive(Debug, Clone)]
struct Overlay(Value);

impl ConfigSource for Overlay {
    fn clone_into_box(&self) -> Box<dyn ConfigSource + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, config::Value>, ConfigError> {
        let entries = self.0.as_object().into_iter().flatten();
        let root = shape().schema();
        // The library takes keys for paths, so only those that are plain names may reach it.
        Ok(entries
            .filter(|(key, _)| root["properties"].get(key).is_some())
            .map(|(key, value)| (key.clone(), converted(value)))
            .collect())
    }
}

fn converted(value: &Value) -> config::Value {
    let kind = match value {
        Value::Null => ValueKind::Nil,
        Value::Bool(value) => ValueKind::Boolean(*value),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => ValueKind::I64(number),
            (None, Some(number)) => ValueKind::U64(number),
            (None, None) => ValueKind::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => ValueKind::String(text.clone()),
        Value::Array(entries) => ValueKind::Array(entries.iter().map(converted).collect()),
        Value::Object(entries) => ValueKind::Table(
            entries
                .iter()
                .map(|(key, value)| (key.clone(), converted(value)))
                .collect(),
        ),
    };
    config::Value::new(None, kind)
}

fn flatten(stack: &[Layer]) -> Result<Value, ConfigError> {
    let defaults = Document::salvage(&Source::new("<built-in>/default.yaml", DEFAULTS));
    let mut builder = Config::builder();
    for document in defaults.documents {
        builder = builder.add_source(Overlay(document.value));
    }
    for layer in stack {
        builder = builder.add_source(Overlay(layer.value.clone()));
    }
    builder.build()?.try_deserialize()
}

/// What is wrong between keys that are each right.
fn across(value: &Value, stack: &[Layer]) -> Vec<Fault> {
    let place = |pointer: &str| {
        let holds = |layer: &&Layer| layer.value.pointer(pointer).is_some();
        stack.iter().rev().find(holds)
    };
    let at = |pointer: &str, message: String| {
        place(pointer).map(|layer| layer.fault_at(pointer, message))
    };
    let at_key = |pointer: &str, message: String| {
        place(pointer).map(|layer| layer.fault_at_key(pointer, message))
    };
    let projects: &[Value] = value["projects"].as_array().map_or(&[], Vec::as_slice);
    let mut faults = Vec::new();
    for key in ["name", "api_key"] {
        let mut seen = HashSet::new();
        for (index, project) in projects.iter().enumerate() {
            if let Some(text) = project[key].as_str()
                && !seen.insert(text)
            {
                let message = format!("duplicate `{key}`: another project has `{text}` already");
                faults.extend(at(&format!("/projects/{index}/{key}"), message));
            }
        }
    }
    for (index, project) in projects.iter().enumerate() {
        let mut seen = HashMap::new();
        let sources = project["audio_sources"].as_object();
        for content_id in sources.into_iter().flatten().map(|(key, _)| key) {
            let Ok(id) = ContentId::parse(content_id) else {
                continue;
            };
            let fault = |content_id: &str| {
                let pointer = format!("/projects/{index}/audio_sources/{content_id}");
                at_key(&pointer, format!("duplicate content ID `{content_id}`"))
            };
            if let Some(other) = seen.insert(id, content_id) {
                // Keys come in the order of the alphabet; the one that stands later is at fault.
                let later = [other, content_id].into_iter().filter_map(|id| fault(id));
                let later = later.max_by_key(|fault| fault.span.start);
                faults.extend(later.map(|fault| {
                    fault.with_hint("content IDs that differ in letter case only are the same")
                }));
            }
        }
    }
    if !projects.is_empty() {
        let callbacks = value["callbacks"].as_object().into_iter().flatten();
        let mut open_only: Vec<_> = callbacks
            .filter(|(_, url)| !url.is_null())
            .map(|(key, _)| format!("/callbacks/{key}"))
            .collect();
        if !value["rate_limit"].is_null() {
            open_only.push("/rate_limit".to_owned());
        }
        for pointer in open_only {
            let key = pointer[1..].replace('/', ".");
            let message = format!("`{key}` has no effect beside `projects`");
            faults.extend(
                at_key(&pointer, message)
                    .map(|fault| fault.with_hint("put it into the projects: each has its own")),
            );
        }
    }
    // The faults may stand in several texts, so each is looked at by itself.
    faults
        .into_iter()
        .flat_map(|fault| secrecy::censor(vec![fault]))
        .collect()
}
