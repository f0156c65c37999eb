//! One trip to the ledger: what is sent, and what the reply means.
//!
//! An attempt has an id from the moment it is drafted, and each attempt has an id of its own: a call that is counted after a
//! refusal is asked for under a second one. What may go wrong between sending and answer:
//!
//! * the caller drops the future: `Undo` leaves a release in the outbox, since the hold may have been made;
//! * the ledger does not answer: the same release, and the call fails or goes out unheld ([`OnOutage`](super::OnOutage));
//! * the ledger answers `Stale`: nothing was held, and the caller resolves anew;
//! * the ledger answers that the id is too old, because the call was held up or many others ended since, or made for a day to come:
//!   what this process took for the ledger's time was wrong, and the answer tells the right one. Nothing was executed under the
//!   id, since nobody sent it before: the attempt asks once more under a new one, and for as long as it asked first.
//!
//! A release for a hold that was never made leaves a tombstone, so that a reserve which arrives after it holds nothing.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::decision::{Judged, judge};
use crate::engine::{Aside, OnAbandon, Pending, Plan, Quoted, frozen_scopes, is_misdated};
use crate::ledger::{Answer, Effects, Later, Note, OnExpiry, Outcome, Reply, Reserve};
use crate::reservation::Open;
use crate::values::{Balance, ReservationId, Timestamp};
use crate::{Decision, Error, Reservation, Verdict};

/// What became of asking for room.
///
/// A refusal is an answer, so it is no [`Error`](crate::Error): the ledger worked, and said no. Whoever prefers `?` calls
/// [`or_refusal`](Self::or_refusal), whose error is the [`Decision`].
///
/// # Example: one request a day
/// ```
/// use token_budget::usage::Unit;
/// use token_budget::{Admission, Budget, Call, Enforcer, Policy, Scope, Usage, Window};
///
/// let one = Budget::count("search", Scope::team("search")?, Unit::Requests, 1, Window::day());
/// let enforcer = Enforcer::builder().policy(Policy::new([one])?).build();
/// let call = Call::new("gpt-4o").team("search").input_tokens(10).output_tokens(10);
///
/// match enforcer.reserve(&call).wait()? {
///     Admission::Admitted(reservation) => drop(reservation.send().reconcile(Usage::of(10, 7)).wait()?),
///     Admission::Refused(decision) => panic!("{decision}"),
/// }
/// let refused = enforcer.reserve(&call).wait()?.or_refusal().unwrap_err();
/// let line = &refused.refusals()[0];
/// assert_eq!((line.spent, line.requested, line.limit), (1, 1, Some(1)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "dropping an admission gives the room back"]
pub enum Admission {
    /// Room is held: send the call.
    Admitted(Reservation),
    /// At least one budget refuses: do not send it.
    Refused(Box<Decision>),
}

impl Admission {
    /// Whether room is held.
    #[must_use]
    pub fn is_admitted(&self) -> bool {
        matches!(self, Self::Admitted(_))
    }

    /// The reservation, or the refusal as an error.
    ///
    /// # Errors
    /// The decision, where a budget refuses.
    pub fn or_refusal(self) -> Result<Reservation, Box<Decision>> {
        match self {
            Self::Admitted(reservation) => Ok(reservation),
            Self::Refused(decision) => Err(decision),
        }
    }
}

impl std::error::Error for Decision {}

/// What one trip to the ledger came to.
pub(super) enum Attempt {
    /// Room is held, a line has none, or a scope is frozen.
    Answered(Admission),
    /// A period of the plan is not the ledger's: it has this instant.
    Stale(Timestamp),
}

/// The call as it will be held, under an id of its own; with what only observes, where anything does.
pub(super) fn draft(
    plan: &Arc<Plan>,
    exempt: bool,
    quoted: &Quoted<'_>,
    now: Timestamp,
) -> Result<Box<Open>, Error> {
    let mut open = Open::drafted(plan, exempt, quoted, now)?;
    open.observed = plan.observed(exempt, quoted);
    Ok(open)
}

/// Asks for room. What is to come takes the hold back, should it be dropped while the ledger thinks.
///
/// The reserve says as well what expiry charges, so that no second trip need mark the sending.
#[inline]
pub(super) fn send(open: &mut Open, now: Timestamp) -> Sent {
    match send_once(open, now) {
        Sent::Answered(Err(error)) if is_misdated(&error, open.id) => send_anew(open),
        sent => sent,
    }
}

/// Asks once more under a new id.
#[cold]
fn send_anew(open: &mut Open) -> Sent {
    let now = open.plan.core.now();
    open.id = ReservationId::generate(now);
    open.reach.expires_at = now + open.reach.life;
    send_once(open, now)
}

#[inline]
fn send_once(open: &Open, now: Timestamp) -> Sent {
    let plan = &open.plan;
    let floor;
    let on_expiry = match open.abandoned() {
        OnAbandon::Hold => OnExpiry::Hold,
        OnAbandon::Release => OnExpiry::Nothing,
        OnAbandon::InputFloor => {
            floor = open.expired_amounts();
            OnExpiry::Amounts(&floor)
        }
    };
    let command = Reserve {
        id: open.id,
        claim: &open.binding().claim,
        amounts: &open.amounts,
        expires_at: open.reach.expires_at,
        on_expiry,
        note: &plan.note,
        now: None,
    };
    match plan.core.reserve(now, command) {
        Answer::Now(reply) => {
            plan.core.heard(&reply);
            Sent::Answered(reply)
        }
        Answer::Later(reply) => {
            let undo = Undo { plan: Some(Arc::clone(plan)), exempt: open.exempt, id: open.id };
            Sent::UnderWay(UnderWay { reply, undo })
        }
    }
}

/// What the ledger's reply means; the quote is the one it was drafted by, which a refusal shows.
#[inline]
pub(super) fn conclude(
    open: Box<Open>,
    quoted: &Quoted<'_>,
    reply: Result<Reply, Error>,
) -> Result<Attempt, Error> {
    match reply {
        Ok(Reply { outcome: Outcome::Applied, now, balances, effects, .. }) => {
            Ok(Attempt::Answered(admitted(open, now, balances, effects)))
        }
        Ok(reply) => Ok(not_applied(open, quoted, reply)),
        Err(error) => failed(open, error).map(Attempt::Answered),
    }
}

/// The reservation, and events for what came to light.
#[inline]
fn admitted(
    mut open: Box<Open>,
    now: Timestamp,
    balances: SmallVec<[Balance; 8]>,
    effects: Option<Box<Effects>>,
) -> Admission {
    open.verdict = judge(open.binding(), &balances, &open.amounts);
    (open.balances, open.now, open.sent_at) = (balances, now, now);
    if let (Some(observed), Some(effects)) = (&mut open.observed, &effects) {
        observed.frozen.clone_from(&effects.frozen);
    }
    let says_anything = open.binding().unbound.is_some() || open.plan.priced_as.is_some();
    let reservation = Reservation::of(open);
    // Told once the hold has its owner: an observer that panics leaks nothing.
    if effects.is_some() || says_anything {
        tell_admitted(&reservation, effects);
    }
    Admission::Admitted(reservation)
}

/// Events for what the reserve brought to light, and for a call that nobody limits or that has no price of its own.
#[cold]
fn tell_admitted(reservation: &Reservation, effects: Option<Box<Effects>>) {
    let (plan, binding) = (reservation.plan(), reservation.binding());
    plan.core.tell_effects(binding, effects);
    if binding.passes_unbound() {
        plan.core.tell_unbound(reservation.id(), binding);
    }
    if plan.priced_as.is_some() {
        plan.core.tell_priced_as(reservation.id(), plan);
    }
}

/// A refusal, or a plan whose period is not the ledger's.
#[cold]
fn not_applied(mut open: Box<Open>, quoted: &Quoted<'_>, reply: Reply) -> Attempt {
    let Reply { outcome, now, balances, effects, .. } = reply;
    let binding = Arc::clone(open.binding());
    if outcome == Outcome::Stale {
        open.plan.core.tell_effects(&binding, effects);
        return Attempt::Stale(now);
    }
    let frees_up = effects.iter().flat_map(|effects| &effects.frees_up);
    let frees_up = frees_up.map(|frees_up| (frees_up.line, frees_up.periods)).collect();
    let frozen = frozen_scopes(effects.as_deref());
    let aside = Aside { frozen, observed: open.observed.take(), ..Aside::default() };
    let requested = std::mem::take(&mut open.amounts);
    let plan = &open.plan;
    plan.core.tell_effects(&binding, effects);
    let judged = Judged { binding, balances, requested, frees_up, now };
    let decision = Box::new(plan.explained(judged, quoted, aside));
    plan.core.tell_refused(open.id, &decision);
    Attempt::Answered(Admission::Refused(decision))
}

/// Nobody knows whether the ledger heard: the hold is taken back, and the call fails or goes out unheld.
#[cold]
fn failed(open: Box<Open>, error: Error) -> Result<Admission, Error> {
    if !error.is_retryable() {
        return Err(error);
    }
    let (core, binding) = (&open.plan.core, open.binding());
    // Nobody knows whether it arrived; this takes it back if it did.
    core.outbox.push(Pending::Release { id: open.id, binding: Arc::clone(binding), note: Note::default() });
    core.save_outbox();
    if binding.observes_only || core.outage.admits(open.priced.usd) {
        return Ok(Admission::Admitted(unheld(open)));
    }
    Err(error)
}

/// Lets the call out without a hold: its usage is recorded when the ledger is back.
pub(super) fn unheld(mut open: Box<Open>) -> Reservation {
    let now = open.plan.core.now();
    // The ledger may have heard of the other id, under which this call was never made.
    open.id = ReservationId::generate(now);
    open.balances = open.amounts.iter().map(|_| Balance::default()).collect();
    (open.held, open.verdict) = (false, Verdict::Warn);
    (open.now, open.sent_at) = (now, now);
    let reservation = Reservation::of(open);
    tell_admitted(&reservation, None);
    reservation
}

/// Asks the ledger for room, as part of a walk: awaits the answer if it is to come.
pub(super) async fn hold(
    plan: &Arc<Plan>,
    exempt: bool,
    quoted: &Quoted<'_>,
    now: Timestamp,
) -> Result<Attempt, Error> {
    let mut open = draft(plan, exempt, quoted, now)?;
    let reply = match send(&mut open, now) {
        Sent::Answered(reply) => reply,
        Sent::UnderWay(under_way) => under_way.reply(&mut open).await,
    };
    conclude(open, quoted, reply)
}

/// How far a reserve has come: matched once, so that an answer of now costs no future.
pub(super) enum Sent {
    Answered(Result<Reply, Error>),
    UnderWay(UnderWay),
}

/// A reserve that the ledger has not answered yet.
pub(super) struct UnderWay {
    reply: Later<'static, Reply>,
    undo: Undo,
}

impl UnderWay {
    /// The ledger's reply; to the same call under a new id, where the first was too old.
    pub(super) async fn reply(self, open: &mut Open) -> Result<Reply, Error> {
        match self.first_reply().await {
            Err(error) if is_misdated(&error, open.id) => match send_anew(open) {
                Sent::Answered(reply) => reply,
                Sent::UnderWay(under_way) => under_way.first_reply().await,
            },
            reply => reply,
        }
    }

    async fn first_reply(self) -> Result<Reply, Error> {
        let Self { reply, mut undo } = self;
        let reply = reply.await;
        if let Some(plan) = undo.plan.take() {
            plan.core.heard(&reply);
        }
        reply
    }
}

/// Takes a reserve back that was cancelled on its way.
struct Undo {
    /// None once it has been answered.
    plan: Option<Arc<Plan>>,
    exempt: bool,
    id: ReservationId,
}

impl Drop for Undo {
    fn drop(&mut self) {
        if let Some(plan) = &self.plan {
            let binding = Arc::clone(plan.binding(self.exempt));
            plan.core.outbox.push(Pending::Release { id: self.id, binding, note: Note::default() });
        }
    }
}
