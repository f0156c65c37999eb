//! The contract between the request path and whatever keeps the books.
//!
//! A ledger knows one inequality for each line of a claim: the sum of
//! `spent + reserved` over `span` consecutive periods, plus the amount, stays
//! at or below the ceiling. It has never heard of months, percentages or
//! models; those arrive resolved. So a month cannot mean two things in two
//! backends.
//!
//! # The life of an id
//! A caller makes a [`ReservationId`] before it sends anything, and every
//! command of that call bears it. So an answer that was lost on the wire costs
//! nothing: the caller repeats the command, and the ledger recognises the id.
//!
//! ```text
//! (unknown) --reserve--> held --reconcile--> charged
//!     |                   |  \--expire-----> charged (Certainty::Expired)
//!     |                   \-----release----> released
//!     |--reserve, no room--> refused
//!     |--reconcile--> charged, and the reply says `unheld`
//!     \--release----> a tombstone: a reserve that comes later is an error
//! ```
//!
//! A charge may be replaced, and only by a surer one: [`Certainty`] is the
//! order. A released or refused id can still be charged, because a provider's
//! bill that arrives late is money all the same. Only a guess
//! ([`Certainty::Expired`], [`Certainty::Provisional`]) does not undo a release.
//!
//! # Units
//! Every figure is a signed 64-bit integer in the unit of its account:
//! nano-dollars for dollars, else a plain count (tokens, requests,
//! milliseconds). A dollar is 1,000,000,000, so the largest sum is about
//! 9.2 billion dollars; a sum beyond it is an error, never a wrapped number.
//!
//! # Laws
//! * All lines of a reserve fit and are held, or nothing changes.
//! * A command repeated with an id that is remembered gets the first outcome
//!   and changes nothing; the same id with another body is [`ErrorKind::Conflict`].
//! * A hold ends once: reconciled, released or expired. Expiry is exact: what
//!   is due is ended before a command looks at its lines.
//! * A reconcile never refuses and never loses money, however late or large.
//! * Refusing changes no balance and makes no row.
//! * Ledger time never runs backwards.
//!
//! `docs/LEDGER.md` builds a store of one's own in front of its reader, and
//! `testing::conformance` holds a ledger to these laws, each with its name.
//!
//! [`ErrorKind::Conflict`]: crate::ErrorKind::Conflict

mod answer;
mod clock;
mod command;
mod note;
mod reply;
mod rules;
#[cfg(feature = "store")]
mod law;
mod memory;
#[cfg(feature = "store")]
mod book;
#[cfg(feature = "store")]
pub mod store;
#[cfg(feature = "sqlite")]
pub mod sqlite;

use std::fmt::Debug;

pub(crate) use answer::poll_once;
pub use answer::{Answer, Answerer, Later};
pub use clock::{ClockChange, LedgerClock};
pub use command::{Certainty, MarkScope, OnExpiry, Reconcile, Record, Release, Reserve, Resize};
pub use memory::{MemoryLedger, MemoryOptions};
pub use note::{About, Ended, Note, Served};
pub use reply::{
    Capabilities, Effects, Entry, EntryKind, EntryLine, Expired, FreesUp, Hold, HoldLine, Outcome,
    PendingEvent, Reached, Reply,
};
pub use rules::State;
pub(crate) use rules::{check_ahead, dollars};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteLedger, SqliteOptions};

pub use crate::values::account::{Account, Balance, BudgetKey, ReservationId, Tenant};
pub use crate::values::claim::{Claim, ClaimLine, Threshold};
pub use crate::values::mark::{Attribution, FrozenScope, MarkAction};

use crate::Scope;
use crate::values::{Period, Timestamp};

/// Keeps balances, holds and the journal; decides each claim atomically.
///
/// Open to implement. Every method is required, so that a wrapper that
/// forgets to forward one does not compile. See the module's laws: they are
/// what an implementation promises.
///
/// A method begins when it is called, and answers an [`Answer`]: one in memory has acted when it returns, one with a
/// thread of its own has taken its place in the queue. The command is borrowed for the call alone; what is needed
/// later is copied. See [`Answer`] for why there are not two traits.
///
/// Callers seldom name these methods: [`Enforcer`](crate::Enforcer) sends the commands. They are here for those who
/// wrap a ledger or reach one over a wire (whoever keeps rows writes a store), import bills, or freeze a scope by hand.
///
/// # Example: the third hold does not fit, and smaller usage makes room
/// ```
/// use std::sync::Arc;
///
/// use token_budget::ledger::{
///     Account, BudgetKey, Certainty, Claim, ClaimLine, Note, OnExpiry, Outcome, Reconcile, ReservationId, Reserve, Tenant,
/// };
/// use token_budget::time::{Period, Timestamp};
/// use token_budget::usage::Unit;
/// use token_budget::{BudgetLedger, MemoryLedger, Scope};
///
/// let ledger = MemoryLedger::new();
/// let key = BudgetKey { tenant: Tenant::unnamed(), budget: "team".into(), unit: Unit::Tokens, window: "ever".into() };
/// let account = Account::new(Arc::new(key), Scope::team("search")?);
/// let period = Period { number: 0, from: Timestamp::MIN, until: Timestamp::MAX, span: 1 };
/// let line = ClaimLine { account: account.clone(), period, ceiling: 100, thresholds: Default::default() };
/// let claim = Claim::new(Tenant::unnamed(), &[Scope::team("search")?], vec![line])?;
///
/// let now = ledger.now().unwrap_or(Timestamp::EPOCH);
/// let expires_at = now + std::time::Duration::from_secs(300);
/// let ids: Vec<_> = (0..4).map(|_| ReservationId::generate(now)).collect();
/// let hold = |id, amount: i64| {
///     let (claim, note, on_expiry) = (&claim, &Note::default(), OnExpiry::Nothing);
///     ledger.reserve(Reserve { id, claim, amounts: &[amount], expires_at, on_expiry, note, now: None }).wait()
/// };
/// assert_eq!(hold(ids[0], 60)?.outcome, Outcome::Applied); //  0 + 60 <= 100
/// assert_eq!(hold(ids[1], 40)?.outcome, Outcome::Applied); // 60 + 40 <= 100: the edge is inside
/// assert_eq!(hold(ids[2], 1)?.outcome, Outcome::Refused); // 100 + 1 > 100
///
/// let (claim, note, certainty) = (&claim, &Note::default(), Certainty::Reported);
/// let used = Reconcile { id: ids[0], claim, amounts: &[25], certainty, attribution: None, note, now: None };
/// ledger.reconcile(used).wait()?; // 60 were held and 25 used: 35 are free again
/// assert_eq!(hold(ids[3], 35)?.outcome, Outcome::Applied); // 25 spent + 40 reserved + 35 = 100
///
/// let balance = ledger.balances(&[(account, period)]).wait()?[0];
/// assert_eq!((balance.spent, balance.reserved), (25, 75));
/// # Ok::<(), token_budget::Error>(())
/// ```
///
/// # Errors
/// Every command fails with `LedgerUnavailable` where the store cannot be
/// reached, `Conflict` where an id came before with another body, `State`
/// where the hold's state does not allow it, `Forgotten` where the id is older
/// than the ledger remembers, `Overflow` where a sum does not fit, `Invalid`
/// where amounts and lines do not match, `Damaged` where the store is not what
/// it wrote, and `Unsupported` where it does not offer the command. After an
/// error nothing has changed.
pub trait BudgetLedger: Debug + Send + Sync + 'static {
    /// The ledger's instant, where it can be read without a trip: a clock in this process.
    ///
    /// A caller that has just read it hands it on in its command, which then reads no clock again. `None` where only
    /// a reply tells what time it is there.
    fn now(&self) -> Option<Timestamp>;
    /// Holds the amounts on all lines, or changes nothing.
    ///
    /// A line without room is an answer ([`Outcome::Refused`]), and so is a period that is over ([`Outcome::Stale`]).
    fn reserve(&self, command: Reserve<'_>) -> Answer<'static, Reply>;
    /// Replaces a hold by what was really used. Never refuses.
    ///
    /// An id that the ledger never saw is charged in full, and the reply says [`Reply::unheld`]. A charge that stands
    /// is replaced by a surer one, and left alone otherwise ([`Outcome::Ignored`]). So is what was released, where the
    /// charge is a guess: less sure than [`Certainty::Estimated`].
    fn reconcile(&self, command: Reconcile<'_>) -> Answer<'static, Reply>;
    /// Gives a hold back, or withdraws a charge that nobody reported.
    ///
    /// A charge that the provider reported stays: that is `State`, and a refund is [`record`](Self::record). An id that
    /// was never seen leaves a tombstone, so that its reserve, still on the wire, cannot hold room for ever.
    fn release(&self, command: Release<'_>) -> Answer<'static, Reply>;
    /// Grows, shrinks or prolongs a live hold.
    ///
    /// The command states new amounts, not differences, and no id of its own: sent twice, it does the same.
    fn resize(&self, command: Resize<'_>) -> Answer<'static, Reply>;
    /// Posts a refund, a correction or an import.
    ///
    /// No ceiling is asked: what is posted has happened. The posting has an id of its own.
    fn record(&self, command: Record<'_>) -> Answer<'static, Reply>;
    /// Freezes, stops, reopens or closes a scope.
    ///
    /// Holds that are open stay as they are; only later reserves and growth are refused.
    fn mark(&self, command: MarkScope<'_>) -> Answer<'static, Reply>;
    /// Reads which of these scopes admit nothing and why, in their order; one that is open is left out.
    fn marks(&self, tenant: &Tenant, scopes: &[Scope]) -> Answer<'static, Vec<FrozenScope>>;
    /// Reads what is remembered of one id; `None` where nothing is.
    ///
    /// What is due has ended before: a hold past its age is shown as expired. It is by this that somebody else than the
    /// process which made a hold can end it, so the lines are shown in the order of its claim.
    fn hold(&self, tenant: &Tenant, id: ReservationId) -> Answer<'static, Option<Hold>>;
    /// Reads balances; an account never seen is empty.
    fn balances(&self, lines: &[(Account, Period)]) -> Answer<'static, Vec<Balance>>;
    /// Reads the journal of one tenant, from that number on, oldest first.
    fn entries(&self, tenant: &Tenant, from: u64, limit: usize) -> Answer<'static, Vec<Entry>>;
    /// Reads the thresholds that were reached and that nobody confirmed to have told, oldest first.
    ///
    /// A reply tells each of them, too. These are what a crash kept from being told; a ledger that
    /// is not durable keeps none.
    fn pending_events(&self, limit: usize) -> Answer<'static, Vec<PendingEvent>>;
    /// Notes that these were told, so that they are pending no more.
    fn delivered(&self, events: &[PendingEvent]) -> Answer<'static, ()>;
    /// Says what this ledger offers.
    fn capabilities(&self) -> Capabilities;
}
