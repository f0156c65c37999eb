//! What does nobody ask for any more, and when is it looked for?
//!
//! Once a second of the ledger's time a command looks round, after what is due has ended: at a few rows, refusals, closed runs and
//! imported rows of its own tenant. The instant of the next look stands among what is due, so that all other commands pay nothing for it.
//! A look that finds much is followed by a small one with the very next command, until little is found: a million rows that went idle at
//! once go within as many commands as they would take to make, and none of these is slow.
//!
//! # When a row may go
//! No record and no journal entry names it, and its period (its whole span, if it rolls) has been over for as long as an unknown id may
//! be executed. So whoever still reports a call of that period late finds the row as it was. A row of a run of which only a trace is
//! left goes as well, and is needed for nothing: see `closed`.
//!
//! # What is given back
//! Names, slots of rolling windows and entries of indexes go to the allocator. The places of rows and records (64 and 32, and 192 bytes)
//! are taken again by what comes next, and are given back with the tenant's books. A chunk of them could be given back alone only if each
//! access asked first whether it is there: forty instructions of a pair, for memory that a busy tenant is about to need again.

use std::time::Duration;

use super::book::TenantBook;
use super::closed::ClosedRuns;
use super::rows::Rows;
use crate::Scope;
use crate::ledger::MarkAction;
use crate::values::Timestamp;

/// How long nobody looks round where little was found.
const PAUSE: Duration = Duration::from_secs(1);

/// With the next command, whenever that comes.
pub(super) const AT_ONCE: Timestamp = Timestamp::MIN;

/// How many rows a look that follows another sees: as many as are dropped in a microsecond.
const ROWS_MIN: u32 = 8;

/// How many rows a look sees at most.
const ROWS_MAX: u32 = 256;

/// At this share of all rows in a look, a whole round takes a quarter of an hour.
const ROUND: u32 = 1_024;

/// How many closed runs a look turns into traces.
const RUNS_MAX: usize = 8;

impl TenantBook {
    /// Looks round, if it is time to; from then on it is time again at the instant that is noted among what is due.
    pub(super) fn look_round(&mut self) {
        if self.now >= self.dues.look_at {
            let is_next = self.looks_again();
            let found = self.drop_some_idle(if is_next { ROWS_MIN } else { self.rows_to_look_at() });
            self.forget_refusals();
            self.dues.look_at = if found { AT_ONCE } else { self.now + PAUSE };
            if !is_next {
                // Its next command comes by where tenants are looked at, too.
                self.direct_from = Timestamp::MAX;
            }
        }
        self.dues.next = self.dues.next.min(self.dues.look_at);
    }

    /// Whether much was found at the last look.
    pub(super) fn looks_again(&self) -> bool {
        self.dues.look_at == AT_ONCE
    }

    fn rows_to_look_at(&self) -> u32 {
        (self.rows.rows.places() / ROUND).clamp(ROWS_MIN, ROWS_MAX)
    }

    /// Looks at so many rows, and at a few closed runs; says whether more of them are likely to be idle.
    fn drop_some_idle(&mut self, most: u32) -> bool {
        let dropped = self.drop_idle_rows(most);
        let traced = self.trace_closed_runs();
        let imported = self.forget_rows(ROWS_MIN);
        dropped >= most / 4 || traced == RUNS_MAX || imported == ROWS_MIN
    }

    /// Looks at so many rows; says how many went.
    pub(super) fn drop_idle_rows(&mut self, most: u32) -> u32 {
        let over = self.clock.forgets_at(self.now) - self.options.id_age_max;
        self.rows.drop_some_idle(over, most, &self.closed)
    }

    /// Turns runs that were closed for long enough into traces; says how many were looked at.
    fn trace_closed_runs(&mut self) -> usize {
        let before = self.clock.forgets_at(self.now) - self.options.closed_run_age_max;
        for looked in 0..RUNS_MAX {
            let Some(run) = self.closed.next(before) else { return looked };
            let mark = self.marks.get(&run).filter(|mark| mark.action == MarkAction::Close);
            // It was reopened or stopped since; a later close waits by itself.
            let Some(since) = mark.map(|mark| mark.since).filter(|since| *since < before) else { continue };
            if self.closed.covers(&run) {
                self.marks.remove(&run);
            } else if self.has_run_above(&run) {
                self.closed.wait(&run, self.now);
            } else {
                self.marks.remove(&run);
                self.closed.leave(&run, since);
            }
        }
        RUNS_MAX
    }

    /// Whether a run above it has books.
    fn has_run_above(&self, run: &Scope) -> bool {
        run.runs_above().any(|above| self.marks.contains_key(&above) || self.rows.has_run(&above))
    }
}

impl Rows {
    /// Looks at so many rows in turn, and drops those that nobody can ask for any more; says how many went.
    ///
    /// Called before places are resolved: what was just found or made may be idle, too.
    fn drop_some_idle(&mut self, now: Timestamp, most: u32, closed: &ClosedRuns) -> u32 {
        let mut dropped = 0_u32;
        for _ in 0..most {
            let places = self.rows.places();
            self.hand = self.hand.wrapping_add(1).checked_rem(places).unwrap_or(0);
            if self.hand < places && self.is_idle(self.hand, now, closed) {
                self.drop_row(self.hand);
                dropped = dropped.wrapping_add(1);
            }
        }
        dropped
    }

    /// Whether nobody can ask for the row at that place any more.
    fn is_idle(&self, place: u32, now: Timestamp, closed: &ClosedRuns) -> bool {
        self.get(place).names == 0 && self.is_over(place, now, closed)
    }

    /// Whether nothing that the row counts can refuse anybody any more.
    fn is_over(&self, place: u32, now: Timestamp, closed: &ClosedRuns) -> bool {
        let rest = self.rest.get(place);
        now >= rest.keep_until || closed.covers(rest.account.scope())
    }

    /// Whether the window of every row is over.
    pub(super) fn are_over(&self, now: Timestamp, closed: &ClosedRuns) -> bool {
        self.iter().all(|(place, _)| self.is_over(place, now, closed))
    }
}
