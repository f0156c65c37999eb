//! A store in memory that obeys, and one that does not: how is a ledger over a store held to its rounds?
//!
//! [`ScriptedStore`] keeps typed rows in maps, behind one lock, and its handles share them: two books on it are two writers. It
//! has a switch for each [`Hazard`] that a real store brings, drawn by chance from a seed, so that the laws of
//! [`conformance`](super::conformance) are tried under all of them.

mod hazard;
pub(super) mod lost;
mod tables;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

pub use self::hazard::{Hazard, Hazards};
use self::lost::{Plan, lost};
use self::tables::Tables;
use super::dice::Dice;
use crate::Clock;
use crate::ledger::Capabilities;
use crate::ledger::store::{
    EntryRow, EventRow, Fault, LedgerClock, Rows, Store, Version, Want, Write, Wrote,
};
use crate::values::{SystemClock, Tenant, Timestamp};

/// Keeps rows in memory, for tests of what is built on a [`Store`].
///
/// Clones share the rows. Each is a handle of its own: give one to each of two [`Book`](crate::ledger::store::Book)s, and they are
/// two writers of the same books.
///
/// # Example: a ledger over a store, in three lines
/// ```
/// use std::sync::Arc;
/// use token_budget::ledger::store::Book;
/// use token_budget::testing::{Hazards, ScriptedStore};
/// use token_budget::time::ManualClock;
/// use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usage, Usd, Window};
///
/// let clock = Arc::new(ManualClock::at("2026-11-22T12:00:00Z".parse()?));
/// let store = ScriptedStore::new(clock.clone()).with(Hazards::all(5), 42); // each goes wrong five times in a hundred
/// let ledger = Book::new(store, 256)?;
///
/// let budget = Budget::usd("search", Scope::team("search")?, Usd::dollars(5), Window::day());
/// let enforcer = Enforcer::builder().policy(Policy::new([budget])?).ledger(ledger).clock(clock).build();
/// let call = Call::new("gpt-4o").team("search").input_tokens(1_200).output_tokens(500);
/// let receipt = enforcer.reserve(&call).wait()?.or_refusal()?.send().reconcile(Usage::of(1_200, 350)).wait()?;
/// assert_eq!(receipt.cost(), "0.0065".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ScriptedStore {
    shared: Arc<Mutex<State>>,
    clock: Arc<LedgerClock>,
    remembers: Duration,
}

#[derive(Default)]
struct State {
    tenants: BTreeMap<String, (Tenant, Tables)>,
    hazards: Hazards,
    dice: Option<Dice>,
    writes: u64,
    /// How many writes took effect and were not answered.
    unheard: u64,
    /// How many reads left something out.
    sparse: u64,
    plan: Plan,
}

impl fmt::Debug for ScriptedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScriptedStore({} tenants)", self.shared.lock().tenants.len())
    }
}

impl Default for ScriptedStore {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock))
    }
}

impl ScriptedStore {
    /// Empty rows, on that clock; nothing goes wrong.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        const DAY: u64 = 24 * 60 * 60;
        Self {
            shared: Arc::default(),
            clock: Arc::new(LedgerClock::new(clock)),
            remembers: Duration::from_secs(35 * DAY),
        }
    }

    /// The same, where hazards happen by chance, drawn from that seed.
    #[must_use]
    pub fn with(self, hazards: Hazards, seed: u64) -> Self {
        {
            let mut state = self.shared.lock();
            (state.hazards, state.dice) = (hazards, Some(Dice::new(seed)));
        }
        self
    }

    /// Lets a write fail, so many writes from now; zero is the next one. Nobody knows then what became of it.
    pub fn fail_at(&self, write: u64, fault: super::conformance::Fault) {
        self.shared.lock().plan.lose(write, fault);
    }

    /// How many writes there have been that took effect.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.shared.lock().writes
    }

    /// How many writes took effect while their answer was lost.
    #[must_use]
    pub fn unheard(&self) -> u64 {
        self.shared.lock().unheard
    }

    /// How many reads brought holds without all accounts that their lines name.
    #[must_use]
    pub fn sparse(&self) -> u64 {
        self.shared.lock().sparse
    }

    /// How many rows there are, of all kinds and tenants.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.shared.lock().tenants.values().map(|(_, tables)| tables.len()).fold(0, usize::saturating_add)
    }

    /// How many holds are open.
    #[must_use]
    pub fn open_holds(&self) -> usize {
        let open = |(_, tables): &(Tenant, Tables)| tables.open_holds();
        self.shared.lock().tenants.values().map(open).fold(0, usize::saturating_add)
    }

    /// Loses every balance, as a store that evicts does: for tests that this is noticed.
    pub fn lose_balances(&self) {
        let mut state = self.shared.lock();
        state.tenants.values_mut().for_each(|(_, tables)| tables.lose_balances());
    }

    /// Loses the first account of each tenant with all its balances, as a store does that forgets a key: for tests that this is
    /// noticed, and that the account is not taken for a new one with its whole budget.
    pub fn lose_accounts(&self) {
        let mut state = self.shared.lock();
        state.tenants.values_mut().for_each(|(_, tables)| tables.lose_an_account());
    }
}

impl State {
    /// Whether that hazard happens now.
    fn strikes(&mut self, hazard: Hazard) -> bool {
        let chance = self.hazards.chance(hazard);
        self.dice.as_mut().is_some_and(|dice| dice.percent(chance))
    }

    fn tables(&mut self, tenant: &Tenant) -> Option<&mut Tables> {
        self.tenants.get_mut(tenant.name()).map(|(_, tables)| tables)
    }

    fn version(&mut self, tenant: &Tenant) -> Option<Version> {
        self.tables(tenant)?.version()
    }

    /// Writes what stands on the present version and is in time.
    fn write(&mut self, now: Timestamp, write: &Write<'_>) -> Wrote {
        if let Some(refused) = write.refused(self.version(write.tenant), now) {
            return refused;
        }
        if self.strikes(Hazard::Moved) {
            return Wrote::Moved;
        }
        if self.strikes(Hazard::Late) {
            return Wrote::Late;
        }
        let name = write.tenant.name().to_owned();
        let new = || (write.tenant.clone(), Tables::default());
        self.tenants.entry(name).or_insert_with(new).1.write(write.changes);
        self.writes = self.writes.saturating_add(1);
        Wrote::Done { more_to_forget: false }
    }
}

impl Store for ScriptedStore {
    fn read(&mut self, wants: &[Want]) -> Result<Vec<Rows>, Fault> {
        let mut state = self.shared.lock();
        if state.strikes(Hazard::Busy) {
            return Err(Fault::Busy);
        }
        let at = self.clock.now();
        let forgets_at = Some(self.clock.forgets_at(at));
        let read = |want: &Want| {
            let (is_sparse, past_version) = (state.strikes(Hazard::Sparse), state.strikes(Hazard::Doubted));
            let mut rows = state.tables(&want.tenant).map(|tables| tables.read(want)).unwrap_or_default();
            if is_sparse && tables::leave_out_unnamed(want, &mut rows) {
                state.sparse = state.sparse.saturating_add(1);
            }
            Rows { at, forgets_at, past_version, ..rows }
        };
        let mut rows: Vec<Rows> = wants.iter().map(read).collect();
        if let Some(first) = rows.first_mut() {
            first.clock_changes = self.clock.changes();
        }
        Ok(rows)
    }

    fn write(&mut self, writes: &[Write<'_>]) -> Result<Vec<Wrote>, Fault> {
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.clock.now();
        let mut state = self.shared.lock();
        let planned = state.plan.next();
        if planned == Some(super::conformance::Fault::Before) || state.strikes(Hazard::LostBefore) {
            return Err(lost());
        }
        let wrote = writes.iter().map(|write| state.write(now, write)).collect();
        if planned.is_some() || state.strikes(Hazard::LostAfter) {
            state.unheard = state.unheard.saturating_add(1);
            return Err(lost());
        }
        Ok(wrote)
    }

    fn journal(&mut self, tenant: &Tenant, from: u64, limit: usize) -> Result<Vec<EntryRow>, Fault> {
        let mut state = self.shared.lock();
        Ok(state.tables(tenant).map(|tables| tables.journal(from, limit)).unwrap_or_default())
    }

    fn pending(&mut self, limit: usize) -> Result<Vec<(Tenant, EventRow)>, Fault> {
        let state = self.shared.lock();
        let pending = state
            .tenants
            .values()
            .flat_map(|(tenant, tables)| tables.pending().map(|event| (tenant.clone(), event)));
        Ok(pending.take(limit).collect())
    }

    fn tenants(&mut self) -> Result<Vec<Tenant>, Fault> {
        Ok(self.shared.lock().tenants.values().map(|(tenant, _)| tenant.clone()).collect())
    }

    fn describe(&self) -> Capabilities {
        Capabilities {
            durable: true,
            shared: true,
            remembers: self.remembers,
            ends_at_once: false,
            journal_entries: None,
        }
    }
}
