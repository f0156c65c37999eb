//! How much may an attempt generate, and must its request be told?
//!
//! A hold is a promise only if the provider stops where the hold ends. A request that names a limit is held for that limit.
//! For one that names none, somebody chooses: a limit is written into it, the most that its model can generate is held, or
//! it is left alone and held for a guess ([`OnNoLimit`]).
//!
//! # A limit that is written in, worked out
//! It must not make the request invalid (providers refuse a limit beyond the room of the context), and it must not cut an
//! honest answer because the prompt was bounded generously. A model with a context of 128,000, and 16,384 wanted:
//!
//! | input | room | written |
//! |---|---|---|
//! | counted, 30,000 | 98,000 | 16,384: it fits |
//! | bounded by 120,000, of which 30,000 are expected | 8,000 by the bound; 90,500 by 37,500 likely tokens | 16,384 |
//! | counted, 120,000 | 8,000 for sure | 8,000: no answer can be longer |
//! | bounded by 127,000, and all of it expected | 1,000; 64,500 by half of the bound | 16,384 |

use super::ask::{Ask, Limit};
use super::plan::Plan;
use crate::tokens::{Estimate, EstimateKind};
use crate::values::no_limit::ApiLimit;
use crate::values::{Input, OnNoLimit, Part, Unit};
use crate::{Error, Usd};

/// What is written into a request where nothing else limits it.
const WRITTEN: u64 = 16_384;
/// The same where the model may reason unseen: what it thinks counts as output.
const WRITTEN_REASONING: u64 = 65_536;

impl Plan {
    /// Written in, or what its API, its model or the policy makes of it; a cap on a single call binds all of these.
    ///
    /// A figure that stands beside the request, and not in it, goes before the policy's.
    pub(super) fn of_unsaid(
        &self,
        ask: &Ask<'_>,
        beside: Option<u64>,
        input: &Estimate,
    ) -> Result<Limit, Error> {
        let model_max = self.model_max().unwrap_or(u64::MAX);
        // What is not written stops no other model that may answer.
        let largest = self.call.span.map_or(model_max, |span| span.output);
        let choice = ask.terms.on_no_limit.unwrap_or(self.on_no_limit);
        let default = beside.unwrap_or_else(|| self.output_tokens_default());
        let default = Limit { stops: false, ..Limit::of(default.min(largest)) };
        let limit = match (choice, ask.terms.api, beside) {
            (OnNoLimit::LeaveAlone, ApiLimit::Writable | ApiLimit::Unwritable, _) => default,
            (_, ApiLimit::Media, _) => default,
            (_, ApiLimit::Stops(tokens), Some(beside)) if beside < tokens => {
                Limit::written(beside.min(model_max))
            }
            (_, ApiLimit::Stops(tokens), _) => Limit::of(tokens.min(largest)),
            (_, ApiLimit::Writable, Some(beside)) => Limit::written(beside.min(model_max)),
            (OnNoLimit::HoldMost, ..) | (_, ApiLimit::Unwritable, _) => self.most()?,
            (OnNoLimit::WriteIn, ApiLimit::Writable, None) => self.written(ask, input)?,
        };
        let can_be_told = choice != OnNoLimit::LeaveAlone && ask.terms.api != ApiLimit::Media;
        let limit = match self.cap() {
            cap if cap < limit.tokens && can_be_told => Limit::written(cap),
            cap => Limit { tokens: limit.tokens.min(cap), ..limit },
        };
        if limit.is_written && self.binding.observes_only {
            // What only observes rewrites nothing: the same is held, and the provider is told of no limit.
            return Ok(Limit { is_written: false, stops: false, ..limit });
        }
        // A model that generates nothing needs no limit.
        Ok(Limit { is_written: limit.is_written && limit.tokens > 0, ..limit })
    }

    /// The limit to write into a request that has none.
    ///
    /// It must not make a request invalid that is valid without it, so it stays within the room that the context
    /// surely leaves; and it must not cut an honest answer because its prompt was bounded generously. Where it
    /// cannot be both, nothing is written and the most is held.
    fn written(&self, ask: &Ask<'_>, input: &Estimate) -> Result<Limit, Error> {
        let (model_max, context) = (self.model_max(), self.largest_input(ask));
        if model_max.or(context).is_none() && self.output_is_free()? {
            // A limit of which nobody knows whether the model takes it would protect nothing.
            return Ok(Limit { stops: false, ..Limit::of(self.output_tokens_default()) });
        }
        let wanted = self.output_tokens_wanted(ask, model_max.or(context).is_some());
        // A limit that its own thinking uses up leaves no answer, and Anthropic refuses it.
        let wanted =
            if wanted > ask.terms.thinking { wanted } else { wanted.saturating_add(ask.terms.thinking) };
        let wanted = wanted.min(model_max.unwrap_or(u64::MAX));
        let Some(context) = context else { return Ok(Limit::written(wanted)) };
        let room = context.saturating_sub(input.tokens);
        // What is only named stands for the whole context, and says nothing of the room beside it.
        let fits = room >= wanted || context.saturating_sub(likely(input, context)) >= wanted;
        if fits || is_opaque(ask.input) {
            return Ok(Limit::written(wanted));
        }
        let cuts_little = input.kind == EstimateKind::Count || input.tokens <= context / 4;
        if cuts_little && room > ask.terms.thinking {
            return Ok(Limit::written(room));
        }
        self.most()
    }

    /// What is wanted of a limit that is written in, before model and context have their say.
    fn output_tokens_wanted(&self, ask: &Ask<'_>, is_bounded: bool) -> u64 {
        if let Some(said) = self.output_tokens_said {
            return said;
        }
        // Of a model of which nothing is known a limit above what it can do is refused: the usual one is asked for.
        if self.reasons_unseen(ask.reasoning) && is_bounded { WRITTEN_REASONING } else { WRITTEN }
    }

    /// The most that the model can generate, where nothing tells it to stop before.
    fn most(&self) -> Result<Limit, Error> {
        if let Some(most) = self.model_max().or(self.context()) {
            // One of several that nobody knows a figure of is refused as it is by itself.
            let others = self.call.span.map(|span| span.output).filter(|output| *output != u64::MAX);
            return Ok(Limit::of(most.max(others.unwrap_or(0))));
        }
        if self.unpriced || self.binding.observes_only || !self.counts_output()? {
            return Ok(Limit { stops: false, ..Limit::of(self.output_tokens_default()) });
        }
        Err(Error::invalid(
            "call: output",
            "has no limit, none can be written into the request, and the most that the model can generate is not \
             known: ask for a limit, state output_tokens_max in the model's price row, or choose OnNoLimit::LeaveAlone",
        ))
    }

    /// Whether any line or cap counts what is generated.
    fn counts_output(&self) -> Result<bool, Error> {
        let counts_usd = self.binding.caps.usd.is_some() || self.units().any(|unit| *unit == Unit::Usd);
        Ok(self.counts_tokens() || counts_usd && !self.output_is_free()?)
    }

    /// Whether what is generated costs nothing and is counted by nobody.
    fn output_is_free(&self) -> Result<bool, Error> {
        const SOME: u64 = 1_000_000;
        Ok(!self.counts_tokens() && self.price(0, SOME, 1)?.usd == Usd::ZERO)
    }

    fn counts_tokens(&self) -> bool {
        self.units().any(|unit| matches!(unit, Unit::Tokens | Unit::TokensOutput))
    }

    fn units(&self) -> impl Iterator<Item = &Unit> {
        self.binding.terms.iter().map(|terms| terms.account.unit())
    }

    /// What is held for a call of which nobody says or bounds the output.
    fn output_tokens_default(&self) -> u64 {
        self.output_tokens_said.unwrap_or(WRITTEN)
    }

    /// The longest answer of this model, by its price row.
    fn model_max(&self) -> Option<u64> {
        self.price.as_ref().and_then(|price| price.output_tokens_max())
    }

    /// The most that the model takes of one input of this call: what its row says, or the more that the request asks for.
    pub(crate) fn largest_input(&self, ask: &Ask<'_>) -> Option<u64> {
        self.context().map(|row| row.max(ask.context_tokens.unwrap_or(0)))
    }

    /// The largest answer of this model to such a request; `None` where nobody knows.
    pub(crate) fn largest_answer(&self, ask: &Ask<'_>) -> Option<u64> {
        // Where a table's maximum is too low, a request that cannot be lowered to it may use all that it asks for.
        let is_sealed = ask.terms.is_sealed && !ask.terms.is_unsaid;
        self.model_max().or(self.context()).filter(|_| !is_sealed)
    }

    /// The most that is held of an input: what the largest of the models takes that may answer.
    pub(crate) fn largest_held(&self, ask: &Ask<'_>) -> Option<u64> {
        let others = self.call.span.map_or(0, |span| span.input.saturating_mul(u64::from(ask.inputs.max(1))));
        self.largest_inputs(ask).map(|own| own.max(others))
    }

    /// The same of all its inputs together, each of which may fill the context.
    pub(crate) fn largest_inputs(&self, ask: &Ask<'_>) -> Option<u64> {
        self.largest_input(ask).map(|one| one.saturating_mul(u64::from(ask.inputs.max(1))))
    }

    /// The largest input of this model, by its price row.
    fn context(&self) -> Option<u64> {
        self.price.as_ref().and_then(|price| price.context_tokens())
    }

    /// The policy's cap on the output of one call.
    fn cap(&self) -> u64 {
        self.binding.caps.tokens_output.unwrap_or(u64::MAX)
    }
}

/// What the input will hardly exceed: a bound counts bytes, of which text has three to four a token. A bound as large as
/// the context may be a prompt that fills it.
fn likely(input: &Estimate, context: u64) -> u64 {
    if input.kind == EstimateKind::Count || input.tokens >= context {
        return input.tokens;
    }
    match input.expected {
        expected if expected < input.tokens => expected.saturating_add(expected / 4).min(input.tokens),
        _ => input.tokens / 2,
    }
}

/// Whether a part of the prompt is only named: a file, an earlier answer.
fn is_opaque(input: &Input) -> bool {
    let Input::Prompt(prompt) = input else { return false };
    prompt
        .messages
        .iter()
        .flat_map(|message| &message.parts)
        .any(|part| matches!(part, Part::Opaque | Part::Unseen(_)))
}
