//! What is asked of ledger and model alike, and do they agree?
//!
//! Comparing is simple on a good wire: both answers must be equal. Over a faulty wire a
//! reply may be a repeat of one that was lost. Then only the outcome can be compared, and
//! until the next first-hand reply nobody knows who was told of expiries and thresholds;
//! `expired_in_doubt` and `reached_in_doubt` say so. Without this care the game would
//! report the wire's faults as the ledger's. What is asked stands in `ask`.

use std::collections::BTreeSet;

use super::answer::{Answer, Fired, Name};
use super::known::{IdState, ModelLine, period_of};
use super::model::Model;
use super::seen::Seen;
use crate::ledger::Reply;
use crate::testing::conformance::books::Books;
use crate::testing::conformance::claims::{claim_in, line_in, with_thresholds};
use crate::testing::conformance::need::LeftOut;
use crate::testing::conformance::need::Need;
use crate::testing::conformance::why::{Held, Why};
use crate::testing::dice::Dice;
use crate::values::{Account, Claim, ReservationId, Timestamp};
use crate::{Error, ErrorKind};

/// The books of one tenant and their model, from empty books on.
pub(super) struct Game {
    pub(super) random: Dice,
    pub(super) books: Books,
    pub(super) model: Model,
    /// The newest ids given out.
    pub(super) ids: Vec<Given>,
    /// The newest imported rows, and when they were used.
    pub(super) told: Vec<(Given, Timestamp)>,
    /// How many ids were given out.
    pub(super) given: u64,
    /// Ids that were refused. Who remembers that is the process that did it.
    pub(super) refused: BTreeSet<u128>,
    pub(super) seen: Seen,
    /// How many commands were sent.
    pub(super) played: u64,
    /// What the ledger leaves out, as it said before the game or at the first command of its kind.
    pub(super) left_out: LeftOut,
    /// A wire may lose answers and bring copies late.
    pub(super) over_a_wire: bool,
    /// A second handle on the same books, with the expiries that it found and has not told.
    pub(super) there: Option<(Books, Vec<u128>)>,
    /// How many nanoseconds the clock of the present handle is ahead of the game's, or behind it.
    pub(super) ahead: i64,
    /// How many first answers were lost when the last command came back.
    pub(super) unheard: u64,
    /// An answer that was lost may have told of expiries, so that the next one does not.
    pub(super) expired_in_doubt: bool,
    /// An answer that was lost may have told of a threshold, also one that only a late copy carried. A
    /// threshold fires once, so nobody tells of it again.
    pub(super) reached_in_doubt: bool,
}

/// An id that was given out, with the lines it was first given with, and when, by the ledger's time.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) id: ReservationId,
    pub(super) lines: Vec<ModelLine>,
    pub(super) at: Timestamp,
}

/// What kind of ledger a game is played with.
pub(super) struct Table {
    pub(super) left_out: LeftOut,
    /// The balance of a calendar period that is over stays readable.
    pub(super) keeps_past: bool,
    pub(super) over_a_wire: bool,
}

impl Game {
    pub(super) fn new(random: Dice, books: Books, table: Table) -> Self {
        let Table { left_out, keeps_past, over_a_wire } = table;
        Self {
            random,
            books,
            model: Model::new(keeps_past),
            ids: Vec::new(),
            told: Vec::new(),
            given: 0,
            refused: BTreeSet::new(),
            seen: Seen::default(),
            played: 0,
            left_out,
            over_a_wire,
            there: None,
            ahead: 0,
            unheard: 0,
            expired_in_doubt: false,
            reached_in_doubt: false,
        }
    }

    /// Whether the ledger offers this.
    pub(super) fn offers(&self, need: Need) -> bool {
        self.left_out.text(need).is_none()
    }

    /// Notes a command that is over, and looks at the whole now and then: seldom as the books grow.
    pub(super) fn played(&mut self) -> Held {
        self.played += 1;
        if self.played.is_multiple_of(if self.played < 2_000 { 50 } else { 500 }) {
            self.compare_journals()?;
        }
        if self.random.below(100 + self.played / 10) == 0 { self.books.verify() } else { Ok(()) }
    }

    /// How many holds should be open. `None` while a command that was sent again may have
    /// ended one that the model still holds.
    pub(super) fn open_holds(&self) -> Option<usize> {
        let heard_all = !self.expired_in_doubt && self.books.unheard() == self.unheard;
        // A copy that came after its command, and changed nothing else, ends what is due as any command does.
        let now = self.now().max(self.model.now());
        let is_certain = heard_all && !self.model.has_due(now);
        is_certain.then(|| self.model.open_holds())
    }

    /// Moves the clock to the end of time, so that everything expires, and compares what
    /// the journal says was spent in all.
    pub(super) fn finish(&mut self) -> Held {
        self.books.set(Timestamp::MAX)?;
        self.compare_journals()?;
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

    /// Compares what both journals tell since the last time. Over a wire, a copy may have found an expiry or a threshold
    /// before the model did.
    fn compare_journals(&mut self) -> Held {
        // Reading a journal ends nothing, reading a balance does.
        let line = self.line_of(6, 0);
        self.model.read(self.now(), &line);
        self.books.balances(&self.claim_of(&[line]))?;
        if self.over_a_wire {
            self.model.journal.drop_all();
            return Ok(());
        }
        let kept = self.books.ledger.capabilities().journal_entries;
        let written = self.books.entries(&self.books.tenant, self.model.journal.next(), usize::MAX)?;
        let compared = self.model.journal.compare(&written, kept);
        compared.map_err(|difference| Why::new(format!("the journals differ: {difference}")))
    }

    /// Remembers that the ledger does not offer commands of this kind: they are dealt no more.
    pub(super) fn leave_out(&mut self, need: Need, error: &Error) {
        self.left_out = self.left_out.with(need, error);
    }

    /// Compares an answer with the model's, as far as it can be compared.
    pub(super) fn compare(
        &mut self,
        command: &str,
        told: Result<Reply, Error>,
        expected: Result<Answer, ErrorKind>,
    ) -> Held {
        let (at, unheard) = (self.books.now(), self.books.unheard());
        let first_hand = std::mem::replace(&mut self.unheard, unheard) == unheard;
        self.expired_in_doubt |= !first_hand;
        self.reached_in_doubt |= !first_hand;
        if let Err(error) = &told
            && error.kind() == ErrorKind::Unsupported
        {
            return Err(Why::unsupported(error));
        }
        if let Err(error) = &told
            && let Some(said) = error.ledger_time()
            && first_hand
            && said.as_nanos() != self.model.now()
        {
            let text =
                format!("at {at}: {command}\n  ledger: {error}, at {said}\n   model: {}", self.model.now());
            return Err(Why::new(text));
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
            self.expired_in_doubt = false;
        }
        if agree {
            return Ok(());
        }
        Err(Why::new(format!("at {at}: {command}\n  ledger: {told:?}\n   model: {expected:?}")))
    }

    /// What of an answer nobody else can have been told before.
    fn sure_of(&self, answer: &Answer) -> Answer {
        let mut sure = answer.clone();
        if self.expired_in_doubt {
            sure.expired.clear();
        }
        if self.reached_in_doubt {
            sure.reached.clear();
        }
        sure
    }

    /// Notes whether the model refused this id.
    pub(super) fn note_refused(&mut self, id: ReservationId) {
        let id = id.to_bits();
        if let Some(IdState::Refused { .. }) = self.model.known.get(&id).map(|known| &known.state) {
            self.refused.insert(id);
        }
        if self.refused.len() > 1_000 {
            let ids = &self.ids;
            self.refused.retain(|id| ids.iter().any(|given| given.id.to_bits() == *id));
        }
    }

    /// The claim that the ledger is sent for these lines.
    pub(super) fn claim_of(&self, lines: &[ModelLine]) -> Claim {
        let tenant = &self.books.tenant;
        let each = lines.iter().map(|each| {
            let line = line_in(tenant, &format!("team/{}", each.account), period_of(each), each.ceiling);
            with_thresholds(line, &each.thresholds.iter().copied().flatten().collect::<Vec<_>>())
        });
        claim_in(tenant, each.collect())
    }
}

pub(super) fn amounts_of(lines: &[ModelLine]) -> Vec<i64> {
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
        now: reply.now.as_nanos(),
        repeated: reply.repeated,
        unheld: reply.unheld,
        replaced: reply.replaced,
        balances: reply.balances.iter().map(|it| (it.spent, it.reserved)).collect(),
        frees_up: frees_up.iter().map(|it| (it.line, it.periods)).collect(),
        frozen: frozen.iter().map(|it| (number(it.scope.name()), it.action)).collect(),
        reached: reached
            .iter()
            .map(|it| Fired {
                account: name(&it.account),
                period: it.period,
                tier: it.tier,
                at: it.at,
                spent: it.spent,
            })
            .collect(),
        expired: expired.iter().map(|it| it.id.to_bits()).collect(),
    }
}
