//! How long do so many samples play?

/// How long a file plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clip {
    pub(crate) length_ms: u64,
    /// Whether there may be images in it.
    pub(crate) is_film: bool,
}

/// No sound that people send has more samples a second. More would make any file short.
pub(super) const RATE_MOST: u64 = 192_000;

/// So many samples at that many a second, in milliseconds; what is begun counts whole.
pub(super) fn milliseconds(samples: u64, rate: u64) -> Option<u64> {
    (rate > 0).then(|| samples.saturating_mul(1_000).div_ceil(rate))
}
