//! How are seals made anew?
//!
//! A migration changes what rows are hashed over, and a rebuild changes rows behind the back of the book. Both then seal them as the book
//! does, and give each tenant a new version, so that no process goes on with what it read before.

use std::collections::HashMap;
use std::ops::Range;

use rusqlite::{Connection, Row, params};

use super::fault::StoreError;
use super::{accounts, events, holds, tenants};
use crate::ledger::store::{Ink, Seal, Sealed, Version, id_bytes};

/// Seals every row that bears a seal.
pub(super) fn seal_all(file: &Connection) -> Result<(), StoreError> {
    seal_accounts(file)?;
    let names: HashMap<_, _> = tenants::all(file)?.into_iter().collect();
    let mut write = file.prepare("UPDATE holds SET seal = ?3 WHERE tenant = ?1 AND id = ?2")?;
    holds::each(file, |number, Sealed { row, .. }| {
        if let Some(tenant) = names.get(&number) {
            write.execute(params![number, id_bytes(row.id), row.seal(tenant)])?;
        }
        Ok(())
    })?;
    let mut write = file.prepare("UPDATE events SET seal = ?3 WHERE tenant = ?1 AND sequence = ?2")?;
    for (number, tenant) in &names {
        for Sealed { row, .. } in events::all(file, *number)? {
            write.execute(params![number, row.sequence as i64, row.seal(tenant)])?;
        }
    }
    Ok(())
}

/// Seals accounts, and tenants under a new version.
pub(super) fn seal_accounts(file: &Connection) -> Result<(), StoreError> {
    let mut write = file.prepare("UPDATE accounts SET seal = ?3 WHERE tenant = ?1 AND account = ?2")?;
    for (number, tenant) in tenants::all(file)? {
        for Sealed { row, .. } in accounts::all(file, number, &tenant)? {
            write.execute(params![number, row.number, row.seal(&tenant)])?;
        }
        let Some(known) = tenants::read(file, &tenant)? else { continue };
        let mut row = known.row.row;
        row.version = Version::after(Some(row.version));
        tenants::write(file, &tenant, Some(known), &row.sealed(&tenant))?;
    }
    Ok(())
}

/// Refuses rows of a file of version 1 to 3 whose seal does not fit, before they are sealed anew.
pub(super) fn check_old(file: &Connection) -> Result<(), StoreError> {
    check_each(file, "tenant", "SELECT seal, tenant, name, entries, head, time FROM tenants", |row, ink| {
        ink.int(row.get(1)?).text(&row.get::<_, String>(2)?).int(row.get(3)?);
        ink.bytes(&row.get::<_, [u8; 32]>(4)?).int(row.get(5)?);
        Ok(())
    })?;
    let accounts =
        "SELECT seal, account, tenant, budget, scope, unit, \"window\", span, newest, fired FROM accounts";
    check_each(file, "account", accounts, |row, ink| {
        ink.int(row.get(1)?).int(row.get(2)?);
        for at in 3..7 {
            ink.text(&row.get::<_, String>(at)?);
        }
        ints(row, 7..10, ink)
    })?;
    let events = "SELECT seal, tenant, sequence, level, spent, delivered_at FROM events";
    check_each(file, "event", events, |row, ink| {
        ints(row, 1..5, ink)?;
        ink.maybe_int(row.get(5)?);
        Ok(())
    })?;
    let mut lines = file.prepare(
        "SELECT account, period, amount, refunded, on_expiry FROM hold_lines WHERE hold = ? ORDER BY line",
    )?;
    let holds = "SELECT seal, hold, tenant, id, state, body, expires_at, on_expiry, unheld, ended_at, call FROM holds";
    check_each(file, "hold", holds, |row, ink| {
        ink.int(row.get(2)?).bytes(&row.get::<_, [u8; 16]>(3)?).text(&row.get::<_, String>(4)?);
        ink.bytes(&row.get::<_, [u8; 16]>(5)?).int(row.get(6)?).text(&row.get::<_, String>(7)?);
        ink.int(row.get(8)?).maybe_int(row.get(9)?).maybe_int(row.get(10)?);
        let mut lines = lines.query([row.get::<_, i64>(1)?])?;
        while let Some(line) = lines.next()? {
            ints(line, 0..4, ink)?;
            ink.maybe_int(line.get(4)?);
        }
        Ok(())
    })
}

/// Takes the numbers of those columns.
fn ints(row: &Row<'_>, columns: Range<usize>, ink: &mut Ink) -> rusqlite::Result<()> {
    for at in columns {
        ink.int(row.get(at)?);
    }
    Ok(())
}

/// Compares the first column of each row with the hash of what `write` takes of it.
fn check_each(
    file: &Connection,
    sort: &str,
    select: &str,
    mut write: impl FnMut(&Row<'_>, &mut Ink) -> rusqlite::Result<()>,
) -> Result<(), StoreError> {
    let mut read = file.prepare(select)?;
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        let mut ink = Ink::of(sort);
        write(row, &mut ink)?;
        if ink.seal() != row.get::<_, i64>(0)? {
            let text =
                format!("a row of {sort}s: its seal does not fit; look at it with the version that wrote it");
            return Err(super::fault::damaged(text));
        }
    }
    Ok(())
}
