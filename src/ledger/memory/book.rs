//! The books of one tenant: everything that one lock guards.
//!
//! Each command begins with [`tick`](TenantBook::tick): the book's time runs on, and every hold
//! that is due ends. So expiry needs no thread, and is exact all the same: between two
//! commands nobody can see a balance.
//!
//! Two commands are on the path of a call, and are written by hand in one pass over the lines: `reserve` and `reconcile`.
//! Everything else, and whatever these two do not know, looks at everything first and then changes it, through the methods
//! here and in `known`: values in, values out, rows by number.
//!
//! Worked example: a hold of 60 is due at 12:05, and the next command arrives at 12:07.
//! `tick` charges the 60, notes `Expired { due: 12:05 }` among the effects, and only
//! then does the command look at its lines. Its reply carries the news.

use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;

use super::MemoryOptions;
use super::call::NONE;
use super::calls::Calls;
use super::closed::ClosedRuns;
use super::due::Dues;
use super::imported::Imported;
use super::journal::{Journal, OwnEntry, Told, ToldKind};
use super::row::{Change, ChangedLine};
use super::rows::{NO_ROW, Rows};
use crate::ledger::rules::check_made;
use crate::ledger::{
    Answer, Attribution, Effects, EntryKind, FrozenScope, LedgerClock, Note, Outcome, Reached, Reply,
};
use crate::values::{Balance, Claim, ReservationId, Tenant, Timestamp};
use crate::{Error, ErrorKind, Scope};

/// Where each line of a claim has its row, in the claim's order.
pub(super) type Places = SmallVec<[u32; 8]>;
pub(super) type Balances = SmallVec<[Balance; 8]>;
pub(super) type Changes = SmallVec<[ChangedLine; 8]>;

/// The key of books that are nobody's: no hint is equal to it.
pub(super) const NOBODY: u64 = u64::MAX;

/// All that one tenant owns. Commands are methods, spread over the files beside this one.
#[derive(Debug)]
pub(super) struct TenantBook {
    /// The number of these books above, which no others of this process ever had, and their place below. A tenant's hint is
    /// this value.
    pub(super) key: u64,
    pub(super) tenant: Tenant,
    /// Until then visitors may be remembered that were this tenant's.
    pub(super) guests_until: Timestamp,
    /// From then on a hint leads here without a look at visitors and idle tenants: the end of what is above, or never for the command
    /// that is to look.
    pub(super) direct_from: Timestamp,
    pub(super) options: MemoryOptions,
    /// Says as of when idle rows may go.
    pub(super) clock: Arc<LedgerClock>,
    /// The latest instant that any command brought; never an earlier one.
    pub(super) now: Timestamp,
    pub(super) rows: Rows,
    pub(super) calls: Calls,
    /// Imported rows, by when they go.
    pub(super) imported: Imported,
    pub(super) dues: Dues,
    pub(super) journal: Journal,
    /// The mark that stands on each marked scope.
    pub(super) marks: HashMap<Scope, FrozenScope>,
    /// Runs that were closed, and have no books and no mark any more.
    pub(super) closed: ClosedRuns,
    /// What came to light and was not told yet: the next reply takes it along.
    pub(super) effects: Option<Box<Effects>>,
}

/// What is written into the journal.
#[derive(Debug)]
pub(super) struct NewEntry<'a> {
    pub(super) kind: EntryKind,
    pub(super) id: ReservationId,
    pub(super) note: &'a Note,
    pub(super) attribution: Option<&'a Attribution>,
}

impl TenantBook {
    pub(super) fn new(tenant: Tenant, options: MemoryOptions, clock: &Arc<LedgerClock>) -> Self {
        Self {
            key: NOBODY,
            tenant,
            guests_until: Timestamp::MIN,
            direct_from: Timestamp::MIN,
            options,
            clock: Arc::clone(clock),
            now: Timestamp::MIN,
            rows: Rows::default(),
            calls: Calls::new(options),
            imported: Imported::default(),
            dues: Dues::new(),
            journal: Journal::new(options.journal_entries_max),
            marks: HashMap::new(),
            closed: ClosedRuns::default(),
            effects: None,
        }
    }

    /// Lets time run on, never back, and ends what is due.
    #[inline]
    pub(super) fn tick(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        if self.now >= self.dues.next {
            self.expire_due();
        }
    }

    /// What the next reply is to tell.
    pub(super) fn effects(&mut self) -> &mut Effects {
        self.effects.get_or_insert_default()
    }

    /// An answer of now, with all that came to light.
    #[inline]
    pub(super) fn reply(&mut self, outcome: Outcome, balances: Balances) -> Reply {
        let effects = self.effects.take();
        Reply { outcome, repeated: false, unheld: false, replaced: None, now: self.now, balances, effects }
    }

    /// The answer to a command; an error bears the instant at which it was judged, as a reply does.
    pub(super) fn judged(
        &mut self,
        judge: impl FnOnce(&mut Self) -> Result<Reply, Error>,
    ) -> Answer<'static, Reply> {
        Answer::Now(judge(self).map_err(|error| error.with_ledger_time(self.now)))
    }

    /// Refuses ids that are older than memory reaches, and those that are made for a day to come.
    ///
    /// An id bears the instant at which it was made. So an id that is unknown and old may be one that was forgotten,
    /// and executing it could charge a call twice.
    pub(super) fn check_age(&self, id: ReservationId) -> Result<(), Error> {
        check_made(id, self.now)?;
        if self.calls.is_new(&self.calls.key(id), self.now) {
            return Ok(());
        }
        let text = format!("reservation {id}: older than what this ledger remembers; use a new id");
        Err(Error::new(ErrorKind::Forgotten, text))
    }

    /// Where each line's row is; [`NO_ROW`] where it has none.
    pub(super) fn places(&self, claim: &Claim) -> Places {
        claim.lines.iter().map(|line| self.rows.find(&line.account)).collect()
    }

    /// Finds or makes the row of each line, and lets it run on to the line's period.
    pub(super) fn open_rows(&mut self, claim: &Claim) -> Result<Places, Error> {
        for line in &claim.lines {
            // A few idle rows go for each that is made. Places are resolved after that: they may have been idle.
            if self.rows.find(&line.account) == NO_ROW {
                self.drop_idle_rows(4);
            }
        }
        let mut places = Places::new();
        for line in &claim.lines {
            let place = self.rows.find_or_make(line)?;
            self.rows.advance(place, &line.period);
            places.push(place);
        }
        Ok(places)
    }

    /// Lets the claim find these rows at once from now on.
    pub(super) fn hint(&self, claim: &Claim, places: &Places) {
        for (line, place) in claim.hot.iter().zip(places) {
            line.set_hint(self.rows.get(*place).key);
        }
    }

    /// Refuses changes of which one does not fit.
    pub(super) fn check_fit(&self, changes: &[ChangedLine], claim: &Claim) -> Result<(), Error> {
        for (changed, line) in changes.iter().zip(&claim.lines) {
            if !self.rows.fits(changed.row, changed.change) {
                return Err(Error::overflow(&line.account.to_string()));
            }
        }
        Ok(())
    }

    /// The balances of a claim's lines as they stand now.
    pub(super) fn balances_of(&self, claim: &Claim, places: &Places) -> Balances {
        let lines = claim.lines.iter().zip(places);
        lines.map(|(line, place)| self.rows.balance(*place, line.period.number)).collect()
    }

    /// Applies changes that were found to fit, writes an entry of their own, and says what the balances are then.
    ///
    /// Forgets no period: thresholds in it may still be looked for.
    pub(super) fn write(&mut self, entry: &NewEntry<'_>, changes: &[ChangedLine]) -> Balances {
        let balances = changes.iter().map(|line| self.rows.apply(line)).collect();
        for line in changes {
            self.rows.name(line.row);
        }
        let entry = OwnEntry {
            id: entry.id,
            kind: entry.kind,
            lines: changes.into(),
            note: entry.note.clone(),
            attribution: entry.attribution.cloned(),
        };
        if let Some(leaving) = self.journal.write_own(self.now, Box::new(entry)) {
            self.fold(leaving);
        }
        balances
    }

    /// The same, and forgets the past periods in which nothing is held any more.
    pub(super) fn post(&mut self, entry: &NewEntry<'_>, changes: &[ChangedLine]) -> Balances {
        let balances = self.write(entry, changes);
        self.close(changes);
        balances
    }

    /// Forgets each past period of these lines in which nothing is held any more.
    pub(super) fn close(&mut self, changes: &[ChangedLine]) {
        for line in changes {
            self.rows.close(line.row, line.period);
        }
    }

    /// Writes an entry that a record tells.
    #[inline]
    pub(super) fn tell(&mut self, record: u32, kind: ToldKind) {
        let told = self.calls.get_mut(record);
        // One for the hold, one for the charge, and one while the id is known.
        told.uses = told.uses.wrapping_add(1);
        if let Some(leaving) = self.journal.write(Told { at: self.now, record, kind }) {
            self.fold(leaving);
        }
    }

    /// An entry has left the journal.
    #[inline]
    fn fold(&mut self, leaving: Told) {
        match leaving.kind {
            ToldKind::Own => self.fold_own(),
            ToldKind::Reserved | ToldKind::Reconciled(_) => self.drop_use(leaving.record),
        }
    }

    #[cold]
    fn fold_own(&mut self) {
        for line in self.journal.pop_own().iter().flat_map(|entry| &entry.lines) {
            self.rows.fold(line.row, line.change.spent);
        }
    }

    /// A record is needed once less; if that was the last time, it goes.
    #[inline]
    fn drop_use(&mut self, place: u32) {
        let record = self.calls.get_mut(place);
        record.uses = record.uses.wrapping_sub(1);
        if record.uses > 0 {
            return;
        }
        if record.aside.is_some() {
            return self.recycle_slowly(place);
        }
        // All ones where the record tells its charge.
        let tells = i64::from(record.tells).wrapping_neg();
        let mut left = usize::from(record.len);
        let mut part = place;
        while part != NONE {
            let record = self.calls.records.get(part);
            for line in record.lines.iter().take(left) {
                self.rows.fold(line.row, line.charged & tells);
            }
            left = left.saturating_sub(record.lines.len());
            let more = record.more;
            self.calls.records.free(part);
            part = more;
        }
    }

    /// The same for a record with something aside.
    #[cold]
    fn recycle_slowly(&mut self, place: u32) {
        let lines = self.lines(place);
        for (line, told) in lines.iter().zip(self.told_charges(place)) {
            self.rows.fold(line.row, told);
        }
        self.calls.get_mut(place).aside = None;
        self.calls.discard(place);
    }

    /// Keeps an ended call in memory; forgets another for it where that is more than stated.
    #[inline]
    pub(super) fn remember(&mut self, place: u32) {
        if let Some(oldest) = self.calls.remember(place, self.now) {
            self.forget(oldest);
        }
    }

    /// Lets no id find the record any more. It goes once the journal has no use for it either.
    #[inline]
    pub(super) fn forget(&mut self, place: u32) {
        self.calls.unname(place);
        self.drop_use(place);
    }

    /// Writes an entry for each threshold of the claim's lines that spent money has reached, and tells of it.
    #[cold]
    pub(super) fn cross(&mut self, id: ReservationId, claim: &Claim, places: &Places) {
        for (line, row) in claim.lines.iter().zip(places) {
            // A refusal makes no row, and where there is none nothing is spent.
            if *row == NO_ROW || line.thresholds.is_empty() {
                continue;
            }
            let period = line.period.number;
            for (tier, at) in self.rows.crossings(*row, line) {
                let spent = self.rows.balance(*row, period).spent;
                let reached = Reached { account: line.account.clone(), period, tier, at, spent };
                self.effects().reached.push(reached);
                let entry =
                    NewEntry { kind: EntryKind::Reached(tier), id, note: &Note::NONE, attribution: None };
                self.write(&entry, &[ChangedLine { row: *row, period, change: Change::default() }]);
            }
        }
    }
}
