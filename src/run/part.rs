//! What is a run below given of its parent's room?
//!
//! A share is of what is left *now*, at every run that pays: of a parent with $6 left below a grandparent with $4 left, 50 % are
//! $2. Percent of what is kept back for a final call cannot be given.

use super::carve::{Carve, Taken};
use super::child::ChildBuilder;
use super::figures::Figures;
use super::limits::{TOKENS, USD, signed};
use super::opened::Opened;
use super::post::{Held, bind, read};
use crate::values::{Balance, Timestamp, Unit};
use crate::{Decision, Enforcer, Error, Scope, Usd};

/// A part of its parent that a run is given for itself.
///
/// It is worked out when the child is first opened, and stands from then on: a later opening names the same part, or none.
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

impl ChildBuilder<'_> {
    /// Finds the part that the child has, or takes the one asked for.
    pub(super) async fn take_part(
        &self,
        run: &mut Opened,
        figures: &Figures,
    ) -> Result<Result<Option<Held>, Box<Decision>>, Error> {
        let parent = self.place.parent;
        let (enforcer, scope) = (&parent.enforcer, run.scope().clone());
        let (carve, held) = match (Carve::find(enforcer, &parent.run, &scope).await?, self.place.part) {
            (Some(carve), _) => (carve, None),
            (None, None) => return Ok(Ok(None)),
            (None, Some(part)) => {
                let part = part.resolve(enforcer, &parent.run, &scope).await?;
                let own = if part.0 == Unit::Usd { USD } else { TOKENS };
                if figures.get(&scope, own, &part.0) != Balance::default() {
                    let text = "was begun without a part of its own, and has spent what is shared";
                    return Err(Error::invalid("child: carve", text));
                }
                let until = run.deadline().unwrap_or(Timestamp::MAX);
                match Carve::take(enforcer, &parent.run, (&scope, until), part).await? {
                    Taken::Carve(carve, held) => (carve, held),
                    Taken::Refused(decision) => return Ok(Err(decision)),
                }
            }
        };
        match carve.unit {
            Unit::Usd => {
                let part = Usd::from_nanos(carve.part);
                run.limits.usd = Some(run.limits.usd.map_or(part, |limit| limit.min(part)));
            }
            _ => {
                let part = u64::try_from(carve.part).unwrap_or(0);
                run.limits.tokens = Some(run.limits.tokens.map_or(part, |limit| limit.min(part)));
            }
        }
        run.limits.check()?;
        run.carve = Some(carve);
        Ok(Ok(held))
    }
}

impl RunPart {
    /// The unit that is carved, and how much of it.
    async fn resolve(
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

/// The dollars that a run and all that it shares with have left for ordinary calls.
pub(super) async fn room(enforcer: &Enforcer, parent: &Opened, child: &Scope) -> Result<i64, Error> {
    let lines: Vec<_> =
        parent.payers(&Unit::Usd).into_iter().flat_map(|run| run.part_lines(&Unit::Usd)).collect();
    let call = parent.call_for(parent.chain().map(|run| run.scope().clone()).chain([child.clone()]));
    let binding = bind(enforcer, &call, lines, |bound| bound.account.budget() == USD)?;
    let balances = read(enforcer.core(), &binding.bound).await?;
    let limited = binding.bound.iter().zip(&balances).filter(|(bound, _)| bound.limit.is_some());
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
