//! How does SQLite keep the rows of a book?
//!
//! A round is one transaction: the first read takes the write lock (`BEGIN IMMEDIATE`), so that nobody else can write until the
//! round's write has ended it. Versions are compared all the same, because other processes write between two rounds;
//! `PRAGMA data_version` tells whether any has, and only then are the rows of tenants read anew.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::Connection;

use super::accounts::{self, Accounts};
use super::calls::Calls;
#[cfg(test)]
use super::failpoint::FailPoint;
use super::fault::StoreError;
use super::place::Place;
use super::presence::Presence;
use super::tenants::{self, Known};
use super::{SqliteOptions, events, holds, journal, marks};
use crate::ledger::store::{EntryRow, EventRow, Fault, Rows, Store, Want, Write, Wrote};
use crate::ledger::{Capabilities, LedgerClock};
use crate::values::{Tenant, Timestamp};

/// Keeps rows in one SQLite file. Made by [`SqliteLedger::open`](super::SqliteLedger::open), whose example opens a file twice.
pub struct SqliteStore {
    /// The only connection of this process that writes.
    pub(super) file: Connection,
    pub(super) place: Arc<Place>,
    pub(super) clock: LedgerClock,
    presence: Presence,
    pub(super) options: SqliteOptions,
    /// Numbers of calls that were looked up or written.
    calls: Calls,
    /// Rows of tenants as of the last look; void whenever another connection has committed.
    tenants: HashMap<Tenant, Option<Known>>,
    /// Numbers that were never given to an account, by the number of the tenant, where somebody counted.
    gaps: HashMap<i64, u32>,
    /// SQLite's `data_version` as of the last round.
    version: i64,
    /// Whether a transaction is open.
    is_open: bool,
    #[cfg(test)]
    fail: FailPoint,
}

/// Tenants beyond which their rows are read anew.
const TENANTS_MAX: usize = 10_000;

impl SqliteStore {
    pub(super) fn new(
        file: Connection,
        place: Arc<Place>,
        clock: LedgerClock,
        options: SqliteOptions,
        #[cfg(test)] fail: FailPoint,
    ) -> Self {
        let presence = Presence::enter(place.path(), &clock);
        Self {
            file,
            place,
            clock,
            presence,
            options,
            calls: Calls::default(),
            tenants: HashMap::new(),
            gaps: HashMap::new(),
            version: 0,
            is_open: false,
            #[cfg(test)]
            fail,
        }
    }

    /// Takes the write lock, unless this round has it.
    fn begin(&mut self) -> Result<(), StoreError> {
        if self.is_open {
            return Ok(());
        }
        self.file.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        self.is_open = true;
        let version = self.file.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        if version != self.version || self.tenants.len() > TENANTS_MAX {
            self.version = version;
            self.forget();
        }
        Ok(())
    }

    /// Ends the round, and makes sure that the file still has its name.
    fn commit(&mut self) -> Result<(), StoreError> {
        if !std::mem::take(&mut self.is_open) {
            return Ok(());
        }
        #[cfg(test)]
        let fault = self.fail.next_commit();
        #[cfg(test)]
        fault.before()?;
        self.file.prepare_cached("COMMIT")?.execute([])?;
        #[cfg(test)]
        fault.after()?;
        // What was written to a file that has lost its name will not be found again.
        self.place.check()
    }

    /// Forgets what was read of the file.
    pub(super) fn forget(&mut self) {
        self.tenants.clear();
        self.calls = Calls::default();
    }

    /// Does work in the round's transaction; whatever fails, the transaction is rolled back.
    pub(super) fn work<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, Fault> {
        let done = self.begin().and_then(|()| work(self));
        done.map_err(|error| {
            self.is_open = false;
            // A transaction that cannot be rolled back dies with the connection.
            let _ = self.file.execute_batch("ROLLBACK");
            self.forget();
            error.into_fault()
        })
    }

    /// The row of that tenant, as it stands in this transaction.
    pub(super) fn tenant(&mut self, tenant: &Tenant) -> Result<Option<Known>, StoreError> {
        if let Some(known) = self.tenants.get(tenant) {
            return Ok(known.clone());
        }
        let read = tenants::read(&self.file, tenant)?;
        self.tenants.insert(tenant.clone(), read.clone());
        Ok(read)
    }

    /// Reads what is wanted of one tenant, at that instant.
    fn read_one(&mut self, want: &Want, at: Timestamp) -> Result<Rows, StoreError> {
        // A tenant that this round sees anew: another program may have changed its rows by hand.
        let past_version = !self.tenants.contains_key(&want.tenant);
        let (forgets_at, clock_changes) = (Some(self.clock.forgets_at(at)), self.clock.changes());
        let mut rows = Rows { at, forgets_at, clock_changes, past_version, ..Rows::default() };
        let Some(known) = self.tenant(&want.tenant)? else {
            return Ok(rows);
        };
        let (file, tenant) = (&self.file, known.number);
        rows.any_marks = known.any_marks;
        rows.tenant = Some(known.row);
        rows.holds = holds::read(file, tenant, &want.ids)?;
        if let Some((at, most)) = want.due {
            (rows.due, rows.next_due) = holds::read_due(file, tenant, at, most)?;
        }
        let mut accounts = Accounts::new(file, &want.tenant, tenant);
        want.accounts.iter().try_for_each(|(account, period)| accounts.by_name(account, *period))?;
        want.numbers.iter().try_for_each(|(number, period)| accounts.by_number(*number, *period))?;
        rows.cells().try_for_each(|(account, period)| accounts.by_number(account, period))?;
        let misses_a_name = accounts.misses_a_name;
        (rows.accounts, rows.balances) = accounts.rows();
        rows.marks = marks::read(file, tenant, &want.scopes)?;
        rows.calls =
            want.calls.iter().map(|digest| self.calls.read(file, digest)).collect::<Result<_, _>>()?;
        rows.events = events::read(file, tenant, &want.events)?;
        rows.link = want.link.map(|sequence| journal::link(file, tenant, sequence)).transpose()?.flatten();
        if misses_a_name {
            rows.account_rows = usize::try_from(self.count_accounts(&want.tenant)?).unwrap_or(usize::MAX);
        }
        Ok(rows)
    }

    /// How many accounts the tenant has; counted once for each look at the file.
    fn count_accounts(&mut self, tenant: &Tenant) -> Result<u32, StoreError> {
        let Some(Some(known)) = self.tenants.get_mut(tenant) else { return Ok(0) };
        if let Some(counted) = known.account_rows {
            return Ok(counted);
        }
        let gaps = self.gaps.entry(known.number).or_default();
        let counted = accounts::count(&self.file, known.number, known.row.row.accounts, gaps)?;
        known.account_rows = Some(counted);
        Ok(counted)
    }

    fn write_one(&mut self, write: &Write<'_>) -> Result<Wrote, StoreError> {
        let known = self.tenant(write.tenant)?;
        let version = known.as_ref().map(|known| known.row.row.version);
        if let Some(refused) = write.refused(version, self.clock.now()) {
            return Ok(refused);
        }
        let Self { file, calls, .. } = self;
        let changes = write.changes;
        let mut known = tenants::write(file, write.tenant, known, &changes.tenant)?;
        let tenant = known.number;
        accounts::write(file, tenant, &changes.accounts, &changes.balances)?;
        changes.calls.iter().try_for_each(|call| calls.write(file, call))?;
        holds::write(file, calls, tenant, &changes.holds)?;
        journal::write(file, calls, tenant, &changes.entries)?;
        events::write(file, tenant, &changes.events)?;
        if !changes.marks.is_empty() {
            marks::write(file, tenant, &changes.marks)?;
            known.any_marks = marks::any(file, tenant)?;
        }
        let mut more_to_forget = false;
        if let Some(before) = changes.forget {
            more_to_forget |= holds::forget_some(file, tenant, before)?;
        }
        if let Some(now) = changes.forget_rows {
            more_to_forget |= holds::forget_some_rows(file, tenant, now)?;
        }
        self.tenants.insert(write.tenant.clone(), Some(known));
        Ok(Wrote::Done { more_to_forget })
    }
}

impl Store for SqliteStore {
    fn read(&mut self, wants: &[Want]) -> Result<Vec<Rows>, Fault> {
        self.work(|store| {
            let at = store.presence.show(&store.clock);
            wants.iter().map(|want| store.read_one(want, at)).collect()
        })
    }

    fn write(&mut self, writes: &[Write<'_>]) -> Result<Vec<Wrote>, Fault> {
        if writes.is_empty() && !self.is_open {
            return Ok(Vec::new());
        }
        self.work(|store| {
            let wrote = writes.iter().map(|write| store.write_one(write)).collect::<Result<_, _>>()?;
            store.commit()?;
            Ok(wrote)
        })
    }

    fn journal(&mut self, tenant: &Tenant, from: u64, limit: usize) -> Result<Vec<EntryRow>, Fault> {
        self.work(|store| match store.tenant(tenant)? {
            Some(known) => journal::read(&store.file, known.number, (from, limit)),
            None => Ok(Vec::new()),
        })
    }

    fn pending(&mut self, limit: usize) -> Result<Vec<(Tenant, EventRow)>, Fault> {
        self.work(|store| events::pending(&store.file, limit))
    }

    fn tenants(&mut self) -> Result<Vec<Tenant>, Fault> {
        self.work(|store| Ok(tenants::all(&store.file)?.into_iter().map(|(_, tenant)| tenant).collect()))
    }

    fn rest(&mut self) {
        let _ = self.presence.show(&self.clock);
    }

    fn describe(&self) -> Capabilities {
        Capabilities {
            durable: true,
            shared: true,
            remembers: self.options.remembers,
            ends_at_once: false,
            journal_entries: None,
        }
    }
}
