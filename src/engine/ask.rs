//! What does one attempt ask for, beside who pays?
//!
//! A [`Call`] says who pays and what is sent. An `Ask` has the second half, so that one `Plan` serves all calls of a
//! charge set: 1,000 calls of one key are one plan and 1,000 asks.

use std::time::Duration;

use crate::Call;
use crate::pricing::{ModelPrice, Reasoning, thinks_beside_limit};
use crate::values::Input;
use crate::values::no_limit::OutputTerms;

/// What one attempt asks for, beside who pays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) input: &'a Input,
    /// Output tokens of each choice that the request asks for.
    pub(crate) output: Option<u64>,
    /// What else the request says of its output limit, and what its API makes of one that is not said.
    pub(crate) terms: OutputTerms,
    /// The output of each choice that may be generated; worked out once the input is known.
    pub(crate) limit: Limit,
    /// Output of each choice that a stream is held for at first.
    pub(crate) slice: Option<u64>,
    /// Answers asked for at once; output is held for each of them.
    pub(crate) choices: u32,
    /// Inputs that the model reads each by itself.
    pub(crate) inputs: u32,
    /// Whether the request switches reasoning on or off.
    pub(crate) reasoning: Option<bool>,
    /// Whether the provider goes on though nobody listens.
    pub(crate) in_background: bool,
    /// Whether the answer begins with the prompt.
    pub(crate) echoes: bool,
    /// How long the call may take: the hold lives longer by the grace.
    pub(crate) timeout: Option<Duration>,
    /// The context that the request asks for, where it is larger than the model's own.
    pub(crate) context_tokens: Option<u64>,
}

impl<'a> Ask<'a> {
    pub(crate) fn of(call: &'a Call) -> Self {
        Self {
            input: &call.input,
            output: call.output_requested,
            terms: call.output_terms,
            reasoning: call.reasoning,
            limit: Limit::default(),
            slice: call.slice,
            choices: call.choices,
            inputs: call.inputs,
            in_background: call.background,
            echoes: call.echoes,
            timeout: call.timeout,
            context_tokens: call.context_tokens,
        }
    }

    /// The same with another input.
    pub(crate) fn with_input<'b>(&self, input: &'b Input) -> Ask<'b> {
        let Self { output, terms, limit, slice, choices, inputs, reasoning, .. } = *self;
        let Self { in_background, echoes, timeout, context_tokens, .. } = *self;
        Ask {
            input,
            output,
            terms,
            limit,
            slice,
            choices,
            inputs,
            reasoning,
            in_background,
            echoes,
            timeout,
            context_tokens,
        }
    }

    /// One answer of so many output tokens at most.
    pub(crate) fn sized(input: &'a Input, output: Option<u64>) -> Self {
        Self {
            input,
            output,
            terms: OutputTerms::default(),
            reasoning: None,
            limit: Limit::default(),
            slice: None,
            choices: 1,
            inputs: 1,
            in_background: false,
            echoes: false,
            timeout: None,
            context_tokens: None,
        }
    }
}

/// The output of each choice that an attempt is held for at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) tokens: u64,
    /// The request does not say so by itself, and must be sent with it.
    pub(crate) is_written: bool,
    /// The provider stops there: the request says so, its API or its model.
    pub(crate) stops: bool,
}

impl Limit {
    pub(super) const fn of(tokens: u64) -> Self {
        Self { tokens, is_written: false, stops: true }
    }

    pub(super) const fn written(tokens: u64) -> Self {
        Self { tokens, is_written: true, stops: true }
    }
}

/// How far a limit counts that a request names, by what does not depend on the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AskedLimits {
    /// What the model writes beside its limit, which bounds the answer alone: nothing, where it does not think so.
    pub(crate) thought: u64,
    /// The same of every model that may answer.
    least: u64,
    /// What model and cap let it count at most.
    most: u64,
    /// The same of a request that cannot be lowered to its model's maximum: where a table has that too low, it may use
    /// all that it asks for.
    most_sealed: u64,
}

impl AskedLimits {
    pub(super) fn of(call: &Call, price: Option<&ModelPrice>, cap: Option<u64>) -> Self {
        let model_max = price.and_then(ModelPrice::output_tokens_max);
        let context = price.and_then(ModelPrice::context_tokens);
        let thinks = price.is_some_and(|price| price.reasoning() == Reasoning::Always)
            && thinks_beside_limit(&call.model);
        let thought = if thinks { model_max.or(context).unwrap_or(0) } else { 0 };
        let of_others = call.span.map(|span| span.output);
        let cap = cap.unwrap_or(u64::MAX);
        Self {
            thought,
            least: call.span.map_or(0, |span| span.beside).max(thought),
            most: of_others.or(model_max).unwrap_or(u64::MAX).min(cap),
            most_sealed: of_others.unwrap_or(u64::MAX).min(cap),
        }
    }

    /// The limit of a request that names so many tokens.
    #[inline]
    pub(super) fn limit(&self, asked: u64, is_sealed: bool) -> Limit {
        Limit::of(asked.max(self.least).min(if is_sealed { self.most_sealed } else { self.most }))
    }
}
