//! Is the journal whole, from each root's first link to its head?
//!
//! Each entry bears a link: a hash of the link before it, its number, its fields and its
//! lines. The tenant's row names the last link and the number of entries. Whoever changes
//! an old entry must therefore change every link after it, and the head.
//!
//! | what was done to the file | what is found |
//! | --- | --- |
//! | a field or a line of an entry changed | its link does not fit |
//! | an entry taken out | the next number follows a gap |
//! | the last entries taken off | the head names a later entry |
//! | an older copy put in its place | processes that saw more refuse it ([`tenants`](super::tenants)) |
//!
//! The chain proves damage and mistakes, not malice: whoever can write the file can
//! compute all links anew.

use std::collections::{BTreeMap, HashMap};

use rusqlite::Connection;

use super::calls;
use super::fault::{StoreError, damaged};
use super::journal::{Written, first_link};
use super::seal::Digest;
use super::sheet::Change;
use super::tenants::seal_root;
use super::text;
use crate::ledger::MarkAction;

/// Scopes that the journal says are frozen, by their text: action, since when, by whom, why.
pub(super) type Marks = BTreeMap<String, (String, i64, String, String)>;

/// Walks each tenant's chain from its first link to its head, which the tenant's row must
/// name.
pub(super) fn check_journal(file: &Connection) -> Result<Vec<Chain>, StoreError> {
    let calls = check_calls(file)?;
    let mut chains = Vec::new();
    let mut tenants =
        file.prepare("SELECT tenant, name, entries, head, time, seal FROM tenants ORDER BY tenant")?;
    let mut rows = tenants.query([])?;
    while let Some(row) = rows.next()? {
        let (tenant, name): (i64, String) = (row.get(0)?, row.get(1)?);
        let (entries, head, time): (i64, Digest, i64) = (row.get(2)?, row.get(3)?, row.get(4)?);
        if seal_root(tenant, &name, entries.unsigned_abs(), &head, time) != row.get::<_, i64>(5)? {
            return Err(damaged(format!("the books of {name:?}: their seal does not fit")));
        }
        let mut chain = Chain { tenant, name, sequence: 0, link: [0; 32], marks: Marks::new() };
        chain.walk(file, &calls)?;
        if (chain.sequence, chain.link) != (entries, head) {
            return Err(damaged(format!(
                "the journal of {:?} ends with entry {}, its tenant says {entries}",
                chain.name, chain.sequence
            )));
        }
        chains.push(chain);
    }
    Ok(chains)
}

/// The digest of each call, recomputed from its text.
fn check_calls(file: &Connection) -> Result<HashMap<i64, Digest>, StoreError> {
    let mut calls = HashMap::new();
    let mut read =
        file.prepare("SELECT call, digest, model, use_case, price, tags, exemptions FROM calls")?;
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        let text = |at: usize| row.get::<_, String>(at);
        let (number, digest): (i64, Digest) = (row.get(0)?, row.get(1)?);
        let use_case: Option<String> = row.get(3)?;
        let found = calls::digest_of((&text(2)?, &text(4)?), use_case.as_deref(), (&text(5)?, &text(6)?));
        if found != digest {
            return Err(damaged(format!("call {number}: its hash does not fit")));
        }
        calls.insert(number, digest);
    }
    Ok(calls)
}

/// How far the walk along one tenant's journal has come.
pub(super) struct Chain {
    /// The tenant's number.
    pub(super) tenant: i64,
    /// The tenant's name; empty for the default books.
    pub(super) name: String,
    /// The number of the last entry walked.
    sequence: i64,
    /// The link of that entry, as it was recomputed.
    link: Digest,
    /// The marks that stand after the last entry.
    pub(super) marks: Marks,
}

impl Chain {
    /// Reads entry by entry, in the order of their numbers.
    fn walk(&mut self, file: &Connection, calls: &HashMap<i64, Digest>) -> Result<(), StoreError> {
        self.link = first_link(&self.name);
        let mut read = file.prepare(
            "SELECT sequence, at, id, kind, detail, scope, call, usage, ended, \"by\", reason, link
             FROM journal WHERE tenant = ? ORDER BY sequence",
        )?;
        let mut lines = file.prepare(
            "SELECT account, period, spent, reserved, line FROM journal_lines
             WHERE tenant = ? AND sequence = ? ORDER BY line",
        )?;
        let mut rows = read.query([self.tenant])?;
        while let Some(row) = rows.next()? {
            let sequence: i64 = row.get(0)?;
            if sequence != self.sequence.saturating_add(1) {
                return Err(damaged(format!("{:?}: entry {sequence} follows {}", self.name, self.sequence)));
            }
            let changes = read_changes(lines.query([self.tenant, sequence])?)?;
            let changes = changes.ok_or_else(|| damaged(format!("a line of entry {sequence} is missing")))?;
            self.step(sequence, row, calls, &changes)?;
        }
        Ok(())
    }

    /// Recomputes one link, compares it, and folds the marks.
    fn step(
        &mut self,
        sequence: i64,
        row: &rusqlite::Row<'_>,
        calls: &HashMap<i64, Digest>,
        changes: &[Change],
    ) -> Result<(), StoreError> {
        let text = |at: usize| row.get::<_, Option<String>>(at);
        let (at, id, kind): (i64, Vec<u8>, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
        let (detail, scope, usage, ended) = (text(4)?, text(5)?, text(7)?, text(8)?);
        let (by, reason) = (text(9)?, text(10)?);
        let call: Option<i64> = row.get(6)?;
        let call = call.and_then(|call| calls.get(&call)).map(Digest::as_slice);
        text::read_kind(&kind, detail.as_deref())?;
        let written = Written {
            at,
            id: &id,
            kind: &kind,
            detail: detail.as_deref(),
            scope: scope.as_deref(),
            call,
            usage: usage.as_deref(),
            ended: ended.as_deref(),
            by: by.as_deref(),
            reason: reason.as_deref(),
        };
        self.link = written.link(&self.link, sequence.unsigned_abs(), changes);
        if self.link != row.get::<_, Digest>(11)? {
            return Err(damaged(format!("{:?}: entry {sequence} does not fit the chain", self.name)));
        }
        self.sequence = sequence;
        if let (Some(scope), Some(action), "marked") = (scope, detail, kind.as_str()) {
            self.marks.remove(&scope);
            if action != text::action(MarkAction::Reopen) {
                let (by, reason) = (by.unwrap_or_default(), reason.unwrap_or_default());
                self.marks.insert(scope, (action, at, by, reason));
            }
        }
        Ok(())
    }
}

/// The lines of an entry; `None` if their numbers, which no link covers, leave one out.
fn read_changes(mut rows: rusqlite::Rows<'_>) -> Result<Option<Vec<Change>>, StoreError> {
    let mut changes = Vec::new();
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(4)? != changes.len() as i64 {
            return Ok(None);
        }
        let (account, period) = (row.get(0)?, row.get(1)?);
        changes.push(Change { account, period, spent: row.get(2)?, reserved: row.get(3)? });
    }
    Ok(Some(changes))
}
