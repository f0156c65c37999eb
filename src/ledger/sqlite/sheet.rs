//! What does each account hold? Rows read once, changed here, and written back before a commit.
//!
//! Sixteen calls on one hot budget are sixteen additions and one row written.
//! What was read stays true until another connection commits or a batch fails;
//! then the sheet is forgotten whole.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::fault::{Fault, StoreError, damaged};
use super::seal::Ink;
use super::text;
use crate::account::Book;
use crate::{Account, Balance, Line, Mark, Period, Root};

type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// Accounts and balances as they stand in the running transaction.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    by_name: Map<Account, i64>,
    rows: Map<i64, Row>,
    cells: Map<(i64, i64), Cell>,
    changed_rows: Vec<i64>,
    changed_cells: Vec<(i64, i64)>,
}

/// An account.
#[derive(Debug)]
struct Row {
    account: Account,
    root: i64,
    span: i64,
    newest: i64,
    fired: u32,
    changed: bool,
    /// All sub-periods that the window counts are cells of the sheet.
    whole: bool,
}

/// An account's period, or sub-period where its window rolls.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    spent: i64,
    reserved: i64,
    fired: u32,
    changed: bool,
}

/// A change to one account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) account: i64,
    pub(super) period: i64,
    pub(super) spent: i64,
    pub(super) reserved: i64,
}

/// Balances beyond which the sheet begins anew: some tens of megabytes.
const CELLS_MAX: usize = 200_000;

impl Sheet {
    /// The account's number in the file, if it has one.
    pub(super) fn find(
        &mut self,
        file: &Connection,
        root: i64,
        account: &Account,
    ) -> Result<Option<i64>, Fault> {
        if let Some(number) = self.by_name.get(account) {
            return Ok(Some(*number));
        }
        let mut find = file.prepare_cached(
            "SELECT account FROM accounts WHERE root = ? AND scope = ? AND budget = ? AND unit = ? AND \"window\" = ?",
        )?;
        let book = account.book();
        let scope = account.scope().to_string();
        let name = params![root, scope, book.budget.as_str(), text::unit(&book.unit), book.window.as_str()];
        let found: Option<i64> = find.query_row(name, |row| row.get(0)).optional()?;
        if let Some(number) = found {
            self.by_name.insert(account.clone(), number);
        }
        Ok(found)
    }

    /// The account's number, given to it where it has none.
    pub(super) fn find_or_make(
        &mut self,
        file: &Connection,
        root: (i64, &Root),
        line: &Line,
    ) -> Result<i64, Fault> {
        if let Some(number) = self.find(file, root.0, &line.account)? {
            return Ok(number);
        }
        let next = "SELECT coalesce(max(account), 0) + 1 FROM accounts";
        let number: i64 = file.prepare_cached(next)?.query_row([], |row| row.get(0))?;
        let row = Row {
            account: line.account.clone(),
            root: root.0,
            span: i64::from(line.period.span.max(1)),
            newest: line.period.number,
            fired: 0,
            changed: false,
            // Nothing was ever counted on it.
            whole: true,
        };
        let mut make =
            file.prepare_cached("INSERT INTO accounts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9)")?;
        let (book, scope) = (line.account.book(), line.account.scope().to_string());
        make.execute(params![
            number,
            root.0,
            book.budget.as_str(),
            scope,
            text::unit(&book.unit),
            book.window.as_str(),
            row.span,
            row.newest,
            row.seal(number),
        ])?;
        self.by_name.insert(line.account.clone(), number);
        self.rows.insert(number, row);
        Ok(number)
    }

    /// The account of that number.
    pub(super) fn account(&mut self, file: &Connection, number: i64) -> Result<Account, Fault> {
        Ok(self.row(file, number)?.account.clone())
    }

    /// Whether the account is in a later period already.
    pub(super) fn is_past(&mut self, file: &Connection, number: i64, period: i64) -> Result<bool, Fault> {
        Ok(self.row(file, number)?.newest > period)
    }

    /// Lets the account live on to that period, if it is newer.
    pub(super) fn advance(&mut self, file: &Connection, number: i64, period: &Period) -> Result<(), Fault> {
        let row = self.row(file, number)?;
        if row.newest >= period.number {
            return Ok(());
        }
        // A level of a rolling account fires again once in each length of its window.
        let window = row.span.saturating_sub(1).max(1);
        if row.newest.checked_div_euclid(window) != period.number.checked_div_euclid(window) {
            row.fired = 0;
        }
        row.newest = period.number;
        self.note_row(number);
        Ok(())
    }

    /// The balance that a line of that period is judged by.
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

    /// Applies a change that fits; says what the balance is then.
    pub(super) fn apply(&mut self, file: &Connection, change: &Change) -> Result<Balance, Fault> {
        let cell = self.cell(file, change.account, change.period)?;
        cell.spent = cell.spent.saturating_add(change.spent);
        cell.reserved = cell.reserved.saturating_add(change.reserved);
        self.note_cell(change.account, change.period);
        self.balance(file, change.account, change.period)
    }

    /// The tiers of the line that spent money now reaches for the first time in the period, as (tier, level).
    pub(super) fn crossings(
        &mut self,
        file: &Connection,
        number: i64,
        line: &Line,
    ) -> Result<Vec<(u8, i64)>, Fault> {
        let period = line.period.number;
        let spent = self.balance(file, number, period)?.spent;
        let rolls = self.row(file, number)?.span > 1;
        let fired = match rolls {
            true => &mut self.row(file, number)?.fired,
            false => &mut self.cell(file, number, period)?.fired,
        };
        let mut crossed = Vec::new();
        for mark in line.marks.iter().take_while(|mark| spent >= mark.at) {
            let bit = tier_bit(mark);
            if *fired & bit == 0 {
                *fired |= bit;
                crossed.push((mark.tier, mark.at));
            }
        }
        match (crossed.is_empty(), rolls) {
            (true, _) => {}
            (false, true) => self.note_row(number),
            (false, false) => self.note_cell(number, period),
        }
        Ok(crossed)
    }

    /// After how many further sub-periods `amount` fits under the ceiling, if nothing else happens.
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

    pub(super) fn is_full(&self) -> bool {
        self.cells.len() > CELLS_MAX
    }

    fn row(&mut self, file: &Connection, number: i64) -> Result<&mut Row, Fault> {
        use std::collections::hash_map::Entry::{Occupied, Vacant};
        match self.rows.entry(number) {
            Occupied(known) => Ok(known.into_mut()),
            Vacant(unknown) => Ok(unknown.insert(read_row(file, number)?)),
        }
    }

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

fn tier_bit(mark: &Mark) -> u32 {
    1 << mark.tier.min(31)
}

/// An account's row, checked against its seal.
fn read_row(file: &Connection, number: i64) -> Result<Row, Fault> {
    let mut read = file.prepare_cached(
        "SELECT roots.name, accounts.root, budget, scope, unit, \"window\", span, newest, fired, accounts.seal
         FROM accounts JOIN roots USING (root) WHERE account = ?",
    )?;
    let row = read.query_row([number], |row| Ok(read_account(number, row)));
    Ok(row.optional()?.ok_or_else(|| damaged(format!("account {number} has no row")))??)
}

/// The account of a row of `roots.name, root, budget, scope, unit, window, span, newest, fired, seal`.
fn read_account(number: i64, row: &rusqlite::Row<'_>) -> Result<Row, StoreError> {
    let text = |at: usize| row.get::<_, String>(at);
    let wrong = |error: crate::Error| damaged(format!("account {number}: {error}"));
    let book = Book {
        root: text::read_root(&text(0)?)?,
        budget: text(2)?.into(),
        unit: text(4)?.parse().map_err(wrong)?,
        window: text(5)?.into(),
    };
    let account = Account::new(Arc::new(book), text(3)?.parse().map_err(wrong)?);
    let (span, newest, fired) = (row.get(6)?, row.get(7)?, row.get(8)?);
    let read = Row { account, root: row.get(1)?, span, newest, fired, changed: false, whole: false };
    if read.seal(number) != row.get::<_, i64>(9)? {
        return Err(damaged(format!("account {number}, {}: its seal does not fit", read.account)));
    }
    Ok(read)
}

/// Every account, each checked against its seal.
pub(super) fn all_accounts(file: &Connection) -> Result<HashMap<i64, Account>, StoreError> {
    let mut read = file.prepare(
        "SELECT roots.name, accounts.root, budget, scope, unit, \"window\", span, newest, fired, accounts.seal, account
         FROM accounts JOIN roots USING (root) ORDER BY account",
    )?;
    let mut rows = read.query([])?;
    let mut accounts = HashMap::new();
    while let Some(row) = rows.next()? {
        let number = row.get(10)?;
        accounts.insert(number, read_account(number, row)?.account);
    }
    Ok(accounts)
}

impl Row {
    fn seal(&self, number: i64) -> i64 {
        let book = self.account.book();
        let mut ink = Ink::of("account");
        ink.int(number).int(self.root).text(&book.budget).text(&self.account.scope().to_string());
        ink.text(&text::unit(&book.unit)).text(&book.window);
        ink.int(self.span).int(self.newest).int(i64::from(self.fired));
        ink.seal()
    }
}

impl Cell {
    fn balance(&self) -> Balance {
        Balance { spent: self.spent, reserved: self.reserved }
    }
}
