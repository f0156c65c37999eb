//! What is a run below given of its parent's room?
//!
//! A share is of what is left *now*, at every run that pays: of a parent with $6 left below a grandparent with $4 left, 50 % are
//! $2. Percent of what is kept back for a final call cannot be given.

use std::sync::Arc;

use super::carve::{CARVED, Carve, CarveAmounts, POSTED, new_number};
use super::limits::{USD, line, signed};
use super::opened::Opened;
use super::post::{self, HoldTerms, OwnHold, bind, bind_own, read, under};
use super::refuse::{OrRefusal, refusal};
use super::replace::CarveProgress;
use crate::ledger::OnExpiry;
use crate::values::{Binding, ShortText, Timestamp, Unit};
use crate::{Enforcer, Error, Scope, Usd};

/// A part of its parent that a run is given for itself.
///
/// It is worked out when the child is first opened, and stands from then on: a later opening names the same part, or none.
///
/// # Example: half of what is left
/// ```
/// use token_budget::run::RunPart;
/// use token_budget::{Enforcer, RunGuard, Usd};
///
/// let enforcer = Enforcer::builder().build();
/// let trip = RunGuard::builder("trip").usd(Usd::dollars(10)).open(&enforcer).wait()?;
/// let search = trip.child("search").carve(RunPart::Usd(Usd::dollars(4))).open().wait()?.or_refusal()?;
/// let book = trip.child("book").carve(RunPart::Percent(50)).open().wait()?.or_refusal()?;
///
/// assert_eq!(search.limits().usd, Some(Usd::dollars(4)));
/// assert_eq!(book.limits().usd, Some(Usd::dollars(3))); // half of the six that are left
/// assert_eq!(trip.report().wait()?.left.usd, Some(Usd::dollars(3)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunPart {
    /// So many dollars.
    Usd(Usd),
    /// So many tokens, input and output.
    Tokens(u64),
    /// So many percent of the dollars that the parent has left.
    Percent(u32),
}

impl RunPart {
    /// The unit that is carved, and how much of it.
    pub(super) async fn resolve(
        self,
        enforcer: &Enforcer,
        parent: &Opened,
        child: &Scope,
    ) -> Result<(Unit, i64), Error> {
        let (unit, part) = match self {
            Self::Usd(usd) => (Unit::Usd, usd.nanos()),
            Self::Tokens(tokens) => (Unit::Tokens, signed(tokens)),
            Self::Percent(percent) => (Unit::Usd, share_of(room(enforcer, parent, child).await?, percent)?),
        };
        if part <= 0 {
            return Err(Error::invalid("child: carve", "is not above zero"));
        }
        Ok((unit, part))
    }
}

impl Carve {
    /// Finds the part that the child was given before, from whichever process.
    pub(super) async fn find(
        enforcer: &Enforcer,
        parent: &Opened,
        child: &Scope,
    ) -> Result<Option<Arc<Self>>, Error> {
        for unit in [Unit::Usd, Unit::Tokens] {
            let binding = lines(enforcer, parent, child, &unit)?;
            let progress = CarveProgress::read(enforcer.core(), &binding, child, &unit).await?;
            let number = progress.numbered.used();
            if number > 0 {
                let part = (unit, progress.carved.used());
                let carve = Self::new(&parent.tenant, child, part, number, binding);
                if progress.numbered.spent > 0 && carve.part == 0 {
                    carve.end();
                }
                return Ok(Some(Arc::new(carve)));
            }
        }
        Ok(None)
    }

    /// Holds a part for the child until that instant, if it fits.
    ///
    /// Where it was held just now, the hold goes back unless it is kept.
    pub(super) async fn take(
        enforcer: &Enforcer,
        parent: &Opened,
        (child, until): (&Scope, Timestamp),
        (unit, part): (Unit, i64),
    ) -> OrRefusal<(Arc<Self>, Option<OwnHold>)> {
        let core = enforcer.core();
        let (binding, number) = (lines(enforcer, parent, child, &unit)?, new_number(core.now()));
        let carve = Self::new(&parent.tenant, child, (unit, part), number, binding);
        // Two who carve for the same child at once meet on this line, and one is refused.
        let claim = under(&carve.binding, carve.binding.claim.scopes(), |line| {
            let is_number = line.account.budget() == CARVED && line.account.unit() == &Unit::Requests;
            if is_number { number } else { line.ceiling }
        })?;
        let asked = carve.amounts(CarveAmounts { above: part, carved: part, posted: 0 });
        let terms = HoldTerms { expires_at: until, on_expiry: OnExpiry::Hold };
        let (reply, held) = post::hold(core, carve.id, &claim, &asked, terms).await?;
        if held.is_some() {
            core.tell_effects(&claim, reply.effects);
            return Ok(Ok((Arc::new(carve), held)));
        }
        match Self::find(enforcer, parent, child).await? {
            Some(known) => Ok(Ok((known, None))),
            None => Ok(Err(refusal(core, &carve.binding, asked, reply))),
        }
    }
}

/// The lines that a part is held on: those who pay, and the three of the child's own.
fn lines(enforcer: &Enforcer, parent: &Opened, child: &Scope, unit: &Unit) -> Result<Arc<Binding>, Error> {
    let mut lines = parent.part_lines(unit);
    lines.push(line(CARVED, child, unit.clone(), None));
    lines.push(line(CARVED, child, Unit::Requests, None));
    lines.push(line(POSTED, child, unit.clone(), None));
    let binding = bind_own(enforcer, &parent.call_for_child(child), lines)?;
    Ok(Arc::new(Binding { model: ShortText::of(child), ..binding }))
}

/// The dollars that a run and all that it shares with have left for ordinary calls.
pub(super) async fn room(enforcer: &Enforcer, parent: &Opened, child: &Scope) -> Result<i64, Error> {
    let (call, lines) = (parent.call_for_child(child), parent.part_lines(&Unit::Usd));
    let binding = bind(enforcer, &call, lines, |bound| bound.account.budget() == USD)?;
    let balances = read(enforcer.core(), &binding.terms).await?;
    let limited = binding.terms.iter().zip(&balances).filter(|(bound, _)| bound.limit.is_some());
    let room = limited.map(|(bound, balance)| bound.ceiling.saturating_sub(balance.used()).max(0)).min();
    room.ok_or_else(|| Error::invalid("child", "a share is of the parent's dollars, which have no limit"))
}

/// So many percent, rounded down to a whole nano-dollar.
pub(super) fn share_of(room: i64, percent: u32) -> Result<i64, Error> {
    if percent == 0 || percent > 100 {
        return Err(Error::invalid("child: percent", format!("{percent} is not from 1 to 100")));
    }
    let share = i128::from(room).saturating_mul(i128::from(percent)).checked_div(100).unwrap_or(0);
    i64::try_from(share).map_err(|_| Error::overflow("share of the parent"))
}
