//! Which model of a run's ladder has room, and whom does a refusal end?
//!
//! A call of a run is an ordinary call with more lines: the run's own, and those of every run above that shares with it. Its model
//! is tried, then each rung below it, and the first refusal is the answer if none fits.
//!
//! A refusal by a limit of the run's own ends the run, and by one of a run above ends that one; `short` remembers it for the
//! report. A team's empty month ends nobody: it may be full again tomorrow. Nor does room that is held for calls in flight.
//!
//! Marks and grants made in other processes cost no look on the way of an admitted call. They are read when a call was
//! refused: a call that lacks dollars asks what was granted since, and if that is more, it is asked for once more.

use std::sync::Arc;

use super::late::LateCalls;
use super::limits::LimitView;
use super::opened::{Opened, Resolved};
use crate::enforcer::Prepared;
use crate::engine::{Ladder, Walk, same_charge};
use crate::policy::is_run_line;
use crate::values::{Refusal, RefusalKind, Timestamp, Unit};
use crate::{Admission, Call, Decision, Enforcer, Error, Event, Scope};

/// How many charge sets of one run are kept resolved.
const PREPARED_MAX: usize = 16;

/// A run, and the enforcer through which its calls go: a guard's, or a call's that names the run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seat<'a> {
    pub(super) enforcer: &'a Enforcer,
    pub(super) run: &'a Arc<Opened>,
}

impl Seat<'_> {
    /// One call on the run's ladder: the strongest model that fits, or why the first does not.
    pub(super) async fn admit(self, call: &Call, is_final: bool) -> Result<Admission, Error> {
        let call = &self.charged(call)?;
        let mut refused = match self.ask(call, is_final).await? {
            Admission::Refused(decision) => decision,
            admitted => return Ok(admitted),
        };
        let ends = self.out_of_time(refused.at()).is_some() || !refused.frozen.is_empty();
        let ladder = if ends { Ladder::Stays } else { self.ladder() };
        let mut walk = Walk::new(self.enforcer.core(), &ladder);
        let mut weaker = call.clone();
        loop {
            match walk.below(&weaker, refused, |_| true) {
                Ok(model) => weaker = weaker.with_model(model),
                Err(first) => return self.refused(first).await,
            }
            match self.attempt(&weaker, is_final).await? {
                Admission::Refused(decision) => refused = decision,
                admitted => return Ok(admitted),
            }
        }
    }

    /// One call on its own model, for whoever cannot send it on another.
    pub(super) async fn admit_as_it_is(self, call: &Call) -> Result<Admission, Error> {
        match self.ask(&self.charged(call)?, false).await? {
            Admission::Refused(decision) => self.refused(decision).await,
            admitted => Ok(admitted),
        }
    }

    /// What the first model's lines say, and before them the run's time.
    async fn ask(self, call: &Call, is_final: bool) -> Result<Admission, Error> {
        if !call.models.is_empty() {
            return Box::pin(self.ask(&*self.enforcer.of_one_model(call)?, is_final)).await;
        }
        self.replace_ended().await?;
        let now = self.enforcer.now();
        match self.out_of_time(now) {
            Some(refusal) => {
                let prepared = self.prepared_for(call, is_final)?;
                prepared.refused_by(refusal, now).await.map(Admission::Refused)
            }
            None => {
                let admission = self.attempt(call, is_final).await?;
                self.tell_late(&admission, now);
                Ok(admission)
            }
        }
    }

    /// A run that observes is past its time: its call goes out, and somebody hears of it.
    fn tell_late(self, admission: &Admission, now: Timestamp) {
        let late = self.run.end_observed.as_ref().and_then(|end| end.refusal(now));
        if let (Admission::Admitted(reservation), Some(late)) = (admission, late) {
            let (id, model) = (reservation.id(), reservation.model().into());
            self.enforcer.core().tell(&Event::WouldRefuse { id, model, reason: late.to_string() });
        }
    }

    /// One model; asked again where somebody has granted more in the meantime.
    async fn attempt(self, call: &Call, is_final: bool) -> Result<Admission, Error> {
        if !call.models.is_empty() {
            return Box::pin(self.attempt(&*self.enforcer.of_one_model(call)?, is_final)).await;
        }
        let before = self.granted();
        let refused = match self.prepared_for(call, is_final)?.reserve_call(call).await? {
            Admission::Refused(decision) => decision,
            admitted => return Ok(admitted),
        };
        let short_of_usd = |refusal: &Refusal| {
            refusal.unit == Unit::Usd && is_run_line(&refusal.budget) && !waits(&refusal.kind)
        };
        if refused.refusals().iter().any(short_of_usd) {
            self.learn_grants().await?;
            if self.granted() > before {
                return self.prepared_for(call, is_final)?.reserve_call(call).await;
            }
        }
        Ok(Admission::Refused(refused))
    }

    /// Remembers which run a refusal ends: its own limits do, a team's empty month does not.
    async fn refused(self, decision: Box<Decision>) -> Result<Admission, Error> {
        // Room may be held for a run below that was closed elsewhere: the next call has it back.
        if !decision.frozen.is_empty() || self.run.top().look(|facts| !facts.carves.is_empty()) {
            self.learn_marks().await?;
        }
        if self.missing(&decision).is_none() {
            let refusals = decision.refusals();
            let ends = |refusal: &&Refusal| {
                matches!(
                    refusal.kind,
                    RefusalKind::RunLimit | RefusalKind::KeptBack | RefusalKind::Deadline { .. }
                )
            };
            for refusal in refusals.iter().filter(ends) {
                let ended = self.run.chain().find(|run| refusal.scope.as_ref() == Some(run.scope()));
                if let Some(run) = ended {
                    run.live.note(|facts| facts.short = Some(refusal.clone()));
                }
            }
        }
        Ok(Admission::Refused(decision))
    }

    /// The run's scope.
    pub(super) fn scope(&self) -> &Scope {
        self.run.scope()
    }

    /// The refusal of a run whose time is over, or that of a run above.
    pub(super) fn out_of_time(self, now: Timestamp) -> Option<Refusal> {
        self.run.end.as_ref().and_then(|end| end.refusal(now))
    }

    /// Its own ladder, else the policy's, where the run degrades at all.
    fn ladder(self) -> Ladder {
        let rungs = &self.run.rungs;
        if !rungs.ladder.is_empty() {
            return Ladder::Below(rungs.ladder.as_slice().into());
        }
        let degrades = self.run.chain().any(|run| run.rungs.degrade_at.is_some());
        if degrades { Ladder::Policy } else { Ladder::Stays }
    }

    /// The call with everybody who pays for it.
    pub(super) fn charged(self, call: &Call) -> Result<Call, Error> {
        // Its limits stand in the books of one organisation, and so must its calls.
        let charge = &self.run.charge;
        if call.organization_name().is_some_and(|name| Some(name) != charge.organization_name()) {
            return Err(Error::invalid(
                "call: organization",
                "is not the one that the run was opened to charge",
            ));
        }
        Ok(self.run.charged(call.clone()))
    }

    /// The call's charge set, resolved: kept for the run until more is granted.
    pub(super) fn prepared_for(self, call: &Call, is_final: bool) -> Result<Arc<Prepared>, Error> {
        let granted = self.granted();
        let mut resolved = self.run.resolved.lock();
        if resolved.granted != granted {
            *resolved = Resolved { granted, prepared: Vec::new() };
        }
        let known =
            |(known, last, _): &&(Call, bool, Arc<Prepared>)| *last == is_final && same_charge(known, call);
        if let Some((_, _, prepared)) = resolved.prepared.iter().find(known) {
            return Ok(Arc::clone(prepared));
        }
        let next_rung = self.ladder().next(self.enforcer.core(), call, 0);
        let view = LimitView { is_final, next_rung: next_rung.as_ref(), ..LimitView::default() };
        let own = LateCalls::bring(self.run, view);
        let prepared = Arc::new(self.enforcer.prepare_with(call, &own)?);
        if resolved.prepared.len() >= PREPARED_MAX {
            resolved.prepared.remove(0);
        }
        resolved.prepared.push((call.without_input(), is_final, Arc::clone(&prepared)));
        Ok(prepared)
    }
}

/// Whether room comes back by itself, or once a run below is closed.
fn waits(kind: &RefusalKind) -> bool {
    matches!(kind, RefusalKind::InFlight | RefusalKind::HeldForChild { .. })
}
