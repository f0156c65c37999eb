//! What does a ledger answer, and what does it show?
//!
//! A [`Reply`] answers a command; [`Entry`] and [`PendingEvent`] are what the reading methods show. All of
//! them are plain values that own what they say.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::rules::State;
use super::{About, Certainty, ClockChange, Note};
use crate::values::{
    Account, Attribution, Balance, Claim, ClaimLine, FrozenScope, MarkAction, Period, ReservationId, Tenant,
    Timestamp,
};
use crate::{Error, Scope};

/// What a ledger answers to a command.
///
/// Look at `outcome` first: a refusal is an `Ok` reply. `balances` are those *before* a reserve or a resize, so that the
/// verdict and the refusal's text are made of the very figures that the ledger judged by; they are those *after* anything
/// else. A release of an id that was never seen has none.
///
/// Effects come once. A repeat of a command has the first outcome, and whatever came to light since.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// What became of the command.
    pub outcome: Outcome,
    /// The id was seen before: this is the first answer again, with present balances.
    pub repeated: bool,
    /// Charged without a hold of that id ever having been seen.
    pub unheld: bool,
    /// The certainty of the charge that a reconcile replaced; `None` where a live hold ended.
    pub replaced: Option<Certainty>,
    /// The ledger's instant.
    pub now: Timestamp,
    /// One for each line: just before a reserve or resize, just after anything else.
    pub balances: SmallVec<[Balance; 8]>,
    /// What else came to light; mostly nothing.
    pub effects: Option<Box<Effects>>,
}

/// What became of a command.
///
/// Each of these is an answer, and all but `Applied` changed no balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Done, on every line.
    Applied,
    /// At least one line has no room, or a scope is frozen: nothing was changed.
    Refused,
    /// The ledger's instant lies outside a line's period: nothing was changed, resolve again.
    Stale,
    /// A surer figure stands already, or a guess came after a release: nothing was changed.
    Ignored,
}

/// What a command brought to light beside its own answer.
///
/// A ledger ends due holds whenever it is asked anything, so a command may tell of other calls of the same tenant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// Thresholds that spent money has reached for the first time in their period.
    pub reached: Vec<Reached>,
    /// Holds that ended by age.
    pub expired: Vec<Expired>,
    /// Scopes of the claim that are frozen, and why.
    pub frozen: Vec<FrozenScope>,
    /// Rolling lines that refused and will have room again, in the claim's order.
    pub frees_up: Vec<FreesUp>,
    /// What the ledger found out about its clock.
    pub clock: Vec<ClockChange>,
}

/// When a rolling line without room has some again, if nothing else happens.
///
/// For example, a rolling hour has sub-periods of a minute: `periods: 3` says that three minute boundaries must pass. A
/// line on which the amount never fits is not named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreesUp {
    /// Which line of the claim, from zero.
    pub line: usize,
    /// After how many further sub-periods enough has aged out.
    pub periods: u32,
}

/// A threshold that was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Where.
    pub account: Account,
    /// In which period.
    pub period: i64,
    /// Which tier.
    pub tier: u8,
    /// The threshold.
    pub at: i64,
    /// What was spent when it was found.
    pub spent: i64,
}

/// A threshold that was reached and that nobody confirmed to have told yet.
///
/// `tenant` and `sequence`, its number in the journal, name it for ever: a
/// receiver that sees both twice has heard it before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingEvent {
    /// Whose books.
    pub tenant: Tenant,
    /// The journal entry that tells it.
    pub sequence: u64,
    /// When it was found.
    pub at: Timestamp,
    /// What was reached.
    pub reached: Reached,
}

/// A hold that ended by age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expired {
    /// Which.
    pub id: ReservationId,
    /// When it was due.
    pub due: Timestamp,
    /// What it was charged, by account: zero for a call that was never sent.
    pub charged: Vec<(Account, i64)>,
}

/// One confirmed change, as the journal keeps it.
///
/// Lines are differences. The sum over all entries of an account is its balance: a hold of 60 that is reconciled with
/// 25 leaves two entries, `(spent 0, reserved +60)` and `(spent +25, reserved -60)`, which add up to `(25, 0)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its number in the books of its tenant, from 1, without gaps.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// Which hold or posting.
    pub id: ReservationId,
    /// What happened.
    pub kind: EntryKind,
    /// By how much each account changed.
    pub lines: Vec<EntryLine>,
    /// What the command said about its call.
    pub note: Note,
    /// Who decided it and why, where a person did.
    pub attribution: Option<Attribution>,
}

/// What a journal entry tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EntryKind {
    /// A hold was made.
    Reserved,
    /// A hold was changed.
    Resized,
    /// A charge was made or replaced.
    Reconciled(Certainty),
    /// A charge was made on an id that had no hold.
    Unheld(Certainty),
    /// A hold was given back, or a charge withdrawn.
    Released,
    /// A refund, a correction, an import.
    Recorded,
    /// Spent money reached a threshold.
    Reached(u8),
    /// A scope was marked.
    Marked(MarkAction),
}

/// By how much one account changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryLine {
    /// Which account.
    pub account: Account,
    /// In which period.
    pub period: i64,
    /// Change of what is spent.
    pub spent: i64,
    /// Change of what is reserved.
    pub reserved: i64,
}

/// What a ledger remembers of one id.
///
/// Whoever ends a call by hand begins here: the lines are those on which a [`Reconcile`](super::Reconcile) or a refund of
/// this id must stand, and [`claim`](Self::claim) makes a claim of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Hold {
    /// Its id, which bears the time at which it was made.
    pub id: ReservationId,
    /// How far it has come.
    pub state: State,
    /// When it ends by itself, while it is held.
    pub expires_at: Option<Timestamp>,
    /// What it holds or was charged; none where it was refused, or released before it arrived.
    pub lines: Vec<HoldLine>,
    /// What its first command said of its call; `None` where it said nothing, or the ledger has forgotten it.
    pub about: Option<Arc<About>>,
}

/// What one id holds or was charged on one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldLine {
    /// Which account.
    pub account: Account,
    /// In which period.
    pub period: i64,
    /// While it is held what it holds, afterwards what it was charged.
    pub amount: i64,
    /// How much of the charge was given back since, by refunds.
    pub refunded: i64,
}

impl Hold {
    /// A claim on its lines, by which it can be reconciled or refunded. It has no ceilings, because the money is
    /// already spent, and no thresholds: the next call on a line tells of those that were reached.
    ///
    /// # Errors
    /// As [`Claim::new`].
    pub fn claim(&self, tenant: &Tenant) -> Result<Claim, Error> {
        let scopes: Vec<Scope> = self.lines.iter().map(|line| line.account.scope().clone()).collect();
        Claim::new(tenant.clone(), &scopes, self.lines.iter().map(HoldLine::claimed).collect())
    }
}

impl HoldLine {
    /// The line as a claim names it: a period's number is what counts.
    pub(crate) fn claimed(&self) -> ClaimLine {
        let period = Period { number: self.period, from: Timestamp::MIN, until: Timestamp::MAX, span: 1 };
        ClaimLine { account: self.account.clone(), period, ceiling: i64::MAX, thresholds: SmallVec::new() }
    }
}

/// What a ledger offers, as data.
///
/// The request path reads these once and never asks for a backend by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Answers survive the process.
    pub durable: bool,
    /// Several processes may share it.
    pub shared: bool,
    /// How long an ended id is surely remembered once it was finally reported; zero where only a number is.
    pub remembers: Duration,
    /// Reconcile and release are always [`Now`](super::Answer::Now): a `Drop` calls them only then, else an outbox has them.
    pub ends_at_once: bool,
    /// How many journal entries it keeps before it folds them into totals; `None` keeps all.
    pub journal_entries: Option<usize>,
}
