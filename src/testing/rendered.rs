//! What is an answer once it is bytes, and how much of it is billed when it ends early?

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use compact_str::CompactString;
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
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) is_stream: bool,
    pub(super) frames: Vec<Frame>,
    pub(super) latency: Duration,
    pub(super) pause: Duration,
    pub(super) reset_after: Option<usize>,
    pub(super) is_billed: bool,
    /// What is billed if all of it is generated.
    pub(super) usage: Usage,
    says: Says,
    is_readable: bool,
    /// It goes on without its client.
    pub(super) in_background: bool,
    /// Tokens a second that are thought from the request on.
    hidden_speed: Option<u32>,
}

/// What is known of a client that went before the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gone {
    /// Since its request came.
    pub(super) after: Duration,
    /// Tokens generated further than it has read.
    pub(super) ahead: u64,
    /// How fast the price row says that its model thinks.
    pub(super) stated: Unseen,
}

/// A reply that is given again and again, made into bytes once for each kind of request.
#[derive(Debug)]
pub(super) struct Repeated {
    pub(super) reply: Reply,
    last: Mutex<Option<(Kind, Arc<Rendered>)>>,
}

/// Everything in a request that an answer depends on.
#[derive(Debug, PartialEq, Eq)]
struct Kind {
    dialect: Dialect,
    model: CompactString,
    tier: CompactString,
    stream: bool,
    include_usage: bool,
    limit: Option<u64>,
    choices: u32,
    input: Option<u64>,
    in_background: bool,
}

impl Rendered {
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

    /// How far the answer had come when it ended so, with so many frames handed over and perhaps a piece of the next.
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
            // A whole body that never came, or cannot be read, is charged as it was held.
            // It is owed as it was held.
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
            _ if !arrived => progress,
            _ => Progress { unseen: output.saturating_sub(shown), ..progress },
        }
    }
}

impl Rendered {
    /// What can be generated before anything is shown: thoughts, or all of an answer in one piece.
    fn thought_at_most(&self) -> u64 {
        let part = if self.is_stream { self.usage.reasoning() } else { self.usage.output() };
        part.unwrap_or(0)
    }
}

/// Tokens that come at that speed in that time, a part of one as a whole one.
fn tokens(a_second: u32, time: Duration) -> u64 {
    let tokens = u128::from(a_second).saturating_mul(time.as_nanos()).div_ceil(1_000_000_000);
    u64::try_from(tokens).unwrap_or(u64::MAX)
}

impl Repeated {
    pub(super) fn of(reply: Reply) -> Self {
        Self { reply, last: Mutex::new(None) }
    }

    /// The answer as it was made for the last request, where this one is of the same kind.
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
