//! Who reads dropped streams on where tokio runs?
//!
//! The one place where this crate spawns a task, and only for who asked for it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::drain::Background;

/// Drains streams as tasks of tokio's.
///
/// A stream dropped outside a runtime is not drained, unless a handle was given: it is charged as it stands.
///
/// ```
/// use token_budget::stream::{Drain, StreamOptions, TokioBackground};
///
/// let options = StreamOptions::default().drain(Drain::new(TokioBackground::default()));
/// # let _ = options;
/// ```
#[derive(Clone, Default)]
pub struct TokioBackground {
    handle: Option<::tokio::runtime::Handle>,
}

impl fmt::Debug for TokioBackground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokioBackground")
    }
}

impl TokioBackground {
    /// Drains on that runtime, wherever a stream is dropped.
    pub fn on(handle: ::tokio::runtime::Handle) -> Self {
        Self { handle: Some(handle) }
    }
}

impl Background for TokioBackground {
    fn run(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>, at_most: Duration) {
        let here = || ::tokio::runtime::Handle::try_current().ok();
        let Some(handle) = self.handle.clone().or_else(here) else { return };
        handle.spawn(async move {
            // What is not done by then is dropped, and charged by that.
            let _ = ::tokio::time::timeout(at_most, work).await;
        });
    }
}
