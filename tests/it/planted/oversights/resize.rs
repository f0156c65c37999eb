//! How does a hold grow, shrink and end here?

use std::time::Duration;

use token_budget::ledger::{Claim, ClaimLine, Outcome, Reply, Resize};
use token_budget::time::Timestamp;
use token_budget::{BudgetLedger, Error};

use super::{Overlooking, Oversight};

impl Overlooking {
    pub(super) fn resize_as_it_does(&self, command: Resize<'_>) -> Result<Reply, Error> {
        let claim = self.claim(command.claim);
        let id = self.id_on(command.id, &claim)?;
        let expires_at = command.expires_at.and_then(|end| self.moved_end(&command, end));
        let asked = Resize { id, claim: &claim, expires_at, ..command };
        if self.is(Oversight::RefusesToProlongAboveTheCeiling) && command.expires_at.is_some() {
            let lines: Vec<_> =
                claim.lines().iter().map(|line| (line.account.clone(), line.period)).collect();
            let balances = self.inner.balances(&lines).wait()?;
            let is_above = claim.lines().iter().zip(&balances).any(|(line, it)| it.used() > line.ceiling);
            if is_above {
                let unmoved = Resize { expires_at: None, ..asked };
                return Ok(Reply { outcome: Outcome::Refused, ..self.inner.resize(unmoved).wait()? });
            }
        }
        let peak = self.notes.lock().peaks.get(&command.id).cloned().unwrap_or_default();
        let comes_back = peak.len() == command.amounts.len()
            && command.amounts.iter().zip(&peak).all(|(amount, peak)| amount <= peak);
        let reply = match comes_back && self.is(Oversight::GrowsBackUnchecked) {
            true => self.inner.resize(Resize { claim: &without_limits(&claim), ..asked }).wait()?,
            false => self.inner.resize(asked).wait()?,
        };
        if reply.outcome == Outcome::Applied {
            let mut notes = self.notes.lock();
            let peak = notes.peaks.entry(command.id).or_default();
            peak.resize(command.amounts.len(), 0);
            peak.iter_mut().zip(command.amounts).for_each(|(peak, amount)| *peak = (*peak).max(*amount));
            if let Some(end) = expires_at {
                notes.ends.insert(command.id, end);
            }
        }
        Ok(reply)
    }

    /// The end that is set; none if this ledger leaves the hold's as it is.
    fn moved_end(&self, command: &Resize<'_>, end: Timestamp) -> Option<Timestamp> {
        let stands = self.notes.lock().ends.get(&command.id).copied().unwrap_or(Timestamp::MIN);
        let by = end.since(stands).max(stands.since(end));
        let is_kept = match self.oversight {
            Oversight::KeepsAnEndThatMovesByLessThanASecond => by < Duration::from_secs(1),
            Oversight::OnlyProlongs => end < stands,
            _ => false,
        };
        (!is_kept).then(|| self.end(end))
    }
}

fn without_limits(claim: &Claim) -> Claim {
    let lines = claim.lines().iter().map(|line| ClaimLine { ceiling: i64::MAX, ..line.clone() });
    Claim::new(claim.tenant().clone(), claim.scopes(), lines.collect()).expect("the same accounts")
}
