//! How are accounts and balances written in the file, and read back unchanged?
//!
//! An account's name is five columns: tenant, scope, budget, unit, window. Each is compared by its own, so no name can be joined into
//! another.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::{StoreError, damaged};
use crate::Scope;
use crate::ledger::store::{AccountRow, BalanceRow, Sealed};
use crate::values::{Account, Balance, BudgetKey, Tenant};

/// Reads accounts, each once, with the balances that their windows count and those that are named.
pub(super) struct Accounts<'a> {
    file: &'a Connection,
    name: &'a Tenant,
    tenant: i64,
    accounts: Vec<Sealed<AccountRow>>,
    /// Where each account stands among them.
    places: HashMap<u32, usize>,
    balances: Vec<BalanceRow>,
    /// Accounts, and periods of them, that were read.
    seen: HashSet<(u32, Option<i64>)>,
    /// Whether an account was asked for by a name that the file does not know.
    pub(super) misses_a_name: bool,
}

/// The columns of an [`AccountRow`], in the order in which [`account`] reads them.
pub(super) const COLUMNS: &str = "account, budget, scope, unit, \"window\", span, newest, fired, live, seal";

/// Reads [`COLUMNS`] into a row of that tenant.
pub(super) fn account(name: &Tenant, row: &Row<'_>) -> Result<Sealed<AccountRow>, StoreError> {
    let text = |at: usize| row.get::<_, String>(at);
    let number: u32 = row.get(0)?;
    let wrong = |error: crate::Error| damaged(format!("account {number}: {error}"));
    let key = BudgetKey {
        tenant: name.clone(),
        budget: text(1)?.into(),
        unit: text(3)?.parse().map_err(wrong)?,
        window: text(4)?.into(),
    };
    let account = Account::new(Arc::new(key), Scope::kept(&text(2)?).map_err(wrong)?);
    let live: i64 = row.get(8)?;
    let (span, newest, fired, live) = (row.get(5)?, row.get(6)?, row.get(7)?, live as u64);
    Ok(Sealed { row: AccountRow { number, account, span, newest, fired, live }, seal: row.get(9)? })
}

impl<'a> Accounts<'a> {
    pub(super) fn new(file: &'a Connection, name: &'a Tenant, tenant: i64) -> Self {
        Self {
            file,
            name,
            tenant,
            accounts: Vec::new(),
            places: HashMap::new(),
            balances: Vec::new(),
            seen: HashSet::new(),
            misses_a_name: false,
        }
    }

    /// What was read.
    pub(super) fn rows(self) -> (Vec<Sealed<AccountRow>>, Vec<BalanceRow>) {
        (self.accounts, self.balances)
    }

    /// The account of that name, if the file knows it.
    pub(super) fn by_name(&mut self, wanted: &Account, period: i64) -> Result<(), StoreError> {
        let mut find = self.file.prepare_cached(
            "SELECT account, span, newest, fired, live, seal FROM accounts
             WHERE tenant = ? AND scope = ? AND budget = ? AND unit = ? AND \"window\" = ?",
        )?;
        let (key, scope) = (wanted.key(), wanted.scope().to_string());
        let name = params![self.tenant, scope, key.budget.as_str(), key.unit.code(), key.window.as_str()];
        let found = find.query_row(name, |row| {
            let live: i64 = row.get(4)?;
            let read = AccountRow {
                number: row.get(0)?,
                account: wanted.clone(),
                span: row.get(1)?,
                newest: row.get(2)?,
                fired: row.get(3)?,
                live: live as u64,
            };
            Ok(Sealed { row: read, seal: row.get(5)? })
        });
        match found.optional()? {
            Some(found) => self.take(found, period),
            None => {
                self.misses_a_name = true;
                Ok(())
            }
        }
    }

    /// The account of that number, if there is one.
    pub(super) fn by_number(&mut self, number: u32, period: i64) -> Result<(), StoreError> {
        if let Some(known) = self.places.get(&number).and_then(|at| self.accounts.get(*at)) {
            return self.take(known.clone(), period);
        }
        let mut read = self.file.prepare_cached(
            "SELECT account, budget, scope, unit, \"window\", span, newest, fired, live, seal
             FROM accounts WHERE tenant = ? AND account = ?",
        )?;
        let found = read.query_row(params![self.tenant, number], |row| Ok(account(self.name, row)));
        match found.optional()? {
            Some(found) => self.take(found?, period),
            None => Ok(()),
        }
    }

    /// Takes an account with its balances.
    fn take(&mut self, found: Sealed<AccountRow>, period: i64) -> Result<(), StoreError> {
        let (number, window) = (found.row.number, found.row.window());
        if self.seen.insert((number, None)) {
            self.places.insert(number, self.accounts.len());
            self.accounts.push(found);
            self.read_balances(number, &window)?;
            self.seen.extend(window.map(|period| (number, Some(period))));
        }
        if self.seen.insert((number, Some(period))) {
            self.read_balances(number, &(period..=period))?;
        }
        Ok(())
    }

    /// The balances of those periods.
    fn read_balances(&mut self, account: u32, periods: &RangeInclusive<i64>) -> Result<(), StoreError> {
        let mut read = self.file.prepare_cached(
            "SELECT period, spent, reserved, fired FROM balances
             WHERE tenant = ? AND account = ? AND period BETWEEN ? AND ?",
        )?;
        let named = params![self.tenant, account, periods.start(), periods.end()];
        let rows = read.query_map(named, |row| {
            let balance = Balance { spent: row.get(1)?, reserved: row.get(2)? };
            Ok(BalanceRow { account, period: row.get(0)?, balance, fired: row.get(3)? })
        })?;
        for row in rows {
            self.balances.push(row?);
        }
        Ok(())
    }
}

/// Writes accounts and balances.
pub(super) fn write(
    file: &Connection,
    tenant: i64,
    accounts: &[Sealed<AccountRow>],
    balances: &[BalanceRow],
) -> Result<(), StoreError> {
    if !accounts.is_empty() {
        let mut write = file.prepare_cached(
            "INSERT INTO accounts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (tenant, account) DO UPDATE SET
             newest = excluded.newest, fired = excluded.fired, live = excluded.live, seal = excluded.seal",
        )?;
        for Sealed { row, seal } in accounts {
            let (key, scope) = (row.account.key(), row.account.scope().to_string());
            let (budget, unit, window) = (key.budget.as_str(), key.unit.code(), key.window.as_str());
            let (number, live) = (row.number, row.live as i64);
            write.execute(params![
                tenant, number, budget, scope, unit, window, row.span, row.newest, row.fired, live, seal
            ])?;
        }
    }
    let mut write = file.prepare_cached(
        "INSERT INTO balances VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (tenant, account, period)
         DO UPDATE SET spent = excluded.spent, reserved = excluded.reserved, fired = excluded.fired",
    )?;
    for row in balances {
        let Balance { spent, reserved } = row.balance;
        write.execute(params![tenant, row.account, row.period, spent, reserved, row.fired])?;
    }
    Ok(())
}

/// How many of the numbers that were given to the tenant's accounts are still accounted for.
///
/// In a file of version 3 all tenants shared one row of numbers, so a tenant that comes from there has *gaps*. A number that no entry
/// of its journal names is one: nothing was ever counted under it. To tell gaps from losses reads the journal, which takes a second
/// for a million entries; so they are found once and remembered.
pub(super) fn count(file: &Connection, tenant: i64, made: u32, gaps: &mut u32) -> Result<u32, StoreError> {
    let mut rows = file.prepare_cached("SELECT count(*) FROM accounts WHERE tenant = ?")?;
    let rows: u32 = rows.query_row([tenant], |row| row.get(0))?;
    let there = rows.saturating_add(*gaps);
    if there >= made {
        return Ok(there);
    }
    let lost: u32 = file.query_row(
        "SELECT count(DISTINCT account) FROM journal_lines WHERE tenant = ?1
         AND account NOT IN (SELECT account FROM accounts WHERE tenant = ?1)",
        [tenant],
        |row| row.get(0),
    )?;
    *gaps = made.saturating_sub(rows).saturating_sub(lost);
    Ok(rows.saturating_add(*gaps))
}

/// Which balances there are of an account: [`AccountRow::live`], as the file itself can tell.
pub(super) const LIVE: &str = "
    (SELECT coalesce(sum(1 << (newest - period)), 0) FROM balances
     WHERE balances.tenant = accounts.tenant AND balances.account = accounts.account
       AND period <= newest AND newest - period < 64)";

/// Gives the newest period of each account a balance, and lets each account note which ones it has.
pub(super) fn note_balances(file: &Connection) -> Result<(), StoreError> {
    file.execute("INSERT OR IGNORE INTO balances SELECT tenant, account, newest, 0, 0, 0 FROM accounts", [])?;
    file.execute(&format!("UPDATE accounts SET live = {LIVE}"), [])?;
    Ok(())
}

/// Every account of one tenant, by its number.
pub(super) fn all(
    file: &Connection,
    tenant: i64,
    name: &Tenant,
) -> Result<Vec<Sealed<AccountRow>>, StoreError> {
    let mut read =
        file.prepare(&format!("SELECT {COLUMNS} FROM accounts WHERE tenant = ? ORDER BY account"))?;
    let mut rows = read.query([tenant])?;
    let mut accounts = Vec::new();
    while let Some(row) = rows.next()? {
        accounts.push(account(name, row)?);
    }
    Ok(accounts)
}
