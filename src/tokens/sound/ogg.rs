//! How long does an Ogg file play, of Opus or of Vorbis?
//!
//! A page says at which sample it ends, and a packet of Opus says how many it plays. The
//! larger of both counts. Vorbis packets say nothing of themselves, so such a file is held
//! to its pages, or to its bytes at the lowest rate of Vorbis, if that is longer.

use memchr::memmem;

use super::length::milliseconds;
use crate::tokens::bytes::{big, little};

/// Opus counts samples at this rate, whatever was recorded.
const OPUS_RATE: u64 = 48_000;
/// Vorbis keeps above sixteen kilobits a second.
const VORBIS_BYTES_LEAST: u64 = 2_000;
const PAGE: &[u8] = b"OggS";
/// Bytes of a page before the lengths of its segments.
const HEAD: usize = 27;

/// Of Opus, by the larger of what its pages say and what its packets say of themselves; of Vorbis, by its pages, or
/// by its bytes at the lowest rate, if that is longer.
pub(super) fn length_ms(bytes: &[u8]) -> Option<u64> {
    let first = bytes.get(HEAD.checked_add(usize::try_from(big(bytes, 26, 1)?).ok()?)?..)?;
    let (mut at, mut said, mut packed, mut begun) = (0, 0, 0_u64, 0_u8);
    while let Some(gap) = bytes.get(at..).and_then(|rest| memmem::find(rest, PAGE)) {
        let page = bytes.get(at.saturating_add(gap)..)?;
        // All ones is a page on which no packet ends.
        said = said.max(little(page, 6, 8).filter(|granule| *granule != u64::MAX).unwrap_or(0));
        begun = begun.saturating_add(page.get(5).map_or(0, |flags| (flags >> 1) & 1));
        let length = samples(page, &mut packed);
        at = at.saturating_add(gap).saturating_add(length.max(PAGE.len()));
    }
    // Several sounds, one behind the other, each count from the beginning.
    if begun > 1 {
        return None;
    }
    if first.starts_with(b"OpusHead") {
        return milliseconds(said.max(packed), OPUS_RATE);
    }
    let rate = first.starts_with(b"\x01vorbis").then(|| little(first, 12, 4))??;
    let least = milliseconds(u64::try_from(bytes.len()).ok()?, VORBIS_BYTES_LEAST)?;
    Some(milliseconds(said, rate)?.max(least))
}

/// Adds what the packets that begin on a page play, and says how long the page is.
fn samples(page: &[u8], sum: &mut u64) -> usize {
    let count = usize::from(page.get(26).copied().unwrap_or(0));
    let mut at = HEAD.saturating_add(count);
    let lengths = page.get(HEAD..at).unwrap_or_default();
    // The lowest bit of its flags: what it begins with is the rest of a packet.
    let mut is_new = page.get(5).is_some_and(|flags| flags & 1 == 0);
    for length in lengths {
        let packet = page.get(at..).unwrap_or_default();
        if is_new && !packet.starts_with(b"Opus") {
            *sum = sum.saturating_add(packet_samples(packet).unwrap_or(0));
        }
        is_new = *length < 255;
        at = at.saturating_add(usize::from(*length));
    }
    at
}

/// Samples of a packet of Opus, by its first byte, or two.
fn packet_samples(packet: &[u8]) -> Option<u64> {
    let head = *packet.first()?;
    let code = usize::from(head >> 3);
    let frame: u64 = match code {
        0..=11 => *[480, 960, 1_920, 2_880].get(code & 3)?,
        12..=15 => *[480, 960].get(code & 1)?,
        _ => *[120, 240, 480, 960].get(code & 3)?,
    };
    let frames = match head & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u64::from(packet.get(1)? & 0x3f),
    };
    Some(frame.saturating_mul(frames))
}
