//! What does one account's row hold, and how does a window roll over it?
//!
//! A calendar account counts one period: when the next begins, its figures start at zero. A rolling account counts the
//! last `span` sub-periods at any time, so it has a ring of slots, one for each, and the row's own figures are the sum
//! over the ring. The inequality reads that sum; nobody adds slots up on the path of a call.
//!
//! # Two halves
//! What every command touches stands in a [`Row`] of one cache line. Names, slots and times stand in [`Rest`], at the same
//! place of a second array, so that a thousand busy rows are 64 kB and not 200.
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

use super::call::RecordLine;
use crate::Scope;
use crate::ledger::rules::rows::begins_anew;
use crate::values::claim::HotLine;
use crate::values::{Account, Balance, BudgetKey, Period, Tenant, Timestamp, Unit};

/// The balances of one account, in one cache line.
///
/// Invariants, which `verify` checks: `before + spent + reserved` is what was folded, what the journal's keepers tell, and
/// what open holds hold. The sum fits 64 bits, and none of the three is below zero.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Row {
    /// The row's number above, which no other row of this process ever had, and its place below. A hint is this value.
    pub(super) key: u64,
    /// The newest period seen.
    pub(super) period: i64,
    /// Spent in that period; for a rolling account, over its span.
    pub(super) spent: i64,
    /// Reserved likewise.
    pub(super) reserved: i64,
    /// Spent, and held to this day, in all periods that `spent` and `reserved` no longer count.
    pub(super) before: i64,
    /// What was spent by calls of which nothing is kept any more.
    pub(super) folded: i64,
    /// Records and journal entries that name this row.
    pub(super) names: u32,
    /// Tiers that fired in the period, a bit for each.
    pub(super) fired: u32,
    /// One where the window rolls, else zero.
    pub(super) rolls: u64,
}

/// What few commands read of an account.
#[derive(Debug)]
pub(super) struct Rest {
    pub(super) account: Account,
    /// After this instant the row may go, if nothing refers to it.
    pub(super) keep_until: Timestamp,
    /// The sub-periods of a rolling account.
    pub(super) slots: Option<Box<[Slot]>>,
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

/// A change to one account in one period: a line of a journal entry.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ChangedLine {
    pub(super) row: u32,
    pub(super) period: i64,
    pub(super) change: Change,
}

/// The key of a row that belongs to nobody: no hint is equal to it.
const NO_KEY: u64 = u64::MAX;

/// Above this, and below zero, sums are looked at one by one: three figures and an amount below 2^61 fit 64 bits.
const LARGE: u32 = 61;

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

impl Row {
    /// A row that nobody asks for.
    pub(super) fn blank() -> Self {
        Self {
            key: NO_KEY,
            period: 0,
            spent: 0,
            reserved: 0,
            before: 0,
            folded: 0,
            names: 0,
            fired: 0,
            rolls: 0,
        }
    }

    #[inline]
    pub(super) fn balance(&self) -> Balance {
        Balance { spent: self.spent, reserved: self.reserved }
    }

    /// Whether that is the period that `spent` and `reserved` count, and nothing rolls.
    #[inline]
    pub(super) fn is_present(&self, period: i64) -> bool {
        self.period == period && self.rolls == 0
    }

    /// Zero where the row is that line's, in its present period, and every sum with that amount surely fits.
    #[inline]
    fn strange(&self, line: &HotLine, amount: i64) -> u64 {
        let figures = amount | self.spent | self.reserved | self.before;
        (self.key ^ line.hint())
            | (self.period ^ line.period) as u64
            | self.rolls
            | (figures as u64).wrapping_shr(LARGE)
    }

    /// Holds the amount and says what the balance was, where the row is plainly the line's and has room.
    #[inline]
    pub(super) fn take(&mut self, line: &HotLine, amount: i64) -> Option<Balance> {
        let used = self.spent.wrapping_add(self.reserved).wrapping_add(amount);
        // A line of amount zero never refuses.
        if self.strange(line, amount) != 0 || (used > line.ceiling && amount != 0) {
            return None;
        }
        let balance = self.balance();
        self.reserved = self.reserved.wrapping_add(amount);
        self.names = self.names.wrapping_add(1);
        Some(balance)
    }

    /// Undoes a [`take`](Self::take).
    pub(super) fn give_back(&mut self, amount: i64) {
        self.reserved = self.reserved.wrapping_sub(amount);
        self.names = self.names.wrapping_sub(1);
    }

    /// Charges the amount in place of what the line holds, whatever that comes to; zero says that it came to the right thing.
    #[inline]
    pub(super) fn charge(&mut self, line: &HotLine, held: &RecordLine, amount: i64) -> u64 {
        let wrong = self.strange(line, amount) | u64::from(held.period ^ line.period as u32);
        self.spent = self.spent.wrapping_add(amount);
        self.reserved = self.reserved.wrapping_sub(held.held);
        wrong
    }

    /// Undoes a [`charge`](Self::charge).
    pub(super) fn uncharge(&mut self, held: i64, amount: i64) {
        self.spent = self.spent.wrapping_sub(amount);
        self.reserved = self.reserved.wrapping_add(held);
    }

    /// Whether everything ever spent and still held fits 64 bits with that change, and each balance with it.
    pub(super) fn fits(&self, change: Change) -> bool {
        let figures = [self.before, self.spent, self.reserved, change.spent, change.reserved];
        let sum: i128 = figures.into_iter().map(i128::from).sum();
        i64::try_from(sum).is_ok()
            && self.spent.checked_add(change.spent).is_some()
            && self.reserved.checked_add(change.reserved).is_some()
    }

    /// Changes what the row counts now. That it [`fits`](Self::fits) was found before.
    pub(super) fn change(&mut self, change: Change) {
        self.spent = self.spent.wrapping_add(change.spent);
        self.reserved = self.reserved.wrapping_add(change.reserved);
    }

    /// Changes what the row no longer counts. That it [`fits`](Self::fits) was found before.
    pub(super) fn change_before(&mut self, change: Change) {
        self.before = self.before.wrapping_add(change.spent).wrapping_add(change.reserved);
    }

    /// Lets what was counted be counted no longer: a period is over.
    pub(super) fn retire(&mut self, slot: Slot) {
        self.change(Change { spent: slot.spent.wrapping_neg(), reserved: slot.reserved.wrapping_neg() });
        self.change_before(Change { spent: slot.spent, reserved: slot.reserved });
    }

    /// Moves a rolling account on to `period`: what leaves the span no longer counts.
    pub(super) fn roll_span(&mut self, slots: &mut [Slot], period: i64) {
        let span = i64::try_from(slots.len()).unwrap_or(i64::MAX);
        let steps = period.saturating_sub(self.period).min(span);
        for step in 1..=steps {
            let entering = period.saturating_sub(steps).saturating_add(step);
            if let Some(slot) = place_in(entering, slots.len()).and_then(|place| slots.get_mut(place)) {
                self.retire(std::mem::take(slot));
            }
        }
        // A threshold fires again once in each length of the window.
        if begins_anew(span, self.period, period) {
            self.fired = 0;
        }
        self.period = period;
    }

    /// The balance of the span that would end with a newer period.
    pub(super) fn balance_in(&self, slots: &[Slot], period: i64) -> Balance {
        let span = i64::try_from(slots.len()).unwrap_or(i64::MAX);
        let first = period.saturating_sub(span).saturating_add(1);
        let kept = (first..=self.period).map(|period| self.slot(slots, period));
        kept.fold(Balance::default(), |sum, slot| Balance {
            spent: sum.spent.wrapping_add(slot.spent),
            reserved: sum.reserved.wrapping_add(slot.reserved),
        })
    }

    /// What a rolling account counts of that sub-period; nothing where its span has none.
    pub(super) fn slot(&self, slots: &[Slot], period: i64) -> Slot {
        let span = i64::try_from(slots.len()).unwrap_or(i64::MAX);
        if period > self.period || self.period.saturating_sub(period) >= span {
            return Slot::default();
        }
        place_in(period, slots.len()).and_then(|place| slots.get(place)).copied().unwrap_or_default()
    }

    /// Changes a sub-period that the span still counts, or what it no longer counts.
    pub(super) fn change_rolling(&mut self, slots: &mut [Slot], period: i64, change: Change) {
        let span = i64::try_from(slots.len()).unwrap_or(i64::MAX);
        if period > self.period || self.period.saturating_sub(period) >= span {
            self.change_before(change);
        } else if let Some(slot) = place_in(period, slots.len()).and_then(|place| slots.get_mut(place)) {
            slot.change(change);
            self.change(change);
        }
    }
}

impl Slot {
    pub(super) fn balance(self) -> Balance {
        Balance { spent: self.spent, reserved: self.reserved }
    }

    pub(super) fn change(&mut self, change: Change) {
        self.spent = self.spent.wrapping_add(change.spent);
        self.reserved = self.reserved.wrapping_add(change.reserved);
    }
}

impl Rest {
    /// The rest of a row that nobody asks for.
    pub(super) fn blank() -> Self {
        Self { account: nobody(), keep_until: Timestamp::MIN, slots: None }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_one_cache_line() {
        assert_eq!((size_of::<Row>(), align_of::<Row>()), (64, 64));
    }
}
