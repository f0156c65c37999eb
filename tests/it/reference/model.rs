//! What should the ledger have answered? Plain maps by name, sums over everything, and no cleverness.
//!
//! The model keeps every id for ever; the ledger under test is told to
//! remember enough. It shares no code with the ledger beyond the commands.

use std::collections::{BTreeMap, BTreeSet};

use token_budget::ErrorKind;
use token_budget::ledger::{MarkAction, Outcome, Rank};

/// An account by the name of its scope.
pub(crate) type Name = u8;

/// A line of a claim, as the model sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ModelLine {
    pub(crate) account: Name,
    pub(crate) period: i64,
    pub(crate) rolls: bool,
    pub(crate) fresh: bool,
    pub(crate) ceiling: i64,
    pub(crate) mark: i64,
    pub(crate) amount: i64,
}

/// What a hold is charged by age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Charge {
    Nothing,
    Hold,
    Amounts(Vec<i64>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Held { expires_at: i64, charge: Charge },
    Charged(Rank),
    Released,
    Refused,
    Tombstone,
    Recorded,
}

/// One id: its first body, and what it holds or charged on each line now.
#[derive(Clone, Debug)]
struct Known {
    state: State,
    /// Account, period and amount of each line as first given.
    body: Vec<(Name, i64, i64)>,
    amounts: Vec<i64>,
    refunded: Vec<i64>,
    unheld: bool,
}

/// What the model answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    pub(crate) repeated: bool,
    pub(crate) unheld: bool,
    pub(crate) replaced: Option<Rank>,
    /// Spent and reserved.
    pub(crate) balances: Vec<(i64, i64)>,
    /// Which rolling lines refused, and after how many sub-periods each has room.
    pub(crate) frees: Vec<(usize, u32)>,
    /// The frozen scopes that refused.
    pub(crate) frozen: Vec<Name>,
    /// Account, period and spent of each level that fired.
    pub(crate) crossed: Vec<(Name, i64, i64)>,
    pub(crate) expired: Vec<u128>,
}

const SPAN: i64 = 61;

/// The books of one root.
#[derive(Debug, Default)]
pub(crate) struct Model {
    now: i64,
    known: BTreeMap<u128, Known>,
    /// Spent and reserved of every account and period ever touched.
    books: BTreeMap<(Name, i64), (i128, i128)>,
    rolling: BTreeSet<Name>,
    /// The newest period of each account.
    newest: BTreeMap<Name, i64>,
    fired: BTreeSet<(Name, i64)>,
    frozen: BTreeMap<Name, MarkAction>,
    /// What ended by age and no answer has told yet: a failed command gives none.
    untold: Vec<u128>,
    pub(crate) spent_for_ever: i128,
    /// The ledger under test keeps the balance of a past period for ever.
    keeps_past: bool,
}

impl Model {
    pub(crate) fn new(keeps_past: bool) -> Self {
        Self { keeps_past, ..Self::default() }
    }

    /// Time runs on, and what is due ends: oldest first, ties by id.
    fn tick(&mut self, now: i64) {
        self.now = self.now.max(now);
        let mut due: Vec<(i64, u128)> = Vec::new();
        for (id, known) in &self.known {
            if let State::Held { expires_at, .. } = known.state
                && expires_at <= self.now
            {
                due.push((expires_at, *id));
            }
        }
        due.sort_unstable();
        for (_, id) in &due {
            let known = self.known[id].clone();
            let State::Held { charge, .. } = known.state else { unreachable!() };
            let amounts = match charge {
                Charge::Nothing => vec![0; known.body.len()],
                Charge::Hold => known.amounts.clone(),
                Charge::Amounts(amounts) => amounts,
            };
            self.end(*id, State::Charged(Rank::Expired), &amounts);
        }
        self.forget_past();
        self.untold.extend(due.into_iter().map(|(_, id)| id));
    }

    /// Takes a hold back, charges these amounts, and says so in its state.
    fn end(&mut self, id: u128, state: State, amounts: &[i64]) {
        let known = self.known.get_mut(&id).expect("known");
        let held = matches!(known.state, State::Held { .. });
        let old = std::mem::replace(&mut known.amounts, amounts.to_vec());
        known.state = state;
        let (body, refunded) = (known.body.clone(), known.refunded.clone());
        for (at, (account, period, _)) in body.into_iter().enumerate() {
            let left = |charge: i64| (charge - refunded[at]).max(0);
            if held {
                self.add(account, period, left(amounts[at]), -old[at]);
            } else {
                self.add(account, period, left(amounts[at]) - left(old[at]), 0);
            }
        }
    }

    fn add(&mut self, account: Name, period: i64, spent: i64, reserved: i64) {
        self.spent_for_ever += i128::from(spent);
        // Of a forgotten period only the total is known.
        if self.rolling.contains(&account) || period == self.newest[&account] || self.kept(account, period) {
            let entry = self.books.entry((account, period)).or_default();
            entry.0 += i128::from(spent);
            entry.1 += i128::from(reserved);
        }
    }

    fn kept(&self, account: Name, period: i64) -> bool {
        self.keeps_past || self.books.contains_key(&(account, period))
    }

    /// A past calendar period is forgotten once nothing is held in it, unless the ledger keeps it.
    fn forget_past(&mut self) {
        if self.keeps_past {
            return;
        }
        let (newest, rolling) = (&self.newest, &self.rolling);
        self.books.retain(|(account, period), (_, reserved)| {
            rolling.contains(account) || *period == newest[account] || *reserved != 0
        });
    }

    fn advance(&mut self, line: &ModelLine) {
        if line.rolls {
            self.rolling.insert(line.account);
        }
        let newest = self.newest.entry(line.account).or_insert(line.period);
        // A level of a rolling account fires again once in each length of its window.
        if line.rolls && newest.div_euclid(SPAN - 1) < line.period.div_euclid(SPAN - 1) {
            self.fired.retain(|(account, _)| *account != line.account);
        }
        *newest = (*newest).max(line.period);
        let newest = *newest;
        self.fired.retain(|(account, period)| {
            line.rolls
                || self.keeps_past
                || *account != line.account
                || *period == newest
                || self.books.contains_key(&(*account, *period))
        });
        self.forget_past();
    }

    fn balance(&self, account: Name, period: i64) -> (i128, i128) {
        if !self.rolling.contains(&account) {
            return self.books.get(&(account, period)).copied().unwrap_or_default();
        }
        let Some(newest) = self.newest.get(&account) else { return (0, 0) };
        let window = self.books.range((account, newest - SPAN + 1)..=(account, *newest));
        window.fold((0, 0), |sum, (_, balance)| (sum.0 + balance.0, sum.1 + balance.1))
    }

    fn balances(&self, lines: &[ModelLine]) -> Vec<(i64, i64)> {
        let each = lines.iter().map(|line| self.balance(line.account, line.period));
        each.map(|(spent, reserved)| (narrow(spent), narrow(reserved))).collect()
    }

    /// After how many sub-periods the line has room, by trying one after the other.
    fn frees_in(&self, line: &ModelLine) -> Option<u32> {
        let newest = *self.newest.get(&line.account)?;
        let fits = |step: &i64| {
            let window =
                self.books.range((line.account, newest + step - SPAN + 1)..=(line.account, newest + step));
            let used: i128 = window.map(|(_, (spent, reserved))| spent + reserved).sum();
            used + i128::from(line.amount) <= i128::from(line.ceiling)
        };
        (1..=SPAN).find(fits).map(|steps| u32::try_from(steps).expect("at most the span"))
    }

    fn cross(&mut self, lines: &[ModelLine]) -> Vec<(Name, i64, i64)> {
        let mut crossed = Vec::new();
        for line in lines {
            let spent = self.balance(line.account, line.period).0;
            let counted = line.rolls
                || self.newest[&line.account] == line.period
                || self.kept(line.account, line.period);
            let key = (line.account, if line.rolls { 0 } else { line.period });
            if counted && spent >= i128::from(line.mark) && self.fired.insert(key) {
                crossed.push((line.account, line.period, narrow(spent)));
            }
        }
        crossed
    }

    fn frozen_of(&self, lines: &[ModelLine]) -> Vec<Name> {
        lines.iter().map(|line| line.account).filter(|account| self.frozen.contains_key(account)).collect()
    }

    fn answer(&mut self, outcome: Outcome) -> Answer {
        let expired = std::mem::take(&mut self.untold);
        Answer {
            outcome,
            repeated: false,
            unheld: false,
            replaced: None,
            balances: Vec::new(),
            frees: Vec::new(),
            frozen: Vec::new(),
            crossed: Vec::new(),
            expired,
        }
    }

    pub(crate) fn reserve(
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
        let mut frees = Vec::new();
        let mut refused = lines.iter().any(|line| self.frozen.contains_key(&line.account));
        for (at, (line, balance)) in lines.iter().zip(&balances).enumerate() {
            let used = i128::from(balance.0) + i128::from(balance.1) + i128::from(line.amount);
            if line.amount > 0 && used > i128::from(line.ceiling) {
                refused = true;
                let steps = if line.rolls { self.frees_in(line) } else { None };
                frees.extend(steps.map(|steps| (at, steps)));
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
            let crossed = self.cross(&known);
            let frozen = self.frozen_of(lines);
            return Ok(Answer { balances, frees, frozen, crossed, ..self.answer(Outcome::Refused) });
        }
        for line in lines {
            self.advance(line);
            self.add(line.account, line.period, 0, line.amount);
        }
        let crossed = self.cross(lines);
        Ok(Answer { balances, crossed, ..self.answer(Outcome::Applied) })
    }

    pub(crate) fn reconcile(
        &mut self,
        now: i64,
        id: u128,
        lines: &[ModelLine],
        rank: Rank,
    ) -> Result<Answer, ErrorKind> {
        self.tick(now);
        let amounts: Vec<i64> = lines.iter().map(|line| line.amount).collect();
        let known = self.known.get(&id).cloned();
        let mut unheld = known.as_ref().is_some_and(|known| known.unheld);
        match known.as_ref().map(|known| &known.state) {
            None | Some(State::Refused | State::Tombstone) => {
                unheld = true;
                self.post(id, State::Charged(rank), lines);
            }
            Some(State::Recorded) => return Err(ErrorKind::Conflict),
            Some(state) => {
                let known = known.as_ref().expect("has a state");
                if !same_lines(known, lines) {
                    return Err(ErrorKind::Conflict);
                }
                if let State::Charged(stands) = state {
                    if rank == *stands && amounts != known.amounts {
                        return Err(ErrorKind::Conflict);
                    }
                    if rank <= *stands {
                        let outcome = if rank == *stands { Outcome::Applied } else { Outcome::Ignored };
                        let balances = self.balances(lines);
                        let repeated = rank == *stands;
                        return Ok(Answer { repeated, unheld, balances, ..self.answer(outcome) });
                    }
                }
                self.end(id, State::Charged(rank), &amounts);
            }
        }
        let crossed = self.cross(lines);
        let replaced = match known.map(|known| known.state) {
            Some(State::Charged(rank)) => Some(rank),
            _ => None,
        };
        let balances = self.balances(lines);
        let answer = Answer { unheld, replaced, crossed, balances, ..self.answer(Outcome::Applied) };
        self.forget_past();
        Ok(answer)
    }

    /// Spends on lines that nothing was held for.
    fn post(&mut self, id: u128, state: State, lines: &[ModelLine]) {
        let amounts = lines.iter().map(|line| line.amount).collect();
        let refunded = vec![0; lines.len()];
        self.known.insert(id, Known { state, body: body(lines), amounts, refunded, unheld: true });
        for line in lines {
            self.advance(line);
            self.add(line.account, line.period, line.amount, 0);
        }
    }

    pub(crate) fn release(&mut self, now: i64, id: u128) -> Result<Answer, ErrorKind> {
        self.tick(now);
        let Some(known) = self.known.get(&id).cloned() else {
            let buried = Known {
                state: State::Tombstone,
                body: vec![],
                amounts: vec![],
                refunded: vec![],
                unheld: false,
            };
            self.known.insert(id, buried);
            return Ok(self.answer(Outcome::Applied));
        };
        match known.state {
            State::Held { .. } => {}
            State::Charged(rank) if rank < Rank::Reported => {}
            State::Released | State::Tombstone => {
                return Ok(Answer { repeated: true, ..self.answer(Outcome::Applied) });
            }
            State::Charged(_) | State::Refused | State::Recorded => return Err(ErrorKind::State),
        }
        self.end(id, State::Released, &vec![0; known.body.len()]);
        let balances = known.body.iter().map(|(account, period, _)| self.balance(*account, *period));
        let balances = balances.map(|(spent, reserved)| (narrow(spent), narrow(reserved))).collect();
        self.forget_past();
        Ok(Answer { balances, ..self.answer(Outcome::Applied) })
    }

    pub(crate) fn resize(
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
            let counted = line.rolls
                || self.newest[&line.account] == line.period
                || self.kept(line.account, line.period);
            let frozen = lines.iter().any(|line| self.frozen.contains_key(&line.account));
            if line.amount > *old && (frozen || !counted || used > i128::from(line.ceiling)) {
                let frozen = self.frozen_of(lines);
                return Ok(Answer { balances, frozen, ..self.answer(Outcome::Refused) });
            }
        }
        for (line, old) in lines.iter().zip(&known.amounts) {
            self.add(line.account, line.period, 0, line.amount - old);
        }
        let known = self.known.get_mut(&id).expect("known");
        known.amounts = lines.iter().map(|line| line.amount).collect();
        if let (State::Held { expires_at, .. }, Some(until)) = (&mut known.state, until) {
            *expires_at = until;
        }
        let crossed = self.cross(lines);
        self.forget_past();
        Ok(Answer { balances, crossed, ..self.answer(Outcome::Applied) })
    }

    pub(crate) fn record(
        &mut self,
        now: i64,
        id: u128,
        lines: &[ModelLine],
        corrects: Option<u128>,
    ) -> Result<Answer, ErrorKind> {
        self.tick(now);
        if let Some(known) = self.known.get(&id) {
            if known.state != State::Recorded || known.body != body(lines) {
                return Err(ErrorKind::Conflict);
            }
            return Ok(Answer {
                repeated: true,
                balances: self.balances(lines),
                ..self.answer(Outcome::Applied)
            });
        }
        let charge = corrects.and_then(|id| self.known.get(&id)).cloned();
        let charge = charge.filter(|known| matches!(known.state, State::Charged(_)));
        if lines.iter().any(|line| line.amount < 0) {
            if corrects.is_none() {
                return Err(ErrorKind::Invalid);
            }
            let Some(charge) = &charge else { return Err(ErrorKind::State) };
            if !same_lines(charge, lines) {
                return Err(ErrorKind::Conflict);
            }
            for (at, line) in lines.iter().enumerate() {
                let left = (charge.amounts[at] - charge.refunded[at]).max(0);
                if -line.amount > left {
                    return Err(ErrorKind::Invalid);
                }
            }
        }
        if let (Some(charge), Some(id)) = (charge, corrects)
            && same_lines(&charge, lines)
        {
            let refunded = &mut self.known.get_mut(&id).expect("known").refunded;
            for (sum, line) in refunded.iter_mut().zip(lines) {
                *sum = (*sum - line.amount).max(0);
            }
        }
        self.post(id, State::Recorded, lines);
        let crossed = self.cross(lines);
        Ok(Answer { crossed, balances: self.balances(lines), ..self.answer(Outcome::Applied) })
    }

    /// Freezes a scope or opens it; says whether that changed nothing.
    pub(crate) fn mark(&mut self, now: i64, scope: Name, action: MarkAction) -> Answer {
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
    pub(crate) fn read(&mut self, now: i64, line: &ModelLine) -> (i64, i64) {
        self.tick(now);
        if self.newest.contains_key(&line.account) && line.fresh {
            self.advance(line);
        }
        let (spent, reserved) = self.balance(line.account, line.period);
        (narrow(spent), narrow(reserved))
    }

    /// The latest instant it was told.
    pub(crate) fn now(&self) -> i64 {
        self.now
    }

    /// How many holds are open.
    pub(crate) fn open_holds(&self) -> usize {
        self.known.values().filter(|known| matches!(known.state, State::Held { .. })).count()
    }
}

fn body(lines: &[ModelLine]) -> Vec<(Name, i64, i64)> {
    lines.iter().map(|line| (line.account, line.period, line.amount)).collect()
}

fn same_lines(known: &Known, lines: &[ModelLine]) -> bool {
    let given = lines.iter().map(|line| (line.account, line.period));
    known.body.iter().map(|(account, period, _)| (*account, *period)).eq(given)
}

fn narrow(sum: i128) -> i64 {
    i64::try_from(sum).expect("the tests' figures are small")
}
