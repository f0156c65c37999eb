//! Which scopes admit nothing, and why?
//!
//! A mark is a row for each frozen scope, written together with its journal entry. Most
//! tenants have no mark at all, so the tenant's row remembers whether there is any, and a
//! reserve without marks asks nothing.

use rusqlite::{OptionalExtension, params};

use super::books::{Balances, Books};
use super::fault::{Fault, StoreError, damaged};
use super::post::{NO_NOTE, Told};
use super::tenants::RootRow;
use super::text;
use crate::Scope;
use crate::ledger::rules::mark_counts;
use crate::ledger::{Attribution, EntryKind, FrozenScope, MarkAction, MarkScope, Outcome, Reply};
use crate::values::{ReservationId, Tenant, Timestamp};

impl Books {
    /// Freezes, stops, closes or reopens a scope. A mark that changes nothing is a
    /// repeat, without an entry.
    pub(super) fn mark(&mut self, command: &MarkScope<'_>) -> Result<Reply, Fault> {
        self.within(command.tenant, |books, row| books.mark_in(row, command))
    }

    fn mark_in(&mut self, row: &mut RootRow, command: &MarkScope<'_>) -> Result<Reply, Fault> {
        let known = self.read_frozen(row, command.scope)?.map(|frozen| frozen.action);
        let counts = mark_counts(known, command.action);
        if counts {
            self.write_mark(row, command)?;
            let id = ReservationId::generate(row.time);
            let told = Told::new(EntryKind::Marked(command.action), id, &NO_NOTE);
            let (attribution, scope) = (Some(command.attribution), Some(command.scope));
            self.post(row, &Told { attribution, scope, ..told }, &[])?;
        }
        Ok(Reply { repeated: !counts, ..self.reply(row, Outcome::Applied, Balances::new()) })
    }

    /// Writes the mark, or takes it away.
    fn write_mark(&self, row: &mut RootRow, command: &MarkScope<'_>) -> Result<(), Fault> {
        let scope = command.scope.to_string();
        if command.action == MarkAction::Reopen {
            let mut open = self.file.prepare_cached("DELETE FROM frozen WHERE tenant = ? AND scope = ?")?;
            open.execute(params![row.number, scope])?;
            return Ok(());
        }
        let mut freeze =
            self.file.prepare_cached("INSERT OR REPLACE INTO frozen VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        let Attribution { by, reason } = command.attribution;
        let (action, since) = (text::action(command.action), row.time.as_nanos());
        freeze.execute(params![row.number, scope, action, since, by.as_str(), reason.as_str()])?;
        row.any_frozen = true;
        Ok(())
    }

    /// The marks that stand on these scopes, in their order.
    pub(super) fn marks(&mut self, tenant: &Tenant, scopes: &[Scope]) -> Result<Vec<FrozenScope>, Fault> {
        let read = |books: &mut Self, row: &mut RootRow| {
            let each = scopes.iter().map(|scope| books.read_frozen(row, scope));
            each.filter_map(Result::transpose).collect()
        };
        Ok(self.reading(tenant, read)?.unwrap_or_default())
    }

    /// The mark that stands on a scope.
    pub(super) fn read_frozen(&self, row: &RootRow, scope: &Scope) -> Result<Option<FrozenScope>, Fault> {
        if !row.any_frozen {
            return Ok(None);
        }
        let mut read = self.file.prepare_cached(
            "SELECT scope, action, since, \"by\", reason FROM frozen WHERE tenant = ? AND scope = ?",
        )?;
        let frozen = read.query_row(params![row.number, scope.to_string()], |row| Ok(read_row(row)));
        Ok(frozen.optional()?.transpose()?)
    }
}

/// A row of `scope, action, since, by, reason`.
pub(super) fn read_row(row: &rusqlite::Row<'_>) -> Result<FrozenScope, StoreError> {
    let text = |at: usize| row.get::<_, String>(at);
    let scope = Scope::kept(&text(0)?).map_err(|error: crate::Error| damaged(error.to_string()))?;
    Ok(FrozenScope {
        scope,
        action: text::read_action(&text(1)?)?,
        since: Timestamp::from_nanos(row.get(2)?),
        attribution: Attribution::new(text(3)?, text(4)?),
    })
}
