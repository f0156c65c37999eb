//! Where does the encoding's pattern split a text?
//!
//! The pattern of `o200k` has seven alternatives: a word of capitals then small letters,
//! with its contraction (in two forms), up to three digits, signs with the line ends behind
//! them, white space up to a line end, white space before a word, and any other white
//! space. Each is a function below, asked in the pattern's order. A regular expression
//! would backtrack; here each function knows how far its alternative gives back. Three
//! places are subtle:
//!
//! - A word may begin with one character that is no letter, digit or line end: ` world`,
//!   `$x`. A mark (an accent that stands alone) may be that character, or a word by itself.
//! - `FRONT* BACK+`: a letter without case belongs to both, so the front gives back as much
//!   as the back needs, down to the last such character.
//! - White space leaves its last character to the word behind it, unless a line end is
//!   among it.

use super::super::family::Encoding;
use super::classes::{BACK, Classes, FRONT, LETTER, NEWLINE, NUMBER, SPACE};

/// Splits a text as the regular expression of its encoding does, in one pass.
///
/// Every alternative of the pattern is a function below, greedy and backtracking as the
/// pattern would be. The pieces, one behind the other, are the whole text.
pub(in super::super) struct Splitter<'a> {
    classes: &'static Classes,
    encoding: Encoding,
    /// What is not split yet.
    rest: &'a str,
}

impl<'a> Splitter<'a> {
    pub(super) fn new(classes: &'static Classes, encoding: Encoding, text: &'a str) -> Self {
        Self { classes, encoding, rest: text }
    }

    /// What is not split yet.
    pub(in super::super) fn rest(&self) -> &'a str {
        self.rest
    }

    /// Bytes of the first piece of what is left; `None` at the end.
    fn end(&self) -> Option<usize> {
        let (kinds, length) = self.kinds(0)?;
        let found = match self.encoding {
            Encoding::O200k => self.cased_word(kinds, length),
            Encoding::Cl100k => self.contraction(0).or_else(|| self.word(kinds, length)),
        };
        let end = found
            .or_else(|| self.number(kinds))
            .or_else(|| self.signs())
            .unwrap_or_else(|| self.space(length));
        Some(end)
    }

    /// The kinds of the character at a byte, and its length in bytes; `None` at the end.
    #[inline]
    fn kinds(&self, at: usize) -> Option<(u8, usize)> {
        let byte = *self.rest.as_bytes().get(at)?;
        if byte < 0x80 {
            return Some((self.classes.ascii(byte), 1));
        }
        let character = self.rest.get(at..)?.chars().next()?;
        Some((self.classes.of(character), character.len_utf8()))
    }

    /// Where the characters end that are of one of those kinds, from that byte on.
    #[inline]
    fn run(&self, from: usize, kinds: u8) -> usize {
        let mut at = from;
        while let Some((found, length)) = self.kinds(at) {
            if found & kinds == 0 {
                break;
            }
            at = at.saturating_add(length);
        }
        at
    }

    /// `[^\r\n\p{L}\p{N}]?` and a word of capitals, then small letters, of which one part may be missing.
    fn cased_word(&self, kinds: u8, length: usize) -> Option<usize> {
        let is_prefix = kinds & (LETTER | NUMBER | NEWLINE) == 0;
        let from = if is_prefix { length } else { 0 };
        let (back, front_end) = self.word_from(from);
        let end = match back {
            Some(end) => end,
            // A mark may be the prefix of a word or a word of its own.
            None if is_prefix && kinds & BACK != 0 => self.word_from(0).0?,
            None if front_end > from => front_end,
            None => return None,
        };
        Some(self.contraction(end).unwrap_or(end))
    }

    /// The end of `FRONT* BACK+`, if it is there, and that of `FRONT*` alone.
    fn word_from(&self, from: usize) -> (Option<usize>, usize) {
        let mut at = from;
        let mut both_end = None;
        while let Some((kinds, length)) = self.kinds(at) {
            if kinds & FRONT == 0 {
                if kinds & BACK != 0 {
                    return (Some(self.run(at, BACK)), at);
                }
                break;
            }
            at = at.saturating_add(length);
            if kinds & BACK != 0 {
                both_end = Some(at);
            }
        }
        // The front gives back as much as the back needs: down to the last character that may be either.
        (both_end, at)
    }

    /// The end of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d` there, in any case.
    fn contraction(&self, at: usize) -> Option<usize> {
        let rest = self.rest.as_bytes().get(at..)?;
        let bytes = match rest {
            [b'\'', b's' | b'S' | b't' | b'T' | b'm' | b'M' | b'd' | b'D', ..] => 2,
            [b'\'', b'r' | b'R' | b'v' | b'V', b'e' | b'E', ..] | [b'\'', b'l' | b'L', b'l' | b'L', ..] => 3,
            // The long s is an s in another case.
            [b'\'', 0xc5, 0xbf, ..] => 3,
            _ => return None,
        };
        Some(at.saturating_add(bytes))
    }

    /// `[^\r\n\p{L}\p{N}]?+\p{L}++`: a word of `cl100k`, in any case.
    fn word(&self, kinds: u8, length: usize) -> Option<usize> {
        let from = if kinds & (LETTER | NUMBER | NEWLINE) == 0 { length } else { 0 };
        let end = self.run(from, LETTER);
        (end > from).then_some(end)
    }

    /// `\p{N}{1,3}`: at most three digits are one piece.
    fn number(&self, kinds: u8) -> Option<usize> {
        if kinds & NUMBER == 0 {
            return None;
        }
        let mut at = 0_usize;
        for _ in 0..3 {
            match self.kinds(at) {
                Some((kinds, length)) if kinds & NUMBER != 0 => at = at.saturating_add(length),
                _ => break,
            }
        }
        Some(at)
    }

    /// ` ?[^\s\p{L}\p{N}]+`, and the line ends behind it; of `o200k` slashes too.
    fn signs(&self) -> Option<usize> {
        let bytes = self.rest.as_bytes();
        let from = usize::from(bytes.first() == Some(&b' '));
        let mut at = from;
        while let Some((kinds, length)) = self.kinds(at) {
            if kinds & (SPACE | LETTER | NUMBER) != 0 {
                break;
            }
            at = at.saturating_add(length);
        }
        if at == from {
            return None;
        }
        let takes_slash = self.encoding == Encoding::O200k;
        let goes_on = |byte: u8| byte == b'\r' || byte == b'\n' || (takes_slash && byte == b'/');
        while bytes.get(at).is_some_and(|byte| goes_on(*byte)) {
            at = at.saturating_add(1);
        }
        Some(at)
    }

    /// White space: up to its last line end, else all but what may belong to the word behind it.
    fn space(&self, first: usize) -> usize {
        let (mut at, mut last, mut line_end) = (0_usize, 0, 0);
        while let Some((kinds, length)) = self.kinds(at) {
            if kinds & SPACE == 0 {
                break;
            }
            last = at;
            at = at.saturating_add(length);
            if kinds & NEWLINE != 0 {
                line_end = at;
            }
        }
        let is_end = at == self.rest.len();
        match self.encoding {
            Encoding::Cl100k if is_end => at,
            _ if line_end > 0 => line_end,
            _ if is_end => at,
            _ if last > 0 => last,
            _ => first,
        }
    }
}

impl<'a> Iterator for Splitter<'a> {
    type Item = &'a str;

    #[inline]
    fn next(&mut self) -> Option<&'a str> {
        let (piece, rest) = self.rest.split_at_checked(self.end()?)?;
        self.rest = rest;
        Some(piece)
    }
}
