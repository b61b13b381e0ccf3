//! Values that are not what the type expects.

use super::{assert_faults, faults_of};

#[test]
fn values_are_checked() {
    assert_faults(&[
        (
            "a name that is none of those there are",
            "name: a\nstep: {action: declin}",
            "2:16: expected one of `answer`, `hang_up`, `decline`, found `declin`; hint: did you mean `decline`?",
        ),
        (
            "a number where text is expected",
            "name: a\ndescription: 0x10",
            "2:14: expected text, found the number `0x10`; hint: put it in quotes: `\"0x10\"`",
        ),
        (
            "a word that YAML takes for something else",
            "name: a\ndescription: True",
            "2:14: expected text, found `True`; hint: put it in quotes: `\"True\"`",
        ),
        (
            "a name that means something else",
            "name: null",
            "1:7: expected a name in kebab-case, found nothing; hint: remove the key or give it a value",
        ),
        (
            "quotes are no help against a pattern",
            "name: 3",
            "1:7: expected a name in kebab-case, found the number `3`",
        ),
        (
            "a pattern with the type's own wording",
            "name: A b",
            "1:7: expected a name in kebab-case, found `A b`",
        ),
        (
            "a list where a mapping is expected",
            "name: a\nstep: [x]",
            "2:7: expected a mapping with `action`, found a list",
        ),
        (
            "text where a mapping is expected",
            "name: a\nstep: action:decline",
            "2:7: expected a mapping with `action`, found the text `action:decline`; hint: put a space after the colon: `action: decline`",
        ),
        (
            "a mapping where a list is expected",
            "name: a\nin_turn: {action: answer}",
            "2:10: expected a list, found a mapping; hint: begin each entry of the list with `- `",
        ),
        (
            "one entry where a list is expected",
            "name: a\nremove: b",
            "2:9: expected a list, found the text `b`; hint: put it in a list: `[b]`",
        ),
        (
            "an empty list",
            "name: a\nin_turn: []",
            "2:10: expected at least 1 entry, found an empty list",
        ),
        (
            "an entry twice",
            "name: a\nremove: [b, c, b]",
            "2:16: duplicate entry `b`",
        ),
        (
            "an entry of nothing",
            "name: a\nin_turn:\n  - action: answer\n  -\n",
            "4:4: expected a mapping with `action`, found nothing; hint: remove the entry or give it a value",
        ),
        (
            "a number in quotes",
            "name: a\ncopies: '3'",
            "2:9: expected a whole number from 1 to 10, found the text `3`; hint: remove the quotes: `3`",
        ),
        (
            "a fraction",
            "name: a\ncopies: 1.5",
            "2:9: expected a whole number from 1 to 10, found `1.5`",
        ),
        (
            "a bool of YAML 1.1",
            "name: a\nstrict: yes",
            "2:9: expected `true` or `false`, found the text `yes`; hint: write `true`",
        ),
        (
            "an optional key is not nullable",
            "name: a\nratio:",
            "2:1: expected a number, found nothing; hint: remove the key or give it a value",
        ),
        ("unless it says so", "name: a\nseed:\n", ""),
        (
            "what only the type refuses",
            "name: a\npriority: 99999999999",
            "2:11: expected a whole number in range, found the number `99999999999`",
        ),
        (
            "a whole number written as a fraction",
            "name: a\ncopies: 2.0",
            "2:9: expected a whole number, found the number `2.0`",
        ),
        ("an empty file has no documents", "# nothing\n", ""),
        (
            "a file of text",
            "name:foo",
            "1:1: expected a mapping with `name`, found the text `name:foo`; hint: put a space after the colon: `name: foo`",
        ),
        (
            "a fault in what an alias stands for is one fault",
            "name: a\nin_turn: [&s {action: x}, *s]",
            "2:23: expected one of `answer`, `hang_up`, `decline`, found `x`",
        ),
    ]);
}

#[test]
fn values_of_several_forms_are_checked_against_the_form_meant() {
    let delay = "a duration such as `50ms`, a mapping with `min` and `max`, or a mapping with `median` and `sigma`";
    for (title, text, expected) in [
        ("a number", "3", format!("1:20: expected {delay}, found the number `3`; hint: a duration needs a unit: `ms`, `s` or `m`")),
        ("a list", "[1]", format!("1:20: expected {delay}, found a list")),
        ("nothing", "", format!("1:11: expected {delay}, found nothing; hint: remove the key or give it a value")),
        ("an empty mapping", "{}", format!("1:20: expected {delay}, found an empty mapping")),
        ("a foreign mapping", "{a: b}", format!("1:20: expected {delay}, found a mapping with `a`")),
        ("text", "x", "1:20: expected a duration such as `50ms`, found `x`; hint: `x` does not begin with a number".to_owned()),
        ("half a mapping", "{min: 1s}", "1:11: missing key `max`".to_owned()),
        ("a misspelt mapping", "{sgma: 1}", "1:11: missing key `median`\n1:21: unknown key `sgma`; hint: did you mean `sigma`?".to_owned()),
        ("a fault inside", "{median: 1s, sigma: -1}", "1:40: expected a number of at least 0, found `-1`".to_owned()),
        ("a part without a value", "{min: 1e999, max: 1s}", "1:26: `1e999` is out of range for a number; hint: if it is meant as text, put it in quotes: `\"1e999\"`".to_owned()),
    ] {
        assert_eq!(faults_of(&format!("{{name: a, after:   {text}}}")), expected, "{title}");
    }
    assert_faults(&[
        (
            "names and a pattern",
            "name: a\nclock: maual",
            "2:8: expected `real`, `manual`, or a speed such as `20x`, found `maual`; hint: did you mean `manual`?",
        ),
        (
            "any scalar",
            "name: a\nset: {a: 1, b: [1]}",
            "2:16: expected text, a number, or `true` or `false`, found a list",
        ),
        (
            "an entry of the form meant",
            "name: a\nany_of: [3]",
            "2:10: expected text, found the number `3`; hint: put it in quotes: `\"3\"`",
        ),
        (
            "an enum with contents",
            "name: a\nmark: {cont: 3}",
            "2:8: unknown key `cont`; hint: did you mean `count`?",
        ),
        (
            "contents of an enum",
            "name: a\nmark: {count: x}",
            "2:15: expected a whole number from 0 to 255, found the text `x`",
        ),
        (
            "two of its variants at once",
            "name: a\nmark: {count: 3, named: {name: x}}",
            "2:18: unknown key `named`; hint: the only known key is `count`",
        ),
    ]);
}
