//! Who reads a stream to its end when its reader has gone?
//!
//! A dropped stream is moved, with its hold, into a task of the background's, and goes on there as it did before: it asks for
//! room, stops at the ceiling, and is charged at its end. A drain that is dropped (time is up, the runtime ends) charges the
//! stream as a drop does. So a drain changes how exact the figure is, never whether there is one.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;

use super::flow::Flow;

/// Runs work that nobody waits for: a runtime, as far as drains need one.
///
/// # Example: tokio
/// ```
/// use std::future::Future;
/// use std::pin::Pin;
/// use std::time::Duration;
/// use token_budget::stream::Background;
///
/// #[derive(Debug)]
/// struct OnTokio;
///
/// impl Background for OnTokio {
///     fn run(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>, at_most: Duration) {
///         tokio::spawn(tokio::time::timeout(at_most, work));
///     }
/// }
/// ```
pub trait Background: fmt::Debug + Send + Sync + 'static {
    /// Runs `work` to its end, or drops it after that time: what is dropped is charged as it stands.
    fn run(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>, at_most: Duration);
}

/// Reads dropped streams on for the usage in their last frame, within bounds.
///
/// Without it a dropped stream is closed at once, and charged what was seen of it.
/// A drain costs what the provider generates meanwhile, so it stops where
/// budgets do, after its time, and beyond so many at once it does not begin.
/// Most providers stop soon after their client has gone: to read those on buys an
/// exact figure with an answer that nobody reads. [`Drain::unheard`] leaves them alone.
#[derive(Clone)]
#[must_use]
pub struct Drain {
    background: Arc<dyn Background>,
    at_most: Duration,
    at_once_max: usize,
    only_unheard: bool,
    running: Arc<AtomicUsize>,
}

impl fmt::Debug for Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Drain({} of {} running)", self.running(), self.at_once_max)
    }
}

impl Drain {
    /// Drains on `background`: each stream for at most 30 seconds, at most 64 at once.
    pub fn new(background: impl Background) -> Self {
        Self {
            background: Arc::new(background),
            at_most: Duration::from_secs(30),
            at_once_max: 64,
            only_unheard: false,
            running: Arc::default(),
        }
    }

    /// The same for those streams alone whose provider goes on though nobody listens, so that reading on costs nothing.
    ///
    /// These are the calls [in the background](crate::Call::in_background). A model that reasons unseen is
    /// not among them: it stops with its connection.
    pub fn unheard(background: impl Background) -> Self {
        Self { only_unheard: true, ..Self::new(background) }
    }

    /// Reads one stream on for at most that long.
    pub fn at_most(mut self, time: Duration) -> Self {
        self.at_most = time;
        self
    }

    /// Drains at most so many streams at once; what is dropped beyond that is charged as it stands.
    pub fn at_once(mut self, streams: usize) -> Self {
        self.at_once_max = streams;
        self
    }

    /// How many streams are being drained now.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.load(Ordering::Acquire)
    }

    /// Takes a dropped stream on, unless too many are being drained: then it is dropped here.
    pub(super) fn take<S, T, E>(&self, flow: Flow<S, T>)
    where
        S: Stream<Item = Result<T, E>> + Send + 'static,
        T: 'static,
    {
        if self.only_unheard && !flow.hold.goes_on_unheard() {
            return drop(flow);
        }
        let one_more = |running: usize| running.checked_add(1).filter(|running| *running <= self.at_once_max);
        if self.running.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_err() {
            return drop(flow);
        }
        let turn = DrainTurn(Arc::clone(&self.running));
        self.background.run(Box::pin(Draining { flow, _turn: turn }), self.at_most);
    }
}

/// Counts a drain as long as it lives.
struct DrainTurn(Arc<AtomicUsize>);

impl Drop for DrainTurn {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Reads a stream to its end, and keeps none of it.
struct Draining<S, T> {
    flow: Flow<S, T>,
    _turn: DrainTurn,
}

impl<S, T> Unpin for Draining<S, T> {}

/// Items read in one go before others have their turn.
const ITEMS_PER_POLL: usize = 64;

impl<S, T, E> Future for Draining<S, T>
where
    S: Stream<Item = Result<T, E>>,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        for _ in 0..ITEMS_PER_POLL {
            match self.flow.poll_next(context) {
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
