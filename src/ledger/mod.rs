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

mod command;
mod reply;
mod rules;
mod memory;
#[cfg(feature = "sqlite")]
pub mod sqlite;

use std::fmt::Debug;

use async_trait::async_trait;

pub use command::{
    About, Attribution, Certainty, Ended, MarkAction, MarkScope, Note, OnExpiry, Reconcile, Record, Release,
    Reserve, Resize,
};
pub use memory::{MemoryLedger, MemoryOptions};
pub use reply::{
    Capabilities, Effects, Entry, EntryKind, EntryLine, Expired, FreesUp, Frozen, Outcome, PendingEvent,
    Reached, Reply,
};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteLedger, SqliteOptions};

pub use crate::values::account::{Account, Balance, BudgetKey, ReservationId, Tenant};
pub use crate::values::claim::{Claim, ClaimLine, Threshold};

use crate::values::{Period, Timestamp};
use crate::{Error, Scope};

/// Keeps balances, holds and the journal; decides each claim atomically.
///
/// Open to implement. Every method is required, so that a wrapper that
/// forgets to forward one does not compile. See the module's laws: they are
/// what an implementation promises.
///
/// # Errors
/// Every command fails with `LedgerUnavailable` where the store cannot be
/// reached, `Conflict` where an id came before with another body, `State`
/// where the hold's state does not allow it, `Forgotten` where the id is older
/// than the ledger remembers, `Overflow` where a sum does not fit, `Invalid`
/// where amounts and lines do not match, `Damaged` where the store is not what
/// it wrote, and `Unsupported` where it does not offer the command. After an
/// error nothing has changed.
#[async_trait]
pub trait BudgetLedger: Debug + Send + Sync + 'static {
    /// Holds the amounts on all lines, or changes nothing.
    async fn reserve(&self, command: Reserve<'_>) -> Result<Reply, Error>;
    /// Replaces a hold by what was really used. Never refuses.
    async fn reconcile(&self, command: Reconcile<'_>) -> Result<Reply, Error>;
    /// Gives a hold back, or withdraws a charge that nobody reported.
    async fn release(&self, command: Release<'_>) -> Result<Reply, Error>;
    /// Grows, shrinks or prolongs a live hold.
    async fn resize(&self, command: Resize<'_>) -> Result<Reply, Error>;
    /// Posts a refund, a correction or an import.
    async fn record(&self, command: Record<'_>) -> Result<Reply, Error>;
    /// Freezes, stops, reopens or closes a scope.
    async fn mark(&self, command: MarkScope<'_>) -> Result<Reply, Error>;
    /// Reads which of these scopes admit nothing and why, in their order; one that is open is left out.
    async fn marks(&self, tenant: &Tenant, scopes: &[Scope]) -> Result<Vec<Frozen>, Error>;
    /// Reads balances; an account never seen is empty.
    async fn balances(&self, lines: &[(Account, Period)]) -> Result<Vec<Balance>, Error>;
    /// Reads the journal of one root, from that number on, oldest first.
    async fn entries(&self, tenant: &Tenant, from: u64, limit: usize) -> Result<Vec<Entry>, Error>;
    /// Reads the crossings that nobody confirmed to have told, oldest first.
    ///
    /// A reply tells each crossing, too. These are what a crash kept from being told; a ledger that
    /// is not durable keeps none.
    async fn pending_events(&self, limit: usize) -> Result<Vec<PendingEvent>, Error>;
    /// Notes that these were told, so that they are pending no more.
    async fn delivered(&self, events: &[PendingEvent]) -> Result<(), Error>;
    /// Says what this ledger offers.
    fn capabilities(&self) -> Capabilities;
    /// The same commands without futures, where the ledger can answer at once.
    fn immediate(&self) -> Option<&dyn ImmediateLedger>;
}

/// A ledger that answers at once, without a runtime: usable in every `Drop`.
///
/// `now` is read by the caller from [`ImmediateLedger::now`], once for each
/// command; the ledger lets it run forwards only.
///
/// # Errors
/// As [`BudgetLedger`].
#[expect(clippy::missing_errors_doc, reason = "stated once, for all commands")]
pub trait ImmediateLedger: Debug + Send + Sync {
    /// The ledger's clock.
    fn now(&self) -> Timestamp;
    /// See [`BudgetLedger::reserve`].
    fn reserve(&self, now: Timestamp, command: Reserve<'_>) -> Result<Reply, Error>;
    /// See [`BudgetLedger::reconcile`].
    fn reconcile(&self, now: Timestamp, command: Reconcile<'_>) -> Result<Reply, Error>;
    /// See [`BudgetLedger::release`].
    fn release(&self, now: Timestamp, command: Release<'_>) -> Result<Reply, Error>;
    /// See [`BudgetLedger::resize`].
    fn resize(&self, now: Timestamp, command: Resize<'_>) -> Result<Reply, Error>;
    /// See [`BudgetLedger::record`].
    fn record(&self, now: Timestamp, command: Record<'_>) -> Result<Reply, Error>;
    /// See [`BudgetLedger::mark`].
    fn mark(&self, now: Timestamp, command: MarkScope<'_>) -> Result<Reply, Error>;
    /// See [`BudgetLedger::marks`].
    fn marks(&self, now: Timestamp, tenant: &Tenant, scopes: &[Scope]) -> Result<Vec<Frozen>, Error>;
    /// See [`BudgetLedger::balances`].
    fn balances(&self, now: Timestamp, lines: &[(Account, Period)]) -> Result<Vec<Balance>, Error>;
}
