//! What is a call held for: how many tokens, how many dollars, and by how much could it be more?
//!
//! Worked example, gpt-4o at $2.50 and $10 a million. A call of 1,000 input tokens and three choices of at most 200 output tokens
//! is held for 1,000 and 600 tokens: $0.0025 + $0.006 = $0.0085. If calls like it were learned to use 100 a choice, 300 output
//! tokens are held ($0.0055), and the excess says what the worst case would add: 300 tokens, $0.003. Caps on a single call are
//! judged by the worst case, $0.0085, whatever is held.

use super::ask::Ask;
use super::hidden::Hidden;
use super::plan::Plan;
use super::readings::Beside;
use crate::decision::{Quote, over_cap};
use crate::pricing::{ModelPrice, Reasoning};
use crate::tokens::{Estimate, OutputSizing};
use crate::values::{Caps, Excess, Fees, Input, Refusal, Terms, Unit};
use crate::{Amount, Call, Error, Usd};

/// What a call is held for.
///
/// Its own tokens stand apart from what is read and written beside the answer: caps and receipts are about the first, while
/// budgets in tokens pay for both.
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

    /// The same with what is read beside the answer.
    fn and(self, beside: Beside) -> Result<Self, Error> {
        let usd = self.usd.checked_add(beside.usd)?;
        Ok(Self { usd, beside_input: beside.tokens_input, beside_output: beside.tokens_output, ..self })
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
        let exempt = self.exempt.iter().flat_map(|binding| &binding.terms);
        caps.tokens_input.is_some()
            || (caps.usd.is_some() && costs)
            || self.binding.terms.iter().chain(exempt).any(counts)
    }

    /// The output of one choice that is held for: all of it, a stream's first slice, or what was
    /// learned that calls like this use.
    #[inline]
    pub(crate) fn output_held(&self, ask: &Ask<'_>) -> u64 {
        let most = ask.limit.tokens;
        if let Some(slice) = ask.slice {
            // A slice bounds nothing where the provider may generate what is not seen.
            let hidden = self.hidden(ask.in_background, ask.reasoning);
            return if hidden.bounds_nothing() { most } else { slice.min(most) };
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

    /// What the provider may generate of a call that nobody sees, by the row and by what the request says.
    pub(crate) fn hidden(&self, in_background: bool, reasoning: Option<bool>) -> Hidden {
        let of_row = || self.price.as_deref().map(ModelPrice::unseen);
        let speed = self.core.unseen.or_else(of_row).unwrap_or_default();
        let (reasons, is_more_than_text) = (self.reasons_unseen(reasoning), self.is_more_than_text);
        Hidden { in_background, reasons, is_more_than_text, speed }
    }

    /// Whether the model may reason unseen: never, where the request switches it on, or always. What nobody says
    /// anything of does, and so does a model that always reasons, whatever its request says.
    pub(super) fn reasons_unseen(&self, reasoning: Option<bool>) -> bool {
        match self.price.as_deref().map(ModelPrice::reasoning).unwrap_or_default() {
            Reasoning::Never => false,
            Reasoning::OnRequest => reasoning == Some(true),
            _ => true,
        }
    }

    /// Quotes an attempt: its limit, the output that is held for, what both cost, and the worst case.
    ///
    /// The input's estimate is needed whole, and not its tokens alone, where a limit is written in: how much room a prompt leaves
    /// depends on how sure its size is.
    #[inline]
    pub(crate) fn quote<'a>(&self, ask: &Ask<'a>, input: &Estimate) -> Result<Quoted<'a>, Error> {
        if let Some(amount) = &self.call.fixed {
            return self.quote_fixed(*ask, amount);
        }
        let ask = self.limited(ask, input)?;
        self.quote_of(ask, input.tokens, self.output_held(&ask))
    }

    /// The same ask with its limit worked out: what was asked for, or what becomes of a request that names none.
    #[inline]
    pub(crate) fn limited<'a>(&self, ask: &Ask<'a>, input: &Estimate) -> Result<Ask<'a>, Error> {
        let limit = match ask.output {
            Some(asked) if !ask.terms.is_unsaid => self.asked.limit(asked, ask.terms.is_sealed),
            asked => self.of_unsaid(ask, asked, input)?,
        };
        Ok(Ask { limit, ..*ask })
    }

    /// The same of an ask whose limit is worked out, held for that output of each choice.
    #[inline]
    pub(crate) fn quote_of<'a>(&self, ask: Ask<'a>, input: u64, output: u64) -> Result<Quoted<'a>, Error> {
        let held = self.price(input, output, ask.choices)?;
        let most = ask.limit.tokens;
        // Mostly all is held that may be generated, and the worst case is what is held.
        let excess = if output == most { Excess::default() } else { self.excess(held, most, ask.choices) };
        Ok(Quoted { ask, held, excess })
    }

    /// What a call costs above what is held for it, should it generate so many tokens of each choice.
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

    /// What is known of a cost that was worked out so: without a price nothing, and zero only where all of it has one.
    pub(crate) fn known_cost(&self, usd: Usd) -> Option<Usd> {
        let is_known = match &self.price {
            Some(_) => usd > Usd::ZERO || self.fees.unknown.is_none(),
            None => usd > Usd::ZERO && self.call.is_fixed(),
        };
        is_known.then_some(usd)
    }

    /// Prices so many input tokens and so many output tokens of each choice, and what else may be billed.
    ///
    /// Without a price the dollars are zero and nothing else is missing: such a call is refused, or counted in tokens and requests,
    /// before anybody reads them.
    #[inline]
    pub(crate) fn price(&self, tokens_input: u64, output: u64, choices: u32) -> Result<Priced, Error> {
        if let Some(amount) = &self.call.fixed {
            return Ok(Priced::fixed(amount));
        }
        let tokens_output =
            output.checked_mul(u64::from(choices)).ok_or_else(|| Error::overflow("output tokens"))?;
        let mut priced = Priced { tokens_input, tokens_output, ..Priced::default() };
        if let Some(rates) = &self.rates {
            // Of an input and an output that may be another model's, this one is billed for its own.
            let (most_input, most_output) =
                self.call.span.map_or((u64::MAX, u64::MAX), |span| (span.own_input, span.own_output));
            let usd = rates.quote(tokens_input.min(most_input), tokens_output.min(most_output))?;
            priced.usd = usd.checked_add(self.fees.usd)?;
        }
        if self.readers.is_empty() { Ok(priced) } else { priced.and(self.beside(tokens_input)?) }
    }
}

impl Plan {
    /// What is read beside the answer of an input of so many tokens.
    pub(crate) fn beside(&self, tokens_input: u64) -> Result<Beside, Error> {
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
