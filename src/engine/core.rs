//! What every clone of an enforcer and every open reservation shares.
//!
//! Policy and prices are swapped whole: a plan takes a pointer to each, and calls go by their plan. Each swap raises
//! `epoch` by one, *after* the new table stands. A plan that was resolved under epoch 7 is used only while the epoch is 7,
//! so the first call after a swap resolves anew; calls in flight keep the plan, and the prices, that they were held by.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use super::board::Board;
use super::choice::OnAbandon;
use super::growing::Growing;
use super::outage::Outage;
use super::outbox::Outbox;
use super::time::LedgerTime;
use super::told::Told;
use crate::pricing::Unseen;
use crate::tokens::OutputSizing;
use crate::values::OnNoLimit;
use crate::{BudgetLedger, Clock, Error, Event, Observer, Policy, PricingTable, TokenEstimator};

/// What every clone of an enforcer and every open reservation shares.
pub(crate) struct Core {
    pub(crate) policy: RwLock<Arc<Policy>>,
    pub(crate) prices: RwLock<Arc<PricingTable>>,
    /// Counts swaps of policy or prices; whatever was resolved before is resolved anew.
    pub(crate) epoch: AtomicU64,
    pub(crate) ledger: Arc<dyn BudgetLedger>,
    /// The ledger's clock can be read here.
    pub(crate) has_clock: bool,
    /// Reconcile and release are answered at once, so that a `Drop` may call them.
    pub(crate) ends_at_once: bool,
    pub(crate) estimator: Arc<dyn TokenEstimator>,
    pub(crate) output_sizing: OutputSizing,
    pub(crate) clock: Arc<dyn Clock>,
    /// What time it is at a ledger whose clock cannot be read here.
    pub(crate) ledger_time: LedgerTime,
    pub(crate) observers: Vec<Arc<dyn Observer>>,
    pub(crate) abandoned: OnAbandon,
    pub(crate) on_no_limit: Option<OnNoLimit>,
    /// How fast models generate unseen, whatever their rows say.
    pub(crate) unseen: Option<Unseen>,
    pub(crate) outage: Outage,
    /// How long a hold outlives its call's own time-out.
    pub(crate) hold_grace: Duration,
    pub(crate) outbox: Outbox,
    pub(crate) told: Told,
    /// Open streams that are held by slices.
    pub(crate) growing: Arc<Growing>,
    /// Who is to hear that a call has ended, with the next flush.
    pub(crate) to_tell: Mutex<VecDeque<Arc<dyn AfterCall>>>,
    /// Who watches a scope: the runs that have a guard in this process.
    pub(crate) board: Board,
}

/// What becomes of telling somebody that a call has ended. In a box: an ordinary call has nobody to tell.
pub(crate) type AfterEnd<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

/// Whoever wants to hear of the calls that are held on lines of its own: a run that lies in a part.
pub(crate) trait AfterCall: Send + Sync {
    /// A call has ended: it was reconciled, released or dropped.
    fn ended<'a>(&'a self, core: &'a Arc<Core>) -> AfterEnd<'a>;
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Core")
    }
}

impl Core {
    /// The policy in force.
    pub(crate) fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read())
    }

    /// The prices in force.
    pub(crate) fn prices(&self) -> Arc<PricingTable> {
        Arc::clone(&self.prices.read())
    }

    /// Policy or prices were swapped: every plan is resolved anew at its next use.
    pub(crate) fn changed(&self) {
        self.epoch.fetch_add(1, Ordering::Release);
    }

    /// Tells every observer, on this thread. One that panics harms neither the call nor the others.
    #[inline]
    pub(crate) fn tell(&self, event: &Event) {
        for observer in &self.observers {
            // Events are told from drops, too, where a panic would end the process. The panic hook has said it.
            let _ = catch_unwind(AssertUnwindSafe(|| observer.observe(event)));
        }
    }
}
