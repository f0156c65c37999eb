//! How is usage read out of what a provider sends?
//!
//! [`extract`] reads a whole body, [`StreamMeter`] a stream as it flows by:
//! bytes in, a [`UsageReport`] out. Neither changes or holds back a byte, and
//! neither knows a client or HTTP. What each provider's fields mean, and which
//! are contained in which, is listed in `docs/PROVIDERS.md`.

mod limits;
mod report;

pub use limits::{RateLimit, RateLimitKind, RateLimitState, RateWindow};
pub use report::{Purpose, TextSeen, UsageLine, UsageReport};
