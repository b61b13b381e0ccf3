//! What YAML means, and where its parts stand.

use serde_json::{Value, json};

use crate::yaml::{Document, Source};

fn source(text: &str) -> Source {
    Source::new("x", text)
}

#[test]
fn documents_have_the_values_that_yaml_gives_them() {
    for (title, text, expected) in [
        ("an empty file", "", json!([])),
        ("only comments", "# a\n\n# b\n", json!([])),
        (
            "empty documents are skipped",
            "---\n---\na: 1\n---\n# end\n",
            json!([{"a": 1}]),
        ),
        ("but null is not empty", "~\n", json!([null])),
        (
            "a byte order mark is no content",
            "\u{feff}a: 1",
            json!([{"a": 1}]),
        ),
        (
            "line breaks of Windows",
            "a: 1\r\nb:\r\n- c\r\n",
            json!([{"a": 1, "b": ["c"]}]),
        ),
        (
            "keys are what is written",
            "123: a\n1e3: b\ntrue: c\nnull: d\n0x1F: e\n'~': f",
            json!([{"123": "a", "1e3": "b", "true": "c", "null": "d", "0x1F": "e", "~": "f"}]),
        ),
        (
            "quotes make text",
            "[1, '1', \"1\"]",
            json!([[1, "1", "1"]]),
        ),
        (
            "tags of the core schema are heeded",
            "[!!str 1, !!float 1, ! 1, !!seq [], !!int 3]",
            json!([["1", 1, "1", [], 3]]),
        ),
        (
            "aliases are copies",
            "a: &x {b: [1]}\nc: *x\nd: *x",
            json!([{"a": {"b": [1]}, "c": {"b": [1]}, "d": {"b": [1]}}]),
        ),
        (
            "block text",
            "a: |\n  x\n   y\nb: >-\n  x\n  y\n",
            json!([{"a": "x\n y\n", "b": "x y"}]),
        ),
        ("a list of pairs", "[a: 1, b]", json!([[{"a": 1}, "b"]])),
    ] {
        let documents = Document::parse_all(&source(text)).unwrap();
        let values: Vec<_> = documents
            .into_iter()
            .map(|document| document.value)
            .collect();
        assert_eq!(Value::from(values), expected, "{title}");
    }
}

#[test]
fn yaml_that_has_no_value_is_refused_where_it_stands() {
    let deep = format!("a: {}", "[".repeat(99));
    for (title, text, expected) in [
        (
            "a duplicate key",
            "a: 1\nb: {c: 1, c: 2}\na: 3",
            "2:11: duplicate key `c`\n3:1: duplicate key `a`",
        ),
        (
            "keys that differ in quotes only",
            "a: 1\n\"a\": 2",
            "2:1: duplicate key `a`",
        ),
        (
            "a list as a key",
            "? [a]\n: 1",
            "1:3: a key must be plain text; hint: if this is text, put it in quotes: braces, brackets and `*` mean something in YAML",
        ),
        (
            "a template",
            "a: {{ b }}",
            "1:5: a key must be plain text; hint: if this is text, put it in quotes: braces, brackets and `*` mean something in YAML",
        ),
        ("no key", ": 1", "1:1: a key is missing before `:`"),
        (
            "a merge key",
            "<<: {a: 1}",
            "1:1: merge keys (`<<`) are not supported; hint: write the keys out",
        ),
        (
            "a tag of one's own",
            "a: !b c",
            "1:4: unknown tag `!b`; hint: text that begins with `!` must be in quotes",
        ),
        (
            "a tag of one's own on a list",
            "a: !b [c]",
            "1:4: unknown tag `!b`; hint: remove the tag",
        ),
        (
            "a tag that does not suit",
            "!!int x",
            "1:1: unknown tag `!!int`; hint: remove the tag, or write a value that suits it",
        ),
        (
            "a number out of range",
            "[1, -.inf]",
            "1:5: `-.inf` is out of range for a number; hint: if it is meant as text, put it in quotes: `\"-.inf\"`",
        ),
        (
            "too deep",
            deep.as_str(),
            "1:67: nested deeper than 64 levels",
        ),
        (
            "an alias inside itself",
            "&a [*a]",
            "1:5: an alias inside the very part that it stands for",
        ),
        (
            "an alias into another document",
            "a: &b 1\n---\nc: *b",
            "3:4: the anchor of this alias is in another document",
        ),
    ] {
        let faults = Document::parse_all(&source(text)).unwrap_err();
        let lines: Vec<_> = faults
            .iter()
            .map(|fault| fault.to_string()[2..].to_owned())
            .collect();
        assert_eq!(lines.join("\n"), expected, "{title}");
    }
}

#[test]
fn a_duplicate_key_names_the_line_of_the_first() {
    let faults = Document::parse_all(&source("a: 1\nb: 2\na: 3")).unwrap_err();
    assert_eq!(faults[0].label.as_deref(), Some("given first on line 1"));
}

#[test]
fn pointers_lead_to_places() {
    let text = "a: &x\n  - b: 1\n    'c/d~': {e: 0x2}\nf: *x\ng:\nä: [ö, ü]";
    let document = &Document::parse_all(&source(text)).unwrap()[0];
    for (title, pointer, value, key) in [
        ("the root", "", (1, 1), (1, 1)),
        ("a list in block style", "/a", (1, 4), (1, 1)),
        ("a mapping in a list", "/a/0", (2, 5), (2, 5)),
        ("an entry", "/a/0/b", (2, 8), (2, 5)),
        (
            "a key that needs escapes",
            "/a/0/c~1d~0/e",
            (3, 17),
            (3, 14),
        ),
        ("an alias", "/f", (4, 4), (4, 1)),
        ("through an alias", "/f/0/b", (2, 8), (2, 5)),
        ("a value that is not written", "/g", (5, 1), (5, 1)),
        ("columns count characters", "/ä/1", (6, 8), (6, 8)),
        ("nowhere, but in a mapping", "/a/0/z/z", (2, 5), (2, 5)),
        ("nowhere in a list", "/ä/7", (6, 4), (6, 4)),
    ] {
        let at = document.fault_at(pointer, "");
        let at_key = document.fault_at_key(pointer, "");
        assert_eq!((at.line, at.column), value, "{title}");
        assert_eq!((at_key.line, at_key.column), key, "the key of {title}");
    }
    assert_eq!(document.source_text("/f/0/c~1d~0/e"), Some("0x2"));
    assert_eq!(document.source_text("/a"), None);
    assert_eq!(document.source_text("/nowhere"), None);
}
