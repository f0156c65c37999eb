//! What is a call charged that was sent and that nobody saw the end of?
//!
//! The provider may bill it, and nobody here knows how much. A charge of nothing would be a hole in the books; a charge of all
//! that was held takes room from others until the report comes. So the charge is the least that surely covers the bill:
//!
//! | Who knows what | Charged |
//! |---|---|
//! | the process died, or nobody watched | all that is held |
//! | the connection was closed by whoever dropped it ([`InFlight::watched`]) | input, and what the model may have generated in the time |
//! | the call runs in the background | all that is held, whatever the operator chose |
//!
//! Worked example: 16,000 output tokens at $10 a million are held, $0.16. Watched and dropped after 3 s: (3 + 5) × 500 = 4,000
//! tokens, $0.04. Dropped after 40 s: 22,500 exceed what is held, so $0.16. A report that comes later replaces the charge.

use std::sync::Arc;

use smallvec::SmallVec;

use super::open::Open;
use super::{InFlight, Reservation};
use crate::engine::{Beside, Hidden, OnAbandon, Pending};
use crate::ledger::{Certainty, Ended, Note};
use crate::pricing::ModelPrice;
use crate::tokens::{EstimateKind, recounted, runs_own_tool};
use crate::values::{Conditions, Input, Meter, Timestamp};
use crate::wire::{Purpose, UsageLine};
use crate::{Error, Usage, Usd};

/// The charge of a call whose end nobody counted.
pub(super) struct Uncounted {
    /// On each line.
    amounts: SmallVec<[i64; 8]>,
    /// The same in dollars, as far as it has a price.
    usd: Usd,
}

impl InFlight {
    /// Says that whoever drops this call closes its connection by that.
    ///
    /// The provider then stops within seconds, and the call is charged what it may have generated until then:
    /// its input, and the speed of its model ([`ModelPrice::unseen`](crate::pricing::ModelPrice::unseen)) for the time
    /// since it was sent and five seconds, at most what it holds. Without this word a dropped call is charged
    /// all that it holds, since it may run on. The clients, streams and the gate of this crate say it
    /// themselves. It makes no difference to a call in the background.
    ///
    /// ```
    /// use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usd, Window};
    ///
    /// let day = Budget::usd("search", Scope::team("search")?, Usd::dollars(1), Window::day());
    /// let enforcer = Enforcer::builder().policy(Policy::new([day])?).build();
    /// let call = Call::new("gpt-4o").team("search").input_tokens(0).output_tokens(16_000);
    /// let spent = || enforcer.reserve(&call).wait().map(|held| held.or_refusal().map(|held| held.decision().budgets()[0].spent));
    ///
    /// drop(enforcer.reserve(&call).wait()?.or_refusal()?.send().watched());
    /// // A moment and five seconds at 500 tokens a second, in nano-dollars, $10 a million.
    /// assert!((25_000_000..26_000_000).contains(&spent()??));
    ///
    /// drop(enforcer.reserve(&call).wait()?.or_refusal()?.send()); // nobody knows: all 16,000 tokens
    /// assert!(spent()?? > 185_000_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn watched(mut self) -> Self {
        if let Some(open) = &mut self.open {
            open.is_watched = true;
        }
        self
    }

    /// What may be generated of this call that nobody sees.
    pub(crate) fn hidden(&self) -> Hidden {
        self.open.as_ref().map_or_else(Hidden::default, |open| open.hidden())
    }

    /// Output tokens that may have been generated unseen until now.
    pub(crate) fn unseen_tokens(&self) -> u64 {
        self.open.as_ref().map_or(0, |open| open.unseen_tokens(open.plan.core.now()))
    }

    /// What the operator wants charged for a call that nobody saw the end of.
    pub(crate) fn abandoned(&self) -> OnAbandon {
        self.open.as_ref().map_or(OnAbandon::Hold, |open| open.abandoned())
    }

    /// The input: what is held for it, or less where the prompt is kept and a count of it says so.
    pub(crate) fn input_counted(&self) -> u64 {
        self.open.as_ref().map_or(0, |open| open.input_counted())
    }

    /// The usage of an answer whose end was not seen, where tools run at the provider's: what they read is
    /// input, and what they cost is said at the end. `None` where the request has no such tools.
    pub(crate) fn with_tools_unseen(&mut self, usage: Usage) -> Option<Usage> {
        let open = self.open.as_mut().filter(|open| open.runs_tools())?;
        open.tools_unseen = true;
        let input = open.priced.tokens_input.max(usage.input().unwrap_or(0));
        Some(open.plan.fees.unseen(usage).with_input(input))
    }
}

impl Reservation {
    /// Keeps the prompt, so that it can be counted should nobody say what went in.
    pub(crate) fn remember(&mut self, input: Input) {
        if let (Some(open), Input::Prompt(prompt)) = (&mut self.open, input) {
            open.prompt = Some(Arc::new(prompt));
        }
    }
}

impl Open {
    /// What an abandoned call is charged, by the enforcer's choice and by who watched.
    pub(super) fn pending_abandoned(&self) -> Pending {
        self.pending_uncounted(match self.abandoned() {
            // It was sent, and may be billed all the same.
            OnAbandon::Release => return self.released_at(None),
            OnAbandon::InputFloor => self.floor(),
            OnAbandon::Hold => self.watched().unwrap_or_else(|| self.all_held()),
        })
    }

    /// The charge of a call whose end nobody counted.
    pub(super) fn pending_uncounted(&self, charge: Uncounted) -> Pending {
        let note = self.note(None, self.ended.unwrap_or(Ended::Abandoned));
        let note = Note { cost: self.plan.known_cost(charge.usd), ..note };
        self.pending_reconcile(charge.amounts, Certainty::Provisional, note)
    }

    /// All that it holds.
    pub(super) fn all_held(&self) -> Uncounted {
        Uncounted { amounts: self.amounts.clone(), usd: self.priced.usd }
    }

    /// Its input alone. Where even that cannot be priced, all that is held stands.
    fn floor(&self) -> Uncounted {
        self.uncounted(self.priced.tokens_input, 0).unwrap_or_else(|| self.all_held())
    }

    /// What the call is charged if nobody ever says how it ended: by its hold's age.
    pub(crate) fn expired_amounts(&self) -> SmallVec<[i64; 8]> {
        match self.abandoned() {
            OnAbandon::Release => SmallVec::new(),
            OnAbandon::InputFloor => self.floor().amounts,
            OnAbandon::Hold => self.amounts.clone(),
        }
    }

    /// What may have been generated until now; `None` where all that is held may have been.
    fn watched(&self) -> Option<Uncounted> {
        if !self.is_watched || self.reach.in_background {
            return None;
        }
        let unseen = self.unseen_tokens(self.plan.core.now());
        let output = Some(unseen).filter(|unseen| *unseen < self.priced.tokens_output)?;
        self.uncounted(self.input_counted(), output)
    }

    /// Output tokens that may have been generated by then without anybody seeing them.
    fn unseen_tokens(&self, now: Timestamp) -> u64 {
        if self.reach.in_background {
            return u64::MAX;
        }
        self.hidden().tokens(self.reach.choices, now.since(self.sent_at))
    }

    /// What such an input and output would be charged; `None` where they cannot be priced.
    fn uncounted(&self, input: u64, output: u64) -> Option<Uncounted> {
        let priced = self.plan.price(input, output, 1).ok()?;
        Some(Uncounted { amounts: self.plan.amounts(self.binding(), priced).ok()?, usd: priced.usd })
    }

    /// Whether the provider runs tools of its own for the request, or may let a model read its input once more.
    fn runs_tools(&self) -> bool {
        let may_run = |(meter, count): &(Meter, Option<u64>)| meter.is_of_tool() && *count != Some(0);
        self.plan.call.uses.iter().any(may_run)
            || self.priced.beside_input > 0
            || self.prompt.as_deref().is_some_and(runs_own_tool)
    }

    /// What is held for readings of the input, where nobody says whether there were any: where the usage is
    /// unknown, or what the provider ran went unseen, and no line tells of one.
    pub(super) fn readings_unseen(&self, unknown: bool, beside: &[UsageLine]) -> Result<Beside, Error> {
        let is_reading = |line: &UsageLine| matches!(line.purpose, Purpose::Advisor | Purpose::Compaction);
        if !(unknown || self.tools_unseen) || beside.iter().any(is_reading) {
            return Ok(Beside::default());
        }
        self.plan.beside(self.priced.tokens_input)
    }

    /// What is held for tools whose end was not seen, as far as the model's own row has no rate for them.
    pub(super) fn fees_of_tools_unseen(
        &self,
        price: &ModelPrice,
        conditions: &Conditions,
    ) -> Result<Usd, Error> {
        let lines = if self.tools_unseen { self.plan.fees.lines() } else { &[] };
        let mut sum = Usd::ZERO;
        for fee in lines.iter().filter(|fee| !fee.incurred) {
            let alone = Usage::of(0, 0).with(fee.meter, fee.uses);
            if price.cost(&alone, conditions)?.total() == price.cost(&Usage::of(0, 0), conditions)?.total() {
                sum = sum.checked_add(fee.usd)?;
            }
        }
        Ok(sum)
    }

    /// The input, counted where that is possible and says less than what is held.
    pub(super) fn input_counted(&self) -> u64 {
        let held = self.priced.tokens_input;
        // What the provider's own tools read is in no prompt.
        if self.runs_tools() {
            return held;
        }
        // Counted already, or nobody knows of what.
        let (Some(prompt), false) = (&self.prompt, self.estimate.kind == EstimateKind::Count) else {
            return held;
        };
        let (estimator, model) = (&self.plan.core.estimator, &self.plan.call.model);
        let own = estimator.count(model, prompt);
        let count = if own.kind == EstimateKind::Count { Some(own.tokens) } else { recounted(model, prompt) };
        count.map_or(held, |count| count.min(held))
    }
}
