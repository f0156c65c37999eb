//! Where does one document of a stream end, and the next begin?
//!
//! | first byte | framing | document |
//! |---|---|---|
//! | `0` | AWS event stream | the payload of a frame, by its length |
//! | `{` or `[` | JSON values | a value, or an item of the outermost list |
//! | anything else | server-sent events | what follows `data:` |
//!
//! Each framing is shown the bytes of a stream in any pieces, and calls back with each
//! document when the document is whole. What lies whole in one piece is not copied; only
//! what is left over waits in a buffer. The invariant: the same bytes give the same
//! documents, however they were cut into pieces.

mod aws;
mod json;
mod piece;
mod sse;

pub(super) use aws::AwsFrames;
pub(super) use json::JsonFrames;
pub(super) use piece::Piece;
pub(super) use sse::SseFrames;

/// How a stream is cut into documents, found out from its first bytes.
#[derive(Clone, Debug)]
pub(super) enum Framing {
    Unknown(Vec<u8>),
    Sse(SseFrames),
    Json(JsonFrames),
    Aws(AwsFrames),
}

impl Framing {
    /// A stream of which nothing came.
    pub(super) const fn new() -> Self {
        Self::Unknown(Vec::new())
    }

    /// Takes the next bytes, and hands on every document that is now whole.
    pub(super) fn push(&mut self, bytes: &[u8], mut take: impl FnMut(Piece<'_>)) {
        if let Self::Unknown(held) = self {
            // Blanks before the first frame are how some servers say that they are alive.
            let bytes = if held.is_empty() { bytes.trim_ascii_start() } else { bytes };
            held.extend_from_slice(bytes);
            let Some(found) = recognised(held) else { return };
            let held = std::mem::take(held);
            *self = found;
            return self.framed(&held, &mut take);
        }
        self.framed(bytes, &mut take);
    }

    /// The stream is over: hands on what is left, if it is a document.
    pub(super) fn finish(&mut self, mut take: impl FnMut(Piece<'_>)) {
        match self {
            Self::Unknown(held) if held.is_empty() => {}
            Self::Unknown(_) => take(Piece::Lost),
            Self::Sse(frames) => frames.finish(&mut take),
            Self::Json(frames) => frames.finish(&mut take),
            Self::Aws(frames) => frames.finish(&mut take),
        }
    }

    /// Hands bytes to the framing that was recognised.
    fn framed(&mut self, bytes: &[u8], take: &mut impl FnMut(Piece<'_>)) {
        match self {
            Self::Unknown(_) => {}
            Self::Sse(frames) => frames.push(bytes, take),
            Self::Json(frames) => frames.push(bytes, take),
            Self::Aws(frames) => frames.push(bytes, take),
        }
    }
}

/// The framing that begins like that; `None` as long as it could be several.
fn recognised(bytes: &[u8]) -> Option<Framing> {
    // An AWS frame begins with its length, of which the first byte is zero below 16 MiB.
    if bytes.first() == Some(&0) {
        return Some(Framing::Aws(AwsFrames::default()));
    }
    let text = match bytes.strip_prefix(b"\xEF\xBB\xBF".as_slice()) {
        Some([]) | None if b"\xEF\xBB\xBF".starts_with(bytes) => return None,
        Some(text) => text,
        None => bytes,
    };
    match text.first()? {
        b'{' | b'[' => Some(Framing::Json(JsonFrames::default())),
        _ => Some(Framing::Sse(SseFrames::default())),
    }
}
