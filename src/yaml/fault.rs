//! One thing that is wrong with a text, and where.

use std::fmt;
use std::ops::Range;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::Source;

/// Whether a fault keeps the text from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// The text cannot be used.
    Error,
    /// The text can be used, though probably not as its author meant.
    Warning,
}

impl Severity {
    /// The word for it in messages.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One fault in a text, at a position, with a way out if one is known.
///
/// Its `Display` is one line: `scenarios/x.yaml:5:3: unknown key …; hint: …`.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// Whether the text can still be used.
    pub severity: Severity,
    /// The text.
    pub source: Source,
    /// The keys and indices that lead there, such as `in_turn[0].callee`; empty for a whole document,
    /// and where the text is no document.
    pub path: String,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// The part of the text at fault, in bytes; always on character boundaries.
    pub span: Range<usize>,
    /// A lowercase fragment: what was expected and what was found.
    pub message: String,
    /// A few words to print beneath the part at fault.
    pub label: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault that keeps the text from being used; `span` counts bytes.
    pub(crate) fn error(source: &Source, span: Range<usize>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, source, span, message.into())
    }

    #[cfg(test)]
    /// A fault that does not keep the text from being used; `span` counts bytes.
    pub(crate) fn warning(source: &Source, span: Range<usize>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, source, span, message.into())
    }

    fn new(severity: Severity, source: &Source, span: Range<usize>, message: String) -> Self {
        let span = source.clamp(span);
        let (line, column) = source.position(span.start);
        Self {
            severity,
            source: source.clone(),
            path: String::new(),
            line,
            column,
            span,
            message,
            label: None,
            hint: None,
        }
    }

    /// Prints a few words beneath the part at fault.
    #[must_use]
    pub(crate) fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says what to do about it, if that is known.
    #[must_use]
    pub(crate) fn with_hint_if(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }
}

/// Puts faults of one text in reading order and drops repetitions.
pub(super) fn in_reading_order(mut faults: Vec<Fault>) -> Vec<Fault> {
    // A fault without a label stands in the text itself; the same one with a label was met through an alias.
    faults.sort_by(|one, other| {
        let place = |fault: &Fault| (fault.span.start, fault.span.end);
        let rest = |fault: &Fault| (fault.message.clone(), fault.label.is_some());
        place(one)
            .cmp(&place(other))
            .then_with(|| rest(one).cmp(&rest(other)))
    });
    faults.dedup_by(|one, other| one.span == other.span && one.message == other.message);
    faults
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, line, column) = (&self.source.name, self.line, self.column);
        write!(formatter, "{name}:{line}:{column}: ")?;
        if self.severity == Severity::Warning {
            formatter.write_str("warning: ")?;
        }
        formatter.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(formatter, "; hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Fault", 6)?;
        fields.serialize_field("file", &*self.source.name)?;
        fields.serialize_field("line", &self.line)?;
        fields.serialize_field("column", &self.column)?;
        fields.serialize_field("severity", self.severity.as_str())?;
        fields.serialize_field("message", &self.message)?;
        fields.serialize_field("hint", &self.hint)?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault() -> Fault {
        let source = Source::new("scenarios/x.yaml", "name: a\naftr: 3s\n");
        Fault::error(&source, 8..12, "unknown key `aftr`").with_hint("did you mean `after`?")
    }

    #[test]
    fn a_fault_prints_as_one_line() {
        insta::assert_snapshot!(
            fault(),
            @"scenarios/x.yaml:2:1: unknown key `aftr`; hint: did you mean `after`?"
        );
    }

    #[test]
    fn a_fault_becomes_json_without_the_text_it_stands_in() {
        insta::assert_json_snapshot!(fault(), @r#"
        {
          "file": "scenarios/x.yaml",
          "line": 2,
          "column": 1,
          "severity": "error",
          "message": "unknown key `aftr`",
          "hint": "did you mean `after`?"
        }
        "#);
    }

    #[test]
    fn a_span_outside_the_text_is_brought_back_into_it() {
        let source = Source::new("x.yaml", "ü");
        let fault = Fault::error(&source, 1..99, "odd");
        assert_eq!((fault.span, fault.line, fault.column), (0..2, 1, 1));
    }
}
