//! What is a body made of?
//!
//! Each HTTP library has its own type for a part of a body. The gate needs two things of
//! it: the bytes, and a way to make one of its own (an error event, a shortened piece).
//! Generic over this trait, a body keeps its library's type from end to end, and pieces
//! that are handed on untouched are never copied.

/// A piece of an answer's body, as a client library hands it on.
///
/// Nearly every piece carries bytes. A piece that carries none (trailers) passes by as it
/// is. `Vec<u8>` implements this trait; with a feature for HTTP, `Bytes` and frames of
/// `Bytes` do.
pub trait Piece: Send + 'static {
    /// The bytes of the body that the piece carries; empty for trailers.
    fn bytes(&self) -> &[u8];

    /// A piece of these bytes, for what the gate itself has to say.
    fn of(bytes: Vec<u8>) -> Self;
}

impl Piece for Vec<u8> {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn of(bytes: Vec<u8>) -> Self {
        bytes
    }
}

#[cfg(any(feature = "tower", feature = "reqwest-middleware"))]
impl Piece for bytes::Bytes {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn of(bytes: Vec<u8>) -> Self {
        bytes.into()
    }
}

#[cfg(any(feature = "tower", feature = "reqwest-middleware"))]
impl Piece for http_body::Frame<bytes::Bytes> {
    fn bytes(&self) -> &[u8] {
        self.data_ref().map_or(&[], |data| data)
    }

    fn of(bytes: Vec<u8>) -> Self {
        Self::data(bytes.into())
    }
}
