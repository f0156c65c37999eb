//! Does every row fit all the others?
//!
//! Verification asks the same thing in several independent ways, so that one wrong row
//! cannot agree with everything: SQLite's own check of pages and types; the schema,
//! compared with the one that this version makes; every seal; the chain of each journal;
//! balances against the journal, and once more against the open holds; marks and events
//! against the journal. All of it in one read transaction, so that a writer beside it
//! does not matter.
//!
//! | a fault of | is found by |
//! | --- | --- |
//! | the disk or SQLite | `integrity_check`, `foreign_key_check` |
//! | a person with a SQL shell | seals, the schema, the chain |
//! | this crate, in a balance | the journal's sums, and once more the open holds' |
//! | this crate, in a mark or an event | the journal's entries of that kind |

use std::collections::HashMap;

use rusqlite::Connection;

use super::account;
use super::chain::{self, Chain, Marks};
use super::events;
use super::fault::{StoreError, damaged};
use super::holds;
use super::mark;
use super::open::{VERSIONS, beside};
use super::place::Place;
use super::rebuild;
use super::text;
use crate::ledger::FrozenScope;
use crate::ledger::rules::State;

/// Checks all of the file as it is in one instant, while others go on writing.
pub(super) fn verify(place: &Place) -> Result<(), StoreError> {
    let file = beside(place)?;
    file.execute_batch("BEGIN")?;
    check_pages(&file)?;
    check_schema(&file)?;
    account::all_accounts(&file)?;
    chain::check_journal(&file)?.iter().try_for_each(|chain| check_marks(&file, chain))?;
    check_balances(&file)?;
    check_holds(&file)?;
    check_events(&file)
}

/// What SQLite itself can tell: broken pages, indexes that miss rows, values of another
/// type, rows that refer to none.
fn check_pages(file: &Connection) -> Result<(), StoreError> {
    let problem: String = file.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if problem != "ok" {
        return Err(damaged(problem));
    }
    let mut check = file.prepare("PRAGMA foreign_key_check")?;
    let mut rows = check.query([])?;
    match rows.next()? {
        Some(row) => {
            Err(damaged(format!("a row of {} names a row that is not there", row.get::<_, String>(0)?)))
        }
        None => Ok(()),
    }
}

/// Tables, checks and views must be what this version makes.
fn check_schema(file: &Connection) -> Result<(), StoreError> {
    let model = Connection::open_in_memory()?;
    VERSIONS.iter().try_for_each(|step| model.execute_batch(step))?;
    let read = |file: &Connection| -> Result<Vec<(String, String, Option<String>)>, StoreError> {
        let mut read = file.prepare(
            "SELECT name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY type, name",
        )?;
        let rows = read.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    let (found, expected) = (read(file)?, read(&model)?);
    match found.iter().find(|row| !expected.contains(row)) {
        Some((name, _, _)) => Err(damaged(format!("the schema of {name} is not this version's"))),
        None if found.len() == expected.len() => Ok(()),
        None => Err(damaged("a part of the schema is missing")),
    }
}

/// What is frozen must be what the journal says.
fn check_marks(file: &Connection, chain: &Chain) -> Result<(), StoreError> {
    let mut read =
        file.prepare("SELECT scope, action, since, \"by\", reason FROM frozen WHERE tenant = ?")?;
    let mut rows = read.query([chain.tenant])?;
    let mut found = Marks::new();
    while let Some(row) = rows.next()? {
        let FrozenScope { scope, action, since, attribution } = mark::read_row(row)?;
        let (by, reason) = (attribution.by.into(), attribution.reason.into());
        found.insert(scope.to_string(), (text::action(action).into(), since.as_nanos(), by, reason));
    }
    if found == chain.marks {
        return Ok(());
    }
    let differs = |(scope, mark): &(&String, &_)| chain.marks.get(*scope) != Some(*mark);
    let scope = found.iter().find(differs).map(|(scope, _)| scope.as_str());
    let scope = scope.unwrap_or("a scope that is missing");
    Err(damaged(format!("{:?}: the mark on {scope} is not the journal's", chain.name)))
}

/// Kept balances must equal what the journal adds up to.
fn check_balances(file: &Connection) -> Result<(), StoreError> {
    match rebuild::compare_in(file)?.first() {
        Some(first) => Err(damaged(format!(
            "{:?} in period {}: the journal says {:?}, the account {:?}, or levels that fired differ",
            first.account, first.period, first.journal, first.kept
        ))),
        None => Ok(()),
    }
}

/// What open holds hold must be what accounts have reserved, and every known id must bear its seal.
fn check_holds(file: &Connection) -> Result<(), StoreError> {
    let mut held: HashMap<(i64, i64), i64> = HashMap::new();
    holds::each(file, |hold| {
        for line in hold.lines.iter().filter(|_| hold.state == State::Held) {
            let sum = held.entry((line.account, line.period)).or_default();
            *sum = sum.saturating_add(line.amount);
        }
    })?;
    let mut read = file.prepare("SELECT account, period, reserved FROM balances")?;
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        let (account, period, reserved): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let holds = held.remove(&(account, period)).unwrap_or(0);
        if holds != reserved {
            return Err(damaged(format!(
                "account {account} in period {period}: holds say {holds} reserved, the account {reserved}"
            )));
        }
    }
    held.retain(|_, amount| *amount != 0);
    match held.keys().next() {
        Some((account, period)) => {
            Err(damaged(format!("account {account} has no balance in period {period}, and holds")))
        }
        None => Ok(()),
    }
}

/// Each crossing of the journal has its event, and each event its crossing.
fn check_events(file: &Connection) -> Result<(), StoreError> {
    let mut read = file.prepare(
        "SELECT tenant, sequence, level, spent, delivered_at, seal, kind FROM journal FULL JOIN events USING (tenant, sequence)
         WHERE kind = 'reached' OR level IS NOT NULL",
    )?;
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        let (tenant, sequence): (i64, i64) = (row.get(0)?, row.get(1)?);
        let wrong = || damaged(format!("the event of entry {sequence} of tenant {tenant} does not fit"));
        let level: i64 = row.get::<_, Option<i64>>(2)?.ok_or_else(wrong)?;
        let (spent, delivered_at, seal): (i64, Option<i64>, i64) = (row.get(3)?, row.get(4)?, row.get(5)?);
        let kind: Option<String> = row.get(6)?;
        if kind.as_deref() != Some("reached")
            || events::seal((tenant, sequence), (level, spent), delivered_at) != seal
        {
            return Err(wrong());
        }
    }
    Ok(())
}
