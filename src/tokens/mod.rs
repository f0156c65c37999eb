//! How many input tokens will a prompt be? What every estimator can be asked.

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
/// An enforcer asks for [`bound`](Self::bound) first: it is nearly free, and
/// where a budget has room for it nothing needs to be counted. It asks for
/// [`count`](Self::count) only where the answer could differ. Calls are
/// synchronous, never fail and never touch the network.
///
/// # Example: an estimator for a model of your own
/// ```
/// use token_budget::call::{Message, Prompt};
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
///         if prompt.messages.len() != 1 {
///             return self.bound(model, prompt);
///         }
///         Estimate::count(5)
///     }
/// }
///
/// let prompt = Prompt { messages: vec![Message::user("hello")], tools: vec![] };
/// assert_eq!(PerByte.count("bytes-1", &prompt).tokens, 5);
/// assert_eq!(PerByte.count_text("bytes-1", "hello").kind, EstimateKind::Count);
/// ```
pub trait TokenEstimator: fmt::Debug + Send + Sync + 'static {
    /// Whether this estimator has the tokenizer of that model, so that
    /// [`count`](Self::count) can be better than [`bound`](Self::bound).
    fn knows(&self, model: &str) -> bool;

    /// The best this estimator can do: a count where it can, else the bound.
    ///
    /// The answer says itself what it is: see [`Estimate::kind`].
    fn count(&self, model: &str, prompt: &Prompt) -> Estimate;

    /// The same for one piece of text, without any framing.
    fn count_text(&self, model: &str, text: &str) -> Estimate {
        self.bound_text(model, text)
    }

    /// What to hold before anything is counted.
    ///
    /// By default the estimate of [`ByteBoundEstimator`], from the lengths of the parts
    /// alone: no text is read, and it is nearly free. An estimator may answer
    /// otherwise, as [`FamilyEstimator`] does, which reads all text; the
    /// answer's kind says what is claimed.
    fn bound(&self, model: &str, prompt: &Prompt) -> Estimate {
        bound::of_prompt(Family::of(model), prompt, |tool| self.tool_reading(model, tool))
    }

    /// Input tokens to hold for what one of the provider's own tools reads while it answers.
    ///
    /// By default [`OwnTool::tokens`], and nothing for what Google finds, which it does not bill. Every estimate of
    /// this crate asks here, so that whoever knows their searches better overrides this alone; what is held is never
    /// above the model's largest input.
    fn tool_reading(&self, model: &str, tool: OwnTool) -> u64 {
        tool.tokens_in(Family::of(model))
    }

    /// The same for one piece of text, without any framing: its bytes.
    fn bound_text(&self, model: &str, text: &str) -> Estimate {
        bound::of_text(Family::of(model), text)
    }

    /// Is told what a call that it estimated really took, so that it may learn.
    ///
    /// The enforcer tells it of every reconciled call whose prompt was estimated
    /// and whose input the provider reported. Nothing is done unless it is implemented.
    fn observe(&self, model: &str, estimate: &Estimate, reported: u64) {
        let _ = (model, estimate, reported);
    }
}
