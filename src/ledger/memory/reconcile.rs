//! What was really used? The path of a call: one pass that charges it, and takes it back where something was not plain.
//!
//! A line is plain where the claim's hint leads to the very row that is held, in its present period, and no sum can fail
//! to fit. All lines are charged, and what was wrong about any of them is gathered in one word, which is looked at once at
//! the end. If it is not zero (a window ended meanwhile, the claim is another, an amount is below zero), every line is taken
//! back, and `end` answers from the beginning.

use smallvec::SmallVec;

use super::book::TenantBook;
use super::call::{INLINE, NONE, RecordLine};
use super::chunks::Chunks;
use super::index::Found;
use super::journal::ToldKind;
use super::reserve::LINES_MAX;
use super::row::Row;
use crate::ledger::rules::{State, check_shape};
use crate::ledger::{Answer, Outcome, Reconcile, Reply};
use crate::values::Balance;
use crate::values::claim::HotLine;

/// What one pass over the lines came to.
struct Pass {
    /// Zero where every line was plain.
    wrong: u64,
    /// Spent money is at or above a threshold somewhere.
    reached: bool,
}

impl TenantBook {
    /// Answers a reconcile.
    #[inline]
    pub(super) fn reconcile(&mut self, command: &Reconcile<'_>) -> Answer<'static, Reply> {
        let lines = command.claim.hot.len();
        let place = match self.calls.find(&self.calls.key(command.id)) {
            Found::At(place) if self.is_plain_hold(place, command) => place,
            _ => return self.reconcile_slowly(command),
        };
        let mut balances = [Balance::default(); LINES_MAX];
        let pass = self.charge(place, command, &mut balances);
        if pass.wrong != 0 {
            self.uncharge(place, command.amounts);
            return self.reconcile_slowly(command);
        }
        self.conclude(place, command, pass.reached);
        let balances = SmallVec::from_buf_and_len(balances, lines);
        Answer::Now(Ok(self.reply(Outcome::Applied, balances)))
    }

    /// Whether one pass can charge it, as far as that is known before it.
    #[inline]
    fn is_plain_hold(&self, place: u32, command: &Reconcile<'_>) -> bool {
        let lines = command.claim.hot.len();
        let record = self.calls.get(place);
        lines <= LINES_MAX
            && lines == command.amounts.len()
            && lines == usize::from(record.len)
            && record.state == State::Held
            && record.can_tell(command)
    }

    /// Charges every line, right or wrong.
    #[inline]
    fn charge(&mut self, place: u32, command: &Reconcile<'_>, balances: &mut [Balance; LINES_MAX]) -> Pass {
        let (lines, amounts) = (&*command.claim.hot, command.amounts);
        let (first, second) = balances.split_at_mut(INLINE);
        let mut pass = Pass { wrong: 0, reached: false };
        let record = self.calls.records.get_mut(place);
        let more = record.more;
        pass.charge(&mut self.rows.rows, lines, amounts, &mut record.lines, first);
        if let (Some(lines), Some(amounts)) = (lines.get(INLINE..), amounts.get(INLINE..))
            && more != NONE
        {
            let record = self.calls.records.get_mut(more);
            pass.charge(&mut self.rows.rows, lines, amounts, &mut record.lines, second);
        }
        pass
    }

    /// Undoes a [`charge`](Self::charge).
    #[cold]
    fn uncharge(&mut self, place: u32, amounts: &[i64]) {
        for (line, amount) in self.lines(place).iter().zip(amounts) {
            self.rows.rows.get_mut(line.row).uncharge(line.held, *amount);
        }
        self.change_lines(place, |_, line| line.charged = 0);
    }

    /// Ends a hold whose lines are charged: the record tells it.
    #[inline]
    pub(super) fn conclude(&mut self, place: u32, command: &Reconcile<'_>, reached: bool) {
        self.unschedule(place);
        let record = self.calls.get_mut(place);
        record.drop_expiry_amounts();
        record.state = State::Charged(command.certainty);
        record.set_charge(command.note);
        self.tell(place, ToldKind::Reconciled(command.certainty));
        if reached {
            self.cross(command.id, command.claim, &self.rows_of(place));
        }
        self.remember(place);
    }

    /// Answers what one pass cannot.
    #[cold]
    #[inline(never)]
    fn reconcile_slowly(&mut self, command: &Reconcile<'_>) -> Answer<'static, Reply> {
        self.judged(|book| {
            check_shape(command.claim, command.amounts)?;
            book.reconcile_by_state(command)
        })
    }
}

impl Pass {
    /// Charges the lines of one record, and writes down what their balances are then.
    #[inline]
    fn charge(
        &mut self,
        rows: &mut Chunks<Row>,
        lines: &[HotLine],
        amounts: &[i64],
        record: &mut [RecordLine; INLINE],
        balances: &mut [Balance],
    ) {
        for (((line, amount), held), balance) in lines.iter().zip(amounts).zip(record).zip(balances) {
            let row = rows.get_mut(held.row);
            self.wrong |= row.charge(line, held, *amount);
            held.charged = *amount;
            *balance = row.balance();
            self.reached |= row.spent >= line.threshold;
        }
    }
}
