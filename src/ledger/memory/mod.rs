//! The ledger of one process: exact, fast, and gone with it.
//!
//! One lock guards each root, because the root is in every call's path: finer
//! locks buy nothing there, and one lock decides all levels at once. Under it
//! lie compact rows, a slab of holds with a heap by expiry, and a ring of
//! journal entries. Nothing is allocated for a call once these have grown.
//!
//! # What makes it right
//! * **All or none.** Every line of a claim belongs to one tenant, and that
//!   tenant's lock is held from the first look to the last change. A command
//!   looks at all lines before it changes one.
//! * **Each row adds up.** What a row has `folded`, plus what the kept journal
//!   entries say of it, is its `total`; the open holds on it are its
//!   `reserved`. [`MemoryLedger::verify`] recomputes both.
//! * **Memory is bounded** by what is open and by [`MemoryOptions`], however
//!   many calls have been made.
//!
//! # Where to read on
//! `admit` answers a reserve, `resize` a resize, `settle` a reconcile or a release, `record` a posting.
//! `book` is what one lock guards, and knows time. `row` and `rows` hold
//! balances, `holds` the known ids, `journal` the newest entries.

mod admit;
mod book;
mod check;
mod chunks;
mod holds;
mod journal;
mod options;
mod record;
mod resize;
mod row;
mod rows;
mod settle;
mod verify;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use self::book::RootBook;
pub use self::options::MemoryOptions;
use super::{
    Answer, BudgetLedger, Capabilities, Entry, FrozenScope, MarkScope, PendingEvent, Reconcile, Record,
    Release, Reply, Reserve, Resize,
};
use crate::sync::{AtomicU32, DashMap, Mutex};
use crate::values::{Account, Balance, Period, SystemClock, Tenant, Timestamp};
use crate::{Clock, Error, Scope};

/// Keeps the books in memory, for one process.
///
/// Clones share the books. What it counts is gone with the process: use it for
/// runs, for tests, and where a restart may begin anew. Two processes that each
/// keep books in memory each grant the whole budget; where they must share one,
/// use a ledger whose [`Capabilities::shared`] is true.
///
/// Every method answers [`Answer::Now`], and no thread of its own runs: holds
/// that are due end when the next command of their tenant arrives.
///
/// # Example: what is held stands in the balance
/// ```
/// use token_budget::usage::Unit;
/// use token_budget::{Budget, Call, Enforcer, MemoryLedger, Policy, Scope, Window};
///
/// let ledger = MemoryLedger::new();
/// let budget = Budget::count("key", Scope::api_key("k1")?, Unit::Requests, 10, Window::day());
/// let enforcer = Enforcer::builder().policy(Policy::new([budget])?).ledger(ledger.clone()).build();
///
/// let reservation = enforcer.reserve(&Call::new("gpt-4o").api_key("k1")).wait()?.or_refusal()?;
/// assert_eq!(ledger.open_holds(), 1);
/// drop(reservation); // never sent
/// assert_eq!(ledger.open_holds(), 0);
/// ledger.verify()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct MemoryLedger(Arc<Inner>);

impl fmt::Debug for MemoryLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryLedger({} tenants)", self.0.tenants.load(Ordering::Relaxed))
    }
}

struct Inner {
    /// Which of this process's memory ledgers it is: hints bear it.
    number: u32,
    options: MemoryOptions,
    clock: Arc<dyn Clock>,
    /// Each tenant's number. Asked once for each `Tenant` value, which remembers the number as its hint.
    by_name: DashMap<Tenant, u32>,
    /// Books by number, in tables that double: found without a lock, never moved.
    tables: [OnceLock<Box<[OnceLock<Padded>]>>; TABLES],
    /// How many numbers were given. The place of a number is filled just after it was given.
    tenants: AtomicU32,
}

/// So many tables, of 64, 128, 256, … places, hold every number of 32 bits.
const TABLES: usize = 26;
/// Places in the first table.
const FIRST_TABLE: usize = 64;

/// A root's books on cache lines of their own, so that two roots never slow each other down.
#[repr(align(128))]
struct Padded(Mutex<RootBook>);

impl Default for MemoryLedger {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryLedger {
    /// Empty books on the machine's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// Empty books on that clock.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self::with_options(clock, MemoryOptions::default())
    }

    /// Empty books that remember as much as stated.
    #[must_use]
    pub fn with_options(clock: Arc<dyn Clock>, options: MemoryOptions) -> Self {
        // Number zero is never given: a hint of zero says nothing. It outlives a checker's schedules.
        static LEDGERS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
        Self(Arc::new(Inner {
            number: LEDGERS.fetch_add(1, Ordering::Relaxed),
            options,
            clock,
            by_name: DashMap::new(),
            tables: [const { OnceLock::new() }; TABLES],
            tenants: AtomicU32::new(0),
        }))
    }

    /// Recomputes every balance from the journal, what was folded from it, and the open holds.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`](crate::ErrorKind::Damaged), naming the first account that does not add up.
    pub fn verify(&self) -> Result<(), Error> {
        self.all_books().try_for_each(|book| book.0.lock().verify())
    }

    /// How many holds are open, in all books.
    #[must_use]
    pub fn open_holds(&self) -> usize {
        self.all_books().map(|book| book.0.lock().holds.open()).fold(0, usize::saturating_add)
    }

    /// How many accounts have a row, in all books.
    #[must_use]
    pub fn accounts(&self) -> usize {
        self.all_books().map(|book| book.0.lock().rows.iter().count()).fold(0, usize::saturating_add)
    }

    fn all_books(&self) -> impl Iterator<Item = &Padded> {
        (0..self.0.tenants.load(Ordering::Acquire)).filter_map(|number| self.0.book_at(number))
    }

    /// Works on the books of that root, under their lock.
    ///
    /// The hint is a shortcut, never an authority: its upper half names the ledger that wrote it, so that a
    /// `Tenant` that was used with two ledgers finds the right books in each.
    #[inline]
    fn with_book<T>(&self, tenant: &Tenant, work: impl FnOnce(&mut RootBook) -> T) -> T {
        let inner = &*self.0;
        let hint = tenant.hint().load(Ordering::Relaxed);
        let known = if (hint >> 32) as u32 == inner.number { inner.book_at(hint as u32) } else { None };
        let book = match known {
            Some(book) => book,
            None => inner.book_of(tenant),
        };
        work(&mut book.0.lock())
    }
}

impl Inner {
    /// The books of that number, if they were opened.
    #[inline]
    fn book_at(&self, number: u32) -> Option<&Padded> {
        let (table, place) = position(number);
        self.tables.get(table)?.get()?.get(place)?.get()
    }

    /// Finds the books of a root by name, or opens them.
    #[cold]
    fn book_of(&self, tenant: &Tenant) -> &Padded {
        let number = *self.by_name.entry(tenant.clone()).or_insert_with(|| self.open_books());
        tenant.hint().store(u64::from(self.number) << 32 | u64::from(number), Ordering::Relaxed);
        #[expect(clippy::expect_used, reason = "open_books fills the place before it names it")]
        self.book_at(number).expect("a number that open_books gave")
    }

    /// Makes empty books and says their number. The caller holds the name's entry, so that a name gets one number.
    fn open_books(&self) -> u32 {
        let number = self.tenants.fetch_add(1, Ordering::AcqRel);
        let (table, place) = position(number);
        if let Some(cell) = self.tables.get(table) {
            let size = FIRST_TABLE.checked_shl(table as u32).unwrap_or(FIRST_TABLE);
            let table = cell.get_or_init(|| (0..size).map(|_| OnceLock::new()).collect());
            if let Some(cell) = table.get(place) {
                cell.get_or_init(|| Padded(Mutex::new(RootBook::new(self.number, self.options))));
            }
        }
        number
    }
}

/// Which table a number is in, and where: tables hold 64, 128, 256, …
///
/// Numbers 0 to 63 are in table 0, numbers 64 to 191 in table 1; number 192 is the first place of table 2, because
/// 192 + 64 = 256, whose logarithm is two above that of 64.
fn position(number: u32) -> (usize, usize) {
    let shifted = (number as usize).saturating_add(FIRST_TABLE);
    let table = shifted.ilog2().saturating_sub(FIRST_TABLE.ilog2());
    let start = FIRST_TABLE.checked_shl(table).unwrap_or(0);
    (table as usize, shifted.saturating_sub(start))
}

impl Inner {
    /// The caller's instant, or the clock's.
    #[inline]
    fn at(&self, now: Option<Timestamp>) -> Timestamp {
        now.unwrap_or_else(|| self.clock.now())
    }
}

impl BudgetLedger for MemoryLedger {
    #[inline]
    fn now(&self) -> Option<Timestamp> {
        Some(self.0.clock.now())
    }

    fn reserve(&self, command: Reserve<'_>) -> Answer<'static, Reply> {
        let now = self.0.at(command.now);
        Answer::Now(self.with_book(command.claim.tenant(), |book| book.reserve(now, &command)))
    }

    fn reconcile(&self, command: Reconcile<'_>) -> Answer<'static, Reply> {
        let now = self.0.at(command.now);
        Answer::Now(self.with_book(command.claim.tenant(), |book| book.reconcile(now, &command)))
    }

    fn release(&self, command: Release<'_>) -> Answer<'static, Reply> {
        let now = self.0.at(command.now);
        Answer::Now(self.with_book(command.tenant, |book| book.release(now, &command)))
    }

    fn resize(&self, command: Resize<'_>) -> Answer<'static, Reply> {
        let now = self.0.at(command.now);
        Answer::Now(self.with_book(command.claim.tenant(), |book| book.resize(now, &command)))
    }

    fn record(&self, command: Record<'_>) -> Answer<'static, Reply> {
        let now = self.0.at(command.now);
        Answer::Now(self.with_book(command.claim.tenant(), |book| book.record(now, &command)))
    }

    fn mark(&self, command: MarkScope<'_>) -> Answer<'static, Reply> {
        let now = self.0.at(command.now);
        Answer::Now(Ok(self.with_book(command.tenant, |book| book.mark(now, &command))))
    }

    fn marks(&self, tenant: &Tenant, scopes: &[Scope]) -> Answer<'static, Vec<FrozenScope>> {
        let now = self.0.clock.now();
        Answer::Now(Ok(self.with_book(tenant, |book| book.marks(now, scopes))))
    }

    fn balances(&self, lines: &[(Account, Period)]) -> Answer<'static, Vec<Balance>> {
        let now = self.0.clock.now();
        let mut balances = Vec::with_capacity(lines.len());
        for line in lines {
            let one = std::slice::from_ref(line);
            balances.extend(self.with_book(line.0.tenant(), |book| book.balances(now, one)));
        }
        Answer::Now(Ok(balances))
    }

    fn entries(&self, tenant: &Tenant, from: u64, limit: usize) -> Answer<'static, Vec<Entry>> {
        Answer::Now(Ok(self.with_book(tenant, |book| book.entries(from, limit))))
    }

    fn pending_events(&self, _limit: usize) -> Answer<'static, Vec<PendingEvent>> {
        Answer::Now(Ok(Vec::new()))
    }

    fn delivered(&self, _events: &[PendingEvent]) -> Answer<'static, ()> {
        Answer::Now(Ok(()))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            durable: false,
            shared: false,
            remembers: Duration::ZERO,
            ends_at_once: true,
            journal_entries: Some(self.0.options.journal_entries_max),
        }
    }
}
