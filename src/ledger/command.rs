//! What can a ledger be told, and what does it answer?

use std::sync::Arc;
use std::time::Duration;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{Account, Balance, Claim, ReservationId, Root, Scope, Timestamp, Usage};

/// Hold these amounts on all lines of the claim, or change nothing.
#[derive(Clone, Copy, Debug)]
pub struct Reserve<'a> {
    /// Made by the caller before anything is sent; a retry bears the same.
    pub id: ReservationId,
    /// The lines to hold.
    pub claim: &'a Claim,
    /// How much on each line, in the claim's order; none below zero.
    pub amounts: &'a [i64],
    /// When the hold ends by itself.
    pub expires_at: Timestamp,
    /// What is charged if it does.
    pub on_expiry: OnExpiry<'a>,
    /// Kept in the journal, never read.
    pub note: &'a Note,
}

/// What a hold is charged when it ends by age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnExpiry<'a> {
    /// Nothing: the call was never sent.
    #[default]
    Nothing,
    /// What it holds at that moment: the call was sent, and nobody said how it ended.
    Hold,
    /// These amounts, in the claim's order.
    Amounts(&'a [i64]),
}

/// Replace the hold by what was really used.
#[derive(Clone, Copy, Debug)]
pub struct Reconcile<'a> {
    /// The hold's id.
    pub id: ReservationId,
    /// The lines that were held; charged as they stand where the id was never seen.
    pub claim: &'a Claim,
    /// What was used on each line.
    pub amounts: &'a [i64],
    /// How sure the figures are: a surer report replaces a less sure one.
    pub rank: Rank,
    /// Kept in the journal, never read.
    pub note: &'a Note,
}

/// How sure a charge is. A later report of a higher rank replaces it in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// The hold ended by age.
    Expired,
    /// The call was abandoned, and is charged what it held.
    Provisional,
    /// The usage was counted here, not reported.
    Estimated,
    /// The provider reported the usage.
    Reported,
}

/// Give the hold back: the call was not sent, or was not billed.
#[derive(Clone, Copy, Debug)]
pub struct Release<'a> {
    /// The hold's id.
    pub id: ReservationId,
    /// Whose books it is in.
    pub root: &'a Root,
    /// Who decided it and why, where a person did.
    pub signature: Option<&'a Signature>,
    /// Kept in the journal, never read.
    pub note: &'a Note,
}

/// Change what a live hold holds, or how long it lives.
#[derive(Clone, Copy, Debug)]
pub struct Resize<'a> {
    /// The hold's id.
    pub id: ReservationId,
    /// The lines that were held, with their ceilings of now.
    pub claim: &'a Claim,
    /// The new amounts: growth is admitted like a reserve, and refused in a frozen scope; shrinking never is.
    pub amounts: &'a [i64],
    /// A new end of the hold.
    pub expires_at: Option<Timestamp>,
}

/// Post amounts that no hold announced: a refund, a correction, an import.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Made by the caller; a repeat is recognised.
    pub id: ReservationId,
    /// The lines to post on.
    pub claim: &'a Claim,
    /// Signed amounts, in the claim's order; a refund's are below zero.
    pub amounts: &'a [i64],
    /// The charge that is corrected; a refund must name it and cannot exceed it.
    pub corrects: Option<ReservationId>,
    /// Who posts it and why.
    pub signature: &'a Signature,
    /// Kept in the journal, never read.
    pub note: &'a Note,
}

/// Freeze a scope, or open it again.
#[derive(Clone, Copy, Debug)]
pub struct MarkScope<'a> {
    /// Whose books.
    pub root: &'a Root,
    /// The scope that is marked: every call that carries it is affected.
    pub scope: &'a Scope,
    /// What happens to it.
    pub action: MarkAction,
    /// Who decided it and why; callers that are refused hear the reason.
    pub signature: &'a Signature,
}

/// What a mark does to a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MarkAction {
    /// Refuse every later reserve that carries it.
    Freeze,
    /// The same, for a run that was stopped; the first stop's reason stays.
    Stop,
    /// Admit again.
    Reopen,
    /// The run ended in good order: refuse what comes later.
    Close,
}

/// Who decided something, and why.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Signature {
    /// Who.
    pub by: CompactString,
    /// Why.
    pub reason: CompactString,
}

impl Signature {
    /// A decision of `by`, for that reason.
    pub fn new(by: impl Into<CompactString>, reason: impl Into<CompactString>) -> Self {
        Self { by: by.into(), reason: reason.into() }
    }
}

/// What a journal entry remembers about the call; a ledger stores it and never reads it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Note {
    /// Which call: shared by all commands of one charge set.
    pub about: Option<Arc<About>>,
    /// What it used, once known.
    pub usage: Option<Usage>,
    /// How it ended, once known.
    pub ended: Option<Ended>,
}

/// Which call a journal entry is about. Never any text of a prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The model that was priced.
    pub model: CompactString,
    /// The tags of the call.
    pub tags: Vec<(CompactString, CompactString)>,
    /// What the call is for.
    pub use_case: Option<CompactString>,
    /// Which price was used: source and date.
    pub price: CompactString,
    /// The exemptions that were live for it: who approved them, and why, is said by the policy.
    #[serde(default)]
    pub exemptions: Vec<CompactString>,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Ended {
    /// With usage from the provider.
    Reported,
    /// With usage counted here.
    Estimated,
    /// Sent, and then nobody said how it ended; of a stream: its reader dropped it.
    Abandoned,
    /// Its task was dropped while it waited for more of a stream.
    Cancelled,
    /// A stream broke off: an error, or an end without its last frame.
    BrokeOff,
    /// A stream was ended here, for want of room.
    Stopped,
    /// By the age of its hold.
    Expired,
    /// It was never sent, or never billed.
    Released,
}

/// What a ledger answers to a command.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// What became of the command.
    pub outcome: Outcome,
    /// The id was seen before: this is the first answer again, with present balances.
    pub repeated: bool,
    /// Charged without a hold of that id ever having been seen.
    pub unheld: bool,
    /// The rank of the charge that a reconcile replaced; `None` where a live hold ended.
    pub replaced: Option<Rank>,
    /// The ledger's instant.
    pub now: Timestamp,
    /// One for each line: just before a reserve or resize, just after anything else.
    pub balances: SmallVec<[Balance; 8]>,
    /// What else came to light; mostly nothing.
    pub news: Option<Box<News>>,
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Done, on every line.
    Applied,
    /// At least one line has no room, or a scope is frozen: nothing was changed.
    Refused,
    /// The ledger's instant lies outside a line's period: nothing was changed, resolve again.
    Stale,
    /// A surer figure stands already: nothing was changed.
    Ignored,
}

/// What a command brought to light beside its own answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct News {
    /// Levels that spent money has reached for the first time in their period.
    pub crossed: Vec<Crossed>,
    /// Holds that ended by age.
    pub expired: Vec<Expired>,
    /// Scopes of the claim that are frozen, and why.
    pub frozen: Vec<Frozen>,
    /// Rolling lines that refused and will have room again, in the claim's order.
    pub frees: Vec<Frees>,
}

/// When a rolling line without room has some again, if nothing else happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frees {
    /// Which line of the claim, from zero.
    pub line: usize,
    /// After how many further sub-periods enough has aged out.
    pub periods: u32,
}

/// A level that was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crossed {
    /// Where.
    pub account: Account,
    /// In which period.
    pub period: i64,
    /// Which tier.
    pub tier: u8,
    /// The level.
    pub at: i64,
    /// What was spent when it was found.
    pub spent: i64,
}

/// A level that was reached and that nobody confirmed to have told yet.
///
/// `root` and `sequence`, its number in the journal, name it for ever: a
/// receiver that sees both twice has heard it before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingEvent {
    /// Whose books.
    pub root: Root,
    /// The journal entry that tells it.
    pub sequence: u64,
    /// When it was found.
    pub at: Timestamp,
    /// What was reached.
    pub crossed: Crossed,
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

/// A scope that admits nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Frozen {
    /// Which.
    pub scope: Scope,
    /// By which mark.
    pub action: MarkAction,
    /// Since when.
    pub since: Timestamp,
    /// By whom, and why.
    pub signature: Signature,
}

/// One confirmed change, as the journal keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its number in the books of its root, from 1, without gaps.
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
    pub signature: Option<Signature>,
}

/// What a journal entry tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EntryKind {
    /// A hold was made.
    Reserved,
    /// A hold was changed.
    Resized,
    /// A charge was made or replaced.
    Reconciled(Rank),
    /// A charge was made on an id that had no hold.
    Unheld(Rank),
    /// A hold was given back, or a charge withdrawn.
    Released,
    /// A refund, a correction, an import.
    Recorded,
    /// Spent money reached a level.
    Crossed(u8),
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

/// What a ledger offers, as data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Answers survive the process.
    pub durable: bool,
    /// Several processes may share it.
    pub shared: bool,
    /// How long an ended id is surely remembered once it was finally reported; zero where only a number is.
    pub remembers: Duration,
    /// How many journal entries it keeps before it folds them into totals; `None` keeps all.
    pub journal_entries: Option<usize>,
}
