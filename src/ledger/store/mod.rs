//! What does a backend keep? Rows, by tenant, all of one version; it judges nothing.
//!
//! A ledger over a store is a [`Book`]: it reads rows, decides by the law of this crate, and writes back what changed. A
//! backend implements [`Store`] and nothing else, and offers everything: reserving, resizing, postings, marks, runs, thresholds,
//! the chained journal. `docs/LEDGER.md` builds one in front of its reader.
//!
//! # A round
//! ```text
//! commands wait ──▶ read: rows that they name ──▶ the law decides each ──▶ write: what changed ──▶ answers
//! ```
//! A round is one [`read`](Store::read) or more, and one [`write`](Store::write), which may be empty. A store with a lock takes it at
//! the first read and gives it back after the write. A store without one compares versions: each tenant has a [`Version`], a
//! counter and a random tag of the write that made it, and a write says which version it was decided on. Where that version no
//! longer stands, nothing is written ([`Wrote::Moved`]), and the round begins anew.
//!
//! # Absence is a row
//! What a read was asked for and does not bring is not there, in that version. So with an unchanged version nothing can have
//! appeared unseen. Whether a *counter* may be absent is told by its account ([`AccountRow::live`]), and whether an *account* may be by
//! how many there are ([`Rows::account_rows`]): what was made and is gone is damage, and never a zero.
//!
//! # Rows as text
//! Every row can be written as JSON by serde: an object of its fields, with whole numbers, ids and digests as hexadecimal digits, and
//! states as words. An [`Account`] is an object of its five names, always in the same order, so that its text can be a key. What cannot be read is
//! an error that names the field.

mod chain;
mod fault;
mod json;
mod rows;
mod seal;
pub(crate) mod words;

#[cfg(feature = "sqlite")]
pub(crate) use self::chain::CallText;
pub(crate) use self::chain::first_link;
pub use self::fault::Fault;
pub use self::json::hex;
pub use self::rows::{
    AccountRow, BalanceRow, CallRow, Changes, EntryRow, EventRow, HoldChange, HoldRow, Rows, Sealed,
    TenantRow, Version,
};
pub(crate) use self::rows::{Cell, Seal};
pub use self::seal::Digest;
pub(crate) use self::seal::body_of;
#[cfg(feature = "sqlite")]
pub(crate) use self::seal::{Ink, id_bytes};
use super::Capabilities;
pub use super::book::{Beside, Book};
pub use super::clock::{ClockChange, LedgerClock};
pub use super::law::{ExpiryCharge, Known, KnownLine, Line};
use crate::Scope;
use crate::values::{Account, ReservationId, Tenant, Timestamp};

/// Keeps rows for a [`Book`], which alone calls it, from one thread.
///
/// Rows are typed and complete: a store never computes one. Those that bear a seal come back with the seal that they were given.
///
/// `examples/custom_store.rs` is a whole one in 150 lines, and `docs/LEDGER.md` builds it in front of its reader.
///
/// # Errors
/// A [`Fault`] says what is known of the failure, because the answer to callers depends on it: nothing was done, or nobody knows.
///
/// # Example: each write makes a new version of its tenant
#[cfg_attr(feature = "testing", doc = "```")]
#[cfg_attr(not(feature = "testing"), doc = "```ignore")]
/// use token_budget::ledger::Tenant;
/// use token_budget::ledger::store::{Book, Store, Want};
/// use token_budget::testing::ScriptedStore;
/// use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usage, Usd, Window};
///
/// let store = ScriptedStore::default();
/// let counter = || {
///     let rows = store.clone().read(&[Want::of(Tenant::unnamed())]).expect("a store in memory");
///     rows[0].tenant.as_ref().map(|tenant| tenant.row.version.counter)
/// };
/// assert_eq!(counter(), None); // nobody has written, so there is no version
///
/// let budget = Budget::usd("search", Scope::team("search")?, Usd::dollars(4), Window::lifetime());
/// let ledger = Book::new(store.clone(), 256)?;
/// let enforcer = Enforcer::builder().policy(Policy::new([budget])?).ledger(ledger).build();
/// let call = Call::new("gpt-4o").team("search").input_tokens(1_200).output_tokens(500);
/// let held = enforcer.reserve(&call).wait()?.or_refusal()?;
/// assert_eq!(counter(), Some(1));
/// held.send().reconcile(Usage::of(1_200, 350)).wait()?;
/// assert_eq!(counter(), Some(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Store: Send + 'static {
    /// Reads what is wanted of each tenant, in the order of the wants, each from one version.
    ///
    /// A round may read more than once. What the first read of a round locks stays locked until its [`write`](Self::write).
    ///
    /// # Errors
    /// [`Fault::Busy`] where somebody else has the lock; [`Fault::Unavailable`] or [`Fault::Lost`] else.
    fn read(&mut self, wants: &[Want]) -> Result<Vec<Rows>, Fault>;

    /// Writes all changes of each tenant or none of them, in the order given, and ends the round.
    ///
    /// What was written is as lasting as [`Capabilities`] say when this returns. Without any writes it only ends the round: a store
    /// that took a lock to read gives it back. [`Write::refused`] says which write must not be made.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] where nothing of any tenant was written, [`Fault::Unknown`] where that cannot be told.
    fn write(&mut self, writes: &[Write<'_>]) -> Result<Vec<Wrote>, Fault>;

    /// Reads the journal of a tenant, from that number on, oldest first.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn journal(&mut self, tenant: &Tenant, from: u64, limit: usize) -> Result<Vec<EntryRow>, Fault>;

    /// Reads events that were not delivered, of all tenants, the oldest of each first.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn pending(&mut self, limit: usize) -> Result<Vec<(Tenant, EventRow)>, Fault>;

    /// Names all tenants.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn tenants(&mut self) -> Result<Vec<Tenant>, Fault>;

    /// Does what is due though nobody asks: called every minute in which no command comes. Most stores have nothing to do.
    fn rest(&mut self) {}

    /// Says what this store offers.
    fn describe(&self) -> Capabilities;
}

/// Which rows of one tenant a read is to bring.
///
/// With each account come the balances that its window counts ([`AccountRow::window`]), and the one of the period that is named. With
/// each hold, due ones included, come the accounts and periods of its lines ([`Rows::cells`]) as if they had been wanted by number. A
/// row that is not there is left out. Where an account that only a hold names is left out, the book asks for it by its number.
#[derive(Clone, Debug)]
pub struct Want {
    /// Whose rows.
    pub tenant: Tenant,
    /// Ids, each with its hold.
    pub ids: Vec<ReservationId>,
    /// Accounts by name, each with a period.
    pub accounts: Vec<(Account, i64)>,
    /// Accounts by number, each with a period.
    pub numbers: Vec<(u32, i64)>,
    /// Scopes, each with the mark that stands on it.
    pub scopes: Vec<Scope>,
    /// Calls by the digest of what they are about.
    pub calls: Vec<Digest>,
    /// Events by the number of their entry.
    pub events: Vec<u64>,
    /// Open holds that end at or before that instant, the earliest first and by id among equals, at most so many; and when the
    /// next one ends.
    pub due: Option<(Timestamp, usize)>,
    /// The link of that entry.
    pub link: Option<u64>,
}

impl Want {
    /// Nothing yet but the tenant's own row.
    #[must_use]
    pub fn of(tenant: Tenant) -> Self {
        Self {
            tenant,
            ids: Vec::new(),
            accounts: Vec::new(),
            numbers: Vec::new(),
            scopes: Vec::new(),
            calls: Vec::new(),
            events: Vec::new(),
            due: None,
            link: None,
        }
    }
}

/// What is to be written of one tenant.
#[derive(Debug)]
pub struct Write<'a> {
    /// Whose rows.
    pub tenant: &'a Tenant,
    /// The version that it was decided on; `None` where the tenant had no row.
    pub expected: Option<Version>,
    /// The first instant at which it no longer holds, if there is one: a period ends, a hold is due.
    pub until: Option<Timestamp>,
    /// All that changes.
    pub changes: &'a Changes,
}

impl Write<'_> {
    /// Says why it must not be written on books of that version at that instant; `None` where it may be.
    ///
    /// A store asks this inside whatever makes its write atomic: its lock, its transaction, its script. The version goes
    /// first, because a write that somebody else overtook is decided anew anyway.
    #[must_use]
    pub fn refused(&self, found: Option<Version>, now: Timestamp) -> Option<Wrote> {
        if found != self.expected {
            return Some(Wrote::Moved);
        }
        self.until.is_some_and(|until| now >= until).then_some(Wrote::Late)
    }
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrote {
    /// It is there; whether more ids may be forgotten than were forgotten now.
    Done {
        /// There are more ids that [`Changes::forget`] would let go.
        more_to_forget: bool,
    },
    /// Somebody else has written since: nothing was written.
    Moved,
    /// Its time was over: nothing was written.
    Late,
}
