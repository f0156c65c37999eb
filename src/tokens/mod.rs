//! How many input tokens will a prompt be, before the provider counts them?
//!
//! A budget is checked before a call is sent. At that moment nobody knows the bill: the
//! provider counts tokens only when the request has arrived. This module answers three
//! questions in its place.
//!
//! 1. **How many input tokens?** An estimator answers with an [`Estimate`]: a number, and
//!    what is known about the number.
//! 2. **How many output tokens?** [`OutputSizing`] chooses what a reservation holds for the
//!    answer.
//! 3. **What if the prompt does not fit?** [`RequestShape::trim`] leaves old turns out
//!    until the prompt fits.
//!
//! # The parts, in reading order
//! - [`Estimate`] and [`EstimateKind`]: a count, a bound, a likely bound, or a guess. Start
//!   here, because every other type returns one.
//! - [`TokenEstimator`]: the trait that the enforcer asks. Three estimators come with the
//!   crate, and a fourth is a few lines of your own code.
//! - [`RequestShape`]: reads the JSON body of a request, in the language of any provider,
//!   and finds the prompt, the limits and the fees in the body.
//! - [`OwnTool`]: what a web search, or another tool that the provider runs, adds to the
//!   input.
//! - [`FamilyTable`] and [`Explanation`]: where the figures of [`FamilyEstimator`] come
//!   from, and which part of a prompt is held at how much.
//! - [`Calibration`] and [`LearnedOutput`]: learn from reconciled calls how much to hold.
//! - [`Trim`], [`TrimTarget`] and [`Trimming`]: which messages go first, how short the
//!   prompt has to be, and what came of it.
//!
//! # Which estimator?
//! | | needs | English is held at | right for |
//! |---|---|---|---|
//! | [`ByteBoundEstimator`] | nothing, reads no message | about 4 times its tokens | calls that are small beside the budget |
//! | `TiktokenEstimator` (feature `tiktoken`) | a vocabulary, 60 MB | its tokens | OpenAI's models; the byte bound for all others |
//! | [`FamilyEstimator`] | nothing, reads all text | about 1.3 times the bill (median) | every other model, near a limit |
//!
//! If the operator names no estimator, the enforcer bounds each prompt by its bytes first.
//! With the feature `tiktoken` the enforcer counts the prompt of an OpenAI model only if
//! the bound did not fit the budget, so that most calls load no vocabulary.
//!
//! # Example: one question, three models
//! The question has 29 bytes and 6 tokens of OpenAI's vocabulary. Each family puts another
//! frame around it.
//! ```
//! use token_budget::call::{Message, Prompt};
//! use token_budget::tokens::{ByteBoundEstimator, FamilyEstimator};
//! use token_budget::TokenEstimator;
//!
//! let message = Message::user("What is the highest mountain?");
//! let prompt = Prompt { messages: vec![message], tools: vec![] };
//! let bytes = |model| ByteBoundEstimator.count(model, &prompt).tokens;
//! let family = |model| {
//!     let estimate = FamilyEstimator::new().count(model, &prompt);
//!     (estimate.expected, estimate.tokens)
//! };
//!
//! // 29 bytes, and a frame of 3 + 1 + 3, of 8 + 1 + 16, and of 4 + 1 + 8 tokens.
//! assert_eq!(bytes("gpt-4o"), 36);
//! assert_eq!(bytes("claude-sonnet-4-5"), 54);
//! assert_eq!(bytes("gemini-2.5-pro"), 42);
//!
//! // 6 tokens of text, and the frame that was recorded: 3 + 4, 4 + 4, and none. What is held
//! // lies above that by 5 % of 29, by 26.9 % of 30, and by 22.5 % of 22 tokens, rounded up.
//! assert_eq!(family("gpt-4o"), (13, 15));
//! assert_eq!(family("claude-sonnet-4-5"), (14, 23));
//! assert_eq!(family("gemini-2.5-pro"), (6, 11));
//! ```
//!
//! # What goes wrong most often
//! - **A count of the text is not the bill.** Providers add a frame to each message and a
//!   text of their own in front of tools, and they bill images by their size. Estimate a
//!   [`Prompt`], not a string.
//! - **A part may be uncountable.** A file id says nothing of the file. Such a part adds no
//!   token to the estimate, and [`Estimate::needs_model_maximum`] says so: whoever holds
//!   [`Estimate::tokens`] without asking holds too little.
//! - **A guess is no bound.** [`EstimateKind::Guess`] claims nothing.
//!
//! # What was rejected
//! - *One number without a kind.* A caller could not tell 120 counted tokens from 120
//!   guessed ones, and would treat both alike.
//! - *Bytes divided by four.* The rule fits English. Base64 takes 1.5 bytes a token, so the rule
//!   holds three eighths of such a prompt, and it fails in silence.
//! - *The provider's own counting endpoint.* An estimate would wait for the network before
//!   each call, and the budget would be unprotected while the endpoint is down. An
//!   application may still count there, and hand the number to `Call::input_tokens`.
//! - *Every open tokenizer.* Vocabularies of other makers cost megabytes each, and Anthropic's is
//!   closed. Measured figures of recorded requests ([`FamilyTable`]) serve all makers in a few
//!   kilobytes.

mod bound;
mod bytes;
mod calibration;
pub(crate) mod document;
mod dropping;
mod estimate;
mod families;
mod family;
#[cfg(feature = "tiktoken")]
mod fast;
mod media;
#[cfg(feature = "tiktoken")]
mod memo;
mod output;
mod own_tool;
mod pdf;
mod picture;
mod profile;
mod recount;
mod request;
mod rough;
mod seen;
mod sound;
mod table;
#[cfg(feature = "tiktoken")]
mod tiktoken;
mod tool_text;
mod trim;
mod unnamed;

use std::fmt;

pub use bound::ByteBoundEstimator;
pub use calibration::{Calibration, CalibrationReport, ModelCalibration};
pub(crate) use dropping::Dropping;
pub use estimate::{Estimate, EstimateKind};
pub use families::{Explanation, FamilyEstimator, PartEstimate};
pub use output::{LearnedOutput, OutputSizing};
pub use own_tool::OwnTool;
pub(crate) use recount::recounted;
pub use request::RequestShape;
pub(crate) use request::language::{self, Language};
pub(crate) use request::{limit_output, output_terms, parsed as request_document, text as request_text};
pub(crate) use request::{makers, unsaid};
pub(crate) use request::{whole_text, with_dearer};
pub(crate) use seen::{SeenText, keeps_to_limit};
pub use table::{FamilyTable, Figure, PartUnits, PromptPart};
#[cfg(feature = "tiktoken")]
pub use tiktoken::TiktokenEstimator;
pub use trim::{LeftOut, Trim, TrimTarget, Trimmed, Trimming};
pub(crate) use unnamed::estimator as unnamed_estimator;

use crate::values::Prompt;
use family::Family;

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
///   [`Guess`](EstimateKind::Guess) or [`Likely`](EstimateKind::Likely), the enforcer keeps
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
    /// estimator may answer otherwise, as [`FamilyEstimator`] does, which reads all text.
    /// The kind of the answer says what is claimed, and decides what the enforcer does near
    /// a limit: only an answer of kind [`EstimateKind::Bound`] is ever replaced by a count.
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
