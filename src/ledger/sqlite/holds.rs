//! How are known ids written in the file?
//!
//! One table for every id that is remembered: open holds, charges, releases, tombstones, postings. Ids sort by their time, as
//! bytes, and imported rows, which bear none, stand behind all others. Old ids are therefore forgotten from the front of the table, some
//! hundred at a time, in the transaction of another command. The seal covers the row and its lines.
//!
//! | state | has lines | ends or ended by |
//! |---|---|---|
//! | held | what it holds | reconcile, release, or its expiry |
//! | expired, provisional, estimated, reported | what was charged | a surer figure replaces it; below reported a release withdraws it |
//! | released | zeros | usage that comes late is still recorded, a guess is not |
//! | tombstone | none | usage that comes all the same replaces the row |
//! | recorded | what was posted | nothing: a posting is corrected by another posting |

use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension, Row, params};
use smallvec::SmallVec;

use super::calls::Calls;
use super::fault::{StoreError, damaged};
use crate::ledger::store::{Digest, HoldChange, HoldRow, KnownLine, Sealed, id_bytes, words};
use crate::values::{ReservationId, Timestamp};

/// Reads holds with the columns that [`hold`] expects.
macro_rules! select {
    ($where:literal) => {
        concat!(
            "SELECT id, state, body, expires_at, on_expiry, unheld, ended_at, digest, holds.seal, tenant
             FROM holds LEFT JOIN calls USING (call) ",
            $where
        )
    };
}

/// The holds of these ids.
pub(super) fn read(
    file: &Connection,
    tenant: i64,
    ids: &[ReservationId],
) -> Result<Vec<Sealed<HoldRow>>, StoreError> {
    let mut found = Vec::new();
    for id in ids {
        let mut find = file.prepare_cached(select!("WHERE tenant = ? AND id = ?"))?;
        let hold = find.query_row(params![tenant, id_bytes(*id)], |row| Ok(hold(file, row))).optional()?;
        found.extend(hold.transpose()?);
    }
    Ok(found)
}

/// The open holds that end at or before that instant, at most so many, and when the next one ends.
pub(super) fn read_due(
    file: &Connection,
    tenant: i64,
    at: Timestamp,
    most: usize,
) -> Result<(Vec<Sealed<HoldRow>>, Option<Timestamp>), StoreError> {
    let mut find =
        file.prepare_cached(select!("WHERE tenant = ? AND state = 'held' ORDER BY expires_at, id LIMIT ?"))?;
    // One more than is wanted tells when the next one ends.
    let limit = i64::try_from(most.saturating_add(1)).unwrap_or(i64::MAX);
    let mut rows = find.query(params![tenant, limit])?;
    let mut due = Vec::new();
    while let Some(row) = rows.next()? {
        let hold = hold(file, row)?;
        if due.len() == most || hold.row.expires_at > at {
            return Ok((due, Some(hold.row.expires_at)));
        }
        due.push(hold);
    }
    Ok((due, None))
}

/// Hands every known id of all tenants to `each`, with the tenant's number.
pub(super) fn each(
    file: &Connection,
    mut each: impl FnMut(i64, Sealed<HoldRow>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut read_all = file.prepare(select!("ORDER BY tenant, id"))?;
    let mut rows = read_all.query([])?;
    while let Some(row) = rows.next()? {
        each(row.get(9)?, hold(file, row)?)?;
    }
    Ok(())
}

/// A hold with its lines.
fn hold(file: &Connection, row: &Row<'_>) -> Result<Sealed<HoldRow>, StoreError> {
    let bytes: [u8; 16] = row.get(0)?;
    let hold = HoldRow {
        id: ReservationId::from_bits(u128::from_be_bytes(bytes)),
        state: words::state(row.get_ref(1)?.as_str().map_err(not_text)?)?,
        body: u128::from_be_bytes(row.get(2)?),
        expires_at: Timestamp::from_nanos(row.get(3)?),
        on_expiry: words::on_expiry(row.get_ref(4)?.as_str().map_err(not_text)?)?,
        unheld: row.get(5)?,
        ended_at: row.get::<_, Option<i64>>(6)?.map(Timestamp::from_nanos),
        about: row.get::<_, Option<Digest>>(7)?,
        lines: lines(file, row.get(9)?, bytes)?,
    };
    Ok(Sealed { row: hold, seal: row.get(8)? })
}

fn lines(file: &Connection, tenant: i64, id: [u8; 16]) -> Result<SmallVec<[KnownLine; 8]>, StoreError> {
    let mut read = file.prepare_cached(
        "SELECT account, period, amount, refunded, on_expiry, line FROM hold_lines
         WHERE tenant = ? AND id = ? ORDER BY line",
    )?;
    let mut rows = read.query(params![tenant, id])?;
    let mut lines = SmallVec::new();
    while let Some(row) = rows.next()? {
        // Lines are changed by their number, which no seal covers.
        if row.get::<_, i64>(5)? != lines.len() as i64 {
            let id = ReservationId::from_bits(u128::from_be_bytes(id));
            return Err(damaged(format!("a line of reservation {id} is missing")));
        }
        lines.push(KnownLine {
            account: row.get(0)?,
            period: row.get(1)?,
            amount: row.get(2)?,
            refunded: row.get(3)?,
            on_expiry: row.get(4)?,
        });
    }
    Ok(lines)
}

fn not_text(_: FromSqlError) -> StoreError {
    damaged("a text is none")
}

/// Writes ids that are new or have changed; lines that are as they were read are left alone.
pub(super) fn write(
    file: &Connection,
    calls: &mut Calls,
    tenant: i64,
    changes: &[HoldChange],
) -> Result<(), StoreError> {
    for HoldChange { hold, before } in changes {
        match before {
            Some(before) if is_same_call(before, &hold.row) => update(file, tenant, hold, before)?,
            // A tombstone that is charged after all says anew what it is about.
            Some(_) => {
                let mut delete = file.prepare_cached("DELETE FROM holds WHERE tenant = ? AND id = ?")?;
                delete.execute(params![tenant, id_bytes(hold.row.id)])?;
                insert(file, calls, tenant, hold)?;
            }
            None => insert(file, calls, tenant, hold)?,
        }
    }
    Ok(())
}

/// Whether only how far the id has come may differ.
fn is_same_call(before: &HoldRow, now: &HoldRow) -> bool {
    (before.body, before.about, before.on_expiry, before.lines.len())
        == (now.body, now.about, now.on_expiry, now.lines.len())
}

fn insert(
    file: &Connection,
    calls: &mut Calls,
    tenant: i64,
    Sealed { row: hold, seal }: &Sealed<HoldRow>,
) -> Result<(), StoreError> {
    let call = hold.about.map(|digest| calls.number(file, &digest)).transpose()?;
    let mut write = file.prepare_cached(
        "INSERT INTO holds (tenant, id, state, body, expires_at, on_expiry, unheld, ended_at, call, seal)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    let id = id_bytes(hold.id);
    write.execute(params![
        tenant,
        id,
        words::of_state(hold.state),
        hold.body.to_be_bytes(),
        hold.expires_at.as_nanos(),
        words::of_on_expiry(hold.on_expiry),
        hold.unheld,
        hold.ended_at.map(Timestamp::as_nanos),
        call,
        seal,
    ])?;
    let mut write = file.prepare_cached("INSERT INTO hold_lines VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
    for (at, line) in hold.lines.iter().enumerate() {
        let KnownLine { account, period, amount, refunded, on_expiry } = *line;
        write.execute(params![tenant, id, at as i64, account, period, amount, refunded, on_expiry])?;
    }
    Ok(())
}

fn update(
    file: &Connection,
    tenant: i64,
    Sealed { row: hold, seal }: &Sealed<HoldRow>,
    before: &HoldRow,
) -> Result<(), StoreError> {
    let mut write = file.prepare_cached(
        "UPDATE holds SET state = ?3, expires_at = ?4, unheld = ?5, ended_at = ?6, seal = ?7
         WHERE tenant = ?1 AND id = ?2",
    )?;
    let id = id_bytes(hold.id);
    let ended_at = hold.ended_at.map(Timestamp::as_nanos);
    let state = words::of_state(hold.state);
    write.execute(params![tenant, id, state, hold.expires_at.as_nanos(), hold.unheld, ended_at, seal])?;
    let mut write = file.prepare_cached(
        "UPDATE hold_lines SET amount = ?4, refunded = ?5 WHERE tenant = ?1 AND id = ?2 AND line = ?3",
    )?;
    for (at, (line, before)) in hold.lines.iter().zip(&before.lines).enumerate() {
        if line != before {
            write.execute(params![tenant, id, at as i64, line.amount, line.refunded])?;
        }
    }
    Ok(())
}

/// So many go at once, as the statements say.
const AT_ONCE: usize = 1_024;

/// Forgets some ids that ended before that instant and bear a time before it; returns whether there may be more. At most 1,024 at
/// once, so that no command waits long for it.
pub(super) fn forget_some(file: &Connection, tenant: i64, before: Timestamp) -> Result<bool, StoreError> {
    // The first id that is not yet too old: its time is counted in whole milliseconds, rounded up.
    let millis = before.as_nanos().max(0).saturating_add(999_999).div_euclid(1_000_000);
    let first_kept = u128::from(millis.unsigned_abs()).wrapping_shl(80).to_be_bytes();
    let mut forget = file.prepare_cached(
        "DELETE FROM holds WHERE tenant = ?1 AND id IN (SELECT id FROM holds WHERE tenant = ?1 AND id < ?2
         AND state <> 'held' AND ended_at < ?3 ORDER BY id LIMIT 1024)",
    )?;
    let forgotten = forget.execute(params![tenant, first_kept, before.as_nanos()])?;
    Ok(forgotten == AT_ONCE)
}

/// Forgets some imported rows that were to be remembered until that instant; returns whether there may be more.
pub(super) fn forget_some_rows(file: &Connection, tenant: i64, now: Timestamp) -> Result<bool, StoreError> {
    let mut forget = file.prepare_cached(
        "DELETE FROM holds WHERE tenant = ?1 AND id IN (SELECT id FROM holds WHERE tenant = ?1
         AND id >= x'80000000000000000000000000000000' AND expires_at <= ?2 ORDER BY expires_at LIMIT 1024)",
    )?;
    let forgotten = forget.execute(params![tenant, now.as_nanos()])?;
    Ok(forgotten == AT_ONCE)
}
