//! What is asked of ledger and model alike, and do they agree?
//!
//! Comparing is simple on a good wire: both answers must be equal. Over a faulty wire a
//! reply may be a repeat of one that was lost. Then only the outcome can be compared, and
//! until the next first-hand reply nobody knows who was told of expiries and thresholds;
//! `expiries_in_doubt` and `levels_in_doubt` say so. Without this care the game would
//! report the wire's faults as the ledger's.

use std::time::Duration;

use super::answer::{Answer, Name};
use super::model::{ACCOUNTS, Charge, Model, ModelLine, period_of, shown};
use super::seen::Seen;
use crate::ledger::{Certainty, MarkAction, OnExpiry, Reply};
use crate::testing::conformance::books::Books;
use crate::testing::conformance::claims::{claim_in, line_in, scope, with_thresholds};
use crate::testing::conformance::why::{Held, Why};
use crate::testing::dice::Dice;
use crate::values::{Account, Claim, ReservationId, Timestamp};
use crate::{Error, ErrorKind};

/// The books of one tenant and their model, from empty books on.
pub(super) struct Game {
    pub(super) random: Dice,
    pub(super) books: Books,
    pub(super) model: Model,
    /// Every id given out, with the lines it was first given with.
    pub(super) ids: Vec<(ReservationId, Vec<ModelLine>)>,
    pub(super) seen: Seen,
    /// How many first answers were lost when the last command came back.
    pub(super) unheard: u64,
    /// An answer that was lost may have told of expiries, so that the next one does not.
    pub(super) expiries_in_doubt: bool,
    /// An answer that was lost may have told of a threshold, also one that only a late copy carried. A
    /// threshold fires once, so nobody tells of it again.
    pub(super) levels_in_doubt: bool,
}

impl Game {
    pub(super) fn new(random: Dice, books: Books, keeps_past: bool) -> Self {
        let (model, ids, seen) = (Model::new(keeps_past), Vec::new(), Seen::default());
        Self { random, books, model, ids, seen, unheard: 0, expiries_in_doubt: false, levels_in_doubt: false }
    }

    /// Sends one command to both; a difference is an error. The odds favour reserves and
    /// reconciles, as real traffic does.
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

    /// Kills the process that keeps the books, after two commands of a hundred, and opens
    /// the books again.
    pub(super) fn crash_by_chance(self) -> Held<Self> {
        let mut random = self.random.clone();
        if random.percent(98) {
            return Ok(Self { random, ..self });
        }
        let books = self.books.crash()?;
        // What the last handle had found and not told is lost with it.
        let mut game = Self { random, books, expiries_in_doubt: true, ..self };
        // So is an instant that it told and had no reason to keep: a machine that comes back shows a later one.
        let told = Timestamp::from_nanos(game.model.now());
        game.books.set(game.books.now().max(told))?;
        game.reserve()?;
        Ok(game)
    }

    /// How many holds should be open. `None` while a command that was sent again may have
    /// ended one that the model still holds.
    pub(super) fn open_holds(&self) -> Option<usize> {
        let heard_all = !self.expiries_in_doubt && self.books.unheard() == self.unheard;
        // A copy that came after its command, and changed nothing else, ends what is due as any command does.
        let now = self.now().max(self.model.now());
        let is_certain = heard_all && !self.model.has_due(now);
        is_certain.then(|| self.model.open_holds())
    }

    /// Moves the clock to the end of time, so that everything expires, and compares what
    /// the journal says was spent in all.
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

    /// A new call in 85 of 100; else a retry, or an old id with another body.
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

    /// Any rank on any earlier id, also on ended ones: most of the answers are not
    /// "applied".
    fn reconcile(&mut self) -> Held {
        let (id, mut lines) = self.earlier(4);
        if self.random.percent(60) {
            lines.iter_mut().for_each(|line| line.amount = self.random.between(0, 40));
        }
        let ranks = [
            Certainty::Expired,
            Certainty::Provisional,
            Certainty::Estimated,
            Certainty::Reported,
            Certainty::Reported,
        ];
        let certainty = ranks.get(self.random.size(0, 4)).copied().unwrap_or(Certainty::Reported);
        let told = self.books.reconcile(id, &self.claim_of(&lines), &amounts_of(&lines), certainty);
        let expected = self.model.reconcile(self.now(), id.to_bits(), &lines, certainty);
        self.compare(&format!("reconcile {id} {} {certainty:?}", shown(&lines)), told, expected)
    }

    /// Releases an earlier id, or one never seen, which leaves a tombstone.
    fn release(&mut self) -> Held {
        let (id, _) = self.earlier(0);
        let told = self.books.release(id);
        let expected = self.model.release(self.now(), id.to_bits());
        self.compare(&format!("release {id}"), told, expected)
    }

    /// Other amounts, and in half of the cases another deadline.
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

    /// An import, a refund, or a posting sent again word for word.
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

    /// Marks and opens a scope; opening comes more often, so that most calls can pass.
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

    /// Reads balances, which must equal the model's exactly.
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

    /// Compares an answer with the model's, as far as it can be compared.
    fn compare(
        &mut self,
        command: &str,
        told: Result<Reply, Error>,
        expected: Result<Answer, ErrorKind>,
    ) -> Held {
        let (at, unheard) = (self.books.now(), self.books.unheard());
        let first_hand = std::mem::replace(&mut self.unheard, unheard) == unheard;
        self.expiries_in_doubt |= !first_hand;
        self.levels_in_doubt |= !first_hand;
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
            (Ok(told), Ok(expected)) => self.sure_of(expected).is_met_by(&self.sure_of(told), command),
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

    /// What of an answer nobody else can have been told before.
    fn sure_of(&self, answer: &Answer) -> Answer {
        let mut sure = answer.clone();
        if self.expiries_in_doubt {
            sure.expired.clear();
        }
        if self.levels_in_doubt {
            sure.reached.clear();
        }
        sure
    }

    /// The claim that the ledger is sent for these lines.
    fn claim_of(&self, lines: &[ModelLine]) -> Claim {
        let tenant = &self.books.tenant;
        let each = lines.iter().map(|each| {
            let line = line_in(tenant, &format!("team/{}", each.account), period_of(each), each.ceiling);
            with_thresholds(line, &[(each.mark, 0)])
        });
        claim_in(tenant, each.collect())
    }
}

fn amounts_of(lines: &[ModelLine]) -> Vec<i64> {
    lines.iter().map(|line| line.amount).collect()
}

/// A ledger's reply in the model's terms. A name that is not the game's becomes the
/// largest number, which no model answer has.
fn answer_of(reply: &Reply) -> Answer {
    let effects = reply.effects.as_deref();
    let reached = effects.map(|effects| effects.reached.as_slice()).unwrap_or_default();
    let expired = effects.map(|effects| effects.expired.as_slice()).unwrap_or_default();
    let frozen = effects.map(|effects| effects.frozen.as_slice()).unwrap_or_default();
    let frees_up = effects.map(|effects| effects.frees_up.as_slice()).unwrap_or_default();
    let number = |name: &str| name.parse().unwrap_or(Name::MAX);
    let name = |account: &Account| number(account.scope().name());
    Answer {
        outcome: reply.outcome,
        repeated: reply.repeated,
        unheld: reply.unheld,
        replaced: reply.replaced,
        balances: reply.balances.iter().map(|it| (it.spent, it.reserved)).collect(),
        frees_up: frees_up.iter().map(|it| (it.line, it.periods)).collect(),
        frozen: frozen.iter().map(|it| number(it.scope.name())).collect(),
        reached: reached.iter().map(|it| (name(&it.account), it.period, it.spent)).collect(),
        expired: expired.iter().map(|it| it.id.to_bits()).collect(),
    }
}
