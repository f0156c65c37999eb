//! What kind of character is it, by the tables that the pattern itself uses?
//!
//! The pattern speaks in Unicode classes (`\p{Lu}`, `\s`). Another library's tables may be
//! of another version of Unicode, and a letter that is new in one of them would split a
//! text in two ways. So the parser behind the pattern is asked for its own ranges, once,
//! and a byte of flags is written down for each character. A look-up is then one index
//! instead of a search in ranges.

use regex_syntax::hir::{Class, HirKind};

/// A letter or mark that may stand in the front of a word: `\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}`.
pub(super) const FRONT: u8 = 1;
/// One that may stand in its back: `\p{Ll}\p{Lm}\p{Lo}\p{M}`.
pub(super) const BACK: u8 = 2;
/// `\p{L}`.
pub(super) const LETTER: u8 = 4;
/// `\p{N}`.
pub(super) const NUMBER: u8 = 8;
/// `\s`.
pub(super) const SPACE: u8 = 16;
/// `[\r\n]`.
pub(super) const NEWLINE: u8 = 32;

/// The kinds of every character, a byte for each: a megabyte.
pub(super) struct Classes {
    kinds: Vec<u8>,
}

/// One past the last character.
const CHARACTERS: usize = 0x11_0000;

impl Classes {
    /// Asks the parser behind the pattern for each class, so that both are of one version of Unicode.
    pub(super) fn new() -> Self {
        let mut classes = Self { kinds: vec![0; CHARACTERS] };
        for (pattern, kind) in [
            (r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", FRONT),
            (r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]", BACK),
            (r"\p{L}", LETTER),
            (r"\p{N}", NUMBER),
            (r"\s", SPACE),
            (r"[\r\n]", NEWLINE),
        ] {
            classes.mark(pattern, kind);
        }
        classes
    }

    /// Sets a flag for all characters of a class. A class that cannot be parsed marks
    /// nothing; a test asks for each.
    fn mark(&mut self, pattern: &str, kind: u8) {
        let Ok(parsed) = regex_syntax::parse(pattern) else { return };
        let HirKind::Class(Class::Unicode(class)) = parsed.kind() else { return };
        for range in class.ranges() {
            let (from, to) = (index(range.start()), index(range.end()));
            for known in self.kinds.get_mut(from..=to).into_iter().flatten() {
                *known |= kind;
            }
        }
    }

    /// The kinds of an ASCII character.
    #[inline]
    pub(super) fn ascii(&self, byte: u8) -> u8 {
        self.kinds.get(usize::from(byte)).copied().unwrap_or(0)
    }

    /// The kinds of any character.
    #[inline]
    pub(super) fn of(&self, character: char) -> u8 {
        self.kinds.get(index(character)).copied().unwrap_or(0)
    }
}

fn index(character: char) -> usize {
    usize::try_from(u32::from(character)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_was_read() {
        let classes = Classes::new();
        let expected = [
            ('a', BACK | LETTER),
            ('A', FRONT | LETTER),
            ('我', FRONT | BACK | LETTER),
            ('\u{301}', FRONT | BACK),
            ('7', NUMBER),
            ('½', NUMBER),
            (' ', SPACE),
            ('\u{3000}', SPACE),
            ('\n', SPACE | NEWLINE),
            ('!', 0),
            ('😀', 0),
        ];
        for (character, kinds) in expected {
            assert_eq!(classes.of(character), kinds, "{character:?}");
        }
    }
}
