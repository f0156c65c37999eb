//! The contract between the request path and whatever keeps the books.
//!
//! A ledger knows one inequality for each line of a claim: the sum of
//! `spent + reserved` over `span` consecutive periods, plus the amount, stays
//! at or below the ceiling. It has never heard of months, percentages or
//! models; those arrive resolved. So a month cannot mean two things in two
//! backends.
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
//! `docs/LEDGER.md` builds a ledger in front of its reader, and
//! `testing::conformance` holds one to these laws, each with its name.
//!
//! [`ErrorKind::Conflict`]: crate::ErrorKind::Conflict

mod answer;
mod command;
mod reply;
mod rules;
mod memory;
#[cfg(feature = "sqlite")]
pub mod sqlite;

use std::fmt::Debug;

pub(crate) use answer::poll_once;
pub use answer::{Answer, Answerer, Later};
pub use command::{
    About, Certainty, Ended, MarkScope, Note, OnExpiry, Reconcile, Record, Release, Reserve, Resize,
};
pub use memory::{MemoryLedger, MemoryOptions};
pub use reply::{
    Capabilities, Effects, Entry, EntryKind, EntryLine, Expired, FreesUp, Outcome, PendingEvent, Reached,
    Reply,
};
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
    fn reserve(&self, command: Reserve<'_>) -> Answer<'static, Reply>;
    /// Replaces a hold by what was really used. Never refuses.
    fn reconcile(&self, command: Reconcile<'_>) -> Answer<'static, Reply>;
    /// Gives a hold back, or withdraws a charge that nobody reported.
    fn release(&self, command: Release<'_>) -> Answer<'static, Reply>;
    /// Grows, shrinks or prolongs a live hold.
    fn resize(&self, command: Resize<'_>) -> Answer<'static, Reply>;
    /// Posts a refund, a correction or an import.
    fn record(&self, command: Record<'_>) -> Answer<'static, Reply>;
    /// Freezes, stops, reopens or closes a scope.
    fn mark(&self, command: MarkScope<'_>) -> Answer<'static, Reply>;
    /// Reads which of these scopes admit nothing and why, in their order; one that is open is left out.
    fn marks(&self, tenant: &Tenant, scopes: &[Scope]) -> Answer<'static, Vec<FrozenScope>>;
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
