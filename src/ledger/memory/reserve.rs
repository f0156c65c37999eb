//! Is there room on every line? The path of a call: one pass that takes it, and gives it back where a line has none.
//!
//! The lock is held, so nobody sees what was taken for a moment. That is why no look comes first: a line is fetched once,
//! judged and changed. Where anything is not as it is for the commonest call (a row is new, a period begins, a window
//! rolls, a line is full, a scope is marked), what was taken is given back, and `admit` answers from the beginning.
//!
//! Worked example: a team's line has a ceiling of 10 with 3 spent; a user's has 8 with 1 spent and 2 reserved. A call of 6
//! takes it from the team, finds that 1 + 2 + 6 > 8, and gives the team its 6 back. `admit` then refuses, with both balances.

use smallvec::SmallVec;

use super::book::{Places, TenantBook};
use super::call::{ExpiryCharge, INLINE, NONE, RecordLine};
use super::calls::Key;
use super::chunks::Chunks;
use super::index::Found;
use super::journal::ToldKind;
use super::known::no_place;
use super::row::Row;
use crate::ledger::rules::{State, check_shape};
use crate::ledger::{Answer, OnExpiry, Outcome, Reply, Reserve};
use crate::values::Balance;
use crate::values::claim::{HotLine, with_amount};

/// The most lines that one pass takes: as many as a reply has balances in line.
pub(super) const LINES_MAX: usize = 8;

/// What one pass over the lines came to.
struct Pass {
    /// How many lines were taken before one was not.
    taken: usize,
    fingerprint: u64,
    /// Spent money is at or above a threshold somewhere.
    reached: bool,
}

impl TenantBook {
    /// Answers a reserve.
    #[inline]
    pub(super) fn reserve(&mut self, command: &Reserve<'_>) -> Answer<'static, Reply> {
        let lines = command.claim.hot.len();
        let key = self.calls.key(command.id);
        let slot = match self.calls.find(&key) {
            Found::Free(slot) if self.is_plain(&key, command) => slot,
            _ => return self.reserve_slowly(command),
        };
        let Some(draft) = self.calls.draft(lines) else { return Answer::Now(Err(no_place())) };
        let mut balances = [Balance::default(); LINES_MAX];
        let pass = self.take(draft, command, &mut balances);
        if pass.taken < lines {
            self.give_back(draft, pass.taken, command.amounts);
            return self.reserve_slowly(command);
        }
        let record = self.calls.name(draft, &key, slot);
        record.state = State::Held;
        record.len = lines as u8; // at most eight
        record.fingerprint = pass.fingerprint as u32;
        let charges = matches!(command.on_expiry, OnExpiry::Hold);
        record.on_expiry = if charges { ExpiryCharge::Hold } else { ExpiryCharge::Nothing };
        // Calls of one charge set share what is known about them: most often it stands here already,
        // and its count, which other threads may be changing, is left alone.
        if record.says_else(command.note.about.as_ref()) {
            record.about.clone_from(&command.note.about);
        }
        self.schedule(draft, command.expires_at);
        self.tell(draft, ToldKind::Reserved);
        if pass.reached {
            self.cross(command.id, command.claim, &self.rows_of(draft));
        }
        let balances = SmallVec::from_buf_and_len(balances, lines);
        Answer::Now(Ok(self.reply(Outcome::Applied, balances)))
    }

    /// Whether one pass can answer, as far as that is known before it.
    #[inline]
    fn is_plain(&self, key: &Key, command: &Reserve<'_>) -> bool {
        let lines = command.claim.hot.len();
        lines <= LINES_MAX
            && lines == command.amounts.len()
            && self.calls.is_new(key, self.now)
            && !self.calls.is_ahead(key, self.now)
            && command.claim.is_of(self.now)
            && self.admits_any(command.claim)
            && !matches!(command.on_expiry, OnExpiry::Amounts(_))
            && command.note.is_open()
    }

    /// Takes line by line, into the draft, until one has no room or is not plain.
    #[inline]
    fn take(&mut self, draft: u32, command: &Reserve<'_>, balances: &mut [Balance; LINES_MAX]) -> Pass {
        let (lines, amounts) = (&*command.claim.hot, command.amounts);
        let mut pass = Pass { taken: 0, fingerprint: command.claim.hash, reached: false };
        let (first, second) = balances.split_at_mut(INLINE);
        let record = self.calls.records.get_mut(draft);
        let more = record.more;
        pass.take(&mut self.rows.rows, lines, amounts, &mut record.lines, first);
        if let (Some(lines), Some(amounts)) = (lines.get(INLINE..), amounts.get(INLINE..))
            && more != NONE
            && pass.taken == INLINE
        {
            let record = self.calls.records.get_mut(more);
            pass.take(&mut self.rows.rows, lines, amounts, &mut record.lines, second);
        }
        pass
    }

    /// Undoes what a pass has taken.
    #[cold]
    fn give_back(&mut self, draft: u32, taken: usize, amounts: &[i64]) {
        self.calls.get_mut(draft).len = taken as u8;
        for (line, amount) in self.lines(draft).iter().zip(amounts) {
            self.rows.rows.get_mut(line.row).give_back(*amount);
        }
        self.calls.discard(draft);
    }

    /// Answers what one pass cannot.
    #[cold]
    #[inline(never)]
    fn reserve_slowly(&mut self, command: &Reserve<'_>) -> Answer<'static, Reply> {
        self.judged(|book| {
            check_shape(command.claim, command.amounts)?;
            match book.known(command.id) {
                Some(known) => book.reserve_again(&known, command),
                None => book.admit(command),
            }
        })
    }

    /// Where the lines of that record have their rows.
    #[cold]
    pub(super) fn rows_of(&self, place: u32) -> Places {
        self.lines(place).iter().map(|line| line.row).collect()
    }
}

impl Pass {
    /// Takes the lines of one record, and writes down what their balances were.
    #[inline]
    fn take(
        &mut self,
        rows: &mut Chunks<Row>,
        lines: &[HotLine],
        amounts: &[i64],
        record: &mut [RecordLine; INLINE],
        balances: &mut [Balance],
    ) {
        for (((line, amount), held), balance) in lines.iter().zip(amounts).zip(record).zip(balances) {
            let place = line.hint() as u32;
            let Some(row) = rows.try_get_mut(place) else { return };
            let Some(before) = row.take(line, *amount) else { return };
            *held = RecordLine { row: place, period: line.period as u32, held: *amount, charged: 0 };
            *balance = before;
            self.taken = self.taken.wrapping_add(1);
            self.fingerprint = with_amount(self.fingerprint, *amount);
            self.reached |= before.spent >= line.threshold;
        }
    }
}
