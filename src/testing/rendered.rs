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
            is_readable: status == 200 && !matches!(reply.breaks, Breaks::Malformed | Breaks::WithoutEnd),
        }
    }

    /// How far the answer had come when it ended so, with so many frames handed over and perhaps a piece of the next.
    pub(super) fn progress(&self, end: CallEnd, frames: usize, has_piece: bool, ahead: u64) -> Progress {
        let whole = self.usage.output().unwrap_or(0);
        let handed = self.frames.get(..frames).unwrap_or(&self.frames);
        let last = handed.last();
        let shown = last.map_or(0, |frame| frame.shown);
        let generated = last.map_or(0, |frame| frame.generated);
        let output = match end {
            _ if !self.is_stream => whole,
            CallEnd::HungUp => generated.saturating_add(ahead).min(whole),
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
            _ if !arrived => progress,
            _ => Progress { unseen: output.saturating_sub(shown), ..progress },
        }
    }
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
