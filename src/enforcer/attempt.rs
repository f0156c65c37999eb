//! One trip to the ledger: what is sent, and what the reply means.
//!
//! An attempt has an id from the moment it is drafted, and each attempt has an id of its own: a call that is counted after a
//! refusal is asked for under a second one. What may go wrong between sending and answer:
//!
//! * the caller drops the future: `Undo` leaves a release in the outbox, since the hold may have been made;
//! * the ledger does not answer: the same release, and the call fails or goes out unheld ([`OnOutage`](super::OnOutage));
//! * the ledger answers `Stale`: nothing was held, and the caller resolves anew.
//!
//! A release for a hold that was never made leaves a tombstone, so that a reserve which arrives after it holds nothing.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::decision::{Judged, amounts, judge};
use crate::engine::{OnAbandon, Pending, Plan, Priced, Quoted, refusal, with_frozen};
use crate::ledger::{Answer, Later, Note, OnExpiry, Outcome, Reply, Reserve};
use crate::reservation::{Reach, Reservation};
use crate::values::verdict::Observed;
use crate::values::{Binding, ReservationId, Timestamp};
use crate::{Decision, Error};

/// What one trip to the ledger brought.
pub(super) enum Attempt {
    /// Room is held.
    Admitted(Reservation),
    /// A line has no room, or a scope is frozen.
    Refused(Box<Decision>),
    /// A period of the plan is not the ledger's: it has this instant.
    Stale(Timestamp),
}

/// A reserve that is ready to be sent: its id stands for this attempt from now on.
pub(super) struct Draft {
    plan: Arc<Plan>,
    /// Under the exemption's own budget, or on the scope's own lines.
    exempt: bool,
    id: ReservationId,
    amounts: SmallVec<[i64; 8]>,
    held: Priced,
    reach: Reach,
    /// What it is charged if it expires, where that is its input alone.
    floor: Option<SmallVec<[i64; 8]>>,
    /// What would refuse it beside the budgets, were it enforced.
    observed: Option<Box<Observed>>,
}

impl Draft {
    #[inline]
    pub(super) fn new(
        plan: &Arc<Plan>,
        exempt: bool,
        quoted: &Quoted<'_>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let (core, ask) = (&*plan.core, &quoted.ask);
        let binding = plan.binding(exempt);
        let life = ask.timeout.unwrap_or_default().saturating_add(core.hold_grace);
        Ok(Self {
            plan: Arc::clone(plan),
            exempt,
            id: ReservationId::generate(now),
            amounts: quoted.amounts(binding)?,
            held: quoted.held,
            reach: Reach {
                excess: quoted.excess,
                choices: ask.choices,
                echoes: ask.echoes,
                is_limited: ask.limit.stops,
                is_written: ask.limit.is_written,
                limit_is_ours: false,
                hidden: plan.hidden(ask),
                by_slices: ask.slice.is_some(),
                life,
                expires_at: now + life,
            },
            observed: plan.observed(exempt, quoted),
            floor: if core.abandoned == OnAbandon::InputFloor && !ask.in_background {
                Some(floor(plan, binding, quoted.held)?)
            } else {
                None
            },
        })
    }

    fn binding(&self) -> &Arc<Binding> {
        self.plan.binding(self.exempt)
    }

    /// The reserve, with what expiry charges: the enforcer's choice for calls that nobody saw the end of.
    #[inline]
    pub(super) fn command(&self) -> Reserve<'_> {
        let on_expiry = match (&self.floor, self.plan.core.abandoned) {
            (Some(floor), _) => OnExpiry::Amounts(floor),
            (None, OnAbandon::Release) if !self.reach.hidden.in_background => OnExpiry::Nothing,
            (None, _) => OnExpiry::Hold,
        };
        Reserve {
            id: self.id,
            claim: &self.binding().claim,
            amounts: &self.amounts,
            expires_at: self.reach.expires_at,
            on_expiry,
            note: &self.plan.note,
            now: None,
        }
    }

    /// Asks for room. What is to come takes the hold back, should it be dropped while the ledger thinks.
    #[inline]
    pub(super) fn send(&self, now: Timestamp) -> Sent {
        match self.plan.core.reserve(now, self.command()) {
            Answer::Now(reply) => {
                self.plan.core.heard(now, &reply);
                Sent::Answered(reply)
            }
            Answer::Later(reply) => {
                let undo = Undo { plan: Some(Arc::clone(&self.plan)), exempt: self.exempt, id: self.id };
                Sent::UnderWay(UnderWay { reply, undo, now })
            }
        }
    }

    /// What the ledger's reply means; the quote is the one it was drafted by, which a refusal shows.
    #[inline]
    pub(super) fn conclude(self, quoted: &Quoted<'_>, reply: Result<Reply, Error>) -> Result<Attempt, Error> {
        match reply {
            Ok(Reply { outcome: Outcome::Applied, now, balances, effects, .. }) => {
                Ok(Attempt::Admitted(self.admitted(now, balances, effects)))
            }
            Ok(reply) => Ok(self.not_applied(quoted, reply)),
            Err(error) => self.failed(error),
        }
    }

    /// The reservation, and events for what came to light.
    #[inline]
    fn admitted(
        self,
        now: Timestamp,
        balances: SmallVec<[crate::values::Balance; 8]>,
        effects: Option<Box<crate::ledger::Effects>>,
    ) -> Reservation {
        let Self { plan, exempt, id, amounts, held, reach, observed, .. } = self;
        let observed = with_frozen(observed, effects.as_deref());
        let verdict = judge(plan.binding(exempt), &balances, &amounts);
        let reservation = Reservation::new(plan, exempt, id, amounts, held, balances, verdict, now)
            .reaching(reach)
            .observing(observed);
        let plan = reservation.plan();
        // Told once the hold has its owner: an observer that panics leaks nothing.
        plan.core.tell_news(plan.binding(exempt), effects);
        if plan.binding(exempt).passes_unbound() {
            plan.core.tell_unbound(id, plan.binding(exempt));
        }
        if plan.priced_as.is_some() {
            plan.core.tell_priced_as(id, plan);
        }
        reservation
    }

    /// A refusal, or a plan whose period is not the ledger's.
    #[cold]
    fn not_applied(self, quoted: &Quoted<'_>, reply: Reply) -> Attempt {
        let Reply { outcome, now, balances, effects, .. } = reply;
        if outcome == Outcome::Stale {
            self.plan.core.tell_news(self.binding(), effects);
            return Attempt::Stale(now);
        }
        let frees_up = effects.iter().flat_map(|effects| &effects.frees_up);
        let frees_up = frees_up.map(|frees_up| (frees_up.line, frees_up.periods)).collect();
        let binding = Arc::clone(self.binding());
        let judged = Judged { binding, balances, requested: self.amounts, frees_up, now };
        let decision = refusal(&self.plan, quoted, judged, effects, self.observed);
        self.plan.core.tell_refused(self.id, &decision);
        Attempt::Refused(decision)
    }

    /// Nobody knows whether the ledger heard: the hold is taken back, and the call fails or goes out unheld.
    #[cold]
    fn failed(self, error: Error) -> Result<Attempt, Error> {
        if !error.is_retryable() {
            return Err(error);
        }
        let (core, binding) = (Arc::clone(&self.plan.core), Arc::clone(self.binding()));
        // Nobody knows whether it arrived; this takes it back if it did.
        core.outbox.push(Pending::Release { id: self.id, binding, note: Note::default() });
        core.save_outbox();
        if self.binding().observes_only || core.outage.admits(self.held.usd) {
            return Ok(Attempt::Admitted(self.unheld()));
        }
        Err(error)
    }

    /// Lets the call out without a hold: its usage is recorded when the ledger is back.
    pub(super) fn unheld(self) -> Reservation {
        let Self { plan, exempt, amounts, held, reach, observed, .. } = self;
        let now = plan.core.now();
        let id = ReservationId::generate(now);
        let reservation =
            Reservation::unheld(plan, exempt, id, amounts, held, now).reaching(reach).observing(observed);
        let plan = reservation.plan();
        if plan.binding(exempt).passes_unbound() {
            plan.core.tell_unbound(id, plan.binding(exempt));
        }
        if plan.priced_as.is_some() {
            plan.core.tell_priced_as(id, plan);
        }
        reservation
    }
}

/// Asks the ledger for room, as part of a walk: awaits the answer if it is to come.
pub(super) async fn hold(
    plan: &Arc<Plan>,
    exempt: bool,
    quoted: &Quoted<'_>,
    now: Timestamp,
) -> Result<Attempt, Error> {
    let draft = Draft::new(plan, exempt, quoted, now)?;
    let reply = match draft.send(now) {
        Sent::Answered(reply) => reply,
        Sent::UnderWay(under_way) => under_way.reply().await,
    };
    draft.conclude(quoted, reply)
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
    now: Timestamp,
}

impl UnderWay {
    /// The ledger's reply.
    pub(super) async fn reply(self) -> Result<Reply, Error> {
        let Self { reply, mut undo, now } = self;
        let reply = reply.await;
        if let Some(plan) = undo.plan.take() {
            plan.core.heard(now, &reply);
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

/// What an abandoned call is charged where that is its input alone.
fn floor(plan: &Plan, binding: &Binding, priced: Priced) -> Result<SmallVec<[i64; 8]>, Error> {
    amounts(binding, &plan.price(priced.tokens_input, 0, 1)?.amount())
}
