//! What does a run hold for a run below that has a part of its own?
//!
//! The part is a hold on the parent and on all that share with it. Its lines
//! lie beside three of the child's own: what is carved, in its unit and as
//! the time that the hold's id bears, by which another process finds it; and
//! what of the child's spending was posted above. So the books alone say how
//! far the replacement of the hold has come, and anybody may go on with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::limits::{TOKENS, USD, line};
use super::opened::Opened;
use super::post::{self, Held, Terms, amounts, bind, read, reconcile, record, shrink, under, was_beaten};
use super::refuse::refusal;
use crate::ledger::Signature;
use crate::policy::is_run_line;
use crate::{
    Account, Balance, Binding, Decision, Enforcer, Error, ErrorKind, ReservationId, Root, Scope, Timestamp,
    Unit, Usd,
};

const CARVED: &str = "run carved";
const POSTED: &str = "run posted";

/// How often the books are looked at again where somebody else was faster.
const LOOKS_MAX: usize = 8;

/// A part of its parent that a run is given for itself.
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

/// The hold that stands for a part.
#[derive(Debug)]
pub(crate) struct Carve {
    pub(super) child: Scope,
    pub(super) unit: Unit,
    /// How much was carved.
    pub(super) part: i64,
    id: ReservationId,
    /// The payers' lines, and the child's.
    binding: Arc<Binding>,
    /// The child is over: the hold is to be replaced by what it spent.
    ended: AtomicBool,
}

/// What came of asking for a part.
pub(super) enum Taken {
    /// It is held; where it was held just now, the hold goes unless it is kept.
    Carve(Arc<Carve>, Option<Held>),
    Refused(Box<Decision>),
}

/// How far the replacement has come.
struct Look {
    child: Balance,
    carved: Balance,
    carved_at: Balance,
    posted: Balance,
}

impl Carve {
    /// Finds the part that the child was given before, from whichever process.
    pub(super) async fn find(
        enforcer: &Enforcer,
        parent: &Opened,
        child: &Scope,
    ) -> Result<Option<Arc<Self>>, Error> {
        for unit in [Unit::Usd, Unit::Tokens] {
            let binding = Self::lines(enforcer, parent, child, &unit)?;
            let look = Look::at(enforcer, &binding, child, &unit).await?;
            let millis = look.carved_at.used();
            if millis > 0 {
                let id = id_of(millis, &parent.root, child);
                let ended = AtomicBool::new(look.carved_at.spent > 0 && look.carved.used() == 0);
                let part = look.carved.used();
                return Ok(Some(Arc::new(Self { child: child.clone(), unit, part, id, binding, ended })));
            }
        }
        Ok(None)
    }

    /// Holds a part for the child until that instant, if it fits.
    pub(super) async fn take(
        enforcer: &Enforcer,
        parent: &Opened,
        child: &Scope,
        (unit, part): (Unit, i64),
    ) -> Result<Taken, Error> {
        let core = enforcer.core();
        let now = core.now();
        let (binding, millis) = (Self::lines(enforcer, parent, child, &unit)?, now.as_millis());
        // Two who carve for the same child at once meet on this line, and one is refused.
        let only_one = |account: &Account, ceiling: i64| {
            if account.budget() == CARVED && account.unit() == &Unit::TimeMs { millis } else { ceiling }
        };
        let ceilings: Vec<(Account, i64)> =
            binding.claim.lines().iter().map(|line| (line.account.clone(), line.ceiling)).collect();
        let ceiling = |account: &Account| {
            let own = ceilings.iter().find(|(known, _)| known == account);
            only_one(account, own.map_or(i64::MAX, |(_, ceiling)| *ceiling))
        };
        let claim = under(&binding, binding.claim.scopes(), ceiling)?;
        let asked = Self::amounts_of(&claim, &unit, (part, part, 0), millis);
        let id = id_of(millis, &parent.root, child);
        let terms = Terms { expires_at: parent.deadline().unwrap_or(Timestamp::MAX), charged: true };
        let (reply, held) = post::hold(core, id, &claim, &asked, terms).await?;
        if held.is_none() {
            return match Self::find(enforcer, parent, child).await? {
                Some(carve) => Ok(Taken::Carve(carve, None)),
                None => Ok(Taken::Refused(refusal(core, &binding, asked, reply))),
            };
        }
        core.tell_news(&claim, reply.news);
        let carve = Self { child: child.clone(), unit, part, id, binding, ended: AtomicBool::new(false) };
        Ok(Taken::Carve(Arc::new(carve), held))
    }

    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    pub(super) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// What stands above for the child by this hold: nothing once it was replaced.
    pub(super) async fn still_held(&self, enforcer: &Enforcer) -> Result<i64, Error> {
        let look = Look::at(enforcer, &self.binding, &self.child, &self.unit).await?;
        Ok(look.carved.used())
    }

    /// Replaces the hold by what the child has spent; says whether nothing is left to be done.
    ///
    /// Calls of the child that are still in flight keep theirs: the hold shrinks to them.
    pub(super) async fn settle(&self, enforcer: &Enforcer) -> Result<bool, Error> {
        for _ in 0..LOOKS_MAX {
            let look = Look::at(enforcer, &self.binding, &self.child, &self.unit).await?;
            match self.settle_by(enforcer, &look).await {
                // The hold was charged by its age and forgotten since: that charge stands.
                Err(error) if error.kind() == ErrorKind::Forgotten => return Ok(true),
                Err(error) if was_beaten(&error) => {}
                done => return done,
            }
        }
        Ok(false)
    }

    async fn settle_by(&self, enforcer: &Enforcer, look: &Look) -> Result<bool, Error> {
        let core = enforcer.core();
        let missing = look.child.spent.saturating_sub(look.posted.spent);
        let in_flight = look.child.reserved;
        let stands = look.carved_at.reserved > 0;
        let expired = !stands && look.carved.spent > 0;
        if (stands || expired) && in_flight == 0 {
            let charged = self.amounts((missing.max(0), 0, missing.max(0)));
            reconcile(core, self.id, &self.binding, &charged).await?;
            return Ok(true);
        }
        if expired {
            // All of it is charged by now, which covers what is in flight.
            return Ok(false);
        }
        if missing > 0 {
            self.post(enforcer, missing, look.child.spent).await?;
        } else if missing < 0 && !stands {
            self.refund(enforcer, missing).await?;
        }
        if stands && look.carved.reserved > in_flight {
            let left = self.amounts((in_flight, in_flight, 0));
            shrink(core, self.id, &self.binding, &left).await?;
        }
        Ok(in_flight == 0)
    }

    /// Posts above what the child has spent and nobody above has seen: once, whoever else does the same.
    async fn post(&self, enforcer: &Enforcer, missing: i64, spent: i64) -> Result<(), Error> {
        let core = enforcer.core();
        // No more can be posted than was spent, which decides between two who saw the same.
        let ceiling = |account: &Account| if account.budget() == POSTED { spent } else { i64::MAX };
        let claim = under(&self.binding, &[], ceiling)?;
        let asked = amounts(&claim, |account| match account.budget() {
            CARVED => 0,
            _ => missing,
        });
        let now = core.now();
        let terms = Terms { expires_at: now + core.hold_grace, charged: false };
        match post::hold(core, ReservationId::generate(now), &claim, &asked, terms).await? {
            (_, Some(held)) => {
                reconcile(core, held.id(), &claim, &asked).await?;
                held.keep();
                Ok(())
            }
            (_, None) => Err(Error::new(ErrorKind::Conflict, "somebody else has posted it")),
        }
    }

    /// Takes back above what was withdrawn below. What exceeds the charge stays: it errs towards caution.
    async fn refund(&self, enforcer: &Enforcer, excess: i64) -> Result<(), Error> {
        let claim = under(&self.binding, &[], |_| i64::MAX)?;
        let taken = amounts(&claim, |account| if account.budget() == CARVED { 0 } else { excess });
        let signature = Signature::new("run", "a charge below was lowered after the run's end");
        match record(enforcer.core(), &claim, &taken, Some(self.id), &signature).await {
            Err(error) if error.is_retryable() => Err(error),
            _ => Ok(()),
        }
    }

    fn lines(
        enforcer: &Enforcer,
        parent: &Opened,
        child: &Scope,
        unit: &Unit,
    ) -> Result<Arc<Binding>, Error> {
        let mut lines: Vec<_> =
            parent.payers(unit).into_iter().flat_map(|run| run.part_lines(unit)).collect();
        lines.push(line(CARVED, child, unit.clone(), None));
        lines.push(line(CARVED, child, Unit::TimeMs, None));
        lines.push(line(POSTED, child, unit.clone(), None));
        let call = parent.call_for(parent.chain().map(|run| run.scope().clone()).chain([child.clone()]));
        let mut binding = bind(enforcer, &call, lines, |bound| is_run_line(bound.account.budget()))?;
        binding.model = compact_str::format_compact!("{child}");
        Ok(Arc::new(binding))
    }

    fn amounts(&self, figures: (i64, i64, i64)) -> post::Amounts {
        Self::amounts_of(&self.binding, &self.unit, figures, self.id.time().as_millis())
    }

    /// On the payers' lines, as carved, and as posted.
    fn amounts_of(
        binding: &Binding,
        unit: &Unit,
        (above, carved, posted): (i64, i64, i64),
        millis: i64,
    ) -> post::Amounts {
        amounts(binding, |account| match account.budget() {
            CARVED if account.unit() == unit => carved,
            CARVED => millis,
            POSTED => posted,
            _ => above,
        })
    }
}

impl Look {
    async fn at(enforcer: &Enforcer, binding: &Binding, child: &Scope, unit: &Unit) -> Result<Self, Error> {
        let own = if unit == &Unit::Usd { USD } else { TOKENS };
        let scopes = binding.claim.scopes().iter().cloned();
        let call = scopes.fold(crate::Call::new("-"), crate::Call::scope);
        let lines = vec![
            line(own, child, unit.clone(), None),
            line(CARVED, child, unit.clone(), None),
            line(CARVED, child, Unit::TimeMs, None),
            line(POSTED, child, unit.clone(), None),
        ];
        let read_from = bind(enforcer, &call, lines, |bound| is_run_line(bound.account.budget()))?;
        let balances = read(enforcer.core(), &read_from.bound).await?;
        let find = |id: &str, unit: &Unit| {
            let mut both = read_from.bound.iter().zip(&balances);
            let is_it = |account: &Account| {
                account.scope() == child && account.budget() == id && account.unit() == unit
            };
            both.find(|(bound, _)| is_it(&bound.account)).map(|(_, balance)| *balance).unwrap_or_default()
        };
        Ok(Self {
            child: find(own, unit),
            carved: find(CARVED, unit),
            carved_at: find(CARVED, &Unit::TimeMs),
            posted: find(POSTED, unit),
        })
    }
}

/// The id of a child's hold, made again from the time that its books tell.
fn id_of(millis: i64, root: &Root, child: &Scope) -> ReservationId {
    // FNV-1a with 128 bits: the same in every process, unlike the standard library's.
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let bytes = root.name().bytes().chain([0]).chain(child.name().bytes());
    let hash = bytes.fold(BASIS, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
    let low = hash & ((1 << 80) - 1);
    ReservationId::from_bits(u128::try_from(millis.max(0)).unwrap_or(0).wrapping_shl(80) | low)
}
