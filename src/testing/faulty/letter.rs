//! How does a command arrive after its sender gave up? As a copy that owns what the command borrowed.
//!
//! Commands borrow from their caller, who may have gone by the time a late copy arrives.
//! So a letter owns everything. It also knows which letters must keep their order: of
//! these pairs the contract promises nothing, and a wire that swapped them would accuse a
//! right ledger.

use crate::ledger::{
    Answer, Attribution, BudgetLedger, Certainty, MarkAction, MarkScope, Note, OnExpiry, Outcome, Reconcile,
    Record, Release, Reply, Reserve, Resize,
};
use crate::values::{Claim, ReservationId, Tenant, Timestamp};
use crate::{Error, Scope};

/// A command that owns what it borrowed, so that it can be sent later, and again.
///
/// For ledgers that stand in front of another in tests: a command borrows, and an answer that is to come does not.
///
/// # Example: the same command twice is done once
/// ```
/// use token_budget::{Clock, MemoryLedger};
/// use token_budget::ledger::{Note, Release, ReservationId, Tenant};
/// use token_budget::testing::Letter;
/// use token_budget::time::SystemClock;
///
/// let (id, tenant, note) = (ReservationId::generate(SystemClock.now()), Tenant::unnamed(), Note::default());
/// let letter = Letter::from(Release { id, tenant: &tenant, attribution: None, note: &note, now: None });
/// drop((tenant, note)); // it has its own
///
/// let ledger = MemoryLedger::new();
/// assert!(!letter.deliver(&ledger).wait()?.repeated);
/// assert!(letter.deliver(&ledger).wait()?.repeated);
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Letter(Command);

#[derive(Clone, Debug)]
enum Command {
    Reserve {
        body: Body,
        expires_at: Timestamp,
        on_expiry: OwnedCharge,
    },
    Reconcile {
        body: Body,
        certainty: Certainty,
        attribution: Option<Attribution>,
    },
    Release {
        id: ReservationId,
        tenant: Tenant,
        attribution: Option<Attribution>,
        note: Note,
    },
    Resize {
        id: ReservationId,
        claim: Claim,
        amounts: Vec<i64>,
        expires_at: Option<Timestamp>,
    },
    Record {
        body: Body,
        used_at: Option<Timestamp>,
        corrects: Option<ReservationId>,
        attribution: Attribution,
    },
    Mark {
        tenant: Tenant,
        scope: Scope,
        action: MarkAction,
        attribution: Attribution,
    },
}

/// What a command is about: those about the same may have to keep their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Id(Tenant, ReservationId),
    Scope(Tenant, Scope),
}

/// What most commands are about: an id, lines, amounts, a note.
#[derive(Clone, Debug)]
struct Body {
    id: ReservationId,
    claim: Claim,
    amounts: Vec<i64>,
    note: Note,
}

/// What a hold is charged if it expires, owned.
#[derive(Clone, Debug)]
enum OwnedCharge {
    Nothing,
    Hold,
    Amounts(Vec<i64>),
}

impl Letter {
    /// The id or the scope that the command is about, in its tenant.
    pub(super) fn subject(&self) -> Subject {
        match &self.0 {
            Command::Reserve { body, .. }
            | Command::Reconcile { body, .. }
            | Command::Record { body, .. } => Subject::Id(body.claim.tenant().clone(), body.id),
            Command::Resize { id, claim, .. } => Subject::Id(claim.tenant().clone(), *id),
            Command::Release { id, tenant, .. } => Subject::Id(tenant.clone(), *id),
            Command::Mark { tenant, scope, .. } => Subject::Scope(tenant.clone(), scope.clone()),
        }
    }

    /// Whether that later command may not overtake this one, because this one would undo
    /// it on arrival.
    ///
    /// A resize and a mark set what they say, so the last must be the last. A late
    /// release would withdraw a charge, and a late report would charge what was released.
    pub(super) fn comes_before(&self, later: &Self) -> bool {
        use Command::{Mark, Reconcile, Release, Resize};
        let orders = matches!(
            (&self.0, &later.0),
            (Resize { .. }, Resize { .. })
                | (Mark { .. }, Mark { .. })
                | (Reconcile { .. }, Release { .. })
                | (Release { .. }, Reconcile { .. })
        );
        orders && self.subject() == later.subject()
    }

    /// Whether this is a copy of that command, or of one like it.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(&self.0) == std::mem::discriminant(&other.0)
            && self.subject() == other.subject()
    }

    /// Whether a copy that comes after this answer does no more than was answered.
    ///
    /// Not if nothing was changed and nothing is remembered (an error, `Stale`, growth
    /// that was refused), or not for long (a refusal: a minute): the copy would be judged
    /// anew, and might be executed although its sender heard that it was not.
    pub(super) fn may_follow(&self, answer: &Result<Reply, Error>) -> bool {
        let applied = |reply: &Reply| matches!(reply.outcome, Outcome::Applied | Outcome::Ignored);
        answer.as_ref().is_ok_and(applied)
    }

    /// Whether a copy that comes at once after this answer does no more than was answered: a
    /// refusal is remembered for so long.
    pub(super) fn may_come_twice(&self, answer: &Result<Reply, Error>) -> bool {
        let refused = |reply: &Reply| reply.outcome == Outcome::Refused;
        let is_reserve = matches!(self.0, Command::Reserve { .. });
        self.may_follow(answer) || (is_reserve && answer.as_ref().is_ok_and(refused))
    }

    /// Sends it.
    pub fn deliver(&self, ledger: &dyn BudgetLedger) -> Answer<'static, Reply> {
        match &self.0 {
            Command::Reserve { body: Body { id, claim, amounts, note }, expires_at, on_expiry } => {
                let (id, expires_at, on_expiry) = (*id, *expires_at, on_expiry.borrowed());
                ledger.reserve(Reserve { id, claim, amounts, expires_at, on_expiry, note, now: None })
            }
            Command::Reconcile { body: Body { id, claim, amounts, note }, certainty, attribution } => {
                let (id, certainty, attribution) = (*id, *certainty, attribution.as_ref());
                ledger.reconcile(Reconcile { id, claim, amounts, certainty, attribution, note, now: None })
            }
            Command::Release { id, tenant, attribution, note } => ledger.release(Release {
                id: *id,
                tenant,
                attribution: attribution.as_ref(),
                note,
                now: None,
            }),
            Command::Resize { id, claim, amounts, expires_at } => {
                let (id, expires_at) = (*id, *expires_at);
                ledger.resize(Resize { id, claim, amounts, expires_at, now: None })
            }
            Command::Mark { tenant, scope, action, attribution } => {
                ledger.mark(MarkScope { tenant, scope, action: *action, attribution, now: None })
            }
            Command::Record { body: Body { id, claim, amounts, note }, used_at, corrects, attribution } => {
                let (id, used_at, corrects) = (*id, *used_at, *corrects);
                ledger.record(Record { id, used_at, claim, amounts, corrects, attribution, note, now: None })
            }
        }
    }
}

impl OwnedCharge {
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
            OnExpiry::Nothing => OwnedCharge::Nothing,
            OnExpiry::Hold => OwnedCharge::Hold,
            OnExpiry::Amounts(amounts) => OwnedCharge::Amounts(amounts.to_vec()),
        };
        let body = body(command.id, command.claim, command.amounts, command.note);
        Self(Command::Reserve { body, expires_at: command.expires_at, on_expiry })
    }
}

impl From<Reconcile<'_>> for Letter {
    fn from(command: Reconcile<'_>) -> Self {
        let body = body(command.id, command.claim, command.amounts, command.note);
        let (certainty, attribution) = (command.certainty, command.attribution.cloned());
        Self(Command::Reconcile { body, certainty, attribution })
    }
}

impl From<Release<'_>> for Letter {
    fn from(command: Release<'_>) -> Self {
        let Release { id, tenant, attribution, note, .. } = command;
        Self(Command::Release {
            id,
            tenant: tenant.clone(),
            attribution: attribution.cloned(),
            note: note.clone(),
        })
    }
}

impl From<Resize<'_>> for Letter {
    fn from(command: Resize<'_>) -> Self {
        let Resize { id, claim, amounts, expires_at, .. } = command;
        Self(Command::Resize { id, claim: claim.clone(), amounts: amounts.to_vec(), expires_at })
    }
}

impl From<MarkScope<'_>> for Letter {
    fn from(command: MarkScope<'_>) -> Self {
        let MarkScope { tenant, scope, action, attribution, .. } = command;
        Self(Command::Mark {
            tenant: tenant.clone(),
            scope: scope.clone(),
            action,
            attribution: attribution.clone(),
        })
    }
}

impl From<Record<'_>> for Letter {
    fn from(command: Record<'_>) -> Self {
        let body = body(command.id, command.claim, command.amounts, command.note);
        Self(Command::Record {
            body,
            used_at: command.used_at,
            corrects: command.corrects,
            attribution: command.attribution.clone(),
        })
    }
}
