//! What does a backend lend to be tested? Empty books, handles on them, and the hooks it has.

use std::fmt;
use std::sync::Arc;

use super::Driver;
use crate::values::ManualClock;
use crate::{BudgetLedger, Error};

/// Makes books for the suite: each law begins with empty ones.
///
/// [`Maker`] is one that suits most ledgers. Write your own where the books lie
/// in a file or behind a port, so that they can be opened twice and outlive a crash.
pub trait Factory: Send + Sync {
    /// How the ledger is called in reports.
    fn name(&self) -> String;

    /// Makes empty books.
    ///
    /// # Errors
    /// Whatever keeps the store from being made; the law is broken by it.
    fn make(&self, setup: &Setup) -> Result<Box<dyn Store>, Error>;

    /// Says which hooks are there. What is not offered is not tested, and the report says so.
    fn offers(&self) -> Offers {
        Offers::default()
    }

    /// How often each law is tried, each time with another seed: more than once where chance plays a part.
    fn rounds(&self) -> u64 {
        1
    }

    /// Who waits for the ledger's futures.
    fn driver(&self) -> Driver {
        Driver::default()
    }
}

/// With what books are made.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The ledger's clock, where it lets itself be given one: begins at the epoch, and is moved by the laws.
    pub clock: Arc<ManualClock>,
    /// From which chance may draw, where it plays a part.
    pub seed: u64,
}

/// Which hooks a factory has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offers {
    /// The ledger keeps the time of [`Setup::clock`].
    ///
    /// Else it keeps the machine's, and laws that move time are left out.
    pub time: bool,
    /// [`Store::fail_at`] works.
    pub faults: bool,
    /// The balance of a calendar period that is over stays readable, even where nothing is held in it.
    pub past_periods: bool,
}

impl Default for Offers {
    /// A clock that can be set; no faults; past periods may be forgotten.
    fn default() -> Self {
        Self { time: true, faults: false, past_periods: false }
    }
}

/// The books of one law: dropped when it ends.
pub trait Store: Send + Sync {
    /// Opens a handle: the first, one more beside others, or the first after a crash.
    ///
    /// Threads of a law have a handle each. Where a store knows no handles,
    /// they share one.
    ///
    /// # Errors
    /// Whatever keeps it from being opened; the law is broken by it.
    fn open(&self) -> Result<Arc<dyn BudgetLedger>, Error>;

    /// Ends a handle as a killed process would: without a farewell. Only durable ledgers are asked.
    fn crash(&self, handle: Arc<dyn BudgetLedger>) {
        drop(handle);
    }

    /// Asks the store to check its own books.
    ///
    /// # Errors
    /// The first thing that does not add up.
    fn verify(&self) -> Result<(), Error> {
        Ok(())
    }

    /// How many holds are open, where the store can say.
    fn open_holds(&self) -> Option<usize> {
        None
    }

    /// Lets an operation fail, `operation` operations from now: zero is the next one.
    ///
    /// An operation is whatever the store cannot do by halves: a write, a message.
    fn fail_at(&self, operation: u64, fault: Fault) {
        let _ = (operation, fault);
    }

    /// How many first answers were lost on the way so far: for stores behind an unreliable wire.
    fn unheard(&self) -> u64 {
        0
    }

    /// Lets everything still under way arrive: asked for before the books are looked at in the end.
    ///
    /// # Errors
    /// Whatever keeps it from arriving.
    fn arrive(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Before it took effect.
    Before,
    /// After it took effect: only its answer is lost.
    After,
}

/// A factory made of one closure.
///
/// # Example: the in-memory ledger keeps every law it can be held to
/// ```
/// use token_budget::testing::conformance::{self, Maker};
/// use token_budget::MemoryLedger;
///
/// let memory = Maker::new("memory", |clock| MemoryLedger::with_clock(clock))
///     .verified_by(MemoryLedger::verify)
///     .counting_holds(MemoryLedger::open_holds);
/// conformance::run(&memory).assert_holds();
/// ```
pub struct Maker<L> {
    name: String,
    make: Arc<dyn Fn(Arc<ManualClock>) -> L + Send + Sync>,
    offers: Offers,
    verify: fn(&L) -> Result<(), Error>,
    open_holds: Option<fn(&L) -> usize>,
}

impl<L: BudgetLedger> Maker<L> {
    /// A factory of ledgers of that name, each on the clock given.
    pub fn new(
        name: impl Into<String>,
        make: impl Fn(Arc<ManualClock>) -> L + Send + Sync + 'static,
    ) -> Self {
        let make = Arc::new(make);
        Self { name: name.into(), make, offers: Offers::default(), verify: |_| Ok(()), open_holds: None }
    }

    /// The hooks that these ledgers have.
    #[must_use]
    pub fn offering(mut self, offers: Offers) -> Self {
        self.offers = offers;
        self
    }

    /// Asks the ledger to check itself after each law.
    #[must_use]
    pub fn verified_by(mut self, verify: fn(&L) -> Result<(), Error>) -> Self {
        self.verify = verify;
        self
    }

    /// Compares the number of open holds with the model's.
    #[must_use]
    pub fn counting_holds(mut self, open_holds: fn(&L) -> usize) -> Self {
        self.open_holds = Some(open_holds);
        self
    }
}

impl<L: BudgetLedger> Factory for Maker<L> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn make(&self, setup: &Setup) -> Result<Box<dyn Store>, Error> {
        let ledger = Arc::new((self.make)(setup.clock.clone()));
        Ok(Box::new(Made { ledger, verify: self.verify, open_holds: self.open_holds }))
    }

    fn offers(&self) -> Offers {
        self.offers
    }
}

impl<L> fmt::Debug for Maker<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Maker")
            .field("name", &self.name)
            .field("offers", &self.offers)
            .finish_non_exhaustive()
    }
}

/// One ledger, shared by all its handles.
struct Made<L> {
    ledger: Arc<L>,
    verify: fn(&L) -> Result<(), Error>,
    open_holds: Option<fn(&L) -> usize>,
}

impl<L: BudgetLedger> Store for Made<L> {
    fn open(&self) -> Result<Arc<dyn BudgetLedger>, Error> {
        Ok(self.ledger.clone())
    }

    fn verify(&self) -> Result<(), Error> {
        (self.verify)(&self.ledger)
    }

    fn open_holds(&self) -> Option<usize> {
        self.open_holds.map(|open_holds| open_holds(&self.ledger))
    }
}
