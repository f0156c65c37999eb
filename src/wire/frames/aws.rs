//! AWS event streams: length-prefixed frames whose payload is a document.
//!
//! A frame is its length, the length of its headers and their checksum (12 bytes), the
//! headers, the payload and a checksum (4 bytes). Checksums are the client's to check;
//! lengths that cannot be are noticed here. A length that makes no sense leaves no way to
//! find the next frame, so the rest of the stream is lost, and the report says that it is
//! damaged.
//!
//! For example, a frame of 30 bytes with 6 of headers: the payload is the bytes 18 to 25,
//! eight of them.

use super::piece::{FRAME_BYTES_MAX, Held, Piece};

/// Bytes before the headers.
const PRELUDE: usize = 12;
/// Bytes behind the payload.
const CHECKSUM: usize = 4;

/// Cuts AWS event streams.
#[derive(Clone, Debug, Default)]
pub(in crate::wire) struct AwsFrames {
    held: Held,
    /// A length made no sense, so nothing after it can be found.
    lost: bool,
}

impl AwsFrames {
    /// Takes further bytes.
    pub(super) fn push(&mut self, bytes: &[u8], take: &mut impl FnMut(Piece<'_>)) {
        if self.lost {
            return;
        }
        if self.held.0.is_empty() {
            let rest = self.frames(bytes, take);
            self.keep(rest, take);
            return;
        }
        self.keep(bytes, take);
        let held = std::mem::take(&mut self.held.0);
        let rest = self.frames(&held, take).len();
        let mut kept = held;
        kept.drain(..kept.len().saturating_sub(rest));
        self.held.0 = kept;
    }

    /// The stream is over: a frame that is not whole is lost.
    pub(super) fn finish(&mut self, take: &mut impl FnMut(Piece<'_>)) {
        if !self.held.0.is_empty() {
            take(Piece::Lost);
        }
    }

    /// Hands on the frames that are whole, and returns the rest.
    fn frames<'a>(&mut self, bytes: &'a [u8], take: &mut impl FnMut(Piece<'_>)) -> &'a [u8] {
        let mut rest = bytes;
        while let Some(prelude) = rest.get(..PRELUDE) {
            let Some((frame, headers)) = lengths(prelude) else {
                self.lost = true;
                take(Piece::Lost);
                return &[];
            };
            let Some((whole, next)) = rest.split_at_checked(frame) else { break };
            let from = PRELUDE.saturating_add(headers);
            if let Some(payload) = whole.get(from..frame.saturating_sub(CHECKSUM)).filter(|p| !p.is_empty()) {
                take(Piece::Json(payload));
            }
            rest = next;
        }
        rest
    }

    /// Keeps the beginning of a frame.
    fn keep(&mut self, bytes: &[u8], take: &mut impl FnMut(Piece<'_>)) {
        if !self.held.keep(bytes) {
            self.lost = true;
            take(Piece::Lost);
        }
    }
}

/// The length of a frame and of its headers, if they can be.
fn lengths(prelude: &[u8]) -> Option<(usize, usize)> {
    let number = |at: usize| {
        let bytes = prelude.get(at..at.checked_add(4)?)?;
        usize::try_from(u32::from_be_bytes(bytes.try_into().ok()?)).ok()
    };
    let (frame, headers) = (number(0)?, number(4)?);
    let least = headers.checked_add(PRELUDE)?.checked_add(CHECKSUM)?;
    (frame >= least && frame <= FRAME_BYTES_MAX).then_some((frame, headers))
}
