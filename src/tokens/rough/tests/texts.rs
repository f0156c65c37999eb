//! Texts of every kind, the same in every run.

#![expect(clippy::arithmetic_side_effects, reason = "small numbers of the tests' own")]

use std::iter::repeat_n;

/// A small generator of numbers.
pub(in crate::tokens) struct Random(pub(super) u64);

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const SIGNS: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// Letters of forty scripts, and what else has characters of its own.
const SCRIPTS: [(u32, u32); 56] = [
    (0xc0, 0x24f),
    (0x250, 0x2af),
    (0x300, 0x36f),
    (0x370, 0x3ff),
    (0x400, 0x52f),
    (0x531, 0x58f),
    (0x591, 0x5f4),
    (0x600, 0x6ff),
    (0x700, 0x74f),
    (0x780, 0x7b1),
    (0x7c0, 0x7fa),
    (0x840, 0x85e),
    (0x900, 0x97f),
    (0x980, 0x9fe),
    (0xa01, 0xa76),
    (0xa81, 0xaff),
    (0xb01, 0xb77),
    (0xb82, 0xbfa),
    (0xc00, 0xc7f),
    (0xc80, 0xcf2),
    (0xd00, 0xd7f),
    (0xd81, 0xdf4),
    (0xe01, 0xe5b),
    (0xe81, 0xedf),
    (0xf00, 0xfda),
    (0x1000, 0x109f),
    (0x10a0, 0x10ff),
    (0x1100, 0x11ff),
    (0x1200, 0x137c),
    (0x13a0, 0x13fd),
    (0x1400, 0x167f),
    (0x1680, 0x169c),
    (0x16a0, 0x16f8),
    (0x1780, 0x17f9),
    (0x1800, 0x18aa),
    (0x1a20, 0x1aad),
    (0x1b00, 0x1b7c),
    (0x1e00, 0x1eff),
    (0x1f00, 0x1fff),
    (0x2000, 0x206f),
    (0x2070, 0x218f),
    (0x2190, 0x23ff),
    (0x2460, 0x27bf),
    (0x2c80, 0x2cff),
    (0x2d30, 0x2d7f),
    (0x3000, 0x303f),
    (0x3041, 0x30ff),
    (0x3105, 0x31bf),
    (0x3400, 0x4dbf),
    (0x4e00, 0x9fff),
    (0xa000, 0xa48c),
    (0xac00, 0xd7a3),
    (0xf900, 0xffef),
    (0x10000, 0x103ff),
    (0x12000, 0x123ff),
    (0x1d400, 0x1d7ff),
];
const PROSE: &str = concat!(
    include_str!("../../../../docs/ARCHITECTURE.md"),
    include_str!("../../../../src/tokens/bound.rs")
);
const EMOJI: [&str; 14] = [
    "😀",
    "👩\u{200d}👩\u{200d}👧\u{200d}👦",
    "🇩🇪",
    "🇯🇵",
    "👍🏽",
    "❤\u{fe0f}",
    "🏳\u{fe0f}\u{200d}🌈",
    "🧑🏿\u{200d}🚀",
    "1\u{fe0f}\u{20e3}",
    "🫠",
    "🪿",
    "🀄",
    "☎\u{fe0f}",
    "\u{200d}",
];
const WORDS: [&str; 48] = [
    "'LL",
    "'Ll've",
    "x'RE'd",
    "I'M",
    "ſ'ſ",
    "Kelvin\u{212a}'s",
    "\r\n\r\n",
    "end.\r\n  next",
    "1,234,567.89",
    "1_000_000",
    "0x1F\u{2009}000",
    "12٣٤5६7",
    "𝓗𝓮𝓵𝓵𝓸 𝐖𝟙𝟚𝟛",
    "ﬁﬂ",
    "ǅungla ǄUNGLA",
    "e\u{301}A\u{30a}b",
    "\u{200f}שלום\u{200e}!",
    "\u{202e}abc\u{202c}",
    "\u{e000}a\u{f8ff}",
    "\u{fdd0}\u{ffff}x",
    "\u{10fffd}'s",
    "مرحبا\u{200d}ا",
    "ªºⁿ²½Ⅷ",
    "ʼnḁʰA",
    "don't",
    "it's",
    "I'VE",
    "they'll",
    "we'd",
    "y'all's",
    "O'Neil",
    "camelCaseWord",
    "HTTPServer",
    "XMLHttpRequest",
    "snake_case_name",
    "kebab-case",
    "SCREAMING_CASE",
    "Straße",
    "naïve",
    "Müller's",
    "x'sX",
    "'twas",
    "rock'n'roll",
    "“quoted”",
    "l’été",
    "don’t",
    "’s",
    "S'S'S",
];
const BLANKS: [char; 14] = [
    ' ', ' ', '\t', '\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{a0}', '\u{1680}', '\u{2003}', '\u{2028}',
    '\u{3000}', '\u{feff}',
];

impl Random {
    pub(in crate::tokens) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }

    pub(in crate::tokens) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn between(&mut self, from: u32, to: u32) -> char {
        let number = from + u32::try_from(self.below(usize::try_from(to - from + 1).unwrap())).unwrap();
        char::from_u32(number).unwrap_or('\u{fffd}')
    }

    fn of(&mut self, alphabet: &str, length: usize) -> String {
        let characters: Vec<char> = alphabet.chars().collect();
        (0..length).map(|_| self.pick(&characters)).collect()
    }

    /// One text of a few hundred bytes, of one kind or of several.
    pub(in crate::tokens) fn text(&mut self, words: &[String]) -> String {
        let mut text = String::new();
        let kind = self.below(24);
        for _ in 0..1 + self.below(12) {
            // Two of three texts keep to their kind.
            let kind = if kind.is_multiple_of(3) { self.below(24) } else { kind };
            self.stretch(kind, words, &mut text);
        }
        text
    }

    fn stretch(&mut self, kind: usize, words: &[String], text: &mut String) {
        let length = 1 + self.below(24);
        match kind {
            0 | 1 => {
                let (from, to) = self.pick(&SCRIPTS);
                for _ in 0..length {
                    text.push(self.between(from, to));
                    if self.below(6) == 0 {
                        text.push(' ');
                    }
                }
            }
            2 => {
                let blank = self.pick(&BLANKS);
                let most = [3, 12, 90, 300][self.below(4)];
                let count = 1 + self.below(most);
                text.extend(repeat_n(blank, count));
            }
            3 => (0..length).for_each(|_| text.push(self.pick(&BLANKS))),
            4 => text.push_str(&self.of(BASE64, 4 * length)),
            5 => text.push_str(&self.of("0123456789abcdef", 2 * length)),
            6 => (0..length).for_each(|_| text.push_str(self.pick(&EMOJI))),
            7 => text.push_str(&self.of(SIGNS, length)),
            8 => {
                let sign = self.of(SIGNS, 1);
                text.push_str(&sign.repeat(length * (1 + self.below(4))));
            }
            9 => text.push_str(&self.of("0123456789", length)),
            10 => {
                let words = [self.of(LOWER, length.min(12)), " ".to_owned()];
                text.push_str(&words.concat());
            }
            11 => text.push_str(&(self.of(UPPER, length.min(9)) + " ")),
            12 => text.push_str(
                &(self.of(UPPER, 1) + &self.of(LOWER, length.min(9)) + [" ", "", ", ", "("][self.below(4)]),
            ),
            13 => text.push_str(self.pick(&WORDS)),
            _ => self.mixed(kind, length, words, text),
        }
    }

    fn mixed(&mut self, kind: usize, length: usize, words: &[String], text: &mut String) {
        match kind {
            // A token of either vocabulary, where it is text: rare words of every language.
            14..=16 => {
                for _ in 0..1 + self.below(6) {
                    let word = &words[self.below(words.len())];
                    text.push_str(word);
                    text.push_str([" ", "", "", "\n", "_", ".", "'s"][self.below(7)]);
                }
            }
            17..=19 => {
                let from = self.below(PROSE.len() - 400);
                let from = (from..).find(|at| PROSE.is_char_boundary(*at)).unwrap();
                text.extend(PROSE[from..].chars().take(length * 6));
            }
            20 => {
                for _ in 0..length {
                    text.push(self.between(0, 0x7f));
                }
            }
            21 => {
                let base = self.of("aeioun", 1);
                text.push_str(&base);
                (0..1 + self.below(4)).for_each(|_| text.push(self.between(0x300, 0x36f)));
            }
            22 => (0..length).for_each(|_| text.push(self.between(0, 0x1_ffff))),
            _ => {
                let sample = [LOWER, UPPER, SIGNS, "0123456789", " \n\t", "éüñß“”’—…我の😀йשم"];
                (0..length).for_each(|_| {
                    let of = self.pick(&sample);
                    let piece = self.of(of, 1);
                    text.push_str(&piece);
                });
            }
        }
    }
}
