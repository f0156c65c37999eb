//! Who waits for a ledger's futures? This thread, unless a backend lends its runtime.
//!
//! The suite needs no runtime: by default it polls a future on its own thread and parks
//! until the future wakes it. A ledger whose client library spawns tasks, sets timers or
//! opens sockets on tokio needs that runtime to poll it; such a factory returns a
//! [`Driver`] from [`Factory::driver`](super::Factory::driver).
//!
//! The driver's function must come back only when the future has ended. Whatever it does
//! with the future in between (spawn it, block on it) is its own affair. A driver that
//! comes back early breaks the law with a message that says so.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::thread::{self, Thread};

use crate::{Error, ErrorKind};

/// Work of the suite that must be run to its end.
pub type Work<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Runs the suite's futures to their end. The default polls on the calling thread.
///
/// A ledger that needs a runtime lends it here.
///
/// # Example: a ledger that lives on tokio
/// ```
/// use token_budget::testing::conformance::Driver;
///
/// let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
/// let handle = runtime.handle().clone();
/// let driver = Driver::new(move |work| handle.block_on(work));
/// # let _ = driver;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Driver(Arc<dyn for<'a> Fn(Work<'a>) + Send + Sync>);

impl Driver {
    /// Runs every future by that function, which comes back when the future has ended.
    pub fn new(wait: impl for<'a> Fn(Work<'a>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(wait))
    }

    /// Waits for a command, and returns what it answers.
    pub(super) fn wait<T: Send>(
        &self,
        command: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        let mut answer = None;
        (self.0)(Box::pin(async { answer = Some(command.await) }));
        let early =
            || Error::new(ErrorKind::LedgerUnavailable, "the driver came back before the command had ended");
        answer.unwrap_or_else(|| Err(early()))
    }
}

impl Default for Driver {
    fn default() -> Self {
        Self::new(park_until_ready)
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Driver")
    }
}

/// Wakes the thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls, and sleeps until the future wakes this thread. A wake-up that comes before
/// `park` is not lost: it makes the next `park` return at once.
fn park_until_ready(mut work: Work<'_>) {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    while work.as_mut().poll(&mut context).is_pending() {
        thread::park();
    }
}
