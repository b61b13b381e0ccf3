//! Faults as a person reads them in a terminal: message, snippet, hint.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Fault, Severity};

/// How faults are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Text only.
    Plain,
    /// With the escape sequences of a terminal that shows colours.
    Coloured,
}

/// Prints each fault with the line it stands in, an empty line between two.
///
/// Colours only repeat what the words say.
pub(crate) fn render(faults: &[Fault], style: Style) -> String {
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    };
    let reports: Vec<String> = faults
        .iter()
        .map(|fault| renderer.render(&[group(fault)]) + "\n")
        .collect();
    reports.join("\n")
}

fn group(fault: &Fault) -> Group<'_> {
    let level = match fault.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let (window, within) = window(fault);
    let snippet = Snippet::source(&fault.source.text[window])
        .path(&*fault.source.name)
        .line_start(fault.line)
        .annotation(
            AnnotationKind::Primary
                .span(within)
                .label(fault.label.as_deref()),
        );
    let group = level.primary_title(&*fault.message).element(snippet);
    match &fault.hint {
        Some(hint) => group.element(Level::HELP.with_name("hint").message(&**hint)),
        None => group,
    }
}

/// The line to show, and where in it the fault stands.
///
/// Only the first line of a longer part is shown: a mapping of thirty lines says no more.
fn window(fault: &Fault) -> (Range<usize>, Range<usize>) {
    let line = fault.source.line_around(fault.span.start);
    let start = fault.span.start.min(line.end);
    let end = fault.span.end.clamp(start, line.end);
    (line.clone(), start - line.start..end - line.start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::Source;

    fn faults() -> Vec<Fault> {
        let source = Source::new("x.yaml", "name: a\nnotify:\n  aftr: 3s\n  copies: zwölf\n");
        vec![
            Fault::error(&source, 18..22, "unknown key `aftr`").with_hint("did you mean `after`?"),
            Fault::warning(&source, 37..43, "`zwölf` is not a number").with_label("German"),
        ]
    }

    #[test]
    fn faults_print_with_snippet_and_hint() {
        insta::assert_snapshot!(render(&faults(), Style::Plain), @r"
    error: unknown key `aftr`
     --> x.yaml:3:3
      |
    3 |   aftr: 3s
      |   ^^^^
      |
      = hint: did you mean `after`?

    warning: `zwölf` is not a number
     --> x.yaml:4:11
      |
    4 |   copies: zwölf
      |           ^^^^^ German
    ");
    }

    #[test]
    fn colours_add_nothing_but_escape_sequences() {
        let coloured = render(&faults(), Style::Coloured);
        assert!(coloured.contains("\u{1b}["), "{coloured:?}");
        assert!(coloured.contains("did you mean `after`?"), "{coloured:?}");
    }

    #[test]
    fn a_fault_at_the_end_of_an_empty_text_prints_too() {
        let fault = Fault::error(&Source::new("x.yaml", ""), 0..0, "no scenario in this file");
        insta::assert_snapshot!(render(&[fault], Style::Plain), @r"
    error: no scenario in this file
     --> x.yaml:1:1
      |
    1 |
      | ^
    ");
    }
}
