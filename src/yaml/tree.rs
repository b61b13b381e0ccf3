//! What is known of a text once its YAML is read: values, and the place of every part.

use std::ops::Range;

use saphyr_parser::ScanError;
use serde_json::Value;

/// A range of the text, counted in characters, as the parser counts.
pub(super) type Characters = Range<usize>;

/// Where one part of a document stands.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) span: Characters,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// `written` is false where there is no text at all, as after `key:`.
    Scalar {
        written: bool,
    },
    Sequence(Vec<usize>),
    /// `whole` is false if an entry had to be left out, which is a fault already reported.
    /// Entries are in the order of their keys.
    Mapping {
        entries: Vec<Entry>,
        whole: bool,
    },
    /// Stands for another node.
    Alias(usize),
    /// Has no value, which is a fault already reported.
    Broken,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Characters,
    pub(super) node: usize,
}

/// One document: its value, and its nodes, found by number.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) value: Value,
    pub(super) nodes: Vec<Node>,
    pub(super) root: usize,
}

/// A fault whose place is still counted in characters.
#[derive(Debug)]
pub(super) struct RawFault {
    pub(super) span: Characters,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// Where the same key was given first, for a duplicate.
    pub(super) first: Option<Characters>,
}

/// What could be read of a text.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) trees: Vec<Tree>,
    pub(super) faults: Vec<RawFault>,
    /// The fault of syntax after which nothing could be read.
    pub(super) syntax: Option<ScanError>,
}
