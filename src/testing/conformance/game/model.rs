//! What should the ledger have answered? Plain maps by name, sums over everything, and no cleverness.
//!
//! The model keeps every id for ever; the ledger under test must remember those
//! of a game. It shares no code with the ledger beyond the commands.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::Answer;
use super::tally::narrow;
use crate::ErrorKind;
use crate::ledger::{Certainty, MarkAction, Outcome};

/// An account by the name of its scope.
pub(super) type Name = u8;

/// A line of a claim, as the model sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ModelLine {
    pub(super) account: Name,
    pub(super) period: i64,
    pub(super) rolls: bool,
    pub(super) fresh: bool,
    pub(super) ceiling: i64,
    pub(super) mark: i64,
    pub(super) amount: i64,
}

/// What a hold is charged by age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Charge {
    Nothing,
    Hold,
    Amounts(Vec<i64>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    Held { expires_at: i64, charge: Charge },
    Charged(Certainty),
    Released,
    Refused,
    Tombstone,
    Recorded,
}

/// One id: its first body, and what it holds or charged on each line now.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) state: State,
    /// Account, period and amount of each line as first given.
    pub(super) body: Vec<(Name, i64, i64)>,
    pub(super) amounts: Vec<i64>,
    pub(super) refunded: Vec<i64>,
    pub(super) unheld: bool,
}

/// The books of one root.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) now: i64,
    pub(super) known: BTreeMap<u128, Known>,
    /// Spent and reserved of every account and period ever touched.
    pub(super) books: BTreeMap<(Name, i64), (i128, i128)>,
    pub(super) rolling: BTreeSet<Name>,
    /// The newest period of each account.
    pub(super) newest: BTreeMap<Name, i64>,
    pub(super) fired: BTreeSet<(Name, i64)>,
    pub(super) frozen: BTreeMap<Name, MarkAction>,
    /// What ended by age and no answer has told yet: a failed command gives none.
    pub(super) untold: Vec<u128>,
    pub(super) spent_for_ever: i128,
    /// The balance of a calendar period that is over stays readable.
    pub(super) keeps_past: bool,
}

impl Model {
    pub(super) fn new(keeps_past: bool) -> Self {
        Self { keeps_past, ..Self::default() }
    }

    fn frozen_of(&self, lines: &[ModelLine]) -> Vec<Name> {
        lines.iter().map(|line| line.account).filter(|account| self.frozen.contains_key(account)).collect()
    }

    pub(super) fn answer(&mut self, outcome: Outcome) -> Answer {
        let expired = std::mem::take(&mut self.untold);
        Answer {
            outcome,
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

    pub(super) fn reserve(
        &mut self,
        now: i64,
        id: u128,
        lines: &[ModelLine],
        expiry: (i64, Charge),
    ) -> Result<Answer, ErrorKind> {
        self.tick(now);
        if let Some(known) = self.known.get(&id) {
            let outcome = match known.state {
                State::Tombstone => return Err(ErrorKind::State),
                State::Recorded => return Err(ErrorKind::Conflict),
                _ if known.unheld => return Err(ErrorKind::State),
                _ if known.body != body(lines) => return Err(ErrorKind::Conflict),
                State::Refused => Outcome::Refused,
                State::Held { .. } | State::Charged(_) | State::Released => Outcome::Applied,
            };
            let balances = self.balances(lines);
            return Ok(Answer { repeated: true, balances, ..self.answer(outcome) });
        }
        for line in lines {
            if !line.fresh {
                return Ok(self.answer(Outcome::Stale));
            }
            // A refusal makes no account, so only known ones move on.
            if self.newest.contains_key(&line.account) {
                self.advance(line);
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
        let state =
            if refused { State::Refused } else { State::Held { expires_at: expiry.0, charge: expiry.1 } };
        self.known.insert(id, Known { state, body: body(lines), amounts, refunded, unheld: false });
        if refused {
            let known: Vec<_> =
                lines.iter().filter(|line| self.newest.contains_key(&line.account)).copied().collect();
            let reached = self.cross(&known);
            let frozen = self.frozen_of(lines);
            return Ok(Answer { balances, frees_up, frozen, reached, ..self.answer(Outcome::Refused) });
        }
        for line in lines {
            self.advance(line);
            self.add(line.account, line.period, 0, line.amount);
        }
        let reached = self.cross(lines);
        Ok(Answer { balances, reached, ..self.answer(Outcome::Applied) })
    }

    pub(super) fn resize(
        &mut self,
        now: i64,
        id: u128,
        lines: &[ModelLine],
        until: Option<i64>,
    ) -> Result<Answer, ErrorKind> {
        self.tick(now);
        let Some(known) = self.known.get(&id).cloned() else { return Err(ErrorKind::State) };
        let State::Held { .. } = known.state else { return Err(ErrorKind::State) };
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
        for (line, old) in lines.iter().zip(&known.amounts) {
            self.add(line.account, line.period, 0, line.amount - old);
        }
        if let Some(known) = self.known.get_mut(&id) {
            known.amounts = lines.iter().map(|line| line.amount).collect();
            if let (State::Held { expires_at, .. }, Some(until)) = (&mut known.state, until) {
                *expires_at = until;
            }
        }
        let reached = self.cross(lines);
        self.forget_past();
        Ok(Answer { balances, reached, ..self.answer(Outcome::Applied) })
    }

    /// Freezes a scope or opens it; says whether that changed nothing.
    pub(super) fn mark(&mut self, now: i64, scope: Name, action: MarkAction) -> Answer {
        use MarkAction::{Close, Freeze, Reopen, Stop};
        self.tick(now);
        let known = self.frozen.get(&scope).copied();
        let counts = match action {
            Reopen => known.is_some(),
            Freeze => known.is_none(),
            Close => matches!(known, None | Some(Freeze)),
            _ => known != Some(Stop),
        };
        if counts && action == Reopen {
            self.frozen.remove(&scope);
        } else if counts {
            self.frozen.insert(scope, action);
        }
        let repeated = !counts;
        Answer { repeated, ..self.answer(Outcome::Applied) }
    }

    /// Spent and reserved in that period, and the ledger's time.
    pub(super) fn read(&mut self, now: i64, line: &ModelLine) -> (i64, i64) {
        self.tick(now);
        if self.newest.contains_key(&line.account) && line.fresh {
            self.advance(line);
        }
        let (spent, reserved) = self.balance(line.account, line.period);
        (narrow(spent), narrow(reserved))
    }

    /// The latest instant it was told.
    pub(super) fn now(&self) -> i64 {
        self.now
    }

    /// Whether a hold is due that the next command will end.
    pub(super) fn has_due(&self, now: i64) -> bool {
        let due = |known: &Known| matches!(known.state, State::Held { expires_at, .. } if expires_at <= now);
        self.known.values().any(due)
    }

    /// How many holds are open.
    pub(super) fn open_holds(&self) -> usize {
        self.known.values().filter(|known| matches!(known.state, State::Held { .. })).count()
    }
}

pub(super) fn body(lines: &[ModelLine]) -> Vec<(Name, i64, i64)> {
    lines.iter().map(|line| (line.account, line.period, line.amount)).collect()
}

pub(super) fn same_lines(known: &Known, lines: &[ModelLine]) -> bool {
    let given = lines.iter().map(|line| (line.account, line.period));
    known.body.iter().map(|(account, period, _)| (*account, *period)).eq(given)
}
