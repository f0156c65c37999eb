//! How does a thread wait for an answer without a runtime?

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::{Error, ErrorKind};

thread_local! {
    /// This thread waits, and runs nothing else meanwhile.
    static WAITS: Cell<bool> = const { Cell::new(false) };
}

/// Wakes the thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Notes that this thread waits; what it was before comes back with its end.
struct Waiting(bool);

impl Waiting {
    fn begin() -> Self {
        Self(WAITS.replace(true))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        WAITS.set(self.0);
    }
}

pub(super) fn wait<T>(
    mut later: impl Future<Output = Result<T, Error>> + Unpin,
    at_most: Option<Duration>,
) -> Result<T, Error> {
    let _here = Waiting::begin();
    #[expect(clippy::disallowed_methods, reason = "a stopwatch of this thread, and no instant of any book")]
    let begun = Instant::now();
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(answer) = Pin::new(&mut later).poll(&mut context) {
            return answer;
        }
        match at_most.map(|at_most| at_most.saturating_sub(begun.elapsed())) {
            None => thread::park(),
            Some(Duration::ZERO) => {
                let text = format!("no answer within {:?}", at_most.unwrap_or_default());
                return Err(Error::new(ErrorKind::LedgerUnavailable, text));
            }
            Some(left) => thread::park_timeout(left),
        }
    }
}

/// Whether this thread waits, and is the only one that runs a runtime's tasks: what lives on that would never go on.
///
/// A runtime for many threads may have one worker; on a machine with one processor that is the default. Its worker is
/// inside a task, while a thread that drives the runtime from outside (`block_on`) is not and may wait: the worker goes
/// on. A blocking thread counts as inside a task as well, because nobody can tell the two apart; it can await the answer
/// by `Handle::block_on`. An error there is dear, but a worker that waits for itself says nothing at all.
#[cfg(feature = "tokio")]
pub(super) fn would_never_end() -> bool {
    use tokio::runtime::{Handle, RuntimeFlavor};

    let is_alone = |runtime: Handle| match runtime.runtime_flavor() {
        RuntimeFlavor::CurrentThread => true,
        _ => runtime.metrics().num_workers() == 1 && tokio::task::try_id().is_some(),
    };
    WAITS.get() && Handle::try_current().is_ok_and(is_alone)
}

/// Nobody here can tell which runtime a future lives on.
#[cfg(not(feature = "tokio"))]
pub(super) fn would_never_end() -> bool {
    false
}
