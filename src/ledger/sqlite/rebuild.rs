//! What would the balances be if only the journal were left?
//!
//! A balance is a fold of the journal: the sum of all its differences. The view `recomputed_balances` says so in SQL; `verify`
//! compares it with what is kept, and `rebuild` puts it in its place. The journal is the truth, balances are a cache of it.

use std::collections::HashMap;

use rusqlite::Connection;

use super::fault::{StoreError, damaged};
use super::open::beside;
use super::place::Place;
use super::store::SqliteStore;
use super::{accounts, chain, seals, tenants};
use crate::Error;
use crate::ledger::store::{AccountRow, Fault, Seal};
use crate::values::{Account, Balance};

/// A balance that differs from what the journal says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mismatch {
    /// The account.
    pub account: Account,
    /// The period, by its number.
    pub period: i64,
    /// What the account's row says.
    pub kept: Balance,
    /// What the journal adds up to.
    pub journal: Balance,
}

/// Both sides of every balance that differs, fired tiers included; a row that is missing
/// counts as zeros. The full join finds rows that only one side has.
const COMPARE: &str = "
    WITH kept AS MATERIALIZED (SELECT tenant, account, period, spent, reserved, fired FROM balances),
         journal AS MATERIALIZED (SELECT tenant, account, period, spent, reserved, fired FROM recomputed_balances)
    SELECT tenant, account, period, coalesce(kept.spent, 0), coalesce(kept.reserved, 0),
           coalesce(journal.spent, 0), coalesce(journal.reserved, 0)
    FROM kept FULL JOIN journal USING (tenant, account, period)
    WHERE coalesce(kept.spent, 0) <> coalesce(journal.spent, 0)
       OR coalesce(kept.reserved, 0) <> coalesce(journal.reserved, 0)
       OR coalesce(kept.fired, 0) <> coalesce(journal.fired, 0)
    ORDER BY tenant, account, period";

/// The balances that differ from the journal.
pub(super) fn compare(place: &Place) -> Result<Vec<Mismatch>, StoreError> {
    compare_in(&beside(place)?)
}

pub(super) fn compare_in(file: &Connection) -> Result<Vec<Mismatch>, StoreError> {
    let names = all_accounts(file)?;
    let mut read = file.prepare(COMPARE)?;
    let mut rows = read.query([])?;
    let mut differ = Vec::new();
    while let Some(row) = rows.next()? {
        let (tenant, number): (i64, u32) = (row.get(0)?, row.get(1)?);
        let account = names.get(&(tenant, number)).cloned();
        differ.push(Mismatch {
            account: account.ok_or_else(|| damaged(format!("account {number} has no row")))?,
            period: row.get(2)?,
            kept: Balance { spent: row.get(3)?, reserved: row.get(4)? },
            journal: Balance { spent: row.get(5)?, reserved: row.get(6)? },
        });
    }
    Ok(differ)
}

/// Every account by its tenant and number, each checked against its seal.
pub(super) fn all_accounts(file: &Connection) -> Result<HashMap<(i64, u32), Account>, StoreError> {
    let mut all = HashMap::new();
    for (number, tenant) in tenants::all(file)? {
        for sealed in accounts::all(file, number, &tenant)? {
            let row = AccountRow::checked(sealed, &tenant)?;
            all.insert((number, row.number), row.account);
        }
    }
    Ok(all)
}

impl SqliteStore {
    /// Makes all balances anew from the journal, if it is whole; how many there are now.
    pub(super) fn rebuild(&mut self) -> Result<Result<usize, Error>, Fault> {
        self.work(|store| {
            match chain::check_journal(&store.file) {
                Ok(_) => {}
                Err(error @ StoreError::Damaged(_)) => return Ok(Err(error.into_error())),
                Err(error) => return Err(error),
            }
            store.file.execute_batch(
                "DELETE FROM balances;
                 INSERT INTO balances SELECT tenant, account, period, spent, reserved, fired FROM recomputed_balances",
            )?;
            accounts::note_balances(&store.file)?;
            seals::seal_accounts(&store.file)?;
            store.forget();
            let made: i64 = store.file.query_row("SELECT count(*) FROM balances", [], |row| row.get(0))?;
            Ok(Ok(usize::try_from(made).unwrap_or(0)))
        })
    }
}
