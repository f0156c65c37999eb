//! Which bytes are hashed, so that a changed bit is found?
//!
//! Hashing is only as good as the bytes that are hashed: `("ab", "c")` and `("a", "bc")`
//! must differ, and so must a missing text and an empty one. Every text stands behind its
//! length, every optional value behind a 0 or 1, every sort of thing behind its own name.
//!
//! | | bytes | against |
//! | --- | --- | --- |
//! | seal of a row | 8 | flipped bits, partial writes, edits by hand |
//! | body of a command | 16 | another body under the same id |
//! | link, digest of a call | 32 | changed or missing entries |
//!
//! The hash is BLAKE3, without a key: it proves damage, not malice.

use crate::values::{Claim, ReservationId};

/// A link of the journal's chain, or another whole hash.
pub type Digest = [u8; 32];

/// Bytes to be hashed, written down without ambiguity: whole numbers, and texts behind
/// their length.
#[derive(Debug)]
pub(crate) struct Ink(Vec<u8>);

impl Ink {
    /// Begins a hash of that sort of thing; two sorts never hash alike.
    pub(crate) fn of(sort: &str) -> Self {
        let mut ink = Self(Vec::with_capacity(512));
        ink.text(sort);
        ink
    }

    /// A whole number, in eight bytes.
    pub(crate) fn int(&mut self, value: i64) -> &mut Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// Bytes behind their length.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.int(bytes.len() as i64);
        self.0.extend_from_slice(bytes);
        self
    }

    /// A text behind its length.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    /// A text that may be missing: an empty one hashes differently.
    pub(crate) fn maybe(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.int(1).text(text),
            None => self.int(0),
        }
    }

    /// A number that may be missing.
    pub(crate) fn maybe_int(&mut self, value: Option<i64>) -> &mut Self {
        match value {
            Some(value) => self.int(1).int(value),
            None => self.int(0),
        }
    }

    /// The whole hash.
    pub(crate) fn digest(&self) -> Digest {
        *blake3::hash(&self.0).as_bytes()
    }

    /// The first eight bytes of the hash: a checksum for a row, not a proof against a forger.
    pub(crate) fn seal(&self) -> i64 {
        let [a, b, c, d, e, f, g, h, ..] = self.digest();
        i64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

/// A hash of what a command asks for, by which its repeat is told from another body, in
/// any process. Ceilings, thresholds and times are left out, because they may move
/// between two attempts.
pub(crate) fn body_of(claim: &Claim, amounts: &[i64]) -> u128 {
    let mut ink = Ink::of("body");
    for (line, amount) in claim.lines().iter().zip(amounts) {
        let book = line.account.key();
        ink.text(&book.budget).text(&book.window).text(&book.unit.code());
        ink.text(line.account.scope().kind().as_str()).text(line.account.scope().name());
        ink.int(line.period.number).int(*amount);
    }
    let digest = ink.digest();
    digest.iter().take(16).fold(0, |body, byte| body << 8 | u128::from(*byte))
}

/// An id as the file keeps it: its bytes sort by time.
pub(crate) fn id_bytes(id: ReservationId) -> [u8; 16] {
    id.to_bits().to_be_bytes()
}
