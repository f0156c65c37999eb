//! How far have the books of each root come?
//!
//! The tenant's row is the anchor of everything that belongs to it: the number of its
//! newest entry, the link of that entry, and the latest instant. All three only move
//! forward.
//!
//! Each process remembers, for each tenant, the newest entry that it has seen committed.
//! If the file is later read without that entry, or with another link for it, the file
//! was replaced by an older copy or by a foreign one, and nothing more is answered. That
//! is how a restored backup is noticed before the first admission and not after the first
//! double charge.
//!
//! Worked example: this process has seen entry 120 with link *x* committed. A backup with
//! 100 entries is put in the file's place: 100 < 120, so it is refused as damaged. A
//! foreign file with 130 entries has another link at 120: refused as well. A file in
//! which other processes wrote 121 to 130 still has *x* at 120, and is accepted.

use rusqlite::{Connection, OptionalExtension, params};

use super::fault::{Fault, damaged};
use super::journal::first_link;
use super::seal::{Digest, Ink};
use crate::values::{Tenant, Timestamp};

/// The books of one tenant.
#[derive(Debug)]
pub(super) struct RootRow {
    pub(super) tenant: Tenant,
    /// The number by which every other table refers to the tenant.
    pub(super) number: i64,
    /// The latest instant that a command was judged at; it never runs back.
    pub(super) time: Timestamp,
    /// The number of the newest journal entry.
    pub(super) entries: u64,
    /// The link of that entry.
    pub(super) head: Digest,
    /// No open hold ends before this instant. The minimum means "not known yet".
    pub(super) due: Timestamp,
    /// Whether any scope may be frozen; false saves every reserve a look-up.
    pub(super) any_frozen: bool,
    /// Whether the row must be written back before the commit.
    pub(super) changed: bool,
}

/// The newest entry that was seen committed: no later state of the file may lack it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Confirmed {
    /// The number of that entry.
    entries: u64,
    /// Its link, which covers everything before it.
    head: Digest,
}

/// The books of that tenant, checked against their seal and against what was confirmed of
/// them.
pub(super) fn read(
    file: &Connection,
    tenant: &Tenant,
    confirmed: Option<&Confirmed>,
) -> Result<Option<RootRow>, Fault> {
    let row = read_row(file, tenant)?;
    if let Some(confirmed) = confirmed
        && !stands(file, row.as_ref(), confirmed)?
    {
        let text = format!("{tenant:?} no longer has the {} entries that were confirmed", confirmed.entries);
        return Err(damaged(text).into());
    }
    Ok(row)
}

/// Whether the entry that was confirmed last is still there, behind the same entries. An
/// older copy that was put in the file's place lacks the entry, or has another in its
/// place.
fn stands(file: &Connection, row: Option<&RootRow>, confirmed: &Confirmed) -> Result<bool, Fault> {
    let Some(row) = row else { return Ok(confirmed.entries == 0) };
    if row.entries <= confirmed.entries {
        return Ok((row.entries, row.head) == (confirmed.entries, confirmed.head));
    }
    if confirmed.entries == 0 {
        return Ok(true);
    }
    let mut read = file.prepare_cached("SELECT link FROM journal WHERE tenant = ? AND sequence = ?")?;
    let link = read.query_row([row.number, confirmed.entries as i64], |row| row.get::<_, Digest>(0));
    Ok(link.optional()? == Some(confirmed.head))
}

fn read_row(file: &Connection, tenant: &Tenant) -> Result<Option<RootRow>, Fault> {
    let mut read =
        file.prepare_cached("SELECT tenant, entries, head, time, seal FROM tenants WHERE name = ?")?;
    let read = read.query_row([tenant.name()], |row| {
        let entries: i64 = row.get(1)?;
        let read = RootRow {
            tenant: tenant.clone(),
            number: row.get(0)?,
            entries: entries.unsigned_abs(),
            head: row.get(2)?,
            time: Timestamp::from_nanos(row.get(3)?),
            due: Timestamp::MIN,
            any_frozen: true,
            changed: false,
        };
        Ok((read, row.get::<_, i64>(4)?))
    });
    let Some((mut row, seal)) = read.optional()? else { return Ok(None) };
    if row.seal() != seal {
        return Err(damaged(format!("the books of {tenant:?}: their seal does not fit")).into());
    }
    let mut frozen = file.prepare_cached("SELECT EXISTS (SELECT 1 FROM frozen WHERE tenant = ?)")?;
    row.any_frozen = frozen.query_row([row.number], |row| row.get(0))?;
    Ok(Some(row))
}

/// Opens books for a tenant that has none.
pub(super) fn make(file: &Connection, tenant: &Tenant, now: Timestamp) -> Result<RootRow, Fault> {
    let next = "SELECT coalesce(max(tenant), 0) + 1 FROM tenants";
    let row = RootRow {
        tenant: tenant.clone(),
        number: file.prepare_cached(next)?.query_row([], |row| row.get(0))?,
        entries: 0,
        head: first_link(tenant.name()),
        time: now,
        due: Timestamp::MAX,
        any_frozen: false,
        changed: false,
    };
    let mut make = file.prepare_cached("INSERT INTO tenants VALUES (?1, ?2, 0, ?3, ?4, ?5)")?;
    make.execute(params![row.number, tenant.name(), row.head, row.time.as_nanos(), row.seal()])?;
    Ok(row)
}

/// Takes back what [`make`] has written, for a command that changed nothing.
pub(super) fn unmake(file: &Connection, number: i64) -> Result<(), Fault> {
    file.prepare_cached("DELETE FROM tenants WHERE tenant = ?")?.execute([number])?;
    Ok(())
}

impl RootRow {
    /// What no later state of these books may lack, once this one is committed.
    pub(super) fn confirmed(&self) -> Confirmed {
        Confirmed { entries: self.entries, head: self.head }
    }

    /// Notes that a hold ends by itself at that instant.
    pub(super) fn schedule(&mut self, at: Timestamp) {
        self.due = self.due.min(at);
    }

    /// Notes that the row is to be written, because at least its time has moved.
    pub(super) fn touch(&mut self) {
        self.changed = true;
    }

    pub(super) fn write(&self, file: &Connection) -> Result<(), Fault> {
        let mut write = file.prepare_cached(
            "UPDATE tenants SET entries = ?2, head = ?3, time = ?4, seal = ?5 WHERE tenant = ?1",
        )?;
        let (entries, time) = (self.entries as i64, self.time.as_nanos());
        write.execute(params![self.number, entries, self.head, time, self.seal()])?;
        Ok(())
    }

    fn seal(&self) -> i64 {
        seal_root(self.number, self.tenant.name(), self.entries, &self.head, self.time.as_nanos())
    }
}

/// The checksum of a tenant's row.
pub(super) fn seal_root(number: i64, name: &str, entries: u64, head: &Digest, time: i64) -> i64 {
    let mut ink = Ink::of("tenant");
    ink.int(number).text(name).int(entries as i64).bytes(head).int(time);
    ink.seal()
}
