//! How much of what is packed in a file is unpacked?
//!
//! A kilobyte may unpack to a megabyte. So the work is bounded by the file: eight times its bytes and a megabyte in
//! all, never more than 32 MB; and so is the memory: four times its bytes and a megabyte for one list of objects.
//! Of the PDFs that people send none is known to need that much: text packs to a third or a fifth.

use std::ops::ControlFlow;

use crate::values::packed::Unpacker;

/// What is added to a share of the file, so that small files have room.
const EACH: usize = 1_024 * 1_024;
/// The most that is unpacked of any file: as much as the largest body has.
const ALL_MOST: usize = 32 * EACH;

/// Unpacks the streams of one file.
pub(super) struct Inflater {
    /// The unpacker, used again for each stream.
    state: Unpacker,
    /// Bytes that may still be unpacked.
    left: usize,
    /// The most of one list of objects, which is kept whole.
    whole_most: usize,
}

impl Inflater {
    /// For a file of so many bytes.
    pub(super) fn of_file(bytes: usize) -> Self {
        Self {
            state: Unpacker::zlib(),
            left: bytes.saturating_mul(8).saturating_add(EACH).min(ALL_MOST),
            whole_most: bytes.saturating_mul(4).saturating_add(EACH).min(ALL_MOST),
        }
    }

    /// Shows what is packed piece by piece; `None` if it is damaged, cut, or too much.
    pub(super) fn each(&mut self, packed: &[u8], mut show: impl FnMut(&[u8])) -> Option<()> {
        self.state.reset();
        let left = &mut self.left;
        let read = self.state.each(packed, |piece| {
            let Some(rest) = left.checked_sub(piece.len()) else { return ControlFlow::Break(()) };
            *left = rest;
            show(piece);
            ControlFlow::Continue(())
        });
        read.map(drop)
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
