//! What should the ledger have answered? Plain maps by name, sums over everything, and no cleverness.
//!
//! Read this file as the contract in code: what a reserve, a resize, a mark and a read
//! answer, step by step, with no cache, no index and no shortcut. Whoever doubts an
//! answer of a ledger can work it out here by hand.
//!
//! The order of the questions matters, and every ledger must keep it. A reserve asks: is
//! the id known? is each line's period the running one? is a scope frozen, or a line
//! without room? Only then does it change anything.
//!
//! The model shares no code with the ledger beyond the commands. It forgets only what the
//! game asks for no more (`tally`), because it looks at all it knows for each command.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::{Answer, Name};
use super::journal::Journal;
use super::known::{Charge, IdState, KnownId, ModelLine, body, narrow, same_lines};
use super::remark::Remark;
use crate::ErrorKind;
use crate::ledger::{EntryKind, MarkAction, Outcome};
use crate::values::ReservationId;

/// Accounts 0 to 2 count by the day, 3 and 4 roll, 5 and 6 never end. Three kinds of
/// window, and at least two accounts of each, so that two can be mixed up. Higher numbers
/// never end either: they are named together, by the few claims that have many lines.
pub(super) const ACCOUNTS: u64 = 7;

/// How far ahead of the ledger's time an id may be made, in nanoseconds: a day.
const AHEAD_MAX: i64 = 86_400_000_000_000;

/// So long a refusal is remembered, in nanoseconds.
pub(super) const REFUSALS_LAST: i64 = 60_000_000_000;

/// The books of one tenant.
#[derive(Debug, Default)]
pub(super) struct Model {
    /// The latest instant that the model was told.
    pub(super) now: i64,
    /// Every id ever seen.
    pub(super) known: BTreeMap<u128, KnownId>,
    /// Until when each imported row is remembered.
    pub(super) told_until: BTreeMap<u128, i64>,
    /// Spent and reserved of every account and period ever touched.
    pub(super) books: BTreeMap<(Name, i64), (i128, i128)>,
    /// Accounts whose window rolls.
    pub(super) rolling: BTreeSet<Name>,
    /// The newest period of each account.
    pub(super) newest: BTreeMap<Name, i64>,
    /// Account, period and tier of thresholds that have fired; period 0 for rolling accounts.
    pub(super) fired: BTreeSet<(Name, i64, u8)>,
    /// Scopes that admit nothing: by which mark, since when, and why.
    pub(super) frozen: BTreeMap<Name, (MarkAction, i64, String)>,
    /// What the journal must tell.
    pub(super) journal: Journal,
    /// What ended by age and no answer has told yet: a failed command gives none.
    pub(super) untold: Vec<u128>,
    /// Everything ever spent, over all accounts and periods.
    pub(super) spent_for_ever: i128,
    /// The balance of a calendar period that is over stays readable.
    pub(super) keeps_past: bool,
}

impl Model {
    pub(super) fn new(keeps_past: bool) -> Self {
        Self { keeps_past, ..Self::default() }
    }

    /// The frozen scopes among those of these lines, in their order.
    fn frozen_of(&self, lines: &[ModelLine]) -> Vec<(Name, MarkAction)> {
        let stands = |line: &ModelLine| self.frozen.get(&line.account).map(|mark| (line.account, mark.0));
        lines.iter().filter_map(stands).collect()
    }

    /// An answer of that outcome, which tells the expiries that no answer has told yet.
    pub(super) fn answer(&mut self, outcome: Outcome) -> Answer {
        let expired = std::mem::take(&mut self.untold);
        Answer {
            outcome,
            now: self.now,
            repeated: false,
            unheld: false,
            replaced: None,
            balances: Vec::new(),
            frees_up: Vec::new(),
            frozen: Vec::new(),
            reached: Vec::new(),
            expired,
        }
    }

    /// Holds all lines or none. A repeat answers by what became of the id; a stale line
    /// ends the question before anything is remembered.
    pub(super) fn reserve(
        &mut self,
        now: i64,
        id: u128,
        lines: &[ModelLine],
        expiry: (i64, Charge),
    ) -> Result<Answer, ErrorKind> {
        self.tick(now);
        if let Some(known) = self.known.get(&id).cloned() {
            return self.reserve_again(&known, lines);
        }
        self.check_age(id)?;
        for line in lines {
            if !line.fresh {
                return Ok(self.answer(Outcome::Stale));
            }
        }
        let balances = self.balances(lines);
        let mut frees_up = Vec::new();
        let mut refused = lines.iter().any(|line| self.frozen.contains_key(&line.account));
        for (at, (line, balance)) in lines.iter().zip(&balances).enumerate() {
            let used = i128::from(balance.0) + i128::from(balance.1) + i128::from(line.amount);
            if line.amount > 0 && used > i128::from(line.ceiling) {
                refused = true;
                let steps = if line.rolls { self.frees_in(line) } else { None };
                frees_up.extend(steps.map(|steps| (at, steps)));
            }
        }
        let amounts = lines.iter().map(|line| line.amount).collect();
        let refunded = vec![0; lines.len()];
        let held = IdState::Held { expires_at: expiry.0, charge: expiry.1 };
        let state = if refused { IdState::Refused { at: self.now } } else { held };
        self.known.insert(id, KnownId { state, body: body(lines), amounts, refunded, unheld: false });
        if refused {
            let known: Vec<_> =
                lines.iter().filter(|line| self.newest.contains_key(&line.account)).copied().collect();
            let reached = self.cross(id, &known);
            let frozen = self.frozen_of(lines);
            return Ok(Answer { balances, frees_up, frozen, reached, ..self.answer(Outcome::Refused) });
        }
        for line in lines {
            self.advance(line);
            self.add(line.account, line.period, 0, line.amount);
        }
        let entry = lines.iter().map(|line| (line.account, line.period, 0, line.amount)).collect();
        self.write(id, EntryKind::Reserved, entry);
        let reached = self.cross(id, lines);
        Ok(Answer { balances, reached, ..self.answer(Outcome::Applied) })
    }

    /// The first outcome again, with present balances.
    fn reserve_again(&mut self, known: &KnownId, lines: &[ModelLine]) -> Result<Answer, ErrorKind> {
        let outcome = match known.state {
            IdState::Tombstone => return Err(ErrorKind::State),
            IdState::Recorded => return Err(ErrorKind::Conflict),
            _ if known.unheld => return Err(ErrorKind::State),
            _ if known.body != body(lines) => return Err(ErrorKind::Conflict),
            IdState::Refused { .. } => Outcome::Refused,
            IdState::Held { .. } | IdState::Charged(_) | IdState::Released => Outcome::Applied,
        };
        let balances = self.balances(lines);
        Ok(Answer { repeated: true, balances, ..self.answer(outcome) })
    }

    /// Sets the amounts of a live hold, and its deadline. Growth needs room, a period
    /// that still counts, and no frozen scope among its lines.
    pub(super) fn resize(
        &mut self,
        now: i64,
        id: u128,
        lines: &[ModelLine],
        until: Option<i64>,
    ) -> Result<Answer, ErrorKind> {
        self.tick(now);
        let Some(known) = self.known.get(&id).cloned() else { return Err(ErrorKind::State) };
        let IdState::Held { .. } = known.state else { return Err(ErrorKind::State) };
        if !same_lines(&known, lines) {
            return Err(ErrorKind::Conflict);
        }
        let balances = self.balances(lines);
        for ((line, old), balance) in lines.iter().zip(&known.amounts).zip(&balances) {
            let used = i128::from(balance.0) + i128::from(balance.1) + i128::from(line.amount - old);
            let counted = self.counts(line.account, line.period);
            let frozen = lines.iter().any(|line| self.frozen.contains_key(&line.account));
            if line.amount > *old && (frozen || !counted || used > i128::from(line.ceiling)) {
                let frozen = self.frozen_of(lines);
                return Ok(Answer { balances, frozen, ..self.answer(Outcome::Refused) });
            }
        }
        let changes: Vec<_> = lines.iter().zip(&known.amounts).map(|(line, old)| line.amount - old).collect();
        for (line, change) in lines.iter().zip(&changes) {
            self.add(line.account, line.period, 0, *change);
        }
        if changes.iter().any(|change| *change != 0) {
            let entry =
                lines.iter().zip(changes).map(|(line, change)| (line.account, line.period, 0, change));
            self.write(id, EntryKind::Resized, entry.collect());
        }
        if let Some(known) = self.known.get_mut(&id) {
            known.amounts = lines.iter().map(|line| line.amount).collect();
            if let (IdState::Held { expires_at, .. }, Some(until)) = (&mut known.state, until) {
                *expires_at = until;
            }
        }
        let reached = self.cross(id, lines);
        self.forget_past();
        Ok(Answer { balances, reached, ..self.answer(Outcome::Applied) })
    }

    /// Freezes a scope or opens it. A stronger mark replaces a weaker one (freeze < close
    /// < stop); anything else changes nothing and is a repeat.
    pub(super) fn mark(&mut self, now: i64, scope: Name, action: MarkAction, reason: &str) -> Answer {
        use MarkAction::{Close, Freeze, Reopen, Stop};
        self.tick(now);
        let known = self.frozen.get(&scope).map(|mark| mark.0);
        let counts = match action {
            Reopen => known.is_some(),
            Freeze => known.is_none(),
            Close => matches!(known, None | Some(Freeze)),
            _ => known != Some(Stop),
        };
        if counts && action == Reopen {
            self.frozen.remove(&scope);
        } else if counts {
            self.frozen.insert(scope, (action, self.now, reason.to_owned()));
        }
        if counts {
            self.journal.write((self.now, None), EntryKind::Marked(action), Vec::new());
        }
        let repeated = !counts;
        Answer { repeated, ..self.answer(Outcome::Applied) }
    }

    /// Says what the next command says of itself.
    pub(super) fn remarks(&mut self, remark: &Remark) {
        self.journal.remark = remark.clone();
    }

    /// Writes an entry of now.
    pub(super) fn write(&mut self, id: u128, kind: EntryKind, lines: Vec<(Name, i64, i64, i64)>) {
        self.journal.write((self.now, Some(id)), kind, lines);
    }

    /// Until when an imported row is remembered that was used at that instant: 400 days after its day.
    pub(super) fn check_used(&self, used_at: i64) -> Result<i64, ErrorKind> {
        const DAY: i64 = 86_400_000_000_000;
        let until = (used_at.div_euclid(DAY) + 401) * DAY;
        match used_at - self.now {
            ahead if ahead > AHEAD_MAX => Err(ErrorKind::Invalid),
            _ if until <= self.now => Err(ErrorKind::Forgotten),
            _ => Ok(until),
        }
    }

    /// An id that nobody has seen may be made a day ahead of the ledger's time, and no more.
    pub(super) fn check_age(&self, id: u128) -> Result<(), ErrorKind> {
        let ahead = ReservationId::from_bits(id).time().as_nanos() - self.now;
        if ahead > AHEAD_MAX { Err(ErrorKind::Invalid) } else { Ok(()) }
    }

    /// Spent and reserved in that period. Reading ends what is due, and moves no account on.
    pub(super) fn read(&mut self, now: i64, line: &ModelLine) -> (i64, i64) {
        self.tick(now);
        let (spent, reserved) = self.balance(line.account, line.period);
        (narrow(spent), narrow(reserved))
    }

    /// Spent, and spent and reserved, of an account that never ends.
    pub(super) fn used(&self, account: Name) -> (i64, i64) {
        let (spent, reserved) = self.balance(account, 0);
        (narrow(spent), narrow(spent + reserved))
    }

    /// The latest instant that the model was told.
    pub(super) fn now(&self) -> i64 {
        self.now
    }

    /// Whether a hold is due that the next command will end.
    pub(super) fn has_due(&self, now: i64) -> bool {
        let due =
            |known: &KnownId| matches!(known.state, IdState::Held { expires_at, .. } if expires_at <= now);
        self.known.values().any(due)
    }

    /// How many holds are open.
    pub(super) fn open_holds(&self) -> usize {
        self.known.values().filter(|known| matches!(known.state, IdState::Held { .. })).count()
    }
}
