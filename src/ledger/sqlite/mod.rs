//! The ledger of one machine: exact, shared by its processes, and still there after a crash.
//!
//! A [`Book`] over a [`SqliteStore`]: the book decides, chains, seals and batches; here stands how its rows are kept in one file.
//!
//! | question | file |
//! | --- | --- |
//! | how is a round one transaction? | `store` |
//! | how is each row written and read back? | `tenants`, `accounts`, `holds`, `calls`, `journal`, `marks`, `events` |
//! | is this file ours, and of which version? | `open`, `schema/`, `seals` |
//! | may a path lead to a ledger? | `path` |
//! | does it still have its name? | `place` |
//! | is all of it as it was written? | `verify`, `chain`, `rebuild` |
//! | what can go wrong with it? | `fault` |
//!
//! # What makes it right
//!
//! * *Nothing is acknowledged before it is on the disk.* `synchronous = FULL`, and an
//!   answer is sent after the commit. A failed commit answers nobody with success, and
//!   after a failure whose outcome is unknown nothing is acknowledged until the file is
//!   opened again.
//! * *One writer at a time.* The first read of a round takes SQLite's write lock, so a batch is
//!   decided on rows that nobody changes. Each tenant's version tells whether another process has
//!   written since the last round.
//! * *A counter that is gone is no zero.* Each account notes which of its periods have a balance, and each tenant how many accounts
//!   were made; tenants are numbered without gaps. Only a lost hold leaves no trace but in the journal, which `verify` compares.
//! * *Rows of tenants, accounts, holds and events bear a seal,* a checksum over all their
//!   fields, checked when a row is read. Balances and marks bear none: they are a cache of
//!   the journal, and `verify` recomputes them.
//! * *Every entry is chained to the one before,* per tenant. An older copy of the file
//!   lacks the entry that was confirmed last, and is refused.
//!
//! # What was rejected
//!
//! A connection for each caller (they would wait for one another in SQLite's busy loop,
//! with one sync each); asynchronous SQLite wrappers (a thread as well, without batches);
//! `synchronous = NORMAL` (an acknowledged charge may be gone after a loss of power).
//!
//! # The file, table by table
//!
//! | table | one row for each | truth, or a cache of it |
//! | --- | --- | --- |
//! | `journal`, `journal_lines` | confirmed change, and account that it changed | truth; append-only |
//! | `calls` | description of calls: model, tags, price version | truth; named by digest in the journal |
//! | `tenants` | tenant: its version, number and link of its newest entry, latest instant | the anchor of the journal |
//! | `accounts` | account: its name, newest period, and which periods have a balance | names are truth, figures a cache |
//! | `balances` | account and period | a cache: the sum of the journal's lines |
//! | `holds`, `hold_lines` | remembered id, and line of it | truth for open holds; answers until they are forgotten |
//! | `frozen` | scope that admits nothing | a cache of the journal's marks |
//! | `events` | threshold that was reached | truth for whether it was delivered |

mod accounts;
mod calls;
mod chain;
mod events;
#[cfg(test)]
mod failpoint;
mod fault;
mod holds;
mod journal;
mod marks;
mod open;
mod options;
mod path;
mod place;
mod presence;
mod rebuild;
mod seals;
mod store;
mod tenants;
#[cfg(test)]
mod tests;
mod verify;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

#[cfg(test)]
use self::failpoint::FailPoint;
use self::fault::StoreError;
pub use self::options::SqliteOptions;
use self::place::Place;
pub use self::rebuild::Mismatch;
pub use self::store::SqliteStore;
use super::store::Book;
use super::{Answer, LedgerClock};
use crate::values::SystemClock;
use crate::{Clock, Error};

/// Keeps the books in one SQLite file, for all processes of a machine.
///
/// What the ledger has answered is on the disk: it survives `kill -9` and, as far as the
/// disk keeps what it was told to sync, loss of power. After a failed write, or if its
/// file was deleted or replaced, the ledger answers nothing until it is opened again. A
/// full disk refuses what comes while it is full. Contention between processes is waited
/// out as long as the caller waits. Everything is kept: a past period's balance stays
/// readable and is charged by late reports, which the ledger in memory forgets.
///
/// Clones share one connection and **one thread of their own**, the only one that the
/// crate starts. A sync blocks for as long as the disk takes, and one thread can write
/// with one sync what many callers wait for. The thread ends by itself soon after the
/// last clone, and dropping waits for nothing, since all that was answered is on the
/// disk. Because a sync takes its time, every command is answered
/// [`Later`](crate::ledger::Answer::Later): await it under any runtime, or wait for it
/// without one.
///
/// Put the file on a local disk. SQLite's locks do not work on most network file systems,
/// and a plain copy of the file lacks what stands in its `-wal` file: back up with
/// SQLite's `VACUUM INTO` or `.backup`.
///
/// The file is plain SQL, with views for reports: see `docs/LEDGER.md`.
///
/// # Example: what was spent is still spent when the file is opened again
/// ```
/// use token_budget::ledger::SqliteLedger;
/// use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usage, Usd, Window};
///
/// # let folder = std::env::temp_dir().join(format!("token-budget-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("books.db");
/// let policy = Policy::new([Budget::usd("search", Scope::team("search")?, Usd::dollars(5), Window::lifetime())])?;
/// let call = Call::new("gpt-4o").team("search").input_tokens(1_000_000).output_tokens(0); // $2.50
///
/// let enforcer = Enforcer::builder().policy(policy.clone()).ledger(SqliteLedger::open(&path)?).build();
/// enforcer.reserve(&call).wait()?.or_refusal()?.send().reconcile(Usage::of(1_000_000, 0)).wait()?;
/// drop(enforcer); // … the process ends, and another begins …
///
/// let ledger = SqliteLedger::open(&path)?;
/// let enforcer = Enforcer::builder().policy(policy).ledger(ledger.clone()).build();
/// assert_eq!(enforcer.check(&call).wait()?.budgets()[0].spent, 2_500_000_000); // nano-dollars
/// ledger.verify()?;
/// # drop((enforcer, ledger));
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type SqliteLedger = Book<SqliteStore, SqliteHandle>;

/// What every handle of a [`SqliteLedger`] carries: where its file lies.
#[derive(Clone)]
pub struct SqliteHandle {
    place: Arc<Place>,
    #[cfg(test)]
    fail: FailPoint,
}

impl fmt::Debug for SqliteHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.place.path(), f)
    }
}

impl SqliteLedger {
    /// Opens the ledger in that file, on the machine's clock, and makes the file if there
    /// is none.
    ///
    /// Opening reads no entries: a journal of a million opens like an empty one. A file
    /// of an older version is brought up to date, in one transaction.
    ///
    /// # Errors
    /// `Damaged` if the file is no ledger, of a newer version, or missing beside a log that has something in it; `LedgerUnavailable`
    /// if the file cannot be read or written; `Invalid`, naming the field `path`, if the path cannot be the name of a file, as an
    /// empty one, `:memory:`, and addresses that begin with `file:`.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::with_options(path, Arc::new(SystemClock), SqliteOptions::default())
    }

    /// Opens the ledger on another clock, with other limits of memory and batches.
    ///
    /// Processes that share a file need clocks that agree; the clock that is ahead leads,
    /// since ledger time never runs backwards. One that is more than a day ahead of another process which has the file open is
    /// followed only after it has stood there for ten minutes ([`LedgerClock`]).
    ///
    /// # Errors
    /// As [`SqliteLedger::open`].
    pub fn with_options(
        path: impl AsRef<Path>,
        clock: Arc<dyn Clock>,
        options: SqliteOptions,
    ) -> Result<Self, Error> {
        Self::start(
            path.as_ref(),
            clock,
            options,
            #[cfg(test)]
            FailPoint::default(),
        )
    }

    /// Opens the file, and starts the thread that writes it.
    fn start(
        path: &Path,
        clock: Arc<dyn Clock>,
        options: SqliteOptions,
        #[cfg(test)] fail: FailPoint,
    ) -> Result<Self, Error> {
        let opened = open::open(path).map_err(|error| {
            let (error, place) = (error.into_error(), path.to_string_lossy());
            // SQLite mostly names the file itself.
            if error.to_string().contains(&*place) { error } else { error.within(&place) }
        });
        let (file, place) = opened?;
        let place = Arc::new(place);
        let store = SqliteStore::new(
            file,
            Arc::clone(&place),
            LedgerClock::new(clock),
            options,
            #[cfg(test)]
            fail.clone(),
        );
        let handle = SqliteHandle {
            place,
            #[cfg(test)]
            fail,
        };
        Self::carrying(store, options.batch_max, handle)
    }

    /// Checks every row of the file, on this thread, while others go on writing.
    ///
    /// The check recomputes each balance from the journal and from the open holds, each
    /// link of the journal's chain, and each checksum, and asks SQLite whether its pages
    /// are sound. It reads everything: some seconds for a million entries. Run it after a
    /// crash, before a migration, and on every backup.
    ///
    /// # Errors
    /// `Damaged`, naming the first row that does not fit; `LedgerUnavailable` if the file cannot be read, or
    /// is no longer the one that was opened.
    pub fn verify(&self) -> Result<(), Error> {
        verify::verify(&self.carried().place).map_err(StoreError::into_error)
    }

    /// Lists the balances that differ from what the journal says, on this thread; empty
    /// for sound books.
    ///
    /// # Errors
    /// `Damaged` or `LedgerUnavailable` if the file cannot be read.
    pub fn compare(&self) -> Result<Vec<Mismatch>, Error> {
        rebuild::compare(&self.carried().place).map_err(StoreError::into_error)
    }

    /// Makes all balances anew from the journal, and returns how many rows there are now.
    ///
    /// It is for a file in which balances were changed by hand or by a fault while the
    /// journal is whole, which is checked first. Other commands wait meanwhile.
    ///
    /// # Errors
    /// `Damaged` if the journal is not whole, with every balance as it was; else as the commands of
    /// [`BudgetLedger`](crate::BudgetLedger).
    pub fn rebuild(&self) -> Answer<'static, usize> {
        let rebuilt = self.ask(SqliteStore::rebuild);
        Answer::walk(async move { rebuilt.await? })
    }
}
