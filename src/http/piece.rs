//! What is a body made of?

/// A piece of an answer's body, as a client library hands it on.
///
/// Bytes for nearly all; where a piece carries none (trailers), it passes by as it is. `Vec<u8>` implements
/// it, and with a feature for HTTP `Bytes` and frames of `Bytes` do.
pub trait Piece: Send + 'static {
    /// The bytes of the body that it carries.
    fn bytes(&self) -> &[u8];

    /// A piece of the library's own making.
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
