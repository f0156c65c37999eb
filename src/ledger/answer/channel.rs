//! How does an answer come from another thread? Through one place that both ends share.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::{Error, ErrorKind};

/// The end of an [`Answer::channel`](super::Answer::channel) that gives the answer.
///
/// Dropped without one, it says that the ledger cannot be reached: whoever listens does not wait for ever.
pub struct Answerer<T>(Arc<Mutex<Place<T>>>);

/// The end that waits for it.
pub(super) struct Listener<T>(Arc<Mutex<Place<T>>>);

struct Place<T> {
    answer: Option<Result<T, Error>>,
    waker: Option<Waker>,
    /// One of both ends is gone.
    is_left: bool,
}

pub(super) fn open<T>() -> (Answerer<T>, Listener<T>) {
    let place = Arc::new(Mutex::new(Place { answer: None, waker: None, is_left: false }));
    (Answerer(Arc::clone(&place)), Listener(place))
}

impl<T> Answerer<T> {
    /// Gives the answer, and wakes whoever waits for it.
    pub fn answer(self, answer: Result<T, Error>) {
        // The end of this wakes them.
        self.0.lock().answer = Some(answer);
    }

    /// Whether nobody listens any more: what has not begun need not begin.
    #[must_use]
    pub fn is_unheard(&self) -> bool {
        self.0.lock().is_left
    }
}

impl<T> Drop for Answerer<T> {
    fn drop(&mut self) {
        let waker = {
            let mut place = self.0.lock();
            place.is_left = true;
            place.waker.take()
        };
        // Woken after the lock is released: a waker may poll at once.
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Listener<T> {
    pub(super) fn poll(&self, context: &Context<'_>) -> Poll<Result<T, Error>> {
        let mut place = self.0.lock();
        if let Some(answer) = place.answer.take() {
            return Poll::Ready(answer);
        }
        if place.is_left {
            let text = "whoever was to answer is gone; open the ledger again";
            return Poll::Ready(Err(Error::new(ErrorKind::LedgerUnavailable, text)));
        }
        match &mut place.waker {
            Some(waker) => waker.clone_from(context.waker()),
            waker => *waker = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

impl<T> Drop for Listener<T> {
    fn drop(&mut self) {
        let left = {
            let mut place = self.0.lock();
            place.is_left = true;
            (place.answer.take(), place.waker.take())
        };
        // What it holds is dropped after the lock is released, too.
        drop(left);
    }
}

impl<T> fmt::Debug for Answerer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answerer")
    }
}
