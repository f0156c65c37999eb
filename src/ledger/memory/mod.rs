//! The ledger of one process: exact, fast, and gone with it.
//!
//! One lock guards each tenant, because the tenant is in every call's path: finer
//! locks buy nothing there, and one lock decides the lines of all scopes at once. Under it
//! lie rows of one cache line, one record for each call that is open, remembered or told, and a
//! ring that names records as the journal's entries. Nothing is allocated for a call once these have grown.
//!
//! # What makes it right
//! * **All or none.** Every line of a claim belongs to one tenant, and that
//!   tenant's lock is held from the first look to the last change. The path of a call takes line by line, and
//!   gives all back before the lock is, if one has no room.
//! * **Each row adds up.** What a row has `folded`, what records and entries tell to be spent on it, and what
//!   open holds hold is what it counts. [`MemoryLedger::verify`] recomputes it.
//! * **Memory is bounded** by what is open and by [`MemoryOptions`], however
//!   many calls have been made, and whatever names were refused.
//!
//! # Where to read on
//! `reserve` and `reconcile` are the path of a call, in one pass each. What they do not know, `admit` and `end` answer
//! from the beginning; `resize`, `record`, `mark` and `expire` are the other changes.
//! `idle` finds what nobody asks for any more, and `closed` keeps the traces of closed runs.
//! `book` is what one lock guards, `known` what became of an id, `tenants` whose books are where. `row` and `rows` hold
//! balances, `call` and `calls` the records, `due` what ends next, `journal` the newest entries; `look` shows all of it.

mod admit;
mod book;
mod call;
mod calls;
mod chunks;
mod closed;
mod due;
mod end;
mod expire;
mod guests;
mod idle;
mod imported;
mod index;
mod journal;
mod known;
mod look;
mod mark;
mod options;
mod reconcile;
mod record;
mod reserve;
mod resize;
mod ring;
mod row;
mod rows;
mod tenants;
mod verify;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use self::book::TenantBook;
pub use self::options::MemoryOptions;
use self::tenants::{Asked, Tenants};
use super::{
    Answer, BudgetLedger, Capabilities, Entry, FrozenScope, Hold, LedgerClock, MarkScope, PendingEvent,
    Reconcile, Record, Release, Reply, Reserve, Resize,
};
use crate::values::{Account, Balance, Period, ReservationId, SystemClock, Tenant, Timestamp};
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
        write!(f, "MemoryLedger({} tenants)", self.0.tenants.len())
    }
}

struct Inner {
    options: MemoryOptions,
    clock: Arc<LedgerClock>,
    tenants: Tenants,
}

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
        let clock = Arc::new(LedgerClock::new(clock));
        let tenants = Tenants::new(options, Arc::clone(&clock));
        Self(Arc::new(Inner { options, clock, tenants }))
    }

    /// Recomputes every balance from the journal, what was folded from it, and the open holds.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`](crate::ErrorKind::Damaged), naming the first account that does not add up.
    pub fn verify(&self) -> Result<(), Error> {
        self.0.tenants.try_each(TenantBook::verify)
    }

    /// How many holds are open, in all books.
    #[must_use]
    pub fn open_holds(&self) -> usize {
        self.0.tenants.sum(|book| book.dues.open())
    }

    /// How many accounts have a row, in all books.
    #[must_use]
    pub fn accounts(&self) -> usize {
        self.0.tenants.sum(|book| book.rows.len())
    }

    /// How many tenants have books: those that were only refused or read have none.
    #[must_use]
    pub fn tenants(&self) -> usize {
        self.0.tenants.len()
    }
}

impl Inner {
    /// The caller's instant, or the clock's.
    #[inline]
    fn at(&self, now: Option<Timestamp>) -> Timestamp {
        now.unwrap_or_else(|| self.clock.now())
    }

    /// The answer, with what came to light of the clock.
    #[inline]
    fn told(&self, answer: Answer<'static, Reply>) -> Answer<'static, Reply> {
        if self.clock.has_changes() { self.with_changes(answer) } else { answer }
    }

    #[cold]
    fn with_changes(&self, answer: Answer<'static, Reply>) -> Answer<'static, Reply> {
        let Answer::Now(Ok(mut reply)) = answer else { return answer };
        reply.effects.get_or_insert_default().clock = self.clock.changes();
        Answer::Now(Ok(reply))
    }
}

impl BudgetLedger for MemoryLedger {
    #[inline]
    fn now(&self) -> Option<Timestamp> {
        Some(self.0.clock.now())
    }

    fn reserve(&self, command: Reserve<'_>) -> Answer<'static, Reply> {
        let (tenant, now) = (&command.claim.tenant, self.0.at(command.now));
        self.0.told(self.0.tenants.with(tenant, now, Asked::Room(&command), |book| book.reserve(&command)))
    }

    fn reconcile(&self, command: Reconcile<'_>) -> Answer<'static, Reply> {
        let (tenant, now) = (&command.claim.tenant, self.0.at(command.now));
        let asked = Asked::Entry(Some(command.id));
        self.0.told(self.0.tenants.with(tenant, now, asked, |book| book.reconcile(&command)))
    }

    fn release(&self, command: Release<'_>) -> Answer<'static, Reply> {
        let (asked, now) = (Asked::Call(command.id), self.0.at(command.now));
        let answer = |book: &mut TenantBook| book.judged(|book| book.release(&command));
        self.0.told(self.0.tenants.with(command.tenant, now, asked, answer))
    }

    fn resize(&self, command: Resize<'_>) -> Answer<'static, Reply> {
        let (tenant, now) = (&command.claim.tenant, self.0.at(command.now));
        let answer = |book: &mut TenantBook| book.judged(|book| book.resize(&command));
        self.0.told(self.0.tenants.with(tenant, now, Asked::Call(command.id), answer))
    }

    fn record(&self, command: Record<'_>) -> Answer<'static, Reply> {
        let (tenant, now) = (&command.claim.tenant, self.0.at(command.now));
        let answer = |book: &mut TenantBook| book.judged(|book| book.record(&command));
        self.0.told(self.0.tenants.with(tenant, now, Asked::Entry(Some(command.id)), answer))
    }

    fn mark(&self, command: MarkScope<'_>) -> Answer<'static, Reply> {
        let (asked, now) = (Asked::Entry(None), self.0.at(command.now));
        let answer = |book: &mut TenantBook| book.judged(|book| book.mark(&command));
        self.0.told(self.0.tenants.with(command.tenant, now, asked, answer))
    }

    fn marks(&self, tenant: &Tenant, scopes: &[Scope]) -> Answer<'static, Vec<FrozenScope>> {
        let now = self.0.clock.now();
        Answer::Now(Ok(self.0.tenants.with(tenant, now, Asked::Nothing, |book| book.marks(scopes))))
    }

    fn hold(&self, tenant: &Tenant, id: ReservationId) -> Answer<'static, Option<Hold>> {
        let now = self.0.clock.now();
        Answer::Now(Ok(self.0.tenants.with(tenant, now, Asked::Call(id), |book| book.hold_of(id))))
    }

    fn balances(&self, lines: &[(Account, Period)]) -> Answer<'static, Vec<Balance>> {
        let now = self.0.clock.now();
        let read = |(account, period): &(Account, Period)| {
            self.0.tenants.with(account.tenant(), now, Asked::Nothing, |book| book.balance(account, period))
        };
        Answer::Now(Ok(lines.iter().map(read).collect()))
    }

    fn entries(&self, tenant: &Tenant, from: u64, limit: usize) -> Answer<'static, Vec<Entry>> {
        let now = self.0.clock.now();
        Answer::Now(Ok(self.0.tenants.with(tenant, now, Asked::Nothing, |book| book.entries(from, limit))))
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
