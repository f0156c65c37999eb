//! How is an answer's body handed on while it is metered?
//!
//! Two kinds of answer need two ways. A whole body is handed on unchanged; only its end
//! waits until the call is charged, so that a client that has read the answer finds the
//! charge in the books. A stream is metered event by event: its hold grows or is cut, and
//! what it did not use is given back as it ends.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::aligned::{Aligned, Passed};
use super::dialect::Dialect;
use super::piece::Piece;
use super::polls::AtHost;
use super::refusal::{problem_of_error, problem_of_refusal};
use super::want::Want;
pub(super) use super::whole::Closing;
use super::whole::Whole;
use crate::stream::{StreamError, StreamOptions, StreamReader, StreamSeen, WireReader};
use crate::{InFlight, MeteredStream, Receipt};

/// The body of an answer, piece by piece. The call is charged when the body ends, breaks
/// off or is dropped.
///
/// A whole body is unchanged, and charged before its end is handed on. A stream ends with
/// an error in the provider's own shape if its budget ends first (see
/// [`StreamOptions`](crate::stream::StreamOptions)). Its events are handed on whole, otherwise
/// byte for byte, save a usage frame that the client did not ask for.
///
/// Poll it to its end. A client that stops reading is a client that hung up: the call is
/// charged for what was seen, and for what may have been generated unseen.
pub struct MeteredAnswer<S, T> {
    flow: Flow<S, T>,
}

/// What was agreed on before sending, and is needed for the answer.
#[derive(Debug)]
pub(super) struct ReadingTerms {
    pub(super) dialect: Dialect,
    pub(super) want: Want,
    pub(super) provider: Option<String>,
    pub(super) streams: bool,
    pub(super) hides_usage: bool,
    pub(super) options: StreamOptions,
    pub(super) answer_bytes_max: usize,
    /// Where the call is kept, if its answer is made in the background.
    pub(super) polls: Option<Box<AtHost>>,
}

enum Flow<S, T> {
    Whole(Whole<S, T>),
    Stream(Box<Streaming<S, T>>),
}

struct Streaming<S, T> {
    metered: MeteredStream<S, T>,
    aligned: Aligned,
    terms: ReadingTerms,
    /// A piece that must come after what was kept back before it.
    next: Option<T>,
    has_ended: bool,
}

impl<S, T> MeteredAnswer<S, T> {
    pub(super) fn whole(in_flight: Option<InFlight>, body: S, closing: Closing) -> Self {
        Self { flow: Flow::Whole(Whole::new(in_flight, body, closing)) }
    }

    /// The body itself, if it comes whole and unchanged: for what it says of its size.
    /// `None` for a stream.
    #[must_use]
    pub fn unchanged(&self) -> Option<&S> {
        match &self.flow {
            Flow::Whole(whole) => Some(whole.inner()),
            Flow::Stream(_) => None,
        }
    }

    /// Whether the call has been charged or given back.
    #[must_use]
    pub fn is_charged(&self) -> bool {
        match &self.flow {
            Flow::Whole(whole) => whole.is_charged(),
            Flow::Stream(stream) => stream.has_ended,
        }
    }
}

impl<S, T, E> MeteredAnswer<S, T>
where
    S: Stream<Item = Result<T, E>> + Send + 'static,
    T: Piece,
{
    pub(super) fn stream(in_flight: InFlight, body: S, aligned: Aligned, terms: ReadingTerms) -> Self {
        let reader = PieceReader(WireReader::new(terms.provider.as_deref()));
        let metered = MeteredStream::new(in_flight, body, reader, terms.options.clone());
        Self {
            flow: Flow::Stream(Box::new(Streaming { metered, aligned, terms, next: None, has_ended: false })),
        }
    }
}

impl<S, T> MeteredAnswer<S, T> {
    /// Calls `hear` once, with what the call was charged, when its answer has ended,
    /// broken off or been dropped. `None` if nobody said what the call used, so that it
    /// was given back or charged as an abandoned call.
    ///
    /// The closure runs on whatever thread the answer ends; like an observer, it must not
    /// wait.
    #[must_use]
    pub fn on_ended(self, hear: impl FnOnce(Option<&Receipt>) + Send + 'static) -> Self {
        let flow = match self.flow {
            Flow::Whole(mut whole) => {
                whole.hear = Some(Box::new(hear));
                Flow::Whole(whole)
            }
            Flow::Stream(stream) => {
                let Streaming { metered, aligned, terms, next, has_ended } = *stream;
                let metered = metered.on_outcome(move |outcome| {
                    hear(outcome.receipt.and_then(Result::ok).as_ref());
                });
                Flow::Stream(Box::new(Streaming { metered, aligned, terms, next, has_ended }))
            }
        };
        Self { flow }
    }
}

impl<S, T> Unpin for MeteredAnswer<S, T> {}

impl<S, T, E> Stream for MeteredAnswer<S, T>
where
    S: Stream<Item = Result<T, E>>,
    T: Piece,
{
    type Item = Result<T, E>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.flow {
            Flow::Whole(whole) => whole.poll_next(context),
            Flow::Stream(stream) => stream.poll_next(context),
        }
    }
}

impl<S, T, E> Streaming<S, T>
where
    S: Stream<Item = Result<T, E>>,
    T: Piece,
{
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<T, E>>> {
        loop {
            if let Some(next) = self.next.take() {
                return Poll::Ready(Some(Ok(next)));
            }
            if self.has_ended {
                return Poll::Ready(None);
            }
            let problem = match ready!(Pin::new(&mut self.metered).poll_next(context)) {
                Some(Ok(piece)) => {
                    if let Some(shown) = self.shown(piece) {
                        return Poll::Ready(Some(Ok(shown)));
                    }
                    continue;
                }
                Some(Err(StreamError::Client(error))) => {
                    // Of what is held back nobody can use the rest now.
                    self.has_ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
                Some(Err(StreamError::Refused(cut_off))) => {
                    let ReadingTerms { dialect, want, .. } = self.terms;
                    // The status is told already: this is how it is said afterwards.
                    let problem = problem_of_refusal(&cut_off.decision, std::time::Duration::ZERO);
                    Some(self.aligned.end_with(dialect, want, &problem))
                }
                Some(Err(StreamError::Ledger(error))) => {
                    let ReadingTerms { dialect, want, .. } = self.terms;
                    let problem = problem_of_error(&error, "the answer ends here");
                    Some(self.aligned.end_with(dialect, want, &problem))
                }
                None => None,
            };
            self.has_ended = true;
            let last = problem.unwrap_or_else(|| self.aligned.rest());
            self.next = (!last.is_empty()).then(|| T::of(last));
        }
    }

    /// What of a piece is handed on now; `None` if all of it waits for the end of its
    /// event.
    fn shown(&mut self, piece: T) -> Option<T> {
        if piece.bytes().is_empty() {
            // Trailers come behind everything else.
            let rest = self.aligned.rest();
            if rest.is_empty() {
                return Some(piece);
            }
            self.next = Some(piece);
            return Some(T::of(rest));
        }
        match self.aligned.pass(piece.bytes()) {
            Passed::Whole => Some(piece),
            Passed::Instead(bytes) if bytes.is_empty() => None,
            Passed::Instead(bytes) => Some(T::of(bytes)),
        }
    }
}

/// Reads usage off the bytes of a piece.
struct PieceReader(WireReader);

impl<T: Piece> StreamReader<T> for PieceReader {
    fn read(&mut self, item: &T, seen: &mut StreamSeen) {
        self.0.read(&item.bytes(), seen);
    }

    fn finish(&mut self, seen: &mut StreamSeen, ended: bool) {
        StreamReader::<&[u8]>::finish(&mut self.0, seen, ended);
    }
}

impl<S, T> fmt::Debug for MeteredAnswer<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match &self.flow {
            Flow::Whole(_) => "whole",
            Flow::Stream(_) => "stream",
        };
        f.debug_struct("MeteredAnswer").field("form", &form).field("is_charged", &self.is_charged()).finish()
    }
}
