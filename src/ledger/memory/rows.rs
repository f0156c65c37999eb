//! What has each account spent and reserved, in its present period and over its span?
//!
//! A row counts the newest period that any command brought. A hold that was made in an earlier one must still find its
//! figures when it ends. So if a calendar row moves on while something is reserved, its old figures go into `closed`;
//! they leave it when the last hold of that period has ended.
//!
//! Worked example: in November a team has 5 spent and 3 reserved. A December call moves the row on: the row has (0, 0),
//! and `closed[November]` has (5, 3). The November call ends with 2 used: `closed[November]` becomes (7, 0) and is dropped.
//! December never saw any of it; the row's total has it for ever.
//!
//! # When a row may go
//! Each new row looks at four old ones, in turn, and drops those that nobody can ask for: no remembered hold names the row, no
//! kept journal entry names it, and its period (its whole span, if it rolls) is over. So a million users who call once leave no
//! million rows behind, and nobody ever sweeps all of them under the lock.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use hashbrown::HashTable;

use super::chunks::Chunks;
use super::row::{Change, HoldLine, KeptLine, Row, Slot, keep_until, place_in, tier_bit};
use crate::Error;
use crate::values::{Account, Balance, ClaimLine, Period, Timestamp};

/// Says that an account has no row yet.
pub(super) const NO_ROW: u32 = u32::MAX;

/// All accounts of one root.
#[derive(Debug, Default)]
pub(super) struct Rows {
    rows: Chunks<Row>,
    /// Places by account.
    index: HashTable<u32>,
    /// Past calendar periods in which a hold is still open.
    closed: HashMap<(u32, i64), Slot, foldhash::fast::RandomState>,
    /// Where the search for idle rows goes on.
    hand: u32,
}

impl Rows {
    /// Finds the row of that account, by the hint it carries or by name.
    #[inline]
    pub(super) fn find(&self, ledger: u32, account: &Account) -> u32 {
        let hint = account.hint();
        let hinted = if (hint >> 32) as u32 == ledger { self.rows.try_get(hint as u32) } else { None };
        if hinted.is_some_and(|row| row.account.same(account)) {
            return hint as u32;
        }
        self.find_by_name(ledger, account)
    }

    /// Finds the row by the account's name, and leaves a hint for the next time.
    fn find_by_name(&self, ledger: u32, account: &Account) -> u32 {
        let found = self.index.find(account.hash(), |place| self.rows.get(*place).account.same(account));
        let place = found.copied().unwrap_or(NO_ROW);
        if place != NO_ROW {
            account.set_hint(u64::from(ledger) << 32 | u64::from(place));
        }
        place
    }

    /// The row of that account, made where there is none.
    pub(super) fn find_or_make(&mut self, ledger: u32, line: &ClaimLine) -> Result<u32, Error> {
        let account = &line.account;
        let found = self.find(ledger, account);
        if found != NO_ROW {
            return Ok(found);
        }
        let rolling = (line.period.span > 1)
            .then(|| vec![Slot::default(); line.period.span as usize].into_boxed_slice());
        let (period, keep_until) = (line.period.number, keep_until(&line.period));
        let row = Row { account: account.clone(), period, keep_until, rolling, ..Row::blank() };
        let place = self.rows.take(Row::blank).ok_or_else(|| Error::overflow("accounts"))?;
        *self.rows.get_mut(place) = row;
        let Self { rows, index, .. } = self;
        index.insert_unique(account.hash(), place, |place| rows.get(*place).account.hash());
        account.set_hint(u64::from(ledger) << 32 | u64::from(place));
        Ok(place)
    }

    #[inline]
    pub(super) fn get(&self, place: u32) -> &Row {
        self.rows.get(place)
    }

    /// The row of that line, and the balance that a hold in its period is judged by.
    ///
    /// `None` where the row is in a later period already.
    #[inline]
    pub(super) fn look(&mut self, ledger: u32, line: &ClaimLine) -> Option<(u32, Balance)> {
        let hint = line.account.hint();
        // The upper half says which ledger wrote the hint, and the row says whether it still holds.
        if (hint >> 32) as u32 == ledger
            && let Some(row) = self.rows.try_get(hint as u32)
            && row.period == line.period.number
            && row.account.same(&line.account)
        {
            return Some((hint as u32, row.balance()));
        }
        self.look_closely(ledger, line)
    }

    /// The same without a hint that holds, or in a period that begins now.
    #[cold]
    fn look_closely(&mut self, ledger: u32, line: &ClaimLine) -> Option<(u32, Balance)> {
        let place = self.find(ledger, &line.account);
        if place == NO_ROW {
            return Some((place, Balance::default()));
        }
        self.advance(place, &line.period);
        let row = self.rows.get(place);
        (row.period == line.period.number).then(|| (place, row.balance()))
    }

    /// Lets the row live through that period, which becomes its present one if it is newer.
    #[inline]
    pub(super) fn advance(&mut self, place: u32, period: &Period) {
        if self.rows.get(place).period < period.number {
            self.roll(place, period);
        }
    }

    /// Makes that period the row's present one; keeps the one before, if something is reserved in it.
    #[cold]
    fn roll(&mut self, place: u32, period: &Period) {
        let row = self.rows.get_mut(place);
        let before = row.period;
        row.keep_until = row.keep_until.max(keep_until(period));
        if row.rolling.is_some() {
            row.roll_span(period.number);
            return;
        }
        if row.reserved != 0 {
            let slot = Slot { spent: row.spent, reserved: row.reserved, fired: row.fired };
            self.closed.insert((place, before), slot);
        }
        row.period = period.number;
        (row.spent, row.reserved, row.fired) = (0, 0, 0);
    }

    /// The balance that a line of that period is judged by.
    pub(super) fn balance(&self, place: u32, period: i64) -> Balance {
        if place == NO_ROW {
            return Balance::default();
        }
        let row = self.rows.get(place);
        if row.period == period || row.rolling.is_some() {
            return row.balance();
        }
        let slot = self.closed.get(&(place, period)).copied().unwrap_or_default();
        Balance { spent: slot.spent, reserved: slot.reserved }
    }

    /// Whether that period's balance is known: a past one is forgotten once nothing is held in it.
    pub(super) fn counts(&self, place: u32, period: i64) -> bool {
        let row = self.rows.get(place);
        row.period == period || row.rolling.is_some() || self.closed.contains_key(&(place, period))
    }

    /// Whether the held line is that line of a claim.
    #[inline]
    pub(super) fn is_line(&self, held: &HoldLine, line: &ClaimLine) -> bool {
        held.period == line.period.number as u32 && self.rows.get(held.row).account.same(&line.account)
    }

    /// Whether the change can be applied without a sum that does not fit.
    #[inline]
    pub(super) fn fits(&self, place: u32, period: i64, change: Change) -> bool {
        let row = self.rows.get(place);
        let balance = if row.is_present(period) { row.balance() } else { self.balance(place, period) };
        let spent = balance.spent.checked_add(change.spent);
        let reserved = balance.reserved.checked_add(change.reserved);
        // `spent + reserved` is compared with ceilings, so it must fit as well.
        let used = spent.zip(reserved).and_then(|(spent, reserved)| spent.checked_add(reserved));
        used.is_some() && row.total.checked_add(change.spent).is_some()
    }

    /// Applies a line that [`fits`](Self::fits) and belongs to that journal entry; says what the balance is then.
    #[inline]
    pub(super) fn apply(&mut self, line: KeptLine, entry: u64) -> Balance {
        let row = self.rows.get_mut(line.row);
        row.written = entry;
        if row.is_present(line.period) {
            return row.change(line.change);
        }
        self.apply_elsewhere(line)
    }

    /// The same for a line of a claim; also says whether its marks want a closer look.
    #[inline]
    pub(super) fn apply_line(&mut self, kept: KeptLine, line: &ClaimLine, entry: u64) -> (Balance, bool) {
        let row = self.rows.get_mut(kept.row);
        row.written = entry;
        if row.is_present(kept.period) {
            let balance = row.change(kept.change);
            return (balance, row.reaches(&line.thresholds));
        }
        (self.apply_elsewhere(kept), !line.thresholds.is_empty())
    }

    /// Applies the line of a new hold, which the row then counts; says whether its marks want a closer look.
    #[inline]
    pub(super) fn hold(&mut self, kept: KeptLine, line: &ClaimLine, entry: u64) -> bool {
        let row = self.rows.get_mut(kept.row);
        row.holds = row.holds.saturating_add(1);
        row.written = entry;
        if row.is_present(kept.period) {
            row.reserved = row.reserved.saturating_add(kept.change.reserved);
            return row.reaches(&line.thresholds);
        }
        self.apply_elsewhere(kept);
        !line.thresholds.is_empty()
    }

    /// Counts a remembered id that was never open.
    pub(super) fn keep(&mut self, place: u32) {
        let row = self.rows.get_mut(place);
        row.holds = row.holds.saturating_add(1);
    }

    /// Applies a line to a rolling row, or to a past period.
    #[cold]
    fn apply_elsewhere(&mut self, line: KeptLine) -> Balance {
        let row = self.rows.get_mut(line.row);
        row.total = row.total.saturating_add(line.change.spent);
        if row.rolling.is_some() {
            row.apply_rolling(line.period, line.change);
        } else {
            self.apply_closed(line.row, line.period, line.change);
        }
        self.balance(line.row, line.period)
    }

    /// A hold that named the row is no longer remembered.
    #[inline]
    pub(super) fn let_go(&mut self, place: u32) {
        let row = self.rows.get_mut(place);
        row.holds = row.holds.saturating_sub(1);
    }

    /// Adds what was spent to the part of the total that the journal no longer tells.
    #[inline]
    pub(super) fn fold(&mut self, place: u32, spent: i64) {
        let row = self.rows.get_mut(place);
        row.folded = row.folded.saturating_add(spent);
    }

    /// Applies a line to a past calendar period, if it is still kept.
    fn apply_closed(&mut self, place: u32, period: i64, change: Change) {
        // A past period without open holds is history: the journal and the total have it.
        if let Some(slot) = self.closed.get_mut(&(place, period)) {
            slot.spent = slot.spent.saturating_add(change.spent);
            slot.reserved = slot.reserved.saturating_add(change.reserved);
        }
    }

    /// Whether a past period is kept because a hold in it is still open.
    #[inline]
    pub(super) fn any_closed(&self) -> bool {
        !self.closed.is_empty()
    }

    /// Forgets a past period once its last hold has ended.
    pub(super) fn close(&mut self, place: u32, period: i64) {
        if self.closed.get(&(place, period)).is_some_and(|slot| slot.reserved == 0) {
            self.closed.remove(&(place, period));
        }
    }

    /// The tiers of the line that spent money now reaches for the first time in the period, as (tier, level).
    pub(super) fn crossings(&mut self, place: u32, line: &ClaimLine) -> Option<Vec<(u8, i64)>> {
        let spent = self.balance(place, line.period.number).spent;
        let row = self.rows.get_mut(place);
        let fired = if row.period == line.period.number || row.rolling.is_some() {
            &mut row.fired
        } else {
            &mut self.closed.get_mut(&(place, line.period.number))?.fired
        };
        let mut reached = Vec::new();
        for threshold in line.thresholds.iter().take_while(|threshold| spent >= threshold.at) {
            let bit = tier_bit(threshold);
            if *fired & bit == 0 {
                *fired |= bit;
                reached.push((threshold.tier, threshold.at));
            }
        }
        (!reached.is_empty()).then_some(reached)
    }

    /// After how many further sub-periods `amount` fits under the ceiling, if nothing else happens.
    ///
    /// With slots of 1, 2, 3 and 4 (oldest first), a ceiling of 12 and an amount of 4: now 10 + 4 > 12. After one
    /// sub-period the 1 has left: 9 + 4 > 12. After two the 2 has left as well: 7 + 4 <= 12, so the answer is 2.
    pub(super) fn frees_in(&self, place: u32, amount: i64, ceiling: i64) -> Option<u32> {
        if place == NO_ROW {
            return None;
        }
        let row = self.rows.get(place);
        let slots = row.rolling.as_deref()?;
        let span = i64::try_from(slots.len()).ok()?;
        let mut used = row.spent.saturating_add(row.reserved);
        for step in 1..=span {
            // The oldest sub-period leaves first.
            let leaving = row.period.saturating_sub(span).saturating_add(step);
            let slot = slots.get(place_in(leaving, slots.len())?)?;
            used = used.saturating_sub(slot.spent).saturating_sub(slot.reserved);
            if used.saturating_add(amount) <= ceiling {
                return u32::try_from(step).ok();
            }
        }
        None
    }

    /// Looks at a few rows and drops those that nobody can ask for any more.
    ///
    /// Called before places are resolved: what was just found or made may be idle, too.
    pub(super) fn drop_some_idle(&mut self, now: Timestamp, journal_first: u64) {
        for _ in 0..4 {
            let places = self.rows.places();
            if places == 0 {
                return;
            }
            self.hand = self.hand.wrapping_add(1).checked_rem(places).unwrap_or(0);
            self.drop_if_idle(self.hand, now, journal_first);
        }
    }

    /// Drops the row at that place if nobody can ask for it any more.
    fn drop_if_idle(&mut self, place: u32, now: Timestamp, journal_first: u64) {
        let row = self.rows.get_mut(place);
        if row.holds > 0 || row.written >= journal_first || now < row.keep_until {
            return;
        }
        let hash = row.account.hash();
        if let Ok(entry) = self.index.find_entry(hash, |other| *other == place) {
            entry.remove();
            // A hint may still lead here: the free row must not answer to its old name.
            *row = Row::blank();
            self.rows.free(place);
        }
    }

    /// All rows in use.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Row)> {
        self.index.iter().map(|place| (*place, self.rows.get(*place)))
    }

    /// A row whose figures are below zero somewhere: in the present, in a past period that is kept, or for ever.
    pub(super) fn below_zero(&self) -> Option<&Row> {
        let past = self.closed.iter().find(|(_, slot)| slot.spent < 0 || slot.reserved < 0);
        let past = past.map(|((place, _), _)| self.get(*place));
        past.or_else(|| {
            let mut rows = self.iter().map(|(_, row)| row);
            rows.find(|row| row.spent < 0 || row.reserved < 0 || row.total < 0)
        })
    }

    /// What is reserved on that row in all periods that still count it.
    pub(super) fn reserved_everywhere(&self, place: u32) -> i64 {
        let closed = self.closed.iter().filter(|((row, _), _)| *row == place).map(|(_, slot)| slot.reserved);
        closed.fold(self.rows.get(place).reserved, i64::saturating_add)
    }
}
