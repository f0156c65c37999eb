//! What stands in the running transaction, and when is it read, timed and written back?

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
    pub(super) file: Connection,
    pub(super) options: SqliteOptions,
    clock: Arc<dyn Clock>,
    /// The latest that the clock has shown: what was told but not written must not run backwards either.
    latest: Timestamp,
    pub(super) sheet: Sheet,
    pub(super) calls: Calls,
    tenants: HashMap<Tenant, RootRow>,
    /// What came to light and was not told yet: the next reply takes it along.
    pub(super) untold: HashMap<i64, Effects>,
    /// Changes whenever another connection commits.
    version: i64,
    /// The newest entry of each root that was ever seen committed.
    confirmed: HashMap<Tenant, Confirmed>,
    /// When the old ids of each root were last forgotten.
    forgot_at: HashMap<i64, Timestamp>,
}

/// Ids of a root are forgotten no more often than this.
const FORGET_EVERY: Duration = Duration::from_secs(60);

/// Roots beyond which what was read is forgotten: each commit looks through them all.
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

    /// The transaction has begun: forgets what another connection may have changed meanwhile.
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

    /// Writes back what changed: after it, the transaction may be committed.
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

    /// The commit succeeded.
    pub(super) fn committed(&mut self) {
        for row in self.tenants.values_mut().filter(|row| row.changed) {
            row.changed = false;
            self.confirmed.insert(row.tenant.clone(), row.confirmed());
        }
    }

    /// The batch was rolled back: nothing that it read or told ever was.
    pub(super) fn rolled_back(&mut self, untold: HashMap<i64, Effects>) {
        self.forget_all();
        self.untold = untold;
    }

    fn forget_all(&mut self) {
        self.sheet = Sheet::default();
        self.calls = Calls::default();
        self.tenants.clear();
    }

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

    /// Works on the books of that root, which are opened where there are none yet.
    ///
    /// Time runs on, never back, and what is due is ended first.
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

    /// The same, for readers: where there are no books, none are opened.
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

    /// The row of that root, for a command of now: time runs on even where nobody has books yet.
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
