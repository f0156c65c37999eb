//! How does a command arrive after its sender gave up? As a copy that owns what the command borrowed.

use crate::ledger::{
    BudgetLedger, Note, OnExpiry, Rank, Reconcile, Record, Release, Reply, Reserve, Signature,
};
use crate::{Claim, Error, ReservationId, Root, Timestamp};

/// A command under way.
///
/// Resizes and marks have none: they bear no id of their own, and a late copy
/// of one would undo what came after it.
#[derive(Clone, Debug)]
pub(super) enum Letter {
    Reserve { body: Body, expires_at: Timestamp, on_expiry: Charge },
    Reconcile { body: Body, rank: Rank },
    Release { id: ReservationId, root: Root, signature: Option<Signature>, note: Note },
    Record { body: Body, corrects: Option<ReservationId>, signature: Signature },
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
    pub(super) fn id(&self) -> ReservationId {
        match self {
            Self::Reserve { body, .. } | Self::Reconcile { body, .. } | Self::Record { body, .. } => body.id,
            Self::Release { id, .. } => *id,
        }
    }

    /// Whether it may arrive after later commands of its id: the contract promises that this changes nothing.
    pub(super) fn may_be_overtaken(&self) -> bool {
        matches!(self, Self::Reserve { .. } | Self::Record { .. })
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

impl From<Record<'_>> for Letter {
    fn from(command: Record<'_>) -> Self {
        let body = body(command.id, command.claim, command.amounts, command.note);
        Self::Record { body, corrects: command.corrects, signature: command.signature.clone() }
    }
}
