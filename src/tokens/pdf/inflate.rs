//! How much of what is packed in a file is unpacked?
//!
//! A kilobyte may unpack to a megabyte. So the work is bounded by the file: eight times its bytes and a megabyte in
//! all, never more than 32 MB; and so is the memory: four times its bytes and a megabyte for one list of objects.
//! Of the PDFs that people send none is known to need that much: text packs to a third or a fifth.

use flate2::{Decompress, FlushDecompress, Status};

/// What is added to a share of the file, so that small files have room.
const EACH: usize = 1_024 * 1_024;
/// The most that is unpacked of any file: as much as the largest body has.
const ALL_MOST: usize = 32 * EACH;
/// Bytes that are shown at once.
const PIECE: usize = 32 * 1_024;

/// Unpacks the streams of one file.
#[derive(Debug)]
pub(super) struct Inflater {
    /// The unpacker, used again for each stream.
    state: Decompress,
    /// Bytes that may still be unpacked.
    left: usize,
    /// The most of one list of objects, which is kept whole.
    whole_most: usize,
}

impl Inflater {
    /// For a file of so many bytes.
    pub(super) fn of_file(bytes: usize) -> Self {
        Self {
            state: Decompress::new(true),
            left: bytes.saturating_mul(8).saturating_add(EACH).min(ALL_MOST),
            whole_most: bytes.saturating_mul(4).saturating_add(EACH).min(ALL_MOST),
        }
    }

    /// Shows what is packed piece by piece; `None` if it is damaged, cut, or too much.
    pub(super) fn each(&mut self, packed: &[u8], mut show: impl FnMut(&[u8])) -> Option<()> {
        self.state.reset(true);
        let mut piece = [0_u8; PIECE];
        loop {
            let read = usize::try_from(self.state.total_in()).ok()?;
            let written = self.state.total_out();
            let rest = packed.get(read..)?;
            let status = self.state.decompress(rest, &mut piece, FlushDecompress::None).ok()?;
            let made = usize::try_from(self.state.total_out().saturating_sub(written)).ok()?;
            self.left = self.left.checked_sub(made)?;
            show(piece.get(..made)?);
            // An unpacker that neither reads nor writes would be asked for ever: the stream
            // is cut.
            let has_moved = made > 0 || usize::try_from(self.state.total_in()).ok()? > read;
            match status {
                Status::StreamEnd => return Some(()),
                Status::Ok | Status::BufError if has_moved => {}
                Status::Ok | Status::BufError => return None,
            }
        }
    }

    /// The same in one piece; `None` if it is larger than a list of objects may be.
    pub(super) fn whole(&mut self, packed: &[u8]) -> Option<Vec<u8>> {
        let (mut bytes, most) = (Vec::new(), self.whole_most);
        let mut is_whole = true;
        self.each(packed, |piece| {
            is_whole &= bytes.len().saturating_add(piece.len()) <= most;
            if is_whole {
                bytes.extend_from_slice(piece);
            }
        })?;
        is_whole.then_some(bytes)
    }
}
