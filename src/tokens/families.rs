//! How many tokens will a prompt most likely be, and what will it hardly exceed?
//!
//! The estimate is a sum over the *parts* of a prompt: text, tools, calls, schemas,
//! thinking, images, files. [`size`] finds how often each part stands in the prompt and
//! with how much text, [`Profile`] says how the family frames and shows the part,
//! [`FamilyTable`] says what the family was seen to take for it, and [`explain`] adds up.
//! So a surprising number can be traced to the one part that made it.
//!
//! For one short question to Claude 4.5: 6 tokens of text by OpenAI's vocabulary, a frame
//! of 4 for the message, and 4 that stand in front of every prompt make 14 expected. The table's slack for text of
//! that family is 26.9 % of the part and 16 tokens: 26.9 % of 30 are 9, and 23 are held.

mod explain;
mod size;

use std::fmt;
use std::sync::Arc;

use super::calibration::Calibration;
use super::estimate::Estimate;
#[cfg(feature = "tiktoken")]
use super::estimate::EstimateKind;
use super::family::{Encoding, Family};
use super::own_tool::OwnTool;
use super::part::{PartUnits, PromptPart};
use super::profile;
use super::rough::{self, Tokens};
use super::table::FamilyTable;
use super::{TokenEstimator, bound};
use crate::values::Prompt;
use explain::{CONFIDENCE_PPM, Unsure};
pub use explain::{Explanation, PartEstimate};
use size::Size;

/// Estimates by the family of the model: the tokens to expect, and a bound with a stated
/// confidence.
///
/// [`ByteBoundEstimator`](super::ByteBoundEstimator) holds four times too much of English. This estimator
/// holds what the family was seen to make of a prompt: its framing, its notation of tools
/// and schemas, its tokens for each of OpenAI's. Give it to the builder by name; nothing
/// uses it unless the operator does.
///
/// # When to use which
/// [`new`](Self::new) if no vocabulary is to be loaded; the answers are the same in every
/// build. `counting` (feature `tiktoken`) if OpenAI's models are called too: their text is
/// then exact. [`calibrated`](Self::calibrated) for a process that makes some hundred
/// calls. A table of your own ([`measured_by`](Self::measured_by)) for a model that no
/// public recording shows.
///
/// # What is claimed
/// `expected` is the best guess, `tokens` the bound, which holds in 98 of 100 calls. A rule
/// made the figures from 506 recorded requests of 422 files to 19 providers (2023 to 2026),
/// see [`FamilyTable`].
///
/// | judged how | requests above their bound |
/// |---|---|
/// | in sample | 1 of 506 |
/// | the table made anew without the request's file | 3 of 506 (0.6 %), the bound at a median of 1.28 times the bill |
/// | the same with a [`Calibration`] | 3 of 506, at 1.25 times |
/// | whole folders of recordings left out, so that some families were hardly seen | 7 of 506 (1.4 %) |
///
/// The second line is what to expect of requests like these. The structure of prompts and
/// the rule itself were written with all recordings at hand, so expect some more misses on
/// a kind of request that is new to all of them.
///
/// What no file showed of a family (tools of a model that was only asked plainly, thinking,
/// a schema) is held at half as much again as the dearest family takes, and makes the
/// estimate a [`Guess`](crate::tokens::EstimateKind::Guess): nothing is claimed. A model of no
/// measured family, an image, a file, and one of the provider's own tools make the estimate
/// a guess, too. Behind such a tool the whole prompt is held once more, because most
/// providers bill what is read again. A file that cannot be read still takes the model's
/// largest input. [`explain`](Self::explain) says which part is held at how much.
///
/// # What it reads
/// Unlike the byte bound it reads all text, at some 100 MB a second. So the enforcer asks
/// it once: `bound` and `count` answer with the same number.
///
/// # Text without a vocabulary
/// [`new`](Self::new) counts nothing. It knows some 18,000 words of English and code that
/// are one token each, and bounds everything else by what a vocabulary cannot leave apart:
/// no text out of a million made ones (40 scripts, blanks, base64, emoji, code, random
/// words) was more tokens of `o200k` or `cl100k`. On English the bound is 1.2 to 1.5 of the
/// count, on German 2.2, on Chinese 1.3, and on Russian, Greek or Arabic 2.4 to 5, while
/// bytes are 4 to 8.
///
/// # Example: a bound near the truth for a closed tokenizer
/// ```
/// use token_budget::call::{Message, Prompt};
/// use token_budget::tokens::{EstimateKind, FamilyEstimator};
/// use token_budget::TokenEstimator;
///
/// let message = Message::user("What is the highest mountain?");
/// let prompt = Prompt { messages: vec![message], tools: vec![] };
/// let estimate = FamilyEstimator::new().count("claude-sonnet-4-5", &prompt);
/// assert_eq!(estimate.kind, EstimateKind::Likely);
/// // 6 tokens of text, 4 around the message, 4 in front; 26.9 % of 14 + 16 is 9 more.
/// assert_eq!((estimate.expected, estimate.tokens), (14, 23)); // the byte bound says 54
/// ```
///
/// # Example: what no recording shows is a guess
/// ```
/// use token_budget::call::{Message, Part, Prompt};
/// use token_budget::tokens::{EstimateKind, FamilyEstimator};
/// use token_budget::TokenEstimator;
///
/// let message = Message::user("What is the highest mountain?").with_part(Part::Thinking);
/// let prompt = Prompt { messages: vec![message], tools: vec![] };
/// // Thinking was recorded for Claude 4.5, and never for Mistral's models.
/// let kind = |model| FamilyEstimator::new().count(model, &prompt).kind;
/// assert_eq!(kind("claude-sonnet-4-5"), EstimateKind::Likely);
/// assert_eq!(kind("mistral-large-2411"), EstimateKind::Guess);
/// ```
#[derive(Clone, Default)]
pub struct FamilyEstimator {
    counter: Counter,
    calibration: Option<Arc<Calibration>>,
    /// Figures in place of the built-in ones.
    table: Option<Arc<FamilyTable>>,
    /// What each of the provider's own tools is taken to read, if the builder said so.
    reading: Option<u64>,
}

/// Who counts text: the choice of the constructor.
#[derive(Clone, Default)]
enum Counter {
    /// Kinds of characters alone.
    #[default]
    Rough,
    #[cfg(feature = "tiktoken")]
    Vocabulary(Arc<super::TiktokenEstimator>),
}

impl FamilyEstimator {
    /// Returns an estimator that bounds text by its kinds of characters: the same in every
    /// build.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns an estimator that counts text with OpenAI's vocabularies, and scales the
    /// count for other families.
    #[cfg(feature = "tiktoken")]
    #[must_use]
    pub fn counting(estimator: super::TiktokenEstimator) -> Self {
        Self { counter: Counter::Vocabulary(Arc::new(estimator)), ..Self::default() }
    }

    /// Learns from reconciled calls, and answers by what was learned.
    ///
    /// Keep a clone of the `Arc` to report or to save what was learned.
    #[must_use]
    pub fn calibrated(mut self, calibration: Arc<Calibration>) -> Self {
        self.calibration = Some(calibration);
        self
    }

    /// Holds so many input tokens for what each of the provider's own tools reads, in place
    /// of [`OwnTool::tokens`](super::OwnTool::tokens).
    ///
    /// # Example: an application whose searches are small
    /// ```
    /// use token_budget::tokens::{FamilyEstimator, OwnTool};
    /// use token_budget::TokenEstimator;
    ///
    /// let estimator = FamilyEstimator::new().reading_at_most(4_000);
    /// assert_eq!(estimator.tool_reading("gpt-5", OwnTool::Search), 4_000);
    /// // A shell at the caller's reads nothing that the provider brings.
    /// assert_eq!(estimator.tool_reading("gpt-5", OwnTool::Nothing), 0);
    /// assert_eq!(FamilyEstimator::new().tool_reading("gpt-5", OwnTool::Search), 15_000);
    /// ```
    #[must_use]
    pub fn reading_at_most(mut self, tokens: u64) -> Self {
        self.reading = Some(tokens);
        self
    }

    /// Returns the family by which that model is estimated; `other` if none was measured.
    ///
    /// ```
    /// use token_budget::tokens::FamilyEstimator;
    ///
    /// assert_eq!(FamilyEstimator::family("us.anthropic.claude-sonnet-4-5-20250929-v1:0"), "claude-4.5");
    /// assert_eq!(FamilyEstimator::family("openai/gpt-5-mini"), "openai-reasoning");
    /// assert_eq!(FamilyEstimator::family("some-new-model"), "other");
    /// ```
    #[must_use]
    pub fn family(model: &str) -> &'static str {
        profile::of(model).name
    }

    /// Estimates by these figures in place of [`FamilyTable::bundled`].
    #[must_use]
    pub fn measured_by(mut self, table: Arc<FamilyTable>) -> Self {
        self.table = Some(table);
        self
    }

    /// Returns the estimate by the family alone, whatever was learned.
    #[must_use]
    pub fn uncalibrated(&self, model: &str, prompt: &Prompt) -> Estimate {
        self.explain(model, prompt).estimate
    }

    /// Returns the same estimate with the parts of which it is the sum: what is expected
    /// and held for text, tools, thinking, and so on.
    ///
    /// # Example: what tools bring that no request carries
    /// ```
    /// use token_budget::call::{Message, Prompt};
    /// use token_budget::tokens::{FamilyEstimator, PromptPart};
    ///
    /// let tool = r#"{"name":"now","description":"Tells the time.","input_schema":{"type":"object"}}"#;
    /// let prompt = Prompt { messages: vec![Message::user("How late is it?")], tools: vec![tool.into()] };
    /// let explained = FamilyEstimator::new().explain("claude-sonnet-4-5", &prompt);
    ///
    /// let tools = explained.parts.iter().find(|part| part.part == PromptPart::Tools).unwrap();
    /// assert!(tools.expected > 400); // Anthropic puts a text about tools in front of them
    /// assert_eq!(explained.parts.iter().map(|part| part.held).sum::<u64>(), explained.estimate.tokens);
    /// ```
    #[must_use]
    pub fn explain(&self, model: &str, prompt: &Prompt) -> Explanation {
        let profile = profile::of(model);
        let mut work = self.counter.work();
        let mut size = Size::default();
        let mut unsure = Unsure::default();
        for message in &prompt.messages {
            size.message(message, &profile, &mut |text| {
                let tokens = self.counter.tokens(profile.encoding, text, &mut work);
                unsure.text.add(tokens)
            });
        }
        let mut count = |text: &str| {
            let tokens = self.counter.tokens(profile.encoding, text, &mut work);
            unsure.tools.add(tokens)
        };
        let reading = |own| self.tool_reading(model, own);
        size.tools(prompt, &profile, &reading, &mut count);
        Explanation::of(&size, &profile, self.table(), &unsure)
    }

    fn table(&self) -> &FamilyTable {
        self.table.as_deref().unwrap_or_else(|| FamilyTable::bundled())
    }
}

impl TokenEstimator for FamilyEstimator {
    fn knows(&self, model: &str) -> bool {
        self.counter.is_exact() && profile::of(model).is_exact
    }

    fn count(&self, model: &str, prompt: &Prompt) -> Estimate {
        let estimate = self.uncalibrated(model, prompt);
        match &self.calibration {
            Some(calibration) => calibration.applied(model, estimate),
            None => estimate,
        }
    }

    fn count_text(&self, model: &str, text: &str) -> Estimate {
        let profile = profile::of(model);
        // A text too long to be counted whole is no count: the estimator says which it was.
        #[cfg(feature = "tiktoken")]
        if let (true, Counter::Vocabulary(estimator)) = (profile.is_exact, &self.counter) {
            let counted = estimator.count_text(model, text);
            if counted.kind != EstimateKind::Guess {
                return counted;
            }
        }
        let tokens = self.counter.tokens(profile.encoding, text, &mut self.counter.work());
        let units = PartUnits::new(0, tokens.expected, 0);
        let figure = self.table().of(&profile, PromptPart::Text).unwrap_or_default();
        let most = figure.held(PromptPart::Text, units).saturating_add(tokens.beyond(figure.ppm));
        let expected = figure.expected(units);
        if profile.is_guess || figure.files == 0 {
            return Estimate { expected, ..Estimate::guess(most.max(expected)) };
        }
        Estimate::likely(expected, most, CONFIDENCE_PPM)
    }

    fn bound(&self, model: &str, prompt: &Prompt) -> Estimate {
        self.count(model, prompt)
    }

    fn bound_text(&self, model: &str, text: &str) -> Estimate {
        bound::of_text(Family::of(model), text)
    }

    fn tool_reading(&self, model: &str, tool: OwnTool) -> u64 {
        match self.reading {
            Some(tokens) if tool != OwnTool::Nothing => tokens,
            _ => tool.tokens_in(Family::of(model)),
        }
    }

    fn observe(&self, model: &str, estimate: &Estimate, reported: u64) {
        if let Some(calibration) = &self.calibration {
            calibration.observe(model, estimate, reported);
        }
    }
}

impl fmt::Debug for FamilyEstimator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counter.is_exact();
        f.debug_struct("FamilyEstimator")
            .field("counts", &counts)
            .field("calibrated", &self.calibration.is_some())
            .finish()
    }
}

impl Counter {
    /// Whether a vocabulary counts.
    fn is_exact(&self) -> bool {
        !matches!(self, Self::Rough)
    }

    /// The work that one estimate may take: shared by all texts of a prompt.
    #[cfg(feature = "tiktoken")]
    fn work(&self) -> usize {
        super::tiktoken::WORK_PER_CALL
    }

    #[cfg(not(feature = "tiktoken"))]
    fn work(&self) -> usize {
        0
    }

    #[cfg_attr(
        not(feature = "tiktoken"),
        expect(unused_variables, reason = "only a vocabulary works for its count")
    )]
    /// The tokens of a text by that vocabulary. A counted text has `most == expected`,
    /// which later means that nothing is unsure about it.
    fn tokens(&self, encoding: Encoding, text: &str, work: &mut usize) -> Tokens {
        match self {
            Self::Rough => rough::tokens(encoding, text),
            #[cfg(feature = "tiktoken")]
            Self::Vocabulary(estimator) => {
                let tokens = estimator.text(encoding, text, work).tokens;
                Tokens { expected: tokens, most: tokens }
            }
        }
    }
}
