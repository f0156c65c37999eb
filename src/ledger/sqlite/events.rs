//! Which levels were reached, and who still has to be told?
//!
//! A threshold is noted in the same transaction that found it, beside its journal entry,
//! as "not delivered". An observer that has been told is confirmed in a transaction of
//! its own. A process that dies in between leaves the event pending, and the next process
//! sends it again under the same key (tenant, entry number): at least once, never lost.

use rusqlite::{Connection, OptionalExtension, params};

use super::books::Books;
use super::fault::Fault;
use super::seal::Ink;
use super::text;
use crate::ledger::{PendingEvent, Reached};
use crate::values::Timestamp;

/// Notes a threshold that was just reached, in the transaction that found it.
pub(super) fn write(
    file: &Connection,
    (tenant, sequence): (i64, u64),
    (level, spent): (i64, i64),
) -> Result<(), Fault> {
    let mut write = file.prepare_cached("INSERT INTO events VALUES (?1, ?2, ?3, ?4, NULL, ?5)")?;
    let seal = seal((tenant, sequence as i64), (level, spent), None);
    write.execute(params![tenant, sequence as i64, level, spent, seal])?;
    Ok(())
}

/// The checksum of an event's row.
pub(super) fn seal(
    (tenant, sequence): (i64, i64),
    (level, spent): (i64, i64),
    delivered_at: Option<i64>,
) -> i64 {
    let mut ink = Ink::of("event");
    ink.int(tenant).int(sequence).int(level).int(spent).maybe_int(delivered_at);
    ink.seal()
}

impl Books {
    /// The oldest events that nobody has confirmed.
    pub(super) fn pending_events(&mut self, limit: usize) -> Result<Vec<PendingEvent>, Fault> {
        let mut read = self.file.prepare_cached(
            "SELECT tenants.name, sequence, journal.at, line.account, line.period, CAST(detail AS INTEGER), level, events.spent
             FROM events JOIN journal USING (tenant, sequence) JOIN journal_lines AS line USING (tenant, sequence)
             JOIN tenants USING (tenant)
             WHERE delivered_at IS NULL ORDER BY tenant, sequence LIMIT ?",
        )?;
        let mut rows = read.query([i64::try_from(limit).unwrap_or(i64::MAX)])?;
        let mut events = Vec::new();
        while let Some(row) = rows.next()? {
            let name: String = row.get(0)?;
            let sequence: i64 = row.get(1)?;
            let account = self.sheet.account(&self.file, row.get(3)?)?;
            events.push(PendingEvent {
                tenant: text::read_root(&name)?,
                sequence: sequence.unsigned_abs(),
                at: Timestamp::from_nanos(row.get(2)?),
                reached: Reached {
                    account,
                    period: row.get(4)?,
                    tier: row.get(5)?,
                    at: row.get(6)?,
                    spent: row.get(7)?,
                },
            });
        }
        Ok(events)
    }

    /// Notes that these events were delivered; an event that is not pending changes
    /// nothing.
    pub(super) fn delivered(&mut self, events: &[PendingEvent]) -> Result<(), Fault> {
        for event in events {
            self.reading(&event.tenant, |books, row| {
                let name = (row.number, event.sequence as i64);
                mark_delivered(&books.file, name, row.time)
            })?;
        }
        Ok(())
    }
}

/// Notes that an event was delivered. The caller only names it; threshold and spent are
/// read from the row, so that a caller cannot change them.
fn mark_delivered(file: &Connection, name: (i64, i64), now: Timestamp) -> Result<(), Fault> {
    let mut waiting = file.prepare_cached(
        "SELECT level, spent FROM events WHERE tenant = ? AND sequence = ? AND delivered_at IS NULL",
    )?;
    let found = waiting.query_row(name, |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some(what) = found else { return Ok(()) };
    let now = now.as_nanos();
    let mut write = file.prepare_cached(
        "UPDATE events SET delivered_at = ?3, seal = ?4 WHERE tenant = ?1 AND sequence = ?2",
    )?;
    write.execute(params![name.0, name.1, now, seal(name, what, Some(now))])?;
    Ok(())
}
