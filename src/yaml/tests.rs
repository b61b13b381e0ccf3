//! Files of a made-up kind, from text to value or faults.

use std::sync::LazyLock;

use serde_json::json;

use self::recipe::{Action, Recipe};
use super::oracle::{assert_agrees, assert_known};
use super::{Shape, Source, Style, render};

mod documents;
#[expect(dead_code, reason = "the schema is what is under test")]
mod recipe;
mod robustness;
mod values;

static SHAPE: LazyLock<Shape<Recipe>> =
    LazyLock::new(|| Shape::new().with_format("span", check_span));

fn check_span(text: &str) -> Result<(), String> {
    match text.trim_end_matches(char::is_alphabetic) {
        "" => Err(format!("`{text}` does not begin with a number")),
        number if number.len() == text.len() => {
            Err("a duration needs a unit: `ms`, `s` or `m`".to_owned())
        }
        _ => Ok(()),
    }
}

/// What is wrong with a text, one fault a line, without the name of the file.
fn faults_of(text: &str) -> String {
    let faults = SHAPE
        .read_all(&Source::new("x", text))
        .err()
        .unwrap_or_default();
    let lines: Vec<_> = faults
        .iter()
        .map(|fault| fault.to_string()[2..].to_owned())
        .collect();
    lines.join("\n")
}

fn assert_faults(cases: &[(&str, &str, &str)]) {
    for (title, text, expected) in cases {
        assert_eq!(faults_of(text), *expected, "{title}");
    }
}

#[test]
fn a_sound_file_becomes_values() {
    let text = "# two of them\nname: a\nafter: {min: 1s, max: 2s}\nstep: {action: hang_up}\n\
        sizes: {5498: 8s, 1e3: 9s}\nseed: ~\n---\n---\nname: b\n";
    let values = SHAPE.read_all(&Source::new("x.yaml", text)).unwrap();
    let (document, first) = &values[0];
    assert_eq!(values.len(), 2, "the empty document is skipped");
    assert_eq!((first.name.as_str(), values[1].1.name.as_str()), ("a", "b"));
    assert_eq!(first.step.as_ref().unwrap().action, Action::HangUp);
    assert_eq!(first.sizes.keys().collect::<Vec<_>>(), ["1e3", "5498"]);
    assert_eq!((document.line(), values[1].0.line()), (2, 9));
}

#[test]
fn keys_are_checked() {
    assert_faults(&[
        (
            "all faults are reported at once, in reading order",
            "aftr: 3\nstep: {action: answer, to: 1}\ncopies: 99\n",
            "1:1: unknown key `aftr`; hint: did you mean `after`?\n\
             1:1: missing key `name`\n\
             2:24: unknown key `to`; hint: known keys are `action`, `after`, `prepares_for`\n\
             3:9: expected a whole number from 1 to 10, found `99`",
        ),
        (
            "a misspelt key is not missing as well",
            "nmae: b",
            "1:1: unknown key `nmae`; hint: did you mean `name`?",
        ),
        (
            "several missing keys are one fault, at the key of their mapping",
            "name: a\nlimits: {}",
            "2:1: missing keys `least` and `most`",
        ),
        (
            "a key that belongs deeper is shown its place",
            "name: a\naction: decline",
            "2:1: unknown key `action`; hint: `action` belongs under `step`",
        ),
        (
            "a key that belongs at the top is shown its place",
            "name: a\nstep:\n  action: answer\n  copies: 3",
            "4:3: unknown key `copies`; hint: `copies` belongs at the top level; check the indentation",
        ),
        (
            "documents before a fault of syntax are checked",
            "nam: a\n---\nname: [\n",
            "1:1: unknown key `nam`; hint: did you mean `name`?\n\
             4:1: expected a value; hint: close what was opened before; text with any of `{}[],` must be in quotes",
        ),
        (
            "a key left out by a fault is not missing as well",
            "<<: {}\nseed: .nan\n",
            "1:1: merge keys (`<<`) are not supported; hint: write the keys out\n\
             2:7: `.nan` is out of range for a number; hint: if it is meant as text, put it in quotes: `\".nan\"`",
        ),
    ]);
}

#[test]
fn faults_print_with_their_lines() {
    let text = "name: a\nafter: &slow {min: 1, max: 2s}\ncallee: {after: 3s}\nname: b\nstep:\n  after: *slow\n";
    let faults = SHAPE
        .read_all(&Source::new("scenarios/x.yaml", text))
        .unwrap_err();
    insta::assert_snapshot!(render(&faults, Style::Plain), @r"
    error: expected a duration such as `50ms`, found the number `1`
     --> scenarios/x.yaml:2:20
      |
    2 | after: &slow {min: 1, max: 2s}
      |                    ^
      |
      = hint: a duration needs a unit: `ms`, `s` or `m`

    error: unknown key `callee`
     --> scenarios/x.yaml:3:1
      |
    3 | callee: {after: 3s}
      | ^^^^^^
      |
      = hint: known keys are `after`, `any_of`, `clock`, `copies`, `description`, `in_turn`, `limits`, `mark`, `name`, `numbered`, `per_action`, `per_clock`, `priority`, `ratio`, `remove`, `seed`, `set`, `sizes`, `step`, `strict`

    error: duplicate key `name`
     --> scenarios/x.yaml:4:1
      |
    4 | name: b
      | ^^^^ given first on line 1

    error: missing key `action`
     --> scenarios/x.yaml:5:1
      |
    5 | step:
      | ^^^^
    ");
}

#[test]
fn keys_with_a_type_of_their_own_are_checked() {
    assert_faults(&[
        (
            "numbers",
            "name: a\nnumbered: {1: a, x: b}",
            "2:18: unknown key `x`; hint: a key must match `^\\d+$`",
        ),
        (
            "names",
            "name: a\nper_clock: {real: 1s, manua: 2s}",
            "2:23: expected one of `real`, `manual` as a key, found `manua`; hint: did you mean `manual`?",
        ),
        (
            "names that only the type knows",
            "name: a\nper_action: {hang_up: 1s, declin: 2s}",
            "2:13: expected one of `answer`, `decline`, `hang_up`, found `declin`",
        ),
    ]);
}

#[test]
fn what_is_wrong_with_the_use_of_an_alias_only_says_so() {
    let text = "name: a\nafter: &slow {min: 1s, max: 2s}\nin_turn: *slow\nstep: *slow\n";
    let faults = SHAPE.read_all(&Source::new("x.yaml", text)).unwrap_err();
    insta::assert_snapshot!(render(&faults, Style::Plain), @r"
    error: unknown key `min`
     --> x.yaml:2:15
      |
    2 | after: &slow {min: 1s, max: 2s}
      |               ^^^ as the alias on line 4 has it
      |
      = hint: `min` belongs under `after`

    error: unknown key `max`
     --> x.yaml:2:24
      |
    2 | after: &slow {min: 1s, max: 2s}
      |                        ^^^ as the alias on line 4 has it
      |
      = hint: `max` belongs under `after`

    error: expected a list, found a mapping
     --> x.yaml:3:10
      |
    3 | in_turn: *slow
      |          ^^^^^
      |
      = hint: begin each entry of the list with `- `

    error: missing key `action`
     --> x.yaml:4:1
      |
    4 | step: *slow
      | ^^^^
    ");
}

#[test]
fn an_option_is_no_union_with_null() {
    let properties = &SHAPE.schema()["properties"];
    assert_eq!(properties["after"]["$ref"], json!("#/$defs/Delay"));
    assert_eq!(properties["ratio"]["type"], json!("number"));
    assert_eq!(properties["seed"]["type"], json!(["integer", "null"]));
}

#[test]
fn documents_are_checked_as_their_schema_says() {
    let (schema, formats) = (SHAPE.schema(), SHAPE.formats());
    assert_known(schema, formats);
    assert_agrees(
        schema,
        formats,
        &[json!({
            "name": "a",
            "description": "for all",
            "priority": -3,
            "copies": 2,
            "after": { "min": "1s", "max": "2s" },
            "step": { "action": "hang_up", "after": { "median": "1s", "sigma": 0.5 }, "prepares_for": "1s" },
            "clock": "20x",
            "set": { "a": "b", "c": 1.5, "d": true },
            "sizes": { "5498": "8s" },
            "in_turn": [{ "action": "answer", "after": "1s" }, { "action": "decline" }],
            "remove": ["a", "b"],
            "seed": null,
            "strict": true,
            "ratio": 0.5,
            "mark": { "named": { "name": "x" } },
            "any_of": ["a", "b"],
            "limits": { "least": 1, "most": 2 },
            "numbered": { "1": "a" },
            "per_action": { "hang_up": "1s" },
            "per_clock": { "real": "1s" },
        })],
    );
}
