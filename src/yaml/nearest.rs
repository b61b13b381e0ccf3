//! The name that was probably meant.

use std::borrow::Cow;

/// Longer names are not worth comparing: nobody mistypes one of ours into that.
const LONGEST: usize = 64;

/// The known name within a sensible edit distance of `name`.
///
/// Upper and lower case, and `-` and `_`, are alike. Of several names at the same distance the
/// first one wins. A name that is cut short (`desc` for `description`) counts too, if nothing is nearer.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.is_empty() || name.len() > LONGEST {
        return None;
    }
    let name = alike(name);
    let allowed = name.chars().count().max(3) / 3;
    let mut best: Option<(usize, &str)> = None;
    let mut longer: Option<&str> = None;
    for candidate in known {
        let other = alike(candidate);
        let distance = strsim::damerau_levenshtein(&name, &other);
        if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
        if longer.is_none() && name.len() >= 3 && other.starts_with(&*name) {
            longer = Some(candidate);
        }
    }
    best.map(|(_, candidate)| candidate).or(longer)
}

fn alike(name: &str) -> Cow<'_, str> {
    if name.contains(|letter: char| letter == '-' || letter.is_uppercase()) {
        Cow::Owned(name.to_lowercase().replace('-', "_"))
    } else {
        Cow::Borrowed(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_meant_is_found() {
        let known = [
            "after",
            "send",
            "copies",
            "copies_every",
            "description",
            "set",
        ];
        for (title, name, expected) in [
            ("a letter is missing", "aftr", Some("after")),
            ("two letters are swapped", "aftre", Some("after")),
            (
                "a hyphen stands for an underscore",
                "copies-every",
                Some("copies_every"),
            ),
            ("case does not matter", "AFTER", Some("after")),
            ("the nearer of two wins", "copie", Some("copies")),
            ("a name is cut short", "desc", Some("description")),
            ("a short name allows one mistake", "sed", Some("send")),
            ("nothing is near", "priority", None),
            ("a short name is not anything", "x", None),
            ("an empty name is nothing", "", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{title}");
        }
        assert_eq!(
            nearest(&"a".repeat(10_000), known),
            None,
            "a monster is not compared"
        );
    }
}
