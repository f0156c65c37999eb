//! What should the books say once a call has ended? Reports, releases and postings, as the model has them.
//!
//! An id that has ended is still asked about: by a late report, a second release, a
//! refund. The tables below are the contract.
//!
//! | reconcile of an id that is | answers |
//! | --- | --- |
//! | unknown, refused, or a tombstone | recorded in full, `unheld` |
//! | held | replaces what stands |
//! | released | charged in full if it is estimated or reported, else `Ignored` |
//! | charged at a lower certainty | replaces the charge in full |
//! | charged at the same certainty | a repeat if the figures agree, else a conflict |
//! | charged at a higher certainty | `Ignored` |
//! | a posting | a conflict |
//!
//! A release withdraws a hold or a charge below `Reported`, repeats on what is released
//! already, and is a state error on a reported charge, a refusal or a posting.

use super::answer::Answer;
use super::known::{IdState, KnownId, ModelLine, body, same_lines};
use super::model::Model;
use crate::ErrorKind;
use crate::ledger::{Certainty, EntryKind, Outcome};

impl Model {
    /// Replaces what the id holds or has charged, if the new figure is surer.
    pub(super) fn reconcile(
        &mut self,
        now: i64,
        id: u128,
        lines: &[ModelLine],
        certainty: Certainty,
    ) -> Result<Answer, ErrorKind> {
        self.tick(now);
        let amounts: Vec<i64> = lines.iter().map(|line| line.amount).collect();
        let known = self.known.get(&id).cloned();
        let mut unheld = known.as_ref().is_some_and(|known| known.unheld);
        match &known {
            None | Some(KnownId { state: IdState::Refused { .. } | IdState::Tombstone, .. }) => {
                if known.is_none() {
                    self.check_age(id)?;
                }
                unheld = true;
                self.post(id, IdState::Charged(certainty), lines);
            }
            Some(KnownId { state: IdState::Recorded, .. }) => return Err(ErrorKind::Conflict),
            Some(known) => {
                if !same_lines(known, lines) {
                    return Err(ErrorKind::Conflict);
                }
                if let IdState::Charged(stands) = &known.state {
                    if certainty == *stands && amounts != known.amounts {
                        return Err(ErrorKind::Conflict);
                    }
                    if certainty <= *stands {
                        let outcome = if certainty == *stands { Outcome::Applied } else { Outcome::Ignored };
                        let balances = self.balances(lines);
                        let repeated = certainty == *stands;
                        return Ok(Answer { repeated, unheld, balances, ..self.answer(outcome) });
                    }
                }
                if known.state == IdState::Released && certainty < Certainty::Estimated {
                    let balances = self.balances(lines);
                    return Ok(Answer { unheld, balances, ..self.answer(Outcome::Ignored) });
                }
                self.end(id, IdState::Charged(certainty), &amounts);
            }
        }
        let reached = self.cross(id, lines);
        let replaced = match known.map(|known| known.state) {
            Some(IdState::Charged(certainty)) => Some(certainty),
            _ => None,
        };
        let balances = self.balances(lines);
        let answer = Answer { unheld, replaced, reached, balances, ..self.answer(Outcome::Applied) };
        self.forget_past();
        Ok(answer)
    }

    /// Spends on lines that nothing was held for.
    fn post(&mut self, id: u128, state: IdState, lines: &[ModelLine]) {
        let kind = match &state {
            IdState::Charged(certainty) => EntryKind::Unheld(*certainty),
            _ => EntryKind::Recorded,
        };
        let entry = lines.iter().map(|line| (line.account, line.period, line.amount, 0)).collect();
        self.write(id, kind, entry);
        let amounts = lines.iter().map(|line| line.amount).collect();
        let refunded = vec![0; lines.len()];
        self.known.insert(id, KnownId { state, body: body(lines), amounts, refunded, unheld: true });
        for line in lines {
            self.advance(line);
            self.add(line.account, line.period, line.amount, 0);
        }
    }

    /// Withdraws a hold or an unreported charge; an unknown id gets a tombstone.
    pub(super) fn release(&mut self, now: i64, id: u128) -> Result<Answer, ErrorKind> {
        self.tick(now);
        let Some(known) = self.known.get(&id).cloned() else {
            self.check_age(id)?;
            let buried = KnownId {
                state: IdState::Tombstone,
                body: vec![],
                amounts: vec![],
                refunded: vec![],
                unheld: false,
            };
            self.known.insert(id, buried);
            return Ok(self.answer(Outcome::Applied));
        };
        match known.state {
            IdState::Held { .. } => {}
            IdState::Charged(certainty) if certainty < Certainty::Reported => {}
            IdState::Released | IdState::Tombstone => {
                let balances = self.balances_of(&known);
                return Ok(Answer { repeated: true, balances, ..self.answer(Outcome::Applied) });
            }
            IdState::Charged(_) | IdState::Refused { .. } | IdState::Recorded => {
                return Err(ErrorKind::State);
            }
        }
        self.end(id, IdState::Released, &vec![0; known.body.len()]);
        let balances = self.balances_of(&known);
        self.forget_past();
        Ok(Answer { balances, ..self.answer(Outcome::Applied) })
    }

    /// Posts an import or a correction. A refund must name a charge on the same lines,
    /// and may take back what is left of it.
    pub(super) fn record(
        &mut self,
        now: i64,
        id: u128,
        lines: &[ModelLine],
        corrects: Option<u128>,
        used_at: Option<i64>,
    ) -> Result<Answer, ErrorKind> {
        self.tick(now);
        let until = used_at.map(|used_at| self.check_used(used_at)).transpose()?;
        if let Some(known) = self.known.get(&id) {
            if known.state != IdState::Recorded || known.body != body(lines) {
                return Err(ErrorKind::Conflict);
            }
            // By its latest date.
            self.told_until.entry(id).and_modify(|known| *known = until.unwrap_or(*known).max(*known));
            return Ok(Answer {
                repeated: true,
                balances: self.balances(lines),
                ..self.answer(Outcome::Applied)
            });
        }
        match until {
            Some(until) => {
                self.told_until.insert(id, until);
            }
            None => self.check_age(id)?,
        }
        let charge = corrects.and_then(|id| self.known.get(&id)).cloned();
        let charge = charge.filter(|known| matches!(known.state, IdState::Charged(_)));
        if lines.iter().any(|line| line.amount < 0) {
            if corrects.is_none() {
                return Err(ErrorKind::Invalid);
            }
            let Some(charge) = &charge else { return Err(ErrorKind::State) };
            if !same_lines(charge, lines) {
                return Err(ErrorKind::Conflict);
            }
            let left =
                charge.amounts.iter().zip(&charge.refunded).map(|(charged, back)| (charged - back).max(0));
            if lines.iter().zip(left).any(|(line, left)| -line.amount > left) {
                return Err(ErrorKind::Invalid);
            }
        }
        if let (Some(charge), Some(id)) = (charge, corrects)
            && same_lines(&charge, lines)
        {
            let refunded = self.known.get_mut(&id).map(|known| &mut known.refunded);
            for (sum, line) in refunded.into_iter().flatten().zip(lines) {
                *sum = (*sum - line.amount).max(0);
            }
        }
        self.post(id, IdState::Recorded, lines);
        let reached = self.cross(id, lines);
        Ok(Answer { reached, balances: self.balances(lines), ..self.answer(Outcome::Applied) })
    }
}
