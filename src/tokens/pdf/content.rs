//! How much text does a page's stream show?
//!
//! A letter is one byte or two in a code of the page's own font, which nobody looks up here. So text is held by the
//! bytes of its strings: half a token for a small Latin letter or a blank, and for each byte of a code in hexadecimal, of
//! which most are two; a whole token for any other byte. Prose has four or five letters a token, a table of numbers
//! two digits, Chinese one sign of two bytes: a guess on the safe side of all of them. Letters without a sense, such
//! as base64, come to three quarters a byte on some vocabularies, which is why a capital counts whole.

use memchr::{memchr2, memmem};

/// The strings of a stream, pushed in pieces.
#[derive(Debug, Default)]
pub(super) struct ShownText {
    /// Half tokens of strings.
    halves: u64,
    /// Hexadecimal digits of codes: two are a byte, and half a token.
    digits: u64,
    /// How often it shows a drawing or an image: a name with those letters counts as one more.
    drawn: u64,
    /// Where in a string or a code the last piece ended: a stream is shown in pieces.
    state: TextState,
    /// A piece ended between the two letters of that word.
    is_half_drawn: bool,
}

/// Where in a page's stream the reader stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum TextState {
    #[default]
    Outside,
    /// Behind one `<`: of a code, or the first of two.
    Angle,
    Code,
    /// In a string, so many of its brackets deep.
    Text(u32),
    /// Behind a stroke in it.
    Stroke(u32),
    /// Behind a number in it, of which so many digits may follow.
    Octal(u32, u8),
}

impl ShownText {
    /// Half tokens of a string's bytes, without its brackets.
    pub(super) fn text(bytes: &[u8]) -> u64 {
        let mut shown = Self { state: TextState::Text(0), ..Self::default() };
        shown.push(bytes);
        shown.halves()
    }

    /// Half tokens of all that was shown.
    pub(super) fn halves(&self) -> u64 {
        self.halves.saturating_add(self.digits.div_ceil(2))
    }

    pub(super) fn drawn(&self) -> u64 {
        self.drawn
    }

    /// Reads a further piece of the stream.
    ///
    /// Outside of strings only brackets matter, so these are searched for and the rest is
    /// passed over.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.state == TextState::Outside {
                let at = memchr2(b'(', b'<', bytes);
                self.draw(bytes.get(..at.unwrap_or(bytes.len())).unwrap_or_default());
                let Some(at) = at else { return };
                let found = bytes.get(at).copied();
                self.state = if found == Some(b'(') { TextState::Text(0) } else { TextState::Angle };
                bytes = bytes.get(at.saturating_add(1)..).unwrap_or_default();
            }
            let mut read = 0_usize;
            for byte in bytes {
                read = read.saturating_add(1);
                self.state = self.step(*byte);
                if self.state == TextState::Outside {
                    break;
                }
            }
            bytes = bytes.get(read..).unwrap_or_default();
        }
    }

    /// Counts what operators draw.
    fn draw(&mut self, operators: &[u8]) {
        const DRAW: &[u8] = b"Do";
        let rest = u64::from(self.is_half_drawn && operators.first() == Some(&b'o'));
        let found = u64::try_from(memmem::find_iter(operators, DRAW).count()).unwrap_or(u64::MAX);
        self.drawn = self.drawn.saturating_add(rest).saturating_add(found);
        self.is_half_drawn = operators.last() == Some(&b'D');
    }

    /// Counts one byte inside a string or a code, and says what follows.
    fn step(&mut self, byte: u8) -> TextState {
        match self.state {
            TextState::Outside => TextState::Outside,
            TextState::Angle if byte == b'<' => TextState::Outside,
            TextState::Angle | TextState::Code => match byte {
                b'>' => TextState::Outside,
                // It was none: in a comment, or among the bytes of an image.
                b'(' => TextState::Text(0),
                _ => {
                    self.digits = self.digits.saturating_add(u64::from(byte.is_ascii_hexdigit()));
                    TextState::Code
                }
            },
            TextState::Octal(depth, left) if left > 0 && byte.is_ascii_digit() => {
                TextState::Octal(depth, left.saturating_sub(1))
            }
            TextState::Stroke(depth) => {
                self.halves = self.halves.saturating_add(2);
                if byte.is_ascii_digit() { TextState::Octal(depth, 2) } else { TextState::Text(depth) }
            }
            TextState::Text(depth) | TextState::Octal(depth, _) => match byte {
                b'\\' => TextState::Stroke(depth),
                b')' if depth == 0 => TextState::Outside,
                _ => {
                    self.halves = self.halves.saturating_add(weight(byte));
                    match byte {
                        b'(' => TextState::Text(depth.saturating_add(1)),
                        b')' => TextState::Text(depth.saturating_sub(1)),
                        _ => TextState::Text(depth),
                    }
                }
            },
        }
    }
}

/// Half tokens of one byte; a zero is the upper half of a code of two.
fn weight(byte: u8) -> u64 {
    match byte {
        0 => 0,
        b' ' | b'a'..=b'z' => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn halves(pieces: &[&[u8]]) -> u64 {
        shown(pieces).halves()
    }

    fn shown(pieces: &[&[u8]]) -> ShownText {
        let mut shown = ShownText::default();
        pieces.iter().for_each(|piece| shown.push(piece));
        shown
    }

    #[test]
    fn a_letter_is_half_a_token_and_a_digit_a_whole_one() {
        // Five letters; five digits.
        assert_eq!(halves(&[b"BT /F1 12 Tf (hello) Tj ET"]), 5);
        assert_eq!(halves(&[b"[(12)-120(345)] TJ"]), 10);
        // Two codes of two bytes: four bytes of half a token; the dictionary is none.
        assert_eq!(halves(&[b"/Span <</MCID 0>> BDC <00480065> Tj"]), 4);
        // A bracket that is escaped, one that is nested, and a number of three digits: 1 + 2 + 1 + 2 + 1 + 2 + 2.
        assert_eq!(halves(&[br"(a\)b(c)\101) Tj"]), 11);
        // The upper halves of two codes weigh nothing.
        assert_eq!(halves(&[b"(\0h\0e) Tj"]), 2);
        assert_eq!(halves(&[b"1 0 0 1 72 720 cm"]), 0);
        // A capital is a whole one; a bracket in a comment hides no text.
        assert_eq!(halves(&[b"(Ab) Tj"]), 3);
        assert_eq!(halves(&[b"% <\n(hello) Tj"]), 5);
    }

    #[test]
    fn text_is_the_same_wherever_it_is_cut_into_pieces() {
        let stream = br"(a\)b(c)\101) Tj /Fm0 Do <</A 1>> <0048> Tj (12) Tj /Fm1 Do";
        let whole = halves(&[stream]);
        for at in 0..stream.len() {
            let (before, after) = stream.split_at(at);
            assert_eq!((halves(&[before, after]), shown(&[before, after]).drawn()), (whole, 2), "{at}");
        }
    }
}
