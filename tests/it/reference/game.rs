//! What is asked of ledger and model alike, and do they agree?

use std::time::Duration;

use token_budget::ledger::{MarkAction, MemoryOptions, OnExpiry, Outcome, Rank, Reply};
use token_budget::{Claim, Clock, Error, ErrorKind, Period, ReservationId, Timestamp};

use super::model::{Answer, Charge, Model, ModelLine, Name};
use super::random::Random;
use crate::books::{Books, always, claim, day, line, rolling, scope, with_marks};

/// Accounts 0 to 2 count by the day, 3 and 4 roll, 5 and 6 never end.
const ACCOUNTS: u64 = 7;

/// One ledger and its model, from empty books on.
pub(crate) struct Game {
    random: Random,
    books: Books,
    model: Model,
    /// Every id given out, with the lines it was first given with.
    ids: Vec<(ReservationId, Vec<ModelLine>)>,
    seen: Seen,
}

/// How often each answer came, to show that all were tested.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    applied: u64,
    refused: u64,
    stale: u64,
    ignored: u64,
    repeated: u64,
    unheld: u64,
    crossed: u64,
    expired: u64,
    conflicts: u64,
    states: u64,
    invalid: u64,
    frees: u64,
}

impl Game {
    pub(crate) fn new(mut random: Random) -> Self {
        let year = Duration::from_secs(366 * 86_400);
        let journal_entries_max = random.pick(&[0, 10, 100_000]);
        // The model never forgets, so the ledger is told to remember a game.
        let options = MemoryOptions { journal_entries_max, id_age_max: year, ..MemoryOptions::default() };
        let books = Books::with(options);
        let model = Model::new(books.ledger.keeps_past());
        Self { random, books, model, ids: Vec::new(), seen: Seen::default() }
    }

    /// One command to both; what differs is an error.
    pub(crate) fn play(&mut self) -> Result<(), String> {
        self.let_time_pass();
        match self.random.below(100) {
            0..40 => self.reserve(),
            40..68 => self.reconcile(),
            68..76 => self.release(),
            76..86 => self.resize(),
            86..94 => self.record(),
            94..96 => self.mark(),
            _ => self.read(),
        }?;
        let (open, expected) = (self.books.ledger.open_holds(), self.model.open_holds());
        if open != expected {
            return Err(format!("{open} holds are open, the model has {expected}"));
        }
        if self.random.percent(4) {
            self.books.ledger.verify().map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Ends everything, and compares what was spent in all.
    pub(crate) fn finish(&mut self) -> Result<(), String> {
        self.books.clock.set(Timestamp::MAX);
        let lines = [self.line_of(6, 0)];
        self.model.read(i64::MAX, &lines[0]);
        self.books.balances(&claim_of(&lines));
        let open = (self.books.ledger.open_holds(), self.model.open_holds());
        if open != (0, 0) {
            return Err(format!("at the end of time {open:?} holds are open"));
        }
        self.books.ledger.verify().map_err(|error| error.to_string())?;
        let entries = self.books.journal(&crate::books::root());
        let spent: i64 = entries.iter().flat_map(|entry| &entry.lines).map(|line| line.spent).sum();
        let whole = entries.first().is_some_and(|first| first.sequence == 1);
        if whole && i128::from(spent) != self.model.spent_for_ever {
            return Err(format!("the journal says {spent} spent, the model {}", self.model.spent_for_ever));
        }
        Ok(())
    }

    pub(crate) fn seen(&self) -> &Seen {
        &self.seen
    }

    fn now(&self) -> i64 {
        self.books.clock.now().as_nanos()
    }

    fn let_time_pass(&mut self) {
        const SECOND: u64 = 1_000_000_000;
        let nanos = match self.random.below(100) {
            0..50 => return,
            50..80 => self.random.below(5 * SECOND),
            80..92 => SECOND * self.random.below(60),
            92..97 => SECOND * self.random.below(400),
            97..99 => SECOND * self.random.below(2_500),
            // A machine's clock may be set back; the ledger's is not.
            _ => {
                let back = Duration::from_secs(self.random.below(100));
                let earlier = self.books.now() - back;
                self.books.clock.set(earlier.max(Timestamp::EPOCH));
                return;
            }
        };
        self.books.clock.advance(Duration::from_nanos(nanos));
    }

    fn line_of(&mut self, account: Name, periods_back: i64) -> ModelLine {
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

    /// Lines of one to six accounts, with amounts.
    fn some_lines(&mut self, past: u64) -> Vec<ModelLine> {
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

    fn some_amount(&mut self) -> i64 {
        if self.random.percent(12) { 0 } else { self.random.between(1, 30) }
    }

    /// An id given out before, rather a late one, with its lines as first given.
    fn known(&mut self) -> Option<(ReservationId, Vec<ModelLine>)> {
        let known = self.ids.len() as u64;
        let back = if self.random.percent(70) { known.min(12) } else { known };
        let place = known.checked_sub(1 + self.random.below(back.max(1)))?;
        Some(self.ids[place as usize].clone())
    }

    fn new_id(&mut self, lines: &[ModelLine]) -> ReservationId {
        let id = self.books.id();
        self.ids.push((id, lines.to_vec()));
        id
    }

    /// An id and lines: mostly those of an earlier command, sometimes with another body or never seen.
    fn earlier(&mut self, other_body: u64) -> (ReservationId, Vec<ModelLine>) {
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
    fn anew(&mut self, mut lines: Vec<ModelLine>) -> Vec<ModelLine> {
        for line in &mut lines {
            let of_now = self.line_of(line.account, 0);
            let fresh = line.period == of_now.period;
            // What was posted may have been a refund; other commands take no amount below zero.
            let amount = line.amount.abs();
            *line = ModelLine { ceiling: of_now.ceiling, mark: of_now.mark, fresh, amount, ..*line };
        }
        lines
    }

    fn reserve(&mut self) -> Result<(), String> {
        let (id, lines) = if self.random.percent(85) {
            let lines = self.some_lines(2);
            (self.new_id(&lines), lines)
        } else {
            self.earlier(20)
        };
        let life = Duration::from_secs(self.random.pick(&[0, 1, 10, 100, 700, 3_000]));
        let expires_at = self.books.now() + life;
        let amounts: Vec<i64> = lines.iter().map(|_| self.some_amount()).collect();
        let (on_expiry, charge) = match self.random.below(3) {
            0 => (OnExpiry::Nothing, Charge::Nothing),
            1 => (OnExpiry::Hold, Charge::Hold),
            _ => (OnExpiry::Amounts(&amounts), Charge::Amounts(amounts.clone())),
        };
        let told =
            self.books.reserve_until(id, &claim_of(&lines), &amounts_of(&lines), (expires_at, on_expiry));
        let expected = self.model.reserve(self.now(), id.to_bits(), &lines, (expires_at.as_nanos(), charge));
        self.compare(&format!("reserve {id} {lines:?} until {expires_at}"), told, expected)
    }

    fn reconcile(&mut self) -> Result<(), String> {
        let (id, mut lines) = self.earlier(4);
        if self.random.percent(60) {
            lines.iter_mut().for_each(|line| line.amount = self.random.between(0, 40));
        }
        let ranks = [Rank::Expired, Rank::Provisional, Rank::Estimated, Rank::Reported, Rank::Reported];
        let rank = self.random.pick(&ranks);
        let told = self.books.reconcile(id, &claim_of(&lines), &amounts_of(&lines), rank);
        let expected = self.model.reconcile(self.now(), id.to_bits(), &lines, rank);
        self.compare(&format!("reconcile {id} {lines:?} {rank:?}"), told, expected)
    }

    fn release(&mut self) -> Result<(), String> {
        let (id, _) = self.earlier(0);
        let told = self.books.release(id);
        let expected = self.model.release(self.now(), id.to_bits());
        self.compare(&format!("release {id}"), told, expected)
    }

    fn resize(&mut self) -> Result<(), String> {
        let (id, mut lines) = self.earlier(4);
        for line in &mut lines {
            line.amount = self.some_amount();
        }
        let life = Duration::from_secs(self.random.below(1_500));
        let until = self.random.percent(50).then(|| self.books.now() + life);
        let told = self.books.resize(id, &claim_of(&lines), &amounts_of(&lines), until);
        let expected = self.model.resize(self.now(), id.to_bits(), &lines, until.map(Timestamp::as_nanos));
        self.compare(&format!("resize {id} {lines:?} until {until:?}"), told, expected)
    }

    fn record(&mut self) -> Result<(), String> {
        let (charge, mut lines) = self.earlier(10);
        let repeat = self.random.percent(15);
        let refund = self.random.percent(70);
        if repeat {
            // Word for word, where the id was a posting's.
            let first = self.ids.iter().find(|(id, _)| *id == charge).map(|(_, lines)| lines.clone());
            lines = first.unwrap_or(lines);
        } else {
            for line in &mut lines {
                line.amount = if refund { -self.random.between(0, 12) } else { self.random.between(-1, 20) };
            }
        }
        let corrects = self.random.percent(95).then_some(charge);
        let id = if repeat { charge } else { self.new_id(&lines) };
        let told = self.books.record(id, &claim_of(&lines), &amounts_of(&lines), corrects);
        let expected =
            self.model.record(self.now(), id.to_bits(), &lines, corrects.map(ReservationId::to_bits));
        self.compare(&format!("record {id} {lines:?} for {corrects:?}"), told, expected)
    }

    fn mark(&mut self) -> Result<(), String> {
        let account = self.random.below(ACCOUNTS) as Name;
        let action = match self.random.below(10) {
            0..2 => MarkAction::Freeze,
            2 => MarkAction::Stop,
            3 => MarkAction::Close,
            _ => MarkAction::Reopen,
        };
        let told = self.books.mark(&scope("team", &account.to_string()), action, "a whim");
        let expected = self.model.mark(self.now(), account, action);
        self.compare(&format!("mark {account} {action:?}"), Ok(told), Ok(expected))
    }

    fn read(&mut self) -> Result<(), String> {
        for line in self.some_lines(20) {
            let told = self.books.balances(&claim_of(&[line]));
            let expected = self.model.read(self.now(), &line);
            if told != [expected] {
                return Err(format!("balance of {line:?}: {told:?}, the model says {expected:?}"));
            }
        }
        Ok(())
    }

    fn compare(
        &mut self,
        command: &str,
        told: Result<Reply, Error>,
        expected: Result<Answer, ErrorKind>,
    ) -> Result<(), String> {
        let told = told.map(|reply| answer_of(&reply)).map_err(|error| error.kind());
        self.seen.count(&told);
        if told == expected {
            return Ok(());
        }
        Err(format!("{command}\n  ledger: {told:?}\n   model: {expected:?}"))
    }
}

fn period_of(line: &ModelLine) -> Period {
    match line.account {
        0..3 => day(line.period),
        3..5 => rolling(line.period),
        _ => always(),
    }
}

fn claim_of(lines: &[ModelLine]) -> Claim {
    let each = lines.iter().map(|each| {
        let line = line(&format!("team/{}", each.account), period_of(each), each.ceiling);
        with_marks(line, &[(each.mark, 0)])
    });
    claim(each.collect())
}

fn amounts_of(lines: &[ModelLine]) -> Vec<i64> {
    lines.iter().map(|line| line.amount).collect()
}

fn answer_of(reply: &Reply) -> Answer {
    let news = reply.news.as_deref();
    let crossed = news.map(|news| news.crossed.as_slice()).unwrap_or_default();
    let expired = news.map(|news| news.expired.as_slice()).unwrap_or_default();
    let frozen = news.map(|news| news.frozen.as_slice()).unwrap_or_default();
    let frees = news.map(|news| news.frees.as_slice()).unwrap_or_default();
    let name = |account: &token_budget::Account| account.scope().name().parse().expect("a number");
    Answer {
        outcome: reply.outcome,
        repeated: reply.repeated,
        unheld: reply.unheld,
        replaced: reply.replaced,
        balances: reply.balances.iter().map(|it| (it.spent, it.reserved)).collect(),
        frees: frees.iter().map(|it| (it.line, it.periods)).collect(),
        frozen: frozen.iter().map(|it| it.scope.name().parse().expect("a number")).collect(),
        crossed: crossed.iter().map(|it| (name(&it.account), it.period, it.spent)).collect(),
        expired: expired.iter().map(|it| it.id.to_bits()).collect(),
    }
}

impl Seen {
    fn count(&mut self, told: &Result<Answer, ErrorKind>) {
        match told {
            Ok(answer) => {
                match answer.outcome {
                    Outcome::Applied => self.applied += 1,
                    Outcome::Refused => self.refused += 1,
                    Outcome::Stale => self.stale += 1,
                    Outcome::Ignored => self.ignored += 1,
                }
                self.repeated += u64::from(answer.repeated);
                self.unheld += u64::from(answer.unheld);
                self.crossed += answer.crossed.len() as u64;
                self.expired += answer.expired.len() as u64;
                self.frees += answer.frees.len() as u64;
            }
            Err(ErrorKind::Conflict) => self.conflicts += 1,
            Err(ErrorKind::State) => self.states += 1,
            Err(_) => self.invalid += 1,
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.applied += other.applied;
        self.refused += other.refused;
        self.stale += other.stale;
        self.ignored += other.ignored;
        self.repeated += other.repeated;
        self.unheld += other.unheld;
        self.crossed += other.crossed;
        self.expired += other.expired;
        self.conflicts += other.conflicts;
        self.states += other.states;
        self.invalid += other.invalid;
        self.frees += other.frees;
    }

    /// A test that never saw a refusal has not tested refusing.
    pub(crate) fn check_that_all_happened(&self) {
        let counts = [
            self.applied,
            self.refused,
            self.stale,
            self.ignored,
            self.repeated,
            self.unheld,
            self.crossed,
            self.expired,
            self.conflicts,
            self.states,
            self.invalid,
            self.frees,
        ];
        assert!(counts.iter().all(|count| *count > 0), "something never happened: {self:?}");
    }
}
