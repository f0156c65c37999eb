//! How long does a FLAC file play?

use memchr::memchr_iter;

use super::{big, milliseconds};

/// By the larger of what its header says and what its frames say of themselves. What looks like a frame by chance
/// adds a fifth or so.
pub(super) fn length_ms(bytes: &[u8]) -> Option<u64> {
    let rate = big(bytes, 18, 3)? >> 4;
    let said = (big(bytes, 21, 1)? & 0xf) << 32 | big(bytes, 22, 4)?;
    let found =
        memchr_iter(0xff, bytes).filter_map(|at| samples(bytes.get(at..)?)).fold(0, u64::saturating_add);
    milliseconds(said.max(found), rate)
}

/// Samples of the frame that begins there; of a length that stands elsewhere, the most that it may be.
fn samples(frame: &[u8]) -> Option<u64> {
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
    is_frame.then_some(length)
}
