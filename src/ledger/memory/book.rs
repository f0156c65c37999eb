//! The books of one root: everything that one lock guards.

use std::collections::HashMap;
use std::hash::Hasher;

use smallvec::SmallVec;

use super::MemoryOptions;
use super::holds::{ExpiryCharge, HoldLine, HoldLines, Holds, Memory, State};
use super::journal::{Journal, KeptLine, NewEntry};
use super::rows::{Change, Rows};
use crate::ledger::{
    Crossed, Ended, EntryKind, Expired, Frozen, MarkAction, MarkScope, News, Note, Outcome, Rank, Reply,
};
use crate::{Account, Balance, Claim, Error, ErrorKind, Line, Period, ReservationId, Scope, Timestamp};

pub(super) type Places = SmallVec<[u32; 8]>;
pub(super) type Balances = SmallVec<[Balance; 8]>;
pub(super) type KeptLines = SmallVec<[KeptLine; 8]>;

/// All that one root owns. Commands are methods, spread over the files beside this one.
#[derive(Debug)]
pub(super) struct RootBook {
    /// Tells this ledger's hints from another's.
    pub(super) ledger: u32,
    pub(super) options: MemoryOptions,
    pub(super) now: Timestamp,
    pub(super) rows: Rows,
    pub(super) holds: Holds,
    pub(super) journal: Journal,
    pub(super) frozen: HashMap<Scope, Frozen>,
}

impl RootBook {
    pub(super) fn new(ledger: u32, options: MemoryOptions) -> Self {
        Self {
            ledger,
            options,
            now: Timestamp::MIN,
            rows: Rows::default(),
            holds: Holds::new(Memory { ended: options.ended_max, unreported: options.unreported_max }),
            journal: Journal::new(options.journal_entries_max),
            frozen: HashMap::new(),
        }
    }

    /// Lets time run on, never back, and ends what is due.
    #[inline]
    pub(super) fn tick(&mut self, now: Timestamp) -> Option<Box<News>> {
        self.now = self.now.max(now);
        match self.holds.next_due() {
            Some((_, due)) if due <= self.now => self.expire_due(),
            _ => None,
        }
    }

    #[cold]
    fn expire_due(&mut self) -> Option<Box<News>> {
        let mut news = Box::new(News::default());
        while let Some((place, due)) = self.holds.next_due().filter(|(_, due)| *due <= self.now) {
            news.expired.push(self.expire(place, due));
        }
        self.holds.forget_tombstones(self.now);
        Some(news)
    }

    fn expire(&mut self, place: u32, due: Timestamp) -> Expired {
        let lines = self.holds.lines(place);
        let hold = self.holds.get(place);
        let id = hold.id();
        let charges: SmallVec<[i64; 8]> = match hold.on_expiry {
            ExpiryCharge::Nothing => lines.iter().map(|_| 0).collect(),
            ExpiryCharge::Hold => lines.iter().map(|line| line.amount).collect(),
            ExpiryCharge::Amounts => self
                .holds
                .expiry_amounts
                .get(&place)
                .map(|amounts| amounts.iter().copied().collect())
                .unwrap_or_default(),
        };
        let changes = lines.iter().zip(&charges);
        let changes: KeptLines = changes
            .map(|(line, charge)| {
                self.kept(line, Change { spent: *charge, reserved: line.amount.saturating_neg() })
            })
            .collect();
        let note = Note { ended: Some(Ended::Expired), ..Note::default() };
        self.end(place, State::Charged(Rank::Expired), &charges);
        self.post(EntryKind::Reconciled(Rank::Expired), id, &note, &changes);
        let charged = lines
            .iter()
            .zip(&charges)
            .map(|(line, charge)| (self.rows.get(line.row).account.clone(), *charge));
        Expired { id, due, charged: charged.collect() }
    }

    /// A change to the line's row, in the period that the hold remembers half of.
    pub(super) fn kept(&self, line: &HoldLine, change: Change) -> KeptLine {
        let newest = self.rows.get(line.row).period;
        let back = (newest as u32).wrapping_sub(line.period);
        KeptLine { row: line.row, period: newest.saturating_sub(i64::from(back)), change }
    }

    /// Marks an open hold as ended, charged these amounts.
    pub(super) fn end(&mut self, place: u32, state: State, charges: &[i64]) {
        self.holds.unschedule(place);
        self.holds.set_amounts(place, charges);
        let hold = self.holds.get_mut(place);
        hold.state = state;
        if hold.on_expiry == ExpiryCharge::Amounts {
            self.holds.expiry_amounts.remove(&place);
        }
        self.remember(place);
    }

    /// Keeps an ended id in memory, and lets go of the oldest.
    #[inline]
    pub(super) fn remember(&mut self, place: u32) {
        if let Some(forgotten) = self.holds.remember(place) {
            self.unreference(&forgotten);
        }
    }

    pub(super) fn unreference(&mut self, lines: &HoldLines) {
        for line in lines {
            let row = self.rows.get_mut(line.row);
            row.references = row.references.saturating_sub(1);
        }
    }

    /// Applies changes that were found to fit, and writes them into the journal.
    #[inline]
    pub(super) fn post(&mut self, kind: EntryKind, id: ReservationId, note: &Note, changes: &[KeptLine]) {
        for line in changes {
            self.rows.apply(line.row, line.period, line.change);
            self.rows.close(line.row, line.period);
        }
        self.write(&NewEntry { at: self.now, id, kind, note, signature: None }, changes);
    }

    /// Writes a journal entry, and folds the oldest into the totals.
    #[inline]
    pub(super) fn write(&mut self, entry: &NewEntry<'_>, changes: &[KeptLine]) {
        for line in changes {
            let row = self.rows.get_mut(line.row);
            row.references = row.references.saturating_add(1);
        }
        self.journal.push(entry, changes);
        if let Some(folded) = self.journal.fold() {
            for line in folded {
                let row = self.rows.get_mut(line.row);
                row.folded = row.folded.saturating_add(line.change.spent);
                row.references = row.references.saturating_sub(1);
            }
        }
    }

    /// Reports the levels that spent money has reached on these lines.
    #[inline]
    pub(super) fn cross(
        &mut self,
        news: &mut Option<Box<News>>,
        id: ReservationId,
        claim: &Claim,
        places: &[u32],
    ) {
        for (line, place) in claim.lines().iter().zip(places) {
            if let Some(crossings) = self.rows.crossings(*place, line) {
                self.report(news, id, (line, *place), &crossings);
            }
        }
    }

    #[cold]
    fn report(
        &mut self,
        news: &mut Option<Box<News>>,
        id: ReservationId,
        at: (&Line, u32),
        crossings: &[(u8, i64)],
    ) {
        let (line, place) = at;
        let period = line.period.number;
        let spent = self.rows.balance(place, period).spent;
        for (tier, level) in crossings {
            let crossed = Crossed { account: line.account.clone(), period, tier: *tier, at: *level, spent };
            news.get_or_insert_default().crossed.push(crossed);
            let kept = KeptLine { row: place, period, change: Change::default() };
            let entry = NewEntry {
                at: self.now,
                id,
                kind: EntryKind::Crossed(*tier),
                note: &Note::default(),
                signature: None,
            };
            self.write(&entry, &[kept]);
        }
    }

    /// The balances of a claim's lines as they stand now.
    #[inline]
    pub(super) fn balances_of(&self, claim: &Claim, places: &[u32]) -> Balances {
        let lines = claim.lines().iter().zip(places);
        lines.map(|(line, place)| self.rows.balance(*place, line.period.number)).collect()
    }

    pub(super) fn places(&self, claim: &Claim) -> Places {
        claim.lines().iter().map(|line| self.rows.find(self.ledger, &line.account)).collect()
    }

    /// Finds or makes the row of each line, and lets it run on to the line's period.
    pub(super) fn make_places(&mut self, claim: &Claim) -> Result<Places, Error> {
        // Idle rows go first: a row made here is named by nothing until all are made.
        for line in claim.lines() {
            if self.rows.find(self.ledger, &line.account) == super::rows::NO_ROW {
                self.rows.drop_some_idle(self.now);
            }
        }
        let mut places = Places::new();
        for line in claim.lines() {
            let place = self.rows.find_or_make(self.ledger, line)?;
            self.rows.advance(place, &line.period);
            places.push(place);
        }
        Ok(places)
    }

    /// Refuses ids that are older than memory reaches.
    #[inline]
    pub(super) fn check_age(&self, id: ReservationId) -> Result<(), Error> {
        if id.time() < self.now - self.options.id_age_max {
            let age = self.options.id_age_max.as_secs();
            let text =
                format!("reservation {id}: older than the {age} s that this ledger remembers; use a new id");
            return Err(Error::new(ErrorKind::State, text));
        }
        Ok(())
    }

    pub(super) fn reply(&self, outcome: Outcome, balances: Balances, news: Option<Box<News>>) -> Reply {
        Reply { outcome, repeated: false, unheld: false, now: self.now, balances, news }
    }

    pub(super) fn mark(&mut self, now: Timestamp, command: &MarkScope<'_>) -> Reply {
        let news = self.tick(now);
        let known = self.frozen.get(command.scope).map(|frozen| frozen.action);
        // The first stop's reason stays; a close after a stop changes nothing.
        let repeated = match (known, command.action) {
            (None, MarkAction::Reopen) => true,
            (Some(_), MarkAction::Reopen) | (None, _) => false,
            (Some(MarkAction::Stop | MarkAction::Close), MarkAction::Freeze) => true,
            (Some(known), action) => known == action || action == MarkAction::Close,
        };
        if !repeated {
            if command.action == MarkAction::Reopen {
                self.frozen.remove(command.scope);
            } else {
                let frozen = Frozen {
                    scope: command.scope.clone(),
                    action: command.action,
                    since: self.now,
                    signature: command.signature.clone(),
                };
                self.frozen.insert(command.scope.clone(), frozen);
            }
            let id = ReservationId::generate(self.now);
            let kind = EntryKind::Marked(command.action);
            let note = Note::default();
            self.write(
                &NewEntry { at: self.now, id, kind, note: &note, signature: Some(command.signature) },
                &[],
            );
        }
        Reply { repeated, ..self.reply(Outcome::Applied, Balances::new(), news) }
    }

    pub(super) fn balances(&mut self, now: Timestamp, lines: &[(Account, Period)]) -> Vec<Balance> {
        // What is due is ended, but its events wait in the journal: this reply has no room for them.
        self.tick(now);
        let read = |(account, period): &(Account, Period)| {
            let place = self.rows.find(self.ledger, account);
            // Reading a coming period must not close the present one.
            if place != super::rows::NO_ROW && period.from <= self.now && self.now < period.until {
                self.rows.advance(place, period);
            }
            self.rows.balance(place, period.number)
        };
        lines.iter().map(read).collect()
    }

    /// Checks every balance against the journal, what was folded from it, and the open holds.
    pub(super) fn verify(&self) -> Result<(), Error> {
        let damaged = |text: String| Err(Error::new(ErrorKind::Damaged, text));
        let mut journal: HashMap<u32, i64> = HashMap::new();
        for (_, _, lines) in self.journal.iter() {
            for line in lines {
                let sum = journal.entry(line.row).or_default();
                *sum = sum.saturating_add(line.change.spent);
            }
        }
        let mut held: HashMap<u32, i64> = HashMap::new();
        for (place, hold) in self.holds.iter() {
            if hold.state == State::Held {
                for line in self.holds.lines(place) {
                    let sum = held.entry(line.row).or_default();
                    *sum = sum.saturating_add(line.amount);
                }
            }
        }
        for (place, row) in self.rows.iter() {
            let written = row.folded.saturating_add(journal.get(&place).copied().unwrap_or(0));
            if written != row.total {
                return damaged(format!(
                    "{:?}: the journal says {written}, the account {}",
                    row.account, row.total
                ));
            }
            let holds = held.get(&place).copied().unwrap_or(0);
            let counted = self.rows.reserved_everywhere(place);
            // A rolling account stops counting holds that are older than its window.
            if counted != holds && !(row.is_rolling() && counted < holds) {
                return damaged(format!(
                    "{:?}: holds say {holds} reserved, the account {counted}",
                    row.account
                ));
            }
            if row.spent < 0 || row.reserved < 0 || row.total < 0 {
                return damaged(format!("{:?}: below zero", row.account));
            }
        }
        Ok(())
    }
}

/// A hash of what a command asks for, by which its repeat is told from another body.
#[inline]
pub(super) fn fingerprint(claim: &Claim, amounts: &[i64]) -> u64 {
    let mut hasher = FINGERPRINT.build();
    for (line, amount) in claim.lines().iter().zip(amounts) {
        hasher.write_u64(line.account.hash());
        hasher.write_i64(line.period.number);
        hasher.write_i64(*amount);
    }
    hasher.finish()
}

struct Fingerprint;
const FINGERPRINT: Fingerprint = Fingerprint;

impl Fingerprint {
    #[inline]
    fn build(&self) -> foldhash::fast::FoldHasher<'static> {
        use std::hash::BuildHasher;
        foldhash::fast::FixedState::with_seed(41).build_hasher()
    }
}

/// Refuses amounts that do not stand beside the claim's lines.
pub(super) fn check_shape(claim: &Claim, amounts: &[i64]) -> Result<(), Error> {
    let (lines, given) = (claim.lines().len(), amounts.len());
    if lines == given {
        return Ok(());
    }
    Err(Error::invalid("amounts", format!("{given} amounts for {lines} lines")))
}

pub(super) fn negative(account: &Account, amount: i64) -> Error {
    Error::invalid("amounts", format!("{amount} for {account} is below zero"))
}

pub(super) fn conflict(id: ReservationId, problem: &str) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!("reservation {id}: {problem}; the first stands, nothing was changed"),
    )
}
