//! Do the laws of crashes and failing operations tell a store that lasts from one that forgets?
//!
//! The store here is memory that outlives its handles, behind a wire on which any command can be
//! told to fail: what a durable ledger looks like from outside.

use std::sync::Arc;

use parking_lot::Mutex;
use token_budget::ledger::{
    Account, Answer, Balance, Capabilities, Entry, FrozenScope, Hold, MarkScope, PendingEvent, Reconcile,
    Record, Release, Reply, ReservationId, Reserve, Resize, Tenant,
};
use token_budget::testing::conformance::{self, Factory, Fault, Offers, Setup, Standing, Store};
use token_budget::testing::{FaultyLedger, Odds};
use token_budget::time::{ManualClock, Period, Timestamp};
use token_budget::{BudgetLedger, Error, ErrorKind, MemoryLedger, Scope};

/// Ledgers that say they are durable: some are.
#[derive(Clone, Copy, Debug)]
struct Lasting {
    /// The books are gone after a crash, whatever was acknowledged.
    forgets: bool,
}

impl Factory for Lasting {
    fn name(&self) -> String {
        "memory that lasts".into()
    }

    fn make(&self, setup: &Setup) -> Result<Box<dyn Store>, Error> {
        let (clock, forgets) = (setup.clock.clone(), self.forgets);
        let wire = wire_to(&clock);
        Ok(Box::new(Kept { clock, forgets, wire: Mutex::new(wire) }))
    }

    fn offers(&self) -> Offers {
        Offers { faults: true, ..Offers::default() }
    }
}

fn wire_to(clock: &Arc<ManualClock>) -> FaultyLedger {
    FaultyLedger::new(Arc::new(MemoryLedger::with_clock(clock.clone())), 0).with_odds(Odds::ALL_WELL)
}

struct Kept {
    clock: Arc<ManualClock>,
    forgets: bool,
    wire: Mutex<FaultyLedger>,
}

impl Store for Kept {
    fn open(&self) -> Result<Arc<dyn BudgetLedger>, Error> {
        Ok(Arc::new(Handle(self.wire.lock().clone())))
    }

    fn crash(&self, handle: Arc<dyn BudgetLedger>) {
        drop(handle);
        if self.forgets {
            *self.wire.lock() = wire_to(&self.clock);
        }
    }

    fn fail_at(&self, operation: u64, fault: Fault) {
        self.wire.lock().fail_at(operation, fault);
    }

    fn unheard(&self) -> u64 {
        self.wire.lock().unheard()
    }
}

/// A handle that says its answers survive the process.
#[derive(Debug)]
struct Handle(FaultyLedger);

impl BudgetLedger for Handle {
    fn now(&self) -> Option<Timestamp> {
        None
    }

    fn reserve(&self, command: Reserve<'_>) -> Answer<'static, Reply> {
        self.0.reserve(command)
    }

    fn reconcile(&self, command: Reconcile<'_>) -> Answer<'static, Reply> {
        self.0.reconcile(command)
    }

    fn release(&self, command: Release<'_>) -> Answer<'static, Reply> {
        self.0.release(command)
    }

    fn resize(&self, command: Resize<'_>) -> Answer<'static, Reply> {
        self.0.resize(command)
    }

    fn record(&self, command: Record<'_>) -> Answer<'static, Reply> {
        self.0.record(command)
    }

    fn mark(&self, command: MarkScope<'_>) -> Answer<'static, Reply> {
        self.0.mark(command)
    }

    fn marks(&self, tenant: &Tenant, scopes: &[Scope]) -> Answer<'static, Vec<FrozenScope>> {
        self.0.marks(tenant, scopes)
    }

    fn hold(&self, tenant: &Tenant, id: ReservationId) -> Answer<'static, Option<Hold>> {
        self.0.hold(tenant, id)
    }

    fn balances(&self, lines: &[(Account, Period)]) -> Answer<'static, Vec<Balance>> {
        self.0.balances(lines)
    }

    fn entries(&self, tenant: &Tenant, from: u64, limit: usize) -> Answer<'static, Vec<Entry>> {
        self.0.entries(tenant, from, limit)
    }

    fn pending_events(&self, _limit: usize) -> Answer<'static, Vec<PendingEvent>> {
        let answer = || -> Result<Vec<PendingEvent>, Error> {
            Err(Error::new(ErrorKind::Unsupported, "pending events are not offered"))
        };
        answer().into()
    }

    fn delivered(&self, events: &[PendingEvent]) -> Answer<'static, ()> {
        self.0.delivered(events)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { durable: true, ..self.0.capabilities() }
    }
}

/// The laws about that subject.
fn laws_of(subject: &str) -> Vec<&'static conformance::Law> {
    conformance::laws().iter().filter(|law| law.subject() == subject).collect()
}

#[test]
fn a_store_that_lasts_keeps_the_laws_of_crashes_and_of_failing_operations() {
    for subject in ["crashes", "faults", "model"] {
        let laws = laws_of(subject);
        assert!(!laws.is_empty(), "there are laws about {subject}");
        for law in laws {
            assert_eq!(law.run(&Lasting { forgets: false }), Standing::Held, "{}", law.name());
        }
    }
}

#[test]
fn a_store_that_forgets_breaks_every_law_of_crashes() {
    for law in laws_of("crashes") {
        let standing = law.run(&Lasting { forgets: true });
        assert!(matches!(standing, Standing::Broken { .. }), "{}: {standing:?}", law.name());
    }
    let model = conformance::law("every_command_is_answered_like_the_reference_model").expect("a law");
    assert!(matches!(model.run(&Lasting { forgets: true }), Standing::Broken { .. }));
}
