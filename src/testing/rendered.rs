//! What is an answer once it is bytes, and how much of it is billed when it ends early?
//!
//! Here the bill of a broken call is decided; the [`Bill`](super::Bill) shows the rules
//! as a table. Each frame knows how many tokens were generated and shown by its end, so
//! "what had been generated when the connection broke?" is a look at the last frame that
//! was handed over.
//!
//! Worked example: a stream with 5,000 tokens of reasoning at 300 a second. The client
//! leaves after 2 s: 300 × 2 = 600 tokens are billed, all hidden. The price row states
//! 500 a second, so a client that charges by the row charges up to 1,000, and nothing is
//! unseen. At a real speed of 800 a second 1,600 would be billed, and 600 of them unseen.

use std::sync::Arc;
use std::time::Duration;

use crate::values::ShortText;
use bytes::Bytes;
use parking_lot::Mutex;

use super::answer::{Answer, tier};
use super::bill::{CallEnd, Progress};
use super::reply::{Breaks, Refused, Reply, Says};
use super::request::{Dialect, Request};
use super::shape::{Frame, error_body, frames};
use crate::Usage;
use crate::pricing::Unseen;

/// An answer in bytes, with what it bills.
#[derive(Debug)]
pub(super) struct Rendered {
    /// The HTTP status.
    pub(super) status: u16,
    /// What an error asks its client to wait.
    pub(super) retry_after: Option<Duration>,
    /// Whether it comes frame by frame.
    pub(super) is_stream: bool,
    /// Everything that is sent; of a whole body, one frame.
    pub(super) frames: Vec<Frame>,
    /// The wait before it begins.
    pub(super) latency: Duration,
    /// The wait between two frames.
    pub(super) pause: Duration,
    /// Bytes after which the connection is reset, if that is before the end.
    pub(super) reset_after: Option<usize>,
    /// Whether anything is billed.
    pub(super) is_billed: bool,
    /// What is billed if all of it is generated.
    pub(super) usage: Usage,
    /// What the client is told of its usage.
    says: Says,
    /// Whether a whole body can be read, so that its usage reaches the client.
    is_readable: bool,
    /// The answer is generated to its end, with or without its client.
    pub(super) in_background: bool,
    /// Tokens a second that are thought from the request on.
    hidden_speed: Option<u32>,
}

/// What is known of a client that left before the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gone {
    /// Since its request came.
    pub(super) after: Duration,
    /// Tokens generated further than it has read.
    pub(super) ahead: u64,
    /// How fast the price row says that its model thinks.
    pub(super) stated: Unseen,
}

/// A reply that is given again and again. It is made into bytes again only if the kind of
/// request changes.
#[derive(Debug)]
pub(super) struct Repeated {
    pub(super) reply: Reply,
    last: Mutex<Option<(Kind, Arc<Rendered>)>>,
}

/// Everything in a request that an answer depends on.
#[derive(Debug, PartialEq, Eq)]
struct Kind {
    dialect: Dialect,
    model: ShortText,
    tier: ShortText,
    stream: bool,
    include_usage: bool,
    limit: Option<u64>,
    choices: u32,
    input: Option<u64>,
    in_background: bool,
}

impl Rendered {
    /// Renders the answer, or the error in its place. A reset that lies beyond the body's
    /// end never happens.
    pub(super) fn of(reply: &Reply, answer: &Answer<'_>, request: &Request<'_>, dialect: Dialect) -> Self {
        let (status, retry_after, is_stream, frames) = match reply.refusal {
            Some(Refused { status, retry_after }) => {
                (status, retry_after, false, vec![refusal(dialect, status, answer)])
            }
            None => (200, None, request.stream, frames(answer, request, dialect, reply.breaks)),
        };
        let length = frames.iter().fold(0_usize, |sum, frame| sum.saturating_add(frame.bytes.len()));
        let reset_after = match reply.breaks {
            Breaks::ResetAfter(bytes) if bytes < length => Some(bytes),
            _ => None,
        };
        Self {
            status,
            retry_after,
            is_stream,
            frames,
            latency: reply.latency,
            pause: reply.pause,
            reset_after,
            is_billed: reply.is_billed(),
            usage: answer.usage,
            says: reply.says,
            in_background: reply.in_background || request.in_background(dialect),
            hidden_speed: reply.hidden_speed,
            is_readable: status == 200 && !matches!(reply.breaks, Breaks::Malformed | Breaks::WithoutEnd),
        }
    }

    /// How far the answer had come when it ended so, after so many frames and perhaps a
    /// piece of the next.
    ///
    /// Which tokens a client could not count depends on what it was told: the truth
    /// (nothing is unseen), a wrong usage (the difference), or nothing (whatever was
    /// generated and not shown).
    pub(super) fn progress(&self, end: CallEnd, frames: usize, has_piece: bool, gone: Gone) -> Progress {
        let whole = self.usage.output().unwrap_or(0);
        let handed = self.frames.get(..frames).unwrap_or(&self.frames);
        let last = handed.last();
        let shown = last.map_or(0, |frame| frame.shown);
        let generated = last.map_or(0, |frame| frame.generated);
        let output = match end {
            CallEnd::LeftRunning => whole,
            CallEnd::HungUp if self.hidden_speed.is_some() => {
                let thought = self.hidden_speed.map_or(0, |speed| tokens(speed, gone.after));
                generated.max(thought.min(self.thought_at_most())).saturating_add(gone.ahead).min(whole)
            }
            _ if !self.is_stream => whole,
            CallEnd::HungUp => generated.saturating_add(gone.ahead).min(whole),
            CallEnd::Reset if has_piece => self.frames.get(frames).map_or(generated, |frame| frame.generated),
            CallEnd::Reset => generated,
            CallEnd::Answered | CallEnd::Failed(_) => whole,
        };
        // What is thought is thought first.
        let reasoning = self.usage.reasoning().unwrap_or(0).min(output);
        let says_usage = handed.iter().rev().any(|frame| frame.says_usage);
        let arrived = self.is_stream || (self.is_readable && end == CallEnd::Answered);
        let progress = Progress { output, reasoning, delivered: shown, ..Progress::default() };
        match self.says {
            Says::Truth if says_usage => progress,
            Says::Instead(told) if says_usage => Progress { told: Some(told), ..progress },
            // A client charges a call that it left running as it was held, which covers all of this.
            _ if end == CallEnd::LeftRunning => Progress { hidden: output.saturating_sub(shown), ..progress },
            _ if end == CallEnd::HungUp && self.hidden_speed.is_some() => {
                let (hidden, ahead) = (output.saturating_sub(shown), gone.ahead);
                let stated = match gone.stated {
                    Unseen::TokensPerSecond(speed) => tokens(speed, gone.after),
                    Unseen::Hold => u64::MAX,
                };
                let unseen = hidden.saturating_sub(stated).max(ahead.min(hidden));
                Progress { hidden, unseen, ..progress }
            }
            // A whole body that never came, or cannot be read, is charged as it was held.
            _ if !arrived => progress,
            _ => Progress { unseen: output.saturating_sub(shown), ..progress },
        }
    }
}

impl Rendered {
    /// What can be generated before anything is shown: the reasoning of a stream, or all
    /// of an answer in one piece.
    fn thought_at_most(&self) -> u64 {
        let part = if self.is_stream { self.usage.reasoning() } else { self.usage.output() };
        part.unwrap_or(0)
    }
}

/// Tokens that come at that speed in that time, a part of one counted as a whole one.
fn tokens(a_second: u32, time: Duration) -> u64 {
    let tokens = u128::from(a_second).saturating_mul(time.as_nanos()).div_ceil(1_000_000_000);
    u64::try_from(tokens).unwrap_or(u64::MAX)
}

impl Repeated {
    pub(super) fn of(reply: Reply) -> Self {
        Self { reply, last: Mutex::new(None) }
    }

    /// The answer as it was rendered last time, if this request is of the same kind.
    pub(super) fn rendered(
        &self,
        request: &Request<'_>,
        dialect: Dialect,
        render: impl FnOnce() -> Rendered,
    ) -> Arc<Rendered> {
        let input = if self.reply.input.is_some() { None } else { Some(request.input_tokens()) };
        let kind = Kind {
            dialect,
            model: request.model.as_ref().into(),
            tier: tier(&self.reply, request, dialect).into(),
            stream: request.stream,
            include_usage: request.include_usage(),
            limit: request.limit(),
            choices: request.choices(dialect),
            input,
            in_background: request.in_background(dialect),
        };
        if let Some((known, rendered)) = &*self.last.lock()
            && *known == kind
        {
            return Arc::clone(rendered);
        }
        let rendered = Arc::new(render());
        *self.last.lock() = Some((kind, Arc::clone(&rendered)));
        rendered
    }
}

/// An error in place of an answer, all of which was generated before it failed.
fn refusal(dialect: Dialect, status: u16, answer: &Answer<'_>) -> Frame {
    let body = error_body(dialect, status, "the script says so");
    let generated = answer.usage.output().unwrap_or(0);
    Frame { bytes: Bytes::from(body), generated, shown: 0, says_usage: false }
}
