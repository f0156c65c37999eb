//! What stands in the model's books? Every period of every account, summed up anew for every question.
//!
//! The model adds up every period of an account for each question. A ledger under test
//! keeps running sums, a ring of sub-periods and a queue of deadlines instead; if one of
//! these goes wrong, the two differ.

use super::answer::{Fired, Name};
use super::known::{Charge, IdState, KnownId, ModelLine, narrow};
use super::model::{Model, REFUSALS_LAST};
use crate::ledger::{Certainty, EntryKind};
use crate::values::ReservationId;

/// Sub-periods that count together in a rolling window: the running one and the 60 before
/// it.
const SPAN: i64 = 61;

/// An id is asked for at most an hour after it was made; one that is open stays known until it ends.
const IDS_LAST: i64 = 2 * 3_600_000_000_000;

/// A game names periods of a calendar at most so many before the running one: 61 back, and for a day more.
const PERIODS_BACK: i64 = 3 * SPAN;

impl Model {
    /// Moves time on, never back, and ends what is due: the oldest first, and by id if
    /// two are due at once.
    pub(super) fn tick(&mut self, now: i64) {
        self.now = self.now.max(now);
        self.forget_ids();
        let mut due: Vec<(i64, u128, Vec<i64>)> = Vec::new();
        for (id, known) in &self.known {
            if let IdState::Held { expires_at, charge } = &known.state
                && *expires_at <= self.now
            {
                let amounts = match charge {
                    Charge::Nothing => vec![0; known.body.len()],
                    Charge::Hold => known.amounts.clone(),
                    Charge::Amounts(amounts) => amounts.clone(),
                };
                due.push((*expires_at, *id, amounts));
            }
        }
        due.sort_unstable();
        for (_, id, amounts) in due {
            self.end(id, IdState::Charged(Certainty::Expired), &amounts);
            self.untold.push(id);
        }
        self.forget_past();
    }

    /// Forgets refusals after their minute, and what this game asks for no more.
    fn forget_ids(&mut self) {
        let now = self.now;
        self.told_until.retain(|_, until| *until > now);
        self.known.retain(|id, known| match known.state {
            IdState::Held { .. } => true,
            IdState::Refused { at } => now - at < REFUSALS_LAST,
            _ if ReservationId::from_bits(*id).is_imported() => self.told_until.contains_key(id),
            _ => now - ReservationId::from_bits(*id).time().as_nanos() <= IDS_LAST,
        });
    }

    /// Takes a hold back or replaces a charge, and sets the state. What was refunded
    /// stays refunded: an amount counts as max(amount − refunded, 0).
    pub(super) fn end(&mut self, id: u128, state: IdState, amounts: &[i64]) {
        let Some(known) = self.known.get_mut(&id) else { return };
        let held = matches!(known.state, IdState::Held { .. });
        let old = std::mem::replace(&mut known.amounts, amounts.to_vec());
        known.state = state;
        let kind = match known.state {
            IdState::Charged(certainty) if known.unheld => EntryKind::Unheld(certainty),
            IdState::Charged(certainty) => EntryKind::Reconciled(certainty),
            _ => EntryKind::Released,
        };
        let (body, refunded) = (known.body.clone(), known.refunded.clone());
        let figures = amounts.iter().zip(old).zip(refunded);
        let mut entry = Vec::new();
        for ((account, period, _), ((amount, old), refunded)) in body.into_iter().zip(figures) {
            let left = |charge: i64| (charge - refunded).max(0);
            let (spent, reserved) = if held { (left(*amount), -old) } else { (left(*amount) - left(old), 0) };
            self.add(account, period, spent, reserved);
            entry.push((account, period, spent, reserved));
        }
        self.write(id, kind, entry);
    }

    /// Adds differences to a period. What lands in a period that is no longer kept still
    /// counts in the sum over all time.
    pub(super) fn add(&mut self, account: Name, period: i64, spent: i64, reserved: i64) {
        self.spent_for_ever += i128::from(spent);
        // Of a forgotten period only the total is known.
        if self.counts(account, period) {
            let entry = self.books.entry((account, period)).or_default();
            entry.0 += i128::from(spent);
            entry.1 += i128::from(reserved);
        }
    }

    /// Whether the balance of that period is still kept.
    pub(super) fn counts(&self, account: Name, period: i64) -> bool {
        self.keeps_past
            || self.rolling.contains(&account)
            || self.newest.get(&account) == Some(&period)
            || self.books.contains_key(&(account, period))
    }

    /// A past calendar period is forgotten once nothing is held in it.
    pub(super) fn forget_past(&mut self) {
        let (newest, rolling, all) = (&self.newest, &self.rolling, self.keeps_past);
        self.books.retain(|(account, period), (_, reserved)| {
            let rolls = rolling.contains(account);
            let back = if rolls { SPAN } else { PERIODS_BACK };
            let is_asked_for = newest.get(account).is_none_or(|newest| newest - period <= back);
            ((all || rolls) && is_asked_for) || newest.get(account) == Some(period) || *reserved != 0
        });
    }

    /// Moves an account on to the line's period, if that is newer.
    pub(super) fn advance(&mut self, line: &ModelLine) {
        if line.rolls {
            self.rolling.insert(line.account);
        }
        let newest = self.newest.entry(line.account).or_insert(line.period);
        // A threshold of a rolling account fires again once in each length of its window.
        if line.rolls && newest.div_euclid(SPAN - 1) < line.period.div_euclid(SPAN - 1) {
            self.fired.retain(|(account, _, _)| *account != line.account);
        }
        *newest = (*newest).max(line.period);
        let newest = *newest;
        let all = self.keeps_past;
        self.fired.retain(|(account, period, _)| {
            (all && newest - period <= PERIODS_BACK)
                || line.rolls
                || *account != line.account
                || *period == newest
                || self.books.contains_key(&(*account, *period))
        });
        self.forget_past();
    }

    /// Spent and reserved: of one period, or of the 61 newest if the account rolls, up to that one if it is newer.
    pub(super) fn balance(&self, account: Name, period: i64) -> (i128, i128) {
        if !self.rolling.contains(&account) {
            return self.books.get(&(account, period)).copied().unwrap_or_default();
        }
        let Some(newest) = self.newest.get(&account) else { return (0, 0) };
        // A question moves nothing on: it is answered as if the account had.
        let last = (*newest).max(period);
        let window = self.books.range((account, last - SPAN + 1)..=(account, last));
        window.fold((0, 0), |sum, (_, balance)| (sum.0 + balance.0, sum.1 + balance.1))
    }

    /// The balance of each line.
    pub(super) fn balances(&self, lines: &[ModelLine]) -> Vec<(i64, i64)> {
        let each = lines.iter().map(|line| self.balance(line.account, line.period));
        each.map(|(spent, reserved)| (narrow(spent), narrow(reserved))).collect()
    }

    /// The balance of each line that an id was first given with.
    pub(super) fn balances_of(&self, known: &KnownId) -> Vec<(i64, i64)> {
        let each = known.body.iter().map(|(account, period, _)| self.balance(*account, *period));
        each.map(|(spent, reserved)| (narrow(spent), narrow(reserved))).collect()
    }

    /// After how many sub-periods the line has room, by trying one after the other.
    /// `None` if it never has.
    pub(super) fn frees_in(&self, line: &ModelLine) -> Option<u32> {
        let newest = (*self.newest.get(&line.account)?).max(line.period);
        let fits = |step: &i64| {
            let window =
                self.books.range((line.account, newest + step - SPAN + 1)..=(line.account, newest + step));
            let used: i128 = window.map(|(_, (spent, reserved))| spent + reserved).sum();
            used + i128::from(line.amount) <= i128::from(line.ceiling)
        };
        (1..=SPAN).find(fits).and_then(|steps| u32::try_from(steps).ok())
    }

    /// The thresholds that are reached and have not fired in this period yet, in the order of
    /// the lines, the lowest first.
    pub(super) fn cross(&mut self, id: u128, lines: &[ModelLine]) -> Vec<Fired> {
        let mut reached = Vec::new();
        for ModelLine { account, period, rolls, thresholds, .. } in lines.iter().copied() {
            let spent = self.balance(account, period).0;
            if !self.counts(account, period) {
                continue;
            }
            for (at, tier) in thresholds.into_iter().flatten() {
                let key = (account, if rolls { 0 } else { period }, tier);
                if spent >= i128::from(at) && self.fired.insert(key) {
                    reached.push(Fired { account, period, tier, at, spent: narrow(spent) });
                    self.write(id, EntryKind::Reached(tier), vec![(account, period, 0, 0)]);
                }
            }
        }
        reached
    }
}
