//! How many tokens is a text, exactly, and fast?

mod classes;
mod split;
mod vocabulary;

use std::sync::LazyLock;

use super::family::Encoding;
use classes::Classes;
pub(super) use split::Splitter;
use vocabulary::Vocabulary;

static CLASSES: LazyLock<Classes> = LazyLock::new(Classes::new);
static O200K: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary::load(tiktoken_rs::o200k_base_singleton()));
static CL100K: LazyLock<Vocabulary> =
    LazyLock::new(|| Vocabulary::load(tiktoken_rs::cl100k_base_singleton()));

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
    /// Loads the vocabulary with its first use in the process.
    pub(super) fn of(encoding: Encoding) -> Self {
        let vocabulary = match encoding {
            Encoding::O200k => &O200K,
            Encoding::Cl100k => &CL100K,
        };
        Self { encoding, vocabulary: LazyLock::force(vocabulary) }
    }

    /// The tokens of one piece.
    #[inline]
    pub(super) fn piece(&self, piece: &str) -> u64 {
        match self.vocabulary.tokens(self.encoding, piece.as_bytes()) {
            Some(tokens) => tokens,
            // Long pieces are rare, and the tokenizer itself is not quadratic in them.
            None => u64::try_from(encode(self.encoding, piece).len()).unwrap_or(u64::MAX),
        }
    }
}

/// The tokens of a text of any length, in tests.
#[cfg(test)]
pub(super) fn count(encoding: Encoding, text: &str) -> u64 {
    let counter = Counter::of(encoding);
    splitter(encoding, text).fold(0, |sum, piece| counter.piece(piece).saturating_add(sum))
}

/// Every token but the special ones, in tests.
#[cfg(test)]
pub(super) fn all(encoding: Encoding) -> impl Iterator<Item = Vec<u8>> {
    let tokenizer = match encoding {
        Encoding::O200k => tiktoken_rs::o200k_base_singleton(),
        Encoding::Cl100k => tiktoken_rs::cl100k_base_singleton(),
    };
    (0..u32::MAX).map_while(|rank| tokenizer.decode_bytes(&[rank]).ok())
}

/// Special words such as `<|endoftext|>` are ordinary text in a message.
pub(super) fn encode(encoding: Encoding, text: &str) -> Vec<u32> {
    match encoding {
        Encoding::O200k => tiktoken_rs::o200k_base_singleton(),
        Encoding::Cl100k => tiktoken_rs::cl100k_base_singleton(),
    }
    .encode_ordinary(text)
}

#[cfg(test)]
mod tests;
