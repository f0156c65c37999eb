//! How is a command written that waits in a file?

use std::sync::Arc;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::Pending;
use super::file::damaged;
use crate::ledger::{About, Ended, Note, Rank};
use crate::{
    Account, Binding, Book, Bound, Caps, Claim, Error, Line, Mark, Period, ReservationId, Root, Scope,
    TierAction, Timestamp, Unit, Usage, Window,
};

/// A command with its lines, which a policy may no longer name when it is read.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Letter {
    id: ReservationId,
    /// The organisation; empty for the default books.
    root: CompactString,
    scopes: Vec<Scope>,
    lines: Vec<Written>,
    model: CompactString,
    end: End,
    about: Option<About>,
    usage: Option<Usage>,
    ended: Option<Ended>,
}

/// One line, and what people are told where it crosses a level.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    budget: CompactString,
    scope: Scope,
    unit: Unit,
    /// As the account names it.
    book: CompactString,
    window: Window,
    period: Period,
    ceiling: i64,
    marks: Vec<(i64, u8)>,
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
        rank: Rank,
        correction: Option<ReservationId>,
    },
}

impl Letter {
    pub(super) fn of(pending: &Pending) -> Self {
        let (id, binding, note, end) = match pending {
            Pending::Release { id, binding, note } => (id, binding, note, End::Release),
            Pending::Reconcile { id, binding, amounts, held, rank, note, correction } => {
                let (amounts, held) = (amounts.clone(), held.clone());
                (id, binding, note, End::Reconcile { amounts, held, rank: *rank, correction: *correction })
            }
        };
        Self {
            id: *id,
            root: binding.claim.root().name().into(),
            scopes: binding.claim.scopes_all().cloned().collect(),
            lines: binding.claim.lines().iter().zip(&binding.bound).map(written).collect(),
            model: binding.model.clone(),
            end,
            about: note.about.as_deref().cloned(),
            usage: note.usage,
            ended: note.ended,
        }
    }

    /// The command that was written.
    ///
    /// # Errors
    /// `Damaged` where its lines make no claim, or its amounts do not stand beside them.
    pub(super) fn open(self) -> Result<Pending, Error> {
        let Self { id, root, scopes, lines, model, end, about, usage, ended } = self;
        let root = Root::named(&root).map_err(|error| damaged(&error))?;
        let (lines, bound): (Vec<Line>, Vec<Bound>) = lines.into_iter().map(|line| line.read(&root)).unzip();
        let count = lines.len();
        let claim = Claim::new(root, &scopes, lines).map_err(|error| damaged(&error))?;
        let binding = Arc::new(Binding {
            claim,
            bound,
            caps: Caps::default(),
            model,
            next_rung: None,
            exemptions: Vec::new(),
            observes_only: false,
            observes_some: false,
            caps_observed: Caps::default(),
            unbound_observed: false,
            unbound: None,
            policy_is_empty: false,
            nearest_kind: None,
            valid_until: Timestamp::EPOCH,
        });
        let note = Note { about: about.map(Arc::new), usage, ended };
        match end {
            End::Release => Ok(Pending::Release { id, binding, note }),
            End::Reconcile { amounts, .. } if amounts.len() != count => {
                Err(damaged(&format!("{} amounts for {count} lines", amounts.len())))
            }
            End::Reconcile { amounts, held, rank, correction } => {
                Ok(Pending::Reconcile { id, binding, amounts, held, rank, note, correction })
            }
        }
    }
}

fn written((line, bound): (&Line, &Bound)) -> Written {
    let book = line.account.book();
    Written {
        budget: book.budget.clone(),
        scope: line.account.scope().clone(),
        unit: book.unit.clone(),
        book: book.window.clone(),
        window: bound.window.clone(),
        period: line.period,
        ceiling: line.ceiling,
        marks: line.marks.iter().map(|mark| (mark.at, mark.tier)).collect(),
        tiers: bound.tiers.clone(),
    }
}

impl Written {
    /// The line, and as much of its budget as events name.
    fn read(self, root: &Root) -> (Line, Bound) {
        let book = Book { root: root.clone(), budget: self.budget, unit: self.unit, window: self.book };
        let account = Account::new(Arc::new(book), self.scope);
        let marks = self.marks.into_iter().map(|(at, tier)| Mark { at, tier }).collect();
        let line = Line { account: account.clone(), period: self.period, ceiling: self.ceiling, marks };
        let bound = Bound {
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
