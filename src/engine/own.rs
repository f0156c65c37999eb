//! What does a caller bring along for its calls, beside what the policy has?
//!
//! A run brings the lines of its limits. Where it has a part of its own, or lies below a run that has one, it also wants to hear
//! of each call that has ended: the part may be closed by then, and what the call used is still to be posted above.
//!
//! Nobody is told from inside a `Drop` on a ledger that must be waited for. Then whoever wants to hear waits in the core, and is
//! told with the next flush, which is also what takes the call's own end to the ledger.

use std::fmt;
use std::sync::Arc;

use super::core::{AfterCall, Core};
use super::deliver::is_undelivered;
use crate::ledger::poll_once;
use crate::policy::Budget;

/// Budgets of the caller's own, and who hears of the calls that are held on them.
#[derive(Clone)]
pub(crate) struct Own {
    pub(crate) budgets: Arc<[Arc<Budget>]>,
    pub(crate) after: Option<Arc<dyn AfterCall>>,
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Own({} budgets)", self.budgets.len())
    }
}

impl Own {
    /// Nothing: the policy alone binds the call.
    pub(crate) fn none() -> Self {
        Self { budgets: Arc::from([]), after: None }
    }

    /// Tells whoever wants to hear that a call of these lines has ended.
    ///
    /// The call's end stands whatever comes of it.
    pub(crate) async fn call_ended(&self, core: &Arc<Core>) {
        if let Some(after) = &self.after {
            core.tell_ended(after).await;
        }
    }

    /// The same for a `Drop`, which waits for nobody.
    pub(crate) fn call_dropped(&self, core: &Arc<Core>) {
        let Some(after) = &self.after else { return };
        if core.ends_at_once && core.outbox.len() == 0 {
            let _ = poll_once(self.call_ended(core));
        } else {
            core.tell_later(after);
        }
    }
}

/// Keeps whoever was not told to the end: the ledger is away, or the future was dropped halfway.
struct Untold<'a> {
    core: &'a Core,
    after: Option<&'a Arc<dyn AfterCall>>,
}

impl Drop for Untold<'_> {
    fn drop(&mut self) {
        if let Some(after) = self.after {
            self.core.tell_later(after);
        }
    }
}

impl Core {
    /// Keeps whoever wants to hear of a call's end until the next flush.
    fn tell_later(&self, after: &Arc<dyn AfterCall>) {
        let mut waiting = self.to_tell.lock();
        if !waiting.iter().any(|known| Arc::ptr_eq(known, after)) {
            waiting.push_back(Arc::clone(after));
        }
    }

    /// Tells somebody that a call has ended; what fails for want of the ledger is tried again with the next flush.
    async fn tell_ended(self: &Arc<Self>, after: &Arc<dyn AfterCall>) {
        let mut untold = Untold { core: self, after: Some(after) };
        if !after.ended(self).await.is_err_and(|error| is_undelivered(&error)) {
            untold.after = None;
        }
    }

    /// Tells those who wait to hear of a call's end, now that everything was delivered.
    pub(super) async fn tell_waiting(self: &Arc<Self>) {
        // One at a time: whoever drops this future leaves the others where they are.
        let waiting = self.to_tell.lock().len();
        for _ in 0..waiting {
            let Some(after) = self.to_tell.lock().pop_front() else { return };
            self.tell_ended(&after).await;
        }
    }
}
