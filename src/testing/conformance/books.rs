//! With what do laws speak to a ledger? One handle on the books of a law, and its clock.
//!
//! A law may have several handles on the same books: one for each thread, one for each
//! "process", one after a crash. All handles share one store, one clock and one list of
//! the accounts that were named, which the audit reads in the end.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::claims::tenant;
use super::need::{LeftOut, Need};
use super::why::{Held, Why, holds};
use super::{Driver, Factory, Fault, Setup, Store};
use crate::values::{Account, ManualClock, Period, ReservationId, SystemClock, Tenant, Timestamp};
use crate::{BudgetLedger, Clock};

/// One handle on the books of one law.
#[derive(Clone)]
pub(super) struct Books {
    pub(super) shared: Arc<Shared>,
    pub(super) ledger: Arc<dyn BudgetLedger>,
    pub(super) tenant: Tenant,
}

/// What all handles on the same books share.
pub(super) struct Shared {
    pub(super) store: Box<dyn Store>,
    /// None where the ledger keeps the machine's time.
    clock: Option<Arc<ManualClock>>,
    pub(super) driver: Driver,
    /// Every account and period that was named, but of windows that roll, with its turn: looked at in the end.
    pub(super) named: Mutex<HashMap<(Account, Period), usize>>,
    /// How many commands have been sent and have come back.
    pub(super) commands: AtomicU64,
}

/// Where a law is tried: a factory, a seed, and a way to speak to the ledger. It
/// remembers all books that the law opens, for the audit.
#[derive(Clone)]
pub(super) struct Ground<'a> {
    pub(super) factory: &'a dyn Factory,
    pub(super) seed: u64,
    pub(super) made: Arc<Mutex<Vec<Arc<Shared>>>>,
    left_out: LeftOut,
}

impl Shared {
    /// Breaks the law unless so many holds are open; a store that cannot count its holds
    /// passes.
    pub(super) fn open_holds_are(&self, expected: usize) -> Held {
        let open = self.store.open_holds();
        holds!(open.is_none_or(|open| open == expected), "{open:?} holds are open, not {expected}");
        Ok(())
    }
}

impl<'a> Ground<'a> {
    pub(super) fn new(factory: &'a dyn Factory, seed: u64) -> Self {
        Self { factory, seed, made: Arc::default(), left_out: LeftOut::default() }
    }

    /// The same ground for a ledger that leaves these out.
    pub(super) fn without(self, left_out: LeftOut) -> Self {
        Self { left_out, ..self }
    }

    /// Whether the ledger offers this: a law asks before the part of it that is about what some leave out.
    pub(super) fn offers(&self, need: Need) -> bool {
        self.left_out.text(need).is_none()
    }

    /// All that the ledger leaves out.
    pub(super) fn left_out(&self) -> &LeftOut {
        &self.left_out
    }

    /// Empty books.
    pub(super) fn books(&self) -> Held<Books> {
        let books = Books::make(self)?;
        self.made.lock().push(Arc::clone(&books.shared));
        Ok(books)
    }

    /// Runs the law, then audits all books that it opened; a ledger that panics breaks
    /// the law.
    pub(super) fn hold(&self, check: fn(&Ground<'_>) -> Held) -> Held {
        // Asserting unwind safety is sound: whatever the panic left behind is dropped
        // with the law and never looked at.
        let tried = catch_unwind(AssertUnwindSafe(|| {
            check(self)?;
            let made = std::mem::take(&mut *self.made.lock());
            made.into_iter().try_for_each(|shared| Books::open(shared)?.audit())
        }));
        tried.unwrap_or_else(|panic| Err(Why::panicked(&*panic)))
    }
}

impl Books {
    /// Opens the first handle on empty books. The clock is the suite's if the ledger lets
    /// itself be given one, else the machine's.
    pub(super) fn make(ground: &Ground<'_>) -> Held<Self> {
        let (factory, clock) = (ground.factory, Arc::new(ManualClock::default()));
        let store = factory.make(&Setup { clock: Arc::clone(&clock), seed: ground.seed })?;
        let clock = factory.offers().time.then_some(clock);
        let shared = Shared {
            store,
            clock,
            driver: factory.driver(),
            named: Mutex::default(),
            commands: AtomicU64::new(0),
        };
        Self::open(Arc::new(shared))
    }

    /// One more handle on those books.
    pub(super) fn open(shared: Arc<Shared>) -> Held<Self> {
        let ledger = shared.store.open()?;
        Ok(Self { shared, ledger, tenant: tenant() })
    }

    /// One more handle on the same books.
    pub(super) fn another(&self) -> Held<Self> {
        let shared = Arc::clone(&self.shared);
        Ok(Self { tenant: self.tenant.clone(), ..Self::open(shared)? })
    }

    /// The same handle, for books of that tenant.
    pub(super) fn of_tenant(self, tenant: Tenant) -> Self {
        Self { tenant, ..self }
    }

    /// How many commands came back so far, on all handles.
    pub(super) fn commands(&self) -> u64 {
        self.shared.commands.load(Ordering::Relaxed)
    }

    /// Ends this handle as a killed process would, and opens another.
    pub(super) fn crash(self) -> Held<Self> {
        let Self { shared, ledger, tenant } = self;
        shared.store.crash(ledger);
        Ok(Self { tenant, ..Self::open(shared)? })
    }

    /// Plans a fault: see [`Store::fail_at`].
    pub(super) fn fail_at(&self, operation: u64, fault: Fault) {
        self.shared.store.fail_at(operation, fault);
    }

    /// So many holds are open, if the store can say.
    pub(super) fn open_is(&self, expected: usize) -> Held {
        self.shared.open_holds_are(expected)
    }

    /// Whether answers survive the process, as the ledger says.
    pub(super) fn is_durable(&self) -> bool {
        self.ledger.capabilities().durable
    }

    /// How long an ended id is surely remembered, as the ledger says.
    pub(super) fn remembers(&self) -> Duration {
        self.ledger.capabilities().remembers
    }

    /// Asks the store to check itself.
    pub(super) fn verify(&self) -> Held {
        Ok(self.shared.store.verify()?)
    }

    /// How many first answers were lost so far.
    pub(super) fn unheard(&self) -> u64 {
        self.shared.store.unheard()
    }

    /// Whether every first answer has arrived. What only a first answer tells is compared
    /// only as long as this is true.
    pub(super) fn heard_all(&self) -> bool {
        self.unheard() == 0
    }

    /// The instant that this law's clock shows; the ledger's own may be later, because it
    /// never runs back.
    pub(super) fn now(&self) -> Timestamp {
        match &self.shared.clock {
            Some(clock) => clock.now(),
            None => SystemClock.now(),
        }
    }

    /// The clock of an enforcer over these books.
    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        match &self.shared.clock {
            Some(clock) => Arc::clone(clock) as Arc<dyn Clock>,
            None => Arc::new(SystemClock),
        }
    }

    /// Moves the clock, for all handles.
    pub(super) fn set(&self, instant: Timestamp) -> Held {
        if let Some(clock) = &self.shared.clock {
            clock.set(instant);
        }
        Ok(())
    }

    /// Moves the clock to that second after the epoch, for all handles.
    pub(super) fn at(&self, seconds: i64) -> Held {
        self.set(Timestamp::from_secs(seconds))
    }

    /// Moves the clock on, for all handles.
    pub(super) fn advance(&self, span: Duration) -> Held {
        self.set(self.now() + span)
    }

    /// A new id, of the time that the clock shows.
    pub(super) fn id(&self) -> ReservationId {
        ReservationId::generate(self.now())
    }
}
