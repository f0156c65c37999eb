//! What does a ledger answer with: now, or later?
//!
//! One trait serves a ledger in memory, a file and a server far away, because each method answers an [`Answer`]:
//! ready when the method returns, or to come. Whoever asks matches once, awaits it under any runtime, or waits for it
//! without one.
//!
//! # Why not a boxed future for all
//! A pair of commands on the books in memory takes about a tenth of a microsecond; a boxed future costs a quarter of that
//! again for each command, and an answer that is matched on [`Answer::Now`] costs nothing. A second trait for ledgers
//! that answer at once was the other way: then every wrapper forwards two sets of methods, and every walk is written twice.

mod channel;
mod wait;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

pub use self::channel::Answerer;
use self::channel::Listener;
use crate::{Error, ErrorKind};

/// An answer that is here, or one that is to come.
///
/// What was asked has begun when the method that gave this returns. Dropping an answer that is to come cancels nothing
/// that a ledger has begun: what was asked is then done as a whole, or not at all, and nobody here knows which.
///
/// It is a future, and needs no runtime: [`wait`](Self::wait) keeps this thread until it is here. Polled after it
/// was given, it is pending for ever, and never panics. What borrows something says so by its lifetime; a ledger's own
/// answers are `Answer<'static, _>` and borrow nothing.
///
/// # Example: the same call, waited for and awaited
/// ```
/// use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usage, Usd, Window};
///
/// let day = Budget::usd("search", Scope::team("search")?, Usd::dollars(1), Window::day());
/// let enforcer = Enforcer::builder().policy(Policy::new([day])?).build();
/// let call = Call::new("gpt-4o").team("search").input_tokens(1_200).output_tokens(500);
///
/// let sent = enforcer.reserve(&call).wait()?.or_refusal()?.send();
/// assert_eq!(sent.reconcile(Usage::of(1_200, 350)).wait()?.cost(), "0.0065".parse()?);
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let sent = enforcer.reserve(&call).await?.or_refusal()?.send();
/// assert_eq!(sent.reconcile(Usage::of(1_200, 350)).await?.cost(), "0.0065".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "what was asked has begun, and this tells what became of it: await it, or wait for it"]
pub enum Answer<'a, T> {
    /// It is here.
    Now(Result<T, Error>),
    /// It is to come.
    Later(Later<'a, T>),
}

/// An answer that is to come.
#[must_use = "it tells what became of a command: await it, or wait for it"]
pub struct Later<'a, T>(Way<'a, T>);

type Walk<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// Where it comes from.
enum Way<'a, T> {
    /// From a thread or a task that has the other end.
    Listens(Listener<T>),
    /// From a future that goes on whenever this is polled.
    Walks(Walk<'a, T>),
    /// From a future of a ledger's own, which may live on a runtime.
    Works(Walk<'a, T>),
    /// It was given.
    Over,
}

impl<T> Answer<'static, T> {
    /// An answer that comes from another thread or task, and the end that gives it.
    ///
    /// # Example: a ledger's own thread answers
    /// ```
    /// use token_budget::ledger::Answer;
    ///
    /// let (answerer, answer) = Answer::channel();
    /// std::thread::spawn(move || answerer.answer(Ok(42)));
    /// assert_eq!(answer.wait()?, 42);
    ///
    /// let (answerer, answer) = Answer::<i32>::channel();
    /// drop(answerer); // the thread has ended
    /// assert!(answer.wait().unwrap_err().is_retryable());
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    pub fn channel() -> (Answerer<T>, Self) {
        let (answerer, listener) = channel::open();
        (answerer, Self::Later(Later(Way::Listens(listener))))
    }
}

impl<'a, T> Answer<'a, T> {
    /// What that future answers, which begins now: it is polled once before this returns.
    ///
    /// For ledgers written over an asynchronous client. Dropped before its end, the future is dropped with it. Where it
    /// lives on a runtime (its timers, its sockets), [`wait`](Self::wait) needs a thread that this runtime can do without.
    pub fn begun(future: impl Future<Output = Result<T, Error>> + Send + 'a) -> Self {
        Self::first_step(Box::pin(future), Way::Works)
    }

    /// The same for a walk of this crate's own, over a ledger's answers.
    pub(crate) fn walk(future: impl Future<Output = Result<T, Error>> + Send + 'a) -> Self {
        Self::first_step(Box::pin(future), Way::Walks)
    }

    fn first_step(mut future: Walk<'a, T>, rest: impl FnOnce(Walk<'a, T>) -> Way<'a, T>) -> Self {
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => Self::Now(answer),
            Poll::Pending => Self::Later(Later(rest(future))),
        }
    }

    /// Waits for it on this thread, without a runtime.
    ///
    /// A ledger with a thread of its own (such as `SqliteLedger`) answers whatever this thread does. A ledger whose
    /// answer comes from a task needs somebody to run that task: called on the only thread of its runtime, or in a task of its
    /// only worker, this could never end. With the feature `tokio` that is found out for answers that were [begun](Self::begun),
    /// and is an error. Inside a task of a runtime with several workers, and where an answer comes by a
    /// [channel](Self::channel), it is not found out: await there.
    ///
    /// # Errors
    /// Those of what was asked; `Unsupported` where waiting here would never end, as far as that can be known.
    pub fn wait(self) -> Result<T, Error> {
        match self {
            Self::Now(answer) => answer,
            Self::Later(later) => wait::wait(later, None),
        }
    }

    /// The same, but no longer than that.
    ///
    /// # Errors
    /// As [`wait`](Self::wait), and `LedgerUnavailable` where it did not come in time. What was asked may be done all the same.
    pub fn wait_at_most(self, at_most: Duration) -> Result<T, Error> {
        match self {
            Self::Now(answer) => answer,
            Self::Later(later) => wait::wait(later, Some(at_most)),
        }
    }

    /// Whether it is here.
    #[must_use]
    pub fn is_now(&self) -> bool {
        matches!(self, Self::Now(_))
    }
}

// Nothing in it is pinned in place: what must not move lies in a box.
impl<T> Unpin for Answer<'_, T> {}
impl<T> Unpin for Later<'_, T> {}

impl<T> Future for Answer<'_, T> {
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Self::Later(later) = this {
            return Pin::new(later).poll(context);
        }
        match std::mem::replace(this, Self::Later(Later(Way::Over))) {
            Self::Now(answer) => Poll::Ready(answer),
            Self::Later(_) => Poll::Pending,
        }
    }
}

impl<T> Future for Later<'_, T> {
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let answer = match &mut this.0 {
            Way::Listens(listener) => listener.poll(context),
            Way::Walks(walk) => walk.as_mut().poll(context),
            Way::Works(_) if wait::would_never_end() => Poll::Ready(Err(Error::new(
                ErrorKind::Unsupported,
                "waiting here would keep the only thread of the runtime that the ledger lives on; await the answer instead",
            ))),
            Way::Works(work) => work.as_mut().poll(context),
            Way::Over => return Poll::Pending,
        };
        if answer.is_ready() {
            this.0 = Way::Over;
        }
        answer
    }
}

impl<T> From<Result<T, Error>> for Answer<'_, T> {
    #[inline]
    fn from(answer: Result<T, Error>) -> Self {
        Self::Now(answer)
    }
}

impl<T: fmt::Debug> fmt::Debug for Answer<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now(answer) => f.debug_tuple("Now").field(answer).finish(),
            Self::Later(later) => later.fmt(f),
        }
    }
}

impl<T> fmt::Debug for Later<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Later")
    }
}

/// What a future answers that does not wait; `None` where it does, and then it is dropped.
#[inline]
pub(crate) fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
