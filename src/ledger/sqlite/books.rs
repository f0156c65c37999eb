//! What stands in the running transaction, and how is it told, timed, and written back?

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use smallvec::SmallVec;

use super::SqliteOptions;
use super::events;
use super::fault::{Fault, damaged};
use super::holds::{self, Hold, HoldLine};
use super::journal::{self, Calls, NewEntry, first_link};
use super::seal::{Digest, Ink};
use super::sheet::{Change, Sheet};
use crate::ledger::rules::State;
use crate::ledger::{Crossed, Ended, EntryKind, Expired, News, Note, Outcome, Rank, Reply, Signature};
use crate::{Balance, Claim, Clock, Error, ErrorKind, ReservationId, Root, Scope, Timestamp};

/// What the ledger writes about what it did by itself.
pub(super) const NO_NOTE: Note = Note { about: None, usage: None, ended: None };

pub(super) type Balances = SmallVec<[Balance; 8]>;
pub(super) type Changes = SmallVec<[Change; 8]>;

/// The books, as the ledger's thread has them before it. Commands are methods, spread over the files beside this one.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) file: Connection,
    pub(super) options: SqliteOptions,
    clock: Arc<dyn Clock>,
    pub(super) sheet: Sheet,
    pub(super) calls: Calls,
    roots: HashMap<Root, RootRow>,
    /// What came to light and was not told yet: the next reply takes it along.
    untold: HashMap<Root, News>,
    /// Changes whenever another connection commits.
    version: i64,
    /// The newest entry that was ever seen committed, by root.
    confirmed: HashMap<i64, u64>,
    forgot_at: Timestamp,
}

/// The books of one root.
#[derive(Debug)]
pub(super) struct RootRow {
    pub(super) root: Root,
    pub(super) number: i64,
    pub(super) time: Timestamp,
    entries: u64,
    head: Digest,
    /// No open hold ends before.
    due: Timestamp,
    pub(super) any_frozen: bool,
    changed: bool,
}

/// How a command is told in the journal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    pub(super) kind: EntryKind,
    pub(super) id: ReservationId,
    pub(super) note: &'a Note,
    pub(super) signature: Option<&'a Signature>,
    pub(super) scope: Option<&'a Scope>,
}

impl<'a> Told<'a> {
    /// An entry that nobody signed.
    pub(super) fn new(kind: EntryKind, id: ReservationId, note: &'a Note) -> Self {
        Self { kind, id, note, signature: None, scope: None }
    }
}

/// Ids are forgotten no more often than this.
const FORGET_EVERY: Duration = Duration::from_secs(60);

impl Books {
    pub(super) fn new(file: Connection, clock: Arc<dyn Clock>, options: SqliteOptions) -> Self {
        Self {
            file,
            options,
            clock,
            sheet: Sheet::default(),
            calls: Calls::default(),
            roots: HashMap::new(),
            untold: HashMap::new(),
            version: 0,
            confirmed: HashMap::new(),
            forgot_at: Timestamp::MIN,
        }
    }

    /// What is not told yet, for the case that the batch fails.
    pub(super) fn untold(&self) -> HashMap<Root, News> {
        self.untold.clone()
    }

    /// The transaction has begun: forgets what another connection may have changed meanwhile.
    pub(super) fn begin(&mut self) -> Result<(), Fault> {
        let version: i64 =
            self.file.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        if version != self.version || self.sheet.is_full() {
            self.forget_all();
            self.version = version;
        }
        Ok(())
    }

    /// Writes back what changed: after it, the transaction may be committed.
    pub(super) fn write_back(&mut self) -> Result<(), Fault> {
        self.forget_old_ids()?;
        self.sheet.write_back(&self.file)?;
        for row in self.roots.values_mut().filter(|row| row.changed) {
            let mut write = self.file.prepare_cached(
                "UPDATE roots SET entries = ?2, head = ?3, time = ?4, seal = ?5 WHERE root = ?1",
            )?;
            write.execute(params![
                row.number,
                row.entries as i64,
                row.head,
                row.time.as_nanos(),
                row.seal()
            ])?;
        }
        Ok(())
    }

    /// The commit succeeded.
    pub(super) fn committed(&mut self) {
        for row in self.roots.values_mut().filter(|row| row.changed) {
            row.changed = false;
            self.confirmed.insert(row.number, row.entries);
        }
    }

    /// The batch was rolled back: nothing that it read or told ever was.
    pub(super) fn rolled_back(&mut self, untold: HashMap<Root, News>) {
        self.forget_all();
        self.untold = untold;
    }

    fn forget_all(&mut self) {
        self.sheet = Sheet::default();
        self.calls = Calls::default();
        self.roots.clear();
    }

    fn forget_old_ids(&mut self) -> Result<(), Fault> {
        let Some(now) = self.roots.values().filter(|row| row.changed).map(|row| row.time).max() else {
            return Ok(());
        };
        if now < self.forgot_at + FORGET_EVERY && self.forgot_at != Timestamp::MIN {
            return Ok(());
        }
        let mut more = false;
        for row in self.roots.values().filter(|row| row.changed) {
            more |= holds::forget_some(&self.file, row.number, row.time - self.options.remembers)?;
        }
        if !more {
            self.forgot_at = now;
        }
        Ok(())
    }

    /// Works on the books of that root, which are opened where there are none yet.
    ///
    /// Time runs on, never back, and what is due is ended first.
    pub(super) fn within<T>(
        &mut self,
        root: &Root,
        work: impl FnOnce(&mut Self, &mut RootRow) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let row = match self.known_root(root)? {
            Some(row) => row,
            None => self.make_root(root)?,
        };
        self.work(row, work)
    }

    /// The same, for readers: where there are no books, none are opened.
    pub(super) fn reading<T>(
        &mut self,
        root: &Root,
        work: impl FnOnce(&mut Self, &mut RootRow) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        match self.known_root(root)? {
            Some(row) => self.work(row, work).map(Some),
            None => Ok(None),
        }
    }

    fn work<T>(
        &mut self,
        mut row: RootRow,
        work: impl FnOnce(&mut Self, &mut RootRow) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        row.time = row.time.max(self.clock.now());
        let done = self.expire_due(&mut row).and_then(|()| work(self, &mut row));
        self.roots.insert(row.root.clone(), row);
        done
    }

    fn known_root(&mut self, root: &Root) -> Result<Option<RootRow>, Fault> {
        if let Some(row) = self.roots.remove(root) {
            return Ok(Some(row));
        }
        let mut read =
            self.file.prepare_cached("SELECT root, entries, head, time, seal FROM roots WHERE name = ?")?;
        let read = read.query_row([root.name()], |row| {
            let entries: i64 = row.get(1)?;
            let read = RootRow {
                root: root.clone(),
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
            return Err(damaged(format!("the books of {root:?}: their seal does not fit")).into());
        }
        let confirmed = self.confirmed.get(&row.number).copied().unwrap_or(0);
        if row.entries < confirmed {
            let text = format!("{root:?} has {} entries, {confirmed} were confirmed", row.entries);
            return Err(damaged(text).into());
        }
        let mut frozen = self.file.prepare_cached("SELECT EXISTS (SELECT 1 FROM frozen WHERE root = ?)")?;
        row.any_frozen = frozen.query_row([row.number], |row| row.get(0))?;
        Ok(Some(row))
    }

    fn make_root(&mut self, root: &Root) -> Result<RootRow, Fault> {
        let next = "SELECT coalesce(max(root), 0) + 1 FROM roots";
        let row = RootRow {
            root: root.clone(),
            number: self.file.prepare_cached(next)?.query_row([], |row| row.get(0))?,
            entries: 0,
            head: first_link(root.name()),
            time: self.clock.now(),
            due: Timestamp::MAX,
            any_frozen: false,
            changed: false,
        };
        let mut make = self.file.prepare_cached("INSERT INTO roots VALUES (?1, ?2, 0, ?3, ?4, ?5)")?;
        make.execute(params![row.number, root.name(), row.head, row.time.as_nanos(), row.seal()])?;
        Ok(row)
    }

    /// Ends what is due, oldest first.
    fn expire_due(&mut self, row: &mut RootRow) -> Result<(), Fault> {
        while row.due <= row.time {
            let next = holds::next_due(&self.file, row.number)?;
            row.due = next.as_ref().map_or(Timestamp::MAX, |hold| hold.expires_at);
            match next.filter(|hold| hold.expires_at <= row.time) {
                Some(hold) => self.expire(row, hold)?,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn expire(&mut self, row: &mut RootRow, mut hold: Hold) -> Result<(), Fault> {
        let charges = hold.expiry_charges();
        let charge = |(line, charge): (&HoldLine, &i64)| Change {
            account: line.account,
            period: line.period,
            spent: *charge,
            reserved: line.amount.saturating_neg(),
        };
        let changes: Changes = hold.lines.iter().zip(&charges).map(charge).collect();
        let before = hold.lines.clone();
        self.end(row, &mut hold, State::Charged(Rank::Expired), &charges);
        holds::update(&self.file, row.number, &hold, &before)?;
        let note = Note { ended: Some(Ended::Expired), ..NO_NOTE };
        let call = self.calls.of_number(&self.file, hold.call)?;
        let told = Told::new(EntryKind::Reconciled(Rank::Expired), hold.id, &note);
        self.write_entry(row, &told, call, &changes)?;
        let mut charged = Vec::new();
        for change in &changes {
            self.sheet.apply(&self.file, change)?;
            charged.push((self.sheet.account(&self.file, change.account)?, change.spent));
        }
        let expired = Expired { id: hold.id, due: hold.expires_at, charged };
        self.news(row).expired.push(expired);
        Ok(())
    }

    /// Marks a hold as ended, charged these amounts.
    pub(super) fn end(&self, row: &mut RootRow, hold: &mut Hold, state: State, charges: &[i64]) {
        hold.state = state;
        hold.ended_at = Some(row.time);
        hold.set_amounts(charges);
    }

    /// What the next reply is to tell.
    pub(super) fn news(&mut self, row: &RootRow) -> &mut News {
        self.untold.entry(row.root.clone()).or_default()
    }

    /// Lets a hold end by itself at that instant.
    pub(super) fn schedule(row: &mut RootRow, at: Timestamp) {
        row.due = row.due.min(at);
    }

    /// Something about the root is to be written, at least its time.
    pub(super) fn touch(row: &mut RootRow) {
        row.changed = true;
    }

    /// Applies changes that were found to fit, writes them into the journal, and says what the balances are then.
    pub(super) fn post(
        &mut self,
        row: &mut RootRow,
        told: &Told<'_>,
        changes: &[Change],
    ) -> Result<Balances, Fault> {
        let call = self.calls.number(&self.file, told.note.about.as_ref())?;
        self.write_entry(row, told, call, changes)?;
        changes.iter().map(|change| self.sheet.apply(&self.file, change)).collect()
    }

    fn write_entry(
        &mut self,
        row: &mut RootRow,
        told: &Told<'_>,
        call: Option<(i64, Digest)>,
        changes: &[Change],
    ) -> Result<u64, Fault> {
        let sequence = row.entries.saturating_add(1);
        let entry = NewEntry {
            at: row.time,
            id: told.id,
            kind: told.kind,
            scope: told.scope,
            note: told.note,
            call,
            signature: told.signature,
        };
        row.head = journal::write(&self.file, (row.number, sequence), &row.head, &entry, changes)?;
        row.entries = sequence;
        row.changed = true;
        Ok(sequence)
    }

    /// Reports the levels that spent money has reached on the lines of that claim.
    pub(super) fn cross(&mut self, row: &mut RootRow, id: ReservationId, claim: &Claim) -> Result<(), Fault> {
        for line in claim.lines().iter().filter(|line| !line.marks.is_empty()) {
            // A refusal makes no row, and where there is none nothing is spent.
            let Some(account) = self.sheet.find(&self.file, row.number, &line.account)? else { continue };
            let period = line.period.number;
            for (tier, at) in self.sheet.crossings(&self.file, account, line)? {
                let spent = self.sheet.balance(&self.file, account, period)?.spent;
                let change = Change { account, period, spent: 0, reserved: 0 };
                let told = Told::new(EntryKind::Crossed(tier), id, &NO_NOTE);
                let sequence = self.write_entry(row, &told, None, &[change])?;
                events::write(&self.file, (row.number, sequence), (at, spent))?;
                let crossed = Crossed { account: line.account.clone(), period, tier, at, spent };
                self.news(row).crossed.push(crossed);
            }
        }
        Ok(())
    }

    /// The balances of a claim's lines as they stand now.
    pub(super) fn balances_of(&mut self, row: &RootRow, claim: &Claim) -> Result<Balances, Fault> {
        let mut balances = Balances::new();
        for line in claim.lines() {
            balances.push(match self.sheet.find(&self.file, row.number, &line.account)? {
                Some(account) => self.sheet.balance(&self.file, account, line.period.number)?,
                None => Balance::default(),
            });
        }
        Ok(balances)
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

    /// An answer of now, with all that came to light.
    pub(super) fn reply(&mut self, row: &RootRow, outcome: Outcome, balances: Balances) -> Reply {
        let news = self.untold.remove(&row.root).map(Box::new);
        Reply { outcome, repeated: false, unheld: false, replaced: None, now: row.time, balances, news }
    }
}

impl RootRow {
    fn seal(&self) -> i64 {
        seal_root(self.number, self.root.name(), self.entries, &self.head, self.time.as_nanos())
    }
}

/// The checksum of a root's row.
pub(super) fn seal_root(number: i64, name: &str, entries: u64, head: &Digest, time: i64) -> i64 {
    let mut ink = Ink::of("root");
    ink.int(number).text(name).int(entries as i64).bytes(head).int(time);
    ink.seal()
}
