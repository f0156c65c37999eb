//! How is usage read out of what a provider sends?
//!
//! [`extract`] reads a whole body, [`StreamMeter`] a stream as it flows by:
//! bytes in, a [`UsageReport`] out. Neither changes or holds back a byte, and
//! neither knows a client or HTTP. What each provider's fields mean, and which
//! are contained in which, is listed in `docs/PROVIDERS.md`. [`RateLimitState`]
//! reads when a provider that refused a call lets it come again.
//!
//! Inside: `frames` cut a stream into documents, `walk` reads a document by the
//! table of meanings in `vocabulary`, `reader` keeps what was said, and
//! `normal` makes one usage of it.

mod around;
mod cost;
mod ending;
mod extract;
mod fields;
mod frames;
mod generations;
mod heard;
mod items;
mod json;
mod limits;
mod lists;
mod meter;
mod names;
mod next;
mod normal;
mod reader;
mod repeat;
mod report;
mod shown;
mod tools;
mod vocabulary;
mod walk;

pub use extract::extract;
pub(crate) use extract::heard;
pub use limits::{RateLimit, RateLimitKind, RateLimitState, RateWindow};
pub use meter::StreamMeter;
pub use report::{Purpose, TextSeen, UsageLine, UsageReport};
