//! How is a stream read, held for and reconciled, whoever reads it?
//!
//! Each poll does at most four things, in this order: it waits for room where more was seen than is held; it takes one item; the
//! reader reads it; and the next slice is asked for, without waiting. So an item is handed on before the ledger has answered
//! for what follows it, and a slow ledger delays only a stream that has used up its slice.
//!
//! Room is not asked for once the answer is whole: what it used will be billed, whatever is left. For the same reason a stream
//! without room takes one more item if the last one spoke of usage: that is mostly the last word.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::end::{CutOff, StreamEnd, StreamError, StreamOutcome};
use super::hold::{Stop, StreamHold};
use super::reader::{StreamReader, StreamSeen};
use crate::tokens::Dropping;
use crate::{Error, Receipt};

type OnOutcome = Box<dyn FnOnce(StreamOutcome) + Send>;

/// A stream with all that charges it, also where it is dropped.
pub(super) struct Flow<S, T> {
    /// Gone once it has ended.
    pub(super) inner: Option<Pin<Box<S>>>,
    pub(super) reader: Box<dyn StreamReader<T>>,
    pub(super) seen: StreamSeen,
    pub(super) hold: StreamHold,
    /// How it ended, once it did.
    pub(super) end: Option<StreamEnd>,
    pub(super) stop: Option<Stop>,
    /// The last poll found nothing.
    pub(super) waits: bool,
    pub(super) on_outcome: Option<OnOutcome>,
}

impl<S, T> Flow<S, T> {
    /// The next item, or why there is none.
    pub(super) fn poll_next<E>(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<T, StreamError<E>>>>
    where
        S: Stream<Item = Result<T, E>>,
    {
        loop {
            if self.end.is_some() {
                return self.poll_end(context);
            }
            self.waits = true;
            let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
            // An answer that is whole needs no more room: what it used is billed, whatever is left.
            if !self.seen.report.finished
                && let Err(stop) = ready!(self.hold.poll_room(context))
            {
                // Usage is mostly the last word: an answer that was whole by then is not cut off.
                let may_be_over = std::mem::take(&mut self.seen.usage_is_new);
                if may_be_over && let Poll::Ready(last) = inner.as_mut().poll_next(context) {
                    match last {
                        None => {
                            self.close(StreamEnd::Finished);
                            continue;
                        }
                        // Not handed on, and billed all the same.
                        Some(Ok(item)) => self.read(&item),
                        Some(Err(_)) => {}
                    }
                }
                self.stop = Some(stop);
                self.close(StreamEnd::Stopped);
                continue;
            }
            let item = ready!(inner.as_mut().poll_next(context));
            self.waits = false;
            match item {
                Some(Ok(item)) => {
                    self.read(&item);
                    return Poll::Ready(Some(Ok(item)));
                }
                Some(Err(error)) => {
                    self.close(StreamEnd::Failed);
                    // The error does not wait for a ledger far away: its answer is heard by the next poll, or the drop.
                    let _ = self.poll_end::<E>(context);
                    return Poll::Ready(Some(Err(StreamError::Client(error))));
                }
                None => self.close(StreamEnd::Finished),
            }
        }
    }

    /// Reads an item, and asks for the next slice where it is due.
    fn read(&mut self, item: &T) {
        self.seen.usage_is_new = false;
        self.reader.read(item, &mut self.seen);
        self.hold.saw(&self.seen.fresh, self.seen.output_reported);
        self.seen.fresh.clear();
        self.hold.reach_ahead();
    }

    /// No more is taken: the connection is closed, and the call is charged next.
    fn close(&mut self, end: StreamEnd) {
        self.inner = None;
        self.reader.finish(&mut self.seen, end == StreamEnd::Finished);
        self.hold.saw("", self.seen.output_reported);
        self.hold.saw_unread(self.seen.unread);
        self.seen.weigh();
        self.hold.count(&self.seen);
        let broke_off = !self.seen.report.finished || self.seen.report.error.is_some();
        self.end = Some(if end == StreamEnd::Finished && broke_off { StreamEnd::BrokeOff } else { end });
    }

    /// Charges the call; then says why the stream was stopped, if it was.
    fn poll_end<E>(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<T, StreamError<E>>>> {
        let Some(end) = self.end.filter(|_| !self.hold.is_ended()) else { return Poll::Ready(None) };
        let receipt = ready!(self.hold.poll_charge(context, end, &self.seen.report));
        let charged = receipt.as_ref().and_then(|receipt| receipt.as_ref().ok().cloned());
        self.tell(end, receipt);
        Poll::Ready(self.stop.take().map(|stop| {
            Err(match stop {
                Stop::Refused(decision) => {
                    let text = std::mem::take(&mut self.seen.answer);
                    StreamError::Refused(Box::new(CutOff { decision: *decision, text, receipt: charged }))
                }
                Stop::Ledger(error) => StreamError::Ledger(error),
            })
        }))
    }

    fn tell(&mut self, end: StreamEnd, receipt: Option<Result<Receipt, Error>>) {
        if let Some(hear) = self.on_outcome.take() {
            hear(StreamOutcome { end, receipt, text: self.seen.report.text });
        }
    }
}

impl<S, T> Drop for Flow<S, T> {
    /// Its reader is gone: what is known now decides. Nothing is waited for.
    fn drop(&mut self) {
        if self.hold.is_ended() {
            return;
        }
        let _here = Dropping::here();
        let gone = if self.waits { StreamEnd::Cancelled } else { StreamEnd::Dropped };
        if self.end.is_none() {
            self.close(gone);
        }
        let end = self.end.unwrap_or(gone);
        let receipt = self.hold.end_dropped(end, std::mem::take(&mut self.seen.report));
        self.tell(end, receipt);
    }
}
