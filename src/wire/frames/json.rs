//! JSON values one after another: lines, one large value, or the items of a list.
//!
//! Braces are counted and strings passed over, so a document may be spread over lines, and
//! a list may be read before it is complete. Whatever stands between values (commas,
//! brackets of the list, line ends) is passed over. For example, `[{"a":1},` gives a
//! document at its second brace, though the list goes on.
//!
//! The state between two pieces is three facts: how deep, whether in a string, and whether
//! behind a backslash. A piece may end behind any byte.

use memchr::memchr2;

use super::piece::{Held, Piece};

/// Cuts JSON values. Items of a list at the top are documents of their own.
#[derive(Clone, Debug, Default)]
pub(in crate::wire) struct JsonFrames {
    held: Held,
    /// Braces that are open; zero between documents.
    depth: usize,
    /// Whether the last piece ended inside a string.
    in_text: bool,
    /// Whether it ended behind a backslash, so that the next byte is escaped.
    after_backslash: bool,
    /// The document was too large to keep, and is being passed over.
    skipping: bool,
}

impl JsonFrames {
    /// Takes further bytes.
    pub(super) fn push(&mut self, bytes: &[u8], take: &mut impl FnMut(Piece<'_>)) {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.depth == 0 {
                let Some(at) = rest.iter().position(|byte| *byte == b'{') else { return };
                rest = rest.get(at..).unwrap_or(&[]);
            }
            match self.end_of_document(rest) {
                Some(length) => {
                    let (end, next) = rest.split_at_checked(length).unwrap_or((rest, &[]));
                    self.end_document(end, take);
                    rest = next;
                }
                None => {
                    if !self.skipping && !self.held.keep(rest) {
                        self.skipping = true;
                        take(Piece::Lost);
                    }
                    return;
                }
            }
        }
    }

    /// The stream is over.
    pub(super) fn finish(&mut self, take: &mut impl FnMut(Piece<'_>)) {
        if self.depth > 0 && !self.skipping {
            // What breaks off is read as far as it goes.
            self.end_document(&[], take);
        }
    }

    /// How many of these bytes belong to the document in hand, if it ends among them.
    fn end_of_document(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0_usize;
        while let Some(byte) = bytes.get(at) {
            if self.in_text {
                if std::mem::take(&mut self.after_backslash) {
                    at = at.saturating_add(1);
                    continue;
                }
                let found = memchr2(b'"', b'\\', bytes.get(at..)?)?;
                at = at.saturating_add(found);
                self.after_backslash = bytes.get(at) == Some(&b'\\');
                self.in_text = self.after_backslash;
                at = at.saturating_add(1);
                continue;
            }
            at = at.saturating_add(1);
            match byte {
                b'"' => self.in_text = true,
                b'{' => self.depth = self.depth.saturating_add(1),
                b'}' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(at);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// Hands on the document that ends with those bytes; its buffer is used again.
    fn end_document(&mut self, end: &[u8], take: &mut impl FnMut(Piece<'_>)) {
        self.depth = 0;
        self.in_text = false;
        self.after_backslash = false;
        if std::mem::take(&mut self.skipping) {
            return;
        }
        if self.held.0.is_empty() {
            return take(Piece::Json(end));
        }
        if !self.held.keep(end) {
            return take(Piece::Lost);
        }
        let mut document = std::mem::take(&mut self.held.0);
        take(Piece::Json(&document));
        document.clear();
        self.held.0 = document;
    }
}
