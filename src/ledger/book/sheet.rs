//! What does each account hold, as far as it was read?
//!
//! Sixteen calls on one hot budget are sixteen additions and one row written. What was read stays true as long as the tenant's
//! version stands; then the sheet is thrown away.
//!
//! A calendar account has a cell for each period. A rolling account has a cell for each sub-period, and its balance is the sum of the
//! cells of its span; all of these come with the account.
//!
//! Worked example: a rolling account whose newest sub-period is 100 counts 40 to 100. A reserve in sub-period 103 moves it on, and 43 to
//! 103 count; the cells 40 to 42 stay in the store, and no longer count.
//!
//! # A missing cell
//! An account notes which of its newest 64 periods have a cell ([`AccountRow::live`]). So a cell that was lost is told from one that
//! never was: a lost one is damage, and nothing is decided on it. Of an older period the holds tell it, because whatever has a line
//! there has made its cell: a hold that grows, ends or is corrected never counts from zero. Only a charge that no hold announced
//! may begin such a period anew, and by that period no call is admitted any more.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::ledger::law::Line;
use crate::ledger::rules::rows::{Fired, begins_anew, fire, frees_in};
use crate::ledger::store::{AccountRow, BalanceRow, Cell, Fault};
use crate::values::{Account, Balance, ClaimLine};

/// Keys are the law's own numbers and hashed names, so a fast hash is safe here.
type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// Accounts and balances of one tenant.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    /// Numbers of accounts that were looked for; none where the account does not exist.
    by_name: Map<Account, Option<u32>>,
    /// How many of these do not exist.
    absent: usize,
    accounts: Map<u32, AccountRow>,
    /// Balances by account and period; none where there is no such row.
    cells: Map<(u32, i64), Option<Cell>>,
    changed_accounts: Vec<u32>,
    changed_cells: Vec<(u32, i64)>,
}

/// Who names a period of an account that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// A command; the period may have no cell yet.
    ByWant,
    /// A line of a hold, which has made its cell.
    ByHold,
}

/// What the sheet does not know.
pub(super) struct Unknown;

/// How many of the newest periods an account notes.
const LIVE_BITS: i64 = 64;

impl Sheet {
    /// How many rows it has.
    pub(super) fn len(&self) -> usize {
        self.by_name.len().saturating_add(self.cells.len())
    }

    /// Whether nothing is to be written.
    pub(super) fn is_clean(&self) -> bool {
        self.changed_accounts.is_empty() && self.changed_cells.is_empty()
    }

    /// The account's number; none where it does not exist.
    pub(super) fn find(&self, account: &Account) -> Result<Option<u32>, Unknown> {
        self.by_name.get(account).copied().ok_or(Unknown)
    }

    pub(super) fn account(&self, number: u32) -> Result<&AccountRow, Unknown> {
        self.accounts.get(&number).ok_or(Unknown)
    }

    /// A period without a row is zero. A period that has not begun has none.
    fn cell(&self, row: &AccountRow, period: i64) -> Result<Cell, Unknown> {
        if period > row.newest {
            return Ok(Cell::default());
        }
        let cell = self.cells.get(&(row.number, period)).ok_or(Unknown)?;
        Ok(cell.unwrap_or_default())
    }

    /// The balance that a line of that period is judged by: the period's own, or that of the whole window if it rolls.
    pub(super) fn balance(&self, number: u32, period: i64) -> Result<Balance, Unknown> {
        let row = self.account(number)?;
        if row.span <= 1 {
            return Ok(self.cell(row, period)?.balance);
        }
        let mut sum = Balance::default();
        // The sum fits, so nothing saturates: whatever was added to a sub-period had to fit into the window that ended with the
        // newest one ([`fits`](Self::fits)), and a window that moves on only gains sub-periods that are empty. Rows that somebody
        // changed by hand may come to more: then there is no room, and no threshold is missed.
        for balance in self.window(row, row.newest.max(period)) {
            sum.spent = sum.spent.saturating_add(balance.spent);
            sum.reserved = sum.reserved.saturating_add(balance.reserved);
        }
        Ok(sum)
    }

    /// The sub-periods that a window which ends with `last` counts, the oldest first. All of them came with the account.
    fn window<'a>(&'a self, row: &'a AccountRow, last: i64) -> impl Iterator<Item = Balance> + 'a {
        let first = last.saturating_sub(i64::from(row.span)).saturating_add(1);
        (first..=last).map(move |period| {
            let cell = self.cells.get(&(row.number, period)).copied().flatten();
            cell.unwrap_or_default().balance
        })
    }

    /// Whether the change can be made without a sum that does not fit, in its period and over the window.
    pub(super) fn fits(&self, line: &Line) -> Result<bool, Unknown> {
        let cell = self.cell(self.account(line.account)?, line.period)?;
        let balance = self.balance(line.account, line.period)?;
        Ok(fits(balance, line) && fits(cell.balance, line))
    }

    /// After how many further sub-periods the amount fits on that line; none where it never does, or nothing rolls.
    pub(super) fn frees_in(
        &self,
        number: u32,
        line: &ClaimLine,
        amount: i64,
    ) -> Result<Option<u32>, Unknown> {
        let row = self.account(number)?;
        if row.span <= 1 {
            return Ok(None);
        }
        let last = row.newest.max(line.period.number);
        let used = self.balance(number, last)?.used();
        Ok(frees_in(used, self.window(row, last), amount, line.ceiling))
    }

    /// Makes an account under that number.
    pub(super) fn make(&mut self, number: u32, line: &ClaimLine) {
        let (span, newest) = (line.period.span.max(1), line.period.number);
        let account = line.account.clone();
        self.learn_name(account.clone(), number);
        self.accounts.insert(number, AccountRow { number, account, span, newest, fired: 0, live: 0 });
        self.changed_accounts.push(number);
        self.touch(number, newest);
    }

    /// Moves the account on to that period if it is newer.
    pub(super) fn advance(&mut self, number: u32, period: i64) {
        let Some(row) = self.accounts.get_mut(&number).filter(|row| row.newest < period) else { return };
        if begins_anew(i64::from(row.span), row.newest, period) {
            row.fired = 0;
        }
        let ahead = period.saturating_sub(row.newest);
        row.live = if ahead < LIVE_BITS { row.live.wrapping_shl(ahead as u32) } else { 0 };
        row.newest = period;
        self.changed_accounts.push(number);
        self.touch(number, period);
    }

    /// Lets that period have a cell, which is written.
    fn touch(&mut self, number: u32, period: i64) -> &mut Cell {
        if let Some(row) = self.accounts.get_mut(&number) {
            let bit = live_bit(row, period);
            if row.live & bit != bit {
                row.live |= bit;
                self.changed_accounts.push(number);
            }
        }
        self.changed_cells.push((number, period));
        self.cells.entry((number, period)).or_default().get_or_insert_default()
    }

    /// Makes a change that fits; the balance after it.
    pub(super) fn apply(&mut self, line: &Line) -> Balance {
        // The sums fit, so nothing saturates: the law applies what [`fits`](Self::fits), what a ceiling had room for, a first amount
        // on a new account, and a hold that is charged what it holds, which moves an amount from one half of the balance to the other.
        let cell = self.touch(line.account, line.period);
        cell.balance.spent = cell.balance.spent.saturating_add(line.spent);
        cell.balance.reserved = cell.balance.reserved.saturating_add(line.reserved);
        self.balance(line.account, line.period).unwrap_or_default()
    }

    /// The thresholds that spent money has reached for the first time in the period.
    pub(super) fn fire(&mut self, number: u32, line: &ClaimLine) -> Fired {
        let period = line.period.number;
        let Ok(Balance { spent, .. }) = self.balance(number, period) else { return Fired::new() };
        let Some(row) = self.accounts.get_mut(&number) else { return Fired::new() };
        if row.span > 1 {
            let fired = fire(&mut row.fired, spent, &line.thresholds);
            if !fired.is_empty() {
                self.changed_accounts.push(number);
            }
            return fired;
        }
        let Some(Some(cell)) = self.cells.get_mut(&(number, period)) else { return Fired::new() };
        let fired = fire(&mut cell.fired, spent, &line.thresholds);
        if !fired.is_empty() {
            self.changed_cells.push((number, period));
        }
        fired
    }

    /// Learns an account that was read; what is known already is newer.
    pub(super) fn learn_account(&mut self, row: AccountRow) {
        self.learn_name(row.account.clone(), row.number);
        self.accounts.entry(row.number).or_insert(row);
    }

    /// Learns that there is no such account.
    pub(super) fn learn_absent(&mut self, account: Account) {
        if let Entry::Vacant(vacant) = self.by_name.entry(account) {
            vacant.insert(None);
            self.absent = self.absent.saturating_add(1);
        }
    }

    fn learn_name(&mut self, account: Account, number: u32) {
        if self.by_name.insert(account, Some(number)) == Some(None) {
            self.absent = self.absent.saturating_sub(1);
        }
    }

    /// How many accounts are known not to exist.
    pub(super) fn absent(&self) -> usize {
        self.absent
    }

    /// Forgets these.
    pub(super) fn forget_absent(&mut self) {
        self.by_name.retain(|_, number| number.is_some());
        self.absent = 0;
    }

    /// Learns a balance that was read.
    pub(super) fn learn_balance(&mut self, row: BalanceRow) {
        let cell = Cell { balance: row.balance, fired: row.fired };
        self.cells.entry((row.account, row.period)).or_insert(Some(cell));
    }

    /// Whether everything about that account and period was read.
    pub(super) fn knows(&self, number: u32, period: i64) -> bool {
        self.account(number).is_ok_and(|row| self.cell(row, period).is_ok())
    }

    /// Learns that all that the window of an account counts was read, and these periods: what did not come is not there.
    ///
    /// # Errors
    /// `Damaged` where a balance that was made did not come.
    pub(super) fn complete(&mut self, number: u32, periods: HashMap<i64, Named>) -> Result<(), Fault> {
        let Self { accounts, cells, .. } = self;
        let Some(row) = accounts.get(&number) else { return Ok(()) };
        let window = row.window().map(|period| (period, Named::ByWant));
        let named = periods
            .into_iter()
            .filter(|(period, named)| *named == Named::ByHold || period < row.window().start());
        for (period, named) in named.chain(window) {
            if let Entry::Vacant(vacant) = cells.entry((number, period)) {
                if named == Named::ByHold || row.live & live_bit(row, period) != 0 {
                    let text = format!("the counter of {} in period {period} is missing", row.account);
                    return Err(Fault::damaged(text));
                }
                vacant.insert(None);
            }
        }
        Ok(())
    }

    /// What is to be written: accounts and balances, each once.
    pub(super) fn changes(&mut self) -> (Vec<AccountRow>, Vec<BalanceRow>) {
        self.changed_accounts.sort_unstable();
        self.changed_accounts.dedup();
        self.changed_cells.sort_unstable();
        self.changed_cells.dedup();
        let accounts = self.changed_accounts.iter().filter_map(|number| self.accounts.get(number)).cloned();
        let balances = self.changed_cells.iter().filter_map(|(account, period)| {
            let cell = self.cells.get(&(*account, *period)).copied().flatten()?;
            Some(BalanceRow { account: *account, period: *period, balance: cell.balance, fired: cell.fired })
        });
        (accounts.collect(), balances.collect())
    }

    /// Notes that all of it was written.
    pub(super) fn written(&mut self) {
        self.changed_accounts.clear();
        self.changed_cells.clear();
    }
}

/// The bit of that period in [`AccountRow::live`]; none where it is too old to be noted.
fn live_bit(row: &AccountRow, period: i64) -> u64 {
    let back = row.newest.saturating_sub(period);
    u32::try_from(back).ok().and_then(|back| 1_u64.checked_shl(back)).unwrap_or(0)
}

/// Whether a balance can take that change. Its sum is compared with ceilings, so it must fit as well.
fn fits(balance: Balance, line: &Line) -> bool {
    let spent = balance.spent.checked_add(line.spent);
    let reserved = balance.reserved.checked_add(line.reserved);
    spent.zip(reserved).is_some_and(|(spent, reserved)| spent.checked_add(reserved).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_that_does_not_fit_is_found_in_each_of_its_parts() {
        let near = Balance { spent: i64::MAX - 5, reserved: 3 };
        let fits = |spent, reserved| fits(near, &Line { spent, reserved, ..Line::default() });
        assert!(fits(2, 0));
        assert!(!fits(3, 0), "spent and reserved together");
        assert!(!fits(6, -3), "spent alone");
        assert!(fits(5, -3));
    }
}
