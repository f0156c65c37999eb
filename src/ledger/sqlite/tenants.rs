//! How far have the books of each root come?

use rusqlite::{Connection, OptionalExtension, params};

use super::fault::{Fault, damaged};
use super::journal::first_link;
use super::seal::{Digest, Ink};
use crate::values::{Tenant, Timestamp};

/// The books of one root.
#[derive(Debug)]
pub(super) struct RootRow {
    pub(super) tenant: Tenant,
    pub(super) number: i64,
    pub(super) time: Timestamp,
    pub(super) entries: u64,
    pub(super) head: Digest,
    /// No open hold ends before.
    pub(super) due: Timestamp,
    pub(super) any_frozen: bool,
    pub(super) changed: bool,
}

/// What was seen committed of a root's books: no later state may lack it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Confirmed {
    entries: u64,
    head: Digest,
}

/// The books of that root, checked against their seal, and against what was confirmed of them.
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

/// Whether the entry that was confirmed last is still there, behind the same entries: an older copy that
/// was put in the file's place lacks it, or has others instead.
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

/// Opens books for a root that has none.
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

    /// Lets a hold end by itself at that instant.
    pub(super) fn schedule(&mut self, at: Timestamp) {
        self.due = self.due.min(at);
    }

    /// Something is to be written, at least the time.
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

/// The checksum of a root's row.
pub(super) fn seal_root(number: i64, name: &str, entries: u64, head: &Digest, time: i64) -> i64 {
    let mut ink = Ink::of("tenant");
    ink.int(number).text(name).int(entries as i64).bytes(head).int(time);
    ink.seal()
}
