//! Which command comes next? Few accounts, ids and periods, so that commands collide.
//!
//! A command is worth playing if it meets another one. So there are seven accounts, ids
//! are mostly those of earlier commands, and time mostly stands still. The odds stand in
//! `play` and here; `Seen` counts what came of them.

use std::time::Duration;

use super::answer::Name;
use super::model::{ACCOUNTS, ModelLine};
use super::play::Game;
use crate::testing::conformance::why::Held;
use crate::values::{ReservationId, Timestamp};

/// Every ledger remembers what ended within an hour; clocks are set back by less than the rest of it.
const REMEMBERED: Duration = Duration::from_secs(3_000);

impl Game {
    /// What the clock shows, in nanoseconds. The model remembers the latest by itself.
    pub(super) fn now(&self) -> i64 {
        self.books.now().as_nanos()
    }

    /// Moves the clock: half of the time not at all, mostly a few seconds, seldom over
    /// the end of a day (1,000 s) or of a rolling window (610 s), and sometimes back if
    /// the clock is this game's alone.
    pub(super) fn let_time_pass(&mut self, alone: bool) -> Held {
        const SECOND: u64 = 1_000_000_000;
        let nanos = match self.random.below(100) {
            0..50 => return Ok(()),
            50..80 => self.random.below(5 * SECOND),
            80..92 => SECOND * self.random.below(60),
            92..97 => SECOND * self.random.below(400),
            97..99 => SECOND * self.random.below(2_500),
            // A machine's clock may be set back; the ledger's is not.
            _ => {
                let back = Duration::from_secs(if alone { self.random.below(100) } else { 0 });
                return self.books.set((self.books.now() - back).max(Timestamp::EPOCH));
            }
        };
        self.books.advance(Duration::from_nanos(nanos))
    }

    /// A line of that account, so many periods before the running one, with a ceiling and
    /// a threshold of its own. `fresh` says whether its period is the running one.
    pub(super) fn line_of(&mut self, account: Name, periods_back: i64) -> ModelLine {
        let now = Timestamp::from_nanos(self.now().max(self.model.now()));
        let seconds = now.as_nanos().div_euclid(1_000_000_000);
        let running = match account {
            0..3 => seconds.div_euclid(1_000),
            3..5 => seconds.div_euclid(10),
            _ => 0,
        };
        let number = if account < 5 { running - periods_back } else { 0 };
        let ceiling = self.random.pick(&[0, 20, 50, 80, 150, 400, i64::MAX]);
        let mark = self.random.pick(&[10, 60, 200]);
        let rolls = matches!(account, 3 | 4);
        ModelLine {
            account,
            period: number,
            rolls,
            fresh: number == running || account >= 5,
            ceiling,
            mark,
            amount: 0,
        }
    }

    /// Lines of one to six accounts, with amounts; of a hundred lines `past` lie in an
    /// earlier period. 60 and 61 periods back are the two sides of a rolling window's
    /// edge.
    pub(super) fn some_lines(&mut self, past: u64) -> Vec<ModelLine> {
        let count = self.random.pick(&[1, 1, 2, 2, 3, 6]);
        let mut accounts: Vec<Name> = Vec::new();
        while accounts.len() < count {
            let account = self.random.below(ACCOUNTS) as Name;
            if !accounts.contains(&account) {
                accounts.push(account);
            }
        }
        let mut lines = Vec::new();
        for account in accounts {
            let back = if self.random.percent(past) { self.random.pick(&[1, 1, 2, 30, 60, 61]) } else { 0 };
            let mut line = self.line_of(account, back);
            line.amount = self.some_amount();
            lines.push(line);
        }
        lines
    }

    /// Zero often enough to try lines that cost nothing; else small beside the ceilings,
    /// so that several holds fit and one more does not.
    pub(super) fn some_amount(&mut self) -> i64 {
        if self.random.percent(12) { 0 } else { self.random.between(1, 30) }
    }

    /// An id given out before, rather a late one, with its lines as first given; none
    /// that the ledger may have forgotten.
    pub(super) fn known(&mut self) -> Option<(ReservationId, Vec<ModelLine>)> {
        let known = self.ids.len() as u64;
        let back = if self.random.percent(70) { known.min(12) } else { known };
        let place = known.checked_sub(1 + self.random.below(back.max(1)))?;
        let known = self.ids.get(usize::try_from(place).ok()?).cloned();
        let latest = self.books.now().max(Timestamp::from_nanos(self.model.now()));
        known.filter(|(id, _)| latest.since(id.time()) <= REMEMBERED)
    }

    /// An id of the clock's time, with the game's own counter below it.
    pub(super) fn new_id(&mut self, lines: &[ModelLine]) -> ReservationId {
        // Of the game's own making, so that the same seed shows the same ids.
        let millis = u128::try_from(self.books.now().as_millis().max(0)).unwrap_or(0);
        let id = ReservationId::from_bits(millis.wrapping_shl(80) | self.ids.len() as u128);
        self.ids.push((id, lines.to_vec()));
        id
    }

    /// An id and lines: mostly those of an earlier command, sometimes with another body or never seen.
    pub(super) fn earlier(&mut self, other_body: u64) -> (ReservationId, Vec<ModelLine>) {
        if self.random.percent(8) {
            let lines = self.some_lines(30);
            return (self.new_id(&lines), lines);
        }
        let other = self.some_lines(30);
        match self.known() {
            Some((id, _)) if self.random.percent(other_body) => (id, other),
            Some((id, lines)) => (id, self.anew(lines)),
            None => (self.new_id(&other), other),
        }
    }

    /// The same lines with limits and levels of now.
    pub(super) fn anew(&mut self, mut lines: Vec<ModelLine>) -> Vec<ModelLine> {
        for line in &mut lines {
            let of_now = self.line_of(line.account, 0);
            let fresh = line.period == of_now.period;
            // What was posted may have been a refund; other commands take no amount below zero.
            let amount = line.amount.abs();
            *line = ModelLine { ceiling: of_now.ceiling, mark: of_now.mark, fresh, amount, ..*line };
        }
        lines
    }
}
