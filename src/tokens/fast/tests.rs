//! Is every split and every count what the tokenizer itself says?

#![expect(clippy::arithmetic_side_effects, reason = "small numbers of the tests' own")]

use super::*;

const BOTH: [Encoding; 2] = [Encoding::O200k, Encoding::Cl100k];

fn count(encoding: Encoding, text: &str) -> u64 {
    super::count(encoding, text)
}

#[track_caller]
fn assert_exact(text: &str, seed: u64) {
    for encoding in BOTH {
        let expected = encode(encoding, text).len() as u64;
        assert_eq!(count(encoding, text), expected, "seed {seed}, {encoding:?}: {text:?}");
    }
}

/// A small generator of numbers, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }

    fn character(&mut self) -> char {
        match self.below(8) {
            // Anything that exists.
            0 => char::from_u32(u32::try_from(self.below(0x11_0000)).unwrap()).unwrap_or('\u{fffd}'),
            1 => char::from_u32(u32::try_from(self.below(0x3000)).unwrap()).unwrap_or(' '),
            2 => [' ', '\t', '\n', '\r', '\u{a0}', '\u{3000}', '\u{85}', '\u{2028}'][self.below(8)],
            3 => ['\'', '/', '-', '.', '"', '_', '\u{301}', '\u{17f}'][self.below(8)],
            4 => char::from(b'A' + u8::try_from(self.below(26)).unwrap()),
            5 => char::from(b'0' + u8::try_from(self.below(10)).unwrap()),
            _ => char::from(b'a' + u8::try_from(self.below(26)).unwrap()),
        }
    }

    fn text(&mut self) -> String {
        const FRAGMENTS: [&str; 40] = [
            " ",
            "  ",
            "\n",
            "\r\n",
            "\t",
            "\n\n ",
            "word",
            " Word",
            "WORD",
            "wOrD",
            "'s",
            "'LL",
            "'re",
            "'\u{17f}",
            "don't",
            "我们",
            "の",
            "カタカナ",
            "한국어",
            "हिन्दी",
            "ไทย",
            "עברית",
            "العربية",
            "Привет",
            "ǅ",
            "ʰ",
            "\u{301}",
            "e\u{301}",
            "123",
            "45678",
            "½",
            "Ⅷ",
            "٣",
            "//",
            "...",
            "😀",
            "👩\u{200d}👧",
            "=>",
            "_x_",
            "\0",
        ];
        let length = 1 + self.below(16);
        let mut text = String::new();
        for _ in 0..length {
            match self.below(3) {
                0 => text.push(self.character()),
                1 => {
                    let character = self.character();
                    text.extend(std::iter::repeat_n(character, 1 + self.below(6)));
                }
                _ => text.push_str(FRAGMENTS[self.below(FRAGMENTS.len())]),
            }
        }
        text
    }
}

/// `TOKEN_BUDGET_STRINGS=1000000` with `--release` for a long look.
#[test]
fn random_strings_have_the_tokens_that_the_tokenizer_counts() {
    let default = if cfg!(debug_assertions) { 4_000 } else { 100_000 };
    let strings =
        std::env::var("TOKEN_BUDGET_STRINGS").ok().and_then(|count| count.parse().ok()).unwrap_or(default);
    let seed = 20_261_122;
    let mut random = Random(seed);
    for _ in 0..strings {
        assert_exact(&random.text(), seed);
    }
    println!("{strings} strings agree, seed {seed}");
}

#[test]
fn long_pieces_have_the_tokens_that_the_tokenizer_counts() {
    let seed = 20_261_129;
    let mut random = Random(seed);
    let alphabets = [
        "a",
        "ab",
        "我们在的是中国人",
        "abcdefghijklmnopqrstuvwxyz",
        "-=",
        " ",
        "\t ",
        "абвгд",
        "😀👍",
        "かたカナの",
    ];
    let rounds = if cfg!(debug_assertions) { 3 } else { 30 };
    for alphabet in alphabets {
        let characters: Vec<char> = alphabet.chars().collect();
        for _ in 0..rounds {
            let length = 60 + random.below(3_000);
            let text: String = (0..length).map(|_| characters[random.below(characters.len())]).collect();
            assert_exact(&text, seed);
        }
    }
}

#[test]
fn every_character_beside_every_kind_has_the_tokens_that_the_tokenizer_counts() {
    const KINDS: [char; 12] = ['a', 'Z', '7', ' ', '\t', '\n', '!', '/', '\'', '我', '\u{301}', '\u{a0}'];
    let step = if cfg!(debug_assertions) { 97 } else { 1 };
    for character in ('\0'..='\u{323af}').step_by(step) {
        let text: String =
            KINDS.iter().flat_map(|kind| [character, *kind, character, character, 's']).collect();
        assert_exact(&text, 0);
    }
}

#[test]
fn a_word_and_a_contraction_split_as_the_pattern_says() {
    let pieces = |encoding, text| splitter(encoding, text).collect::<Vec<_>>();
    let text = "XMLのABC it's\n\n  x  1234";
    let o200k = ["XMLの", "ABC", " it's", "\n\n", " ", " x", " ", " ", "123", "4"];
    assert_eq!(pieces(Encoding::O200k, text), o200k);
    let cl100k = ["XMLのABC", " it", "'s", "\n\n", " ", " x", " ", " ", "123", "4"];
    assert_eq!(pieces(Encoding::Cl100k, text), cl100k);
}

#[test]
fn the_whole_vocabulary_was_read() {
    // The published sizes: every token but the special ones.
    for (encoding, tokens) in [(Encoding::O200k, 199_998), (Encoding::Cl100k, 100_256)] {
        assert_eq!(Counter::of(encoding).unwrap().vocabulary.len(), tokens);
    }
}

#[test]
fn recorded_texts_have_the_tokens_that_the_tokenizer_counts() {
    let Ok(data) = std::env::var("TOKEN_BUDGET_DATA") else {
        println!("skipped: TOKEN_BUDGET_DATA is not set");
        return;
    };
    let text = std::fs::read_to_string(format!("{data}/estimation/requests.jsonl")).unwrap();
    let step = if cfg!(debug_assertions) { 10 } else { 1 };
    for line in text.lines().step_by(step) {
        assert_exact(line, 0);
    }
}
