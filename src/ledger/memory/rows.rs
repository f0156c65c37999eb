//! What has each account spent and reserved, in its present period and over its span?
//!
//! A row counts the newest period that any command brought. A hold that was made in an earlier one must still find its
//! figures when it ends. So if a calendar row moves on while something is reserved, its old figures go into `closed`;
//! they leave it when the last hold of that period has ended.
//!
//! Worked example: in November a team has 5 spent and 3 reserved. A December call moves the row on: the row has (0, 0),
//! and `closed[November]` has (5, 3). The November call ends with 2 used: `closed[November]` becomes (7, 0) and is dropped.
//! December never saw any of it; the row's `before` is 8 until then, and 7 from then on.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};

use hashbrown::HashTable;

use super::chunks::Chunks;
use super::row::{Change, ChangedLine, Rest, Row, Slot, keep_until};
use crate::ledger::rules::rows::{Fired, fire, frees_in};
use crate::values::{Account, Balance, ClaimLine, Period, ScopeKind};
use crate::{Error, Scope};

/// Says that an account has no row yet.
pub(super) const NO_ROW: u32 = u32::MAX;

/// All accounts of one tenant.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) rows: Chunks<Row>,
    /// At the same places.
    pub(super) rest: Chunks<Rest>,
    /// Places by account.
    index: HashTable<u32>,
    /// Past calendar periods in which a hold is still open.
    closed: HashMap<(u32, i64), Slot, foldhash::fast::RandomState>,
    /// Runs that have rows, and how many.
    runs: HashMap<Scope, u32>,
    /// Where the search for idle rows goes on.
    pub(super) hand: u32,
}

impl Rows {
    /// Finds the row of that account, by the hint it carries or by name, and leaves a hint for the next time.
    pub(super) fn find(&self, account: &Account) -> u32 {
        let hint = account.hint();
        // Free rows have a key that is no hint, and a row's number is never given again.
        if self.rows.try_get(hint as u32).is_some_and(|row| row.key == hint) {
            return hint as u32;
        }
        let found = self.index.find(account.hash(), |place| self.rest.get(*place).account.same(account));
        let place = found.copied().unwrap_or(NO_ROW);
        if place != NO_ROW {
            account.set_hint(self.rows.get(place).key);
        }
        place
    }

    /// The row of that account, made where there is none.
    pub(super) fn find_or_make(&mut self, line: &ClaimLine) -> Result<u32, Error> {
        let account = &line.account;
        let found = self.find(account);
        if found != NO_ROW {
            return Ok(found);
        }
        let place = self.rows.take(Row::blank).ok_or_else(|| Error::overflow("accounts"))?;
        // Both arrays give and take the same places in the same order.
        self.rest.take(Rest::blank).ok_or_else(|| Error::overflow("accounts"))?;
        let key = u64::from(number()) << 32 | u64::from(place);
        let rolls = u64::from(line.period.span > 1);
        *self.rows.get_mut(place) = Row { key, period: line.period.number, rolls, ..Row::blank() };
        let slots = vec![Slot::default(); if rolls == 0 { 0 } else { line.period.span as usize }];
        let slots = (rolls != 0).then(|| slots.into_boxed_slice());
        *self.rest.get_mut(place) =
            Rest { account: account.clone(), keep_until: keep_until(&line.period), slots };
        let Self { rest, index, .. } = self;
        index.insert_unique(account.hash(), place, |place| rest.get(*place).account.hash());
        if account.scope().kind() == &ScopeKind::Run {
            let rows = self.runs.entry(account.scope().clone()).or_default();
            *rows = rows.wrapping_add(1);
        }
        account.set_hint(key);
        Ok(place)
    }

    #[inline]
    pub(super) fn get(&self, place: u32) -> &Row {
        self.rows.get(place)
    }

    pub(super) fn account(&self, place: u32) -> &Account {
        &self.rest.get(place).account
    }

    /// Lets the row live through that period, which becomes its present one if it is newer.
    ///
    /// Keeps the one before, if something is reserved in it.
    pub(super) fn advance(&mut self, place: u32, period: &Period) {
        let (row, rest) = (self.rows.get_mut(place), self.rest.get_mut(place));
        if row.period >= period.number {
            return;
        }
        rest.keep_until = rest.keep_until.max(keep_until(period));
        if let Some(slots) = &mut rest.slots {
            row.roll_span(slots, period.number);
            return;
        }
        let slot = Slot { spent: row.spent, reserved: row.reserved, fired: row.fired };
        if slot.reserved != 0 {
            self.closed.insert((place, row.period), slot);
        }
        row.retire(slot);
        (row.period, row.fired) = (period.number, 0);
    }

    /// The balance that a line of that period is judged by. A rolling row that the period is ahead of is judged as if it had rolled.
    pub(super) fn balance(&self, place: u32, period: i64) -> Balance {
        if place == NO_ROW {
            return Balance::default();
        }
        let row = self.rows.get(place);
        if row.period == period || (row.rolls != 0 && period < row.period) {
            return row.balance();
        }
        if let Some(slots) = &self.rest.get(place).slots {
            return row.balance_in(slots, period);
        }
        self.closed.get(&(place, period)).copied().unwrap_or_default().balance()
    }

    /// Whether that period's balance is known: a past one is forgotten once nothing is held in it.
    pub(super) fn counts(&self, place: u32, period: i64) -> bool {
        let row = self.rows.get(place);
        row.period == period || row.rolls != 0 || self.closed.contains_key(&(place, period))
    }

    /// Whether the change can be applied without a sum that does not fit; where there is no row, whether it fits by itself.
    pub(super) fn fits(&self, place: u32, change: Change) -> bool {
        self.rows.try_get(place).is_none_or(|row| row.fits(change))
    }

    /// Applies a line that [`fits`](Self::fits); says what the balance is then.
    pub(super) fn apply(&mut self, line: &ChangedLine) -> Balance {
        let row = self.rows.get_mut(line.row);
        if row.is_present(line.period) {
            row.change(line.change);
        } else if let Some(slots) = &mut self.rest.get_mut(line.row).slots {
            row.change_rolling(slots, line.period, line.change);
        } else {
            row.change_before(line.change);
            // A past period without open holds is history: `before` has it.
            if let Some(slot) = self.closed.get_mut(&(line.row, line.period)) {
                slot.change(line.change);
            }
        }
        self.balance(line.row, line.period)
    }

    /// One more record or entry names the row.
    pub(super) fn name(&mut self, place: u32) {
        let row = self.rows.get_mut(place);
        row.names = row.names.wrapping_add(1);
    }

    /// One fewer names it: what it told to be spent is folded.
    #[inline]
    pub(super) fn fold(&mut self, place: u32, spent: i64) {
        let row = self.rows.get_mut(place);
        row.names = row.names.wrapping_sub(1);
        row.folded = row.folded.wrapping_add(spent);
    }

    /// Forgets a past period once its last hold has ended.
    pub(super) fn close(&mut self, place: u32, period: i64) {
        if !self.closed.is_empty() && self.closed.get(&(place, period)).is_some_and(|slot| slot.reserved == 0)
        {
            self.closed.remove(&(place, period));
        }
    }

    /// The tiers of the line that spent money now reaches for the first time in the period, as (tier, threshold).
    pub(super) fn crossings(&mut self, place: u32, line: &ClaimLine) -> Fired {
        let spent = self.balance(place, line.period.number).spent;
        let row = self.rows.get_mut(place);
        let fired = if row.period == line.period.number || row.rolls != 0 {
            &mut row.fired
        } else if let Some(slot) = self.closed.get_mut(&(place, line.period.number)) {
            &mut slot.fired
        } else {
            return Fired::new();
        };
        fire(fired, spent, &line.thresholds)
    }

    /// After how many further sub-periods `amount` fits under the ceiling, if nothing else happens.
    pub(super) fn frees_in(&self, place: u32, line: &ClaimLine, amount: i64) -> Option<u32> {
        let (row, rest) = (self.rows.try_get(place)?, self.rest.try_get(place)?);
        let slots = rest.slots.as_deref()?;
        let span = i64::try_from(slots.len()).ok()?;
        let last = row.period.max(line.period.number);
        let first = last.saturating_sub(span).saturating_add(1);
        let leaving = (first..=last).map(|period| row.slot(slots, period).balance());
        frees_in(self.balance(place, last).used(), leaving, amount, line.ceiling)
    }

    /// Takes the row at that place out.
    pub(super) fn drop_row(&mut self, place: u32) {
        let hash = self.rest.get(place).account.hash();
        if let Ok(entry) = self.index.find_entry(hash, |other| *other == place) {
            entry.remove();
            self.count_run_out(place);
            // A hint may still lead here: the free row must not answer to its old name.
            *self.rows.get_mut(place) = Row::blank();
            *self.rest.get_mut(place) = Rest::blank();
            self.rows.free(place);
            self.rest.free(place);
        }
    }

    /// One row fewer of a run, where it is a run's.
    fn count_run_out(&mut self, place: u32) {
        let run = self.rest.get(place).account.scope();
        if run.kind() == &ScopeKind::Run
            && let Some(rows) = self.runs.get_mut(run)
        {
            *rows = rows.wrapping_sub(1);
            if *rows == 0 {
                self.runs.remove(run);
            }
        }
    }

    /// Whether that run has rows.
    pub(super) fn has_run(&self, run: &Scope) -> bool {
        self.runs.contains_key(run)
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// All rows in use.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Row)> {
        self.index.iter().map(|place| (*place, self.rows.get(*place)))
    }

    /// A row whose figures are below zero somewhere: in the present, in a past period that is kept, or for ever.
    pub(super) fn below_zero(&self) -> Option<u32> {
        let past = self.closed.iter().find(|(_, slot)| slot.spent < 0 || slot.reserved < 0);
        past.map(|((place, _), _)| *place).or_else(|| {
            let below = |row: &Row| row.spent < 0 || row.reserved < 0 || row.before < 0;
            self.iter().find(|(_, row)| below(row)).map(|(place, _)| place)
        })
    }

    /// What is reserved on that row in all periods that still count it.
    pub(super) fn reserved_everywhere(&self, place: u32) -> i128 {
        let closed = self.closed.iter().filter(|((row, _), _)| *row == place).map(|(_, slot)| slot.reserved);
        closed.map(i128::from).fold(i128::from(self.rows.get(place).reserved), i128::saturating_add)
    }
}

/// A number that no row of this process had before, as far as four thousand million numbers reach.
fn number() -> u32 {
    // It starts at one, so that a hint of zero leads nowhere, and outlives a checker's schedules.
    static ROWS: AtomicU32 = AtomicU32::new(1);
    ROWS.fetch_add(1, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use smallvec::smallvec;

    use super::*;
    use crate::values::{BudgetKey, Tenant, Timestamp, Unit};

    fn day(number: i64) -> Period {
        Period { number, from: Timestamp::MIN, until: Timestamp::MAX, span: 1 }
    }

    /// A line of one account, in that day.
    fn line(number: i64) -> ClaimLine {
        let book = BudgetKey {
            tenant: Tenant::unnamed(),
            budget: "b".into(),
            unit: Unit::Usd,
            window: "day".into(),
        };
        let account = Account::new(Arc::new(book), Scope::user("ada").expect("a plain name"));
        ClaimLine { account, period: day(number), ceiling: 10, thresholds: smallvec![] }
    }

    #[test]
    fn a_past_period_below_zero_is_found() {
        // Only the present period was looked at.
        let mut rows = Rows::default();
        let row = rows.find_or_make(&line(1)).expect("room");
        rows.apply(&ChangedLine { row, period: 1, change: Change { spent: 3, reserved: 4 } });
        rows.advance(row, &day(2));
        assert!(rows.below_zero().is_none());

        rows.apply(&ChangedLine { row, period: 1, change: Change { spent: -4, reserved: 0 } });
        rows.apply(&ChangedLine { row, period: 2, change: Change { spent: 2, reserved: 0 } });

        // Three less four is below zero in day 1, whatever day 2 and the sum say: 3 + 4 − 4 + 2.
        assert_eq!(rows.get(row).before + rows.get(row).spent, 5);
        assert!(rows.below_zero().is_some());
    }

    #[test]
    fn each_figure_below_zero_is_found_by_itself() {
        let below_zero = |(spent, reserved, before): (i64, i64, i64)| {
            let mut rows = Rows::default();
            let place = rows.find_or_make(&line(1)).expect("room");
            let row = rows.rows.get_mut(place);
            (row.spent, row.reserved, row.before) = (spent, reserved, before);
            rows.below_zero().is_some()
        };
        for sound in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)] {
            assert!(!below_zero(sound), "{sound:?}");
        }
        for wrong in [(-1, 0, 0), (0, -1, 0), (0, 0, -1)] {
            assert!(below_zero(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn each_figure_of_a_past_period_below_zero_is_found_by_itself() {
        let below_zero = |spent, reserved| {
            let mut rows = Rows::default();
            let place = rows.find_or_make(&line(2)).expect("room");
            rows.closed.insert((place, 1), Slot { spent, reserved, fired: 0 });
            rows.below_zero().is_some()
        };
        assert_eq!([below_zero(0, 0), below_zero(1, 0), below_zero(0, 1)], [false; 3]);
        assert_eq!([below_zero(-1, 0), below_zero(0, -1)], [true; 2]);
    }

    #[test]
    fn sums_that_fill_64_bits_fit_and_one_more_does_not() {
        let mut row = Row { before: i64::MAX - 12, spent: 5, reserved: 4, ..Row::blank() };
        assert!(row.fits(Change { spent: 3, reserved: 0 }) && !row.fits(Change { spent: 4, reserved: 0 }));
        assert!(row.fits(Change { spent: 0, reserved: 3 }) && !row.fits(Change { spent: 0, reserved: 4 }));
        // What is held can be charged whatever else was spent.
        assert!(row.fits(Change { spent: 4, reserved: -4 }));
        row.before = 0;
        assert!(!row.fits(Change { spent: i64::MAX, reserved: -4 }));
    }
}
