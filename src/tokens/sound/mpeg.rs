//! How long does a file of MPEG's sound play (MP3, or AAC in its own frames)?
//!
//! Such a file has no header: it is frames, one behind the other, each with a few bytes
//! that say its rate and its length. So all frames are added up, and bytes between them are
//! taken at the lowest rate that a frame may have. For example, a frame of MPEG 1, layer
//! III, at 44,100 samples a second has 1,152 samples: 26.1 ms.

use memchr::memchr;

use crate::tokens::bytes::big;

/// The sum of its frames, each of which says how long it is and plays. Nothing is said of a file that is not
/// frames for the most part.
pub(super) fn length_ms(bytes: &[u8]) -> Option<u64> {
    let sound = bytes.get(tag(bytes).min(bytes.len())..)?;
    let (mut at, mut framed, mut nanoseconds) = (0_usize, 0_usize, 0_u64);
    while let Some(gap) = sound.get(at..).and_then(|rest| memchr(0xff, rest)) {
        at = at.saturating_add(gap);
        let frame = sound.get(at..).and_then(Frame::read);
        let length = frame.as_ref().map_or(1, |frame| frame.bytes);
        if let Some(frame) = frame {
            framed = framed.saturating_add(frame.bytes);
            nanoseconds = nanoseconds.saturating_add(frame.nanoseconds()?);
        }
        at = at.saturating_add(length);
    }
    // What is none of these may be a frame without a stated rate, of which the lowest is eight kilobits: a byte a
    // millisecond.
    let others = u64::try_from(sound.len().saturating_sub(framed)).ok()?;
    let is_framed = framed >= sound.len().div_ceil(2) && framed > 0;
    is_framed.then(|| nanoseconds.div_ceil(1_000_000).saturating_add(others))
}

/// The length of the tag in front, of which seven bits of each byte count.
fn tag(bytes: &[u8]) -> usize {
    if !bytes.starts_with(b"ID3") {
        return 0;
    }
    let size = bytes.get(6..10).unwrap_or_default();
    let size = size.iter().fold(0_usize, |sum, byte| (sum << 7) | usize::from(byte & 0x7f));
    size.saturating_add(10)
}

/// A frame: its bytes, and how many samples it plays at which rate.
struct Frame {
    bytes: usize,
    samples: u64,
    rate: u64,
}

/// Kilobits a second by layer: MPEG 1's three, MPEG 2's first, and its others.
const KILOBITS: [[u64; 15]; 5] = [
    [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];
/// Samples a second of MPEG 1; MPEG 2 has half of it, 2.5 a quarter.
const RATES: [u64; 3] = [44_100, 48_000, 32_000];
/// Samples a second of AAC, by the number in its frames.
const AAC_RATES: [u64; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

impl Frame {
    /// The frame that begins there; `None` if none does.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (sync, sizes) = (big(bytes, 1, 1)?, big(bytes, 2, 1)?);
        if sync & 0xf6 == 0xf0 {
            return Self::aac(bytes, sizes);
        }
        let (version, layer) = ((sync >> 3) & 3, (sync >> 1) & 3);
        if sync & 0xe0 != 0xe0 || version == 1 || layer == 0 {
            return None;
        }
        let is_first = version == 3;
        let (table, samples) = match (is_first, layer) {
            (true, 3) => (0, 384),
            (true, 2) => (1, 1_152),
            (true, _) => (2, 1_152),
            (false, 3) => (3, 384),
            (false, 2) => (4, 1_152),
            (false, _) => (4, 576),
        };
        let at = |index: u64| usize::try_from(index).ok();
        let bits = KILOBITS.get(table)?.get(at(sizes >> 4)?)?.saturating_mul(1_000);
        let full = *RATES.get(at((sizes >> 2) & 3)?)?;
        let rate = match version {
            3 => full,
            2 => full / 2,
            _ => full / 4,
        };
        // Layer I pads by four bytes, the others by one.
        let slot = if layer == 3 { 4 } else { 1 };
        let slots = bits.saturating_mul(samples).checked_div(rate.saturating_mul(8).saturating_mul(slot))?;
        let slots = slots.saturating_add((sizes >> 1) & 1);
        let bytes = usize::try_from(slots.saturating_mul(slot)).ok()?;
        (bits > 0).then_some(Self { bytes, samples, rate })
    }

    /// The same of AAC, whose frame says its own length in bytes.
    fn aac(bytes: &[u8], sizes: u64) -> Option<Self> {
        let rate = *AAC_RATES.get(usize::try_from((sizes >> 2) & 0xf).ok()?)?;
        let length = usize::try_from((big(bytes, 3, 3)? >> 5) & 0x1fff).ok()?;
        let blocks = (big(bytes, 6, 1)? & 3).saturating_add(1);
        (length >= 7).then_some(Self { bytes: length, samples: blocks.saturating_mul(1_024), rate })
    }

    fn nanoseconds(&self) -> Option<u64> {
        self.samples.saturating_mul(1_000_000_000).checked_div(self.rate)
    }
}
