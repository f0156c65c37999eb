//! What passes while the ledger is away?
//!
//! One sum of nano-dollars, raised only while it stays within the allowance, and set back to zero by the ledger's
//! next answer. An allowance of $5 admits two calls of $2.50, and then no third, whichever threads ask at once.

use std::sync::atomic::{AtomicI64, Ordering};

use super::choice::OnOutage;
use crate::Usd;

/// How much was let through while the ledger was away.
#[derive(Debug)]
pub(crate) struct Outage {
    /// What the operator chose.
    away: OnOutage,
    /// Nano-dollars quoted since the ledger's last answer.
    pub(super) admitted_nanos: AtomicI64,
}

impl Outage {
    pub(crate) fn new(away: OnOutage) -> Self {
        Self { away, admitted_nanos: AtomicI64::new(0) }
    }

    /// Whether a call quoted at that much may be made without the ledger.
    pub(crate) fn admits(&self, usd: Usd) -> bool {
        let OnOutage::FailOpen { at_most } = self.away else { return false };
        let step = |sum: i64| sum.checked_add(usd.nanos()).filter(|sum| *sum <= at_most.nanos());
        self.admitted_nanos.fetch_update(Ordering::AcqRel, Ordering::Acquire, step).is_ok()
    }

    /// The ledger answered: the outage, if there was one, is over.
    #[cold]
    pub(super) fn over(&self) {
        self.admitted_nanos.store(0, Ordering::Release);
    }
}
