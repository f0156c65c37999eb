//! What can a ledger be told?
//!
//! Six commands change the books. Each borrows what it says, so that the path of a call allocates nothing for it.
//!
//! | Command | Says | May be refused |
//! |---|---|---|
//! | [`Reserve`] | hold these amounts | yes, if a line has no room or a scope is frozen |
//! | [`Resize`] | hold other amounts, or longer | growth only |
//! | [`Reconcile`] | this was used | never |
//! | [`Release`] | nothing was used | never |
//! | [`Record`] | a refund, a correction, an import | never |
//! | [`MarkScope`] | freeze, stop, close, reopen | never |
//!
//! Amounts stand beside the claim's lines: `amounts[2]` belongs to `claim.lines()[2]`, in that account's unit.

use serde::{Deserialize, Serialize};

use super::note::Note;
use crate::Scope;
use crate::values::{Attribution, Claim, MarkAction, ReservationId, Tenant, Timestamp};

/// Hold these amounts on all lines of the claim, or change nothing.
///
/// The caller makes the id. A retry must bear the same id and the same amounts: then the ledger answers what it
/// answered first. Another body under the same id is `Conflict`, because one of the two would be lost.
///
/// `expires_at` is the caller's promise to have ended the call by then. The ledger keeps to it exactly: a hold that
/// is due has ended before the next command looks at its lines.
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
    /// The ledger's instant, where the caller has just read it ([`BudgetLedger::now`](super::BudgetLedger::now)).
    pub now: Option<Timestamp>,
}

/// What a hold is charged when it ends by age.
///
/// A process that dies says nothing more, so this is decided while it lives. For a hold of 60:
///
/// | Choice | Charged at expiry | When |
/// |---|---|---|
/// | `Nothing` | 0 | the call was not sent when the hold was made |
/// | `Hold` | 60, or what it was resized to | the call is about to be sent; a provider may bill it |
/// | `Amounts(&[20])` | 20 | the caller knows better than the hold |
///
/// A report that arrives after the expiry replaces the charge, because [`Certainty::Expired`] is the least sure.
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
///
/// The charge is taken whole, even above the hold and above the ceiling: the money is gone at the provider, and
/// books that refuse it would only be wrong. A later, surer report replaces it in full.
#[derive(Clone, Copy, Debug)]
pub struct Reconcile<'a> {
    /// The hold's id.
    pub id: ReservationId,
    /// The lines that were held; charged as they stand where the id was never seen.
    pub claim: &'a Claim,
    /// What was used on each line.
    pub amounts: &'a [i64],
    /// How sure the figures are: a surer report replaces a less sure one.
    pub certainty: Certainty,
    /// Who says so and why, where a person does.
    pub attribution: Option<&'a Attribution>,
    /// Kept in the journal, never read.
    pub note: &'a Note,
    /// The ledger's instant, where the caller has just read it ([`BudgetLedger::now`](super::BudgetLedger::now)).
    pub now: Option<Timestamp>,
}

/// How sure a charge is. A later report of a higher certainty replaces it in full.
///
/// The order of the variants is the order of trust: `Expired < Provisional < Estimated < Reported`.
///
/// An equal certainty with equal amounts is a repeat; with other amounts it is `Conflict`. A lesser certainty is ignored. So
/// reports may arrive late, twice and in any order, and the surest figure stands at the end: a hold of 60 expires and
/// is charged 60, a count of 41 replaces it, the provider's 40 replaces that, and a late repeat of the 41 does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
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
///
/// It also withdraws a charge that is not [`Certainty::Reported`]: a call that expired and turns out not to be billed.
#[derive(Clone, Copy, Debug)]
pub struct Release<'a> {
    /// The hold's id.
    pub id: ReservationId,
    /// Whose books it is in.
    pub tenant: &'a Tenant,
    /// Who decided it and why, where a person did.
    pub attribution: Option<&'a Attribution>,
    /// Kept in the journal, never read.
    pub note: &'a Note,
    /// The ledger's instant, where the caller has just read it ([`BudgetLedger::now`](super::BudgetLedger::now)).
    pub now: Option<Timestamp>,
}

/// Change what a live hold holds, or how long it lives.
///
/// A stream grows its hold a slice at a time this way, and a long call prolongs it. The reply's balances are those
/// just before the change, as they are for a reserve.
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
    /// The ledger's instant, where the caller has just read it ([`BudgetLedger::now`](super::BudgetLedger::now)).
    pub now: Option<Timestamp>,
}

/// Post amounts that no hold announced: a refund, a correction, an import.
///
/// Amounts below zero are refunds. A refund must name the charge that it takes back (`corrects`) and its very lines,
/// and takes back at most what is left: of a charge of 10, a refund of 7 is accepted, and a second refund of 4 is `Invalid`,
/// because 3 are left.
///
/// An imported row (of a provider's bill, of the log of a program that knows no budget) has an id that is made of its id there
/// ([`ReservationId::imported`]). It is remembered for 400 days after the day of its usage, whatever else is forgotten, so an import that
/// is run twice changes nothing the second time.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Made by the caller, or of an imported row; a repeat is recognised.
    pub id: ReservationId,
    /// When an [imported](ReservationId::imported) row was used; `None` for every other posting. It tells how long the row is remembered;
    /// which period is charged, the claim's lines say. Usage of a day that ended 400 days ago is `Forgotten`, because it may have been
    /// posted and forgotten: leave such a row out. Usage of more than a day ahead is `Invalid`.
    pub used_at: Option<Timestamp>,
    /// The lines to post on.
    pub claim: &'a Claim,
    /// Signed amounts, in the claim's order; a refund's are below zero.
    pub amounts: &'a [i64],
    /// The charge that is corrected; a refund must name it and cannot exceed it.
    pub corrects: Option<ReservationId>,
    /// Who posts it and why.
    pub attribution: &'a Attribution,
    /// Kept in the journal, never read.
    pub note: &'a Note,
    /// The ledger's instant, where the caller has just read it ([`BudgetLedger::now`](super::BudgetLedger::now)).
    pub now: Option<Timestamp>,
}

/// Freeze a scope, or open it again.
///
/// The scope need not have a budget, nor any account: every call that names it is refused, in these books.
#[derive(Clone, Copy, Debug)]
pub struct MarkScope<'a> {
    /// Whose books.
    pub tenant: &'a Tenant,
    /// The scope that is marked: every call that carries it is affected.
    pub scope: &'a Scope,
    /// What happens to it.
    pub action: MarkAction,
    /// Who decided it and why; callers that are refused hear the reason.
    pub attribution: &'a Attribution,
    /// The ledger's instant, where the caller has just read it ([`BudgetLedger::now`](super::BudgetLedger::now)).
    pub now: Option<Timestamp>,
}
