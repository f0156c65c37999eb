//! Where is an enforcer put together? Here alone, above everything that it is made of.
//!
//! Runs are built on the enforcer, and the enforcer sends calls that name a run to whoever keeps runs. Neither may
//! import the other, so both meet here.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parking_lot::{Mutex, RwLock};

use crate::enforcer::EnforcerBuilder;
use crate::engine::{Board, Core, LedgerTime, Outage, Told};
use crate::run::NamedRuns;
use crate::{Enforcer, MemoryLedger};

impl EnforcerBuilder {
    /// The enforcer.
    #[must_use]
    pub fn build(self) -> Enforcer {
        let policy = match self.unbound {
            Some(unbound) => self.policy.unbound(unbound),
            None => self.policy,
        };
        let clock = self.clock;
        let ledger = self.ledger.unwrap_or_else(|| Arc::new(MemoryLedger::with_clock(Arc::clone(&clock))));
        let core = Core {
            policy: RwLock::new(Arc::new(policy)),
            prices: RwLock::new(Arc::new(self.prices)),
            epoch: AtomicU64::new(0),
            has_clock: ledger.now().is_some(),
            ends_at_once: ledger.capabilities().ends_at_once,
            ledger,
            estimator: self.estimator,
            output_sizing: self.output_sizing,
            clock,
            ledger_time: LedgerTime::new(),
            observers: self.observers,
            abandoned: self.on_abandon,
            on_no_limit: self.on_no_limit,
            unseen: self.unseen,
            outage: Outage::new(self.on_outage),
            hold_grace: self.hold_grace,
            outbox: self.outbox,
            told: Told::default(),
            growing: Arc::default(),
            to_tell: Mutex::default(),
            board: Board::default(),
        };
        Enforcer::of(core, Arc::new(NamedRuns))
    }
}
