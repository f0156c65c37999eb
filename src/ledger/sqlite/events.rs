//! How are thresholds kept that were reached, until somebody was told?

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::StoreError;
use crate::ledger::store::{EventRow, Sealed, words};
use crate::values::{Tenant, Timestamp};

/// Reads an event with what its journal entry tells of it.
macro_rules! select {
    ($what:literal) => {
        concat!(
            "SELECT events.sequence, journal.at, line.account, line.period, CAST(detail AS INTEGER), threshold,
                    events.spent, delivered_at, events.seal, tenants.name
             FROM events JOIN journal USING (tenant, sequence)
             JOIN journal_lines AS line USING (tenant, sequence) JOIN tenants USING (tenant) ",
            $what
        )
    };
}

fn event(row: &Row<'_>) -> rusqlite::Result<Sealed<EventRow>> {
    let sequence: i64 = row.get(0)?;
    let event = EventRow {
        sequence: sequence.unsigned_abs(),
        at: Timestamp::from_nanos(row.get(1)?),
        account: row.get(2)?,
        period: row.get(3)?,
        tier: row.get(4)?,
        threshold: row.get(5)?,
        spent: row.get(6)?,
        delivered_at: row.get::<_, Option<i64>>(7)?.map(Timestamp::from_nanos),
    };
    Ok(Sealed { row: event, seal: row.get(8)? })
}

/// The events of these entries.
pub(super) fn read(
    file: &Connection,
    tenant: i64,
    sequences: &[u64],
) -> Result<Vec<Sealed<EventRow>>, StoreError> {
    let mut events = Vec::new();
    for sequence in sequences {
        let mut read = file.prepare_cached(select!("WHERE tenant = ? AND sequence = ?"))?;
        events.extend(read.query_row(params![tenant, *sequence as i64], event).optional()?);
    }
    Ok(events)
}

/// Every event of one tenant.
pub(super) fn all(file: &Connection, tenant: i64) -> Result<Vec<Sealed<EventRow>>, StoreError> {
    let mut read = file.prepare(select!("WHERE tenant = ? ORDER BY sequence"))?;
    let events = read.query_map([tenant], event)?;
    Ok(events.collect::<Result<_, _>>()?)
}

/// The oldest events of each tenant that nobody has confirmed.
pub(super) fn pending(file: &Connection, limit: usize) -> Result<Vec<(Tenant, EventRow)>, StoreError> {
    let mut read =
        file.prepare_cached(select!("WHERE delivered_at IS NULL ORDER BY tenant, sequence LIMIT ?"))?;
    let mut rows = read.query([i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        events.push((words::tenant(&row.get::<_, String>(9)?)?, event(row)?.row));
    }
    Ok(events)
}

/// Writes events that are new or were delivered.
pub(super) fn write(file: &Connection, tenant: i64, events: &[Sealed<EventRow>]) -> Result<(), StoreError> {
    for Sealed { row, seal } in events {
        let mut write = file.prepare_cached(
            "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (tenant, sequence)
             DO UPDATE SET delivered_at = excluded.delivered_at, seal = excluded.seal",
        )?;
        let delivered_at = row.delivered_at.map(Timestamp::as_nanos);
        write.execute(params![tenant, row.sequence as i64, row.threshold, row.spent, delivered_at, seal])?;
    }
    Ok(())
}
