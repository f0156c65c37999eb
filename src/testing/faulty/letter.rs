//! How does a command arrive after its sender gave up? As a copy that owns what the command borrowed.

use crate::ledger::{
    BudgetLedger, MarkAction, MarkScope, Note, OnExpiry, Outcome, Rank, Reconcile, Record, Release, Reply,
    Reserve, Resize, Signature,
};
use crate::{Claim, Error, ReservationId, Root, Scope, Timestamp};

/// A command under way.
#[derive(Clone, Debug)]
pub(super) enum Letter {
    Reserve { body: Body, expires_at: Timestamp, on_expiry: Charge },
    Reconcile { body: Body, rank: Rank },
    Release { id: ReservationId, root: Root, signature: Option<Signature>, note: Note },
    Resize { id: ReservationId, claim: Claim, amounts: Vec<i64>, expires_at: Option<Timestamp> },
    Record { body: Body, corrects: Option<ReservationId>, signature: Signature },
    Mark { root: Root, scope: Scope, action: MarkAction, signature: Signature },
}

/// What a command is about: those about the same may have to keep their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Id(Root, ReservationId),
    Scope(Root, Scope),
}

#[derive(Clone, Debug)]
pub(super) struct Body {
    id: ReservationId,
    claim: Claim,
    amounts: Vec<i64>,
    note: Note,
}

#[derive(Clone, Debug)]
pub(super) enum Charge {
    Nothing,
    Hold,
    Amounts(Vec<i64>),
}

impl Letter {
    pub(super) fn subject(&self) -> Subject {
        match self {
            Self::Reserve { body, .. } | Self::Reconcile { body, .. } | Self::Record { body, .. } => {
                Subject::Id(body.claim.root().clone(), body.id)
            }
            Self::Resize { id, claim, .. } => Subject::Id(claim.root().clone(), *id),
            Self::Release { id, root, .. } => Subject::Id(root.clone(), *id),
            Self::Mark { root, scope, .. } => Subject::Scope(root.clone(), scope.clone()),
        }
    }

    /// Whether that later command may not overtake this one: it would be undone when this one arrives.
    ///
    /// A resize and a mark set what they say, so the last must be the last. A release withdraws
    /// a charge, and a report charges what was released.
    pub(super) fn comes_before(&self, later: &Self) -> bool {
        use Letter::{Mark, Reconcile, Release, Resize};
        let orders = matches!(
            (self, later),
            (Resize { .. }, Resize { .. })
                | (Mark { .. }, Mark { .. })
                | (Reconcile { .. }, Release { .. })
                | (Release { .. }, Reconcile { .. })
        );
        orders && self.subject() == later.subject()
    }

    /// Whether this is a copy of that command, or of one like it.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other) && self.subject() == other.subject()
    }

    /// Whether a copy that comes after this answer does no more than was answered.
    ///
    /// Not where nothing was changed and nothing is remembered: later it may be another answer.
    pub(super) fn may_follow(&self, answer: &Result<Reply, Error>) -> bool {
        let Ok(reply) = answer else { return false };
        match reply.outcome {
            Outcome::Applied | Outcome::Ignored => true,
            Outcome::Refused => !matches!(self, Self::Resize { .. }),
            Outcome::Stale => false,
        }
    }

    pub(super) async fn deliver(&self, ledger: &dyn BudgetLedger) -> Result<Reply, Error> {
        match self {
            Self::Reserve { body: Body { id, claim, amounts, note }, expires_at, on_expiry } => {
                let (id, expires_at, on_expiry) = (*id, *expires_at, on_expiry.borrowed());
                ledger.reserve(Reserve { id, claim, amounts, expires_at, on_expiry, note }).await
            }
            Self::Reconcile { body: Body { id, claim, amounts, note }, rank } => {
                ledger.reconcile(Reconcile { id: *id, claim, amounts, rank: *rank, note }).await
            }
            Self::Release { id, root, signature, note } => {
                ledger.release(Release { id: *id, root, signature: signature.as_ref(), note }).await
            }
            Self::Resize { id, claim, amounts, expires_at } => {
                let (id, expires_at) = (*id, *expires_at);
                ledger.resize(Resize { id, claim, amounts, expires_at }).await
            }
            Self::Mark { root, scope, action, signature } => {
                ledger.mark(MarkScope { root, scope, action: *action, signature }).await
            }
            Self::Record { body: Body { id, claim, amounts, note }, corrects, signature } => {
                let (id, corrects) = (*id, *corrects);
                ledger.record(Record { id, claim, amounts, corrects, signature, note }).await
            }
        }
    }
}

impl Charge {
    fn borrowed(&self) -> OnExpiry<'_> {
        match self {
            Self::Nothing => OnExpiry::Nothing,
            Self::Hold => OnExpiry::Hold,
            Self::Amounts(amounts) => OnExpiry::Amounts(amounts),
        }
    }
}

fn body(id: ReservationId, claim: &Claim, amounts: &[i64], note: &Note) -> Body {
    Body { id, claim: claim.clone(), amounts: amounts.to_vec(), note: note.clone() }
}

impl From<Reserve<'_>> for Letter {
    fn from(command: Reserve<'_>) -> Self {
        let on_expiry = match command.on_expiry {
            OnExpiry::Nothing => Charge::Nothing,
            OnExpiry::Hold => Charge::Hold,
            OnExpiry::Amounts(amounts) => Charge::Amounts(amounts.to_vec()),
        };
        let body = body(command.id, command.claim, command.amounts, command.note);
        Self::Reserve { body, expires_at: command.expires_at, on_expiry }
    }
}

impl From<Reconcile<'_>> for Letter {
    fn from(command: Reconcile<'_>) -> Self {
        let body = body(command.id, command.claim, command.amounts, command.note);
        Self::Reconcile { body, rank: command.rank }
    }
}

impl From<Release<'_>> for Letter {
    fn from(command: Release<'_>) -> Self {
        let Release { id, root, signature, note } = command;
        Self::Release { id, root: root.clone(), signature: signature.cloned(), note: note.clone() }
    }
}

impl From<Resize<'_>> for Letter {
    fn from(command: Resize<'_>) -> Self {
        let Resize { id, claim, amounts, expires_at } = command;
        Self::Resize { id, claim: claim.clone(), amounts: amounts.to_vec(), expires_at }
    }
}

impl From<MarkScope<'_>> for Letter {
    fn from(command: MarkScope<'_>) -> Self {
        let MarkScope { root, scope, action, signature } = command;
        Self::Mark { root: root.clone(), scope: scope.clone(), action, signature: signature.clone() }
    }
}

impl From<Record<'_>> for Letter {
    fn from(command: Record<'_>) -> Self {
        let body = body(command.id, command.claim, command.amounts, command.note);
        Self::Record { body, corrects: command.corrects, signature: command.signature.clone() }
    }
}
