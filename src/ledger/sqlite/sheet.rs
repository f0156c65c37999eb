//! What does each account hold? Rows read once, changed here, and written back before a commit.
//!
//! Sixteen calls on one hot budget are sixteen additions and one row written. What was
//! read stays true until another connection commits or a batch fails; then the sheet is
//! forgotten whole ([`books`](super::books) says why that is enough).
//!
//! A calendar account has a cell for each period. A rolling account has a cell for each
//! sub-period, and its balance is the sum of the 61 newest; all of these are loaded at
//! the first question, and `whole` says that they are there.
//!
//! Worked example: a rolling account whose newest sub-period is 100 counts 40 to 100. A
//! reserve in sub-period 103 moves it on, and 43 to 103 count; the cells 40 to 42 stay in
//! the file, and no longer count. "When is there room for 6 of 10, with 5 used in 43 and
//! 4 in 60?" drops the oldest first: after one step 5 leave, 4 + 6 fit, so the answer is
//! 1.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::account::{self, Row, read_row};
use super::fault::Fault;
use crate::values::{Account, Balance, ClaimLine, Period, Threshold};

/// Keys are the file's own numbers and hashed names, so a fast hash is safe here.
type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// Accounts and balances as they stand in the running transaction.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    /// Numbers of accounts that have been looked up. An account that the file lacks is
    /// not noted, because another process may make it.
    by_name: Map<Account, i64>,
    /// Rows of accounts, by number.
    rows: Map<i64, Row>,
    /// Balances, by account and period.
    cells: Map<(i64, i64), Cell>,
    /// Rows to write back, each once.
    changed_rows: Vec<i64>,
    /// Balances to write back, each once.
    changed_cells: Vec<(i64, i64)>,
}

/// What stands in one period of an account, or in one sub-period if its window rolls.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    /// What ended calls have used.
    spent: i64,
    /// What open holds hold.
    reserved: i64,
    /// Tiers that have fired in this period, a bit each.
    fired: u32,
    /// Whether the cell is listed to be written back.
    changed: bool,
}

/// A change to one account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// The account's number.
    pub(super) account: i64,
    /// The period whose balance changes.
    pub(super) period: i64,
    /// Added to what is spent; negative for a refund.
    pub(super) spent: i64,
    /// Added to what is reserved; negative as a hold ends.
    pub(super) reserved: i64,
}

/// Accounts and balances beyond which the sheet begins anew: some tens of megabytes.
const SHEET_MAX: usize = 200_000;

impl Sheet {
    /// The account's number in the file, if it has one.
    pub(super) fn find(
        &mut self,
        file: &Connection,
        tenant: i64,
        account: &Account,
    ) -> Result<Option<i64>, Fault> {
        if let Some(number) = self.by_name.get(account) {
            return Ok(Some(*number));
        }
        let found = account::find(file, tenant, account)?;
        if let Some(number) = found {
            self.by_name.insert(account.clone(), number);
        }
        Ok(found)
    }

    /// The account's number, which it is given now if it has none.
    pub(super) fn find_or_make(
        &mut self,
        file: &Connection,
        tenant: i64,
        line: &ClaimLine,
    ) -> Result<i64, Fault> {
        if let Some(number) = self.find(file, tenant, &line.account)? {
            return Ok(number);
        }
        let (number, row) = account::make(file, tenant, line)?;
        self.by_name.insert(line.account.clone(), number);
        self.rows.insert(number, row);
        Ok(number)
    }

    /// The account of that number.
    pub(super) fn account(&mut self, file: &Connection, number: i64) -> Result<Account, Fault> {
        Ok(self.row(file, number)?.account.clone())
    }

    /// Whether the account has moved on to a later period.
    pub(super) fn is_past(&mut self, file: &Connection, number: i64, period: i64) -> Result<bool, Fault> {
        Ok(self.row(file, number)?.newest > period)
    }

    /// Moves the account on to that period if it is newer; returns whether it is. A tier
    /// of a rolling account may fire again after one length of its window.
    pub(super) fn advance(&mut self, file: &Connection, number: i64, period: &Period) -> Result<bool, Fault> {
        let row = self.row(file, number)?;
        if row.newest >= period.number {
            return Ok(false);
        }
        // A level of a rolling account fires again once in each length of its window.
        let window = row.span.saturating_sub(1).max(1);
        if row.newest.checked_div_euclid(window) != period.number.checked_div_euclid(window) {
            row.fired = 0;
        }
        row.newest = period.number;
        self.note_row(number);
        Ok(true)
    }

    /// The balance that a line of that period is judged by: the period's own, or the
    /// whole window's if it rolls.
    pub(super) fn balance(&mut self, file: &Connection, number: i64, period: i64) -> Result<Balance, Fault> {
        let row = self.row(file, number)?;
        let (newest, span, whole) = (row.newest, row.span, row.whole);
        if span <= 1 {
            return Ok(self.cell(file, number, period)?.balance());
        }
        let first = newest.saturating_sub(span).saturating_add(1);
        if !whole {
            self.load_window(file, number, first)?;
        }
        let cells = (first..=newest).filter_map(|period| self.cells.get(&(number, period)));
        Ok(cells.fold(Balance::default(), |sum, cell| Balance {
            spent: sum.spent.saturating_add(cell.spent),
            reserved: sum.reserved.saturating_add(cell.reserved),
        }))
    }

    /// Whether the change can be applied without a sum that does not fit.
    pub(super) fn fits(&mut self, file: &Connection, change: &Change) -> Result<bool, Fault> {
        let balance = self.balance(file, change.account, change.period)?;
        let cell = *self.cell(file, change.account, change.period)?;
        let fits = |spent: i64, reserved: i64| {
            let (spent, reserved) = (spent.checked_add(change.spent), reserved.checked_add(change.reserved));
            // `spent + reserved` is compared with ceilings, so it must fit as well.
            spent.zip(reserved).is_some_and(|(spent, reserved)| spent.checked_add(reserved).is_some())
        };
        Ok(fits(balance.spent, balance.reserved) && fits(cell.spent, cell.reserved))
    }

    /// Applies a change that fits; returns the balance after it.
    pub(super) fn apply(&mut self, file: &Connection, change: &Change) -> Result<Balance, Fault> {
        let cell = self.cell(file, change.account, change.period)?;
        cell.spent = cell.spent.saturating_add(change.spent);
        cell.reserved = cell.reserved.saturating_add(change.reserved);
        self.note_cell(change.account, change.period);
        self.balance(file, change.account, change.period)
    }

    /// The tiers of the line that spent money now reaches for the first time in the
    /// period, as (tier, threshold). A bit for each tier says which have fired.
    pub(super) fn crossings(
        &mut self,
        file: &Connection,
        number: i64,
        line: &ClaimLine,
    ) -> Result<Vec<(u8, i64)>, Fault> {
        let period = line.period.number;
        let spent = self.balance(file, number, period)?.spent;
        let rolls = self.row(file, number)?.span > 1;
        let fired = match rolls {
            true => &mut self.row(file, number)?.fired,
            false => &mut self.cell(file, number, period)?.fired,
        };
        let mut reached = Vec::new();
        for threshold in line.thresholds.iter().take_while(|threshold| spent >= threshold.at) {
            let bit = tier_bit(threshold);
            if *fired & bit == 0 {
                *fired |= bit;
                reached.push((threshold.tier, threshold.at));
            }
        }
        match (reached.is_empty(), rolls) {
            (true, _) => {}
            (false, true) => self.note_row(number),
            (false, false) => self.note_cell(number, period),
        }
        Ok(reached)
    }

    /// After how many further sub-periods `amount` fits under the ceiling, if nothing
    /// else happens. `None` if it never fits.
    pub(super) fn frees_in(
        &mut self,
        file: &Connection,
        number: i64,
        (amount, ceiling): (i64, i64),
    ) -> Result<Option<u32>, Fault> {
        let row = self.row(file, number)?;
        let (newest, span) = (row.newest, row.span);
        if span <= 1 || amount > ceiling {
            return Ok(None);
        }
        let mut used = self.balance(file, number, newest)?.used();
        for step in 1..=span {
            // The oldest sub-period leaves first.
            let leaving = newest.saturating_sub(span).saturating_add(step);
            let cell = self.cells.get(&(number, leaving)).copied().unwrap_or_default();
            used = used.saturating_sub(cell.spent).saturating_sub(cell.reserved);
            if used.saturating_add(amount) <= ceiling {
                return Ok(u32::try_from(step).ok());
            }
        }
        Ok(None)
    }

    /// Writes all that changed.
    pub(super) fn write_back(&mut self, file: &Connection) -> Result<(), Fault> {
        let mut write = file.prepare_cached(
            "INSERT INTO balances VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (account, period)
             DO UPDATE SET spent = excluded.spent, reserved = excluded.reserved, fired = excluded.fired",
        )?;
        for (number, period) in self.changed_cells.drain(..) {
            if let Some(cell) = self.cells.get_mut(&(number, period)) {
                cell.changed = false;
                write.execute(params![number, period, cell.spent, cell.reserved, cell.fired])?;
            }
        }
        let mut write =
            file.prepare_cached("UPDATE accounts SET newest = ?2, fired = ?3, seal = ?4 WHERE account = ?1")?;
        for number in self.changed_rows.drain(..) {
            if let Some(row) = self.rows.get_mut(&number) {
                row.changed = false;
                write.execute(params![number, row.newest, row.fired, row.seal(number)])?;
            }
        }
        Ok(())
    }

    /// Whether so much is cached that it should be forgotten.
    pub(super) fn is_full(&self) -> bool {
        self.cells.len().saturating_add(self.rows.len()) > SHEET_MAX
    }

    /// The account's row, read if it is not cached.
    fn row(&mut self, file: &Connection, number: i64) -> Result<&mut Row, Fault> {
        use std::collections::hash_map::Entry::{Occupied, Vacant};
        match self.rows.entry(number) {
            Occupied(known) => Ok(known.into_mut()),
            Vacant(unknown) => Ok(unknown.insert(read_row(file, number)?)),
        }
    }

    /// A cell, read if it is not cached; a period without a row is zero.
    fn cell(&mut self, file: &Connection, number: i64, period: i64) -> Result<&mut Cell, Fault> {
        use std::collections::hash_map::Entry::{Occupied, Vacant};
        match self.cells.entry((number, period)) {
            Occupied(known) => Ok(known.into_mut()),
            Vacant(unknown) => {
                let mut read = file.prepare_cached(
                    "SELECT spent, reserved, fired FROM balances WHERE account = ? AND period = ?",
                )?;
                let cell = read.query_row(params![number, period], |row| {
                    Ok(Cell { spent: row.get(0)?, reserved: row.get(1)?, fired: row.get(2)?, changed: false })
                });
                Ok(unknown.insert(cell.optional()?.unwrap_or_default()))
            }
        }
    }

    /// Reads every sub-period that the window counts. What is cached already is newer,
    /// and stays.
    fn load_window(&mut self, file: &Connection, number: i64, first: i64) -> Result<(), Fault> {
        let mut read = file.prepare_cached(
            "SELECT period, spent, reserved, fired FROM balances WHERE account = ? AND period >= ?",
        )?;
        let cells = read.query_map(params![number, first], |row| {
            let cell = Cell { spent: row.get(1)?, reserved: row.get(2)?, fired: row.get(3)?, changed: false };
            Ok((row.get(0)?, cell))
        })?;
        for cell in cells {
            let (period, cell) = cell?;
            self.cells.entry((number, period)).or_insert(cell);
        }
        self.row(file, number)?.whole = true;
        Ok(())
    }

    fn note_row(&mut self, number: i64) {
        if let Some(row) = self.rows.get_mut(&number)
            && !std::mem::replace(&mut row.changed, true)
        {
            self.changed_rows.push(number);
        }
    }

    fn note_cell(&mut self, number: i64, period: i64) {
        if let Some(cell) = self.cells.get_mut(&(number, period))
            && !std::mem::replace(&mut cell.changed, true)
        {
            self.changed_cells.push((number, period));
        }
    }
}

fn tier_bit(threshold: &Threshold) -> u32 {
    1 << threshold.tier.min(31)
}

impl Cell {
    fn balance(&self) -> Balance {
        Balance { spent: self.spent, reserved: self.reserved }
    }
}
