//! One YAML document: its value, and where each part of it stands.

use std::ops::Range;

use serde_json::Value;

use super::fault::in_reading_order;
use super::tree::{Characters, Entry, Kind, Node, RawFault, Tree};
use super::{Fault, Source, builder, syntax};

/// One document of a text: its value and where each part stands.
///
/// Parts are named by JSON pointers into the value. Where a pointer leads nowhere, its nearest
/// ancestor that exists stands in, so that a fault always has a place.
#[derive(Debug)]
pub(crate) struct Document {
    /// The text it stands in.
    pub source: Source,
    /// What it says.
    pub value: Value,
    nodes: Vec<Node>,
    root: usize,
}

/// What could be read of a text in which something may be wrong.
#[derive(Debug)]
pub(crate) struct Salvage {
    /// The documents up to the first fault of syntax, without the parts that have no value.
    pub documents: Vec<Document>,
    /// Everything that is wrong with the YAML itself.
    pub faults: Vec<Fault>,
}

/// A place in a document, found by a pointer.
struct Place<'a> {
    node: &'a Node,
    key: Option<&'a Characters>,
    /// The keys and indices that were followed.
    path: String,
    /// The first alias that was passed through.
    alias: Option<&'a Characters>,
    /// Whether the pointer was followed to its end.
    exact: bool,
    /// Whether a part without a value was met on the way.
    broken: bool,
}

impl Document {
    /// Reads all documents of a text; empty ones are skipped.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the YAML itself, in reading order.
    #[cfg(test)]
    pub(crate) fn parse_all(source: &Source) -> Result<Vec<Self>, Vec<Fault>> {
        let salvage = Self::salvage(source);
        if salvage.faults.is_empty() {
            Ok(salvage.documents)
        } else {
            Err(salvage.faults)
        }
    }

    /// Reads what can be read, so that the rest of a text can be checked though a part is at fault.
    pub(crate) fn salvage(source: &Source) -> Salvage {
        let reading = builder::read(&source.text);
        let mut faults: Vec<Fault> = reading
            .faults
            .into_iter()
            .map(|fault| located(source, fault))
            .collect();
        faults.extend(reading.syntax.map(|error| syntax::fault(source, &error)));
        let documents = reading
            .trees
            .into_iter()
            .map(|Tree { value, nodes, root }| Self {
                source: source.clone(),
                value,
                nodes,
                root,
            })
            .collect();
        Salvage {
            documents,
            faults: in_reading_order(faults),
        }
    }

    /// The document that a value makes which did not come as YAML.
    pub(crate) fn from_value(name: &str, value: Value) -> Self {
        let mut writer = Writer::default();
        let root = writer.write(&value);
        Self {
            source: Source::new(name, writer.text),
            value,
            nodes: writer.nodes,
            root,
        }
    }

    /// A fault at the value that the pointer names; at its key if the value is not written at all.
    pub(crate) fn fault_at(&self, pointer: &str, message: impl Into<String>) -> Fault {
        let place = self.place(pointer);
        let span = match (&place.node.kind, place.key) {
            (Kind::Scalar { written: false }, Some(key)) if place.exact => key,
            _ => &place.node.span,
        };
        self.fault(&place, span, message.into())
    }

    /// A fault at the key of the entry that the pointer names; at the value if it has no key.
    pub(crate) fn fault_at_key(&self, pointer: &str, message: impl Into<String>) -> Fault {
        let place = self.place(pointer);
        let span = match place.key {
            Some(key) if place.exact => key,
            _ => &place.node.span,
        };
        self.fault(&place, span, message.into())
    }

    /// The value that the pointer names, as it is written, such as `0x10` for 16.
    ///
    /// `None` if the pointer leads nowhere or to a list or mapping.
    pub(crate) fn source_text(&self, pointer: &str) -> Option<&str> {
        let place = self.place(pointer);
        let scalar = self.resolve(place.node);
        let found = place.exact && matches!(scalar.kind, Kind::Scalar { .. });
        found.then(|| without_properties(self.slice(&scalar.span)))
    }

    /// The document as it is written, without comments before and after it.
    pub(crate) fn text(&self) -> &str {
        let span = self.source.bytes_of(self.nodes[self.root].span.clone());
        // From the start of the line: the lines of an indented document are all indented.
        let start = self.source.line_around(span.start).start;
        self.source.text[start..span.end].trim_end()
    }

    /// Whether a fault about this part, or a part around it, was reported when the text was read.
    pub(super) fn is_broken(&self, pointer: &str) -> bool {
        self.place(pointer).broken
    }

    /// Whether the mapping lacks an entry because of a fault reported when the text was read.
    pub(super) fn lacks_entries(&self, pointer: &str) -> bool {
        let place = self.place(pointer);
        matches!(
            self.resolve(place.node).kind,
            Kind::Mapping { whole: false, .. }
        )
    }

    /// The line at which the document starts, counted from 1.
    pub(crate) fn line(&self) -> usize {
        self.fault_at("", "").line
    }

    fn place(&self, pointer: &str) -> Place<'_> {
        let node = &self.nodes[self.root];
        let broken = matches!(node.kind, Kind::Broken);
        let mut place = Place {
            node,
            key: None,
            path: String::new(),
            alias: None,
            exact: true,
            broken,
        };
        for token in pointer.split('/').skip(1) {
            let alias = matches!(place.node.kind, Kind::Alias(_)).then_some(&place.node.span);
            let (next, key) = match &self.resolve(place.node).kind {
                Kind::Sequence(nodes) => {
                    let index = token.parse::<usize>().ok();
                    (index.and_then(|index| nodes.get(index)).copied(), None)
                }
                Kind::Mapping { entries, .. } => {
                    let name = unescaped(token);
                    let at = entries.binary_search_by(|entry| entry.key.as_str().cmp(&name));
                    let entry = at.ok().map(|at| &entries[at]);
                    (
                        entry.map(|entry| entry.node),
                        entry.map(|entry| &entry.key_span),
                    )
                }
                Kind::Scalar { .. } | Kind::Alias(_) | Kind::Broken => (None, None),
            };
            let Some(next) = next else {
                place.exact = false;
                break;
            };
            match key {
                Some(_) if place.path.is_empty() => place.path.push_str(&unescaped(token)),
                Some(_) => place.path.extend([".", &unescaped(token)]),
                None => place.path.extend(["[", token, "]"]),
            }
            place.node = &self.nodes[next];
            place.key = key;
            place.alias = place.alias.or(alias);
            place.broken |= matches!(place.node.kind, Kind::Broken);
        }
        place
    }

    fn resolve<'a>(&'a self, mut node: &'a Node) -> &'a Node {
        while let Kind::Alias(target) = node.kind {
            node = &self.nodes[target];
        }
        node
    }

    fn slice(&self, span: &Characters) -> &str {
        &self.source.text[self.source.bytes_of(span.clone())]
    }

    fn fault(&self, place: &Place<'_>, span: &Characters, message: String) -> Fault {
        let fault = Fault {
            path: place.path.clone(),
            ..Fault::error(&self.source, first_line(&self.source, span), message)
        };
        match place.alias {
            Some(alias) => {
                let line = self
                    .source
                    .position(self.source.bytes_of(alias.clone()).start)
                    .0;
                fault.with_label(format!("as the alias on line {line} has it"))
            }
            None => fault,
        }
    }
}

/// Writes a value as JSON and remembers where each part stands.
#[derive(Default)]
struct Writer {
    text: String,
    /// How long the text is in characters.
    length: usize,
    nodes: Vec<Node>,
}

impl Writer {
    /// Gives back the number of the part's node.
    fn write(&mut self, value: &Value) -> usize {
        let start = self.length;
        let kind = match value {
            Value::Array(values) => {
                self.push("[");
                let nodes = values.iter().enumerate().map(|(at, value)| {
                    self.push(if at == 0 { "" } else { ", " });
                    self.write(value)
                });
                let nodes = nodes.collect();
                self.push("]");
                Kind::Sequence(nodes)
            }
            Value::Object(values) => {
                self.push("{");
                let entries = values.iter().enumerate();
                let entries = entries.map(|(at, (key, value))| {
                    self.push(if at == 0 { "" } else { ", " });
                    let start = self.length;
                    self.push(&Value::from(key.as_str()).to_string());
                    let key_span = start..self.length;
                    self.push(": ");
                    let (key, node) = (key.clone(), self.write(value));
                    Entry {
                        key,
                        key_span,
                        node,
                    }
                });
                let mut entries: Vec<_> = entries.collect();
                entries.sort_unstable_by(|one, other| one.key.cmp(&other.key));
                self.push("}");
                Kind::Mapping {
                    entries,
                    whole: true,
                }
            }
            scalar => {
                self.push(&scalar.to_string());
                Kind::Scalar { written: true }
            }
        };
        let span = start..self.length;
        self.nodes.push(Node { span, kind });
        self.nodes.len() - 1
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.length += text.chars().count();
    }
}

/// The key that a token of a JSON pointer stands for.
fn unescaped(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// What follows the anchor and the tag, if there are any.
fn without_properties(mut text: &str) -> &str {
    while text.starts_with(['&', '!']) {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        text = text[end..].trim_start();
    }
    text
}

/// Only the first line of a part is marked: the rest of a long one tells nothing about the fault.
fn first_line(source: &Source, span: &Characters) -> Range<usize> {
    let bytes = source.bytes_of(span.clone());
    let line_end = source.line_around(bytes.start).end.max(bytes.start);
    let end = bytes.end.min(line_end);
    let end = bytes.start + source.text[bytes.start..end].trim_end().len();
    bytes.start..end
}

fn located(source: &Source, fault: RawFault) -> Fault {
    let located = Fault::error(source, first_line(source, &fault.span), fault.message);
    let located = located.with_hint_if(fault.hint);
    match fault.first {
        Some(first) => {
            let line = source.position(source.bytes_of(first).start).0;
            located.with_label(format!("given first on line {line}"))
        }
        None => located,
    }
}
