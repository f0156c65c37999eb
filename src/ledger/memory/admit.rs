//! Is there room? Reserving takes it on all lines, or on none.
//!
//! A reserve goes over the lines twice. The first pass (`look`) judges each
//! line and writes the hold's lines into a *draft*: a place in the slab that no
//! id finds yet. It changes no balance. The second pass (`hold`) takes the
//! room, and only then is the draft named by its id. So every way out between
//! the two (no room, a frozen scope, a period that is over, an error) discards
//! the draft, and there is nothing else to undo.
//!
//! Worked example: a team's line has a ceiling of 10 with 3 spent; a user's has
//! 8 with 1 spent and 2 reserved. A call of 6 looks at both: 3 + 0 + 6 fits,
//! 1 + 2 + 6 does not. The reply is `Refused` with the balances (3, 0) and
//! (1, 2), and the id is remembered as refused, so that its repeat gets the
//! same answer even if room has come up since.

use super::book::{Balances, RootBook};
use super::check::{Fingerprint, fingerprint};
use super::holds::{ExpiryCharge, INLINE, Key};
use super::row::{Change, HoldLine, KeptLine};
use super::rows::NO_ROW;
use crate::Error;
use crate::ledger::rules::{State, check_shape, check_signs, conflict, ended, has_room, negative};
use crate::ledger::{EntryKind, FreesUp, OnExpiry, Outcome, Reply, Reserve};
use crate::values::{Claim, Timestamp};

/// What a look at all lines found. Balances go into the caller's buffer, and lines into the draft.
struct Look {
    /// Applied where all lines have room.
    outcome: Outcome,
    /// An account has no row yet.
    new_rows: bool,
}

/// Two passes over the lines, each touching every row once: a look that changes nothing, then the taking.
impl RootBook {
    #[inline]
    pub(super) fn reserve(&mut self, now: Timestamp, command: &Reserve<'_>) -> Result<Reply, Error> {
        self.tick(now);
        check_shape(command.claim, command.amounts)?;
        let key = self.holds.key(command.id);
        if let Some(place) = self.holds.find(&key) {
            return self.reserve_again(place, command);
        }
        self.check_age(command.id)?;
        check_expiry(command)?;
        let draft = self.holds.draft(command.claim.lines().len()).ok_or_else(no_place)?;
        let mut balances = Balances::new();
        let look = self.look(draft, command, &mut balances);
        match look {
            Ok(Look { outcome: Outcome::Applied, new_rows }) if !self.is_frozen(command.claim) => {
                if new_rows {
                    self.make_rows(draft, command.claim)?;
                }
                self.hold(draft, &key, command);
                self.report_frozen(command.claim);
                Ok(self.reply(Outcome::Applied, balances))
            }
            _ => self.decline(look, (draft, &key), command, balances),
        }
    }

    /// Reads every line's balance and judges it, without changing any; drafts the hold on the way.
    #[inline]
    fn look(&mut self, draft: u32, command: &Reserve<'_>, balances: &mut Balances) -> Result<Look, Error> {
        let mut look = Look { outcome: Outcome::Applied, new_rows: false };
        let mut fingerprint = Fingerprint::EMPTY;
        let mut place = draft;
        for (lines, amounts) in command.claim.lines().chunks(INLINE).zip(command.amounts.chunks(INLINE)) {
            let hold = self.holds.get_mut(place);
            for ((line, amount), held) in lines.iter().zip(amounts).zip(&mut hold.lines) {
                if *amount < 0 {
                    return Err(negative(&line.account, *amount));
                }
                let in_period = line.period.from <= self.now && self.now < line.period.until;
                let found = if in_period { self.rows.look(self.ledger, line) } else { None };
                let Some((row, balance)) = found else {
                    return Ok(Look { outcome: Outcome::Stale, ..look });
                };
                if !has_room(line, &balance, *amount)? {
                    look.outcome = Outcome::Refused;
                }
                look.new_rows |= row == NO_ROW;
                // The row's own period tells the upper half again.
                *held = HoldLine { row, period: line.period.number as u32, amount: *amount };
                balances.push(balance);
                fingerprint = fingerprint.with(line, *amount);
            }
            place = hold.more;
        }
        self.holds.get_mut(draft).fingerprint = fingerprint.finish();
        Ok(look)
    }

    /// Whether a mark stands on a scope whose mark refuses.
    #[inline]
    pub(super) fn is_frozen(&self, claim: &Claim) -> bool {
        !self.frozen.is_empty() && claim.scopes().iter().any(|scope| self.frozen.contains_key(scope))
    }

    /// Makes the rows that are missing. All places are resolved anew, since idle rows go first.
    #[cold]
    fn make_rows(&mut self, draft: u32, claim: &Claim) -> Result<(), Error> {
        self.drop_for_new_rows(claim);
        let mut place = draft;
        for lines in claim.lines().chunks(INLINE) {
            for (at, line) in lines.iter().enumerate() {
                let row = self.rows.find_or_make(self.ledger, line);
                let row = row.inspect_err(|_| self.holds.discard(draft))?;
                if let Some(held) = self.holds.get_mut(place).lines.get_mut(at) {
                    held.row = row;
                }
            }
            place = self.holds.get(place).more;
        }
        Ok(())
    }

    /// Takes the room that was found: rows, then the id, the heap and the journal. Nothing in it can fail.
    #[inline]
    fn hold(&mut self, draft: u32, key: &Key, command: &Reserve<'_>) {
        let entry = self.journal.next();
        let mut reached = false;
        let mut place = draft;
        for lines in command.claim.lines().chunks(INLINE) {
            let hold = self.holds.get(place);
            for (line, held) in lines.iter().zip(&hold.lines) {
                let change = Change { spent: 0, reserved: held.amount };
                let kept = KeptLine { row: held.row, period: line.period.number, change };
                reached |= self.rows.hold(kept, line, entry);
                self.journal.add(kept);
            }
            place = hold.more;
        }
        self.holds.name(draft, key, State::Held);
        self.set_expiry(draft, command.on_expiry);
        self.holds.schedule(draft, command.expires_at);
        let entry = self.entry(EntryKind::Reserved, command.id, command.note);
        self.journal.write(&entry, &mut self.rows);
        if reached {
            self.cross(draft, command.claim);
        }
    }

    /// Answers a reserve that holds nothing: refused, stale, or wrong.
    ///
    /// A refusal remembers the id without lines. A stale reserve is not remembered: the caller resolves the call anew, and may
    /// ask under the same id.
    #[inline(never)]
    fn decline(
        &mut self,
        look: Result<Look, Error>,
        draft: (u32, &Key),
        command: &Reserve<'_>,
        balances: Balances,
    ) -> Result<Reply, Error> {
        let (draft, key) = draft;
        let look = look.inspect_err(|_| self.holds.discard(draft))?;
        if look.outcome == Outcome::Stale {
            self.holds.discard(draft);
            return Ok(self.reply(Outcome::Stale, Balances::new()));
        }
        self.explain(draft, command, &balances);
        self.holds.name(draft, key, State::Refused);
        // A level may have been lowered below what is spent.
        let mut lines = command.claim.lines().iter().zip(&balances);
        if lines
            .any(|(line, balance)| line.thresholds.first().is_some_and(|lowest| balance.spent >= lowest.at))
        {
            self.cross(draft, command.claim);
        }
        self.holds.empty(draft);
        self.holds.remember(draft, &mut self.rows);
        Ok(self.reply(Outcome::Refused, balances))
    }

    /// Says which scopes are frozen of those that only observe.
    #[inline]
    pub(super) fn report_frozen(&mut self, claim: &Claim) {
        if !self.frozen.is_empty() {
            let frozen: Vec<_> =
                claim.scopes_observed().iter().filter_map(|scope| self.frozen.get(scope)).cloned().collect();
            if !frozen.is_empty() {
                self.effects().frozen = frozen;
            }
        }
    }

    /// Says which scopes are frozen.
    pub(super) fn name_frozen(&mut self, claim: &Claim) {
        if self.is_frozen(claim) {
            let frozen = claim.scopes_all().filter_map(|scope| self.frozen.get(scope));
            self.effects().frozen = frozen.cloned().collect();
        }
    }

    /// Says which scopes are frozen, and when each rolling line without room will have some.
    fn explain(&mut self, draft: u32, command: &Reserve<'_>, balances: &Balances) {
        self.name_frozen(command.claim);
        if command.claim.lines().iter().all(|line| line.period.span <= 1) {
            return;
        }
        let held = self.holds.lines(draft);
        for (at, ((line, held), balance)) in command.claim.lines().iter().zip(&held).zip(balances).enumerate()
        {
            let full = held.amount > 0 && balance.used().saturating_add(held.amount) > line.ceiling;
            if full && let Some(periods) = self.rows.frees_in(held.row, held.amount, line.ceiling) {
                self.effects().frees_up.push(FreesUp { line: at, periods });
            }
        }
    }

    /// Notes what expiry charges. Amounts of its own stand in a map beside the slab: few holds have them.
    fn set_expiry(&mut self, place: u32, on_expiry: OnExpiry<'_>) {
        self.holds.get_mut(place).on_expiry = match on_expiry {
            OnExpiry::Nothing => ExpiryCharge::Nothing,
            OnExpiry::Hold => ExpiryCharge::Hold,
            OnExpiry::Amounts(amounts) => {
                self.holds.expiry_amounts.insert(place, amounts.into());
                ExpiryCharge::Amounts
            }
        };
    }

    /// The first outcome again, with present balances.
    fn reserve_again(&mut self, place: u32, command: &Reserve<'_>) -> Result<Reply, Error> {
        let hold = self.holds.get(place);
        let outcome = match hold.state {
            State::Tombstone => return Err(ended(command.id, "was released before it arrived")),
            State::Recorded => return Err(conflict(command.id, "the id belongs to a posting")),
            _ if hold.unheld => return Err(ended(command.id, "was charged before its reserve arrived")),
            _ if hold.fingerprint != fingerprint(command.claim, command.amounts) => {
                let first: Vec<i64> = self.holds.lines(place).iter().map(|line| line.amount).collect();
                return Err(conflict(command.id, &format!("came before with another body (now {first:?})")));
            }
            State::Refused => Outcome::Refused,
            State::Held | State::Charged(_) | State::Released => Outcome::Applied,
        };
        let balances = self.balances_of(command.claim, &self.places(command.claim));
        Ok(Reply { repeated: true, ..self.reply(outcome, balances) })
    }
}

/// What a hold is to be charged by age must stand beside its lines, like its amounts.
#[inline]
fn check_expiry(command: &Reserve<'_>) -> Result<(), Error> {
    let OnExpiry::Amounts(amounts) = command.on_expiry else { return Ok(()) };
    check_shape(command.claim, amounts)?;
    check_signs(command.claim, amounts)
}

/// Four thousand million holds are known.
#[cold]
pub(super) fn no_place() -> Error {
    Error::overflow("holds")
}
