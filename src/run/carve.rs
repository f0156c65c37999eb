//! What does a run hold for a run below that has a part of its own?
//!
//! The part is a hold on the parent and on all that share with it. Its lines
//! lie beside three of the child's own: what is carved, the number of the
//! hold, by which another process finds its id; and what of the child's
//! spending was posted above. So the books alone say how
//! far the replacement of the hold has come, and anybody may go on with it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::limits::{TOKENS, USD, line};
use super::opened::Opened;
use super::post::{self, Held, Terms, amounts, bind, read, reconcile, record, shrink, under, was_beaten};
use super::refuse::refusal;
use crate::ledger::Signature;
use crate::policy::{Budget, is_run_line};
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
    /// The hold's number, from which its id is made.
    number: i64,
    id: ReservationId,
    /// The payers' lines, and the child's.
    binding: Arc<Binding>,
    /// The child is over: the hold is to be replaced by what it spent.
    ended: AtomicBool,
    /// The lines of calls made below it. Whoever holds them may still report.
    calls: Mutex<Vec<Weak<[Arc<Budget>]>>>,
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
    numbered: Balance,
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
            let number = look.numbered.used();
            if number > 0 {
                let id = id_of(number, &parent.root, child);
                let ended = AtomicBool::new(look.numbered.spent > 0 && look.carved.used() == 0);
                let part = look.carved.used();
                return Ok(Some(Arc::new(Self {
                    child: child.clone(),
                    unit,
                    part,
                    number,
                    id,
                    binding,
                    ended,
                    calls: Mutex::default(),
                })));
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
        let (binding, number) = (Self::lines(enforcer, parent, child, &unit)?, new_number(core.now()));
        // Two who carve for the same child at once meet on this line, and one is refused.
        let only_one = |account: &Account, ceiling: i64| {
            if account.budget() == CARVED && account.unit() == &Unit::Requests { number } else { ceiling }
        };
        let ceilings: Vec<(Account, i64)> =
            binding.claim.lines().iter().map(|line| (line.account.clone(), line.ceiling)).collect();
        let ceiling = |account: &Account| {
            let own = ceilings.iter().find(|(known, _)| known == account);
            only_one(account, own.map_or(i64::MAX, |(_, ceiling)| *ceiling))
        };
        let claim = under(&binding, binding.claim.scopes(), ceiling)?;
        let asked = Self::amounts_of(&claim, &unit, (part, part, 0), number);
        let id = id_of(number, &parent.root, child);
        let terms = Terms { expires_at: parent.deadline().unwrap_or(Timestamp::MAX), charged: true };
        let (reply, held) = post::hold(core, id, &claim, &asked, terms).await?;
        if held.is_none() {
            return match Self::find(enforcer, parent, child).await? {
                Some(carve) => Ok(Taken::Carve(carve, None)),
                None => Ok(Taken::Refused(refusal(core, &binding, asked, reply))),
            };
        }
        core.tell_news(&claim, reply.news);
        let ended = AtomicBool::new(false);
        let carve =
            Self { child: child.clone(), unit, part, number, id, binding, ended, calls: Mutex::default() };
        Ok(Taken::Carve(Arc::new(carve), held))
    }

    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    /// Takes note of calls that are counted in the part.
    pub(super) fn watch(&self, lines: &Arc<[Arc<Budget>]>) {
        let mut calls = self.calls.lock();
        calls.retain(|lines| lines.strong_count() > 0);
        calls.push(Arc::downgrade(lines));
    }

    /// Whether anybody in this process may still report what a call of the child used.
    fn is_awaited(&self, enforcer: &Enforcer) -> bool {
        enforcer.undelivered() > 0 || self.calls.lock().iter().any(|lines| lines.strong_count() > 0)
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
    /// Until the last of its calls has reported, what changes below is posted above.
    ///
    /// Calls of the child that are still in flight keep theirs: the hold shrinks to them.
    pub(super) async fn settle(&self, enforcer: &Enforcer) -> Result<bool, Error> {
        for _ in 0..LOOKS_MAX {
            // Asked before the books are read: a report in between is seen by the next look.
            let is_last = !self.is_awaited(enforcer);
            let look = Look::at(enforcer, &self.binding, &self.child, &self.unit).await?;
            match self.settle_by(enforcer, &look, is_last).await {
                // The hold was charged by its age and forgotten since: that charge stands.
                Err(error) if error.kind() == ErrorKind::Forgotten => return Ok(true),
                Err(error) if was_beaten(&error) => {}
                done => return done,
            }
        }
        Ok(false)
    }

    async fn settle_by(&self, enforcer: &Enforcer, look: &Look, is_last: bool) -> Result<bool, Error> {
        let core = enforcer.core();
        let missing = look.child.spent.saturating_sub(look.posted.spent);
        let in_flight = look.child.reserved;
        let stands = look.numbered.reserved > 0;
        let expired = !stands && look.carved.spent > 0;
        if (stands || expired) && in_flight == 0 {
            let charged = self.amounts((missing.max(0), 0, missing.max(0)));
            reconcile(core, self.id, &self.binding, &charged).await?;
            return Ok(is_last);
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
        Ok(in_flight == 0 && is_last)
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
        lines.push(line(CARVED, child, Unit::Requests, None));
        lines.push(line(POSTED, child, unit.clone(), None));
        let call = parent.call_for(parent.chain().map(|run| run.scope().clone()).chain([child.clone()]));
        let mut binding = bind(enforcer, &call, lines, |bound| is_run_line(bound.account.budget()))?;
        binding.model = compact_str::format_compact!("{child}");
        Ok(Arc::new(binding))
    }

    fn amounts(&self, figures: (i64, i64, i64)) -> post::Amounts {
        Self::amounts_of(&self.binding, &self.unit, figures, self.number)
    }

    /// On the payers' lines, as carved, and as posted.
    fn amounts_of(
        binding: &Binding,
        unit: &Unit,
        (above, carved, posted): (i64, i64, i64),
        number: i64,
    ) -> post::Amounts {
        amounts(binding, |account| match account.budget() {
            CARVED if account.unit() == unit => carved,
            CARVED => number,
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
            line(CARVED, child, Unit::Requests, None),
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
            numbered: find(CARVED, &Unit::Requests),
            posted: find(POSTED, unit),
        })
    }
}

/// The lower bits of a hold's number tell it from others of the same millisecond.
const NUMBER_BITS: u32 = 20;

/// A number for a hold that is made now, with which none was made before.
fn new_number(now: Timestamp) -> i64 {
    let bits = ReservationId::generate(now).to_bits();
    // A thread's random prefix lies above its counter.
    let low = (bits ^ bits.wrapping_shr(40)) & ((1 << NUMBER_BITS) - 1);
    let millis = now.as_millis().max(0).wrapping_shl(NUMBER_BITS);
    millis | i64::try_from(low).unwrap_or(0)
}

/// The id of a child's hold, made again from the number that its books tell.
fn id_of(number: i64, root: &Root, child: &Scope) -> ReservationId {
    // FNV-1a with 128 bits: the same in every process, unlike the standard library's.
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let name = root.name().bytes().chain([0]).chain(child.name().bytes());
    let bytes = name.chain(number.to_be_bytes());
    let hash = bytes.fold(BASIS, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
    let millis = u128::try_from(number.wrapping_shr(NUMBER_BITS)).unwrap_or(0);
    ReservationId::from_bits(millis.wrapping_shl(80) | (hash & ((1 << 80) - 1)))
}
