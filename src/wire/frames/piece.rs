//! What is a stream cut into, and what waits meanwhile?

/// The largest frame that is read: 32 MiB, a few times the largest image that an API sends.
/// A larger one passes by unread, and the report says so.
pub(super) const FRAME_BYTES_MAX: usize = 32 << 20;

/// A document, or the word that something else came.
pub(in crate::wire) enum Piece<'a> {
    Json(&'a [u8]),
    /// The sign that no more will come.
    End,
    /// Too large, or not what the framing promises: something was passed over.
    Lost,
}

/// Bytes of a document that is not whole yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Held(pub(super) Vec<u8>);

impl Held {
    /// Keeps bytes for later; false where a document would be too large to keep.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> bool {
        if self.0.len().saturating_add(bytes.len()) > FRAME_BYTES_MAX {
            self.0 = Vec::new();
            return false;
        }
        self.0.extend_from_slice(bytes);
        true
    }
}
