//! How are marks on scopes kept?

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::{StoreError, damaged};
use crate::Scope;
use crate::ledger::store::words;
use crate::ledger::{Attribution, FrozenScope};
use crate::values::Timestamp;

/// Whether any mark stands in these books.
pub(super) fn any(file: &Connection, tenant: i64) -> Result<bool, StoreError> {
    let mut any = file.prepare_cached("SELECT EXISTS (SELECT 1 FROM frozen WHERE tenant = ?)")?;
    Ok(any.query_row([tenant], |row| row.get(0))?)
}

/// The marks that stand on these scopes.
pub(super) fn read(file: &Connection, tenant: i64, scopes: &[Scope]) -> Result<Vec<FrozenScope>, StoreError> {
    let mut marks = Vec::new();
    for scope in scopes {
        let mut read = file.prepare_cached(
            "SELECT scope, action, since, \"by\", reason FROM frozen WHERE tenant = ? AND scope = ?",
        )?;
        let found = read.query_row(params![tenant, scope.to_string()], |row| Ok(mark(row))).optional()?;
        marks.extend(found.transpose()?);
    }
    Ok(marks)
}

/// A row of `scope, action, since, by, reason`.
pub(super) fn mark(row: &Row<'_>) -> Result<FrozenScope, StoreError> {
    let text = |at: usize| row.get::<_, String>(at);
    Ok(FrozenScope {
        scope: Scope::kept(&text(0)?).map_err(|error: crate::Error| damaged(error.to_string()))?,
        action: words::action(&text(1)?)?,
        since: Timestamp::from_nanos(row.get(2)?),
        attribution: Attribution::new(text(3)?, text(4)?),
    })
}

/// Writes marks, or takes them away.
pub(super) fn write(
    file: &Connection,
    tenant: i64,
    marks: &[(Scope, Option<FrozenScope>)],
) -> Result<(), StoreError> {
    for (scope, mark) in marks {
        let scope = scope.to_string();
        let Some(FrozenScope { action, since, attribution, .. }) = mark else {
            let mut open = file.prepare_cached("DELETE FROM frozen WHERE tenant = ? AND scope = ?")?;
            open.execute(params![tenant, scope])?;
            continue;
        };
        let mut freeze =
            file.prepare_cached("INSERT OR REPLACE INTO frozen VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        let Attribution { by, reason } = attribution;
        let (action, since) = (words::of_action(*action), since.as_nanos());
        freeze.execute(params![tenant, scope, action, since, by.as_str(), reason.as_str()])?;
    }
    Ok(())
}
