//! How messages put things into words.

/// How much of a text of the user's a message repeats, in characters.
const LONGEST: usize = 60;

/// A literal between backticks: cut if long, without characters that would upset a terminal.
pub(super) fn quote(literal: &str) -> String {
    let mut quoted = String::from("`");
    for (at, letter) in literal.chars().enumerate() {
        if at == LONGEST {
            quoted.push('…');
            break;
        }
        if letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        {
            quoted.extend(letter.escape_default());
        } else {
            quoted.push(letter);
        }
    }
    quoted.push('`');
    quoted
}

/// The literal as YAML text in double quotes, between backticks.
pub(super) fn quote_as_text(literal: &str) -> String {
    let escaped = literal.replace('\\', "\\\\").replace('"', "\\\"");
    quote(&format!("\"{escaped}\""))
}

/// Names between backticks, the last two joined by `last`; the rest counted if there are too many.
pub(super) fn list<'a>(
    names: impl IntoIterator<Item = &'a str>,
    last: &str,
    most: usize,
) -> String {
    let quoted: Vec<String> = names.into_iter().map(quote).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., end] if quoted.len() <= most => format!("{}{last}{end}", first.join(", ")),
        _ => {
            let more = quoted.len() - most;
            format!("{} and {more} more", quoted[..most].join(", "))
        }
    }
}

/// `1 entry`, `2 entries`.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_quoted_safely() {
        assert_eq!(quote("a\u{1b}[31m\nb"), "`a\\u{1b}[31m\\nb`");
        assert_eq!(quote(&"x".repeat(99)), format!("`{}…`", "x".repeat(60)));
        assert_eq!(quote_as_text("a\"b"), "`\"a\\\"b\"`");
    }

    #[test]
    fn lists_read_like_prose() {
        for (names, expected) in [
            (&["a"][..], "`a`"),
            (&["a", "b"], "`a` or `b`"),
            (&["a", "b", "c"], "`a`, `b` or `c`"),
            (&["a", "b", "c", "d", "e"], "`a`, `b`, `c` and 2 more"),
        ] {
            assert_eq!(list(names.iter().copied(), " or ", 3), expected);
        }
    }
}
