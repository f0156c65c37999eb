//! What is asked of ledger and model alike, and do they agree?

use std::time::Duration;

use super::model::{Answer, Charge, Model, ModelLine, Name};
use super::seen::Seen;
use crate::ledger::{MarkAction, OnExpiry, Rank, Reply};
use crate::testing::conformance::books::Books;
use crate::testing::conformance::claims::{always, claim_in, day, line_in, rolling, scope, with_marks};
use crate::testing::conformance::why::{Held, Why};
use crate::testing::dice::Dice;
use crate::{Account, Claim, Error, ErrorKind, Period, ReservationId, Timestamp};

/// Every ledger remembers what ended within an hour; clocks are set back by less than the rest of it.
const REMEMBERED: Duration = Duration::from_secs(3_000);

/// Accounts 0 to 2 count by the day, 3 and 4 roll, 5 and 6 never end.
const ACCOUNTS: u64 = 7;

/// One root's books and their model, from empty books on.
pub(super) struct Game {
    random: Dice,
    books: Books,
    model: Model,
    /// Every id given out, with the lines it was first given with.
    ids: Vec<(ReservationId, Vec<ModelLine>)>,
    pub(super) seen: Seen,
    /// How many first answers were lost when the last command came back.
    unheard: u64,
    /// An answer that was lost may have told of expiries, so that the next one does not.
    expiries_in_doubt: bool,
}

impl Game {
    pub(super) fn new(random: Dice, books: Books, keeps_past: bool) -> Self {
        let (model, ids, seen) = (Model::new(keeps_past), Vec::new(), Seen::default());
        Self { random, books, model, ids, seen, unheard: 0, expiries_in_doubt: false }
    }

    /// One command to both; what differs is an error.
    pub(super) fn play(&mut self) -> Held {
        match self.random.below(100) {
            0..40 => self.reserve(),
            40..68 => self.reconcile(),
            68..76 => self.release(),
            76..86 => self.resize(),
            86..94 => self.record(),
            94..96 => self.mark(),
            _ => self.read(),
        }?;
        if self.random.percent(1) { self.books.verify() } else { Ok(()) }
    }

    /// Kills the process that keeps the books, now and then.
    pub(super) fn crash_by_chance(self) -> Held<Self> {
        let mut random = self.random.clone();
        if random.percent(98) {
            return Ok(Self { random, ..self });
        }
        let books = self.books.crash()?;
        // What the last handle had found and not told is lost with it.
        Ok(Self { random, books, expiries_in_doubt: true, ..self })
    }

    /// How many holds should be open; none where a command sent again may have ended one that the model still holds.
    pub(super) fn open_holds(&self) -> Option<usize> {
        let is_certain = !self.expiries_in_doubt && self.books.unheard() == self.unheard;
        is_certain.then(|| self.model.open_holds())
    }

    /// Ends everything, and compares what was spent in all.
    pub(super) fn finish(&mut self) -> Held {
        self.books.set(Timestamp::MAX)?;
        let line = self.line_of(6, 0);
        self.model.read(i64::MAX, &line);
        self.books.balances(&self.claim_of(&[line]))?;
        self.books.verify()?;
        let entries = self.books.journal()?;
        let spent = entries.iter().flat_map(|entry| &entry.lines).map(|line| i128::from(line.spent)).sum();
        let whole = entries.first().is_some_and(|first| first.sequence == 1);
        if whole && self.model.spent_for_ever != spent {
            return Err(Why::new(format!(
                "the journal says {spent} spent, the model {}",
                self.model.spent_for_ever
            )));
        }
        Ok(())
    }

    fn now(&self) -> i64 {
        self.books.now().as_nanos()
    }

    /// Moves the clock, mostly a little; where it is this game's alone, sometimes back.
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

    /// An id given out before, rather a late one, with its lines as first given; none that may be forgotten.
    fn known(&mut self) -> Option<(ReservationId, Vec<ModelLine>)> {
        let known = self.ids.len() as u64;
        let back = if self.random.percent(70) { known.min(12) } else { known };
        let place = known.checked_sub(1 + self.random.below(back.max(1)))?;
        let known = self.ids.get(usize::try_from(place).ok()?).cloned();
        let latest = self.books.now().max(Timestamp::from_nanos(self.model.now()));
        known.filter(|(id, _)| latest.since(id.time()) <= REMEMBERED)
    }

    fn new_id(&mut self, lines: &[ModelLine]) -> ReservationId {
        // Of the game's own making, so that the same seed shows the same ids.
        let millis = u128::try_from(self.books.now().as_millis().max(0)).unwrap_or(0);
        let id = ReservationId::from_bits(millis.wrapping_shl(80) | self.ids.len() as u128);
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

    fn reserve(&mut self) -> Held {
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
        let told = self.books.reserve_until(
            id,
            &self.claim_of(&lines),
            &amounts_of(&lines),
            (expires_at, on_expiry),
        );
        let expected = self.model.reserve(self.now(), id.to_bits(), &lines, (expires_at.as_nanos(), charge));
        self.compare(&format!("reserve {id} {} until {expires_at}", shown(&lines)), told, expected)
    }

    fn reconcile(&mut self) -> Held {
        let (id, mut lines) = self.earlier(4);
        if self.random.percent(60) {
            lines.iter_mut().for_each(|line| line.amount = self.random.between(0, 40));
        }
        let ranks = [Rank::Expired, Rank::Provisional, Rank::Estimated, Rank::Reported, Rank::Reported];
        let rank = ranks.get(self.random.size(0, 4)).copied().unwrap_or(Rank::Reported);
        let told = self.books.reconcile(id, &self.claim_of(&lines), &amounts_of(&lines), rank);
        let expected = self.model.reconcile(self.now(), id.to_bits(), &lines, rank);
        self.compare(&format!("reconcile {id} {} {rank:?}", shown(&lines)), told, expected)
    }

    fn release(&mut self) -> Held {
        let (id, _) = self.earlier(0);
        let told = self.books.release(id);
        let expected = self.model.release(self.now(), id.to_bits());
        self.compare(&format!("release {id}"), told, expected)
    }

    fn resize(&mut self) -> Held {
        let (id, mut lines) = self.earlier(4);
        for line in &mut lines {
            line.amount = self.some_amount();
        }
        let life = Duration::from_secs(self.random.below(1_500));
        let until = self.random.percent(50).then(|| self.books.now() + life);
        let told = self.books.resize(id, &self.claim_of(&lines), &amounts_of(&lines), until);
        let expected = self.model.resize(self.now(), id.to_bits(), &lines, until.map(Timestamp::as_nanos));
        self.compare(&format!("resize {id} {} until {until:?}", shown(&lines)), told, expected)
    }

    fn record(&mut self) -> Held {
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
        let told = self.books.record(id, &self.claim_of(&lines), &amounts_of(&lines), corrects);
        let expected =
            self.model.record(self.now(), id.to_bits(), &lines, corrects.map(ReservationId::to_bits));
        self.compare(&format!("record {id} {} for {corrects:?}", shown(&lines)), told, expected)
    }

    fn mark(&mut self) -> Held {
        let account = self.random.below(ACCOUNTS) as Name;
        let action = match self.random.below(10) {
            0..2 => MarkAction::Freeze,
            2 => MarkAction::Stop,
            3 => MarkAction::Close,
            _ => MarkAction::Reopen,
        };
        let told = self.books.mark(&scope("team", &account.to_string()), action, "a whim");
        let expected = self.model.mark(self.now(), account, action);
        self.compare(&format!("mark {account} {action:?}"), told, Ok(expected))
    }

    fn read(&mut self) -> Held {
        for line in self.some_lines(20) {
            let told = self.books.balances(&self.claim_of(&[line]))?;
            let expected = self.model.read(self.now(), &line);
            if told != [expected] {
                return Err(Why::new(format!(
                    "balance of {}: {told:?}, the model says {expected:?}",
                    shown(&[line])
                )));
            }
        }
        Ok(())
    }

    fn compare(
        &mut self,
        command: &str,
        told: Result<Reply, Error>,
        expected: Result<Answer, ErrorKind>,
    ) -> Held {
        let (at, unheard) = (self.books.now(), self.books.unheard());
        let first_hand = std::mem::replace(&mut self.unheard, unheard) == unheard;
        self.expiries_in_doubt |= !first_hand;
        if let Err(error) = &told
            && error.kind() == ErrorKind::Unsupported
        {
            return Err(Why::unsupported(error));
        }
        let told = told.map(|reply| answer_of(&reply)).map_err(|error| error.kind());
        self.seen.count(&told);
        let agree = match (&told, &expected) {
            (Ok(told), Ok(expected)) if !first_hand => told.is_retold(expected),
            // A resize bears no id of its own: sent again, it may find the hold that it cut short ended.
            (Err(ErrorKind::State), Ok(_)) if !first_hand && command.starts_with("resize") => true,
            (Ok(told), Ok(expected)) if self.expiries_in_doubt => {
                told.clone().without_expiries() == expected.clone().without_expiries()
            }
            (told, expected) => told == expected,
        };
        if first_hand && told.is_ok() {
            self.expiries_in_doubt = false;
        }
        if agree {
            return Ok(());
        }
        Err(Why::new(format!("at {at}: {command}\n  ledger: {told:?}\n   model: {expected:?}")))
    }

    fn claim_of(&self, lines: &[ModelLine]) -> Claim {
        let root = &self.books.root;
        let each = lines.iter().map(|each| {
            let line = line_in(root, &format!("team/{}", each.account), period_of(each), each.ceiling);
            with_marks(line, &[(each.mark, 0)])
        });
        claim_in(root, each.collect())
    }
}

fn period_of(line: &ModelLine) -> Period {
    match line.account {
        0..3 => day(line.period),
        3..5 => rolling(line.period),
        _ => always(),
    }
}

/// The lines as a person reads them: account, period, amount, ceiling.
fn shown(lines: &[ModelLine]) -> String {
    let one = |line: &ModelLine| {
        let ModelLine { account, period, amount, ceiling, .. } = line;
        let ceiling = if *ceiling == i64::MAX { "any".to_owned() } else { ceiling.to_string() };
        format!("{account}@{period}: {amount} of {ceiling}")
    };
    format!("[{}]", lines.iter().map(one).collect::<Vec<_>>().join(", "))
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
    let number = |name: &str| name.parse().unwrap_or(Name::MAX);
    let name = |account: &Account| number(account.scope().name());
    Answer {
        outcome: reply.outcome,
        repeated: reply.repeated,
        unheld: reply.unheld,
        replaced: reply.replaced,
        balances: reply.balances.iter().map(|it| (it.spent, it.reserved)).collect(),
        frees: frees.iter().map(|it| (it.line, it.periods)).collect(),
        frozen: frozen.iter().map(|it| number(it.scope.name())).collect(),
        crossed: crossed.iter().map(|it| (name(&it.account), it.period, it.spent)).collect(),
        expired: expired.iter().map(|it| it.id.to_bits()).collect(),
    }
}
