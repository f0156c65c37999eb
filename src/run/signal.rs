//! How does a running call learn that its run was stopped?

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::live::Sleeper;
use super::opened::{LiveRun, RunFacts};
use crate::ledger::FrozenScope;

/// Resolves when the run, or one above it, is stopped or closed: with who did it, and why.
///
/// It hears at once of what is done in this process. Of a stop made in
/// another it hears when a call, a report or a second opening of the run here
/// finds it in the ledger. It needs no runtime, outlives the guard, and each
/// clone waits by itself. A freeze is for a while and resolves nothing.
///
/// # Example: a call in flight hears of the stop
/// ```
/// use token_budget::ledger::Attribution;
/// use token_budget::{Enforcer, RunGuard};
///
/// let enforcer = Enforcer::builder().build();
/// let run = RunGuard::builder("run-42").iterations(50).open(&enforcer).wait()?;
/// let signal = run.stopped(); // `signal.await` beside the call, in a select
/// assert!(signal.reason().is_none());
/// run.stop(Attribution::new("ada", "it loops")).wait()?;
/// assert_eq!(signal.reason().unwrap().attribution.reason, "it loops");
/// # Ok::<(), token_budget::Error>(())
/// ```
#[must_use = "it does nothing until it is awaited or asked"]
pub struct StopSignal(Sleeper<RunFacts>);

impl fmt::Debug for StopSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.runs.first() {
            Some(run) => write!(f, "StopSignal({})", run.scope),
            None => f.write_str("StopSignal"),
        }
    }
}

impl StopSignal {
    pub(super) fn of(runs: Vec<Arc<LiveRun>>) -> Self {
        Self(Sleeper::of(runs))
    }

    /// Who stopped the run and why, if anybody has: the same without waiting.
    #[must_use]
    pub fn reason(&self) -> Option<FrozenScope> {
        self.0.runs.iter().find_map(|run| run.look(RunFacts::ended))
    }
}

impl Clone for StopSignal {
    fn clone(&self) -> Self {
        Self::of(self.0.runs.clone())
    }
}

impl Future for StopSignal {
    type Output = FrozenScope;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<FrozenScope> {
        let sleeper = &self.0;
        let ended = |run: &Arc<LiveRun>| run.look_or_sleep(sleeper.key, context.waker(), RunFacts::ended);
        sleeper.runs.iter().find_map(ended).map_or(Poll::Pending, Poll::Ready)
    }
}
