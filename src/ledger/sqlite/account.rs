//! How is an account written in the file, and read back unchanged?
//!
//! An account is a row with a number, and everything else refers to the number. Its name
//! is five columns: tenant, scope, budget, unit, window. Each is compared by its own, so
//! no name can be joined into another. What could not be read back as it was written is
//! refused before it is written, because a row that cannot be read stops the ledger for
//! good.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::fault::{Fault, StoreError, damaged};
use super::seal::Ink;
use super::text;
use crate::values::{Account, BudgetKey, ClaimLine, Unit};
use crate::{Error, Scope};

/// An account, as the sheet has it.
#[derive(Debug)]
pub(super) struct Row {
    /// The name: tenant, budget, scope, unit, window.
    pub(super) account: Account,
    /// The tenant's number.
    pub(super) tenant: i64,
    /// How many periods count together: 1, or 61 if the window rolls.
    pub(super) span: i64,
    /// The newest period that a command has named. A reserve for an older one is stale.
    pub(super) newest: i64,
    /// Tiers that have fired, a bit each; used if the window rolls, else each period has
    /// its own.
    pub(super) fired: u32,
    /// Whether the row must be written back before the commit.
    pub(super) changed: bool,
    /// Whether all sub-periods that the window counts are cells of the sheet.
    pub(super) whole: bool,
}

/// The number of an account, if the file knows it.
pub(super) fn find(file: &Connection, tenant: i64, account: &Account) -> Result<Option<i64>, Fault> {
    let mut find = file.prepare_cached(
        "SELECT account FROM accounts WHERE tenant = ? AND scope = ? AND budget = ? AND unit = ? AND \"window\" = ?",
    )?;
    let (book, scope) = (account.book(), account.scope().to_string());
    let name = params![tenant, scope, book.budget.as_str(), book.unit.code(), book.window.as_str()];
    Ok(find.query_row(name, |row| row.get(0)).optional()?)
}

/// Refuses an account whose name could not be read back: the ledger would stop at it for good.
pub(super) fn check_name(account: &Account) -> Result<(), Error> {
    let unit = account.unit();
    match unit.code().parse::<Unit>() {
        Ok(read) if read == *unit => Ok(()),
        _ => Err(Error::invalid("unit", format!("{:?} of {account} cannot be written", unit.code()))),
    }
}

/// Writes a new account, and returns its number.
pub(super) fn make(file: &Connection, tenant: i64, line: &ClaimLine) -> Result<(i64, Row), Fault> {
    let next = "SELECT coalesce(max(account), 0) + 1 FROM accounts";
    let number: i64 = file.prepare_cached(next)?.query_row([], |row| row.get(0))?;
    let row = Row {
        account: line.account.clone(),
        tenant,
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
        tenant,
        book.budget.as_str(),
        scope,
        book.unit.code(),
        book.window.as_str(),
        row.span,
        row.newest,
        row.seal(number),
    ])?;
    Ok((number, row))
}

/// An account's row, checked against its seal.
pub(super) fn read_row(file: &Connection, number: i64) -> Result<Row, Fault> {
    let mut read = file.prepare_cached(
        "SELECT tenants.name, accounts.tenant, budget, scope, unit, \"window\", span, newest, fired, accounts.seal
         FROM accounts JOIN tenants USING (tenant) WHERE account = ?",
    )?;
    let row = read.query_row([number], |row| Ok(read_account(number, row)));
    Ok(row.optional()?.ok_or_else(|| damaged(format!("account {number} has no row")))??)
}

/// The account of a row of `roots.name, root, budget, scope, unit, window, span, newest, fired, seal`.
fn read_account(number: i64, row: &rusqlite::Row<'_>) -> Result<Row, StoreError> {
    let text = |at: usize| row.get::<_, String>(at);
    let wrong = |error: crate::Error| damaged(format!("account {number}: {error}"));
    let book = BudgetKey {
        tenant: text::read_root(&text(0)?)?,
        budget: text(2)?.into(),
        unit: text(4)?.parse().map_err(wrong)?,
        window: text(5)?.into(),
    };
    let account = Account::new(Arc::new(book), Scope::kept(&text(3)?).map_err(wrong)?);
    let (span, newest, fired) = (row.get(6)?, row.get(7)?, row.get(8)?);
    let read = Row { account, tenant: row.get(1)?, span, newest, fired, changed: false, whole: false };
    if read.seal(number) != row.get::<_, i64>(9)? {
        return Err(damaged(format!("account {number}, {}: its seal does not fit", read.account)));
    }
    Ok(read)
}

/// Every account, each checked against its seal.
pub(super) fn all_accounts(file: &Connection) -> Result<HashMap<i64, Account>, StoreError> {
    let mut read = file.prepare(
        "SELECT tenants.name, accounts.tenant, budget, scope, unit, \"window\", span, newest, fired, accounts.seal, account
         FROM accounts JOIN tenants USING (tenant) ORDER BY account",
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
    /// The checksum over every column of the row.
    pub(super) fn seal(&self, number: i64) -> i64 {
        let book = self.account.book();
        let mut ink = Ink::of("account");
        ink.int(number).int(self.tenant).text(&book.budget).text(&self.account.scope().to_string());
        ink.text(&book.unit.code()).text(&book.window);
        ink.int(self.span).int(self.newest).int(i64::from(self.fired));
        ink.seal()
    }
}
