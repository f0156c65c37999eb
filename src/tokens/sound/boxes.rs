//! How long does an MP4 or a QuickTime file play, with or without images?
//!
//! The file is a tree of boxes: a length, a name of four letters, and what is inside. Times
//! stand in four kinds of box, each in units of its own: `mvhd` (the film), `mdhd` (a
//! track), `stts` (its samples, in runs) and `elst` (stretches that are played). The
//! longest of all counts. If there is a second `mvhd`, or a second `mdhd` in a track,
//! readers would not take the same, and nothing is said.

use super::length::{Clip, milliseconds};
use crate::tokens::bytes::big;

/// By the longest of all its tables; `None` if the times stand elsewhere: in fragments, or packed.
pub(super) fn clip(bytes: &[u8]) -> Option<Clip> {
    let mut found = FoundTracks::default();
    found.walk(bytes, 0)?;
    let length_ms = found.longest_ms.filter(|length_ms| *length_ms > 0)?;
    Some(Clip { length_ms, is_film: found.is_film })
}

/// What was found so far.
#[derive(Default)]
struct FoundTracks {
    longest_ms: Option<u64>,
    is_film: bool,
    /// Of the film as a whole, and of the track that is read.
    scale: u64,
    track: Track,
}

/// The track that is being read.
#[derive(Default)]
struct Track {
    scale: u64,
    is_sound: bool,
}

/// `moov`, `trak`, `mdia`, `minf`, `stbl`.
const DEPTH_MAX: u8 = 6;
/// Samples in a packet of AAC.
const PACKET: u64 = 1_024;
/// Units of a track of sound are its samples, as a rule.
const RATES: std::ops::RangeInclusive<u64> = 8_000..=48_000;

impl FoundTracks {
    /// Goes through boxes one behind the other, and into those that hold others.
    fn walk(&mut self, mut rest: &[u8], depth: u8) -> Option<()> {
        while let Some(length) = big(rest, 0, 4) {
            let name = rest.get(4..8)?;
            let (head, length) = match length {
                0 => (8, u64::try_from(rest.len()).ok()?),
                1 => (16, big(rest, 8, 8)?),
                length => (8, length),
            };
            // One that is cut is read as far as it goes.
            let end = usize::try_from(length).unwrap_or(usize::MAX).min(rest.len());
            let inside = rest.get(head..end)?;
            match name {
                b"moov" | b"trak" | b"mdia" | b"minf" | b"stbl" | b"edts" if depth < DEPTH_MAX => {
                    if name == b"trak" {
                        self.track = Track::default();
                    }
                    self.walk(inside, depth.saturating_add(1))?;
                }
                b"moof" | b"mvex" | b"cmov" => return None,
                // Of two the readers would not take the same.
                b"mvhd" if self.scale == 0 => self.scale = self.header(inside)?,
                b"mdhd" if self.track.scale == 0 => self.track.scale = self.header(inside)?,
                b"mvhd" | b"mdhd" => return None,
                b"hdlr" => {
                    self.track.is_sound = inside.get(8..12) == Some(b"soun");
                    self.is_film |= inside.get(8..12).is_some_and(|kind| kind == b"vide");
                }
                b"stts" => self.times(inside)?,
                b"elst" => self.edits(inside)?,
                _ => {}
            }
            rest = rest.get(end..)?;
        }
        Some(())
    }

    /// Takes note of a length, if it is the longest.
    fn add(&mut self, units: u64, scale: u64) -> Option<()> {
        self.longest_ms = self.longest_ms.max(Some(milliseconds(units, scale)?));
        Some(())
    }

    /// Units a second; how many it lasts is noted.
    fn header(&mut self, inside: &[u8]) -> Option<u64> {
        let is_long = inside.first() == Some(&1);
        let (at, width) = if is_long { (20, 8) } else { (12, 4) };
        let scale = big(inside, at, 4)?;
        let units = big(inside, at.checked_add(4)?, width)?;
        let is_known = units != if is_long { u64::MAX } else { u64::from(u32::MAX) };
        self.add(if is_known { units } else { 0 }, scale)?;
        Some(scale)
    }

    /// How many samples last how long, in runs.
    fn times(&mut self, inside: &[u8]) -> Option<()> {
        let (mut units, mut packets) = (0_u64, 0_u64);
        for run in inside.get(8..)?.chunks_exact(8) {
            let count = big(run, 0, 4)?;
            units = units.saturating_add(count.saturating_mul(big(run, 4, 4)?));
            packets = packets.saturating_add(count.saturating_mul(PACKET));
        }
        let scale = self.track.scale;
        self.add(units, scale)?;
        // A decoder of sound plays each packet whole, whatever a table says of it.
        let rate = if RATES.contains(&scale) { scale } else { *RATES.end() };
        if self.track.is_sound { self.add(packets, rate) } else { Some(()) }
    }

    /// Stretches that are played one behind the other.
    fn edits(&mut self, inside: &[u8]) -> Option<()> {
        let is_long = inside.first() == Some(&1);
        let (run, width) = if is_long { (20, 8) } else { (12, 4) };
        let stretches = inside.get(8..)?.chunks_exact(run).filter_map(|run| big(run, 0, width));
        let units = stretches.fold(0, u64::saturating_add);
        self.add(units, self.scale)
    }
}
