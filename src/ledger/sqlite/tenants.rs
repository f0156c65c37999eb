//! How is a tenant's row kept?

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::{StoreError, damaged};
use super::marks;
use crate::ledger::store::{Sealed, TenantRow, Version, words};
use crate::values::{Tenant, Timestamp};

/// A tenant's row, and what is known beside it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// The number by which every other table refers to the tenant.
    pub(super) number: i64,
    pub(super) row: Sealed<TenantRow>,
    /// Whether any mark stands in its books; false saves every reserve a look-up.
    pub(super) any_marks: bool,
    /// How many accounts it has, once somebody has counted.
    pub(super) account_rows: Option<u32>,
}

/// The columns of a [`TenantRow`], in the order in which [`row`] reads them.
pub(super) const COLUMNS: &str = "tenant, counter, tag, time, entries, head, accounts, forgotten, seal";

/// Reads [`COLUMNS`].
pub(super) fn row(row: &Row<'_>) -> rusqlite::Result<(i64, Sealed<TenantRow>)> {
    let version = Version { counter: whole(row, 1)?, tag: whole(row, 2)? };
    let read = TenantRow {
        version,
        time: Timestamp::from_nanos(row.get(3)?),
        entries: whole(row, 4)?,
        head: row.get(5)?,
        accounts: row.get(6)?,
        forgotten: Timestamp::from_nanos(row.get(7)?),
    };
    Ok((row.get(0)?, Sealed { row: read, seal: row.get(8)? }))
}

/// A number of 64 bits without a sign; SQLite's have one.
fn whole(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(at)? as u64)
}

pub(super) fn read(file: &Connection, tenant: &Tenant) -> Result<Option<Known>, StoreError> {
    let mut read = file.prepare_cached(
        "SELECT tenant, counter, tag, time, entries, head, accounts, forgotten, seal FROM tenants WHERE name = ?",
    )?;
    let Some((number, row)) = read.query_row([tenant.name()], row).optional()? else { return Ok(None) };
    Ok(Some(Known { number, row, any_marks: marks::any(file, number)?, account_rows: None }))
}

/// Writes the row, and returns it as it is known from now on.
pub(super) fn write(
    file: &Connection,
    tenant: &Tenant,
    known: Option<Known>,
    row: &Sealed<TenantRow>,
) -> Result<Known, StoreError> {
    let number = match &known {
        Some(known) => known.number,
        None => next(file, tenant)?,
    };
    let TenantRow { version, time, entries, head, accounts, forgotten } = row.row;
    let values = params![
        number,
        version.counter as i64,
        version.tag as i64,
        time.as_nanos(),
        entries as i64,
        head,
        accounts,
        forgotten.as_nanos(),
        row.seal,
        tenant.name(),
    ];
    let sql = match known {
        Some(_) => {
            "UPDATE tenants SET counter = ?2, tag = ?3, time = ?4, entries = ?5, head = ?6, accounts = ?7,
             forgotten = ?8, seal = ?9, name = ?10 WHERE tenant = ?1"
        }
        None => {
            "INSERT INTO tenants (tenant, counter, tag, time, entries, head, accounts, forgotten, seal, name)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
        }
    };
    file.prepare_cached(sql)?.execute(values)?;
    let any_marks = known.as_ref().is_some_and(|known| known.any_marks);
    // A new account is written with the row that counts it.
    let account_rows = known.and_then(|known| {
        let made = accounts.saturating_sub(known.row.row.accounts);
        known.account_rows?.checked_add(made)
    });
    Ok(Known { number, row: row.clone(), any_marks, account_rows })
}

/// The number of a new tenant. Tenants are numbered without gaps, so a gap is one that was lost; where the newest was, its entries
/// still stand under the number, and the file refuses others there.
fn next(file: &Connection, tenant: &Tenant) -> Result<i64, StoreError> {
    let mut read = file.prepare_cached("SELECT count(*), coalesce(max(tenant), 0) FROM tenants")?;
    let (rows, last): (i64, i64) = read.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if rows != last {
        let text =
            format!("it has {rows} of the {last} tenants that were made; {tenant:?} may be one that is lost");
        return Err(damaged(text));
    }
    Ok(last.saturating_add(1))
}

/// All tenants with their numbers, in the order in which they came.
pub(super) fn all(file: &Connection) -> Result<Vec<(i64, Tenant)>, StoreError> {
    let mut read = file.prepare_cached("SELECT tenant, name FROM tenants ORDER BY tenant")?;
    let rows = read.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
    let named = rows.map(|row| {
        let (number, name) = row?;
        Ok((number, words::tenant(&name)?))
    });
    named.collect()
}
