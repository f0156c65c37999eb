//! How is the journal written, and read back?
//!
//! It is append-only: triggers refuse updates and deletes.
//!
//! Worked example: a hold of 4 grows to 5, is charged 3 by an estimate, and is then withdrawn.
//!
//! | entry | kind | spent | reserved |
//! |---|---|---|---|
//! | 1 | reserved | 0 | +4 |
//! | 2 | resized | 0 | +1 |
//! | 3 | reconciled, estimated | +3 | −5 |
//! | 4 | released | −3 | 0 |
//! | sum | the balance | 0 | 0 |

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::calls::Calls;
use super::fault::{StoreError, damaged};
use crate::ledger::Attribution;
use crate::ledger::store::{Digest, EntryRow, Line, id_bytes, words};
use crate::values::{ReservationId, Timestamp};
use crate::{Scope, Usd};

/// Appends entries.
pub(super) fn write(
    file: &Connection,
    calls: &mut Calls,
    tenant: i64,
    entries: &[EntryRow],
) -> Result<(), StoreError> {
    for entry in entries {
        let call = entry.call.map(|digest| calls.number(file, &digest)).transpose()?;
        let (kind, detail) = words::of_kind(entry.kind);
        let sequence = entry.sequence as i64;
        let mut write = file.prepare_cached(
            "INSERT INTO journal VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?;
        write.execute(params![
            tenant,
            sequence,
            entry.at.as_nanos(),
            id_bytes(entry.id),
            kind,
            detail.as_deref(),
            entry.scope.as_ref().map(Scope::to_string),
            call,
            entry.served_text(),
            entry.usage_text(),
            entry.cost.map(Usd::nanos),
            entry.ended.map(words::of_ended),
            entry.attribution.as_ref().map(|attribution| attribution.by.as_str()),
            entry.attribution.as_ref().map(|attribution| attribution.reason.as_str()),
            entry.link,
        ])?;
        let mut write =
            file.prepare_cached("INSERT INTO journal_lines VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
        for (at, line) in entry.lines.iter().enumerate() {
            let Line { account, period, spent, reserved } = *line;
            write.execute(params![tenant, sequence, at as i64, account, period, spent, reserved])?;
        }
    }
    Ok(())
}

/// The link of that entry.
pub(super) fn link(file: &Connection, tenant: i64, sequence: u64) -> Result<Option<Digest>, StoreError> {
    let mut read = file.prepare_cached("SELECT link FROM journal WHERE tenant = ? AND sequence = ?")?;
    Ok(read.query_row([tenant, sequence as i64], |row| row.get(0)).optional()?)
}

/// Entries of one tenant from that number on, oldest first. The limit counts entries, so the lines are read apart from them.
pub(super) fn read(
    file: &Connection,
    tenant: i64,
    (from, limit): (u64, usize),
) -> Result<Vec<EntryRow>, StoreError> {
    let mut read = file.prepare_cached(
        "SELECT sequence, at, id, kind, detail, scope, digest, usage, ended, \"by\", reason, link, served, cost
         FROM journal LEFT JOIN calls USING (call) WHERE tenant = ? AND sequence >= ? ORDER BY sequence LIMIT ?",
    )?;
    let from = i64::try_from(from).unwrap_or(i64::MAX);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = read.query(params![tenant, from, limit])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(entry(file, tenant, row)?);
    }
    Ok(entries)
}

fn entry(file: &Connection, tenant: i64, row: &Row<'_>) -> Result<EntryRow, StoreError> {
    let text = |at: usize| row.get::<_, Option<String>>(at);
    let sequence: i64 = row.get(0)?;
    let wrong = |error: &dyn std::fmt::Display| damaged(format!("entry {sequence}: {error}"));
    let usage = text(7)?.map(|usage| serde_json::from_str(&usage)).transpose();
    let served = text(12)?.map(|served| serde_json::from_str(&served)).transpose();
    let scope = text(5)?.map(|scope| Scope::kept(&scope)).transpose();
    let kind: String = row.get(3)?;
    Ok(EntryRow {
        sequence: sequence.unsigned_abs(),
        at: Timestamp::from_nanos(row.get(1)?),
        id: ReservationId::from_bits(u128::from_be_bytes(row.get(2)?)),
        kind: words::kind(&kind, text(4)?.as_deref())?,
        scope: scope.map_err(|error| wrong(&error))?,
        call: row.get(6)?,
        served: served.map_err(|error| wrong(&error))?.map(Arc::new),
        usage: usage.map_err(|error| wrong(&error))?,
        cost: row.get::<_, Option<i64>>(13)?.map(Usd::from_nanos),
        ended: text(8)?.map(|ended| words::ended(&ended)).transpose()?,
        attribution: text(9)?.zip(text(10)?).map(|(by, reason)| Attribution::new(by, reason)),
        lines: lines(file, tenant, sequence)?,
        link: row.get(11)?,
    })
}

/// The lines of an entry. Their numbers, which no link covers, must leave none out.
fn lines(file: &Connection, tenant: i64, sequence: i64) -> Result<Vec<Line>, StoreError> {
    let mut read = file.prepare_cached(
        "SELECT account, period, spent, reserved, line FROM journal_lines
         WHERE tenant = ? AND sequence = ? ORDER BY line",
    )?;
    let mut rows = read.query([tenant, sequence])?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(4)? != lines.len() as i64 {
            return Err(damaged(format!("a line of entry {sequence} is missing")));
        }
        let (account, period) = (row.get(0)?, row.get(1)?);
        lines.push(Line { account, period, spent: row.get(2)?, reserved: row.get(3)? });
    }
    Ok(lines)
}
