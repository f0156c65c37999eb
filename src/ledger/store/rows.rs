//! What is in each row?
//!
//! | row | truth, or a cache of it |
//! |---|---|
//! | [`TenantRow`] | the anchor of everything: version, newest entry and its link, time |
//! | [`EntryRow`] | truth; append-only, numbered and chained per tenant |
//! | [`CallRow`] | what entries are about, once for all entries; named by its digest |
//! | [`HoldRow`] | truth for open holds; answers, until they are forgotten |
//! | [`AccountRow`] | its name is truth, the rest a cache |
//! | [`BalanceRow`] | a cache: the sum of the journal's lines |
//! | [`FrozenScope`] | a cache of the journal's marks |
//! | [`EventRow`] | truth for whether a threshold was told |

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::fault::Fault;
use super::seal::{Digest, Ink, id_bytes};
use super::words;
use crate::ledger::ClockChange;
use crate::ledger::law::{Known, Line};
use crate::ledger::{About, Ended, EntryKind, Served};
use crate::values::{Account, Attribution, Balance, FrozenScope, ReservationId, Tenant, Timestamp};
use crate::{Scope, Usage, Usd};

/// Which state of a tenant's rows it is: a counter, and a random tag of the write that made it.
///
/// Both are compared: two histories that reach the same counter, one of them lost in a fail-over, differ in their tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Version {
    /// Grows by one with each write.
    pub counter: u64,
    /// Random, of the write that made it.
    pub tag: u64,
}

impl Version {
    /// A version that no other write makes, behind that one.
    pub(crate) fn after(before: Option<Self>) -> Self {
        let counter = before.map_or(0, |version| version.counter).wrapping_add(1);
        // Each `RandomState` of the standard library has keys of its own.
        Self { counter, tag: RandomState::new().hash_one(counter) }
    }
}

/// A row with a checksum over all its fields, which the book makes and checks.
#[derive(Clone, Debug, PartialEq)]
pub struct Sealed<T> {
    /// The row.
    pub row: T,
    /// Its checksum.
    pub seal: i64,
}

/// The books of one tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenantRow {
    /// Which state of its rows it is.
    pub version: Version,
    /// The latest instant that a command was decided for; it never runs back.
    pub time: Timestamp,
    /// The number of the newest journal entry.
    pub entries: u64,
    /// The link of that entry, which covers everything before it.
    pub head: Digest,
    /// The number that was given to an account last.
    pub accounts: u32,
    /// Ids that bear an earlier time may have been forgotten.
    pub forgotten: Timestamp,
}

/// One account: tenant, budget, scope, unit and window are its name.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountRow {
    /// Its number among those of its tenant, from 1.
    pub number: u32,
    /// Its name.
    pub account: Account,
    /// How many periods count together: 1, or 61 if the window rolls.
    pub span: u32,
    /// The newest period that a command has named. A reserve for an older one is stale.
    pub newest: i64,
    /// Tiers that have fired, a bit each; used if the window rolls, else each period has its own.
    pub fired: u32,
    /// Which of the newest 64 periods have a balance: bit 0 is `newest`, bit 1 the one before. A balance that should be there
    /// and is not was lost.
    pub live: u64,
}

impl AccountRow {
    /// The periods that its window counts now, the oldest first: the newest alone, or all sub-periods if the window rolls.
    ///
    /// A read of the account brings their balances.
    #[must_use]
    pub fn window(&self) -> RangeInclusive<i64> {
        self.newest.saturating_sub(i64::from(self.span)).saturating_add(1)..=self.newest
    }
}

/// What stands in one period of an account; in one sub-period if its window rolls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BalanceRow {
    /// The account's number.
    pub account: u32,
    /// The period.
    pub period: i64,
    /// What ended calls have used, and what open holds hold.
    pub balance: Balance,
    /// Tiers that have fired in the period, a bit each.
    pub fired: u32,
}

/// What is remembered of one id; its call is named by the digest of what it is about.
pub type HoldRow = Known<Option<Digest>>;

/// A hold that is new or has changed.
#[derive(Clone, Debug, PartialEq)]
pub struct HoldChange {
    /// As it is now.
    pub hold: Sealed<HoldRow>,
    /// As it was read; `None` if it is new.
    pub before: Option<HoldRow>,
}

/// What calls are about: scopes, model, tags, price. Many entries share one.
#[derive(Clone, Debug, PartialEq)]
pub struct CallRow {
    /// The hash of it.
    pub digest: Digest,
    /// What it says.
    pub about: Arc<About>,
}

/// A confirmed change.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryRow {
    /// Its number in the books of its tenant, from 1, without gaps.
    pub sequence: u64,
    /// When the change was decided.
    pub at: Timestamp,
    /// The id of the command, or of the hold that expired.
    pub id: ReservationId,
    /// What happened.
    pub kind: EntryKind,
    /// The scope that was marked.
    pub scope: Option<Scope>,
    /// What the call is about.
    pub call: Option<Digest>,
    /// What served it, where that is not what was asked for.
    pub served: Option<Arc<Served>>,
    /// What it used.
    pub usage: Option<Usage>,
    /// What it cost in dollars; `None` is unknown.
    pub cost: Option<Usd>,
    /// How it ended.
    pub ended: Option<Ended>,
    /// Who did it and why, where a person did.
    pub attribution: Option<Attribution>,
    /// By how much each account changed.
    pub lines: Vec<Line>,
    /// A hash of the link before, the number, the fields and the lines.
    pub link: Digest,
}

/// A threshold that was reached, until somebody was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// The journal entry that tells it.
    pub sequence: u64,
    /// When it was found.
    pub at: Timestamp,
    /// The account's number.
    pub account: u32,
    /// In which period.
    pub period: i64,
    /// Which tier.
    pub tier: u8,
    /// The threshold.
    pub threshold: i64,
    /// What was spent when it was found.
    pub spent: i64,
    /// When somebody confirmed to have told it.
    pub delivered_at: Option<Timestamp>,
}

/// What a read found of one tenant.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// The store's instant: never later than the truth.
    pub at: Timestamp,
    /// As of which instant ids may be forgotten, where that is not `at`: see [`LedgerClock::forgets_at`](super::LedgerClock::forgets_at).
    pub forgets_at: Option<Timestamp>,
    /// What the store found out about its clock since the last read. A store on another machine's clock has none.
    pub clock_changes: Vec<ClockChange>,
    /// Somebody may have written rows since the last look without making a new version, as a person does by SQL: what was read before
    /// is void. A store whose rows only books write leaves it false.
    pub past_version: bool,
    /// The tenant's own row, if it has one.
    pub tenant: Option<Sealed<TenantRow>>,
    /// Accounts that were asked for, or that lines of an id name.
    pub accounts: Vec<Sealed<AccountRow>>,
    /// Their balances.
    pub balances: Vec<BalanceRow>,
    /// How many accounts the tenant has, where one that was wanted by its name is not among them: so the book tells an account that is
    /// new from one that was lost.
    pub account_rows: usize,
    /// Holds that were asked for by their id.
    pub holds: Vec<Sealed<HoldRow>>,
    /// Open holds that are due, in their order.
    pub due: Vec<Sealed<HoldRow>>,
    /// Where `due` was wanted: when the earliest open hold ends that is not among these, if there is one.
    pub next_due: Option<Timestamp>,
    /// Marks on scopes that were asked for.
    pub marks: Vec<FrozenScope>,
    /// Whether any mark stands in these books.
    pub any_marks: bool,
    /// Calls that were asked for.
    pub calls: Vec<CallRow>,
    /// Events that were asked for.
    pub events: Vec<Sealed<EventRow>>,
    /// The link that was asked for.
    pub link: Option<Digest>,
}

impl Rows {
    /// Accounts and periods that lines of these holds name: their rows and balances come with them.
    pub fn cells(&self) -> impl Iterator<Item = (u32, i64)> + '_ {
        let lines = self.holds.iter().chain(&self.due).flat_map(|hold| &hold.row.lines);
        lines.map(|line| (line.account, line.period))
    }
}

/// What is written of one tenant, all or nothing.
#[derive(Clone, Debug)]
pub struct Changes {
    /// The tenant's own row, with its new version.
    pub tenant: Sealed<TenantRow>,
    /// Accounts that are new or have changed.
    pub accounts: Vec<Sealed<AccountRow>>,
    /// Balances that are new or have changed.
    pub balances: Vec<BalanceRow>,
    /// Ids that are new or have changed.
    pub holds: Vec<HoldChange>,
    /// Scopes, each with the mark that stands on it from now on, or none.
    pub marks: Vec<(Scope, Option<FrozenScope>)>,
    /// Calls that may be new: one that is known already is left as it is.
    pub calls: Vec<CallRow>,
    /// Entries, in their order.
    pub entries: Vec<EntryRow>,
    /// Events that are new or were delivered; nobody asks again for one that was delivered, so it may go.
    pub events: Vec<Sealed<EventRow>>,
    /// Once all else is written, ids may be [forgotten](Self::forgets) that are older than that: at least some of them, if there are
    /// any.
    pub forget: Option<Timestamp>,
    /// With these, imported rows may be [forgotten](Self::forgets) that were to be remembered until that instant or an earlier one.
    pub forget_rows: Option<Timestamp>,
}

impl Changes {
    /// Whether an id may be forgotten: it has ended, and both its end and the time that it bears lie before [`forget`](Self::forget). An
    /// imported row bears no time: it goes when its `expires_at` has come.
    #[must_use]
    pub fn forgets(&self, hold: &HoldRow) -> bool {
        if hold.id.is_imported() {
            return self.forget_rows.is_some_and(|now| hold.expires_at <= now);
        }
        let is_old = |before| hold.id.time() < before && hold.ended_at.is_some_and(|at| at < before);
        self.forget.is_some_and(is_old)
    }
}

/// The figures of one period, as a page keeps them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) balance: Balance,
    pub(crate) fired: u32,
}

/// A row that can be hashed whole.
pub(crate) trait Seal: Sized {
    /// The checksum over every field, for the row of that tenant.
    fn seal(&self, tenant: &Tenant) -> i64;

    /// The row with its checksum.
    fn sealed(self, tenant: &Tenant) -> Sealed<Self> {
        Sealed { seal: self.seal(tenant), row: self }
    }

    /// Which row it is, for a person.
    fn name(&self, tenant: &Tenant) -> String;

    /// The row, whose checksum must fit.
    fn checked(sealed: Sealed<Self>, tenant: &Tenant) -> Result<Self, Fault> {
        if sealed.row.seal(tenant) == sealed.seal {
            return Ok(sealed.row);
        }
        Err(Fault::damaged(format!("{}: the seal does not fit", sealed.row.name(tenant))))
    }
}

impl Seal for TenantRow {
    fn seal(&self, tenant: &Tenant) -> i64 {
        let mut ink = Ink::of("tenant");
        ink.text(tenant.name()).int(self.version.counter as i64).int(self.version.tag as i64);
        ink.int(self.entries as i64).bytes(&self.head).int(self.time.as_nanos());
        ink.int(i64::from(self.accounts)).int(self.forgotten.as_nanos()).seal()
    }

    fn name(&self, tenant: &Tenant) -> String {
        format!("the books of {tenant:?}")
    }
}

impl Seal for AccountRow {
    fn seal(&self, tenant: &Tenant) -> i64 {
        let key = self.account.key();
        let mut ink = Ink::of("account");
        ink.text(tenant.name()).int(i64::from(self.number)).text(&key.budget);
        ink.text(&self.account.scope().to_string()).text(&key.unit.code()).text(&key.window);
        ink.int(i64::from(self.span)).int(self.newest).int(i64::from(self.fired)).int(self.live as i64).seal()
    }

    fn name(&self, _tenant: &Tenant) -> String {
        format!("account {}, {}", self.number, self.account)
    }
}

impl Seal for HoldRow {
    fn seal(&self, tenant: &Tenant) -> i64 {
        let mut ink = Ink::of("hold");
        ink.text(tenant.name()).bytes(&id_bytes(self.id)).text(words::of_state(self.state));
        ink.bytes(&self.body.to_be_bytes())
            .int(self.expires_at.as_nanos())
            .text(words::of_on_expiry(self.on_expiry));
        ink.int(i64::from(self.unheld)).maybe_int(self.ended_at.map(Timestamp::as_nanos));
        ink.bytes(self.about.as_ref().map(Digest::as_slice).unwrap_or_default());
        for line in &self.lines {
            ink.int(i64::from(line.account)).int(line.period).int(line.amount).int(line.refunded);
            ink.int(line.on_expiry);
        }
        ink.seal()
    }

    fn name(&self, _tenant: &Tenant) -> String {
        format!("reservation {}", self.id)
    }
}

impl Seal for EventRow {
    fn seal(&self, tenant: &Tenant) -> i64 {
        let mut ink = Ink::of("event");
        ink.text(tenant.name()).int(self.sequence as i64).int(self.threshold).int(self.spent);
        ink.int(self.at.as_nanos()).int(i64::from(self.account)).int(self.period).int(i64::from(self.tier));
        ink.maybe_int(self.delivered_at.map(Timestamp::as_nanos)).seal()
    }

    fn name(&self, _tenant: &Tenant) -> String {
        format!("the event of entry {}", self.sequence)
    }
}
