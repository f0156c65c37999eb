//! How are the facts made by which a text is bounded where no vocabulary is built in?
//!
//! ```text
//! cargo run --release --example make_known -- src/tokens/rough/known.bin
//! ```
//!
//! Everything is asked of `o200k` and `cl100k` themselves: common words that are one token, pairs and triples of
//! characters that are tokens, how often a character repeats in one token, and how many tokens can begin in a
//! character that is not ASCII. `src/tokens/rough/known.rs` reads the file and says what each part means; its
//! tests ask the vocabularies again.

#![expect(clippy::indexing_slicing, reason = "places are found in the bytes that they index")]

#[path = "../src/tokens/rough/straddling.rs"]
mod straddling;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::error::Error;
use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use straddling::{back, front};
use tiktoken_rs::CoreBPE;

/// What stands before a word in one piece with it, and is a token by itself.
const PREFIXES: &str = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t“‘’—–…«";
const CONTRACTIONS: [&str; 7] = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];
/// Words beyond these would be rare, and the file larger.
const WORDS: usize = 18_000;
const LETTERS: &[u8; 53] = b" abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

struct Vocabulary {
    tokenizer: &'static CoreBPE,
    tokens: HashMap<Vec<u8>, u32>,
}

impl Vocabulary {
    fn of(tokenizer: &'static CoreBPE) -> Self {
        let tokens = (0..u32::MAX).map_while(|rank| Some((tokenizer.decode_bytes(&[rank]).ok()?, rank)));
        Self { tokenizer, tokens: tokens.collect() }
    }

    fn has(&self, bytes: &[u8]) -> bool {
        self.tokens.contains_key(bytes)
    }

    fn count(&self, text: &str) -> usize {
        self.tokenizer.encode_ordinary(text).len()
    }

    /// One token, and two with a contraction behind it.
    fn is_known(&self, form: &str) -> bool {
        let is_two = |end: &str| self.count(&format!("{form}{end}")) <= 2;
        self.has(form.as_bytes()) && CONTRACTIONS.iter().all(|end| is_two(end))
    }

    /// No more than two tokens behind any sign, and three with a contraction.
    fn joins(&self, form: &str) -> bool {
        let is_well = |sign: char| {
            let joined = format!("{sign}{form}");
            let signs = self.count(&sign.to_string());
            let has = |end: &str| self.count(&format!("{joined}{end}")) <= signs.saturating_add(2);
            self.count(&joined) <= signs.saturating_add(1) && CONTRACTIONS.iter().all(|end| has(end))
        };
        PREFIXES.chars().all(is_well)
    }

    fn flags(&self, word: &str) -> u8 {
        let capital: String =
            word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect();
        let forms = [format!(" {word}"), word.to_owned(), format!(" {capital}"), capital.clone()];
        let mut flags = 0;
        for (at, form) in forms.iter().enumerate() {
            flags |= u8::from(self.is_known(form)) << at;
        }
        let is_joined = [(2, word), (8, capital.as_str())];
        let joins =
            flags & 10 != 0 && is_joined.iter().all(|(bit, form)| flags & bit == 0 || self.joins(form));
        flags | u8::from(joins) << 4
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let place = std::env::args().nth(1).ok_or("where to?")?;
    let both =
        [tiktoken_rs::o200k_base_singleton(), tiktoken_rs::cl100k_base_singleton()].map(Vocabulary::of);
    let mut bytes = words(&both);
    for vocabulary in &both {
        bytes.extend(pairs(vocabulary));
        bytes.extend(triples(vocabulary));
        bytes.extend((0..128_u8).map(|byte| repeats(vocabulary, byte)));
        let straddling = Straddling::of(vocabulary);
        bytes.extend(straddling.characters(vocabulary));
        bytes.extend(straddling.listed(vocabulary));
    }
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&bytes)?;
    let packed = packed.finish()?;
    println!("{} bytes, {} packed", bytes.len(), packed.len());
    std::fs::write(place, packed)?;
    Ok(())
}

/// Words in the order of the alphabet: letters shared with the one before, flags, and the other letters.
fn words(both: &[Vocabulary; 2]) -> Vec<u8> {
    let [o200k, cl100k] = both;
    let mut ranks: BTreeMap<String, u32> = BTreeMap::new();
    for (token, rank) in &o200k.tokens {
        let Some(other) = cl100k.tokens.get(token) else { continue };
        let rank = rank.max(other);
        let word = token.strip_prefix(b" ").unwrap_or(token);
        let is_word = (1..=15).contains(&word.len()) && word.iter().skip(1).all(u8::is_ascii_lowercase);
        if is_word && word.iter().all(u8::is_ascii_alphabetic) {
            let known = ranks.entry(String::from_utf8_lossy(word).to_lowercase()).or_insert(*rank);
            *known = (*known).min(*rank);
        }
    }
    let mut common: Vec<(u32, String)> = ranks.into_iter().map(|(word, rank)| (rank, word)).collect();
    common.sort();
    common.truncate(WORDS);
    let mut common: Vec<String> = common.into_iter().map(|(_, word)| word).collect();
    common.sort();
    let (mut shared, mut flags, mut letters) = (Vec::new(), Vec::new(), Vec::new());
    let mut last = String::new();
    for word in common {
        let known = o200k.flags(&word) & cl100k.flags(&word);
        if known & 15 == 0 {
            continue;
        }
        let same = word.bytes().zip(last.bytes()).take_while(|(one, other)| one == other).count();
        shared.push(u8::try_from(same).unwrap_or(0));
        flags.push(known);
        letters.extend(word.bytes().skip(same));
        letters.push(b'\n');
        last = word;
    }
    let count = u32::try_from(shared.len()).unwrap_or(0).to_le_bytes();
    let size = u32::try_from(letters.len()).unwrap_or(0).to_le_bytes();
    [count.to_vec(), size.to_vec(), shared, flags, letters].concat()
}

fn bits(found: impl Iterator<Item = bool>) -> Vec<u8> {
    let found: Vec<bool> = found.collect();
    let byte = |eight: &[bool]| eight.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
    found.chunks(8).map(byte).collect()
}

/// A bit for each two of ASCII.
fn pairs(vocabulary: &Vocabulary) -> Vec<u8> {
    bits((0..128_u8).flat_map(|one| (0..128_u8).map(move |two| vocabulary.has(&[one, two]))))
}

/// A bit for each three of a blank and letters.
fn triples(vocabulary: &Vocabulary) -> Vec<u8> {
    let three = LETTERS.iter().flat_map(|one| {
        LETTERS.iter().flat_map(move |two| LETTERS.iter().map(move |three| [*one, *two, *three]))
    });
    bits(three.map(|three| vocabulary.has(&three)))
}

/// Up to how many of that character are one token, each number below too.
fn repeats(vocabulary: &Vocabulary, byte: u8) -> u8 {
    let is_token = |count: &u8| vocabulary.has(&vec![byte; usize::from(*count)]);
    (1..u8::MAX).take_while(is_token).last().unwrap_or(0)
}

/// Tokens that begin or end inside a character, and hold more than that part of it.
struct Straddling {
    /// By the part at the token's front: the rest of the token.
    fronts: HashSet<Vec<u8>>,
    /// By the part at the token's end.
    backs: HashSet<Vec<u8>>,
}

impl Straddling {
    fn of(vocabulary: &Vocabulary) -> Self {
        let tokens = || vocabulary.tokens.keys();
        let fronts = tokens().filter(|token| front(token) > 0).map(|token| token[..front(token)].to_vec());
        let backs = tokens().filter(|token| back(token) > 0);
        let backs = backs.map(|token| token[token.len().saturating_sub(back(token))..].to_vec());
        Self { fronts: fronts.collect(), backs: backs.collect() }
    }

    /// Four bits a character: the tokens that can begin in it alone, and beside tokens that straddle.
    fn characters(&self, vocabulary: &Vocabulary) -> Vec<u8> {
        let listed = (0x80..0x1_0000).chain(0x1_f000..0x1_fb00_u32);
        let nibbles: Vec<u8> = listed
            .map(|number| {
                let Some(character) = char::from_u32(number) else { return 0 };
                let bytes = character.to_string().into_bytes();
                let most = |straddles| self.most(vocabulary, &bytes, straddles).saturating_sub(1);
                most(false) | most(true) << 2
            })
            .collect();
        nibbles.chunks(2).map(|two| two[0] | two.get(1).unwrap_or(&0) << 4).collect()
    }

    /// Over all sets of places at which a token may begin: no two neighbours inside are one token together.
    fn most(&self, vocabulary: &Vocabulary, bytes: &[u8], straddles: bool) -> u8 {
        let mut most = 1;
        for set in 1_u32..1 << bytes.len() {
            let starts: Vec<usize> = (0..bytes.len()).filter(|at| set >> at & 1 == 1).collect();
            let first = &bytes[..starts[0]];
            if !(first.is_empty() || straddles && self.backs.contains(first)) {
                continue;
            }
            let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
            let parts: Vec<&[u8]> = starts.iter().zip(ends).map(|(from, to)| &bytes[*from..to]).collect();
            let last = parts[parts.len().saturating_sub(1)];
            let goes_on = straddles && self.fronts.contains(last);
            let inside = if goes_on { &parts[..parts.len().saturating_sub(1)] } else { &parts[..] };
            let stands = inside.iter().all(|part| vocabulary.has(part))
                && inside.windows(2).all(|two| !vocabulary.has(&two.concat()));
            if stands {
                most = most.max(u8::try_from(parts.len()).unwrap_or(u8::MAX));
            }
        }
        most
    }

    /// How many, and each behind its length.
    fn listed(&self, vocabulary: &Vocabulary) -> Vec<u8> {
        let straddles = |token: &&Vec<u8>| front(token) > 0 || back(token) > 0;
        let mut tokens: Vec<&Vec<u8>> = vocabulary.tokens.keys().filter(straddles).collect();
        tokens.sort();
        let mut bytes = u16::try_from(tokens.len()).unwrap_or(0).to_le_bytes().to_vec();
        for token in tokens {
            bytes.push(u8::try_from(token.len()).unwrap_or(0));
            bytes.extend(token);
        }
        bytes
    }
}
