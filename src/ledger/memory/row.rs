//! What does one account's row hold, and how does a window roll over it?
//!
//! A calendar account counts one period: when the next begins, its figures start at zero. A rolling account counts the
//! last `span` sub-periods at any time, so it has a ring of slots, one for each, and the row's own figures are the sum
//! over the ring. The inequality reads that sum; nobody adds slots up on the path of a call.
//!
//! # Rolling, worked out
//! A span of 4 with period 10 present. Period p has the slot p mod 4:
//!
//! | period | 7 | 8 | 9 | 10 |
//! |---|---|---|---|---|
//! | slot | 3 | 0 | 1 | 2 |
//! | spent | 1 | 2 | 3 | 4 |
//!
//! The row has 10 spent. Period 11 begins: its slot is 11 mod 4 = 3, the very slot of period 7, which leaves the span.
//! So one step takes slot 3's figure off the sum (10 − 1 = 9) and empties the slot. After a pause of more than a span,
//! `span` steps have emptied every slot, however long it was.
//!
//! The span is one longer than the window (61 sub-periods for 60): the running sub-period is not over, and 60 whole ones
//! lie before it. So the ledger counts slightly more than a window, and never less.

use std::sync::{Arc, LazyLock};

use crate::Scope;
use crate::values::{Account, Balance, BudgetKey, Period, Tenant, Threshold, Timestamp, Unit};

/// The balances of one account: kept to little more than a cache line.
///
/// Invariants, which `verify` checks: `folded` and the kept journal entries make `total`; the open holds make
/// `reserved`, with what past periods still hold.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) account: Account,
    /// The newest period seen.
    pub(super) period: i64,
    /// Spent in that period; for a rolling account, over its span.
    pub(super) spent: i64,
    /// Reserved likewise.
    pub(super) reserved: i64,
    /// Spent since the account was made, whatever the period.
    pub(super) total: i64,
    /// The part of `total` whose journal entries were folded.
    pub(super) folded: i64,
    /// The number of the newest journal entry that names this row.
    pub(super) written: u64,
    /// After this instant the row may go, if nothing refers to it.
    pub(super) keep_until: Timestamp,
    /// Tiers that fired in the period, a bit for each.
    pub(super) fired: u32,
    /// Remembered holds that name this row.
    pub(super) holds: u32,
    /// The sub-periods of a rolling account.
    pub(super) rolling: Option<Box<[Slot]>>,
}

/// A sub-period of a rolling account, or a past period with calls still in flight.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slot {
    pub(super) spent: i64,
    pub(super) reserved: i64,
    /// Tiers that fired in a past calendar period; a rolling account keeps them in its row.
    pub(super) fired: u32,
}

/// A change to one account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) spent: i64,
    pub(super) reserved: i64,
}

/// One line of a hold: while it lives what it holds, afterwards what it was charged.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HoldLine {
    pub(super) row: u32,
    /// The lower half of the period; the row's own period tells the upper one.
    pub(super) period: u32,
    pub(super) amount: i64,
}

/// One line of a journal entry.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KeptLine {
    pub(super) row: u32,
    pub(super) period: i64,
    pub(super) change: Change,
}

/// The tier's bit in `fired`.
pub(super) fn tier_bit(threshold: &Threshold) -> u32 {
    1 << threshold.tier.min(31)
}

/// A rolling account counts for as long again as its span.
pub(super) fn keep_until(period: &Period) -> Timestamp {
    let length = period.until.since(period.from);
    period.until + length.saturating_mul(period.span.saturating_sub(1))
}

/// The slot of that period in a ring of so many.
pub(super) fn place_in(period: i64, slots: usize) -> Option<usize> {
    let slots = i64::try_from(slots).ok()?;
    usize::try_from(period.checked_rem_euclid(slots)?).ok()
}

/// The account of a row that belongs to nobody.
fn nobody() -> Account {
    static NOBODY: LazyLock<Account> = LazyLock::new(|| {
        let book = BudgetKey {
            tenant: Tenant::unnamed(),
            budget: "".into(),
            unit: Unit::Requests,
            window: "".into(),
        };
        #[expect(clippy::expect_used, reason = "the name is a constant that scopes accept")]
        Account::new(Arc::new(book), Scope::user("nobody").expect("a plain name"))
    });
    NOBODY.clone()
}

impl Row {
    /// A row that nobody asks for.
    pub(super) fn blank() -> Self {
        Self {
            account: nobody(),
            period: 0,
            spent: 0,
            reserved: 0,
            total: 0,
            folded: 0,
            written: 0,
            keep_until: Timestamp::MIN,
            fired: 0,
            holds: 0,
            rolling: None,
        }
    }

    pub(super) fn is_rolling(&self) -> bool {
        self.rolling.is_some()
    }

    /// Whether that is the period that `spent` and `reserved` count, and nothing rolls.
    #[inline]
    pub(super) fn is_present(&self, period: i64) -> bool {
        self.period == period && self.rolling.is_none()
    }

    /// Changes the present period. What does not fit was refused before: see `Rows::fits`.
    #[inline]
    pub(super) fn change(&mut self, change: Change) -> Balance {
        self.total = self.total.saturating_add(change.spent);
        self.spent = self.spent.saturating_add(change.spent);
        self.reserved = self.reserved.saturating_add(change.reserved);
        self.balance()
    }

    #[inline]
    pub(super) fn balance(&self) -> Balance {
        Balance { spent: self.spent, reserved: self.reserved }
    }

    /// Whether spent money has reached a level that has not fired in this period.
    #[inline]
    pub(super) fn reaches(&self, thresholds: &[Threshold]) -> bool {
        let mut reached = thresholds.iter().take_while(|threshold| self.spent >= threshold.at);
        reached.any(|threshold| self.fired & tier_bit(threshold) == 0)
    }

    /// Moves a rolling account on to `period`: what leaves the span no longer counts.
    pub(super) fn roll_span(&mut self, period: i64) {
        let Some(slots) = self.rolling.as_deref_mut() else { return };
        let span = i64::try_from(slots.len()).unwrap_or(i64::MAX);
        let steps = period.saturating_sub(self.period).min(span);
        for step in 1..=steps {
            let entering = period.saturating_sub(steps).saturating_add(step);
            if let Some(slot) = place_in(entering, slots.len()).and_then(|place| slots.get_mut(place)) {
                self.spent = self.spent.saturating_sub(slot.spent);
                self.reserved = self.reserved.saturating_sub(slot.reserved);
                *slot = Slot::default();
            }
        }
        // A level fires again once in each length of the window.
        let window = span.saturating_sub(1).max(1);
        if self.period.checked_div_euclid(window) != period.checked_div_euclid(window) {
            self.fired = 0;
        }
        self.period = period;
    }

    /// Changes a sub-period that the span still counts; one that has left it changes the total alone.
    pub(super) fn apply_rolling(&mut self, period: i64, change: Change) {
        let Some(slots) = self.rolling.as_deref_mut() else { return };
        let span = i64::try_from(slots.len()).unwrap_or(i64::MAX);
        if period > self.period || self.period.saturating_sub(period) >= span {
            return;
        }
        if let Some(slot) = place_in(period, slots.len()).and_then(|place| slots.get_mut(place)) {
            slot.spent = slot.spent.saturating_add(change.spent);
            slot.reserved = slot.reserved.saturating_add(change.reserved);
            self.spent = self.spent.saturating_add(change.spent);
            self.reserved = self.reserved.saturating_add(change.reserved);
        }
    }
}
