//! A text with a name, and the way from offsets to lines and columns.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// A text and what to call it in messages: its path as the user gave it, or `<built-in>/x.yaml`.
#[derive(Clone)]
pub(crate) struct Source {
    /// What messages call the text.
    pub name: Arc<str>,
    /// The whole text, as it was read.
    pub text: Arc<str>,
    index: Arc<OnceLock<Index>>,
}

impl Source {
    /// Names a text.
    pub(crate) fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
            index: Arc::default(),
        }
    }

    /// The line and column of a byte offset, both counted from 1, the column in characters.
    pub(super) fn position(&self, byte: usize) -> (usize, usize) {
        let index = self.index();
        let line = index.line_of(byte);
        let start = index.line_starts[line];
        let column = index.char_of(&self.text, byte) - index.char_of(&self.text, start);
        (line + 1, column + 1)
    }

    /// The byte range of a range counted in characters.
    pub(super) fn bytes_of(&self, characters: Range<usize>) -> Range<usize> {
        let index = self.index();
        let start = index.byte_of(&self.text, characters.start);
        let end = index.byte_of(&self.text, characters.end.max(characters.start));
        start..end
    }

    /// The byte range of the line, without its line break, in which a byte offset lies.
    pub(super) fn line_around(&self, byte: usize) -> Range<usize> {
        let index = self.index();
        let line = index.line_of(byte);
        let start = index.line_starts[line];
        let end = index
            .line_starts
            .get(line + 1)
            .map_or(self.text.len(), |next| next - 1);
        let end = start + self.text[start..end].trim_end_matches('\r').len();
        start..end
    }

    /// The nearest range that can be cut out of the text: in bounds and on character boundaries.
    pub(super) fn clamp(&self, span: Range<usize>) -> Range<usize> {
        let start = boundary_before(&self.text, span.start);
        let end = boundary_before(&self.text, span.end);
        start..end.max(start)
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| Index::of(&self.text))
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Source").field(&self.name).finish()
    }
}

/// Bytes between two counts of characters.
///
/// The smaller, the more memory; the larger, the more text is looked at for each position.
const STRIDE: usize = 1024;

/// Built for the first fault only: a text without faults is never scanned for positions.
struct Index {
    /// Byte offsets at which lines start; never empty.
    line_starts: Vec<usize>,
    /// How many characters start before each multiple of [`STRIDE`]; never empty.
    characters: Vec<usize>,
}

impl Index {
    fn of(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0)
            .chain(breaks.map(|(at, _)| at + 1))
            .collect();
        let mut characters = vec![0];
        let mut count = 0;
        for stride in text.as_bytes().chunks(STRIDE) {
            count += starts(stride);
            characters.push(count);
        }
        Self {
            line_starts,
            characters,
        }
    }

    fn line_of(&self, byte: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= byte) - 1
    }

    fn char_of(&self, text: &str, byte: usize) -> usize {
        let stride = byte.min(text.len()) / STRIDE;
        let from = stride * STRIDE;
        self.characters[stride] + starts(&text.as_bytes()[from..byte.min(text.len())])
    }

    fn byte_of(&self, text: &str, character: usize) -> usize {
        let stride = self.characters.partition_point(|count| *count <= character) - 1;
        let from = stride * STRIDE;
        // A character that started earlier is counted there.
        let from = (from..text.len())
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(text.len());
        let rest = character - self.characters[stride];
        text[from..]
            .char_indices()
            .nth(rest)
            .map_or(text.len(), |(at, _)| from + at)
    }
}

fn boundary_before(text: &str, byte: usize) -> usize {
    let byte = byte.min(text.len());
    (0..=byte)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

/// How many characters start in a slice of UTF-8.
fn starts(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| (**byte as i8) >= -0x40).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_and_columns_count_from_one_and_in_characters() {
        let source = Source::new("x.yaml", "å: 1\r\nbb: ü2\n");
        for (title, byte, expected) in [
            ("the very start", 0, (1, 1)),
            ("after a character of two bytes", 2, (1, 2)),
            ("the start of the second line", 7, (2, 1)),
            ("past two bytes of one character", 13, (2, 6)),
            ("the empty line after the last line break", 15, (3, 1)),
        ] {
            assert_eq!(source.position(byte), expected, "{title}");
        }
        assert_eq!(&source.text[source.line_around(3)], "å: 1");
    }

    proptest! {
        #[test]
        fn offsets_in_characters_and_bytes_agree(text in "(?s).{0,300}", copies in 1usize..12) {
            let text = text.repeat(copies);
            let source = Source::new("x.yaml", text.as_str());
            for (character, (byte, _)) in text.char_indices().enumerate() {
                prop_assert_eq!(source.bytes_of(character..character).start, byte);
                prop_assert_eq!(source.index().char_of(&text, byte), character);
            }
            prop_assert_eq!(source.bytes_of(0..usize::MAX), 0..text.len());
        }
    }
}
