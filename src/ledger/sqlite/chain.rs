//! Is the journal whole, from each tenant's first link to its head?
//!
//! The tenant's row names the last link and the number of entries. Whoever changes an old entry must therefore change every link after
//! it, and the head.
//!
//! | what was done to the file | what is found |
//! |---|---|
//! | a field or a line of an entry changed | its link does not fit |
//! | an entry taken out | the next number follows a gap |
//! | the last entries taken off | the head names a later entry |
//! | an older copy put in its place | processes that saw more refuse it |
//!
//! The chain proves damage and mistakes, not malice: whoever can write the file can compute all links anew.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::fault::{StoreError, damaged};
use super::{calls, journal, tenants};
use crate::ledger::FrozenScope;
use crate::ledger::store::{EntryRow, Seal, TenantRow, first_link, words};
use crate::ledger::{EntryKind, MarkAction};
use crate::values::Tenant;

/// Scopes that the journal says are frozen, by their text.
pub(super) type Marks = BTreeMap<String, FrozenScope>;

/// Entries that are read at once.
const AT_ONCE: usize = 1_000;

/// How far the walk along one tenant's journal has come.
pub(super) struct Chain {
    /// The tenant's number.
    pub(super) number: i64,
    pub(super) tenant: Tenant,
    /// The marks that stand after the last entry.
    pub(super) marks: Marks,
}

/// Walks each tenant's chain from its first link to its head, which the tenant's row must name.
pub(super) fn check_journal(file: &Connection) -> Result<Vec<Chain>, StoreError> {
    check_calls(file)?;
    let mut chains = Vec::new();
    let mut read =
        file.prepare(&format!("SELECT {}, name FROM tenants ORDER BY tenant", tenants::COLUMNS))?;
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        let (number, sealed) = tenants::row(row)?;
        let name: String = row.get(9)?;
        let tenant = words::tenant(&name)?;
        let anchor = TenantRow::checked(sealed, &tenant)?;
        chains.push(walk(file, number, tenant, &anchor)?);
    }
    Ok(chains)
}

/// Recomputes the digest of each call from its text.
fn check_calls(file: &Connection) -> Result<(), StoreError> {
    let mut read = file.prepare(&format!("SELECT call, digest, {} FROM calls", calls::COLUMNS))?;
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0)?;
        if calls::text(row, 2)?.digest() != row.get::<_, [u8; 32]>(1)? {
            return Err(damaged(format!("call {number}: its hash does not fit")));
        }
    }
    Ok(())
}

/// Reads entry by entry, in the order of their numbers, up to the tenant's anchor.
fn walk(file: &Connection, number: i64, tenant: Tenant, anchor: &TenantRow) -> Result<Chain, StoreError> {
    let (mut last, mut link, mut marks) = (0, first_link(&tenant), Marks::new());
    loop {
        let entries = journal::read(file, number, (u64::saturating_add(last, 1), AT_ONCE))?;
        let is_end = entries.len() < AT_ONCE;
        for entry in entries {
            if entry.sequence != u64::saturating_add(last, 1) {
                return Err(damaged(format!("{tenant:?}: entry {} follows {last}", entry.sequence)));
            }
            link = entry.link_after(&link);
            if link != entry.link {
                return Err(damaged(format!("{tenant:?}: entry {} does not fit the chain", entry.sequence)));
            }
            last = entry.sequence;
            fold_mark(&mut marks, entry);
        }
        if is_end {
            break;
        }
    }
    if (last, link) == (anchor.entries, anchor.head) {
        return Ok(Chain { number, tenant, marks });
    }
    Err(damaged(format!(
        "the journal of {tenant:?} ends with entry {last}, its tenant says {}",
        anchor.entries
    )))
}

fn fold_mark(marks: &mut Marks, entry: EntryRow) {
    let EntryRow { kind: EntryKind::Marked(action), scope: Some(scope), at, attribution, .. } = entry else {
        return;
    };
    let name = scope.to_string();
    marks.remove(&name);
    if let Some(attribution) = attribution.filter(|_| action != MarkAction::Reopen) {
        marks.insert(name, FrozenScope { scope, action, since: at, attribution });
    }
}
