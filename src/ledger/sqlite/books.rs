//! What stands in the running transaction, and when is it read, timed and written back?
//!
//! All commands of a batch work on one `Books`, which caches what it has read. The cache
//! is right because of three rules:
//!
//! 1. It is used only inside a transaction that holds the write lock, so no other
//!    connection can change a row meanwhile.
//! 2. `PRAGMA data_version` changes whenever another connection commits. If it differs at
//!    the start of a batch, everything is forgotten and read anew.
//! 3. A batch that fails is rolled back, and everything read or changed in it is
//!    forgotten as well; what was to be told is restored.
//!
//! Worked example: process A has read `spent = 4` and cached it. Process B charges 3. A's
//! next batch sees another `data_version`, forgets the 4, and reads 7.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use smallvec::SmallVec;

use super::SqliteOptions;
use super::calls::Calls;
use super::fault::Fault;
use super::holds::{self, Hold};
use super::sheet::{Change, Sheet};
use super::tenants::{self, Confirmed, RootRow};
use crate::ledger::Effects;
use crate::ledger::rules::State;
use crate::values::{Balance, ReservationId, Tenant, Timestamp};
use crate::{Clock, Error, ErrorKind};

pub(super) type Balances = SmallVec<[Balance; 8]>;
pub(super) type Changes = SmallVec<[Change; 8]>;

/// The books, as the ledger's thread has them before it.
///
/// Commands are methods, spread over the files beside this one.
#[derive(Debug)]
pub(super) struct Books {
    /// The only connection that writes.
    pub(super) file: Connection,
    /// How long ids are remembered, and how large a batch may be.
    pub(super) options: SqliteOptions,
    /// The clock, which may jump; ledger time does not.
    clock: Arc<dyn Clock>,
    /// The latest instant that the clock has shown. An instant that was told but not written must not run
    /// backwards either.
    latest: Timestamp,
    /// Accounts and balances of the running transaction.
    pub(super) sheet: Sheet,
    /// What calls are about, each written once.
    pub(super) calls: Calls,
    /// Rows of tenants that commands have named since everything was last forgotten.
    tenants: HashMap<Tenant, RootRow>,
    /// News that nobody has been told yet, by tenant; the next reply takes it along.
    pub(super) untold: HashMap<i64, Effects>,
    /// SQLite's `data_version` as of the last batch: it changes whenever another connection commits.
    version: i64,
    /// The newest entry of each root that was ever seen committed.
    confirmed: HashMap<Tenant, Confirmed>,
    /// When the old ids of each root were last forgotten.
    forgot_at: HashMap<i64, Timestamp>,
}

/// Ids of a tenant are forgotten no more often than this: forgetting costs a search, and
/// a minute more of memory costs nothing.
const FORGET_EVERY: Duration = Duration::from_secs(60);

/// Tenants beyond which everything cached is forgotten, because each commit looks through
/// them all.
const ROOTS_MAX: usize = 1_000;

impl Books {
    pub(super) fn new(file: Connection, clock: Arc<dyn Clock>, options: SqliteOptions) -> Self {
        Self {
            file,
            options,
            clock,
            latest: Timestamp::MIN,
            sheet: Sheet::default(),
            calls: Calls::default(),
            tenants: HashMap::new(),
            untold: HashMap::new(),
            version: 0,
            confirmed: HashMap::new(),
            forgot_at: HashMap::new(),
        }
    }

    /// Lets the clock have shown that instant.
    #[cfg(test)]
    pub(super) fn skip_to(&mut self, instant: Timestamp) {
        self.latest = self.latest.max(instant);
    }

    /// What is not told yet, for the case that the batch fails.
    pub(super) fn untold(&self) -> HashMap<i64, Effects> {
        self.untold.clone()
    }

    /// Starts a batch: forgets everything cached if another connection has committed, or
    /// if too much is cached.
    pub(super) fn begin(&mut self) -> Result<(), Fault> {
        let version: i64 =
            self.file.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        let full = self.sheet.is_full() || self.tenants.len() > ROOTS_MAX;
        if version != self.version || full {
            self.forget_all();
            self.version = version;
        }
        Ok(())
    }

    /// Writes back what changed; after it the transaction may be committed.
    pub(super) fn write_back(&mut self) -> Result<(), Fault> {
        self.forget_old_ids()?;
        self.write_rows()
    }

    /// Writes what changed so far: the file is then what this transaction says.
    pub(super) fn write_rows(&mut self) -> Result<(), Fault> {
        self.sheet.write_back(&self.file)?;
        for row in self.tenants.values().filter(|row| row.changed) {
            row.write(&self.file)?;
        }
        Ok(())
    }

    /// Notes that the commit succeeded: from now on no state of the file may lack these
    /// entries.
    pub(super) fn committed(&mut self) {
        for row in self.tenants.values_mut().filter(|row| row.changed) {
            row.changed = false;
            self.confirmed.insert(row.tenant.clone(), row.confirmed());
        }
    }

    /// Notes that the batch was rolled back: nothing that it read or told ever was.
    pub(super) fn rolled_back(&mut self, untold: HashMap<i64, Effects>) {
        self.forget_all();
        self.untold = untold;
    }

    fn forget_all(&mut self) {
        self.sheet = Sheet::default();
        self.calls = Calls::default();
        self.tenants.clear();
    }

    /// Forgets ids that ended longer ago than they are remembered, some at a time.
    fn forget_old_ids(&mut self) -> Result<(), Fault> {
        for row in self.tenants.values().filter(|row| row.changed) {
            let forgot_at = self.forgot_at.get(&row.number);
            if forgot_at.is_some_and(|forgot_at| row.time < *forgot_at + FORGET_EVERY) {
                continue;
            }
            let more = holds::forget_some(&self.file, row.number, row.time - self.options.remembers)?;
            if !more {
                self.forgot_at.insert(row.number, row.time);
            }
        }
        Ok(())
    }

    /// Works on the books of that tenant, which are opened if there are none yet. Time
    /// runs on, never back, and what is due ends first. After an error the books are as
    /// they were; if they were new, there are none.
    pub(super) fn within<T>(
        &mut self,
        tenant: &Tenant,
        work: impl FnOnce(&mut Self, &mut RootRow) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if let Some(row) = self.known_root(tenant)? {
            return self.work(row, work);
        }
        let row = tenants::make(&self.file, tenant, self.clock.now())?;
        let number = row.number;
        let done = self.work(row, work);
        if let Err(Fault::Answer(_)) = done {
            // After an error nothing has changed: no books either.
            self.tenants.remove(tenant);
            tenants::unmake(&self.file, number)?;
        }
        done
    }

    /// The same for readers: if there are no books, none are opened.
    pub(super) fn reading<T>(
        &mut self,
        tenant: &Tenant,
        work: impl FnOnce(&mut Self, &mut RootRow) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        match self.known_root(tenant)? {
            Some(row) => self.work(row, work).map(Some),
            None => Ok(None),
        }
    }

    /// Moves time on, ends what is due, works, and keeps the row for the next command of
    /// the batch.
    fn work<T>(
        &mut self,
        mut row: RootRow,
        work: impl FnOnce(&mut Self, &mut RootRow) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        row.time = row.time.max(self.latest);
        let done = self.expire_due(&mut row).and_then(|()| work(self, &mut row));
        self.tenants.insert(row.tenant.clone(), row);
        done
    }

    /// The row of that tenant, if it has one, checked against what was confirmed of it.
    /// Time runs on even for a tenant without books.
    fn known_root(&mut self, tenant: &Tenant) -> Result<Option<RootRow>, Fault> {
        self.latest = self.latest.max(self.clock.now());
        match self.tenants.remove(tenant) {
            Some(row) => Ok(Some(row)),
            None => {
                let row = tenants::read(&self.file, tenant, self.confirmed.get(tenant))?;
                if let Some(row) = &row {
                    self.confirmed.insert(tenant.clone(), row.confirmed());
                }
                Ok(row)
            }
        }
    }

    /// Marks a hold as ended, charged these amounts.
    pub(super) fn end(&self, row: &RootRow, hold: &mut Hold, state: State, charges: &[i64]) {
        hold.state = state;
        hold.ended_at = Some(row.time);
        hold.set_amounts(charges);
    }

    /// Refuses ids that are older than memory reaches.
    pub(super) fn check_age(&self, row: &RootRow, id: ReservationId) -> Result<(), Error> {
        if id.time() < row.time - self.options.remembers {
            let age = self.options.remembers.as_secs();
            let text =
                format!("reservation {id}: older than the {age} s that this ledger remembers; use a new id");
            return Err(Error::new(ErrorKind::Forgotten, text));
        }
        Ok(())
    }
}
