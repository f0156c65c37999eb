//! How many tokens will a prompt most likely be, and what will it hardly exceed?

use std::fmt;
use std::sync::Arc;

use super::calibration::Calibration;
use super::estimate::Estimate;
use super::family::Encoding;
use super::profile::{Margin, Notation, Profile};
use super::rough;
use super::tool_text::Tool;
use super::{TokenEstimator, bound};
use crate::message::{Message, Part, Prompt};

/// Estimates by the family of the model: the tokens to expect, and a bound with a stated confidence.
///
/// Where [`ByteBound`](super::ByteBound) takes four times too much of English, this
/// takes what the family was seen to make of a prompt: its framing, its
/// notation of tools and schemas, its tokens for each of OpenAI's. Give it to the
/// builder by name; nothing uses it unless told to.
///
/// # What is claimed
/// `expected` is the best guess, `tokens` the bound. In 508 recorded requests
/// to 15 providers (2023 to 2026) the bound was exceeded in at most 2 of 100,
/// which is what `confidence_ppm` says. A model of another family, an
/// image, a file, or one of the provider's own tools makes it a
/// [`Guess`](crate::EstimateKind::Guess): nothing is claimed, and a file
/// still takes the model's largest input. Text of OpenAI models is exact with
/// [`counting`](Self::counting).
///
/// # What it reads
/// Unlike the byte bound it reads all text, at some 100 MB a second, so
/// it is asked once and answers with the same number to `bound` and `count`.
///
/// # Example: a bound near the truth for a closed tokenizer
/// ```
/// use token_budget::{EstimateKind, FamilyEstimator, Message, Prompt, TokenEstimator};
///
/// let message = Message::user("What is the tallest mountain?");
/// let prompt = Prompt { messages: vec![message], tools: vec![] };
/// let estimate = FamilyEstimator::new().count("claude-sonnet-4-5", &prompt);
/// assert_eq!(estimate.kind, EstimateKind::Likely);
/// assert!(estimate.expected >= 10 && estimate.tokens <= 24); // the byte bound says 54
/// ```
#[derive(Clone, Default)]
pub struct FamilyEstimator {
    counter: Counter,
    calibration: Option<Arc<Calibration>>,
}

/// Who counts text.
#[derive(Clone, Default)]
enum Counter {
    /// Kinds of characters alone.
    #[default]
    Rough,
    #[cfg(feature = "tiktoken")]
    Vocabulary(Arc<super::TiktokenEstimator>),
}

/// In how many of a million recorded requests the bound was not exceeded, rounded down.
const CONFIDENCE_PPM: u32 = 980_000;

/// Without a vocabulary a text may come out a tenth too low.
const ROUGH: Margin = Margin { ppm: 100_000, tokens: 1 };

impl FamilyEstimator {
    /// Estimates text by its kinds of characters: the same in every build.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts text with OpenAI's vocabularies, and scales it for other families.
    #[cfg(feature = "tiktoken")]
    #[must_use]
    pub fn counting(estimator: super::TiktokenEstimator) -> Self {
        Self { counter: Counter::Vocabulary(Arc::new(estimator)), calibration: None }
    }

    /// Learns from reconciled calls, and answers by what was learned.
    #[must_use]
    pub fn calibrated(mut self, calibration: Arc<Calibration>) -> Self {
        self.calibration = Some(calibration);
        self
    }

    /// The family by which that model is estimated, `other` where none was measured.
    #[must_use]
    pub fn family(model: &str) -> &'static str {
        Profile::of(model).name
    }

    /// The estimate by the family alone, whatever was learned.
    #[must_use]
    pub fn uncalibrated(&self, model: &str, prompt: &Prompt) -> Estimate {
        let profile = Profile::of(model);
        let mut work = self.counter.work();
        let mut size = Size::default();
        for message in &prompt.messages {
            size.message(message, &profile, &mut |text| {
                self.counter.tokens(profile.encoding, text, &mut work)
            });
        }
        let mut count = |text: &str| self.counter.tokens(profile.encoding, text, &mut work);
        size.tools(prompt, &profile, &mut count);
        let estimate = size.estimate(&profile, self.counter.margin());
        Estimate { has_tools: size.tools > 0 || size.schemas > 0 || size.calls > 0, ..estimate }
    }
}

impl TokenEstimator for FamilyEstimator {
    fn knows(&self, model: &str) -> bool {
        self.counter.is_exact() && Profile::of(model).is_exact
    }

    fn count(&self, model: &str, prompt: &Prompt) -> Estimate {
        let estimate = self.uncalibrated(model, prompt);
        match &self.calibration {
            Some(calibration) => calibration.applied(model, estimate),
            None => estimate,
        }
    }

    fn count_text(&self, model: &str, text: &str) -> Estimate {
        let profile = Profile::of(model);
        let mut work = self.counter.work();
        let tokens = share(self.counter.tokens(profile.encoding, text, &mut work), profile.text_ppm);
        if profile.is_exact && self.counter.is_exact() {
            return Estimate::count(tokens);
        }
        let most = tokens
            .saturating_add(added(tokens, profile.margin))
            .saturating_add(added(tokens, self.counter.margin()));
        Estimate::likely(tokens, most, CONFIDENCE_PPM)
    }

    fn bound(&self, model: &str, prompt: &Prompt) -> Estimate {
        self.count(model, prompt)
    }

    fn bound_text(&self, model: &str, text: &str) -> Estimate {
        bound::of_text(super::Family::of(model), text)
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
    fn is_exact(&self) -> bool {
        !matches!(self, Self::Rough)
    }

    fn margin(&self) -> Margin {
        if self.is_exact() { Margin { ppm: 0, tokens: 0 } } else { ROUGH }
    }

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
    fn tokens(&self, encoding: Encoding, text: &str, work: &mut usize) -> u64 {
        match self {
            Self::Rough => rough::tokens(text),
            #[cfg(feature = "tiktoken")]
            Self::Vocabulary(estimator) => estimator.text(encoding, text, work).tokens,
        }
    }
}

/// What a prompt is made of, in tokens of the vocabulary it was counted with.
#[derive(Debug, Default)]
struct Size {
    /// Messages, and what their framing takes.
    framing: u64,
    text: u64,
    calls: u64,
    call_text: u64,
    capitals: u64,
    empty_systems: u64,
    reasoning: u64,
    thinks: bool,
    schemas: u64,
    schema_text: u64,
    tools: u64,
    tool_text: u64,
    has_chat_tools: bool,
    own_tools: u64,
    pictures: u64,
    unsized_pictures: u64,
    opaque: bool,
}

impl Size {
    fn message(&mut self, message: &Message, profile: &Profile, count: &mut dyn FnMut(&str) -> u64) {
        let is_first = self.framing == 0;
        let is_empty = !message.parts.is_empty()
            && message.parts.iter().all(|part| matches!(part, Part::Text(text) if text.is_empty()));
        let framing = match message.role.as_str() {
            "system" | "developer" if is_empty => {
                self.empty_systems = self.empty_systems.saturating_add(1);
                0
            }
            "assistant" | "model" if is_first => {
                profile.message.saturating_add(profile.assistant).saturating_add(profile.answer_first)
            }
            "system" | "developer" => profile.system,
            "assistant" | "model" => profile.message.saturating_add(profile.assistant),
            _ => profile.message,
        };
        self.framing = self.framing.saturating_add(framing);
        for part in &message.parts {
            match part {
                Part::Text(text) => {
                    self.text = self.text.saturating_add(count(text));
                    if profile.capital_ppm > 0 {
                        self.capitals = self.capitals.saturating_add(capitals(text));
                    }
                }
                Part::Call { name, arguments } => {
                    let tokens = count(name).saturating_add(count(arguments));
                    self.call_text = self.call_text.saturating_add(tokens);
                    self.text = self.text.saturating_add(tokens);
                    self.framing = self.framing.saturating_add(profile.call);
                    self.calls = self.calls.saturating_add(1);
                }
                Part::Reasoning(text) => self.reasoning = self.reasoning.saturating_add(count(text)),
                Part::Schema(text) => {
                    self.schemas = self.schemas.saturating_add(1);
                    self.schema_text = self.schema_text.saturating_add(count(text));
                }
                Part::Picture(picture) => {
                    self.pictures = self.pictures.saturating_add(profile.pictures.tokens(*picture));
                }
                Part::Image => self.unsized_pictures = self.unsized_pictures.saturating_add(1),
                Part::Thinking => self.thinks = true,
                Part::Opaque => self.opaque = true,
            }
        }
    }

    fn tools(&mut self, prompt: &Prompt, profile: &Profile, count: &mut dyn FnMut(&str) -> u64) {
        for description in &prompt.tools {
            let text = match Tool::read(description) {
                Some(Tool::Own) => {
                    self.own_tools = self.own_tools.saturating_add(1);
                    description.to_string()
                }
                Some(Tool::Function(function)) => match profile.notation {
                    Notation::TypeScript => function.typescript(),
                    Notation::Json => function.json(),
                },
                None => description.to_string(),
            };
            self.tools = self.tools.saturating_add(1);
            self.has_chat_tools |= description.contains("\"function\":{");
            self.tool_text = self.tool_text.saturating_add(count(&text));
        }
        if self.tools > 0 && profile.notation == Notation::TypeScript {
            self.tool_text = self.tool_text.saturating_add(TYPESCRIPT_FRAME);
        }
    }

    fn estimate(&self, profile: &Profile, rough: Margin) -> Estimate {
        let sum = |numbers: &[u64]| numbers.iter().fold(0_u64, |sum, number| sum.saturating_add(*number));
        let text = sum(&[
            share(self.text, profile.text_ppm),
            share(self.capitals, profile.capital_ppm),
            share(self.reasoning, profile.reasoning_ppm),
        ]);
        let schemas = if self.schemas == 0 {
            0
        } else {
            profile.schema.saturating_add(share(self.schema_text, profile.schema_ppm))
        };
        let thinking = if self.thinks { profile.thinking } else { 0 };
        let plain = sum(&[profile.prompt, self.framing, text, schemas, thinking, self.pictures]);
        let tools = self.tool_tokens(profile);
        let unsized_most = self.unsized_pictures.saturating_mul(profile.pictures.most());
        let expected = sum(&[plain, tools, unsized_most / 2]);
        // A call was seen to take three tokens more, where its notation is closed its text again.
        let notation = if profile.is_exact { 0 } else { self.call_text };
        let calls = self.calls.saturating_mul(3).saturating_add(notation);
        let mut most =
            sum(&[plain, tools, unsized_most, calls, added(plain, profile.margin), added(text, rough)]);
        if self.tools > 0 {
            most = sum(&[most, added(tools, profile.tools_margin), added(tools, rough)]);
            let own = profile.own_tool_most.saturating_sub(profile.own_tool);
            most = most.saturating_add(self.own_tools.saturating_mul(own));
        }
        if self.schemas > 0 {
            // What is expected was seen to be off by half the schema, where it is billed at all.
            most = most.saturating_add(self.schema_text / 2);
        }
        // Reasoning that one provider leaves out another reads.
        let unread = self.reasoning.saturating_sub(share(self.reasoning, profile.reasoning_ppm));
        most = most.saturating_add(unread / 2);
        self.named(profile, expected, most)
    }

    /// What is claimed of the two numbers.
    fn named(&self, profile: &Profile, expected: u64, most: u64) -> Estimate {
        let is_guessed = profile.name == "other"
            || self.own_tools > 0
            || self.pictures > 0
            || self.unsized_pictures > 0
            || self.opaque;
        let estimate = Estimate::likely(expected, most, CONFIDENCE_PPM);
        if is_guessed {
            let unclaimed = Estimate { expected, ..Estimate::guess(estimate.tokens) };
            return Estimate { opaque: self.opaque, ..unclaimed };
        }
        estimate
    }

    fn tool_tokens(&self, profile: &Profile) -> u64 {
        if self.tools == 0 {
            return 0;
        }
        let each = profile.tool.saturating_mul(self.tools);
        let own = profile.own_tool.saturating_mul(self.own_tools);
        let chat = if self.has_chat_tools { profile.chat_tools } else { 0 };
        let text = share(self.tool_text, profile.tools_ppm);
        let empty = profile.empty_system.saturating_mul(self.empty_systems);
        [profile.tools, each, own, chat, text, empty]
            .iter()
            .fold(0, |sum: u64, tokens| sum.saturating_add(*tokens))
    }
}

/// `# Tools\n\n## functions\n\nnamespace functions {\n\n} // namespace functions` around all of them.
const TYPESCRIPT_FRAME: u64 = 15;

/// Capital letters behind another.
fn capitals(text: &str) -> u64 {
    let pairs = text.as_bytes().windows(2).filter(|pair| pair.iter().all(u8::is_ascii_uppercase));
    u64::try_from(pairs.count()).unwrap_or(u64::MAX)
}

/// So many millionths of it, rounded to the nearest.
fn share(tokens: u64, ppm: u32) -> u64 {
    tokens.saturating_mul(u64::from(ppm)).saturating_add(500_000) / 1_000_000
}

fn added(tokens: u64, margin: Margin) -> u64 {
    tokens.saturating_mul(u64::from(margin.ppm)).div_ceil(1_000_000).saturating_add(margin.tokens)
}
