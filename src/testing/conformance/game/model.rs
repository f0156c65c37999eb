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
//! The model keeps every id for ever; the ledger under test must remember those
//! of a game. The model shares no code with the ledger beyond the commands.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::{Answer, Name};
use crate::ErrorKind;
use crate::ledger::{Certainty, MarkAction, Outcome};
use crate::testing::conformance::claims::{always, day, rolling};
use crate::values::Period;

/// Accounts 0 to 2 count by the day, 3 and 4 roll, 5 and 6 never end. Three kinds of
/// window, and at least two accounts of each, so that two can be mixed up.
pub(super) const ACCOUNTS: u64 = 7;

/// A line of a claim, as the model sees it: one account, one threshold, and whether its
/// period is the running one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ModelLine {
    /// The account, by its number.
    pub(super) account: Name,
    /// The period, by its number.
    pub(super) period: i64,
    /// Whether 61 periods count together.
    pub(super) rolls: bool,
    /// Whether the period is the running one.
    pub(super) fresh: bool,
    /// The most that may be spent and reserved.
    pub(super) ceiling: i64,
    /// The one threshold of the line.
    pub(super) mark: i64,
    /// What is asked for, charged or posted.
    pub(super) amount: i64,
}

/// What a hold is charged if it expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Charge {
    Nothing,
    Hold,
    Amounts(Vec<i64>),
}

/// Where an id stands. `Tombstone` was released before it was ever seen; `Recorded` is a
/// posting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Open, until that instant.
    Held { expires_at: i64, charge: Charge },
    /// Ended with a charge of that rank.
    Charged(Certainty),
    /// Given back.
    Released,
    /// Never held: there was no room.
    Refused,
    /// Released before it was ever seen.
    Tombstone,
    /// A posting.
    Recorded,
}

/// All that is known of one id: its state, its first body, and what it holds or has
/// charged on each line now.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// Where the id stands.
    pub(super) state: State,
    /// Account, period and amount of each line as first given.
    pub(super) body: Vec<(Name, i64, i64)>,
    /// What each line holds, or was charged, now.
    pub(super) amounts: Vec<i64>,
    /// What refunds have taken back, line by line.
    pub(super) refunded: Vec<i64>,
    /// Whether it was charged without a hold.
    pub(super) unheld: bool,
}

/// The books of one tenant.
#[derive(Debug, Default)]
pub(super) struct Model {
    /// The latest instant that the model was told.
    pub(super) now: i64,
    /// Every id ever seen.
    pub(super) known: BTreeMap<u128, Known>,
    /// Spent and reserved of every account and period ever touched.
    pub(super) books: BTreeMap<(Name, i64), (i128, i128)>,
    /// Accounts whose window rolls.
    pub(super) rolling: BTreeSet<Name>,
    /// The newest period of each account.
    pub(super) newest: BTreeMap<Name, i64>,
    /// Account and period of thresholds that have fired; period 0 for rolling accounts.
    pub(super) fired: BTreeSet<(Name, i64)>,
    /// Scopes that admit nothing, and by which mark.
    pub(super) frozen: BTreeMap<Name, MarkAction>,
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
    fn frozen_of(&self, lines: &[ModelLine]) -> Vec<Name> {
        lines.iter().map(|line| line.account).filter(|account| self.frozen.contains_key(account)).collect()
    }

    /// An answer of that outcome, which tells the expiries that no answer has told yet.
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

    /// Freezes a scope or opens it. A stronger mark replaces a weaker one (freeze < close
    /// < stop); anything else changes nothing and is a repeat.
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

    /// Spent and reserved in that period. Reading ends what is due and moves a known
    /// account on to a running period.
    pub(super) fn read(&mut self, now: i64, line: &ModelLine) -> (i64, i64) {
        self.tick(now);
        if self.newest.contains_key(&line.account) && line.fresh {
            self.advance(line);
        }
        let (spent, reserved) = self.balance(line.account, line.period);
        (narrow(spent), narrow(reserved))
    }

    /// The latest instant that the model was told.
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

/// What makes two commands with one id the same: accounts, periods, amounts.
pub(super) fn body(lines: &[ModelLine]) -> Vec<(Name, i64, i64)> {
    lines.iter().map(|line| (line.account, line.period, line.amount)).collect()
}

/// Whether these are the lines that the id was first given with; amounts may differ.
pub(super) fn same_lines(known: &Known, lines: &[ModelLine]) -> bool {
    let given = lines.iter().map(|line| (line.account, line.period));
    known.body.iter().map(|(account, period, _)| (*account, *period)).eq(given)
}

/// A sum as the ledger shows it.
pub(super) fn narrow(sum: i128) -> i64 {
    // A game's figures are small.
    i64::try_from(sum).unwrap_or(i64::MAX)
}

/// The period that the ledger is told for this line.
pub(super) fn period_of(line: &ModelLine) -> Period {
    match line.account {
        0..3 => day(line.period),
        3..5 => rolling(line.period),
        _ => always(),
    }
}

/// The lines as a person reads them: account, period, amount, ceiling.
pub(super) fn shown(lines: &[ModelLine]) -> String {
    let one = |line: &ModelLine| {
        let ModelLine { account, period, amount, ceiling, .. } = line;
        let ceiling = if *ceiling == i64::MAX { "any".to_owned() } else { ceiling.to_string() };
        format!("{account}@{period}: {amount} of {ceiling}")
    };
    format!("[{}]", lines.iter().map(one).collect::<Vec<_>>().join(", "))
}
