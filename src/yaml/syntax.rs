//! What the parser says about broken syntax, in words that help.

use saphyr_parser::ScanError;

use super::words::{quote, quote_as_text};
use super::{Fault, Source};

/// The fault for what the parser refused.
pub(super) fn fault(source: &Source, error: &ScanError) -> Fault {
    let at = error.marker().index();
    let span = source.bytes_of(at..at + 1);
    let line = source.line_around(span.start);
    let text = &source.text[line.clone()];

    let indentation = text.len() - text.trim_start_matches([' ', '\t']).len();
    if let Some(tab) = text[..indentation].find('\t') {
        let tab = line.start + tab;
        return Fault::error(source, tab..tab + 1, "a tab in the indentation")
            .with_hint("indent with spaces");
    }
    if error.info().contains("mapping values are not allowed")
        && let Some(fault) = missing_space_before(source, line.start)
    {
        return fault;
    }
    // Past the end of the line if the parser stumbles over the second half of its break.
    let start = span.start.min(line.end);
    let span = start..span.end.clamp(start, line.end);
    let rest = &source.text[start..line.end];
    let (message, hint) = explain(error.info(), text, rest);
    Fault::error(source, span, message).with_hint_if(hint)
}

/// `after:3s` is text, which goes on in the next line until a key there breaks it.
fn missing_space_before(source: &Source, line_start: usize) -> Option<Fault> {
    let before = source.text[..line_start].trim_end();
    let line = source.line_around(before.len());
    let text = source.text[line.clone()].trim();
    let repaired = missing_space(text)?;
    let start = line.end - source.text[line.clone()].trim_start().len();
    let fault = Fault::error(
        source,
        start..start + text.len(),
        "expected a space after the colon",
    );
    Some(fault.with_hint(format!("write {}", quote(&repaired))))
}

/// What was meant by what the parser calls broken; `rest` is the line from there on.
fn explain(info: &str, line: &str, rest: &str) -> (String, Option<String>) {
    if info.starts_with("unexpected character") {
        let first: String = rest.chars().take(1).collect();
        let message = format!("text cannot begin with {}", quote(&first));
        return (message, Some(in_quotes(rest)));
    }
    if info.contains("unknown anchor") {
        let alias = rest.split([' ', ',', ']', '}']).next().unwrap_or(rest);
        let message = format!("alias {} without an anchor", quote(alias));
        return (message, Some(in_quotes(rest)));
    }
    if info.contains("simple key expect") || info.contains("did not find expected key") {
        let hint = match missing_space(line.trim()) {
            Some(repaired) => format!("put a space after the colon: {}", quote(&repaired)),
            None => "check the indentation of this line and of the one before".to_owned(),
        };
        return ("expected a key and `:`".to_owned(), Some(hint));
    }
    match KNOWN.iter().find(|(part, ..)| info.contains(part)) {
        Some((_, message, "")) => ((*message).to_owned(), None),
        Some((_, message, hint)) => ((*message).to_owned(), Some((*hint).to_owned())),
        None => {
            // The parser begins many a message with what it was busy with.
            let told = info
                .split_once(", ")
                .filter(|(doing, _)| doing.starts_with("while "));
            let told = told.map_or(info, |(_, told)| told);
            (format!("broken YAML: {told}"), None)
        }
    }
}

const INDENTATION: &str = "check the indentation of this line";
const UNCLOSED: &str = "close what was opened before; text with any of `{}[],` must be in quotes";

/// A part of the parser's message, ours for it, and a hint or nothing; the first that fits counts.
const KNOWN: &[(&str, &str, &str)] = &[
    (
        "scanning an anchor or alias",
        "an anchor or alias without a name",
        "text that begins with `*` or `&` must be in quotes",
    ),
    (
        "mapping values are not allowed",
        "a second `: ` in one entry",
        "put text that contains `: ` in quotes; if it is a key, check the indentation of this line",
    ),
    (
        "scalar, found unexpected end of stream",
        "a quoted text is not closed",
        "add the closing quote",
    ),
    (
        "scalar, found unexpected document",
        "a quoted text is not closed",
        "add the closing quote",
    ),
    (
        "indentation in quoted",
        "a quoted text is not closed, or goes on with too little indentation",
        "add the closing quote",
    ),
    (
        "trailing content after double-quoted",
        "text after a closing quote",
        "write a quote inside single quotes twice, inside double quotes as `\\\"`",
    ),
    (
        "unknown escape",
        "unknown escape in double quotes",
        "use single quotes, or write `\\\\` for a backslash",
    ),
    ("expected ',' or '}'", "expected `,` or `}`", UNCLOSED),
    ("expected ',' or ']'", "expected `,` or `]`", UNCLOSED),
    (
        "illegal placement of ':'",
        "`:` cannot stand here",
        UNCLOSED,
    ),
    ("expected node content", "expected a value", UNCLOSED),
    (
        "indentation in flow",
        "too little indentation inside `[…]` or `{…}`",
        UNCLOSED,
    ),
    (
        "expected '-' indicator",
        "expected `-` and a list entry",
        INDENTATION,
    ),
    (
        "expected <document start>",
        "expected the end of the document or `---`",
        INDENTATION,
    ),
    (
        "block sequence entries are not allowed",
        "a list entry (`- `) cannot stand here",
        INDENTATION,
    ),
    ("invalid indentation", "unexpected indentation", INDENTATION),
    (
        "misplaced bracket",
        "a closing bracket without an opening one",
        "",
    ),
    (
        "unprintable character",
        "an unprintable character",
        "remove it, or write it as an escape in double quotes",
    ),
    ("recursion limit", "nested too deeply", ""),
    ("tab", "a tab where only spaces may stand", "use spaces"),
];

fn in_quotes(rest: &str) -> String {
    let text = rest.split(" #").next().unwrap_or(rest);
    format!(
        "if it is meant as text, put it in quotes: {}",
        quote_as_text(text.trim_end())
    )
}

/// `after: 3s` for `after:3s`, if that is what a text looks like.
pub(super) fn missing_space(text: &str) -> Option<String> {
    let (key, value) = text.split_once(':')?;
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    let plausible = !key.is_empty()
        && key.chars().all(is_name)
        && !value.is_empty()
        && !value.starts_with([' ', '/', ':']);
    plausible.then(|| format!("{key}: {value}"))
}

#[cfg(test)]
mod tests {
    use crate::yaml::{Document, Source};

    #[test]
    fn classic_mistakes_get_a_hint() {
        for (title, text, expected) in [
            (
                "a tab",
                "a:\n\tb: 1",
                "2:1: a tab in the indentation; hint: indent with spaces",
            ),
            (
                "no space after a colon",
                "a:b\nc: 1",
                "1:1: expected a space after the colon; hint: write `a: b`",
            ),
            (
                "a colon in text",
                "a: b: c",
                "1:5: a second `: ` in one entry; hint: put text that contains `: ` in quotes; if it is a key, check the indentation of this line",
            ),
            (
                "an at sign",
                "a: @b # c",
                "1:4: text cannot begin with `@`; hint: if it is meant as text, put it in quotes: `\"@b\"`",
            ),
            (
                "a wildcard",
                "a: *-b",
                "1:4: alias `*-b` without an anchor; hint: if it is meant as text, put it in quotes: `\"*-b\"`",
            ),
            (
                "a wildcard alone",
                "a: *",
                "1:4: an anchor or alias without a name; hint: text that begins with `*` or `&` must be in quotes",
            ),
            (
                "a quote that is not closed at the end",
                "a: 'b",
                "1:4: a quoted text is not closed; hint: add the closing quote",
            ),
            (
                "a quote that is not closed",
                "a: 'b\nc: 1",
                "1:4: a quoted text is not closed, or goes on with too little indentation; hint: add the closing quote",
            ),
            (
                "an apostrophe in quotes",
                "a: 'it's'",
                "1:8: text after a closing quote; hint: write a quote inside single quotes twice, inside double quotes as `\\\"`",
            ),
            (
                "a backslash",
                "a: \"\\d\"",
                "1:4: unknown escape in double quotes; hint: use single quotes, or write `\\\\` for a backslash",
            ),
            (
                "a list that is not closed",
                "a: [1\nb: 2",
                "2:2: `:` cannot stand here; hint: close what was opened before; text with any of `{}[],` must be in quotes",
            ),
            (
                "less indentation than before",
                "a:\n  b: 1\n c: 2",
                "3:2: expected a key and `:`; hint: check the indentation of this line and of the one before",
            ),
            (
                "a list entry among keys",
                "a: 1\n- b",
                "2:3: expected a key and `:`; hint: check the indentation of this line and of the one before",
            ),
            (
                "a list on the line of its key",
                "a: - b",
                "1:4: a list entry (`- `) cannot stand here; hint: check the indentation of this line",
            ),
            (
                "a key without a value",
                "a: 1\nb\nc: 2",
                "3:1: expected a key and `:`; hint: check the indentation of this line and of the one before",
            ),
        ] {
            let faults = Document::parse_all(&Source::new("x", text)).unwrap_err();
            let lines: Vec<_> = faults
                .iter()
                .map(|fault| fault.to_string()[2..].to_owned())
                .collect();
            assert_eq!(lines.join("\n"), expected, "{title}");
        }
    }
}
