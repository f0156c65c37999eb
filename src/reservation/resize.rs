//! How does a hold grow with a call under way?
//!
//! The rule for what nobody knows is *the more of both*. While the ledger is asked to grow a hold from 20 to 30, the call counts
//! as holding 30: if its future is dropped, or the answer is lost, it is charged as if it held 30, because the ledger may have
//! it already. Only an answer brings it back to 20. Shrinking is the other way round: the call counts as holding 30 until the
//! ledger has said 20.
//!
//! Growth is judged by the limits of now, on the lines of then: a policy that was swapped since changes ceilings, and a
//! budget that is gone keeps its last one.

use std::sync::Arc;

use smallvec::SmallVec;

use super::InFlight;
use super::growing::{Grown, Resized};
use super::open::Open;
use crate::decision::{Judged, Quote, explain};
use crate::engine::{Priced, frozen_scopes};
use crate::ledger::{Answer, Outcome, Reply, Resize};
use crate::values::{Claim, ClaimLine, Excess, Timestamp};
use crate::{Decision, Error, ErrorKind, Usd};

/// Another size of a hold, before the ledger has agreed.
struct Draft {
    priced: Priced,
    amounts: SmallVec<[i64; 8]>,
    excess: Excess,
    claim: Option<Claim>,
    expires_at: Timestamp,
}

impl InFlight {
    /// Holds for so many output tokens, all choices together, and prolongs the hold from now.
    ///
    /// Growth is admitted like a reserve: in all budgets or in none, against the limits of now. Refused, the hold
    /// is as it was. Shrinking is never refused. Where the ledger fails, nobody knows whether it grew, and from
    /// here on the call counts as holding the more; ask again.
    ///
    /// # Errors
    /// `LedgerUnavailable` where the ledger cannot be reached, `State` where the hold has ended by age.
    ///
    /// # Example: an answer that outgrows its budget
    /// ```
    /// use token_budget::enforcer::Resized;
    /// use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usage, Usd, Window};
    ///
    /// let cent = Budget::usd("search", Scope::team("search")?, Usd::cents(1), Window::day());
    /// let enforcer = Enforcer::builder().policy(Policy::new([cent])?).build();
    /// let call = Call::new("gpt-4o").team("search").input_tokens(0).output_tokens(5_000).streaming(500);
    /// let mut in_flight = enforcer.reserve(&call).wait()?.or_refusal()?.send(); // half a cent is held
    /// assert!(matches!(in_flight.resize(1_000).wait()?, Resized::Done)); // the whole cent
    /// assert!(matches!(in_flight.resize(1_001).wait()?, Resized::Refused(_)));
    /// assert_eq!(in_flight.reconcile(Usage::of(0, 700)).wait()?.cost(), "0.007".parse()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resize(&mut self, output_tokens: u64) -> Answer<'_, Resized> {
        Answer::walk(self.resize_to(output_tokens))
    }

    /// The same as part of a longer walk.
    pub(crate) async fn resize_to(&mut self, output_tokens: u64) -> Result<Resized, Error> {
        match &mut self.open {
            Some(open) if open.plan.call.is_fixed() => Err(Error::invalid(
                "call: amount",
                "is fixed: it is reconciled with another, and holds no tokens",
            )),
            Some(open) => open.resize(output_tokens).await,
            None => Err(super::ended_before()),
        }
    }
}

impl Open {
    /// Asks for another size, whoever else may need room.
    async fn resize(&mut self, output_tokens: u64) -> Result<Resized, Error> {
        match self.resize_behind(output_tokens, &[]).await? {
            Grown::Done => Ok(Resized::Done),
            Grown::Refused(decision) => Ok(Resized::Refused(decision)),
            // Nobody is ahead of a call that asks for its room without looking.
            Grown::Waits => Err(Error::new(ErrorKind::State, "the call waits for room")),
        }
    }

    /// The same, where each line must have so much room besides.
    pub(super) async fn resize_behind(&mut self, output_tokens: u64, ahead: &[i64]) -> Result<Grown, Error> {
        let core = Arc::clone(&self.plan.core);
        let now = core.now();
        let draft = self.draft(output_tokens, now)?;
        if !self.held {
            return self.resize_unheld(draft).map(|()| Grown::Done);
        }
        let before = (self.priced, self.amounts.clone(), self.reach.excess, self.reach.expires_at);
        // Whoever drops this future halfway is charged the more of both: the ledger may have it already.
        if draft.priced.tokens_output > self.priced.tokens_output {
            self.take_over(draft.priced, draft.amounts.clone(), draft.excess, draft.expires_at);
        }
        let claim = draft.claim.as_ref().unwrap_or(&self.plan.binding(self.exempt).claim);
        let lowered =
            if ahead.iter().any(|ahead| *ahead > 0) { Some(Self::behind(claim, ahead)?) } else { None };
        let claim = lowered.as_ref().unwrap_or(claim);
        let command = Resize {
            id: self.id,
            claim,
            amounts: &draft.amounts,
            expires_at: Some(draft.expires_at),
            now: None,
        };
        let reply = core.resize(now, command).await?;
        if reply.outcome == Outcome::Applied {
            core.tell_effects(self.plan.binding(self.exempt), reply.effects);
            self.take_over(draft.priced, draft.amounts, draft.excess, draft.expires_at);
            self.tell_growing();
            return Ok(Grown::Done);
        }
        let (priced, amounts, excess, expires_at) = before;
        self.take_over(priced, amounts, excess, expires_at);
        if !ahead.is_empty() && self.may_come_back(&draft, &reply, ahead) {
            core.tell_effects(self.binding(), reply.effects);
            return Ok(Grown::Waits);
        }
        Ok(Grown::Refused(self.refused(&draft, reply)))
    }

    /// Whether others may give back the room that is lacking: on each line that has too little, or because it is
    /// kept for those who are older.
    fn may_come_back(&self, draft: &Draft, reply: &Reply, ahead: &[i64]) -> bool {
        if reply.effects.as_deref().is_some_and(|effects| !effects.frozen.is_empty()) {
            return false;
        }
        let claim = draft.claim.as_ref().unwrap_or(&self.binding().claim);
        let mut full: SmallVec<[usize; 8]> = SmallVec::new();
        for (at, line) in claim.lines().iter().enumerate() {
            let (Some(held), Some(asked), Some(balance)) =
                (self.amounts.get(at), draft.amounts.get(at), reply.balances.get(at))
            else {
                return false;
            };
            let growth = asked.saturating_sub(*held);
            if growth > 0 && balance.used().saturating_add(growth) > line.ceiling {
                full.push(at);
            }
        }
        if full.is_empty() {
            return ahead.iter().any(|ahead| *ahead > 0);
        }
        self.plan.core.growing.may_come_back(self.id, &full)
    }

    /// A call that went out while the ledger was away grows as far as the policy lets calls pass without it.
    fn resize_unheld(&mut self, draft: Draft) -> Result<(), Error> {
        let more = draft.priced.usd.checked_sub(self.priced.usd).unwrap_or(Usd::ZERO);
        let passes = self.binding().observes_only || self.plan.core.outage.admits(more);
        if more > Usd::ZERO && !passes {
            let text = "the call has no hold, and what may pass in an outage is used up";
            return Err(Error::new(ErrorKind::LedgerUnavailable, text));
        }
        self.take_over(draft.priced, draft.amounts, draft.excess, draft.expires_at);
        Ok(())
    }

    /// What the hold would be with so many output tokens, all choices together.
    fn draft(&self, output_tokens: u64, now: Timestamp) -> Result<Draft, Error> {
        let priced = self.plan.price(self.priced.tokens_input, output_tokens, 1)?;
        Ok(Draft {
            priced,
            amounts: self.plan.amounts(self.binding(), priced)?,
            excess: self.plan.excess(priced, self.output_tokens().max(output_tokens), 1),
            claim: self.claim_of_now(now)?,
            expires_at: now + self.reach.life,
        })
    }

    /// The lines that were held, with their ceilings of now; `None` where nothing has changed since.
    fn claim_of_now(&self, now: Timestamp) -> Result<Option<Claim>, Error> {
        if self.plan.is_current(now) {
            return Ok(None);
        }
        let plan = self.plan.again_open(now)?;
        let current = plan.binding(self.exempt).claim.lines();
        let held = &self.binding().claim;
        let ceiling = |line: &ClaimLine| {
            // A budget that is gone keeps the last word it had.
            let same = current.iter().find(|other| other.account == line.account);
            same.map_or(line.ceiling, |other| other.ceiling)
        };
        let lines = held.lines().iter().map(|line| ClaimLine { ceiling: ceiling(line), ..line.clone() });
        held.over(lines.collect()).map(Some)
    }

    /// Counts as holding that from here on.
    fn take_over(
        &mut self,
        priced: Priced,
        amounts: SmallVec<[i64; 8]>,
        excess: Excess,
        expires_at: Timestamp,
    ) {
        (self.priced, self.amounts) = (priced, amounts);
        (self.reach.excess, self.reach.expires_at) = (excess, expires_at);
    }

    /// Why the hold may not grow: what is asked for is what it would hold more.
    fn refused(&self, draft: &Draft, reply: Reply) -> Box<Decision> {
        let growth = draft.amounts.iter().zip(&self.amounts).map(|(asked, held)| asked.saturating_sub(*held));
        let frozen = frozen_scopes(reply.effects.as_deref());
        let core = &self.plan.core;
        let binding = match &draft.claim {
            // The decision shows the ceilings that it was judged by.
            Some(claim) => self.binding_under(claim),
            None => Arc::clone(self.binding()),
        };
        core.tell_effects(&binding, reply.effects);
        let judged = Judged {
            binding,
            balances: reply.balances,
            requested: growth.collect(),
            frees_up: Vec::new(),
            now: reply.now,
        };
        let quote = Quote {
            price: self.plan.price.clone(),
            excess: draft.excess,
            fees: self.plan.fees.clone(),
            conditions: *self.plan.conditions(),
            ..Quote::of(draft.priced.amount())
        };
        let mut decision = Box::new(explain(judged, &quote, frozen, None, false));
        decision.priced_as.clone_from(&self.plan.priced_as);
        core.tell_refused(self.id, &decision);
        decision
    }

    /// The binding of the reserve, judged by the ceilings of now.
    fn binding_under(&self, claim: &Claim) -> Arc<crate::values::Binding> {
        let mut binding = (**self.binding()).clone();
        for (bound, line) in binding.terms.iter_mut().zip(claim.lines()) {
            if !bound.observe && bound.enforced_ceiling() != line.ceiling {
                bound.ceiling = line.ceiling;
                bound.degrade_ceiling = i64::MAX;
            }
        }
        binding.claim = claim.clone();
        Arc::new(binding)
    }
}
