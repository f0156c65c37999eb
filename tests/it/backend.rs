//! Which ledger do the laws judge? The one in memory, unless a test names another.

use std::cell::Cell;
use std::sync::Arc;

use token_budget::ledger::MemoryOptions;
use token_budget::{BudgetLedger, Error, ManualClock, MemoryLedger};

/// A ledger under test, with what tests look at beside the contract.
#[derive(Debug)]
pub(crate) enum Backend {
    Memory(MemoryLedger),
    #[cfg(feature = "sqlite")]
    Sqlite(crate::sqlite::support::File),
}

thread_local! {
    static DURABLE: Cell<bool> = const { Cell::new(false) };
}

/// Lets the books that `law` makes on this thread be durable ones.
#[cfg(feature = "sqlite")]
pub(crate) fn durable(law: impl FnOnce()) {
    DURABLE.set(true);
    law();
    DURABLE.set(false);
}

impl Backend {
    /// Empty books that remember as long as stated.
    pub(crate) fn new(clock: Arc<ManualClock>, options: MemoryOptions) -> Self {
        #[cfg(feature = "sqlite")]
        if DURABLE.get() {
            return Self::Sqlite(crate::sqlite::support::File::new(clock, options.id_age_max));
        }
        assert!(!DURABLE.get(), "there is a durable ledger to judge");
        Self::Memory(MemoryLedger::with_options(clock, options))
    }

    pub(crate) fn keeper(&self) -> &dyn BudgetLedger {
        match self {
            Self::Memory(ledger) => ledger,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(file) => &file.ledger,
        }
    }

    pub(crate) fn verify(&self) -> Result<(), Error> {
        match self {
            Self::Memory(ledger) => ledger.verify(),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(file) => file.ledger.verify(),
        }
    }

    /// How many holds are open.
    pub(crate) fn open_holds(&self) -> usize {
        match self {
            Self::Memory(ledger) => ledger.open_holds(),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(file) => file.count("holds WHERE state = 'held'"),
        }
    }

    /// How many accounts have a row.
    pub(crate) fn accounts(&self) -> usize {
        match self {
            Self::Memory(ledger) => ledger.accounts(),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(file) => file.count("accounts"),
        }
    }

    /// Whether the balance of a past period is kept when nothing is held in it any more.
    pub(crate) fn keeps_past(&self) -> bool {
        !matches!(self, Self::Memory(_))
    }
}
