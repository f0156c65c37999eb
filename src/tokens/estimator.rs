//! What can every estimator be asked?

use std::fmt;

use super::bound;
use super::estimate::Estimate;
use super::family::Family;
use super::own_tool::OwnTool;
use crate::values::Prompt;

/// Estimates the input tokens of a prompt before it is sent.
///
/// The enforcer asks for [`bound`](Self::bound) first. If every budget has room for the
/// bound, nothing is counted. The enforcer asks for [`count`](Self::count) only if the
/// answer could change the verdict. Calls are synchronous, never fail and never touch the
/// network.
///
/// # What an implementation gets wrong
/// - **`count` must not be below the truth.** What is held too low is charged all the same,
///   above the limit if need be. If a part cannot be counted, return [`Estimate::opaque`]
///   for it.
/// - **`count` must not be above `bound`.** The enforcer uses a count only if it is
///   smaller: it then reserves anew, or shrinks the hold.
/// - **Only a bound is counted again.** If the bound's kind is
///   [`Guess`](super::EstimateKind::Guess) or [`Likely`](super::EstimateKind::Likely), the enforcer keeps
///   it.
/// - **Other models pass by too.** A call of a fallback model asks the same estimator. Hand
///   models that the estimator does not know on to [`bound`](Self::bound).
///
/// # Example: an estimator for a model of your own
/// ```
/// use token_budget::call::{Message, Part, Prompt};
/// use token_budget::tokens::{Estimate, EstimateKind};
/// use token_budget::TokenEstimator;
///
/// /// Our model reads one token per byte, without any framing.
/// #[derive(Debug)]
/// struct PerByte;
///
/// impl TokenEstimator for PerByte {
///     fn knows(&self, model: &str) -> bool {
///         model == "bytes-1"
///     }
///     fn count_text(&self, _model: &str, text: &str) -> Estimate {
///         Estimate::count(text.len() as u64)
///     }
///     fn count(&self, model: &str, prompt: &Prompt) -> Estimate {
///         if !self.knows(model) || !prompt.tools.is_empty() {
///             return self.bound(model, prompt);
///         }
///         let parts = prompt.messages.iter().flat_map(|message| &message.parts);
///         parts.fold(Estimate::count(0), |sum, part| match part {
///             Part::Text(text) => sum.plus(self.count_text(model, text)),
///             _ => sum.plus(Estimate::opaque()), // we do not know, and say so
///         })
///     }
/// }
///
/// let hello = Message::user("hello");
/// let prompt = Prompt { messages: vec![hello.clone(), Message::user("you")], tools: vec![] };
/// assert_eq!(PerByte.count("bytes-1", &prompt), Estimate::count(5 + 3));
///
/// // An image makes the sum a guess, and the reservation takes the model's largest input.
/// let prompt = Prompt { messages: vec![hello.with_part(Part::Image)], tools: vec![] };
/// let estimate = PerByte.count("bytes-1", &prompt);
/// assert_eq!((estimate.kind, estimate.needs_model_maximum()), (EstimateKind::Guess, true));
///
/// // Another model is bounded by its bytes: 5, and the byte bound's 1,600 for an image of a model
/// // of no family, with 16 + 1 around the message and 128 in front.
/// assert_eq!(PerByte.count("other-1", &prompt).tokens, 5 + 1_600 + 17 + 128);
/// ```
pub trait TokenEstimator: fmt::Debug + Send + Sync + 'static {
    /// Says whether this estimator has the tokenizer of that model, so that
    /// [`count`](Self::count) can be better than [`bound`](Self::bound).
    ///
    /// The answer is for an application that chooses between estimators by model. The
    /// enforcer does not ask: the kind of each estimate tells it enough.
    fn knows(&self, model: &str) -> bool;

    /// Returns the best estimate that this estimator can make: a count if it can, else the
    /// bound.
    ///
    /// [`Estimate::kind`] says which of them the answer is. The answer covers the whole
    /// prompt: text, framing, tools and files.
    fn count(&self, model: &str, prompt: &Prompt) -> Estimate;

    /// Estimates one piece of text, without any framing.
    ///
    /// By default the answer is that of [`bound_text`](Self::bound_text).
    fn count_text(&self, model: &str, text: &str) -> Estimate {
        self.bound_text(model, text)
    }

    /// Returns what to hold before anything is counted.
    ///
    /// By default the answer is that of [`ByteBoundEstimator`], which takes the lengths of the parts
    /// alone: of the text only tool descriptions are looked into, for their kind. An
    /// estimator may answer otherwise, as [`FamilyEstimator`](super::FamilyEstimator) does, which reads all text.
    /// The kind of the answer says what is claimed, and decides what the enforcer does near
    /// a limit: only an answer of kind [`EstimateKind::Bound`](super::EstimateKind::Bound) is ever replaced by a count.
    fn bound(&self, model: &str, prompt: &Prompt) -> Estimate {
        bound::of_prompt(Family::of(model), prompt, |tool| self.tool_reading(model, tool))
    }

    /// Returns the input tokens to hold for what one of the provider's own tools reads
    /// while it answers.
    ///
    /// By default the answer is [`OwnTool::tokens`], and zero for what Google finds,
    /// because Google does not bill it. Every estimate of this crate asks here. Whoever
    /// knows the searches of an application better overrides this method alone. The
    /// enforcer never holds more input than the model's largest.
    fn tool_reading(&self, model: &str, tool: OwnTool) -> u64 {
        tool.tokens_in(Family::of(model))
    }

    /// Returns what to hold for one piece of text, without any framing: its bytes.
    fn bound_text(&self, model: &str, text: &str) -> Estimate {
        bound::of_text(Family::of(model), text)
    }

    /// Learns what a call really took that this estimator had estimated.
    ///
    /// The enforcer calls this method for every reconciled call whose prompt was estimated
    /// and whose input the provider reported. `reported` counts input tokens. By default
    /// the method does nothing.
    fn observe(&self, model: &str, estimate: &Estimate, reported: u64) {
        let _ = (model, estimate, reported);
    }
}

/// Bounds a prompt by its bytes: needs no tables, and reads no message.
///
/// The enforcer bounds by this estimator if the operator names none. With the feature
/// `tiktoken` the enforcer then also counts if the bound does not fit.
///
/// # When to use which
/// Use the byte bound if calls are small beside their budget. Use
/// [`FamilyEstimator`](super::FamilyEstimator) if many calls run close to a limit, because
/// four times too much of English is held here until the call is reconciled.
///
/// # What is claimed
/// A token of a byte-level vocabulary stands for at least one byte, so a text has at most
/// as many tokens as bytes. English comes out 4 times too high, base64 1.5 times, and
/// nothing comes out too low.
/// - OpenAI's models read byte-level tokens: the bound is sound.
/// - Gemini falls back to single bytes for what is not in its vocabulary: the bound is
///   sound as long as Gemini does.
/// - Claude's tokenizer is closed. Every request that we recorded obeys the same rule, but
///   the rule is not proven.
/// - The bound of any other model is a [`Guess`](crate::tokens::EstimateKind::Guess): its provider
///   may put a text of its own in front. For `gpt-oss` we saw 68 tokens, for an agent
///   behind a model's name 5,000.
///
/// # Allowances, in tokens
/// | | prompt | message | role | tools, schema | each tool | call | thinking | image |
/// |---|---|---|---|---|---|---|---|---|
/// | OpenAI | 3 | 3 | 1 | 16 | 32 | 16 | 0 | 1,445; small models and GPT-5 3,779; `gpt-4o-mini` 48,169 |
/// | Anthropic | 16 | 8 | 1 | 640 | 64 | 96 | 64 | 5,000 |
/// | Google | 8 | 4 | 1 | 32 | 32 | 16 | 0 | 1,120 |
/// | others | 128 | 16 | 1 | 640 | 64 | 64 | 128 | 1,600 |
///
/// - OpenAI's framing is that of its cookbook ("How to count tokens with tiktoken"): 3
///   tokens for each message, 1 for the role, 3 that prime the answer; the cookbook's 22
///   for each function are rounded up. The framing of the others is what we saw in recorded
///   requests, rounded up: at most 8 tokens around one message, and Anthropic's
///   instructions for tools (it publishes 346, we saw 500).
/// - A role that is not one of the usual words counts its bytes.
/// - Images make the estimate a guess, since providers charge them by size. OpenAI's
///   figures are 2048 × 768 pixels in high detail (85 + 8 × 170) and 1,536 patches at 2.46,
///   Anthropic's the largest image since Claude 4.7 (2576 pixels, width × height / 750;
///   1,600 before), Google's one image in high resolution, as their guides said in November
///   2026. Larger ones cost more on some models.
/// - An image that the model is to look at in its own size
///   ([`Detail::Original`](crate::values::Detail::Original)) is held for 12,000 tokens of OpenAI's
///   models (10,000 patches at 1.2), 2,240 of Google's, and 16,384 of others' (Alibaba's).
/// - A tool of the provider's own, such as a web search, reads text that no request
///   carries. The bound holds [`OwnTool::tokens`](super::OwnTool::tokens) for the tool
///   beside its description, and the estimate is a guess.
///
/// # Example: a bound for text, a guess with an image
/// ```
/// use token_budget::call::{Message, Part, Prompt};
/// use token_budget::tokens::{ByteBoundEstimator, Estimate};
/// use token_budget::TokenEstimator;
///
/// let hello = Message::user("hello");
/// let prompt = Prompt { messages: vec![hello.clone()], tools: vec![] };
/// // 5 bytes, 3 for the message, 1 for its role, 3 for the prompt.
/// assert_eq!(ByteBoundEstimator.count("gpt-4o", &prompt), Estimate::bound(12));
///
/// let prompt = Prompt { messages: vec![hello.with_part(Part::Image)], tools: vec![] };
/// assert_eq!(ByteBoundEstimator.count("gpt-4o", &prompt), Estimate::guess(12 + 1_445));
/// ```
///
/// # Example: a tool counts as its JSON and an allowance
/// ```
/// use token_budget::call::Prompt;
/// use token_budget::tokens::{ByteBoundEstimator, Estimate};
/// use token_budget::TokenEstimator;
///
/// let tool = r#"{"name":"add","parameters":{}}"#;
/// let prompt = Prompt { messages: vec![], tools: vec![tool.into()] };
/// // 30 bytes, 32 for the tool, 16 for the list of tools, 3 for the prompt.
/// assert_eq!(ByteBoundEstimator.bound("gpt-5", &prompt), Estimate::bound(81));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByteBoundEstimator;

impl TokenEstimator for ByteBoundEstimator {
    fn knows(&self, _model: &str) -> bool {
        false
    }

    fn count(&self, model: &str, prompt: &Prompt) -> Estimate {
        self.bound(model, prompt)
    }
}
