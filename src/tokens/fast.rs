//! How many tokens is a text, exactly, and fast?

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

static CLASSES: LazyLock<Classes> = LazyLock::new(Classes::new);
static O200K: OnceLock<Vocabulary> = OnceLock::new();
static CL100K: OnceLock<Vocabulary> = OnceLock::new();

/// The pieces that no token crosses, as the encoding's own pattern finds them.
pub(super) fn splitter(encoding: Encoding, text: &str) -> Splitter<'_> {
    Splitter::new(&CLASSES, encoding, text)
}

/// Counts pieces of one encoding.
///
/// A text is split by hand where the encoding's pattern would split it (`split`,
/// with tables made from the same source as the pattern's own), and each piece
/// is looked up: in the vocabulary, in a memo of this thread, and last merged
/// pair by pair. Pieces do not depend on each other, so the sum is exact.
pub(super) struct Counter {
    encoding: Encoding,
    vocabulary: &'static Vocabulary,
}

impl Counter {
    /// Loads the vocabulary with its first use in the process; `None` in a `Drop` that would have to.
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

    /// The tokens of one piece.
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

fn tokenizer(encoding: Encoding) -> &'static CoreBPE {
    match encoding {
        Encoding::O200k => tiktoken_rs::o200k_base_singleton(),
        Encoding::Cl100k => tiktoken_rs::cl100k_base_singleton(),
    }
}

#[cfg(test)]
mod tests;
