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
//!   [`Prompt`](crate::call::Prompt), not a string.
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
mod estimator;
mod families;
mod family;
#[cfg(feature = "tiktoken")]
mod fast;
mod media;
#[cfg(feature = "tiktoken")]
mod memo;
mod output;
mod own_tool;
mod part;
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

pub use calibration::{Calibration, CalibrationReport, ModelCalibration};
pub(crate) use dropping::Dropping;
pub use estimate::{Estimate, EstimateKind};
pub use estimator::{ByteBoundEstimator, TokenEstimator};
pub use families::{Explanation, FamilyEstimator, PartEstimate};
pub use output::{LearnedOutput, OutputSizing};
pub use own_tool::OwnTool;
pub use part::{Figure, PartUnits, PromptPart};
pub(crate) use recount::recounted;
pub use request::RequestShape;
pub(crate) use request::language::{self, Language};
pub(crate) use request::{limit_output, output_terms, parsed as request_document, text as request_text};
pub(crate) use request::{makers, unsaid};
pub(crate) use request::{whole_text, with_dearer};
pub(crate) use seen::{SeenText, keeps_to_limit};
pub use table::FamilyTable;
#[cfg(feature = "tiktoken")]
pub use tiktoken::TiktokenEstimator;
pub(crate) use tool_text::runs_own_tool;
pub use trim::{LeftOut, Trim, TrimTarget, Trimmed, Trimming};
pub(crate) use unnamed::estimator as unnamed_estimator;
