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

use super::chain::{self, Chain, Marks};
use super::fault::{StoreError, damaged};
use super::open::{VERSIONS, beside};
use super::place::Place;
use super::{accounts, events, holds, marks, rebuild, tenants};
use crate::ledger::State;
use crate::ledger::store::{EventRow, HoldRow, Seal};

/// Checks all of the file as it is in one instant, while others go on writing.
pub(super) fn verify(place: &Place) -> Result<(), StoreError> {
    let file = beside(place)?;
    file.execute_batch("BEGIN")?;
    check_pages(&file)?;
    check_schema(&file)?;
    chain::check_journal(&file)?.iter().try_for_each(|chain| check_marks(&file, chain))?;
    check_balances(&file)?;
    check_live(&file)?;
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
    let mut rows = read.query([chain.number])?;
    let mut found = Marks::new();
    while let Some(row) = rows.next()? {
        let mark = marks::mark(row)?;
        found.insert(mark.scope.to_string(), mark);
    }
    if found == chain.marks {
        return Ok(());
    }
    let differs = |(scope, mark): &(&String, &_)| chain.marks.get(*scope) != Some(*mark);
    let scope = found.iter().find(differs).map(|(scope, _)| scope.as_str());
    let scope = scope.unwrap_or("a scope that is missing");
    Err(damaged(format!("{:?}: the mark on {scope} is not the journal's", chain.tenant)))
}

/// Kept balances must equal what the journal adds up to.
fn check_balances(file: &Connection) -> Result<(), StoreError> {
    match rebuild::compare_in(file)?.first() {
        Some(first) => Err(damaged(format!(
            "{:?} in period {}: the journal says {:?}, the account {:?}, or thresholds that fired differ",
            first.account, first.period, first.journal, first.kept
        ))),
        None => Ok(()),
    }
}

/// The balances that each account notes must be there.
fn check_live(file: &Connection) -> Result<(), StoreError> {
    let mut read =
        file.prepare(&format!("SELECT account, scope FROM accounts WHERE live <> {}", accounts::LIVE))?;
    let mut rows = read.query([])?;
    match rows.next()? {
        Some(row) => {
            let (account, scope): (i64, String) = (row.get(0)?, row.get(1)?);
            Err(damaged(format!("account {account}, {scope}: a counter is missing, or is not noted")))
        }
        None => Ok(()),
    }
}

/// What open holds hold must be what accounts have reserved, and every known id must bear its seal.
fn check_holds(file: &Connection) -> Result<(), StoreError> {
    let names: HashMap<_, _> = tenants::all(file)?.into_iter().collect();
    let mut held: HashMap<(i64, u32, i64), i64> = HashMap::new();
    holds::each(file, |tenant, sealed| {
        let name = names.get(&tenant).ok_or_else(|| damaged(format!("tenant {tenant} has no row")))?;
        let hold = HoldRow::checked(sealed, name)?;
        for line in hold.lines.iter().filter(|_| hold.state == State::Held) {
            let sum = held.entry((tenant, line.account, line.period)).or_default();
            *sum =
                sum.checked_add(line.amount).ok_or_else(|| damaged("more is held than fits into 64 bits"))?;
        }
        Ok(())
    })?;
    let mut read = file.prepare("SELECT tenant, account, period, reserved FROM balances")?;
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        let (account, period): (u32, i64) = (row.get(1)?, row.get(2)?);
        let reserved: i64 = row.get(3)?;
        let holds = held.remove(&(row.get(0)?, account, period)).unwrap_or(0);
        if holds != reserved {
            return Err(damaged(format!(
                "account {account} in period {period}: holds say {holds} reserved, the account {reserved}"
            )));
        }
    }
    held.retain(|_, amount| *amount != 0);
    match held.keys().next() {
        Some((_, account, period)) => {
            Err(damaged(format!("account {account} has no balance in period {period}, and holds")))
        }
        None => Ok(()),
    }
}

/// Each crossing of the journal has its event, and each event its crossing.
fn check_events(file: &Connection) -> Result<(), StoreError> {
    let mut read = file.prepare(
        "SELECT tenant, sequence FROM journal FULL JOIN events USING (tenant, sequence)
         WHERE (kind IS 'reached') <> (threshold IS NOT NULL)",
    )?;
    let wrong = |tenant: i64, sequence: i64| {
        damaged(format!("the event of entry {sequence} of tenant {tenant} does not fit"))
    };
    if let Some(row) = read.query([])?.next()? {
        return Err(wrong(row.get(0)?, row.get(1)?));
    }
    for (number, tenant) in tenants::all(file)? {
        for sealed in events::all(file, number)? {
            EventRow::checked(sealed, &tenant)?;
        }
    }
    Ok(())
}
