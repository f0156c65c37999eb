//! How many tokens is a text, exactly, and fast?
//!
//! A byte-pair tokenizer works in two steps, and so does this module, with the same result.
//!
//! 1. **Split.** The encoding's pattern cuts a text into pieces that no token crosses.
//!    [`split`] is that pattern, written out as functions. `"Hello, world's 12345"` becomes
//!    `Hello`, `,`, ` world's`, a blank, `123`, `45` in `o200k`; `cl100k` parts ` world`
//!    from `'s`.
//! 2. **Count each piece.** Most pieces are tokens: one look into a table ([`vocabulary`]).
//!    The rest is merged pair by pair, and remembered by its bytes. A piece of more than
//!    128 bytes is merged with a heap ([`long`]).
//!
//! The invariant: pieces do not depend on each other, so the tokens of a text are the sum
//! of the tokens of its pieces, in whatever order and on whatever thread they were counted.
//! Tests compare split and count with the tokenizer of `tiktoken-rs` on made texts of every
//! kind.
//!
//! Rejected: calling `tiktoken-rs` for each text. It runs the pattern through a
//! backtracking regular-expression engine and returns a list of tokens; only their number
//! is wanted here.

mod classes;
mod long;
mod split;
mod vocabulary;

use std::sync::{LazyLock, OnceLock};

use tiktoken_rs::CoreBPE;

use super::dropping::Dropping;
use super::family::Encoding;
use classes::Classes;
pub(super) use split::Splitter;
use vocabulary::Vocabulary;

/// The kinds of all characters, a megabyte, made with the first split.
static CLASSES: LazyLock<Classes> = LazyLock::new(Classes::new);
/// The vocabularies of this process, each loaded with its first count.
static O200K: OnceLock<Vocabulary> = OnceLock::new();
static CL100K: OnceLock<Vocabulary> = OnceLock::new();

/// The pieces that no token crosses, as the encoding's own pattern finds them.
pub(super) fn splitter(encoding: Encoding, text: &str) -> Splitter<'_> {
    Splitter::new(&CLASSES, encoding, text)
}

/// Counts pieces of one encoding. It exists only once its vocabulary is loaded.
pub(super) struct Counter {
    encoding: Encoding,
    vocabulary: &'static Vocabulary,
}

impl Counter {
    /// The counter of an encoding. The first use in the process loads the vocabulary;
    /// `None` in a `Drop` that would have to load it.
    pub(super) fn of(encoding: Encoding) -> Option<Self> {
        let vocabulary = match encoding {
            Encoding::O200k => &O200K,
            Encoding::Cl100k => &CL100K,
        };
        let loaded = vocabulary.get();
        if loaded.is_none() && Dropping::is_here() {
            return None;
        }
        let load = || {
            LazyLock::force(&CLASSES);
            Vocabulary::load(tokenizer(encoding))
        };
        Some(Self { encoding, vocabulary: loaded.unwrap_or_else(|| vocabulary.get_or_init(load)) })
    }

    /// The tokens of one piece, as [`splitter`] cut it. A text that is no piece may come
    /// out too low.
    #[inline]
    pub(super) fn piece(&self, piece: &str) -> u64 {
        self.vocabulary.tokens(self.encoding, piece.as_bytes())
    }
}

/// The tokens of a text of any length, in tests.
#[cfg(test)]
pub(super) fn count(encoding: Encoding, text: &str) -> u64 {
    let counter = Counter::of(encoding).unwrap();
    splitter(encoding, text).fold(0, |sum, piece| counter.piece(piece).saturating_add(sum))
}

/// Every token but the special ones, in tests.
#[cfg(test)]
pub(super) fn all(encoding: Encoding) -> impl Iterator<Item = Vec<u8>> {
    let tokenizer = tokenizer(encoding);
    (0..u32::MAX).map_while(|rank| tokenizer.decode_bytes(&[rank]).ok())
}

/// Special words such as `<|endoftext|>` are ordinary text in a message.
#[cfg(test)]
pub(super) fn encode(encoding: Encoding, text: &str) -> Vec<u32> {
    tokenizer(encoding).encode_ordinary(text)
}

/// The tokenizer that brings the vocabulary, and that tests compare with.
fn tokenizer(encoding: Encoding) -> &'static CoreBPE {
    match encoding {
        Encoding::O200k => tiktoken_rs::o200k_base_singleton(),
        Encoding::Cl100k => tiktoken_rs::cl100k_base_singleton(),
    }
}

#[cfg(test)]
mod tests;
