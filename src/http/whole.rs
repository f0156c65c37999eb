//! What did an answer use that comes whole, and when is it charged?
//!
//! A whole body is handed on piece by piece as it comes, and a copy is kept to read the
//! usage from. The end of the body waits for the charge, because a client that has read
//! the answer must find the charge in the books; nothing else waits.
//!
//! How the call ends, by what is known at the end of the body:
//!
//! | the answer | the call |
//! | --- | --- |
//! | has a usage | is charged by it, whatever the status |
//! | succeeded and is whole, without a usage | is charged as estimated, never as zero |
//! | is an error that is known not to be billed | gives its room back |
//! | broke off, or failed otherwise | is charged as an abandoned call |
//! | says that it is made in the background | is kept until a poll tells how it ended (`polls`) |

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::piece::Piece;
use super::polls::{AtHost, Polled, Shown};
use crate::client::{Failure, refused_and_billed};
use crate::reservation::Actual;
use crate::wire::{UsageReport, extract, heard};
use crate::{InFlight, Receipt};

type Charging = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Hears what a call was charged; `None` if nobody said what it used.
pub(super) type Hear = Box<dyn FnOnce(Option<&Receipt>) + Send>;

/// What is known of an answer before its body has come.
#[derive(Debug)]
pub(super) struct Closing {
    pub(super) status: u16,
    pub(super) provider: Option<String>,
    /// Usage that came in headers.
    pub(super) counts: Vec<(&'static str, String)>,
    pub(super) length: Option<u64>,
    pub(super) is_readable: bool,
    pub(super) bytes_max: usize,
    /// Whether the call was to stream, so that its hold may be less than it costs.
    pub(super) holds_a_slice: bool,
    /// Where the call is kept until a poll tells how it ended, if its answer is made in the background.
    pub(super) polls: Option<Box<AtHost>>,
    /// The call of another request, after which this one asks.
    pub(super) polled: Option<Box<Polled>>,
}

/// How a call ends.
enum Ending {
    Reconcile(Box<Actual>),
    Release,
    Abandon,
    /// It is made in the background, under that id.
    Keep(String, Box<AtHost>),
}

/// Hands a body on unchanged, and charges the call before it hands on the end.
pub(super) struct Whole<S, T> {
    inner: Pin<Box<S>>,
    closing: Closing,
    /// What was read so far; `None` if it cannot be read, or has become too large to keep.
    copy: Option<Vec<u8>>,
    read: u64,
    in_flight: Option<InFlight>,
    charging: Option<Charging>,
    /// The last piece, which waits until the call is charged.
    last: Option<T>,
    /// The body has ended, and must not be asked again.
    has_ended: bool,
    pub(super) hear: Option<Hear>,
}

impl<S, T> Whole<S, T> {
    pub(super) fn new(in_flight: Option<InFlight>, body: S, closing: Closing) -> Self {
        let copy = closing.is_readable.then(Vec::new);
        Self {
            inner: Box::pin(body),
            closing,
            copy,
            read: 0,
            in_flight,
            charging: None,
            last: None,
            has_ended: false,
            hear: None,
        }
    }

    /// The body itself, for what it says of its size.
    pub(super) fn inner(&self) -> &S {
        &self.inner
    }

    /// Whether the call has been charged or given back, and nothing waits any more.
    pub(super) fn is_charged(&self) -> bool {
        let has_ended = self.in_flight.is_none() && self.closing.polled.is_none();
        has_ended && self.charging.is_none() && self.last.is_none()
    }

    /// Copies a piece; a body beyond the limit is no longer kept, and counts as one that
    /// says nothing.
    fn keep(&mut self, bytes: &[u8]) {
        self.read = self.read.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if let Some(copy) = &mut self.copy {
            copy.extend_from_slice(bytes);
            if copy.len() > self.closing.bytes_max {
                self.copy = None;
            }
        }
    }

    /// Ends the call, as far as that needs no waiting; a charge is polled with the body.
    fn begin_charging(&mut self, is_complete: bool) {
        let succeeded = (200..300).contains(&self.closing.status);
        let polled = self.closing.polled.take().filter(|_| is_complete && succeeded);
        let ended = || polled?.ended(self.copy.as_deref()?);
        let Some(in_flight) = self.in_flight.take().or_else(ended) else { return };
        match self.ending(&in_flight, is_complete) {
            Ending::Keep(id, polls) => polls.keep(&id, in_flight),
            Ending::Release => in_flight.release_dropped(),
            Ending::Abandon => drop(in_flight),
            Ending::Reconcile(report) => {
                let hear = self.hear.take();
                self.charging = Some(Box::pin(async move {
                    // Where it could not be charged, the call stands charged as it was held.
                    let receipt = in_flight.reconcile(*report).await.ok();
                    hear.into_iter().for_each(|hear| hear(receipt.as_ref()));
                }));
            }
        }
        if self.charging.is_none() {
            self.tell(None);
        }
    }

    /// Decides how the call ends. A usage that came is charged whatever the status;
    /// without one, the status decides.
    fn ending(&self, in_flight: &InFlight, is_complete: bool) -> Ending {
        let Closing { status, provider, counts, .. } = &self.closing;
        let succeeded = (200..300).contains(status);
        let counts = counts.iter().map(|(name, value)| (*name, value.as_str()));
        if let (true, true, Some(polls)) = (succeeded, is_complete, &self.closing.polls)
            && let Some(shown) = self.copy.as_deref().and_then(Shown::read).filter(|shown| !shown.has_ended())
        {
            return Ending::Keep(shown.id.into_owned(), polls.clone());
        }
        let read = self.copy.as_deref().and_then(|body| extract(provider.as_deref(), body, counts).ok());
        let failure = (!succeeded).then(|| Failure::of_report(*status, read.as_ref()));
        if let Some(report) = failure.and_then(|failure| refused_and_billed(failure, in_flight)) {
            return Ending::Reconcile(Box::new(report));
        }
        match read {
            Some(report) if !report.lines.is_empty() && (is_complete || !report.damaged) => {
                Ending::Reconcile(Box::new(self.counted(in_flight, report)))
            }
            Some(report) if succeeded && is_complete && (report.error.is_none() || report.blocked) => {
                Ending::Reconcile(Box::new(self.counted(in_flight, report)))
            }
            _ if failure == Some(Failure::NotBilled) => Ending::Release,
            // It came whole and says nothing that can be read: it may have used all that it was let.
            None if succeeded && is_complete => Ending::Reconcile(Box::default()),
            // The same, of a stream, whose hold is but a slice.
            _ if succeeded && self.closing.holds_a_slice => Ending::Reconcile(Box::default()),
            _ => Ending::Abandon,
        }
    }

    /// The usage, with the output also counted by the model's own vocabulary, if there is
    /// one and the stated figure may be too small: fewer tokens than half the bytes of
    /// the text.
    fn counted(&self, in_flight: &InFlight, report: UsageReport) -> Actual {
        let report = Actual::from(report);
        let bytes = report.text.bytes_all();
        let may_be_short = report.usage.output().is_none_or(|output| output < bytes.div_ceil(2));
        let counted = match &self.copy {
            Some(body) if may_be_short && report.beside.is_empty() && in_flight.counts_text() => {
                in_flight.count_text(&heard(self.closing.provider.as_deref(), body))
            }
            _ => None,
        };
        Actual { counted, ..report }
    }
}

impl<S, T, E> Whole<S, T>
where
    S: Stream<Item = Result<T, E>>,
    T: Piece,
{
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<T, E>>> {
        loop {
            if let Some(charging) = &mut self.charging {
                ready!(charging.as_mut().poll(context));
                self.charging = None;
            }
            if let Some(last) = self.last.take() {
                return Poll::Ready(Some(Ok(last)));
            }
            if self.has_ended {
                return Poll::Ready(None);
            }
            match ready!(self.inner.as_mut().poll_next(context)) {
                Some(Ok(piece)) => {
                    self.keep(piece.bytes());
                    // Who was told the length sees the end with its last byte, and not later.
                    if self.closing.length.is_some_and(|length| self.read >= length) {
                        self.begin_charging(true);
                    }
                    self.last = Some(piece);
                }
                Some(Err(error)) => {
                    self.end_dropped();
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    self.has_ended = true;
                    let is_complete = self.closing.length.is_none_or(|length| self.read >= length);
                    self.begin_charging(is_complete);
                }
            }
        }
    }
}

impl<S, T> Whole<S, T> {
    /// Ends the call without waiting: the rest will not be read, and what is known now
    /// decides.
    fn end_dropped(&mut self) {
        let Some(in_flight) = self.in_flight.take() else { return };
        match self.ending(&in_flight, false) {
            Ending::Reconcile(report) => {
                let receipt = in_flight.reconcile_dropped(*report).ok();
                return self.tell(receipt.as_ref());
            }
            Ending::Release => in_flight.release_dropped(),
            Ending::Keep(id, polls) => polls.keep(&id, in_flight),
            Ending::Abandon => drop(in_flight),
        }
        self.tell(None);
    }

    /// Tells whoever asked to hear, once.
    fn tell(&mut self, receipt: Option<&Receipt>) {
        self.hear.take().into_iter().for_each(|hear| hear(receipt));
    }
}

impl<S, T> Drop for Whole<S, T> {
    fn drop(&mut self) {
        self.end_dropped();
    }
}
