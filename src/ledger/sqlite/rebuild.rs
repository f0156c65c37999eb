//! What would the balances be if only the journal were left?
//!
//! A balance is a fold of the journal: the sum of all its differences. The view
//! `recomputed_balances` says so in SQL; `verify` compares it with what is kept, and
//! `rebuild` puts it in its place. The journal is the truth, balances are a cache of it.

use super::books::Books;
use super::fault::{Fault, StoreError};
use super::open::beside;
use super::place::Place;
use super::{account, chain, sheet};
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
    WITH kept AS MATERIALIZED (SELECT account, period, spent, reserved, fired FROM balances),
         journal AS MATERIALIZED (SELECT account, period, spent, reserved, fired FROM recomputed_balances)
    SELECT account, period, coalesce(kept.spent, 0), coalesce(kept.reserved, 0),
           coalesce(journal.spent, 0), coalesce(journal.reserved, 0)
    FROM kept FULL JOIN journal USING (account, period)
    WHERE coalesce(kept.spent, 0) <> coalesce(journal.spent, 0)
       OR coalesce(kept.reserved, 0) <> coalesce(journal.reserved, 0)
       OR coalesce(kept.fired, 0) <> coalesce(journal.fired, 0)
    ORDER BY account, period";

/// The balances that differ from the journal.
pub(super) fn compare(place: &Place) -> Result<Vec<Mismatch>, StoreError> {
    compare_in(&beside(place)?)
}

pub(super) fn compare_in(file: &rusqlite::Connection) -> Result<Vec<Mismatch>, StoreError> {
    let accounts = account::all_accounts(file)?;
    let mut read = file.prepare(COMPARE)?;
    let mut rows = read.query([])?;
    let mut differ = Vec::new();
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0)?;
        let account = accounts.get(&number).cloned();
        differ.push(Mismatch {
            account: account.ok_or_else(|| super::fault::damaged(format!("account {number} has no row")))?,
            period: row.get(1)?,
            kept: Balance { spent: row.get(2)?, reserved: row.get(3)? },
            journal: Balance { spent: row.get(4)?, reserved: row.get(5)? },
        });
    }
    Ok(differ)
}

impl Books {
    /// Makes all balances anew from the journal, if it is whole.
    pub(super) fn rebuild(&mut self) -> Result<usize, Fault> {
        // What earlier commands of this batch changed must not be written over the new rows.
        self.write_rows()?;
        chain::check_journal(&self.file).map_err(|error| match error {
            StoreError::Damaged(_) => Fault::Answer(error.into_error()),
            error => Fault::Store(error),
        })?;
        self.sheet = sheet::Sheet::default();
        self.file.execute("DELETE FROM balances", [])?;
        let made = self.file.execute(
            "INSERT INTO balances SELECT account, period, spent, reserved, fired FROM recomputed_balances",
            [],
        )?;
        Ok(made)
    }
}
