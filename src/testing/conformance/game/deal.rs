//! Which command comes next? Few accounts, ids and periods, so that commands collide.
//!
//! A command is worth playing if it meets another one. So there are seven accounts, ids
//! are mostly those of earlier commands, ends of holds lie beside one another, and time
//! mostly stands still. The odds stand in `play` and here; `Seen` counts what came of them.
//! What the ledger leaves out is not dealt.

use std::ops::Range;
use std::time::Duration;

use super::answer::Name;
use super::known::{IdState, ModelLine};
use super::model::ACCOUNTS;
use super::play::{Game, Given};
use super::remark::Remark;
use crate::testing::conformance::need::Need;
use crate::values::{ReservationId, Timestamp};

/// Every ledger remembers what ended within an hour; an id is asked for again for less than that.
const REMEMBERED: Duration = Duration::from_secs(3_000);

/// So many ids are at hand, the newest.
const IDS_AT_HAND: usize = 400;

/// So many imported rows are at hand, the newest.
const ROWS_AT_HAND: usize = 12;

/// Accounts from here to the end stand in wide claims only.
const WIDE: Range<Name> = 10..90;

impl Game {
    /// What the clock shows, in nanoseconds. The model remembers the latest by itself.
    pub(super) fn now(&self) -> i64 {
        self.books.now().as_nanos()
    }

    /// The ledger's time: the latest that it was told.
    pub(super) fn ledger_time(&self) -> Timestamp {
        self.books.now().max(Timestamp::from_nanos(self.model.now()))
    }

    /// A line of that account, so many periods before the running one, with a ceiling and
    /// thresholds of its own. `fresh` says whether its period is the running one.
    ///
    /// What never ends is used more and more, so its limits rise with it: else a long game would only refuse.
    pub(super) fn line_of(&mut self, account: Name, periods_back: i64) -> ModelLine {
        let seconds = self.ledger_time().as_nanos().div_euclid(1_000_000_000);
        let running = match account {
            0..3 => seconds.div_euclid(1_000),
            3..5 => seconds.div_euclid(10),
            _ => 0,
        };
        let number = if account < 5 { running - periods_back } else { 0 };
        let (spent, used) = if account < 5 { (0, 0) } else { self.model.used(account) };
        let room = self.random.pick(&[0, 20, 50, 80, 150, 400, i64::MAX]);
        let ceiling = if used > 0 && room < 400 { used + room / 4 } else { room.saturating_add(used) };
        let rolls = matches!(account, 3 | 4);
        let thresholds = self.some_thresholds(spent);
        let fresh = number == running || account >= 5;
        ModelLine { account, period: number, rolls, fresh, ceiling, thresholds, amount: 0 }
    }

    /// None, one or two thresholds above what is spent, of any tiers; also two of one tier.
    fn some_thresholds(&mut self, spent: i64) -> [Option<(i64, u8)>; 2] {
        if !self.offers(Need::Thresholds) || self.random.percent(10) {
            return [None, None];
        }
        let (low, high) = (self.random.pick(&[10, 30, 60]), self.random.pick(&[60, 100, 200]));
        // Few tiers fire often, and the first and the last must be among them.
        let mut tier = || self.random.pick(&[0, 0, 1, 15, 16, 17, 30, 31, 31, 7, 24, 12]);
        [Some((spent + low, tier())), Some((spent + high, tier()))]
    }

    /// Lines of some accounts, with amounts; of a hundred lines `past` lie in an
    /// earlier period. 60 and 61 periods back are the two sides of a rolling window's
    /// edge. Once in a while there are no lines, or dozens.
    pub(super) fn some_lines(&mut self, past: u64) -> Vec<ModelLine> {
        let count = match self.random.below(100) {
            0 => 0,
            1 => return self.many_lines(),
            _ => self.random.pick(&[1, 1, 2, 2, 3, 5]),
        };
        let mut accounts: Vec<Name> = Vec::new();
        while accounts.len() < count {
            let account = self.random.below(ACCOUNTS) as Name;
            let rolls = matches!(account, 3 | 4);
            if !accounts.contains(&account) && (!rolls || self.offers(Need::Rolling)) {
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

    /// Lines of eighty accounts or fewer. Mostly one of them, anywhere, is the only one with a limit.
    fn many_lines(&mut self) -> Vec<ModelLine> {
        let count = self.random.size(8, WIDE.len());
        let bound = self.random.size(0, count - 1);
        let mut lines: Vec<ModelLine> = Vec::new();
        for (place, account) in WIDE.take(count).enumerate() {
            let mut line = self.line_of(account, 0);
            if place != bound {
                line.ceiling = i64::MAX;
            }
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

    /// When a hold ends: so many seconds from now, or beside the end of another one.
    pub(super) fn some_end(&mut self, lives: &[u64]) -> Timestamp {
        let other = self.some_due();
        if let Some(due) = other.filter(|_| self.random.percent(15)) {
            let beside = [0, 0, 1, -1, 1_000, 1_000_000, 500_000_000, -999_999_999, 999_999_999];
            return Timestamp::from_nanos(due + self.random.pick(&beside));
        }
        let from = if self.random.percent(10) { self.books.now() } else { self.ledger_time() };
        from + Duration::from_secs(self.random.pick(lives))
    }

    /// The end of some open hold.
    pub(super) fn some_due(&mut self) -> Option<i64> {
        let due = |state: &IdState| {
            if let IdState::Held { expires_at, .. } = state { Some(*expires_at) } else { None }
        };
        let ends: Vec<i64> = self.model.known.values().filter_map(|known| due(&known.state)).collect();
        (!ends.is_empty()).then(|| self.random.pick(&ends))
    }

    /// What a command says of itself: who signs, why, and what its call is.
    pub(super) fn some_remark(&mut self) -> Remark {
        Remark::of(self.random.below(12))
    }

    /// An id given out before, rather a late one, with its lines as first given; none
    /// that the ledger may have forgotten.
    pub(super) fn known(&mut self) -> Option<(ReservationId, Vec<ModelLine>)> {
        let known = self.ids.len() as u64;
        let back = if self.random.percent(70) { known.min(12) } else { known };
        let place = known.checked_sub(1 + self.random.below(back.max(1)))?;
        let given = self.ids.get(usize::try_from(place).ok()?)?;
        self.is_asked_again(given).then(|| (given.id, given.lines.clone()))
    }

    /// The newest id that was given out with more than a few lines.
    pub(super) fn wide(&self) -> Option<ReservationId> {
        let is_wide = |given: &&Given| given.lines.len() >= 8 && self.is_asked_again(given);
        self.ids.iter().rev().find(is_wide).map(|given| given.id)
    }

    /// An id that is open, as far as the model knows.
    pub(super) fn open(&mut self) -> Option<(ReservationId, Vec<ModelLine>)> {
        let is_open = |given: &&Given| {
            self.model.known.get(&given.id.to_bits()).is_some_and(|known| known.ends().is_some())
        };
        let open: Vec<&Given> =
            self.ids.iter().filter(|given| self.is_asked_again(given)).filter(is_open).collect();
        let given = open.get(self.random.clone().size(0, open.len().saturating_sub(1)))?;
        Some((given.id, given.lines.clone()))
    }

    /// Whether a ledger must know what became of this id, if it was executed.
    fn is_asked_again(&self, given: &Given) -> bool {
        let now = self.ledger_time();
        now.since(given.at).max(now.since(given.id.time())) <= REMEMBERED
    }

    /// A new id, with the game's own counter below its time.
    ///
    /// Its time is mostly the ledger's. A machine in front of it, or somewhat behind, makes others; one that is days in
    /// front makes ids that are refused.
    pub(super) fn new_id(&mut self, lines: &[ModelLine]) -> ReservationId {
        const SECOND: i64 = 1_000;
        let off = match self.random.below(200) {
            0..10 => -self.random.between(0, 100 * SECOND),
            10..18 => self.random.pick(&[1, SECOND, 3_600 * SECOND, 23 * 3_600 * SECOND]),
            18 => self.random.pick(&[25, 48, 9_600]) * 3_600 * SECOND,
            _ => 0,
        };
        self.id_made(off, lines)
    }

    /// A new id that was made so many milliseconds after the ledger's time.
    pub(super) fn id_made(&mut self, off: i64, lines: &[ModelLine]) -> ReservationId {
        // Of the game's own making, so that the same seed shows the same ids.
        let millis = u128::try_from((self.ledger_time().as_millis() + off).max(0)).unwrap_or(0);
        let id = ReservationId::from_bits(millis.wrapping_shl(80) | u128::from(self.given));
        self.given += 1;
        self.ids.push(Given { id, lines: lines.to_vec(), at: self.ledger_time() });
        if self.ids.len() > 2 * IDS_AT_HAND {
            self.ids.drain(..IDS_AT_HAND);
        }
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

    /// An imported row: half of them came before, some with another body or another date. Used lately, or long ago, or in time to come.
    pub(super) fn some_row(&mut self) -> (ReservationId, Vec<ModelLine>, Timestamp) {
        let earlier = self.random.size(0, 2 * self.told.len() + 1);
        let other_date = self.some_date();
        if let Some((row, used_at)) = self.told.get(earlier).cloned()
            && self.shows_what_is_kept(&row)
        {
            let lines = if self.random.percent(10) { self.some_lines(30) } else { self.anew(row.lines) };
            return (row.id, lines, if self.random.percent(30) { other_date } else { used_at });
        }
        let (lines, now, used_at) = (self.some_lines(30), self.ledger_time(), other_date);
        let id = ReservationId::imported("bill", &self.given.to_string());
        self.given += 1;
        self.told.push((Given { id, lines: lines.clone(), at: now }, used_at));
        if self.told.len() > 2 * ROWS_AT_HAND {
            self.told.drain(..ROWS_AT_HAND);
        }
        (id, lines, used_at)
    }

    /// When a row was used: mostly some time in the last 400 days.
    fn some_date(&mut self) -> Timestamp {
        const HOUR: u64 = 3_600;
        let now = self.ledger_time();
        if self.random.percent(10) {
            return now + Duration::from_secs(self.random.pick(&[23, 24, 25]) * HOUR);
        }
        now - Duration::from_secs(self.random.pick(&[0, 0, 1, 840, 9_576, 9_600, 9_624]) * HOUR)
    }

    /// Whether the model still has the balances that a repeat of the row shows: of periods that are long over it has none.
    fn shows_what_is_kept(&self, row: &Given) -> bool {
        let now = self.ledger_time();
        // Of a row whose time is over nobody says when exactly it is forgotten.
        let is_kept =
            self.model.told_until.get(&row.id.to_bits()).is_none_or(|until| *until > now.as_nanos());
        is_kept && (now.since(row.at) <= REMEMBERED || row.lines.iter().all(|line| line.account >= 5))
    }

    /// The same lines with limits and thresholds of now.
    pub(super) fn anew(&mut self, mut lines: Vec<ModelLine>) -> Vec<ModelLine> {
        for line in &mut lines {
            let of_now = self.line_of(line.account, 0);
            let fresh = line.period == of_now.period;
            // What was posted may have been a refund; other commands take no amount below zero.
            let amount = line.amount.abs();
            let (ceiling, thresholds) = (of_now.ceiling, of_now.thresholds);
            *line = ModelLine { ceiling, thresholds, fresh, amount, ..*line };
        }
        lines
    }
}
