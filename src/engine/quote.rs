//! What is a call held for: how many tokens, how many dollars, and by how much could it be more?
//!
//! Worked example, gpt-4o at $2.50 and $10 a million. A call of 1,000 input tokens and three choices of at most 200 output tokens
//! is held for 1,000 and 600 tokens: $0.0025 + $0.006 = $0.0085. If calls like it were learned to use 100 a choice, 300 output
//! tokens are held ($0.0055), and the excess says what the worst case would add: 300 tokens, $0.003. Caps on a single call are
//! judged by the worst case, $0.0085, whatever is held.

use smallvec::SmallVec;

use super::ask::Ask;
use super::hidden::Hidden;
use super::plan::Plan;
use super::readings::Beside;
use crate::decision::{Quote, amounts, over_cap};
use crate::pricing::{ModelPrice, Reasoning};
use crate::tokens::{Estimate, OutputSizing};
use crate::values::{Binding, Caps, Excess, Fees, Input, Refusal, Terms, Unit};
use crate::{Amount, Call, Error, Usd};

/// What a call is held for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Priced {
    pub(crate) usd: Usd,
    pub(crate) tokens_input: u64,
    /// Of all choices together.
    pub(crate) tokens_output: u64,
    /// Read and written beside the answer, which is billed apart.
    pub(crate) beside_input: u64,
    pub(crate) beside_output: u64,
}

impl Priced {
    #[inline]
    pub(crate) fn amount(self) -> Amount {
        let input = self.tokens_input.saturating_add(self.beside_input);
        Amount::request(self.usd, input, self.tokens_output.saturating_add(self.beside_output))
    }
}

/// One attempt's quote, worked out once: what is held, and what the call may cost above that.
///
/// Every step after it reads these figures: a cap on a single call compares the worst case, a binding takes its
/// amounts, a refusal tells them. None of them prices anything again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quoted<'a> {
    /// What is asked for, with its limit worked out.
    pub(crate) ask: Ask<'a>,
    pub(crate) held: Priced,
    pub(crate) excess: Excess,
}

impl<'a> Quoted<'a> {
    /// Of a call that is refused whatever it costs.
    pub(crate) fn nothing(ask: Ask<'a>) -> Self {
        Self { ask, held: Priced::default(), excess: Excess::default() }
    }

    /// The same of an ask with another input: the figures stay.
    pub(crate) fn with_input<'b>(&self, input: &'b Input) -> Quoted<'b> {
        let Self { ask, held, excess } = self;
        Quoted { ask: ask.with_input(input), held: *held, excess: *excess }
    }

    /// The cap that the call would exceed, however little of it is held: a cap promises what one call may cost, not
    /// what is held for it.
    #[inline]
    pub(crate) fn over_cap(&self, caps: &Caps) -> Option<Refusal> {
        let usd_at_most = self.held.usd.checked_add(self.excess.usd).unwrap_or(Usd::MAX);
        over_cap(caps, self.held.tokens_input, usd_at_most, self.ask.output)
    }

    /// What each line of a binding is asked for.
    #[inline]
    pub(crate) fn amounts(&self, binding: &Binding) -> Result<SmallVec<[i64; 8]>, Error> {
        amounts(binding, &self.held.amount())
    }

    /// The same for people, as a decision shows it.
    pub(crate) fn shown(&self, plan: &Plan) -> Quote {
        let Self { ask, held, excess } = self;
        Quote {
            amount: Amount::request(held.usd, held.tokens_input, held.tokens_output),
            price: plan.price.clone(),
            unpriced: plan.unpriced,
            input_unsaid: plan.is_unsaid(ask),
            conditions: *plan.conditions(),
            choices: ask.choices,
            excess: *excess,
            fees: plan.fees_with_readings(held.tokens_input),
        }
    }
}

impl Plan {
    /// Whether nobody said what goes in, though a limit counts it that is enforced.
    pub(crate) fn is_unsaid(&self, ask: &Ask<'_>) -> bool {
        matches!(ask.input, Input::Unsaid) && self.counts_input(false)
    }

    /// Whether a limit counts the input: one that is enforced, or one that only observes.
    #[cold]
    pub(crate) fn counts_input(&self, observed: bool) -> bool {
        // Where the model takes nothing for its input, dollars do not depend on it.
        let costs = self.price(1_000_000, 0, 1).map_or(true, |priced| priced.usd > Usd::ZERO);
        let counts = |bound: &Terms| {
            bound.limit.is_some()
                && bound.observe == observed
                && match bound.account.unit() {
                    Unit::Usd => costs,
                    Unit::Tokens | Unit::TokensInput => true,
                    _ => false,
                }
        };
        let caps = if observed { &self.binding.caps_observed } else { &self.binding.caps };
        let exempt = self.exempt.iter().flat_map(|binding| &binding.bound);
        caps.tokens_input.is_some()
            || (caps.usd.is_some() && costs)
            || self.binding.bound.iter().chain(exempt).any(counts)
    }

    /// The output of one choice that is held for: all of it, a stream's first slice, or what was
    /// learned that calls like this use.
    #[inline]
    pub(crate) fn output_held(&self, ask: &Ask<'_>) -> u64 {
        let most = ask.limit.tokens;
        if let Some(slice) = ask.slice {
            // A slice bounds nothing where the provider may generate what is not seen.
            return if self.hidden(ask).bounds_nothing() { most } else { slice.min(most) };
        }
        if ask.in_background {
            return most;
        }
        match &self.core.output_sizing {
            OutputSizing::Learned(learned) => learned
                .size(&self.call.model, Some(&learned_key(&self.call)))
                .map_or(most, |size| size.min(most)),
            _ => most,
        }
    }

    /// What the provider may generate of a call that nobody sees, by the row and the request.
    #[inline]
    pub(crate) fn hidden(&self, ask: &Ask<'_>) -> Hidden {
        let of_row = || self.price.as_deref().map(ModelPrice::unseen);
        let speed = self.core.unseen.or_else(of_row).unwrap_or_default();
        let (reasons, is_more_than_text) = (self.reasons_unseen(ask), self.is_more_than_text);
        Hidden { in_background: ask.in_background, reasons, is_more_than_text, speed }
    }

    /// Whether the model may reason unseen: never, where the request switches it on, or always. What nobody says
    /// anything of does, and so does a model that always reasons, whatever its request says.
    pub(crate) fn reasons_unseen(&self, ask: &Ask<'_>) -> bool {
        match self.price.as_deref().map(ModelPrice::reasoning).unwrap_or_default() {
            Reasoning::Never => false,
            Reasoning::OnRequest => ask.reasoning == Some(true),
            _ => true,
        }
    }

    /// Quotes an attempt: its limit, the output that is held for, what both cost, and the worst case.
    #[inline]
    pub(crate) fn quote<'a>(&self, ask: &Ask<'a>, input: &Estimate) -> Result<Quoted<'a>, Error> {
        let ask = self.limited(ask, input)?;
        self.quote_of(ask, input.tokens, self.output_held(&ask))
    }

    /// The same of an ask whose limit is worked out, held for that output of each choice.
    #[inline]
    pub(crate) fn quote_of<'a>(&self, ask: Ask<'a>, input: u64, output: u64) -> Result<Quoted<'a>, Error> {
        let held = self.price(input, output, ask.choices)?;
        Ok(Quoted { ask, held, excess: self.excess(held, ask.limit.tokens, ask.choices) })
    }

    /// What a call costs above what is held for it, should it generate so many tokens of each choice.
    #[inline]
    pub(crate) fn excess(&self, held: Priced, output: u64, choices: u32) -> Excess {
        let most = output.saturating_mul(u64::from(choices));
        if most == held.tokens_output {
            return Excess::default();
        }
        // What cannot be priced is as much as there is.
        let usd = self.price(held.tokens_input, output, choices).map_or(Usd::MAX, |worst| worst.usd);
        Excess {
            output_tokens: most.saturating_sub(held.tokens_output),
            usd: Usd::from_nanos(usd.nanos().saturating_sub(held.usd.nanos()).max(0)),
        }
    }

    /// Prices so many input tokens and so many output tokens of each choice, and what else may be billed.
    #[inline]
    pub(crate) fn price(&self, tokens_input: u64, output: u64, choices: u32) -> Result<Priced, Error> {
        let tokens_output =
            output.checked_mul(u64::from(choices)).ok_or_else(|| Error::overflow("output tokens"))?;
        let usd = match &self.price {
            Some(price) => {
                let (input, output) = self.billed(tokens_input, tokens_output);
                price.quote(input, output, &self.call.conditions)?.checked_add(self.fees.usd)?
            }
            None => Usd::ZERO,
        };
        let beside = self.beside(tokens_input)?;
        Ok(Priced {
            usd: usd.checked_add(beside.usd)?,
            tokens_input,
            tokens_output,
            beside_input: beside.tokens_input,
            beside_output: beside.tokens_output,
        })
    }
}

impl Plan {
    /// What is read beside the answer of an input of so many tokens.
    #[inline]
    pub(crate) fn beside(&self, tokens_input: u64) -> Result<Beside, Error> {
        if self.readers.is_empty() {
            return Ok(Beside::default());
        }
        self.readers.iter().try_fold(Beside::default(), |sum, reader| {
            let more = reader.of(&self.call, tokens_input)?;
            Ok(Beside {
                usd: sum.usd.checked_add(more.usd)?,
                tokens_input: sum.tokens_input.saturating_add(more.tokens_input),
                tokens_output: sum.tokens_output.saturating_add(more.tokens_output),
            })
        })
    }

    /// The fees of a call, with what is read beside its answer.
    pub(crate) fn fees_with_readings(&self, tokens_input: u64) -> Fees {
        let mut fees = self.fees.clone();
        let held = self.readers.iter().filter_map(|reader| {
            let usd = reader.of(&self.call, tokens_input).ok()?.usd;
            let assumed = if reader.reading.uses.is_none() { ", assumed" } else { "" };
            let who = reader.reading.model.as_deref().unwrap_or("compaction");
            (usd > Usd::ZERO)
                .then(|| (usd, format!("{} × {who}, which reads the input{assumed}: {usd} USD", reader.uses)))
        });
        let held: Vec<_> = held.collect();
        if !held.is_empty() {
            let sum = held.iter().try_fold(fees.usd, |sum, (usd, _)| sum.checked_add(*usd));
            fees.usd = sum.unwrap_or(Usd::MAX);
            fees.notes = Some(held.into_iter().map(|(_, note)| note).collect());
        }
        fees
    }
}

/// What a call is learned under: nobody's answers size another organisation's holds.
pub(crate) fn learned_key(call: &Call) -> String {
    // No name has a control character in it.
    format!(
        "{}\u{1f}{}",
        call.organization_name().unwrap_or_default(),
        call.use_case.as_deref().unwrap_or_default()
    )
}
