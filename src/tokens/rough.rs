//! How many tokens is a text without any vocabulary: most likely, and at most?
//!
//! A vocabulary has megabytes. What is carried here in 60 kilobytes are facts about two of
//! them: which 18,000 common words are one token, which pairs and triples of letters are,
//! how often a character repeats in one token, how many tokens can begin in a character
//! beyond ASCII. A text is read once, split as the encoding's pattern splits it as far as
//! ASCII goes:
//!
//! - A known word is one token, exactly.
//! - Of anything else `most` counts the longest cut that a vocabulary could leave
//!   ([`cuts`]): a cut in which two neighbours are a token together cannot be the result.
//! - Nothing is more tokens than bytes.
//!
//! For example, `"What is the tallest mountain?"`: `What`, ` is`, ` the` and ` mountain`
//! are known, the sign is a token, and ` tallest` is cut into four at most. So `most` is 9.
//! `expected` takes two eighths of a token for each of its seven letters, and rounds 54
//! eighths up to 7. The vocabulary says 6.
//!
//! The invariant: `most` is never below what the vocabulary makes of a text. Where nothing
//! is known about a place (a mark, a digit of another script, a contraction), any cut is
//! allowed, and the bound gets wider.

mod cuts;
mod known;
mod space;
mod straddling;

use cuts::Cuts;
use known::{Form, Known};

use super::family::Encoding;

/// What a text comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tokens {
    /// Most likely so many; never above `most`.
    pub(super) expected: u64,
    /// At most so many: no text was found that is more tokens of its encoding.
    pub(super) most: u64,
}

impl Tokens {
    /// Adds another text; returns what was expected of the other.
    pub(super) fn add(&mut self, other: Self) -> u64 {
        self.expected = self.expected.saturating_add(other.expected);
        self.most = self.most.saturating_add(other.most);
        other.expected
    }

    /// What there may be beyond so many millionths of what is expected.
    ///
    /// A family that makes fewer tokens of a text than was counted does so of the texts that were recorded: of
    /// what was not counted it is not trusted to.
    pub(super) fn beyond(self, ppm: u32) -> u64 {
        if self.most == self.expected {
            return 0;
        }
        let scaled = |tokens: u64, ppm: u32| tokens.saturating_mul(u64::from(ppm));
        let most = scaled(self.most, ppm.max(1_000_000));
        most.saturating_sub(scaled(self.expected, ppm)).div_ceil(1_000_000)
    }
}

/// Reads a text once, and finds its tokens by facts about the encoding that fit in 60 kB.
///
/// A common word is exactly one token. For everything else `most` counts the longest cut
/// that a vocabulary could leave ([`cuts`]), a character that is not ASCII by the tokens
/// that can begin in it, and nothing at more than its bytes. So prose of rare words, code
/// in capitals, and other alphabets come out wider than they are, and no text too low.
pub(super) fn tokens(encoding: Encoding, text: &str) -> Tokens {
    let mut reader = TextReader {
        encoding,
        text,
        bytes: text.as_bytes(),
        cuts: Cuts::new(Known::facts(encoding)),
        eighths: 0,
    };
    let mut at = 0;
    while let Some(byte) = reader.byte(at) {
        let end = match byte {
            b'0'..=b'9' => reader.digits(at),
            b'\t'..=b'\r' | b' ' => reader.space(at),
            0x80.. => reader.character(at),
            _ if byte.is_ascii_alphabetic() => {
                let before = reader.before(at);
                reader.word(at, before)
            }
            _ => reader.signs(at),
        };
        // Every reading takes a character at least.
        at = end.max(at.wrapping_add(1));
    }
    reader.cuts.close(0);
    let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
    let most = reader.cuts.most().min(bytes);
    Tokens { expected: reader.eighths.div_ceil(8).min(most), most }
}

/// The state of one reading.
struct TextReader<'a> {
    encoding: Encoding,
    text: &'a str,
    bytes: &'a [u8],
    /// The most tokens so far.
    cuts: Cuts,
    /// Eighths of a token, most likely.
    eighths: u64,
}

/// What stands before a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// A piece has ended.
    Clean,
    /// A blank, which belongs to the word.
    Blank,
    /// A sign that may be in one piece with the word.
    Sign,
    /// Perhaps the first letters belong to the apostrophe.
    Apostrophe,
    Unknown,
}

impl TextReader<'_> {
    /// The byte at a place; `None` at the end.
    #[inline]
    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// The end of the bytes from there on of which that holds.
    #[inline]
    fn run(&self, at: usize, is_in: impl Fn(u8) -> bool) -> usize {
        let rest = self.bytes.get(at..).unwrap_or_default();
        at.wrapping_add(rest.iter().take_while(|byte| is_in(**byte)).count())
    }

    /// Adds to what is expected.
    fn likely(&mut self, eighths: u64) {
        self.eighths = self.eighths.saturating_add(eighths);
    }

    /// What stands before a word that begins there.
    fn before(&self, at: usize) -> Before {
        let back = |count: usize| at.checked_sub(count).and_then(|at| self.byte(at));
        match back(1) {
            None | Some(b'\n' | b'\r' | b'0'..=b'9') => Before::Clean,
            Some(b' ') => Before::Blank,
            Some(b'\'') => Before::Apostrophe,
            Some(b'\t' | b'!'..=b'~') => Before::Sign,
            Some(0x80..) if self.text.get(..at).is_some_and(|text| text.ends_with(PREFIXES)) => Before::Sign,
            Some(_) => Before::Unknown,
        }
    }

    /// Reads letters, and the contraction behind them; returns where they end.
    ///
    /// In `o200k` a capital behind a small letter begins a piece: `camelCase` is two.
    fn word(&mut self, at: usize, before: Before) -> usize {
        let first = if before == Before::Blank { at.wrapping_add(1) } else { at };
        let end = self.run(first, |byte| byte.is_ascii_alphabetic());
        let contraction = self.contraction(end);
        let is_end = match self.byte(end) {
            Some(0x80..) => self.text.get(end..).is_some_and(|rest| rest.starts_with(is_mark_of_text)),
            _ => true,
        };
        let (mut from, mut before) = (at, before);
        loop {
            let letters = if before == Before::Blank { from.wrapping_add(1) } else { from };
            let to = if self.encoding == Encoding::O200k { self.hump(letters, end) } else { end };
            self.letters(from, letters..to, before, is_end || to < end);
            if to >= end {
                break;
            }
            (from, before) = (to, Before::Clean);
        }
        if contraction > end {
            // Its apostrophe and letters are one token; one that begins before may reach into it.
            self.cuts.open(1);
            self.likely(8);
        } else if is_end {
            self.cuts.close(0);
        }
        contraction
    }

    /// Where the letters end before a capital that stands behind a small one.
    fn hump(&self, from: usize, end: usize) -> usize {
        let letters = self.bytes.get(from..end).unwrap_or_default();
        let turn = letters.windows(2).position(|two| matches!(two, [b'a'..=b'z', b'A'..=b'Z']));
        turn.map_or(end, |at| from.wrapping_add(at).wrapping_add(1))
    }

    /// Counts the letters of one piece: as a known word, or by cuts.
    ///
    /// `is_end`: the piece ends with these letters, so that what is known of the word
    /// applies.
    fn letters(&mut self, from: usize, letters: std::ops::Range<usize>, before: Before, is_end: bool) {
        let word = self.bytes.get(letters.clone()).unwrap_or_default();
        let form = match before {
            _ if !is_end => None,
            Before::Blank => Some(Form::Blank),
            Before::Clean => Some(Form::Bare),
            Before::Sign => Some(Form::Joined),
            Before::Apostrophe | Before::Unknown => None,
        };
        if form.is_some_and(|form| Known::is_one(word, form)) {
            self.cuts.close(1);
            self.likely(8);
            return;
        }
        match before {
            Before::Clean | Before::Blank => self.cuts.close(0),
            _ => self.cuts.forget(),
        }
        let piece = self.bytes.get(from..letters.end).unwrap_or_default();
        for (place, byte) in piece.iter().enumerate() {
            self.cuts.push(*byte);
            // `'s` and `'re` may end a piece.
            if before == Before::Apostrophe && place < 2 {
                self.cuts.forget();
            }
        }
        let length = u64::try_from(word.len()).unwrap_or(u64::MAX);
        let is_small = word.iter().skip(1).all(u8::is_ascii_lowercase);
        self.likely(if is_small { length.saturating_mul(2).max(8) } else { length.saturating_mul(3).max(8) });
    }

    /// The end of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d` behind a word, else where it would begin.
    fn contraction(&self, at: usize) -> usize {
        let bytes = match self.bytes.get(at..).unwrap_or_default() {
            [b'\'', b's' | b't' | b'm' | b'd', ..] => 2,
            [b'\'', b'r' | b'v', b'e', ..] | [b'\'', b'l', b'l', ..] => 3,
            _ => 0,
        };
        at.wrapping_add(bytes)
    }

    /// Reads digits: three are a piece, and a token.
    fn digits(&mut self, at: usize) -> usize {
        let end = self.run(at, |byte| byte.is_ascii_digit());
        let length = u64::try_from(end.wrapping_sub(at)).unwrap_or(u64::MAX);
        let is_foreign = |at: Option<usize>| at.and_then(|at| self.byte(at)).is_some_and(|byte| byte >= 0x80);
        // A digit of another script may share the first piece, or the last.
        let shared =
            u64::from(is_foreign(at.checked_sub(1))).saturating_add(u64::from(is_foreign(Some(end))));
        self.cuts.close(length.div_ceil(3).saturating_add(shared));
        self.likely(length.div_ceil(3).saturating_mul(8));
        end
    }

    /// Reads signs, and characters that do not print.
    fn signs(&mut self, at: usize) -> usize {
        let end = self.run(at, is_sign);
        if at.checked_sub(1).and_then(|before| self.byte(before)) != Some(b' ') {
            self.cuts.forget();
        }
        let is_line = at.checked_sub(1).and_then(|before| self.byte(before)).is_some_and(is_line_end);
        let mut from = at;
        // Slashes at the start of a line may belong to the signs of the line before.
        if is_line {
            let slashes = self.run(at, |byte| byte == b'/');
            from = self.repeated(at, slashes);
            self.cuts.forget();
        }
        while from < end {
            let sign = self.byte(from).unwrap_or(0);
            let to = self.run(from, |byte| byte == sign);
            from = self.repeated(from, to.min(end));
        }
        let length = u64::try_from(end.wrapping_sub(at)).unwrap_or(u64::MAX);
        self.likely(length.min(16).saturating_mul(4).max(8));
        end
    }

    /// Counts one sign that stands there several times: by cuts up to three, by the longest
    /// token of that sign beyond.
    fn repeated(&mut self, from: usize, to: usize) -> usize {
        let length = to.wrapping_sub(from);
        if length < 4 {
            for byte in self.bytes.get(from..to).unwrap_or_default() {
                self.cuts.push(*byte);
            }
        } else {
            let tokens = self.same(from, length).saturating_add(1);
            self.cuts.open(tokens);
        }
        to
    }

    /// The most tokens that lie inside so many of the same character.
    ///
    /// Two neighbouring tokens are together longer than the longest token, else they would
    /// be one. So `length` characters hold at most two tokens for each `longest + 1` of
    /// them, and one more.
    fn same(&self, at: usize, length: usize) -> u64 {
        let longest = Known::facts(self.encoding).repeats(self.byte(at).unwrap_or(0));
        let pairs = length.checked_div(longest.wrapping_add(1)).unwrap_or(0);
        let tokens = pairs.saturating_mul(2).saturating_add(1).min(length);
        u64::try_from(tokens).unwrap_or(u64::MAX)
    }

    /// Counts a character that is not ASCII, by itself.
    fn character(&mut self, at: usize) -> usize {
        let Some(character) = self.text.get(at..).and_then(|rest| rest.chars().next()) else { return at };
        let tokens = Known::facts(self.encoding).begin(self.bytes, at, character);
        self.cuts.open(tokens);
        let eighths = match character {
            '\u{370}'..='\u{6FF}' => 3,
            '\u{A0}'..='\u{24F}' => 5,
            '\u{3040}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}' => 7,
            '\u{2010}'..='\u{2027}' | '\u{3000}'..='\u{3011}' | '\u{FF01}'..='\u{FF0F}' => 7,
            _ => tokens.saturating_mul(6),
        };
        self.likely(eighths);
        at.wrapping_add(character.len_utf8())
    }
}

/// Characters that may stand before a word in one piece with it, in both vocabularies, and
/// leave the word one token.
const PREFIXES: [char; 7] = ['“', '‘', '’', '—', '–', '…', '«'];

/// Whether a word ends before that character: it is neither letter nor mark nor digit.
fn is_mark_of_text(character: char) -> bool {
    matches!(character, '\u{A0}' | '«' | '»' | '\u{2010}'..='\u{2027}' | '\u{3001}' | '\u{3002}' | '\u{FF0C}')
}

fn is_line_end(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

fn is_sign(byte: u8) -> bool {
    byte < 0x80 && !byte.is_ascii_alphanumeric() && !is_space(byte)
}

// The vocabularies themselves judge.
#[cfg(test)]
#[cfg(feature = "tiktoken")]
mod tests;
