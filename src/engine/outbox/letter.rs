//! How is a command written that waits in a file?
//!
//! With all that the ledger needs, because whoever reads it may run under another policy: the budget may be gone, and
//! its period over. So accounts are written by name, and windows, periods, ceilings and thresholds as they were resolved.
//! No text of a prompt is in it.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::pending::Pending;
use crate::ledger::{About, Certainty, Ended, Note, Served};
use crate::values::{
    Account, Binding, BudgetKey, Caps, Claim, ClaimLine, Period, ReservationId, ShortText, Tenant, Terms,
    Threshold, TierAction, Timestamp, Unit,
};
use crate::{Error, ErrorKind, Scope, Usage, Usd, Window};

/// A command with its lines, which a policy may no longer name when it is read.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Letter {
    id: ReservationId,
    /// The organisation; empty for the default books.
    tenant: ShortText,
    scopes: Vec<Scope>,
    lines: Vec<Written>,
    model: ShortText,
    end: End,
    about: Option<About>,
    #[serde(default)]
    served: Option<Served>,
    usage: Option<Usage>,
    #[serde(default)]
    cost: Option<Usd>,
    ended: Option<Ended>,
}

/// One line, and what people are told where it reaches a threshold.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    budget: ShortText,
    scope: Scope,
    unit: Unit,
    /// As the account names it.
    book: ShortText,
    window: Window,
    period: Period,
    ceiling: i64,
    thresholds: Vec<(i64, u8)>,
    tiers: SmallVec<[(TierAction, i64); 4]>,
}

/// How the call ends.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum End {
    Release,
    Reconcile {
        amounts: SmallVec<[i64; 8]>,
        held: SmallVec<[i64; 8]>,
        certainty: Certainty,
        correction: Option<ReservationId>,
    },
}

impl Letter {
    pub(super) fn of(pending: &Pending) -> Self {
        let (id, binding, note, end) = match pending {
            Pending::Release { id, binding, note } => (id, binding, note, End::Release),
            Pending::Reconcile { id, binding, amounts, held, certainty, note, correction } => {
                let (amounts, held) = (amounts.clone(), held.clone());
                (
                    id,
                    binding,
                    note,
                    End::Reconcile { amounts, held, certainty: *certainty, correction: *correction },
                )
            }
        };
        Self {
            id: *id,
            tenant: binding.claim.tenant().name().into(),
            scopes: binding.claim.scopes_all().cloned().collect(),
            lines: binding.claim.lines().iter().zip(&binding.terms).map(written).collect(),
            model: binding.model.clone(),
            end,
            about: note.about.as_deref().cloned(),
            served: note.served.as_deref().cloned(),
            usage: note.usage,
            cost: note.cost,
            ended: note.ended,
        }
    }

    /// The command that was written.
    ///
    /// # Errors
    /// `Damaged` where its lines make no claim, or its amounts do not stand beside them.
    pub(super) fn open(self) -> Result<Pending, Error> {
        let Self { id, tenant, scopes, lines, model, end, about, served, usage, cost, ended } = self;
        let tenant = Tenant::named(&tenant).map_err(|error| damaged(&error))?;
        let (lines, bound): (Vec<ClaimLine>, Vec<Terms>) =
            lines.into_iter().map(|line| line.read(&tenant)).unzip();
        let count = lines.len();
        let claim = Claim::new(tenant, &scopes, lines).map_err(|error| damaged(&error))?;
        let binding = Arc::new(Binding {
            claim,
            terms: bound,
            caps: Caps::default(),
            model,
            next_rung: None,
            exemptions: Vec::new(),
            observes_only: false,
            observes_some: false,
            caps_observed: Caps::default(),
            unbound_observed: false,
            unbound: None,
            is_fixed: false,
            policy_is_empty: false,
            nearest_kind: None,
            valid_until: Timestamp::EPOCH,
        });
        let note = Note { about: about.map(Arc::new), served: served.map(Arc::new), usage, cost, ended };
        match end {
            End::Release => Ok(Pending::Release { id, binding, note }),
            End::Reconcile { amounts, .. } if amounts.len() != count => {
                Err(damaged(&format!("{} amounts for {count} lines", amounts.len())))
            }
            End::Reconcile { amounts, held, certainty, correction } => {
                Ok(Pending::Reconcile { id, binding, amounts, held, certainty, note, correction })
            }
        }
    }
}

/// The line as it is written.
fn written((line, bound): (&ClaimLine, &Terms)) -> Written {
    let book = line.account.key();
    Written {
        budget: book.budget.clone(),
        scope: line.account.scope().clone(),
        unit: book.unit.clone(),
        book: book.window.clone(),
        window: bound.window.clone(),
        period: line.period,
        ceiling: line.ceiling,
        thresholds: line.thresholds.iter().map(|threshold| (threshold.at, threshold.tier)).collect(),
        tiers: bound.tiers.clone(),
    }
}

impl Written {
    /// The line, and as much of its budget as events name.
    fn read(self, tenant: &Tenant) -> (ClaimLine, Terms) {
        let book =
            BudgetKey { tenant: tenant.clone(), budget: self.budget, unit: self.unit, window: self.book };
        let account = Account::new(Arc::new(book), self.scope);
        let thresholds = self.thresholds.into_iter().map(|(at, tier)| Threshold { at, tier }).collect();
        let line =
            ClaimLine { account: account.clone(), period: self.period, ceiling: self.ceiling, thresholds };
        let bound = Terms {
            account,
            window: self.window,
            period: self.period,
            resets_at: None,
            limit: None,
            raised: 0,
            kept_back: 0,
            ceiling: self.ceiling,
            degrade_ceiling: i64::MAX,
            warn_at: i64::MAX,
            tiers: self.tiers,
            observe: false,
            exemption: None,
        };
        (line, bound)
    }
}

/// What is written there is no command of this version.
pub(super) fn damaged(problem: &dyn fmt::Display) -> Error {
    Error::new(ErrorKind::Damaged, problem.to_string())
}
