//! How does an answer come out of a scripted provider, and what if nobody waits for it?

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use compact_str::{CompactString, ToCompactString, format_compact};
use futures_core::Stream;
use tokio::time::Sleep;

use super::bill::{BilledCall, CallEnd, Customer};
use super::free::Free;
use super::provider::{Settings, State};
use super::rendered::{Gone, Rendered};
use crate::Clock;
use crate::pricing::Unseen;
use crate::values::Timestamp;

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScriptedResponse {
    /// The HTTP status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(&'static str, CompactString)>,
    /// The body; of a stream, all its frames.
    pub body: Bytes,
}

/// An answer that comes frame by frame. Dropping it before its end hangs up, and is billed so.
#[derive(Debug)]
pub struct ScriptedStream {
    status: u16,
    headers: Vec<(&'static str, CompactString)>,
    rest: Rest,
}

/// What is still to come.
enum Rest {
    /// An answer that nobody bills.
    Free(Option<Bytes>),
    Frames(Frames),
}

struct Frames {
    rendered: Arc<Rendered>,
    open: Open,
    /// Frames handed over whole, and the bytes of all that was handed over.
    frames: usize,
    bytes: usize,
    /// A reset is due, and all bytes before it were handed over.
    is_cut: bool,
    has_yielded: bool,
    pause: Option<Pin<Box<Sleep>>>,
}

/// A call on its provider's books. Dropped before its end, it was hung up on.
pub(super) struct Open {
    state: Arc<State>,
    customer: Option<Customer>,
    ahead: u64,
    keeps_calls: bool,
    /// By whose clock it came when.
    clock: Arc<dyn Clock>,
    since: Timestamp,
}

/// How a scripted connection fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScriptedFault {
    /// The provider reset the connection.
    Reset,
    /// The script has to wait, and there is no tokio runtime to wait in; nothing was billed.
    NoRuntime,
}

impl fmt::Display for ScriptedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reset => "the scripted provider reset the connection",
            Self::NoRuntime => "the script waits, which needs a tokio runtime; run the test in one",
        })
    }
}

impl std::error::Error for ScriptedFault {}

impl ScriptedResponse {
    /// The value of a header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// All headers, as [`wire::extract`](crate::wire::extract) takes them.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (*name, value.as_str()))
    }
}

impl ScriptedStream {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The headers, names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// The same, for a transport that keeps names as they are.
    pub(super) fn named_headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.headers.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// Whether nothing more comes.
    pub(super) fn is_over(&self) -> bool {
        match &self.rest {
            Rest::Free(body) => body.is_none(),
            Rest::Frames(frames) => !frames.open.is_open(),
        }
    }

    /// The length of the body, where it is sent in one piece.
    pub(super) fn length(&self) -> Option<u64> {
        match &self.rest {
            Rest::Free(body) => Some(body.as_ref().map_or(0, |body| body.len() as u64)),
            Rest::Frames(Frames { rendered, .. }) if rendered.is_stream || rendered.reset_after.is_some() => {
                None
            }
            Rest::Frames(Frames { rendered, frames, .. }) => {
                Some(rendered.frames.get(*frames).map_or(0, |frame| frame.bytes.len() as u64))
            }
        }
    }

    /// Everything that comes, in one body.
    ///
    /// # Errors
    /// [`ScriptedFault::Reset`] where the script breaks the connection.
    pub async fn collect(mut self) -> Result<ScriptedResponse, ScriptedFault> {
        let mut body = Vec::new();
        let mut only = None;
        while let Some(piece) = poll_fn(|context| Pin::new(&mut self).poll_next(context)).await {
            if self.length().is_some() {
                only = Some(piece?);
            } else {
                body.extend_from_slice(&piece?);
            }
        }
        let body = only.unwrap_or_else(|| body.into());
        Ok(ScriptedResponse { status: self.status, headers: self.headers, body })
    }

    pub(super) fn free(free: Free) -> Self {
        let headers = vec![("content-type", "application/json".into())];
        Self { status: free.status, headers, rest: Rest::Free(Some(free.body)) }
    }

    pub(super) fn of(rendered: Arc<Rendered>, open: Open) -> Self {
        let kind = if rendered.is_stream { "text/event-stream; charset=utf-8" } else { "application/json" };
        let id = format_compact!("req_{}", open.customer.as_ref().map_or(0, |customer| customer.number));
        // OpenAI's name for it, and Anthropic's.
        let mut headers =
            vec![("content-type", kind.into()), ("x-request-id", id.clone()), ("request-id", id)];
        if let Some(wait) = rendered.retry_after {
            let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
            headers.push(("retry-after", seconds.to_compact_string()));
        }
        let status = rendered.status;
        let frames =
            Frames { rendered, open, frames: 0, bytes: 0, is_cut: false, has_yielded: false, pause: None };
        Self { status, headers, rest: Rest::Frames(frames) }
    }

    /// The same after a while; dropping the future hangs up.
    pub(super) async fn after(mut self, latency: Duration) -> Result<Self, ScriptedFault> {
        if let Rest::Frames(frames) = &mut self.rest
            && (latency > Duration::ZERO || frames.rendered.pause > Duration::ZERO)
        {
            if tokio::runtime::Handle::try_current().is_err() {
                frames.open.forget();
                return Err(ScriptedFault::NoRuntime);
            }
            if latency > Duration::ZERO {
                tokio::time::sleep(latency).await;
            }
        }
        Ok(self)
    }
}

impl Stream for ScriptedStream {
    type Item = Result<Bytes, ScriptedFault>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.rest {
            Rest::Free(body) => Poll::Ready(body.take().map(Ok)),
            Rest::Frames(frames) => frames.poll_next(context),
        }
    }
}

impl Frames {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, ScriptedFault>>> {
        if !self.open.is_open() {
            return Poll::Ready(None);
        }
        if self.is_cut {
            if !std::mem::replace(&mut self.has_yielded, true) {
                // Whoever forwards the bytes before a reset has one more turn to do so.
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.end(if self.rendered.in_background { CallEnd::LeftRunning } else { CallEnd::Reset });
            return Poll::Ready(Some(Err(ScriptedFault::Reset)));
        }
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(context));
            self.pause = None;
        }
        let rendered = Arc::clone(&self.rendered);
        let Some(frame) = rendered.frames.get(self.frames) else {
            // A script without frames: nothing is to come.
            self.end(CallEnd::Answered);
            return Poll::Ready(None);
        };
        let room = rendered.reset_after.map_or(usize::MAX, |most| most.saturating_sub(self.bytes));
        if frame.bytes.len() > room {
            return self.cut(frame.bytes.slice(..room), context);
        }
        self.bytes = self.bytes.saturating_add(frame.bytes.len());
        self.frames = self.frames.saturating_add(1);
        if self.frames == rendered.frames.len() {
            let end =
                if rendered.status == 200 { CallEnd::Answered } else { CallEnd::Failed(rendered.status) };
            self.end(end);
        } else if rendered.pause > Duration::ZERO {
            self.pause = Some(Box::pin(tokio::time::sleep(rendered.pause)));
        }
        Poll::Ready(Some(Ok(frame.bytes.clone())))
    }

    /// The last bytes before a reset.
    fn cut(&mut self, piece: Bytes, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, ScriptedFault>>> {
        self.is_cut = true;
        self.bytes = self.bytes.saturating_add(piece.len());
        if piece.is_empty() { self.poll_next(context) } else { Poll::Ready(Some(Ok(piece))) }
    }

    /// Whether a piece of the next frame was handed over too.
    fn has_piece(&self) -> bool {
        let whole = self.rendered.frames.iter().take(self.frames);
        self.bytes > whole.fold(0, |sum, frame| sum.saturating_add(frame.bytes.len()))
    }

    fn end(&mut self, end: CallEnd) {
        let has_piece = self.is_cut && self.has_piece();
        let progress = self.rendered.progress(end, self.frames, has_piece, self.open.gone());
        self.open.end(|customer| {
            if self.rendered.is_billed {
                BilledCall::billed(customer, &self.rendered.usage, end, progress)
            } else {
                BilledCall::unbilled(customer, end, progress.delivered)
            }
        });
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        if self.open.is_open() {
            // Where all bytes before a reset are out, it made no difference that the client went.
            let gone = if self.rendered.in_background { CallEnd::LeftRunning } else { CallEnd::HungUp };
            self.end(if self.is_cut && !self.rendered.in_background { CallEnd::Reset } else { gone });
        }
    }
}

impl Open {
    pub(super) fn new(state: &Arc<State>, customer: Customer, settings: &Settings) -> Self {
        let Settings { ahead, keeps_calls, ref clock, .. } = *settings;
        let since = clock.now();
        Self {
            state: Arc::clone(state),
            customer: Some(customer),
            ahead,
            keeps_calls,
            clock: Arc::clone(clock),
            since,
        }
    }

    fn gone(&self) -> Gone {
        let stated = self.customer.as_ref().map_or(Unseen::Hold, |customer| customer.price.unseen());
        Gone { after: self.clock.now().since(self.since), ahead: self.ahead, stated }
    }

    fn is_open(&self) -> bool {
        self.customer.is_some()
    }

    fn end(&mut self, call: impl FnOnce(Customer) -> BilledCall) {
        if let Some(customer) = self.customer.take() {
            self.state.end(call(customer), self.keeps_calls);
        }
    }

    /// The call was never answered: it is on the bill as nothing.
    fn forget(&mut self) {
        self.end(|customer| BilledCall::unbilled(customer, CallEnd::HungUp, 0));
    }
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Free(_) => f.write_str("one body, not billed"),
            Self::Frames(rest) => {
                write!(f, "{} of {} frames handed over", rest.frames, rest.rendered.frames.len())
            }
        }
    }
}
