//! How does a run speak to the ledger for itself, not for a call?
//!
//! Births, parts, limits and restored figures are holds like any other, which are charged once everything stands. `OwnHold` is such
//! a hold until then: dropped, it gives its room back, so a future that is dropped half way leaves nothing behind.
//!
//! Several processes may do the same at once. None of them locks: each puts its claim under a ceiling that only one of them
//! fits (`under`), the ledger refuses the others, and whoever was refused reads what the winner wrote.

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::engine::{Core, Pending};
use crate::ledger::{
    Attribution, Certainty, Note, OnExpiry, Outcome, Reconcile, Record, Reply, Reserve, Resize,
};
use crate::policy::{Budget, is_run_line};
use crate::values::{Account, Balance, Binding, Claim, ClaimLine, Period, ReservationId, Terms, Timestamp};
use crate::{Call, Enforcer, Error, ErrorKind, Scope};

/// An amount for each line of a binding.
pub(super) type Amounts = SmallVec<[i64; 8]>;

/// Resolves lines of runs for everybody whom the call names, without those of the policy that `keep` leaves out.
pub(super) fn bind(
    enforcer: &Enforcer,
    call: &Call,
    budgets: Vec<Budget>,
    keep: impl Fn(&Terms) -> bool,
) -> Result<Binding, Error> {
    budgets.iter().try_for_each(Budget::check)?;
    let own: Vec<Arc<Budget>> = budgets.into_iter().map(Arc::new).collect();
    let binding = enforcer.policy().bind_with(call, &own, Some(&enforcer.prices()), enforcer.now())?;
    let lines = binding.claim.lines().iter().cloned().zip(binding.terms);
    let (lines, bound): (Vec<_>, Vec<_>) = lines.filter(|(_, bound)| keep(bound)).unzip();
    let claim = Claim::new(binding.claim.tenant().clone(), binding.claim.scopes(), lines)?;
    // What a run posts for itself is no call.
    Ok(Binding { claim, terms: bound, unbound: None, ..binding })
}

/// The same with lines of runs alone.
pub(super) fn bind_own(enforcer: &Enforcer, call: &Call, budgets: Vec<Budget>) -> Result<Binding, Error> {
    bind(enforcer, call, budgets, |bound| is_run_line(bound.account.budget()))
}

/// The same lines under other ceilings, and for the scopes named alone.
///
/// A ceiling makes a line a meeting place: under a ceiling of 1, only the first of two who bring 1 fits. Without scopes no mark
/// refuses the claim, so that the books of a run that was stopped can still be put right.
pub(super) fn under(
    binding: &Binding,
    scopes: &[Scope],
    ceiling: impl Fn(&ClaimLine) -> i64,
) -> Result<Arc<Binding>, Error> {
    let mut lines = binding.claim.lines().to_vec();
    lines.iter_mut().for_each(|line| line.ceiling = ceiling(line));
    let claim = Claim::new(binding.claim.tenant().clone(), scopes, lines)?;
    Ok(Arc::new(Binding { claim, ..binding.clone() }))
}

/// An amount for each line.
pub(super) fn amounts(binding: &Binding, amount: impl Fn(&Account) -> i64) -> Amounts {
    binding.terms.iter().map(|bound| amount(&bound.account)).collect()
}

/// Balances of lines, in their order.
pub(super) async fn read(core: &Core, bound: &[Terms]) -> Result<Vec<Balance>, Error> {
    let lines: Vec<(Account, Period)> =
        bound.iter().map(|bound| (bound.account.clone(), bound.period)).collect();
    core.ledger.balances(&lines).await
}

/// A hold that is released when this is dropped, unless somebody keeps it or charges it.
///
/// The future around it may be dropped at any point, and then nothing that was half done stays held.
pub(super) struct OwnHold {
    core: Arc<Core>,
    id: ReservationId,
    binding: Arc<Binding>,
    /// Somebody else ends it.
    is_kept: bool,
}

impl fmt::Debug for OwnHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnHold({})", self.id)
    }
}

impl OwnHold {
    /// The hold's id.
    pub(super) fn id(&self) -> ReservationId {
        self.id
    }

    /// It stands: somebody else ends it.
    pub(super) fn keep(mut self) {
        self.is_kept = true;
    }

    /// Charges these amounts in its place; where the ledger needs to be waited for, by the outbox.
    pub(super) fn charge(mut self, amounts: Amounts, note: Note) {
        self.is_kept = true;
        self.core.end_without_waiting(Pending::Reconcile {
            id: self.id,
            binding: Arc::clone(&self.binding),
            amounts,
            held: SmallVec::new(),
            certainty: Certainty::Reported,
            note,
            correction: None,
        });
    }
}

impl Drop for OwnHold {
    fn drop(&mut self) {
        if !self.is_kept {
            self.core.end_without_waiting(Pending::Release {
                id: self.id,
                binding: Arc::clone(&self.binding),
                note: Note::default(),
            });
        }
    }
}

/// When a hold ends by itself, and what it is charged then.
#[derive(Clone, Copy, Debug)]
pub(super) struct HoldTerms {
    pub(super) expires_at: Timestamp,
    pub(super) on_expiry: OnExpiry<'static>,
}

/// Holds these amounts: the ledger's reply, and the hold if it was applied.
pub(super) async fn hold(
    core: &Arc<Core>,
    id: ReservationId,
    binding: &Arc<Binding>,
    amounts: &[i64],
    terms: HoldTerms,
) -> Result<(Reply, Option<OwnHold>), Error> {
    if core.outbox.len() > 0 {
        // What waits is sent first, so that this sees the room it gives back.
        core.flush().await?;
    }
    let HoldTerms { expires_at, on_expiry } = terms;
    let note = &Note::default();
    let command = Reserve { id, claim: &binding.claim, amounts, expires_at, on_expiry, note, now: None };
    // Until the ledger has answered, nobody knows whether it arrived.
    let held = OwnHold { core: Arc::clone(core), id, binding: Arc::clone(binding), is_kept: false };
    let now = core.now();
    let reply = core.reserve(now, command).await;
    core.heard(&reply);
    let reply = reply?;
    if reply.outcome == Outcome::Applied {
        return Ok((reply, Some(held)));
    }
    held.keep();
    Ok((reply, None))
}

/// The same for as long as a command may be under way.
pub(super) async fn hold_briefly(
    core: &Arc<Core>,
    binding: &Arc<Binding>,
    amounts: &[i64],
    on_expiry: OnExpiry<'static>,
) -> Result<(Reply, Option<OwnHold>), Error> {
    let now = core.now();
    let terms = HoldTerms { expires_at: now + core.hold_grace, on_expiry };
    hold(core, ReservationId::generate(now), binding, amounts, terms).await
}

/// Charges these amounts if they fit, and says whether they did.
///
/// They are held first: a hold is refused by a ceiling, which a posting is not.
pub(super) async fn charge_if_it_fits(
    core: &Arc<Core>,
    binding: &Arc<Binding>,
    amounts: &[i64],
    on_expiry: OnExpiry<'static>,
) -> Result<bool, Error> {
    let (_, held) = hold_briefly(core, binding, amounts, on_expiry).await?;
    let Some(held) = held else { return Ok(false) };
    reconcile(core, held.id(), binding, amounts).await?;
    held.keep();
    Ok(true)
}

/// Charges a hold in place of what it holds.
pub(super) async fn reconcile(
    core: &Core,
    id: ReservationId,
    binding: &Binding,
    amounts: &[i64],
) -> Result<(), Error> {
    let note = &Note::default();
    let command = Reconcile {
        id,
        claim: &binding.claim,
        amounts,
        certainty: Certainty::Reported,
        attribution: None,
        note,
        now: None,
    };
    let reply = core.reconcile(core.now(), command).await?;
    core.tell_effects(binding, reply.effects);
    Ok(())
}

/// Shrinks a hold.
pub(super) async fn shrink(
    core: &Core,
    id: ReservationId,
    binding: &Binding,
    amounts: &[i64],
) -> Result<(), Error> {
    let command = Resize { id, claim: &binding.claim, amounts, expires_at: None, now: None };
    let reply = core.resize(core.now(), command).await?;
    core.tell_effects(binding, reply.effects);
    Ok(())
}

/// Posts signed amounts, for an audit to read.
pub(super) async fn record(
    core: &Core,
    binding: &Binding,
    amounts: &[i64],
    corrects: Option<ReservationId>,
    attribution: &Attribution,
) -> Result<(), Error> {
    let now = core.now();
    let (id, note) = (ReservationId::generate(now), &Note::default());
    let command =
        Record { id, used_at: None, claim: &binding.claim, amounts, corrects, attribution, note, now: None };
    let reply = core.record(now, command).await?;
    core.tell_effects(binding, reply.effects);
    Ok(())
}

/// Whether somebody else was faster, so that the books want another look.
pub(super) fn was_beaten(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Conflict | ErrorKind::State | ErrorKind::Forgotten)
}
