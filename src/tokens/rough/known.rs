//! What is known of two vocabularies without carrying them?
//!
//! `known.bin` is a deflated file of facts that `examples/make_known.rs` asked of the
//! vocabularies. First come words in alphabetical order, each as the number of letters it
//! shares with the one before, a byte of flags, and its other letters. Then for each
//! vocabulary: a bit for each pair of ASCII characters, a bit for each triple of letters
//! and blanks, the longest run of each character that is one token, half a byte for each
//! character beyond ASCII, and the tokens that begin or end inside a character.
//!
//! Tests ask the vocabularies for every one of these facts again, so a wrong file does not
//! get past them.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::LazyLock;

use super::straddling::{back, front};
use crate::tokens::family::Encoding;
use crate::values::packed::Unpacker;

/// Facts about `o200k` and `cl100k`, unpacked with the first estimate in a process: 0.8 MB,
/// in some milliseconds.
pub(super) struct Known {
    /// Words of up to 15 small letters with their flags, a bit for each form in which the
    /// word is one token.
    words: HashMap<u128, u8, foldhash::fast::RandomState>,
    o200k: Facts,
    cl100k: Facts,
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let mut bytes = Vec::new();
    // The file is part of the program; a test reads all of it. Without facts everything would be taken at its bytes.
    let _ = Unpacker::raw().each(include_bytes!("known.bin"), |piece| {
        bytes.extend_from_slice(piece);
        ControlFlow::Continue(())
    });
    let mut file = File(&bytes);
    let words = words(&mut file);
    Known { words, o200k: Facts::read(&mut file), cl100k: Facts::read(&mut file) }
});

/// How a word is written, and what that says of it in both vocabularies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Behind a blank in one piece with it: `" word"` is one token.
    Blank,
    /// A piece by itself: `"word"` is one token.
    Bare,
    /// Perhaps in one piece with one sign before it: then both are at most two tokens.
    Joined,
}

impl Known {
    /// The facts of one vocabulary.
    pub(super) fn facts(encoding: Encoding) -> &'static Facts {
        match encoding {
            Encoding::O200k => &KNOWN.o200k,
            Encoding::Cl100k => &KNOWN.cl100k,
        }
    }

    /// Whether a word is one token in that form, and two with a contraction such as `'s` behind it.
    ///
    /// Small letters, or a capital and small letters: of nothing else anything is known.
    #[inline]
    pub(super) fn is_one(word: &[u8], form: Form) -> bool {
        let [first, rest @ ..] = word else { return false };
        let capital = first.is_ascii_uppercase();
        let mut packed = [0_u8; 16];
        let Some(place) = packed.get_mut(..word.len()) else { return false };
        if word.len() > WORD_BYTES_MAX || !rest.iter().all(u8::is_ascii_lowercase) {
            return false;
        }
        place.copy_from_slice(word);
        if let Some(first) = packed.first_mut() {
            first.make_ascii_lowercase();
        }
        let flags = KNOWN.words.get(&u128::from_le_bytes(packed)).copied().unwrap_or(0);
        let wanted = match (form, capital) {
            (Form::Blank, false) => 1,
            (Form::Bare, false) => 2,
            (Form::Joined, false) => 2 | 16,
            (Form::Blank, true) => 4,
            (Form::Bare, true) => 8,
            (Form::Joined, true) => 8 | 16,
        };
        flags & wanted == wanted
    }

    /// Every word with what is known of it.
    #[cfg(all(test, feature = "tiktoken"))]
    pub(super) fn all() -> impl Iterator<Item = (String, u8)> {
        KNOWN.words.iter().map(|(key, flags)| {
            let letters = key.to_le_bytes().into_iter().take_while(|byte| *byte != 0);
            (letters.map(char::from).collect(), *flags)
        })
    }
}

/// No longer word is known: a key has sixteen bytes, and its last is zero.
const WORD_BYTES_MAX: usize = 15;

/// What one vocabulary holds.
pub(super) struct Facts {
    /// A bit for each pair of ASCII characters: whether it is one token.
    pairs: Vec<u8>,
    /// A bit for each triple of letters and blanks.
    triples: Vec<u8>,
    /// Up to how many times each ASCII character is one token.
    repeats: Vec<u8>,
    /// Half a byte for each character beyond ASCII: how many more tokens than one can begin
    /// in it, alone and beside a token that reaches into it.
    characters: Vec<u8>,
    /// Tokens that begin, and that end, inside a character, by the bytes of it that they hold.
    fronts: Straddling,
    backs: Straddling,
}

/// Tokens by the part of a character that they hold.
type Straddling = HashMap<u32, Vec<Box<[u8]>>, foldhash::fast::RandomState>;

/// A blank, 26 small letters and 26 capitals.
const LETTERS: usize = 53;
const TRIPLE_BYTES: usize = (LETTERS * LETTERS * LETTERS).div_ceil(8);
/// Characters of the first plane beyond ASCII.
const PLANE: u32 = 0x1_0000 - 0x80;
/// Emoji and other pictures, which have facts of their own; every other character beyond
/// the first plane is taken at its four bytes.
const PICTURES: std::ops::Range<u32> = 0x1_f000..0x1_fb00;
/// Half a byte for each character of both ranges.
const CHARACTER_BYTES: usize = (0x1_0000 - 0x80 + 0xb00) / 2;

impl Facts {
    /// Reads the facts of one vocabulary, in the order in which they were written.
    fn read(file: &mut File<'_>) -> Self {
        let mut facts = Self {
            pairs: file.take(128 * 128 / 8).to_vec(),
            triples: file.take(TRIPLE_BYTES).to_vec(),
            repeats: file.take(128).to_vec(),
            characters: file.take(CHARACTER_BYTES).to_vec(),
            fronts: Straddling::default(),
            backs: Straddling::default(),
        };
        let tokens = file.number(2);
        for _ in 0..tokens {
            let bytes = file.number(1);
            let token = file.take(bytes);
            let (front, back) = (front(token), back(token));
            if let Some(part) = token.get(..front).filter(|part| !part.is_empty()) {
                facts.fronts.entry(packed(part)).or_default().push(token.into());
            }
            if let Some(part) = token.get(token.len().saturating_sub(back)..).filter(|part| !part.is_empty())
            {
                facts.backs.entry(packed(part)).or_default().push(token.into());
            }
        }
        facts
    }

    /// Whether two characters of ASCII are one token.
    #[inline]
    pub(super) fn is_pair(&self, one: u8, two: u8) -> bool {
        let at = usize::from(one) << 7 | usize::from(two);
        bit(&self.pairs, at)
    }

    /// Whether three letters or blanks are one token; unknown of other characters.
    #[inline]
    pub(super) fn is_triple(&self, one: u8, two: u8, three: u8) -> Option<bool> {
        let [one, two, three] = [letter(one)?, letter(two)?, letter(three)?];
        Some(bit(
            &self.triples,
            one.wrapping_mul(LETTERS).wrapping_add(two).wrapping_mul(LETTERS).wrapping_add(three),
        ))
    }

    /// Up to how many times a character of ASCII is one token, each number below too.
    #[inline]
    pub(super) fn repeats(&self, byte: u8) -> usize {
        usize::from(self.repeats.get(usize::from(byte)).copied().unwrap_or(1)).max(1)
    }

    /// How many tokens begin in the character that stands there in a text, at most.
    ///
    /// Every way to cut its bytes into tokens was tried, but for those with two neighbours that are one token
    /// together, because a vocabulary joins them. A token that holds only a part of the character and goes on
    /// beyond it allows more, if the text around really is that token.
    pub(super) fn begin(&self, text: &[u8], at: usize, character: char) -> u64 {
        let number = u32::from(character);
        let index = if PICTURES.contains(&number) {
            number.wrapping_sub(PICTURES.start).wrapping_add(PLANE)
        } else if number < 0x1_0000 {
            number.wrapping_sub(0x80)
        } else {
            return 4;
        };
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let byte = self.characters.get(index / 2).copied().unwrap_or(u8::MAX);
        let nibble = if index % 2 == 0 { byte & 15 } else { byte >> 4 };
        let (alone, beside) = (nibble & 3, nibble >> 2);
        let tokens =
            if beside > alone && self.straddles(text, at, character.len_utf8()) { beside } else { alone };
        u64::from(tokens).saturating_add(1)
    }

    /// Whether the text around a character really is a token that holds a part of the
    /// character.
    fn straddles(&self, text: &[u8], at: usize, length: usize) -> bool {
        let end = at.saturating_add(length);
        let inside = |from: usize, to: usize| text.get(from..to).map_or(0, packed);
        (1..length).any(|part| {
            let middle = at.saturating_add(part);
            let goes_on = |token: &[u8]| text.get(middle..).is_some_and(|rest| rest.starts_with(token));
            let came = |token: &[u8]| text.get(..middle).is_some_and(|rest| rest.ends_with(token));
            self.fronts
                .get(&inside(middle, end))
                .is_some_and(|tokens| tokens.iter().any(|token| goes_on(token)))
                || self
                    .backs
                    .get(&inside(at, middle))
                    .is_some_and(|tokens| tokens.iter().any(|token| came(token)))
        })
    }
}

/// One bit of a list.
#[inline]
fn bit(bits: &[u8], at: usize) -> bool {
    bits.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1)
}

/// A blank, a small letter or a capital by its number.
#[inline]
fn letter(byte: u8) -> Option<usize> {
    match byte {
        b' ' => Some(0),
        b'a'..=b'z' => Some(usize::from(byte.wrapping_sub(b'a')).wrapping_add(1)),
        b'A'..=b'Z' => Some(usize::from(byte.wrapping_sub(b'A')).wrapping_add(27)),
        _ => None,
    }
}

/// Up to three bytes and their number in one.
fn packed(part: &[u8]) -> u32 {
    part.iter().fold(1, |packed, byte| packed << 8 | u32::from(*byte))
}

/// What of the unpacked file is not read yet.
struct File<'a>(&'a [u8]);

impl<'a> File<'a> {
    /// The next bytes; all that is left, if there are fewer.
    fn take(&mut self, bytes: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at_checked(bytes).unwrap_or((self.0, &[]));
        self.0 = rest;
        taken
    }

    /// The number that the next bytes write, the lowest first.
    fn number(&mut self, bytes: usize) -> usize {
        self.take(bytes).iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
    }
}

/// Reads the words: each shares its first letters with the one before.
fn words(file: &mut File<'_>) -> HashMap<u128, u8, foldhash::fast::RandomState> {
    let (count, bytes) = (file.number(4), file.number(4));
    let (shared, flags, letters) = (file.take(count), file.take(count), file.take(bytes));
    let mut word: Vec<u8> = Vec::new();
    let each = shared.iter().zip(flags).zip(letters.split(|byte| *byte == b'\n'));
    each.map(|((shared, flags), letters)| {
        word.truncate(usize::from(*shared));
        word.extend(letters);
        let mut packed = [0; 16];
        packed.iter_mut().zip(&word).for_each(|(place, letter)| *place = *letter);
        (u128::from_le_bytes(packed), *flags)
    })
    .collect()
}
