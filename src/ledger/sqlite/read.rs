//! What do readers see? Balances as they stand, and the journal.
//!
//! Readers go through the ledger's thread like commands: what is due ends before a
//! balance is shown, so that a reader and the next reserve see the same figures. Reading
//! a period that has not begun shows zero and changes nothing.

use rusqlite::{Connection, params};

use super::books::Books;
use super::calls::read_about;
use super::fault::{Fault, damaged};
use super::text;
use crate::ledger::{Attribution, Entry, EntryLine, Note};
use crate::values::{Account, Balance, Period, ReservationId, Tenant, Timestamp};

impl Books {
    /// Spent and reserved of each line.
    pub(super) fn balances(&mut self, lines: &[(Account, Period)]) -> Result<Vec<Balance>, Fault> {
        let mut balances = Vec::with_capacity(lines.len());
        for (account, period) in lines {
            // What is due is ended; this answer has no room for news, so they wait for the next reply.
            let read = self.reading(account.tenant(), |books, row| {
                let Some(number) = books.sheet.find(&books.file, row.number, account)? else {
                    return Ok(Balance::default());
                };
                // Reading a coming period must not close the present one.
                if period.from <= row.time && row.time < period.until {
                    books.advance(row, number, period)?;
                }
                books.sheet.balance(&books.file, number, period.number)
            })?;
            balances.push(read.unwrap_or_default());
        }
        Ok(balances)
    }

    /// Entries of one tenant from that number on, at most `limit`.
    pub(super) fn entries(&mut self, tenant: &Tenant, from: u64, limit: usize) -> Result<Vec<Entry>, Fault> {
        let read = self.reading(tenant, |books, row| {
            let mut entries = read_entries(&books.file, row.number, (from, limit))?;
            for (entry, lines) in &mut entries {
                for line in lines.drain(..) {
                    let account = books.sheet.account(&books.file, line.0)?;
                    let (period, spent, reserved) = (line.1, line.2, line.3);
                    entry.lines.push(EntryLine { account, period, spent, reserved });
                }
            }
            Ok(entries.into_iter().map(|(entry, _)| entry).collect())
        })?;
        Ok(read.unwrap_or_default())
    }
}

/// Account, period, spent and reserved of each line.
type RawLines = Vec<(i64, i64, i64, i64)>;

/// Entries of one tenant, oldest first, with their lines beside them. The limit counts
/// entries, so the lines are read apart from them.
fn read_entries(
    file: &Connection,
    tenant: i64,
    (from, limit): (u64, usize),
) -> Result<Vec<(Entry, RawLines)>, Fault> {
    let mut read = file.prepare_cached(
        "SELECT sequence, at, id, kind, detail, usage, ended, \"by\", reason, call FROM journal
         WHERE tenant = ? AND sequence >= ? ORDER BY sequence LIMIT ?",
    )?;
    let from = i64::try_from(from).unwrap_or(i64::MAX);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = read.query(params![tenant, from, limit])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let entry = read_entry(file, row)?;
        let lines = read_lines(file, tenant, entry.sequence)?;
        entries.push((entry, lines));
    }
    Ok(entries)
}

fn read_entry(file: &Connection, row: &rusqlite::Row<'_>) -> Result<Entry, Fault> {
    let text = |at: usize| row.get::<_, Option<String>>(at);
    let sequence: i64 = row.get(0)?;
    let wrong = |error: serde_json::Error| damaged(format!("entry {sequence}: {error}"));
    let kind: String = row.get(3)?;
    let note = Note {
        about: row.get::<_, Option<i64>>(9)?.map(|call| read_about(file, call)).transpose()?,
        usage: text(5)?.map(|usage| serde_json::from_str(&usage)).transpose().map_err(wrong)?,
        ended: text(6)?.map(|ended| text::read_ended(&ended)).transpose()?,
    };
    let attribution = text(7)?.zip(text(8)?).map(|(by, reason)| Attribution::new(by, reason));
    Ok(Entry {
        sequence: sequence.unsigned_abs(),
        at: Timestamp::from_nanos(row.get(1)?),
        id: ReservationId::from_bits(u128::from_be_bytes(row.get(2)?)),
        kind: text::read_kind(&kind, text(4)?.as_deref())?,
        lines: Vec::new(),
        note,
        attribution,
    })
}

fn read_lines(file: &Connection, tenant: i64, sequence: u64) -> Result<RawLines, Fault> {
    let mut read = file.prepare_cached(
        "SELECT account, period, spent, reserved FROM journal_lines WHERE tenant = ? AND sequence = ? ORDER BY line",
    )?;
    let lines = read.query_map(params![tenant, sequence as i64], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })?;
    Ok(lines.collect::<Result<_, _>>()?)
}
