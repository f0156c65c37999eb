//! The books of one root: everything that one lock guards.
//!
//! Each command begins with [`tick`](RootBook::tick): the book's time runs on, and every hold
//! that is due ends. So expiry needs no thread, and is exact all the same: between two
//! commands nobody can see a balance.
//!
//! Each change goes through the journal: rows and journal are written by the same
//! function (`write`, or the loops of `hold` and `charge`, which do the same without
//! a list in between). That is what makes the balances recomputable.
//!
//! Worked example: a hold of 60 is due at 12:05, and the next command arrives at 12:07.
//! `tick` charges the 60, notes `Expired { due: 12:05 }` among the effects, and only
//! then does the command look at its lines. Its reply carries the news.

use std::collections::HashMap;

use smallvec::SmallVec;

use super::MemoryOptions;
use super::holds::{ExpiryCharge, Holds, Memory};
use super::journal::{Journal, NewEntry};
use super::row::{Change, HoldLine, KeptLine};
use super::rows::{NO_ROW, Rows};
use crate::ledger::rules::{State, mark_counts};
use crate::ledger::{
    Certainty, Effects, Ended, Entry, EntryKind, EntryLine, Expired, FrozenScope, MarkAction, MarkScope,
    Note, Outcome, Reached, Reply,
};
use crate::values::{Account, Balance, Claim, ClaimLine, Period, ReservationId, Timestamp};
use crate::{Error, ErrorKind, Scope};

/// What the ledger writes about what it did by itself.
pub(super) const NO_NOTE: Note = Note { about: None, usage: None, ended: None };

/// Where each line of a claim has its row, in the claim's order.
pub(super) type Places = SmallVec<[u32; 8]>;
pub(super) type Balances = SmallVec<[Balance; 8]>;
pub(super) type KeptLines = SmallVec<[KeptLine; 8]>;

/// All that one root owns. Commands are methods, spread over the files beside this one.
#[derive(Debug)]
pub(super) struct RootBook {
    /// Tells this ledger's hints from another's.
    pub(super) ledger: u32,
    pub(super) options: MemoryOptions,
    /// The latest instant that any command brought; never an earlier one.
    pub(super) now: Timestamp,
    pub(super) rows: Rows,
    pub(super) holds: Holds,
    pub(super) journal: Journal,
    /// The mark that stands on each marked scope.
    pub(super) frozen: HashMap<Scope, FrozenScope>,
    /// What came to light and was not told yet: the next reply takes it along.
    pub(super) effects: Option<Box<Effects>>,
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
            effects: None,
        }
    }

    /// Lets time run on, never back, and ends what is due.
    #[inline]
    pub(super) fn tick(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        if self.holds.next_due().is_some_and(|(_, due)| due <= self.now) {
            self.expire_due();
        }
    }

    /// Ends what is due, in the order of due instants and then of ids: the journal is the same wherever it is kept.
    #[cold]
    fn expire_due(&mut self) {
        while let Some((place, due)) = self.holds.next_due().filter(|(_, due)| *due <= self.now) {
            let expired = self.expire(place, due);
            self.effects().expired.push(expired);
        }
        self.holds.forget_tombstones(self.now, &mut self.rows);
    }

    /// What the next reply is to tell.
    pub(super) fn effects(&mut self) -> &mut Effects {
        self.effects.get_or_insert_default()
    }

    /// Ends one hold by age, and charges it what was said when it was made.
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
        self.end(place, State::Charged(Certainty::Expired), &charges);
        self.post(&self.entry(EntryKind::Reconciled(Certainty::Expired), id, &note), &changes);
        let charged = lines
            .iter()
            .zip(&charges)
            .map(|(line, charge)| (self.rows.get(line.row).account.clone(), *charge));
        Expired { id, due, charged: charged.collect() }
    }

    /// A change to the line's row, in the period that the hold remembers half of.
    ///
    /// A hold keeps the lower 32 bits of its period. Its period is at most the row's newest, so the distance back is
    /// the difference of both lower halves, which wraps rightly. With a newest period of 2³² + 2 and a hold's 1,
    /// that distance is 2 − 1 = 1, so the hold's period is 2³² + 1.
    pub(super) fn kept(&self, line: &HoldLine, change: Change) -> KeptLine {
        let newest = self.rows.get(line.row).period;
        let back = (newest as u32).wrapping_sub(line.period);
        KeptLine { row: line.row, period: newest.saturating_sub(i64::from(back)), change }
    }

    /// Marks an open hold as ended, charged these amounts.
    pub(super) fn end(&mut self, place: u32, state: State, charges: &[i64]) {
        self.holds.set_amounts(place, charges);
        self.close_hold(place, state);
    }

    /// Takes an open hold, whose charges are written, out of the heap and remembers it as ended.
    #[inline]
    pub(super) fn close_hold(&mut self, place: u32, state: State) {
        self.holds.unschedule(place);
        let hold = self.holds.get_mut(place);
        hold.state = state;
        if hold.on_expiry == ExpiryCharge::Amounts {
            self.holds.expiry_amounts.remove(&place);
        }
        self.holds.remember(place, &mut self.rows);
    }

    /// The journal from that number on, oldest first.
    pub(super) fn entries(&self, from: u64, limit: usize) -> Vec<Entry> {
        let kept = self.journal.iter().filter(|(sequence, _, _)| *sequence >= from).take(limit);
        let line = |line: &KeptLine| EntryLine {
            account: self.rows.get(line.row).account.clone(),
            period: line.period,
            spent: line.change.spent,
            reserved: line.change.reserved,
        };
        kept.map(|(sequence, kept, lines)| Entry {
            sequence,
            at: kept.at,
            id: kept.id,
            kind: kept.kind,
            lines: lines.map(line).collect(),
            note: kept.note.clone(),
            attribution: kept.attribution.as_deref().cloned(),
        })
        .collect()
    }

    /// A journal entry of now that nobody signed.
    #[inline]
    pub(super) fn entry<'a>(&self, kind: EntryKind, id: ReservationId, note: &'a Note) -> NewEntry<'a> {
        NewEntry { at: self.now, id, kind, note, attribution: None }
    }

    /// Applies changes that were found to fit, writes them into the journal, and says what the balances are then.
    ///
    /// Past periods in which nothing is held any more are forgotten.
    pub(super) fn post(&mut self, entry: &NewEntry<'_>, changes: &[KeptLine]) -> Balances {
        let balances = self.write(entry, changes);
        self.close(changes);
        balances
    }

    /// The same, but forgets no period: levels in it may still be looked for.
    pub(super) fn write(&mut self, entry: &NewEntry<'_>, changes: &[KeptLine]) -> Balances {
        let mut balances = Balances::new();
        for line in changes {
            balances.push(self.rows.apply(*line, self.journal.next()));
            self.journal.add(*line);
        }
        self.journal.write(entry, &mut self.rows);
        balances
    }

    /// Forgets each past period of these lines in which nothing is held any more.
    pub(super) fn close(&mut self, changes: &[KeptLine]) {
        for line in changes {
            self.rows.close(line.row, line.period);
        }
    }

    /// Reports the levels that spent money has reached on the lines of that hold.
    #[cold]
    pub(super) fn cross(&mut self, hold: u32, claim: &Claim) {
        let id = self.holds.get(hold).id();
        for (line, held) in claim.lines().iter().zip(self.holds.lines(hold)) {
            // A refusal makes no row, and where there is none nothing is spent.
            if held.row != NO_ROW
                && let Some(crossings) = self.rows.crossings(held.row, line)
            {
                self.report(id, (line, held.row), &crossings);
            }
        }
    }

    /// Tells of each threshold, and writes an entry for it. The row has noted that it fired.
    fn report(&mut self, id: ReservationId, at: (&ClaimLine, u32), crossings: &[(u8, i64)]) {
        let (line, place) = at;
        let period = line.period.number;
        let spent = self.rows.balance(place, period).spent;
        for (tier, level) in crossings {
            let reached = Reached { account: line.account.clone(), period, tier: *tier, at: *level, spent };
            self.effects().reached.push(reached);
            let kept = KeptLine { row: place, period, change: Change::default() };
            self.write(&self.entry(EntryKind::Reached(*tier), id, &NO_NOTE), &[kept]);
        }
    }

    /// The balances of a claim's lines as they stand now.
    #[inline]
    pub(super) fn balances_of(&self, claim: &Claim, places: &[u32]) -> Balances {
        let lines = claim.lines().iter().zip(places);
        lines.map(|(line, place)| self.rows.balance(*place, line.period.number)).collect()
    }

    /// Where each line's row is; [`NO_ROW`] where it has none.
    pub(super) fn places(&self, claim: &Claim) -> Places {
        claim.lines().iter().map(|line| self.rows.find(self.ledger, &line.account)).collect()
    }

    /// Finds or makes the row of each line, and lets it run on to the line's period.
    ///
    /// For charges that no hold announced, which may be of a past period and never of a coming one: a row that ran
    /// ahead would answer `Stale` to every call of the present.
    pub(super) fn make_places(&mut self, claim: &Claim) -> Result<Places, Error> {
        if let Some(line) = claim.lines().iter().find(|line| line.period.from > self.now) {
            let text = format!("the period of {} has not begun", line.account);
            return Err(Error::invalid("claim", text));
        }
        self.drop_for_new_rows(claim);
        let mut places = Places::new();
        for line in claim.lines() {
            let place = self.rows.find_or_make(self.ledger, line)?;
            self.rows.advance(place, &line.period);
            places.push(place);
        }
        Ok(places)
    }

    /// Drops a few idle rows for each row that is about to be made.
    pub(super) fn drop_for_new_rows(&mut self, claim: &Claim) {
        for line in claim.lines() {
            if self.rows.find(self.ledger, &line.account) == NO_ROW {
                self.rows.drop_some_idle(self.now, self.journal.first());
            }
        }
    }

    /// Refuses ids that are older than memory reaches.
    ///
    /// An id bears the instant at which it was made. So an id that is unknown and old may be one that was forgotten,
    /// and executing it could charge a call twice; an id that is unknown and young is new, as far as
    /// [`MemoryOptions`] promises.
    #[inline]
    pub(super) fn check_age(&self, id: ReservationId) -> Result<(), Error> {
        if id.time() < self.now - self.options.id_age_max {
            let age = self.options.id_age_max.as_secs();
            let text =
                format!("reservation {id}: older than the {age} s that this ledger remembers; use a new id");
            return Err(Error::new(ErrorKind::Forgotten, text));
        }
        Ok(())
    }

    /// An answer of now, with all that came to light.
    #[inline]
    pub(super) fn reply(&mut self, outcome: Outcome, balances: Balances) -> Reply {
        let effects = self.effects.take();
        Reply { outcome, repeated: false, unheld: false, replaced: None, now: self.now, balances, effects }
    }

    pub(super) fn mark(&mut self, now: Timestamp, command: &MarkScope<'_>) -> Reply {
        self.tick(now);
        let known = self.frozen.get(command.scope).map(|frozen| frozen.action);
        let repeated = !mark_counts(known, command.action);
        if !repeated {
            if command.action == MarkAction::Reopen {
                self.frozen.remove(command.scope);
            } else {
                let frozen = FrozenScope {
                    scope: command.scope.clone(),
                    action: command.action,
                    since: self.now,
                    attribution: command.attribution.clone(),
                };
                self.frozen.insert(command.scope.clone(), frozen);
            }
            let id = ReservationId::generate(self.now);
            let kind = EntryKind::Marked(command.action);
            let entry = NewEntry { attribution: Some(command.attribution), ..self.entry(kind, id, &NO_NOTE) };
            self.post(&entry, &[]);
        }
        Reply { repeated, ..self.reply(Outcome::Applied, Balances::new()) }
    }

    pub(super) fn marks(&mut self, now: Timestamp, scopes: &[Scope]) -> Vec<FrozenScope> {
        self.tick(now);
        scopes.iter().filter_map(|scope| self.frozen.get(scope).cloned()).collect()
    }

    pub(super) fn balances(&mut self, now: Timestamp, lines: &[(Account, Period)]) -> Vec<Balance> {
        // What is due is ended; this answer has no room for news, so they wait for the next reply.
        self.tick(now);
        let read = |(account, period): &(Account, Period)| {
            let place = self.rows.find(self.ledger, account);
            // Reading a coming period must not close the present one.
            if place != NO_ROW && period.from <= self.now && self.now < period.until {
                self.rows.advance(place, period);
            }
            self.rows.balance(place, period.number)
        };
        lines.iter().map(read).collect()
    }
}
