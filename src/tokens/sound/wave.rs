//! How long does a WAVE file play?
//!
//! A WAVE file says how wide a sample is and how many there are a second; its length is its
//! bytes divided by both. Which of its bytes are data is the header's claim, so all bytes
//! behind the format count: a few hundred bytes of other chunks are a few milliseconds too
//! much.

use memchr::memmem;

use super::length::{RATE_MOST, milliseconds};
use crate::tokens::bytes::little;

/// Sound of more channels, or of wider samples, is not known to be sent.
const CHANNELS_MOST: u64 = 8;
const BITS_MOST: u64 = 64;

/// By all bytes behind the words on its format: how many of them its header calls data makes no difference.
pub(super) fn length_ms(bytes: &[u8]) -> Option<u64> {
    const FORMAT: &[u8] = b"fmt ";
    let mut formats = memmem::find_iter(bytes, FORMAT);
    let at = formats.next()?;
    if formats.next().is_some() {
        // Which of two a player goes by is not known.
        return None;
    }
    let format = bytes.get(at.checked_add(8)?..)?;
    let (tag, channels, rate) = (little(format, 0, 2)?, little(format, 2, 2)?, little(format, 4, 4)?);
    let (block, bits) = (little(format, 12, 2)?, little(format, 14, 2)?);
    // A sample of more channels, or more of them a second, would make any file short.
    if channels > CHANNELS_MOST || bits > BITS_MOST || rate > RATE_MOST {
        return None;
    }
    const EXTENSIBLE: u64 = 0xfffe;
    let tag = if tag == EXTENSIBLE { little(format, 24, 2)? } else { tag };
    // Whole samples, fractions, and the two laws of telephony; others are packed.
    if !matches!(tag, 1 | 3 | 6 | 7) {
        return None;
    }
    let width = channels.max(1).saturating_mul(bits.div_ceil(8).max(1));
    let width = if block == 0 { width } else { block.min(width) };
    let samples = u64::try_from(format.len()).ok()?.checked_div(width)?;
    milliseconds(samples, rate)
}
