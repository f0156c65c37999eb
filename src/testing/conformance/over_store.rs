//! How is a store held to the laws? By books over it: each handle is a writer of its own, and writes can be told to fail.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Factory, Fault, Offers, Setup, Store};
use crate::ledger::Capabilities;
use crate::ledger::store::{self, Book, EntryRow, EventRow, Rows, Want, Write, Wrote};
use crate::testing::store::lost::{Plan, lost};
use crate::values::{ManualClock, Tenant, Timestamp};
use crate::{BudgetLedger, Error};

/// Makes a factory of one closure, for ledgers over a [`Store`](store::Store) of your own.
///
/// Clones of a store share its rows, and the suite gives each handle a [`Book`] over a clone: so every handle is another writer, as
/// another process would be. The laws about failing writes are held as well; the factory lets a write get lost on its way to the
/// store, or its answer on the way back.
///
/// # Example: one law over a store
/// ```
/// use token_budget::testing::ScriptedStore;
/// use token_budget::testing::conformance::{self, OverStore, Standing};
///
/// let factory = OverStore::new("scripted", |clock| ScriptedStore::new(clock));
/// let law = conformance::law("of_all_who_want_the_last_unit_exactly_one_is_admitted").expect("a law");
/// assert_eq!(law.run(&factory), Standing::Held);
/// ```
pub struct OverStore<S> {
    name: String,
    make: Arc<dyn Fn(Arc<ManualClock>) -> S + Send + Sync>,
}

impl<S: store::Store + Clone> OverStore<S> {
    /// A factory of stores of that name; the closure makes an empty one on the clock it is given.
    pub fn new(
        name: impl Into<String>,
        make: impl Fn(Arc<ManualClock>) -> S + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), make: Arc::new(make) }
    }
}

impl<S> fmt::Debug for OverStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OverStore({})", self.name)
    }
}

impl<S: store::Store + Clone> Factory for OverStore<S> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn make(&self, setup: &Setup) -> Result<Box<dyn Store>, Error> {
        let store = Mutex::new((self.make)(setup.clock.clone()));
        Ok(Box::new(Shared { store, way: Arc::default() }))
    }

    fn offers(&self) -> Offers {
        Offers { faults: true, past_periods: true, ..Offers::default() }
    }
}

/// One store, of which every handle has a clone.
struct Shared<S> {
    store: Mutex<S>,
    way: Arc<Mutex<Way>>,
}

/// What happens to writes on their way.
#[derive(Default)]
struct Way {
    plan: Plan,
    /// How many answers were lost.
    unheard: u64,
}

impl<S: store::Store + Clone> Store for Shared<S> {
    fn open(&self) -> Result<Arc<dyn BudgetLedger>, Error> {
        let way = Arc::clone(&self.way);
        Ok(Arc::new(Book::new(OnAWay { store: self.store.lock().clone(), way }, 256)?))
    }

    fn open_holds(&self) -> Option<usize> {
        let mut store = self.store.lock();
        let mut open = 0_usize;
        for tenant in store.tenants().ok()? {
            let want = Want { due: Some((Timestamp::MAX, usize::MAX)), ..Want::of(tenant) };
            let rows = store.read(&[want]).ok()?;
            open = rows.iter().map(|rows| rows.due.len()).fold(open, usize::saturating_add);
        }
        store.write(&[]).ok()?;
        Some(open)
    }

    fn fail_at(&self, operation: u64, fault: Fault) {
        self.way.lock().plan.lose(operation, fault);
    }

    fn unheard(&self) -> u64 {
        self.way.lock().unheard
    }
}

/// A store at the end of a way on which writes get lost when they are told to.
struct OnAWay<S> {
    store: S,
    way: Arc<Mutex<Way>>,
}

impl<S: store::Store> store::Store for OnAWay<S> {
    fn read(&mut self, wants: &[Want]) -> Result<Vec<Rows>, store::Fault> {
        self.store.read(wants)
    }

    fn write(&mut self, writes: &[Write<'_>]) -> Result<Vec<Wrote>, store::Fault> {
        let fault = if writes.is_empty() { None } else { self.way.lock().plan.next() };
        if fault == Some(Fault::Before) {
            // The round ends all the same.
            self.store.write(&[])?;
            return Err(lost());
        }
        let wrote = self.store.write(writes)?;
        if fault == Some(Fault::After) {
            let mut way = self.way.lock();
            way.unheard = way.unheard.saturating_add(1);
            return Err(lost());
        }
        Ok(wrote)
    }

    fn journal(&mut self, tenant: &Tenant, from: u64, limit: usize) -> Result<Vec<EntryRow>, store::Fault> {
        self.store.journal(tenant, from, limit)
    }

    fn pending(&mut self, limit: usize) -> Result<Vec<(Tenant, EventRow)>, store::Fault> {
        self.store.pending(limit)
    }

    fn tenants(&mut self) -> Result<Vec<Tenant>, store::Fault> {
        self.store.tenants()
    }

    fn describe(&self) -> Capabilities {
        self.store.describe()
    }
}
