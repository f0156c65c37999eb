//! What does a backend lend to be tested? Empty books, handles on them, and the hooks it has.
//!
//! A backend implements two small traits. A [`Factory`] makes empty books, once for each
//! law. The [`Store`] that it returns stands for these books as long as the law runs: it
//! opens handles on them, can kill a handle, and can count and check.
//!
//! | your ledger | use |
//! | --- | --- |
//! | lives in this process and can be given a clock | [`Maker`], one closure |
//! | is a `Book` over a store of your own (feature `store`) | `OverStore`, one closure |
//! | keeps books in a file or behind a port | your own `Factory` and `Store`, so that `open` can be called twice and after a crash |
//! | loses messages by design | wrap either in [`OverFaultyWire`](super::OverFaultyWire) |

use std::fmt;
use std::sync::Arc;

use super::Driver;
use crate::values::ManualClock;
use crate::{BudgetLedger, Error};

/// Makes books for the suite. Each law begins with empty ones.
///
/// [`Maker`] suits most ledgers that live in this process. Write your own factory if the
/// books lie in a file or behind a port, so that they can be opened twice and outlive a
/// crash.
pub trait Factory: Send + Sync {
    /// Names the ledger in reports and messages: `memory`, `postgres 17`.
    fn name(&self) -> String;

    /// Makes empty books. Two books made at the same time must not see each other: a law
    /// may open several.
    ///
    /// # Errors
    /// Whatever keeps the store from being made; the law is broken by it.
    fn make(&self, setup: &Setup) -> Result<Box<dyn Store>, Error>;

    /// Says which hooks are there. What is not offered is not tested, and the report says so.
    fn offers(&self) -> Offers {
        Offers::default()
    }

    /// Says how often each law is tried, each time with another seed. Once is enough
    /// unless chance plays a part.
    fn rounds(&self) -> u64 {
        1
    }

    /// Says who waits for the ledger's futures. The default polls them on the suite's own
    /// thread.
    fn driver(&self) -> Driver {
        Driver::default()
    }
}

/// What books are made with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The clock that the ledger should keep. The clock begins at the epoch, and the laws move it.
    ///
    /// A ledger that keeps the machine's time instead sets [`Offers::time`] to `false`.
    pub clock: Arc<ManualClock>,
    /// The seed to draw from, if chance plays a part in the store. The same seed must show the same faults.
    pub seed: u64,
}

/// Says which hooks a factory has. A law that needs another one is not tried, and the
/// report says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offers {
    /// Whether the ledger keeps the time of [`Setup::clock`].
    ///
    /// If not, the laws that move time are left out: nearly all about expiry, windows and thresholds, and the
    /// random game. A ledger that is to be trusted should take a clock.
    pub time: bool,
    /// Whether [`Store::fail_at`] works.
    pub faults: bool,
    /// Whether the balance of a calendar period that is over stays readable, even if nothing is held in it.
    ///
    /// A ledger in memory forgets such periods, one on disk may keep them. The model must know which.
    pub past_periods: bool,
}

impl Default for Offers {
    /// A clock that can be set; no faults; past periods may be forgotten.
    fn default() -> Self {
        Self { time: true, faults: false, past_periods: false }
    }
}

/// The books of one law. The suite drops them when the law ends.
pub trait Store: Send + Sync {
    /// Opens a handle: the first, one more beside others, or the first after a crash.
    ///
    /// Each thread of a law has a handle of its own. A store that knows no handles
    /// returns the same one each time.
    ///
    /// # Errors
    /// Whatever keeps it from being opened; the law is broken by it.
    fn open(&self) -> Result<Arc<dyn BudgetLedger>, Error>;

    /// Ends a handle as a killed process would: no flush, no farewell, no unlock. The
    /// suite asks this of durable ledgers only.
    ///
    /// The default drops the handle, which is right only if dropping it writes nothing. A
    /// file ledger that syncs in `Drop` must skip that here, or the crash laws prove
    /// nothing.
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

    /// Counts the open holds, if the store can. `None` leaves the leak checks to the
    /// balances.
    fn open_holds(&self) -> Option<usize> {
        None
    }

    /// Lets an operation fail, `operation` operations from now; zero is the next one.
    ///
    /// An operation is whatever the store cannot do by halves: one write, one
    /// transaction, one message. Reads may count as well; the suite only needs that small
    /// numbers hit every write of its script sooner or later.
    fn fail_at(&self, operation: u64, fault: Fault) {
        let _ = (operation, fault);
    }

    /// Counts the first answers that were lost on the way so far. A store without an
    /// unreliable wire leaves this at zero.
    fn unheard(&self) -> u64 {
        0
    }

    /// Lets everything that is still under way arrive. The suite asks for it before it
    /// audits the books.
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
    /// Before it took effect: nothing is written, and the caller gets an error.
    Before,
    /// After it took effect: everything is written, and the caller gets the same error.
    After,
}

/// Makes a factory of one closure, for ledgers that live in this process.
///
/// All handles are the same ledger. A `Maker` cannot kill it and open it again, so a
/// durable ledger needs a [`Factory`] of its own to be held to the crash laws.
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
    /// A factory of ledgers of that name; the closure makes one on the clock it is given.
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
