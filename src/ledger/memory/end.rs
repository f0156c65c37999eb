//! What was really used? The slow path of a reconcile, which knows every case, and releasing. Neither ever refuses.
//!
//! | the id is | a reconcile | a release |
//! |---|---|---|
//! | held | charges it | gives it back |
//! | charged, less surely | replaces the charge | withdraws the charge |
//! | charged as surely | repeats, or is a conflict | withdraws it, unless the provider reported it |
//! | charged more surely | is ignored | the same |
//! | released | charges it; a guess, less sure than an estimate, is ignored | repeats |
//! | refused | charges it, `unheld` | is an error |
//! | a tombstone | charges it, `unheld` | repeats |
//! | unknown and young | charges it, `unheld` | leaves a tombstone |
//! | unknown and old | is `Forgotten` | is `Forgotten` |
//! | a posting's | is a conflict | is an error |
//!
//! Money is never lost, because no row of the first column drops a surer figure; and never counted twice, because
//! each id is charged at most one amount at a time: a replacement posts the difference. A hold of 60 that expired at 60 and
//! is reported at 40 posts −20.
//!
//! Each charge looks before it writes: if a sum does not fit 64 bits, the command fails and nothing has changed.

use super::book::{Balances, Changes, NewEntry, Places, TenantBook};
use super::known::{Amounts, Known, KnownLine, NewCall};
use super::row::{Change, ChangedLine};
use crate::Error;
use crate::ledger::rules::{State, check_signs, conflict, ended, left_of};
use crate::ledger::{Certainty, EntryKind, Outcome, Reconcile, Release, Reply};
use crate::values::{Claim, ReservationId};

impl TenantBook {
    /// Answers a reconcile, by what the id is: see the table above.
    pub(super) fn reconcile_by_state(&mut self, command: &Reconcile<'_>) -> Result<Reply, Error> {
        check_signs(command.claim, command.amounts)?;
        let Some(known) = self.known(command.id) else {
            self.check_age(command.id)?;
            return self.charge_unheld(command);
        };
        match known.state {
            State::Held => self.charge_held(&known, command),
            State::Charged(certainty) if command.certainty <= certainty => {
                self.charge_again(&known, certainty, command)
            }
            // Somebody knew better than a guess: what was given back stays so until usage is known.
            State::Released if command.certainty < Certainty::Estimated => {
                self.charge_again(&known, Certainty::Estimated, command)
            }
            State::Charged(_) | State::Released => self.replace(&known, command),
            State::Refused | State::Tombstone => self.charge_unheld(command),
            State::Recorded => Err(conflict(command.id, "the id belongs to a posting")),
        }
    }

    /// Charges a live hold.
    fn charge_held(&mut self, known: &Known, command: &Reconcile<'_>) -> Result<Reply, Error> {
        self.check_lines(known, command.claim, command.id)?;
        let charge = |(line, amount): (&KnownLine, &i64)| {
            line.changed(Change { spent: *amount, reserved: line.held.wrapping_neg() })
        };
        let changes: Changes = known.lines.iter().zip(command.amounts).map(charge).collect();
        self.check_fit(&changes, command.claim)?;
        let places = known.places();
        self.hint(command.claim, &places);
        let balances = if !self.calls.get(known.place).can_tell(command) {
            let balances = self.write(&entry_of(EntryKind::Reconciled(command.certainty), command), &changes);
            self.cross(command.id, command.claim, &places);
            self.end(known.place, State::Charged(command.certainty), command.amounts);
            balances
        } else {
            let balances = changes.iter().map(|line| self.rows.apply(line)).collect();
            self.change_lines(known.place, |at, line| {
                line.charged = command.amounts.get(at).copied().unwrap_or(0);
            });
            self.conclude(known.place, command, true);
            balances
        };
        // Only now, since a threshold may have been reached in a period that held nothing but this.
        self.close(&changes);
        Ok(self.reply(Outcome::Applied, balances))
    }

    /// Replaces a less sure charge, or charges what was given back.
    ///
    /// Refunds stay taken: of a charge of 10 with 3 refunded, 7 count. A surer report of 12 makes 9 count, so +2 is posted.
    fn replace(&mut self, known: &Known, command: &Reconcile<'_>) -> Result<Reply, Error> {
        self.check_lines(known, command.claim, command.id)?;
        let change = |(line, amount): (&KnownLine, &i64)| {
            let spent = left_of(*amount, line.refunded).wrapping_sub(line.left()); // neither is below zero
            line.changed(Change { spent, reserved: 0 })
        };
        let changes: Changes = known.lines.iter().zip(command.amounts).map(change).collect();
        self.check_fit(&changes, command.claim)?;
        self.set_charges(known.place, command.amounts);
        // It keeps its turn among the remembered: an ended id is in one queue only.
        self.calls.get_mut(known.place).state = State::Charged(command.certainty);
        let replaced = if let State::Charged(certainty) = known.state { Some(certainty) } else { None };
        let unheld = known.unheld;
        let kind = match unheld {
            true => EntryKind::Unheld(command.certainty),
            false => EntryKind::Reconciled(command.certainty),
        };
        let balances = self.post(&entry_of(kind, command), &changes);
        self.cross(command.id, command.claim, &known.places());
        Ok(Reply { unheld, replaced, ..self.reply(Outcome::Applied, balances) })
    }

    /// The same report again is answered again; another of the same certainty is a conflict, a lesser one ignored.
    fn charge_again(
        &mut self,
        known: &Known,
        certainty: Certainty,
        command: &Reconcile<'_>,
    ) -> Result<Reply, Error> {
        self.check_lines(known, command.claim, command.id)?;
        let first = known.amounts();
        if command.certainty == certainty && first != command.amounts {
            return Err(conflict(command.id, &format!("already reconciled with {first:?}")));
        }
        let repeated = command.certainty == certainty;
        let outcome = if repeated { Outcome::Applied } else { Outcome::Ignored };
        let balances = self.balances_of(command.claim, &known.places());
        Ok(Reply { repeated, unheld: known.unheld, ..self.reply(outcome, balances) })
    }

    /// Records usage that no hold stood for: in full, once.
    ///
    /// A process that was down for an hour reports late, or a call went out while the ledger was away. Its usage may belong to a
    /// period that is over: it counts in the account's total, and in that period as long as that is kept.
    fn charge_unheld(&mut self, command: &Reconcile<'_>) -> Result<Reply, Error> {
        let Reconcile { id, claim, amounts, note, .. } = *command;
        let (places, changes) = self.open_for(claim, amounts)?;
        let state = State::Charged(command.certainty);
        let (places, about) = (&places, note.about.as_ref());
        let place = self.keep(&NewCall { id, state, claim, amounts, places, about })?;
        let balances = self.post(&entry_of(EntryKind::Unheld(command.certainty), command), &changes);
        self.cross(id, claim, places);
        self.remember(place);
        Ok(Reply { unheld: true, ..self.reply(Outcome::Applied, balances) })
    }

    /// The rows of a charge or a posting that no hold announced, and how they change.
    ///
    /// It may be of a past period and never of a coming one: a row that ran ahead would answer `Stale` to every call of the
    /// present. Sums that do not fit are found before any row is made.
    pub(super) fn open_for(&mut self, claim: &Claim, amounts: &[i64]) -> Result<(Places, Changes), Error> {
        let lines = claim.lines.iter().zip(amounts).zip(self.places(claim));
        let mut changes: Changes = lines
            .map(|((line, amount), row)| {
                let change = Change { spent: *amount, reserved: 0 };
                ChangedLine { row, period: line.period.number, change }
            })
            .collect();
        self.check_fit(&changes, claim)?;
        if let Some(line) = claim.lines.iter().find(|line| line.period.from > self.now) {
            let text = format!("the period of {} has not begun", line.account);
            return Err(Error::invalid("claim", text));
        }
        let places = self.open_rows(claim)?;
        changes.iter_mut().zip(&places).for_each(|(line, row)| line.row = *row);
        Ok((places, changes))
    }

    /// Answers a release: gives a hold back, withdraws a charge that nobody reported, or leaves a tombstone.
    pub(super) fn release(&mut self, command: &Release<'_>) -> Result<Reply, Error> {
        let Some(known) = self.known(command.id) else {
            self.check_age(command.id)?;
            self.bury(command.id)?;
            return Ok(self.reply(Outcome::Applied, Balances::new()));
        };
        let withdraws = match known.state {
            State::Held => false,
            State::Charged(certainty) if certainty < Certainty::Reported => true,
            State::Released | State::Tombstone => {
                return Ok(Reply { repeated: true, ..self.reply(Outcome::Applied, Balances::new()) });
            }
            State::Charged(_) | State::Refused | State::Recorded => {
                return Err(ended(command.id, known.state.text()));
            }
        };
        let change = |line: &KnownLine| {
            line.changed(match withdraws {
                true => Change { spent: line.left().wrapping_neg(), reserved: 0 },
                false => Change { spent: 0, reserved: line.held.wrapping_neg() },
            })
        };
        let changes: Changes = known.lines.iter().map(change).collect();
        let zeros: Amounts = known.lines.iter().map(|_| 0).collect();
        if withdraws {
            self.set_charges(known.place, &zeros);
            self.calls.get_mut(known.place).state = State::Released;
        } else {
            self.end(known.place, State::Released, &zeros);
        }
        let (id, note, attribution) = (command.id, command.note, command.attribution);
        let balances = self.post(&NewEntry { kind: EntryKind::Released, id, note, attribution }, &changes);
        Ok(self.reply(Outcome::Applied, balances))
    }

    /// Leaves a tombstone, so that a reserve still on its way cannot come alive.
    ///
    /// A release may overtake its reserve on the wire. The tombstone stands as long as an id may be executed at all; after that
    /// the reserve is `Forgotten` by its age.
    fn bury(&mut self, id: ReservationId) -> Result<(), Error> {
        self.forget_tombstones();
        let place = self.keep_empty(id, State::Tombstone)?;
        let until = self.now.max(id.time()) + self.options.id_age_max;
        self.calls.remember_tombstone(place, until);
        Ok(())
    }
}

/// The entry of that report.
fn entry_of<'a>(kind: EntryKind, command: &Reconcile<'a>) -> NewEntry<'a> {
    NewEntry { kind, id: command.id, note: command.note, attribution: command.attribution }
}
