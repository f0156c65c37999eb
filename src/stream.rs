//! How is an answer paid for while it flows?
//!
//! [`MeteredStream`] wraps the stream of a client and hands its items on unchanged. On the way a [`StreamReader`] tells how much
//! text came and what the provider said of its usage; a hold stays ahead of that; and however the stream ends, the call is
//! charged once:
//!
//! | The stream | is charged |
//! |---|---|
//! | ends with the provider's usage | that usage |
//! | ends without it | input, and the text that was seen, counted |
//! | breaks off, or is dropped | input, the output seen, and what the model may have reasoned unseen |
//! | is ended here for want of room | the same |
//!
//! The parts: `reader` (what do items say), `output` (how much was seen), `hold` (is there room), `flow` (all of it together),
//! `drain` (who reads on when the reader has gone), `end` (what is said of it).

mod drain;
mod end;
mod flow;
mod hold;
mod output;
mod reader;
#[cfg(feature = "tokio")]
mod tokio;

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use parking_lot::Mutex;

pub use drain::{Background, Drain};
pub use end::{CutOff, OnCeiling, StreamEnd, StreamError, StreamOutcome};
pub use reader::{StreamReader, StreamSeen, WireReader};
#[cfg(feature = "tokio")]
pub use tokio::TokioBackground;

use self::flow::Flow;
use self::hold::StreamHold;
use crate::{Call, InFlight};

/// How a stream is metered.
///
/// | | whole (default) | [`slices`](Self::slices) |
/// |---|---|---|
/// | held at first | the whole output limit | one slice |
/// | trips to the ledger | two | two, and one a slice |
/// | streams admitted at once | as many as fit with their limits | as many as fit with a slice |
/// | an admitted stream | comes to its end | may wait, or be cut |
///
/// With $1 of room and answers of at most ten cents that mostly use one: ten are admitted at once when held whole. By slices
/// of one cent a hundred are, and most of them end before room gets scarce.
///
/// A stream is held for its whole output limit, as a whole answer is, and what it did not use comes back as it
/// ends: what was admitted comes to its end. [`slices`](Self::slices) is for those who would rather admit more
/// at once, and let the youngest wait or be cut where all of it does not fit.
///
/// ```
/// use token_budget::stream::{OnCeiling, StreamOptions};
///
/// assert!(StreamOptions::default().holds_whole());
/// let options = StreamOptions::slices(100).on_ceiling(OnCeiling::Finish);
/// assert_eq!(options.slice(), 100);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct StreamOptions {
    /// `None` holds the whole limit.
    slice: Option<u64>,
    on_ceiling: OnCeiling,
    keeps_text: bool,
    drain: Option<Drain>,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self { slice: None, on_ceiling: OnCeiling::Stop, keeps_text: true, drain: None }
    }
}

impl StreamOptions {
    /// A usual slice: some two hundred words. A stream that outgrows the limit it is held for grows by as much.
    pub const SLICE_TOKENS: u64 = hold::SLICE_TOKENS;

    /// Holds by slices: the input, the output seen, and so many tokens of each choice ahead of it.
    ///
    /// More streams are admitted at once than have room for all that they may use. Growth goes to the oldest
    /// first: a stream reads on only while every older one on its budgets could still take all of its own
    /// limit, waits (it reads nothing from its provider) while older ones may give room back, and is cut only
    /// where none is older. A stream that waits holds no more than it has seen, while its provider may
    /// already have sent more. What may be generated unseen is held for whole all the same.
    ///
    /// A smaller slice leaves more room to others, and asks the ledger more often.
    pub fn slices(tokens: u64) -> Self {
        Self::default().slice_tokens(tokens)
    }

    /// The same as [`slices`](Self::slices), of options that say more: from here on streams are held by slices.
    pub fn slice_tokens(mut self, tokens: u64) -> Self {
        self.slice = Some(tokens.max(1));
        self
    }

    /// Stops at the ceiling, or lets an answer that was begun finish.
    pub fn on_ceiling(mut self, on_ceiling: OnCeiling) -> Self {
        self.on_ceiling = on_ceiling;
        self
    }

    /// Keeps no text: a refusal then carries none. Otherwise up to a mebibyte of each answer is kept.
    pub fn without_text(mut self) -> Self {
        self.keeps_text = false;
        self
    }

    /// Reads a stream that its reader dropped on to its end, for the usage in its last frame.
    pub fn drain(mut self, drain: Drain) -> Self {
        self.drain = Some(drain);
        self
    }

    /// The output tokens of each choice that are held ahead: `u64::MAX` where the whole limit is.
    ///
    /// So a call of [`Call::streaming`](crate::Call::streaming) with it is held as these options say.
    #[must_use]
    pub fn slice(&self) -> u64 {
        self.slice.unwrap_or(u64::MAX)
    }

    /// Whether a stream is held for its whole output limit.
    #[must_use]
    pub fn holds_whole(&self) -> bool {
        self.slice.is_none()
    }

    /// A call that is about to stream, held as these options say.
    pub(crate) fn holding(&self, mut call: Call) -> Call {
        call.slice = self.slice;
        call
    }
}

/// Meters a stream of answers while it flows, and charges it however it ends.
///
/// It is held for its whole output limit, or by slices ([`StreamOptions::slices`]): then
/// the input and one slice of output at first, and the next is asked for while the last is
/// read. Where no more fits it ends with a refusal: the item that did not fit is the last
/// one handed on. At its end it is charged by the provider's usage, else by the text that
/// was seen. Where it breaks off or is dropped it is charged its input and the output seen,
/// and what its model may have reasoned unseen meanwhile ([`OnAbandon`](crate::enforcer::OnAbandon)).
/// Items are handed on one by one as they come, unchanged; what is not asked for is not read.
///
/// # Example: a story that outgrows its budget
/// ```
/// use std::convert::Infallible;
/// use std::pin::pin;
/// use std::task::{Context, Poll, Waker};
/// use futures_core::Stream;
/// use token_budget::stream::{StreamError, StreamOptions, StreamSeen};
/// use token_budget::usage::Unit;
/// use token_budget::{Budget, Call, Enforcer, MeteredStream, Policy, Scope, Usd, Window};
///
/// /// A provider that never comes to an end: two words and a comma an item.
/// struct Endless;
///
/// impl Stream for Endless {
///     type Item = Result<&'static str, Infallible>;
///     fn poll_next(self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
///         Poll::Ready(Some(Ok("and then, ")))
///     }
/// }
///
/// let tokens = Budget::count("search", Scope::team("search")?, Unit::TokensOutput, 95, Window::day());
/// let enforcer = Enforcer::builder().policy(Policy::new([tokens])?).build();
/// let options = StreamOptions::slices(20);
/// let call = Call::new("gpt-4o").team("search").input_tokens(10).streaming(options.slice());
/// let in_flight = enforcer.reserve(&call).wait()?.or_refusal()?.send();
/// let reader = |item: &&'static str, seen: &mut StreamSeen| seen.text(item);
/// let mut stream = pin!(MeteredStream::new(in_flight, Endless, reader, options));
///
/// let mut context = Context::from_waker(Waker::noop());
/// let mut items = 0;
/// let refusal = loop {
///     match stream.as_mut().poll_next(&mut context) {
///         Poll::Ready(Some(Ok(_))) => items += 1,
///         Poll::Ready(Some(Err(StreamError::Refused(cut_off)))) => break cut_off,
///         other => panic!("{other:?}"),
///     }
/// };
/// assert_eq!(items, 24); // four tokens an item, counted by kinds of characters: 23 fit, and one is over
/// assert_eq!(refusal.text.len(), 240);
/// // Charged by the model's own vocabulary with the feature `tiktoken`: three tokens an item, and the last space.
/// let charged = if cfg!(feature = "tiktoken") { 73 } else { 96 };
/// assert_eq!(refusal.receipt.expect("charged").usage().output(), Some(charged));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MeteredStream<S, T> {
    /// Gone once it is handed to a drain. The lock is never taken: it lets bodies of HTTP, which some
    /// clients want to share between threads, be made of streams that cannot be.
    flow: Mutex<Option<Flow<S, T>>>,
    drain: Mutex<Option<OnDrop<S, T>>>,
}

type OnDrop<S, T> = Box<dyn FnOnce(Flow<S, T>) + Send>;

impl<S, T> MeteredStream<S, T> {
    /// Meters `stream`, which answers the call in flight; `reader` reads its items.
    ///
    /// Where the options hold by slices, reserve the call with [`Call::streaming`](crate::Call::streaming) and
    /// their slice: otherwise all of its output is held from the first item on, and the hold never needs to grow.
    /// Dropping the stream drops `stream`, and with it the connection: the call counts as
    /// [`watched`](InFlight::watched).
    pub fn new<E>(
        in_flight: InFlight,
        stream: S,
        reader: impl StreamReader<T> + 'static,
        options: StreamOptions,
    ) -> Self
    where
        S: Stream<Item = Result<T, E>> + Send + 'static,
        T: 'static,
    {
        let StreamOptions { slice, on_ceiling, keeps_text, drain } = options;
        let flow = Flow {
            inner: Some(Box::pin(stream)),
            reader: Box::new(reader),
            seen: StreamSeen { forgets: !keeps_text, ..StreamSeen::default() },
            hold: StreamHold::new(in_flight.watched(), slice, on_ceiling),
            end: None,
            stop: None,
            waits: false,
            on_outcome: None,
        };
        let drain = drain.map(|drain| -> OnDrop<S, T> { Box::new(move |flow| drain.take(flow)) });
        Self { flow: Mutex::new(Some(flow)), drain: Mutex::new(drain) }
    }

    /// Tells `hear` what became of the stream, once its charge is known; where it is dropped, from its drop.
    #[must_use]
    pub fn on_outcome(mut self, hear: impl FnOnce(StreamOutcome) + Send + 'static) -> Self {
        if let Some(flow) = self.flow.get_mut() {
            flow.on_outcome = Some(Box::new(hear));
        }
        self
    }
}

// Nothing in it is pinned but the inner stream, which lies in a box.
impl<S, T> Unpin for MeteredStream<S, T> {}

impl<S, T, E> Stream for MeteredStream<S, T>
where
    S: Stream<Item = Result<T, E>>,
{
    type Item = Result<T, StreamError<E>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.flow.get_mut() {
            Some(flow) => flow.poll_next(context),
            None => Poll::Ready(None),
        }
    }
}

impl<S, T> Drop for MeteredStream<S, T> {
    fn drop(&mut self) {
        let Some(drain) = self.drain.get_mut().take() else { return };
        if let Some(flow) = self.flow.get_mut().take_if(|flow| flow.end.is_none()) {
            drain(flow);
        }
    }
}

impl<S, T> fmt::Debug for MeteredStream<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeteredStream").finish_non_exhaustive()
    }
}
