//! With what do laws speak to a ledger? One handle, its clock, and short names for commands.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::claims::{always, root, signed};
use super::law::Ground;
use super::why::{Held, holds};
use super::{Driver, Fault, Setup, Store};
use crate::ledger::{
    Entry, Frozen, MarkAction, MarkScope, Note, OnExpiry, Outcome, Rank, Reconcile, Record, Release, Reply,
    Reserve, Resize,
};
use crate::{
    Account, Balance, BudgetLedger, Claim, Clock, Error, ManualClock, Period, ReservationId, Root, Scope,
    SystemClock, Timestamp,
};

/// In which way a ledger is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// Through its futures.
    Waited,
    /// Through its [`ImmediateLedger`](crate::ImmediateLedger).
    AtOnce,
}

/// One handle on the books of one law.
#[derive(Clone)]
pub(super) struct Books {
    pub(super) shared: Arc<Shared>,
    ledger: Arc<dyn BudgetLedger>,
    door: Door,
    pub(super) root: Root,
}

/// What all handles on the same books share.
pub(super) struct Shared {
    pub(super) store: Box<dyn Store>,
    /// None where the ledger keeps the machine's time.
    clock: Option<Arc<ManualClock>>,
    driver: Driver,
    /// The accounts without a window that were named, to be looked at in the end.
    pub(super) named: Mutex<Vec<Account>>,
}

impl Shared {
    pub(super) fn open_holds_are(&self, expected: usize) -> Held {
        let open = self.store.open_holds();
        holds!(open.is_none_or(|open| open == expected), "{open:?} holds are open, not {expected}");
        Ok(())
    }
}

impl Books {
    /// The first handle on empty books.
    pub(super) fn make(ground: &Ground<'_>) -> Held<Self> {
        let (factory, clock) = (ground.factory, Arc::new(ManualClock::default()));
        let store = factory.make(&Setup { clock: Arc::clone(&clock), seed: ground.seed })?;
        let clock = factory.offers().time.then_some(clock);
        let shared = Shared { store, clock, driver: factory.driver(), named: Mutex::default() };
        Self::open(Arc::new(shared), ground.door)
    }

    /// One more handle on those books.
    pub(super) fn open(shared: Arc<Shared>, door: Door) -> Held<Self> {
        let ledger = shared.store.open()?;
        Ok(Self { shared, ledger, door, root: root() })
    }

    /// One more handle on the same books.
    pub(super) fn another(&self) -> Held<Self> {
        let shared = Arc::clone(&self.shared);
        Ok(Self { root: self.root.clone(), ..Self::open(shared, self.door)? })
    }

    /// The same handle, for books of that root.
    pub(super) fn of_root(self, root: Root) -> Self {
        Self { root, ..self }
    }

    /// Ends this handle as a killed process would, and opens another.
    pub(super) fn crash(self) -> Held<Self> {
        let Self { shared, ledger, door, root } = self;
        shared.store.crash(ledger);
        Ok(Self { root, ..Self::open(shared, door)? })
    }

    pub(super) fn fail_at(&self, operation: u64, fault: Fault) {
        self.shared.store.fail_at(operation, fault);
    }

    /// So many holds are open, if the store can say.
    pub(super) fn open_is(&self, expected: usize) -> Held {
        self.shared.open_holds_are(expected)
    }

    pub(super) fn is_durable(&self) -> bool {
        self.ledger.capabilities().durable
    }

    pub(super) fn verify(&self) -> Held {
        Ok(self.shared.store.verify()?)
    }

    /// How many first answers were lost so far.
    pub(super) fn unheard(&self) -> u64 {
        self.shared.store.unheard()
    }

    pub(super) fn heard_all(&self) -> bool {
        self.unheard() == 0
    }

    pub(super) fn now(&self) -> Timestamp {
        match &self.shared.clock {
            Some(clock) => clock.now(),
            None => SystemClock.now(),
        }
    }

    /// Moves the clock; what is still under way arrives before.
    pub(super) fn set(&self, instant: Timestamp) -> Held {
        self.shared.store.arrive()?;
        if let Some(clock) = &self.shared.clock {
            clock.set(instant);
        }
        Ok(())
    }

    pub(super) fn at(&self, seconds: i64) -> Held {
        self.set(Timestamp::from_secs(seconds))
    }

    pub(super) fn advance(&self, span: Duration) -> Held {
        self.set(self.now() + span)
    }

    pub(super) fn id(&self) -> ReservationId {
        ReservationId::generate(self.now())
    }

    /// Reserves for 100 seconds; expiry charges nothing.
    pub(super) fn reserve(&self, id: ReservationId, claim: &Claim, amounts: &[i64]) -> Result<Reply, Error> {
        self.reserve_until(id, claim, amounts, (self.now() + Duration::from_secs(100), OnExpiry::Nothing))
    }

    pub(super) fn reserve_until(
        &self,
        id: ReservationId,
        claim: &Claim,
        amounts: &[i64],
        (expires_at, on_expiry): (Timestamp, OnExpiry<'_>),
    ) -> Result<Reply, Error> {
        self.note(claim);
        let note = &Note::default();
        let command = Reserve { id, claim, amounts, expires_at, on_expiry, note };
        match self.at_once() {
            Some(ledger) => ledger.reserve(ledger.now(), command),
            None => self.shared.driver.wait(self.ledger.reserve(command)),
        }
    }

    /// A new hold that is expected to fit.
    pub(super) fn held(&self, claim: &Claim, amounts: &[i64]) -> Held<ReservationId> {
        let id = self.id();
        let reply = self.reserve(id, claim, amounts)?;
        holds!(reply.outcome == Outcome::Applied, "{amounts:?} have room, and the answer is {reply:?}");
        Ok(id)
    }

    /// A new charge, as reported by a provider.
    pub(super) fn charged(&self, claim: &Claim, amounts: &[i64]) -> Held<ReservationId> {
        let id = self.held(claim, &vec![0; amounts.len()])?;
        self.reconcile(id, claim, amounts, Rank::Reported)?;
        Ok(id)
    }

    pub(super) fn reconcile(
        &self,
        id: ReservationId,
        claim: &Claim,
        amounts: &[i64],
        rank: Rank,
    ) -> Result<Reply, Error> {
        self.note(claim);
        let note = &Note::default();
        let command = Reconcile { id, claim, amounts, rank, note };
        match self.at_once() {
            Some(ledger) => ledger.reconcile(ledger.now(), command),
            None => self.shared.driver.wait(self.ledger.reconcile(command)),
        }
    }

    pub(super) fn release(&self, id: ReservationId) -> Result<Reply, Error> {
        let command = Release { id, root: &self.root, signature: None, note: &Note::default() };
        match self.at_once() {
            Some(ledger) => ledger.release(ledger.now(), command),
            None => self.shared.driver.wait(self.ledger.release(command)),
        }
    }

    pub(super) fn resize(
        &self,
        id: ReservationId,
        claim: &Claim,
        amounts: &[i64],
        expires_at: Option<Timestamp>,
    ) -> Result<Reply, Error> {
        self.note(claim);
        let command = Resize { id, claim, amounts, expires_at };
        match self.at_once() {
            Some(ledger) => ledger.resize(ledger.now(), command),
            None => self.shared.driver.wait(self.ledger.resize(command)),
        }
    }

    pub(super) fn record(
        &self,
        id: ReservationId,
        claim: &Claim,
        amounts: &[i64],
        corrects: Option<ReservationId>,
    ) -> Result<Reply, Error> {
        self.note(claim);
        let (signature, note) = (&signed("an audit"), &Note::default());
        let command = Record { id, claim, amounts, corrects, signature, note };
        match self.at_once() {
            Some(ledger) => ledger.record(ledger.now(), command),
            None => self.shared.driver.wait(self.ledger.record(command)),
        }
    }

    pub(super) fn mark(&self, scope: &Scope, action: MarkAction, reason: &str) -> Result<Reply, Error> {
        let command = MarkScope { root: &self.root, scope, action, signature: &signed(reason) };
        match self.at_once() {
            Some(ledger) => ledger.mark(ledger.now(), command),
            None => self.shared.driver.wait(self.ledger.mark(command)),
        }
    }

    /// The marks that stand on these scopes.
    pub(super) fn marks(&self, scopes: &[Scope]) -> Result<Vec<Frozen>, Error> {
        match self.at_once() {
            Some(ledger) => ledger.marks(ledger.now(), &self.root, scopes),
            None => self.shared.driver.wait(self.ledger.marks(&self.root, scopes)),
        }
    }

    /// Spent and reserved of each line.
    pub(super) fn balances(&self, claim: &Claim) -> Result<Vec<(i64, i64)>, Error> {
        let lines: Vec<_> = claim.lines().iter().map(|line| (line.account.clone(), line.period)).collect();
        Ok(self.balances_of(&lines)?.iter().map(|balance| (balance.spent, balance.reserved)).collect())
    }

    pub(super) fn balances_of(&self, lines: &[(Account, Period)]) -> Result<Vec<Balance>, Error> {
        match self.at_once() {
            Some(ledger) => ledger.balances(ledger.now(), lines),
            None => self.shared.driver.wait(self.ledger.balances(lines)),
        }
    }

    /// The whole journal of these books.
    pub(super) fn journal(&self) -> Result<Vec<Entry>, Error> {
        self.entries(&self.root, 0, usize::MAX)
    }

    pub(super) fn entries(&self, root: &Root, from: u64, limit: usize) -> Result<Vec<Entry>, Error> {
        self.shared.driver.wait(self.ledger.entries(root, from, limit))
    }

    fn at_once(&self) -> Option<&dyn crate::ImmediateLedger> {
        if self.door == Door::AtOnce { self.ledger.immediate() } else { None }
    }

    fn note(&self, claim: &Claim) {
        let mut named = self.shared.named.lock();
        for line in claim.lines() {
            if line.period == always() && !named.contains(&line.account) {
                named.push(line.account.clone());
            }
        }
    }
}
