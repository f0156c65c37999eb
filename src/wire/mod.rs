//! How is usage read out of what a provider sends?
//!
//! A call is charged what its provider says it used. Providers say it in a dozen languages,
//! in bodies, in streams, in headers, and sometimes not at all. This module is shown bytes
//! and answers with a [`UsageReport`]. It changes and holds back no byte, and it knows no
//! client and no HTTP.
//!
//! # The parts, in reading order
//! - [`extract`] reads a whole body, with its headers.
//! - [`StreamMeter`] reads a stream as it flows by, in whatever pieces it comes.
//! - [`UsageReport`] is what both return: [`UsageLine`]s that are billed apart, each with
//!   its [`Purpose`], and [`TextSeen`], the text that went by.
//! - [`RateLimitState`] reads when a provider that refused a call lets it come again, which
//!   has nothing to do with usage and stands in the same headers.
//!
//! What each provider's fields mean, and which contain which, is listed in
//! `docs/PROVIDERS.md`.
//!
//! # Example: a body and a stream say the same
//! Anthropic counts cached input beside `input_tokens`. In a [`Usage`](crate::Usage) the
//! input contains it: every billed token is in it once.
//! ```
//! use token_budget::wire::{extract, StreamMeter};
//!
//! let body = br#"{"type": "message", "model": "claude-sonnet-4-5", "stop_reason": "end_turn",
//!     "content": [{"type": "text", "text": "Mount Everest."}],
//!     "usage": {"input_tokens": 25, "cache_read_input_tokens": 100, "output_tokens": 5}}"#;
//! let whole = extract(Some("anthropic"), body, [])?;
//!
//! let mut meter = StreamMeter::new(Some("anthropic"));
//! for frame in [
//!     r#"{"type": "message_start", "message": {"model": "claude-sonnet-4-5",
//!         "usage": {"input_tokens": 25, "cache_read_input_tokens": 100, "output_tokens": 1}}}"#,
//!     r#"{"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Mount Everest."}}"#,
//!     r#"{"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}"#,
//!     r#"{"type": "message_stop"}"#,
//! ] {
//!     meter.push(format!("data: {}\n\n", frame.replace('\n', " ")).as_bytes());
//! }
//! let streamed = meter.finish();
//!
//! for report in [&whole, &streamed] {
//!     let usage = report.usage().expect("a line");
//!     assert_eq!((usage.input(), usage.cached_input(), usage.output()), (Some(125), Some(100), Some(5)));
//!     assert_eq!((report.text.chars, report.finished), (14, true));
//! }
//! # Ok::<(), token_budget::Error>(())
//! ```
//!
//! # What goes wrong most often
//! - **No usage is not zero usage.** A report without lines says that nothing was reported.
//!   A stream that broke off, or one whose request forgot `include_usage`, was billed all
//!   the same: see [`UsageReport::or_estimated`].
//! - **One call may be several bills.** An advisor, a transcription or an image model has a
//!   line of its own, with a model of its own. Price each line, not their sum.
//! - **The last figure wins, not the first.** A stream repeats its figures; adding them up
//!   charges an answer many times over.
//!
//! # Inside
//! `frames` cut a stream into documents, `walk` reads a document by the table of meanings
//! in `vocabulary`, `reader` keeps what was said, and `normal` makes one usage of it. The
//! path of one frame of a stream:
//!
//! | step | file | question |
//! |---|---|---|
//! | 1 | `frames`, `frames/sse` … | where does a document end? |
//! | 2 | `repeat` | is it the last frame again, with other text? then count the text, and stop |
//! | 3 | `next` | does it belong to the answer being read? |
//! | 4 | `walk` by `vocabulary`, over `json` | what does each member mean? |
//! | 5 | `items`, `names`, `lists`, `cost`, `around` | what do its values say? |
//! | 6 | `shown` | what does it repeat that was told before? |
//! | 7 | `ending` | is the answer over? |
//! | 8 | `normal`, `generations` | which usage do the figures mean? (only if a report is asked for) |
//!
//! # What was rejected
//! - *A type for each provider's answer.* Thirty types would be wrong the week a provider
//!   adds a field, and a proxy speaks two dialects in one body. One table of names serves
//!   all, because a name never means two things in one place.
//! - *Building a tree of each frame.* A frame has 300 bytes, of which few matter. A cursor
//!   skips the rest and allocates nothing.
//! - *Telling the API by the provider's name.* A body says which API it is by its form, and
//!   a gateway in between often names itself. The name decides one thing: whether a
//!   reported cost is believed.

mod around;
mod cost;
mod ended;
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
mod taken;
mod told;
mod tools;
mod vocabulary;
mod walk;

pub use extract::extract;
pub(crate) use extract::heard;
pub use limits::{RateLimit, RateLimitKind, RateLimitState, RateWindow};
pub use meter::StreamMeter;
pub use report::{Purpose, TextSeen, UsageLine, UsageReport};
