//! Texts that nobody would write on purpose.

use proptest::prelude::*;
use serde_json::Value;

use super::{SHAPE, faults_of};
use crate::yaml::{Document, Source, Style, render};

fn read_and_render(text: &str) {
    let source = Source::new("x.yaml", text);
    if let Err(faults) = SHAPE.read_all(&source) {
        assert!(!faults.is_empty());
        assert!(
            faults
                .iter()
                .all(|fault| fault.line >= 1 && fault.column >= 1)
        );
        let _ = render(&faults, Style::Plain);
    }
}

#[test]
fn monstrous_texts_are_refused_in_time() {
    let bomb: String = (1..40)
        .map(|n| format!("a{n}: &a{n} [*a{0}, *a{0}, *a{0}]\n", n - 1))
        .collect();
    for (title, text) in [
        ("lists in lists", "[".repeat(100_000)),
        ("mappings in mappings", "{a: ".repeat(100_000)),
        ("lists in lists on one line", "- ".repeat(100_000)),
        ("keys of keys", "? ".repeat(100_000)),
        ("an alias bomb", format!("a0: &a0 [1, 2, 3]\n{bomb}")),
        (
            "an alias deep within",
            format!(
                "a0: &a0 {}{}\na: {}*a0{}",
                "[".repeat(40),
                "]".repeat(40),
                "[".repeat(40),
                "]".repeat(40)
            ),
        ),
        ("a long key", format!("{}: 1", "k".repeat(100_000))),
        (
            "many unknown keys",
            (0..2000).map(|n| format!("key{n}: 1\n")).collect(),
        ),
        (
            "many wrong entries",
            format!("remove:\n{}", "- 1\n".repeat(2000)),
        ),
    ] {
        let text: String = text;
        assert!(!faults_of(&text).is_empty(), "{title}");
        read_and_render(&text);
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(?s).{0,200}") {
        read_and_render(&text);
    }

    #[test]
    fn nothing_like_yaml_makes_it_panic(pieces in proptest::collection::vec(piece(), 0..40)) {
        read_and_render(&pieces.concat());
    }

    #[test]
    fn json_is_read_as_what_it_is(value in json_value()) {
        let source = Source::new("x.yaml", value.to_string());
        let documents = Document::parse_all(&source).unwrap();
        prop_assert_eq!(&documents[0].value, &value);
    }
}

fn piece() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "name",
        "after",
        "step",
        "min",
        "action",
        "sizes",
        ": ",
        ":",
        "\n",
        "\n  ",
        "\n    ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "&a ",
        "*a",
        "!x ",
        "!!str ",
        "!!int ",
        "? ",
        "|\n",
        ">-\n",
        "'",
        "\"",
        "\\",
        "#",
        " # x",
        "\t",
        "\r\n",
        "---\n",
        "...\n",
        "%YAML 1.2\n",
        "\u{feff}",
        "null",
        "~",
        "1e400",
        ".nan",
        "0x10",
        "99999999999999999999",
        "true",
        "é",
        "\u{1f600}",
        "\u{0}",
        "\u{85}",
        "<<",
        "@",
        "`",
        "a",
        "3s",
        "5498f04048fa",
    ])
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~äß]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-z~/]{0,4}", inner, 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}
