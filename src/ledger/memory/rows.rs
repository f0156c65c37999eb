//! What has each account spent and reserved, in its present period and over its span?

use std::collections::HashMap;

use hashbrown::HashTable;

use super::chunks::Chunks;
use crate::{Account, Balance, Error, Line, Period, Timestamp};

/// Says that an account has no row yet.
pub(super) const NO_ROW: u32 = u32::MAX;

/// The balances of one account: kept to little more than a cache line.
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
    /// After this instant the row may go, if nothing refers to it.
    keep_until: Timestamp,
    /// Tiers that fired in the period, a bit for each.
    fired: u32,
    /// Remembered holds and journal lines that name this row.
    pub(super) references: u32,
    /// The sub-periods of a rolling account.
    rolling: Option<Box<[Slot]>>,
}

/// A sub-period of a rolling account, or a past period with calls still in flight.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    spent: i64,
    reserved: i64,
    fired: u32,
}

/// A change to one account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) spent: i64,
    pub(super) reserved: i64,
}

/// All accounts of one root.
#[derive(Debug, Default)]
pub(super) struct Rows {
    rows: Chunks<Row>,
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
        // The upper half says which ledger wrote the hint, and the row says whether it still holds.
        let place = hint as u32;
        if (hint >> 32) as u32 == ledger
            && place < self.rows.places()
            && self.rows.get(place).account.same(account)
        {
            return place;
        }
        self.find_by_name(ledger, account)
    }

    fn find_by_name(&self, ledger: u32, account: &Account) -> u32 {
        let found = self.index.find(account.hash(), |place| self.rows.get(*place).account.same(account));
        let place = found.copied().unwrap_or(NO_ROW);
        if place != NO_ROW {
            account.set_hint(u64::from(ledger) << 32 | u64::from(place));
        }
        place
    }

    /// The row of that account, made where there is none.
    pub(super) fn find_or_make(&mut self, ledger: u32, line: &Line) -> Result<u32, Error> {
        let account = &line.account;
        let found = self.find(ledger, account);
        if found != NO_ROW {
            return Ok(found);
        }
        let rolling = (line.period.span > 1)
            .then(|| vec![Slot::default(); line.period.span as usize].into_boxed_slice());
        let row = Row {
            account: account.clone(),
            period: line.period.number,
            spent: 0,
            reserved: 0,
            total: 0,
            folded: 0,
            keep_until: keep_until(&line.period),
            fired: 0,
            references: 0,
            rolling,
        };
        let place = self.rows.insert(row).ok_or_else(|| Error::overflow("accounts"))?;
        let Self { rows, index, .. } = self;
        index.insert_unique(account.hash(), place, |place| rows.get(*place).account.hash());
        account.set_hint(u64::from(ledger) << 32 | u64::from(place));
        Ok(place)
    }

    #[inline]
    pub(super) fn get(&self, place: u32) -> &Row {
        self.rows.get(place)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, place: u32) -> &mut Row {
        self.rows.get_mut(place)
    }

    /// Lets the row live through that period, which becomes its present one if it is newer.
    #[inline]
    pub(super) fn advance(&mut self, place: u32, period: &Period) {
        let row = self.rows.get_mut(place);
        if row.period < period.number {
            self.roll(place, period);
        }
    }

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
    #[inline]
    pub(super) fn balance(&self, place: u32, period: i64) -> Balance {
        if place == NO_ROW {
            return Balance::default();
        }
        let row = self.rows.get(place);
        if row.period == period || row.rolling.is_some() {
            return Balance { spent: row.spent, reserved: row.reserved, frees_in: None };
        }
        let slot = self.closed.get(&(place, period)).copied().unwrap_or_default();
        Balance { spent: slot.spent, reserved: slot.reserved, frees_in: None }
    }

    /// Whether that period's balance is known: a past one is forgotten once nothing is held in it.
    pub(super) fn counts(&self, place: u32, period: i64) -> bool {
        let row = self.rows.get(place);
        row.period == period || row.rolling.is_some() || self.closed.contains_key(&(place, period))
    }

    /// Whether the change can be applied without a sum that does not fit or a balance below zero.
    pub(super) fn fits(&self, place: u32, period: i64, change: Change) -> bool {
        let row = self.rows.get(place);
        let balance = self.balance(place, period);
        let sum = |left: i64, right: i64| left.checked_add(right);
        // `spent + reserved` is compared with ceilings, so it must fit as well.
        let used = sum(balance.spent, change.spent).and_then(|spent| {
            sum(balance.reserved, change.reserved).and_then(|reserved| sum(spent, reserved))
        });
        used.is_some() && sum(row.total, change.spent).is_some()
    }

    /// Applies a change that [`fits`](Self::fits).
    #[inline]
    pub(super) fn apply(&mut self, place: u32, period: i64, change: Change) {
        let row = self.rows.get_mut(place);
        row.total = row.total.saturating_add(change.spent);
        if row.rolling.is_some() {
            row.apply_rolling(period, change);
        } else if row.period == period {
            row.spent = row.spent.saturating_add(change.spent);
            row.reserved = row.reserved.saturating_add(change.reserved);
        } else {
            self.apply_closed(place, period, change);
        }
    }

    #[cold]
    fn apply_closed(&mut self, place: u32, period: i64, change: Change) {
        // A past period without open holds is history: the journal and the total have it.
        if let Some(slot) = self.closed.get_mut(&(place, period)) {
            slot.spent = slot.spent.saturating_add(change.spent);
            slot.reserved = slot.reserved.saturating_add(change.reserved);
        }
    }

    /// Forgets a past period once its last hold has ended.
    #[inline]
    pub(super) fn close(&mut self, place: u32, period: i64) {
        if !self.closed.is_empty() && self.closed.get(&(place, period)).is_some_and(|slot| slot.reserved == 0)
        {
            self.closed.remove(&(place, period));
        }
    }

    /// The tiers of the line that spent money now reaches for the first time in the period, as (tier, level).
    #[inline]
    pub(super) fn crossings(&mut self, place: u32, line: &Line) -> Option<Vec<(u8, i64)>> {
        let first = line.marks.first()?;
        let row = self.rows.get_mut(place);
        if row.period == line.period.number && row.spent < first.at {
            return None;
        }
        self.crossings_slow(place, line)
    }

    fn crossings_slow(&mut self, place: u32, line: &Line) -> Option<Vec<(u8, i64)>> {
        let spent = self.balance(place, line.period.number).spent;
        let row = self.rows.get_mut(place);
        let fired = if row.period == line.period.number || row.rolling.is_some() {
            &mut row.fired
        } else {
            &mut self.closed.get_mut(&(place, line.period.number))?.fired
        };
        let mut crossed = Vec::new();
        for mark in line.marks.iter().take_while(|mark| spent >= mark.at) {
            let bit = 1_u32 << mark.tier.min(31);
            if *fired & bit == 0 {
                *fired |= bit;
                crossed.push((mark.tier, mark.at));
            }
        }
        (!crossed.is_empty()).then_some(crossed)
    }

    /// After how many further sub-periods `amount` fits under the ceiling, if nothing else happens.
    pub(super) fn frees_in(&self, place: u32, amount: i64, ceiling: i64) -> Option<u32> {
        if place == NO_ROW || amount > ceiling {
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
    pub(super) fn drop_some_idle(&mut self, now: Timestamp) {
        for _ in 0..4 {
            let places = self.rows.places();
            if places == 0 {
                return;
            }
            self.hand = self.hand.wrapping_add(1).checked_rem(places).unwrap_or(0);
            self.drop_if_idle(self.hand, now);
        }
    }

    fn drop_if_idle(&mut self, place: u32, now: Timestamp) {
        let row = self.rows.get_mut(place);
        if row.references > 0 || now < row.keep_until {
            return;
        }
        let hash = row.account.hash();
        if let Ok(entry) = self.index.find_entry(hash, |other| *other == place) {
            entry.remove();
            // The free row keeps its old name, but no longer answers to it.
            row.account = super::nobody();
            row.rolling = None;
            self.rows.free(place);
        }
    }

    /// All rows in use.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Row)> {
        self.index.iter().map(|place| (*place, self.rows.get(*place)))
    }

    /// What is reserved on that row in all periods that still count it.
    pub(super) fn reserved_everywhere(&self, place: u32) -> i64 {
        let closed = self.closed.iter().filter(|((row, _), _)| *row == place).map(|(_, slot)| slot.reserved);
        closed.fold(self.rows.get(place).reserved, i64::saturating_add)
    }
}

/// A rolling account counts for as long again as its span.
fn keep_until(period: &Period) -> Timestamp {
    let length = period.until.since(period.from);
    period.until + length.saturating_mul(period.span.saturating_sub(1))
}

fn place_in(period: i64, slots: usize) -> Option<usize> {
    let slots = i64::try_from(slots).ok()?;
    usize::try_from(period.checked_rem_euclid(slots)?).ok()
}

impl Row {
    pub(super) fn is_rolling(&self) -> bool {
        self.rolling.is_some()
    }

    /// Moves a rolling account on to `period`: what leaves the span no longer counts.
    fn roll_span(&mut self, period: i64) {
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

    fn apply_rolling(&mut self, period: i64, change: Change) {
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
