//! What is a call about, written once for all entries of its charge set?
//!
//! Entries and holds refer to a call by its number in the file; everybody else names it by its digest.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::{StoreError, damaged};
use crate::ledger::store::{CallRow, CallText, Digest};

/// Numbers of calls, by the digest of what they are about.
#[derive(Debug, Default)]
pub(super) struct Calls(HashMap<Digest, i64>);

/// Calls beyond which the list begins anew.
const CALLS_MAX: usize = 10_000;

/// The columns of a [`CallText`], in the order in which [`text`] reads them.
pub(super) const COLUMNS: &str = "model, use_case, price, tags, exemptions, provider, conditions, scopes";

/// Reads [`COLUMNS`], of which the first stands at that place.
pub(super) fn text(row: &Row<'_>, at: usize) -> rusqlite::Result<CallText> {
    let place = |offset: usize| at.saturating_add(offset);
    Ok(CallText {
        model: row.get(place(0))?,
        use_case: row.get(place(1))?,
        price: row.get(place(2))?,
        tags: row.get(place(3))?,
        exemptions: row.get(place(4))?,
        provider: row.get(place(5))?,
        conditions: row.get(place(6))?,
        scopes: row.get(place(7))?,
    })
}

impl Calls {
    /// The number of a call that the file knows.
    pub(super) fn number(&mut self, file: &Connection, digest: &Digest) -> Result<i64, StoreError> {
        let known = self.find(file, digest)?;
        known.ok_or_else(|| damaged("what a call is about has no row"))
    }

    fn find(&mut self, file: &Connection, digest: &Digest) -> Result<Option<i64>, StoreError> {
        if let Some(number) = self.0.get(digest) {
            return Ok(Some(*number));
        }
        if self.0.len() > CALLS_MAX {
            self.0.clear();
        }
        let mut find = file.prepare_cached("SELECT call FROM calls WHERE digest = ?")?;
        let found: Option<i64> = find.query_row([digest], |row| row.get(0)).optional()?;
        self.0.extend(found.map(|number| (*digest, number)));
        Ok(found)
    }

    /// Writes what a call is about, unless the file knows it.
    pub(super) fn write(&mut self, file: &Connection, call: &CallRow) -> Result<(), StoreError> {
        if self.find(file, &call.digest)?.is_some() {
            return Ok(());
        }
        let mut write = file.prepare_cached(
            "INSERT INTO calls (digest, model, use_case, price, tags, exemptions, provider, conditions, scopes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        let CallText { model, use_case, price, tags, exemptions, provider, conditions, scopes } =
            CallText::of(&call.about);
        let number = write.insert(params![
            call.digest,
            model,
            use_case,
            price,
            tags,
            exemptions,
            provider,
            conditions,
            scopes
        ])?;
        self.0.insert(call.digest, number);
        Ok(())
    }

    /// What the call of that digest is about.
    pub(super) fn read(&self, file: &Connection, digest: &Digest) -> Result<CallRow, StoreError> {
        let mut read = file.prepare_cached(
            "SELECT model, use_case, price, tags, exemptions, provider, conditions, scopes
             FROM calls WHERE digest = ?",
        )?;
        let found = read.query_row([digest], |row| text(row, 0)).optional()?;
        let found = found.ok_or_else(|| damaged("what a call is about has no row"))?;
        let about = found.read().map_err(|error| damaged(format!("what a call is about: {error}")))?;
        Ok(CallRow { digest: *digest, about: Arc::new(about) })
    }
}
