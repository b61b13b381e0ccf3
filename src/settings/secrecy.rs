//! Keeps secrets out of faults, also out of the lines of the file that are shown with them.

use std::ops::Range;

use serde_json::Value;

use crate::yaml::{Document, Fault, Source, nearest};

const SECRET_KEYS: [&str; 2] = ["api_secret", "token"];

/// Stands for every secret, whatever its length: that is part of the secret.
const STARS: &str = "********";

/// A misspelt key has a secret for a value all the same.
fn is_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    ["secret", "token"].iter().any(|word| key.contains(word))
        || nearest(&key, SECRET_KEYS).is_some()
}

/// Takes secrets out of faults of one text.
pub(super) fn censor(faults: Vec<Fault>) -> Vec<Fault> {
    let Some(source) = faults.first().map(|fault| fault.source.clone()) else {
        return faults;
    };
    let secrets = secrets_of(&source);
    if secrets.is_empty() {
        return faults;
    }
    let masked = Masked::new(&source, &secrets);
    faults
        .into_iter()
        .map(|fault| masked.fault(censored(fault, &secrets)))
        .collect()
}

fn censored(mut fault: Fault, secrets: &[Range<usize>]) -> Fault {
    let (start, end) = (fault.span.start, fault.span.end);
    if secrets.iter().any(|secret| secret.contains(&start)) {
        // Whether it is a syntax error or the wrong type, the message is likely to quote the value.
        fault.message = "expected a secret of at least one character".to_owned();
        fault.hint =
            Some("if it is a number or has special characters, put it in quotes".to_owned());
    } else if secrets
        .iter()
        .any(|secret| secret.start < end && start < secret.end)
    {
        if let Some(at) = fault.message.find(", found ") {
            fault.message.truncate(at);
        }
        fault.hint = None;
    }
    fault
}

/// Where secrets stand in a text, in bytes.
fn secrets_of(source: &Source) -> Vec<Range<usize>> {
    let text = &*source.text;
    let mut secrets = secrets_in_text(text);
    for document in Document::salvage(source).documents {
        let mut pointers = Vec::new();
        secrets_in_value(&document.value, String::new(), false, &mut pointers);
        secrets.extend(pointers.iter().filter_map(|pointer| {
            let written = document.source_text(pointer)?;
            let start = written.as_ptr() as usize - text.as_ptr() as usize;
            Some(start..start + written.len())
        }));
    }
    secrets.retain(|secret| !secret.is_empty());
    secrets
}

fn secrets_in_value(value: &Value, pointer: String, secret: bool, found: &mut Vec<String>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                let name = key.replace('~', "~0").replace('/', "~1");
                let secret = secret || is_secret(key);
                secrets_in_value(value, format!("{pointer}/{name}"), secret, found);
            }
        }
        Value::Array(entries) => {
            for (at, value) in entries.iter().enumerate() {
                secrets_in_value(value, format!("{pointer}/{at}"), secret, found);
            }
        }
        _ if secret => found.push(pointer),
        _ => {}
    }
}

/// Finds secrets by the look of their keys: what is broken or given twice is in no document.
fn secrets_in_text(text: &str) -> Vec<Range<usize>> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut secrets = Vec::new();
    for (colon, _) in text.match_indices(':') {
        let before = text[..colon].trim_end_matches([' ', '\t', '"', '\'']);
        let key = before
            .char_indices()
            .rev()
            .take_while(|(_, c)| is_name(*c))
            .last()
            .map_or("", |(at, _)| &before[at..]);
        // After anything else it is no key but, say, the host in a URL.
        let begins_a_key = |c: char| c.is_whitespace() || "{[,\"'".contains(c);
        let stands_as_key = before[..before.len() - key.len()]
            .chars()
            .next_back()
            .is_none_or(begins_a_key);
        if stands_as_key && is_secret(key) {
            let line = before.rfind('\n').map_or(0, |at| at + 1);
            let column = before.len() - key.len() - line;
            secrets.push(value_after(
                text,
                colon + 1,
                column,
                before[line..].contains('{'),
            ));
        }
    }
    secrets
}

/// The value that begins after a key's colon, as far as it can be told without understanding the text.
fn value_after(text: &str, colon: usize, column: usize, in_braces: bool) -> Range<usize> {
    let start = colon + (text[colon..].len() - text[colon..].trim_start_matches([' ', '\t']).len());
    let rest = &text[start..];
    let line_end = rest.find('\n').unwrap_or(rest.len());
    let length = match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => rest[1..].find(quote).map_or(rest.len(), |at| at + 2),
        Some('|' | '>' | '\n' | '\r' | '#') | None => {
            let below = rest.get(line_end + 1..).unwrap_or_default();
            let is_deeper = |line: &&str| {
                let indent = line.len() - line.trim_start().len();
                line.trim().is_empty() || indent > column
            };
            let block = below.split_inclusive('\n').take_while(is_deeper);
            let length: usize = block.map(str::len).sum();
            (line_end + 1 + length).min(rest.len())
        }
        Some(_) if in_braces => rest.find([',', '}', '\n']).unwrap_or(rest.len()),
        Some(_) => line_end,
    };
    start..start + length
}

/// A text with stars instead of secrets. A secret of several lines keeps its lines, so that every other
/// line keeps its number.
struct Masked {
    source: Source,
    /// What the stars stand for in the text as it was, in order.
    hidden: Vec<Range<usize>>,
}

impl Masked {
    fn new(source: &Source, secrets: &[Range<usize>]) -> Self {
        let hidden = hidden(&source.text, secrets);
        let mut text = String::with_capacity(source.text.len());
        let mut shown_until = 0;
        for part in &hidden {
            text.extend([&source.text[shown_until..part.start], STARS]);
            shown_until = part.end;
        }
        text += &source.text[shown_until..];
        Self {
            source: Source::new(source.name.clone(), text),
            hidden,
        }
    }

    /// The same fault in the text with stars, also its column: it would tell how long a secret before it is.
    fn fault(&self, fault: Fault) -> Fault {
        let span = self.place(fault.span.start, 0)..self.place(fault.span.end, STARS.len());
        Fault {
            severity: fault.severity,
            label: fault.label,
            ..Fault::error(&self.source, span, fault.message).with_hint_if(fault.hint)
        }
    }

    /// Where a byte of the text as it was is now; for one that is hidden, `within` its stars.
    fn place(&self, at: usize, within: usize) -> usize {
        let (mut taken, mut given) = (0, 0);
        for part in self.hidden.iter().take_while(|part| part.start < at) {
            if at < part.end {
                return part.start - taken + given + within;
            }
            taken += part.len();
            given += STARS.len();
        }
        at - taken + given
    }
}

/// What of each line belongs to a secret, without the space around it.
fn hidden(text: &str, secrets: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut secrets = secrets.to_vec();
    secrets.sort_by_key(|secret| secret.start);
    let mut hidden: Vec<Range<usize>> = Vec::new();
    for secret in secrets {
        let mut start = secret.start;
        for line in text[secret].split_inclusive('\n') {
            let from = start + line.len() - line.trim_start().len();
            let to = from + line.trim().len();
            start += line.len();
            match hidden.last_mut() {
                Some(last) if from <= last.end => last.end = last.end.max(to),
                _ if from < to => hidden.push(from..to),
                _ => {}
            }
        }
    }
    hidden
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::check_config;
    use crate::yaml::{Style, render};

    #[test]
    fn no_fault_shows_a_secret() {
        for (title, text) in [
            ("a number", "projects:\n  - api_secret: 7734\n"),
            (
                "a number in braces",
                "projects: [{ api_secret: 7734, nam: x }]",
            ),
            ("a broken quote", "projects:\n  - api_secret: \"7734\n"),
            ("a bad escape", "projects:\n  - api_secret: \"\\q7734\"\n"),
            ("a bad start", "projects:\n  - api_secret: @7734\n"),
            ("a colon", "projects:\n  - api_secret: a: 7734\n"),
            (
                "given twice",
                "projects:\n  - api_secret: a\n    api_secret: 7734\n",
            ),
            ("a misspelt key", "projects:\n  - api_secrt: 7734\n"),
            ("a misplaced key", "api_secret: 7734\n"),
            ("a mapping", "projects:\n  - api_secret: { x: 7734 }\n"),
            ("a list", "projects:\n  - api_secret: [7734]\n"),
            ("a mapping of projects", "projects: { api_secret: 7734 }"),
            ("text for a list", "projects: 'api_secret: 7734'"),
            (
                "json",
                r#"{"projects": [{"api_secret": 7734}, {"api_secret":"7734",}], "x": "#,
            ),
            (
                "a block",
                "projects:\n  - api_secret: |\n      7734\n    nam: x\n  - : }\n",
            ),
            (
                "below the key",
                "projects:\n  - api_secret:\n      7734\n  - : }\n",
            ),
            ("a tag", "projects:\n  - api_secret: !x 7734\n"),
            ("too long a number", "projects:\n  - api_secret: 7734e999\n"),
            ("the token", "control:\n  token: 7734\n"),
            ("a misspelt token", "control: { tokn: '7734', x: 1 }"),
            (
                "an alias",
                "projects:\n  - api_secret: &a 7734\n  - api_secret: *a\n",
            ),
        ] {
            let faults = check_config(&Source::new("x.yaml", text));
            assert!(!faults.is_empty(), "{title}");
            for fault in &faults {
                let shown = format!("{fault} {}", serde_json::to_string(fault).unwrap());
                assert!(!shown.contains("7734"), "{title}: {shown}");
            }
            let shown = render(&faults, Style::Plain);
            assert!(!shown.contains("7734"), "{title}: {shown}");
        }
    }

    #[test]
    fn the_rest_of_the_line_is_still_shown() {
        let text = "projects: [{ api_secret: 'hünter, 2', nam: x }]";
        let fault = check_config(&Source::new("x.yaml", text)).remove(1);
        assert_eq!(&fault.source.text[fault.span], "nam");
    }

    #[test]
    fn no_fault_shows_how_long_a_secret_is() {
        let shown = |secret: &str| {
            let texts = [
                format!("projects: [{{ api_secret: {secret}, nam: x }}]"),
                format!("projects:\n  - api_secret: |\n      {secret}\n    nam: x\n"),
                format!("projects:\n  - api_secret: {{ x: {secret} }}\n    nam: x\n"),
            ];
            texts.map(|text| {
                let faults = check_config(&Source::new("x.yaml", text));
                let lines: Vec<_> = faults.iter().map(Fault::to_string).collect();
                format!("{lines:#?}\n{}", render(&faults, Style::Plain))
            })
        };
        let short = shown("'7'");
        assert!(short.iter().all(|text| text.contains(STARS)), "{short:#?}");
        assert_eq!(short, shown("'hünter2 and a few words more'"));
    }
}
