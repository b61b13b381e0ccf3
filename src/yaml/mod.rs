//! Reading YAML that people write, with every fault at its place.
//!
//! One schema, generated from the Rust type that a document is read into, is the only truth about what may
//! stand in a file: it checks files, it is what editors are given, and it words the messages. A text goes
//! through these steps:
//!
//! 1. [`Source`]: the text and what to call it.
//! 2. [`Document`]: the parser's events become a JSON value and, beside it, the place of every part.
//! 3. [`Shape`]: the schema finds all violations in the value, each with a path.
//! 4. [`Fault`]: each violation becomes a message at the place of its path, with a hint.
//! 5. [`render()`]: faults as a person reads them in a terminal.
//!
//! The module knows nothing of what the files are about.
//!
//! # Wording
//!
//! Messages read "expected …, found …". What is expected is, first of these that there is: the schema's
//! `x-expected`; its literals; its description, if that begins with an article ("A duration such as
//! `50ms`."); what its type is called. A custom format ([`Shape::with_format`]) words the hint.

mod branch;
mod builder;
mod document;
mod expected;
mod explain;
mod fault;
mod hint;
mod nearest;
#[cfg(test)]
pub(crate) mod oracle;
mod refused;
mod render;
mod scalar;
mod schema;
mod shape;
mod source;
mod syntax;
mod tag;
#[cfg(test)]
mod tests;
mod tree;
mod violation;
mod words;

pub(crate) use self::document::Document;
pub(crate) use self::fault::{Fault, Severity};
pub(crate) use self::nearest::nearest;
pub(crate) use self::render::{Style, render};
pub(crate) use self::schema::schema_settings;
pub(crate) use self::shape::Shape;
pub(crate) use self::source::Source;
pub(crate) use self::violation::allows;
