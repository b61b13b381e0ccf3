//! From parser events to values.
//!
//! The parser's own loader is not used: it copies whatever an alias stands for without bound, calls
//! itself for each level of nesting, and drops the place of the first of two equal keys.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};
use serde_json::{Map, Value};

use super::tree::{Characters, Entry, Kind, Node, RawFault, Reading, Tree};
use super::words::{quote, quote_as_text};
use super::{scalar, tag};

/// How many collections may stand inside each other.
///
/// Far more than any file of ours needs, and few enough for code that walks a value recursively.
const DEEPEST: usize = 64;

/// How much all aliases of a text may stand for, in parts plus bytes of text.
const MOST_FROM_ALIASES: usize = 1 << 20;

/// Reads all documents, up to the first fault of syntax.
pub(super) fn read(text: &str) -> Reading {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => {
                if builder.take(event, span).is_err() {
                    break;
                }
            }
            Err(error) => {
                builder.reading.syntax = Some(error);
                break;
            }
        }
    }
    builder.reading
}

/// Reading cannot go on; the reason is among the faults.
struct Stop;

/// A finished part, on its way into the collection around it.
struct Part {
    node: usize,
    value: Value,
    /// Parts plus bytes of text.
    weight: usize,
    /// How many collections stand inside each other, this one included.
    height: usize,
}

enum Collection {
    Sequence(Vec<usize>, Vec<Value>),
    Mapping {
        entries: Vec<Entry>,
        values: Map<String, Value>,
        whole: bool,
        slot: Slot,
    },
}

/// What comes next in a mapping.
enum Slot {
    Key,
    Value(String, Characters),
    /// A value whose key was refused.
    Discarded,
}

struct Frame {
    collection: Collection,
    start: usize,
    anchor: usize,
    weight: usize,
    height: usize,
}

#[derive(Default)]
struct Builder {
    reading: Reading,
    nodes: Vec<Node>,
    frames: Vec<Frame>,
    /// Finished parts by the parser's number of their anchor; value, weight and height as in [`Part`].
    anchors: HashMap<usize, Part>,
    from_aliases: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        let characters = span.start.index()..span.end.index();
        match event {
            Event::DocumentStart(_) => {
                self.nodes.clear();
                self.anchors.clear();
            }
            Event::Scalar(text, style, anchor, tag) => {
                let part = self.scalar(&text, style, tag.as_deref(), characters.clone());
                self.place(part, anchor, characters, Some((&text, style)));
            }
            Event::Alias(anchor) => {
                let part = self.alias(anchor, characters.clone());
                self.place(part, 0, characters, None);
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_collection_tag(tag.as_deref(), "seq", &characters);
                let collection = Collection::Sequence(Vec::new(), Vec::new());
                self.open(collection, anchor, characters)?;
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_collection_tag(tag.as_deref(), "map", &characters);
                let collection = Collection::Mapping {
                    entries: Vec::new(),
                    values: Map::new(),
                    whole: true,
                    slot: Slot::Key,
                };
                self.open(collection, anchor, characters)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(characters.end),
            Event::DocumentEnd | Event::StreamStart | Event::StreamEnd | Event::Nothing => {}
        }
        Ok(())
    }

    fn open(
        &mut self,
        collection: Collection,
        anchor: usize,
        span: Characters,
    ) -> Result<(), Stop> {
        if self.frames.len() == DEEPEST {
            self.fault(span, format!("nested deeper than {DEEPEST} levels"), None);
            return Err(Stop);
        }
        self.frames.push(Frame {
            collection,
            start: span.start,
            anchor,
            weight: 1,
            height: 1,
        });
        Ok(())
    }

    fn close(&mut self, end: usize) {
        let Some(frame) = self.frames.pop() else {
            return;
        };
        let (kind, value) = match frame.collection {
            Collection::Sequence(nodes, values) => (Kind::Sequence(nodes), Value::Array(values)),
            Collection::Mapping {
                mut entries,
                values,
                whole,
                ..
            } => {
                entries.sort_unstable_by(|one, other| one.key.cmp(&other.key));
                (Kind::Mapping { entries, whole }, Value::Object(values))
            }
        };
        let span = frame.start..end.max(frame.start);
        let node = self.node(span.clone(), kind);
        let part = Part {
            node,
            value,
            weight: frame.weight,
            height: frame.height,
        };
        self.place(part, frame.anchor, span, None);
    }

    /// Puts a finished part where it belongs. `scalar` tells how it was written, if it can be a key.
    fn place(
        &mut self,
        part: Part,
        anchor: usize,
        span: Characters,
        scalar: Option<(&str, ScalarStyle)>,
    ) {
        if anchor != 0 {
            let copy = Part {
                value: part.value.clone(),
                ..part
            };
            self.anchors.insert(anchor, copy);
        }
        let Some(frame) = self.frames.last_mut() else {
            self.finish(part, anchor, scalar);
            return;
        };
        frame.weight += part.weight;
        frame.height = frame.height.max(part.height + 1);
        match &mut frame.collection {
            Collection::Sequence(nodes, values) => {
                nodes.push(part.node);
                values.push(part.value);
            }
            Collection::Mapping {
                entries,
                values,
                whole,
                slot,
            } => match std::mem::replace(slot, Slot::Key) {
                Slot::Discarded => {}
                Slot::Value(key, key_span) => {
                    values.insert(key.clone(), part.value);
                    entries.push(Entry {
                        key,
                        key_span,
                        node: part.node,
                    });
                }
                Slot::Key => match key(scalar, &span, entries, values) {
                    Ok(key) => *slot = Slot::Value(key, span),
                    Err(fault) => {
                        *slot = Slot::Discarded;
                        *whole &= fault.first.is_some();
                        self.reading.faults.push(fault);
                    }
                },
            },
        }
    }

    /// Ends a document, unless there is nothing in it.
    fn finish(&mut self, part: Part, anchor: usize, scalar: Option<(&str, ScalarStyle)>) {
        let empty = anchor == 0 && scalar == Some(("", ScalarStyle::Plain));
        if !empty {
            let nodes = std::mem::take(&mut self.nodes);
            self.reading.trees.push(Tree {
                value: part.value,
                nodes,
                root: part.node,
            });
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: Characters,
    ) -> Part {
        let value = match tag {
            None if style == ScalarStyle::Plain => scalar::resolve(text),
            None => Ok(Value::String(text.to_owned())),
            Some(tag) => match tag::resolve(text, style, tag) {
                Some(value) => value,
                None => {
                    let message = format!("unknown tag {}", quote(&tag::spelling(tag)));
                    self.fault(span.clone(), message, Some(tag::hint(tag)));
                    return self.broken(span);
                }
            },
        };
        match value {
            Ok(value) => {
                let written = !(text.is_empty() && style == ScalarStyle::Plain);
                let node = self.node(span, Kind::Scalar { written });
                Part {
                    node,
                    value,
                    weight: 1 + text.len(),
                    height: 0,
                }
            }
            Err(scalar::NoSuchValue) => {
                let message = format!("{} is out of range for a number", quote(text));
                let hint = format!(
                    "if it is meant as text, put it in quotes: {}",
                    quote_as_text(text)
                );
                self.fault(span.clone(), message, Some(hint));
                self.broken(span)
            }
        }
    }

    fn alias(&mut self, anchor: usize, span: Characters) -> Part {
        let problem = match self.anchors.get(&anchor) {
            None if self.frames.iter().any(|frame| frame.anchor == anchor) => {
                "an alias inside the very part that it stands for".to_owned()
            }
            None => "the anchor of this alias is in another document".to_owned(),
            Some(target) if self.frames.len() + target.height > DEEPEST => {
                format!("nested deeper than {DEEPEST} levels by this alias")
            }
            Some(target) if self.from_aliases + target.weight > MOST_FROM_ALIASES => {
                "the aliases of this file stand for too much".to_owned()
            }
            Some(target) => {
                self.from_aliases += target.weight;
                let (value, weight, height) = (target.value.clone(), target.weight, target.height);
                let kind = Kind::Alias(target.node);
                let node = self.node(span, kind);
                return Part {
                    node,
                    value,
                    weight,
                    height,
                };
            }
        };
        self.fault(span.clone(), problem, None);
        self.broken(span)
    }

    fn refuse_collection_tag(&mut self, tag: Option<&Tag>, expected: &str, span: &Characters) {
        let Some(tag) = tag else { return };
        if !tag::suits_collection(tag, expected) {
            let message = format!("unknown tag {}", quote(&tag::spelling(tag)));
            self.fault(span.clone(), message, Some("remove the tag".to_owned()));
        }
    }

    fn broken(&mut self, span: Characters) -> Part {
        let node = self.node(span, Kind::Broken);
        Part {
            node,
            value: Value::Null,
            weight: 1,
            height: 0,
        }
    }

    fn node(&mut self, span: Characters, kind: Kind) -> usize {
        self.nodes.push(Node { span, kind });
        self.nodes.len() - 1
    }

    fn fault(&mut self, span: Characters, message: String, hint: Option<String>) {
        self.reading.faults.push(RawFault {
            span,
            message,
            hint,
            first: None,
        });
    }
}

/// The key that a part in key position is: its text as it was written, whatever it would mean as a value.
fn key(
    scalar: Option<(&str, ScalarStyle)>,
    span: &Characters,
    entries: &[Entry],
    values: &Map<String, Value>,
) -> Result<String, RawFault> {
    let refuse = |message: String, hint: Option<&str>| {
        Err(RawFault {
            span: span.clone(),
            message,
            hint: hint.map(str::to_owned),
            first: None,
        })
    };
    let (text, style) = match scalar {
        Some(scalar) => scalar,
        None => {
            let hint = "if this is text, put it in quotes: braces, brackets and `*` mean something in YAML";
            return refuse("a key must be plain text".to_owned(), Some(hint));
        }
    };
    match (text, style) {
        ("", ScalarStyle::Plain) => refuse("a key is missing before `:`".to_owned(), None),
        ("<<", ScalarStyle::Plain) => refuse(
            "merge keys (`<<`) are not supported".to_owned(),
            Some("write the keys out"),
        ),
        _ if values.contains_key(text) => Err(RawFault {
            span: span.clone(),
            message: format!("duplicate key {}", quote(text)),
            hint: None,
            first: entries
                .iter()
                .find(|entry| entry.key == text)
                .map(|entry| entry.key_span.clone()),
        }),
        _ => Ok(text.to_owned()),
    }
}
