//! What does one budget say of a call, by its balance at the instant of the decision?

use serde::{Serialize, Serializer};

use super::Verdict;
use super::refusal::{Refusal, RefusalKind};
use crate::values::amount::Figure;
use crate::values::{Balance, ScopeKind, ShortText, Terms, Timestamp, Unit};
use crate::{Scope, Window};

/// One binding budget's state, as the decision saw it: just before the call.
///
/// As JSON its dollars are text (`"5.00"`), and everything else that it counts is a
/// number.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BudgetState {
    /// The budget's id.
    pub budget: ShortText,
    /// The scope that pays.
    pub scope: Scope,
    /// The window, as people read it.
    pub window: String,
    /// When its window begins anew; `None` where it rolls or never does.
    pub resets_at: Option<Timestamp>,
    /// What it counts.
    pub unit: Unit,
    /// The limit, raises included; `None` is no limit.
    pub limit: Option<i64>,
    /// Spent before this call.
    pub spent: i64,
    /// Held for other calls.
    pub reserved: i64,
    /// What this call asks for.
    pub requested: i64,
    /// Limit less spent and reserved, before this call; below zero after an overrun.
    pub remaining: Option<i64>,
    /// What this budget alone says.
    pub verdict: Verdict,
    /// It only observes: its verdict says what enforcement would have done.
    pub observe: bool,
}

impl Serialize for BudgetState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let figure = |figure| Figure(&self.unit, figure);
        let mut fields = serializer.serialize_struct("BudgetState", 12)?;
        fields.serialize_field("budget", &self.budget)?;
        fields.serialize_field("scope", &self.scope)?;
        fields.serialize_field("window", &self.window)?;
        fields.serialize_field("resets_at", &self.resets_at)?;
        fields.serialize_field("unit", &self.unit)?;
        fields.serialize_field("limit", &self.limit.map(figure))?;
        fields.serialize_field("spent", &figure(self.spent))?;
        fields.serialize_field("reserved", &figure(self.reserved))?;
        fields.serialize_field("requested", &figure(self.requested))?;
        fields.serialize_field("remaining", &self.remaining.map(figure))?;
        fields.serialize_field("verdict", &self.verdict)?;
        fields.serialize_field("observe", &self.observe)?;
        fields.end()
    }
}

impl BudgetState {
    /// A budget as it stands, which nothing is asked of.
    pub(crate) fn at_rest(bound: &Terms, balance: &Balance) -> Self {
        JudgedLine { bound, balance, requested: 0, frees_in: None, set_aside: None }.state()
    }
}

/// One line of the binding beside its figures.
#[derive(Clone, Copy)]
pub(super) struct JudgedLine<'a> {
    pub(crate) bound: &'a Terms,
    pub(crate) balance: &'a Balance,
    pub(crate) requested: i64,
    /// After how many further sub-periods a rolling line has room.
    pub(crate) frees_in: Option<u32>,
    /// The run below for which so much is set aside that calls in flight do not matter.
    pub(crate) set_aside: Option<&'a Scope>,
}

impl JudgedLine<'_> {
    /// What would be used with this call.
    pub(super) fn used(&self) -> i64 {
        self.balance.used().saturating_add(self.requested)
    }

    /// The one inequality again: a line of amount zero never refuses.
    #[inline]
    pub(super) fn refuses(&self) -> bool {
        self.requested > 0 && self.used() > self.bound.enforced_ceiling()
    }

    /// What this line alone says, observed or not.
    #[inline]
    pub(super) fn verdict(&self) -> Verdict {
        self.bound.verdict(self.used(), self.requested)
    }

    /// Why this line refuses, by its figures alone; the table at the head of this file.
    pub(super) fn kind(&self) -> RefusalKind {
        let ceiling = self.bound.enforced_ceiling();
        let alone = self.balance.spent.saturating_add(self.requested);
        let fits_alone = alone <= ceiling;
        let of_run = self.bound.account.scope().kind() == &ScopeKind::Run;
        if of_run && alone > self.bound.ceiling {
            // A final call counts what is held for others, too.
            let whole = self.bound.ceiling.saturating_add(self.bound.kept_back);
            if self.used() <= whole { RefusalKind::KeptBack } else { RefusalKind::RunLimit }
        } else if self.requested > ceiling {
            RefusalKind::NeverFits
        } else if let Some(child) = self.set_aside.filter(|_| fits_alone) {
            RefusalKind::HeldForChild { child: child.clone() }
        } else if fits_alone {
            RefusalKind::InFlight
        } else {
            RefusalKind::Exhausted { resets_at: self.resets_at() }
        }
    }

    /// When there is room: the next window, or when enough of a rolling one has aged out.
    fn resets_at(&self) -> Option<Timestamp> {
        if self.bound.period.span <= 1 {
            return self.bound.resets_at;
        }
        let steps = self.frees_in?;
        let length = self.bound.period.until.since(self.bound.period.from);
        // The running sub-period ends at `until`; each further step waits one more.
        Some(self.bound.period.until + length.saturating_mul(steps.saturating_sub(1)))
    }

    pub(super) fn window(&self) -> String {
        window_text(self.bound)
    }

    /// This line's refusal, with the figures it was judged by.
    pub(super) fn refusal(&self) -> Refusal {
        Refusal {
            budget: self.bound.account.budget().into(),
            scope: Some(self.bound.account.scope().clone()),
            window: self.window(),
            unit: self.bound.account.unit().clone(),
            limit: self.bound.limit,
            ceiling: self.bound.enforced_ceiling(),
            spent: self.balance.spent,
            reserved: self.balance.reserved,
            requested: self.requested,
            kind: self.kind(),
        }
    }

    /// This line's state just before the call.
    pub(super) fn state(&self) -> BudgetState {
        BudgetState {
            budget: self.bound.account.budget().into(),
            scope: self.bound.account.scope().clone(),
            window: self.window(),
            resets_at: self.bound.resets_at,
            unit: self.bound.account.unit().clone(),
            limit: self.bound.limit,
            spent: self.balance.spent,
            reserved: self.balance.reserved,
            requested: self.requested,
            remaining: self.bound.limit.map(|limit| limit.saturating_sub(self.balance.used())),
            verdict: self.verdict(),
            observe: self.bound.observe,
        }
    }
}

/// `month 2026-11`: the window's name and its present period.
pub(crate) fn window_text(bound: &Terms) -> String {
    period_text(&bound.window, bound.period.number)
}

/// The same for any period of that window.
pub(crate) fn period_text(window: &Window, period: i64) -> String {
    let name = window.to_string();
    let name = name.split(['@', ' ']).next().unwrap_or_default();
    // One that never resets has one period, and one that rolls no names for them.
    match window.resets_at(Timestamp::EPOCH) {
        Some(_) => format!("{name} {}", window.label(period)),
        None => window.label(period),
    }
}
