//! What do bytes say that are packed by DEFLATE?

use std::ops::ControlFlow;

use zlib_rs::{Inflate, InflateFlush, Status};

/// Bytes that are shown at once.
const PIECE: usize = 32 * 1_024;
/// The largest window that packed bytes may look back into: 32 KiB, as a power of two.
const WINDOW: u8 = 15;
/// Added to the window where a header of gzip stands before the packed bytes.
const GZIP: u8 = 16;

/// Unpacks one stream after the other.
pub(crate) struct Unpacker(Inflate);

impl Unpacker {
    /// For bytes without a header.
    pub(crate) fn raw() -> Self {
        Self(Inflate::new(false, WINDOW))
    }

    /// For streams with the header of zlib, which [`reset`](Self::reset) begins anew.
    pub(crate) fn zlib() -> Self {
        Self(Inflate::new(true, WINDOW))
    }

    /// For one member of a gzip file.
    pub(crate) fn gzip() -> Self {
        Self(Inflate::new(true, GZIP + WINDOW))
    }

    /// Forgets what was read, so that the next bytes are another zlib stream.
    pub(crate) fn reset(&mut self) {
        self.0.reset(true);
    }

    /// Shows what is packed piece by piece, and tells how many bytes were read; `None` if they are damaged or cut, or
    /// if `show` breaks off.
    pub(crate) fn each(
        &mut self,
        packed: &[u8],
        mut show: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Option<usize> {
        let mut piece = [0_u8; PIECE];
        loop {
            let (read, written) = (self.read()?, self.0.total_out());
            let rest = packed.get(read..)?;
            let status = self.0.decompress(rest, &mut piece, InflateFlush::NoFlush).ok()?;
            let made = usize::try_from(self.0.total_out().saturating_sub(written)).ok()?;
            if show(piece.get(..made)?).is_break() {
                return None;
            }
            // An unpacker that neither reads nor writes would be asked for ever: the stream is cut.
            let has_moved = made > 0 || self.read()? > read;
            match status {
                Status::StreamEnd => return self.read(),
                Status::Ok | Status::BufError if has_moved => {}
                Status::Ok | Status::BufError => return None,
            }
        }
    }

    fn read(&self) -> Option<usize> {
        usize::try_from(self.0.total_in()).ok()
    }
}
