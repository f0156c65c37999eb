//! How long does a FLAC file play?
//!
//! The header says how many samples there are, and each frame says how many it has. The
//! larger of the header's figure and the sum of all frames counts: a header that says too
//! little is of no use to anybody who wants to be billed less.

use memchr::memchr_iter;

use super::length::{RATE_MOST, milliseconds};
use crate::tokens::bytes::big;

/// By the larger of what its header says and what its frames say of themselves. What looks like a frame by chance
/// adds half as much or so.
pub(super) fn length_ms(bytes: &[u8]) -> Option<u64> {
    let rate = big(bytes, 18, 3).map(|rate| rate >> 4).filter(|rate| (1..=RATE_MOST).contains(rate))?;
    let said = (big(bytes, 21, 1)? & 0xf) << 32 | big(bytes, 22, 4)?;
    let frames = memchr_iter(0xff, bytes).filter_map(|at| nanoseconds(bytes.get(at..)?, rate));
    let found = frames.fold(0, u64::saturating_add).div_ceil(1_000_000);
    Some(milliseconds(said, rate)?.max(found))
}

/// By the fourth bits of the third byte, if they say it; the header's own if they say that.
const RATES: [u64; 12] =
    [u64::MAX, 88_200, 176_400, 192_000, 8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000];
/// Where it stands elsewhere.
const RATE_LEAST: u64 = 8_000;

/// How long the frame plays that begins there: of a length that stands elsewhere the most that it may be, at the
/// lower of its own rate and the header's.
fn nanoseconds(frame: &[u8], header: u64) -> Option<u64> {
    let [_, sync, sizes, channels, ..] = frame else { return None };
    let is_frame = sync & 0xfe == 0xf8 && sizes & 0xf != 0xf && channels >> 4 <= 10 && channels & 1 == 0;
    let code = u32::from(sizes >> 4);
    let length = match code {
        0 => return None,
        1 => 192,
        2..=5 => 576_u64 << code.saturating_sub(2),
        6 => 256,
        7 => 65_536,
        _ => 256_u64 << code.saturating_sub(8),
    };
    let own = usize::from(sizes & 0xf);
    let rate = RATES.get(own).copied().unwrap_or(RATE_LEAST).min(header);
    length.saturating_mul(1_000_000_000).checked_div(rate).filter(|_| is_frame)
}
