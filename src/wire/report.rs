//! What did a provider say a call used?

use compact_str::CompactString;
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};

use crate::{ServiceTier, Usage};

/// What a response or a stream said about its own bill.
///
/// Lines that are billed for different models, or beside the answer, stand
/// apart: price each with its own model. An error carries no line.
///
/// ```
/// use token_budget::wire::extract;
///
/// let body = br#"{"model": "gpt-4o", "choices": [{"finish_reason": "stop"}],
///     "usage": {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150,
///               "prompt_tokens_details": {"cached_tokens": 100}}}"#;
/// let report = extract(Some("openai"), body, [])?;
/// let usage = report.usage().expect("a line");
/// assert_eq!((usage.input(), usage.cached_input(), usage.output()), (Some(120), Some(100), Some(30)));
/// assert_eq!(report.model.as_deref(), Some("gpt-4o"));
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UsageReport {
    /// What was billed, the answer's own line first. Empty: no usage was reported.
    pub lines: Vec<UsageLine>,
    /// The model that served the answer, as the provider names it.
    pub model: Option<CompactString>,
    /// What the provider says it charges in USD, exactly as it wrote it, where
    /// it is known to say so. A zero is left out: it is not evidence of a free call.
    #[serde(serialize_with = "as_text")]
    pub cost: Option<Decimal>,
    /// The processing it says it used, in its own words: `default`, `flex`, `ON_DEMAND`.
    pub service_tier: Option<CompactString>,
    /// Where it ran, in the provider's own words: Anthropic's `inference_geo`.
    pub region: Option<CompactString>,
    /// How fast it was asked to run, in the provider's own words: Anthropic's `speed`.
    pub speed: Option<CompactString>,
    /// Why the answer ended, in the provider's own words: `stop`, `max_tokens`.
    pub finish: Option<CompactString>,
    /// Whether the frame that ends the answer was seen; always, for a whole body.
    pub finished: bool,
    /// Whether the last line of an answer is that of one still being read.
    #[serde(skip)]
    pub(super) is_open: bool,
    /// The kind of error that came in place of an answer: nothing is charged for it.
    pub error: Option<CompactString>,
    /// Text that was generated, for charging an answer whose usage never came. A
    /// stream is counted as it flows; a whole body only where it reports no usage.
    pub text: TextSeen,
    /// The counts were made here from text, not reported.
    pub estimated: bool,
    /// Figures contradicted each other, and parts were cut to their wholes.
    pub clamped: bool,
    /// The request asked only how many tokens there are: nothing was generated or billed.
    pub counting: bool,
    /// A frame was damaged or too large to read, so that something may be missing.
    pub damaged: bool,
}

/// The usage of one model within a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UsageLine {
    /// The model, where it is another than the answer's.
    pub model: Option<CompactString>,
    /// What it used.
    pub usage: Usage,
    /// What it was for.
    pub purpose: Purpose,
}

/// What the usage of one line was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Purpose {
    /// The answer itself; in a realtime session one line for each answer.
    Answer,
    /// Shortening the conversation before answering it (Anthropic).
    Compaction,
    /// Another model that was asked for advice (Anthropic).
    Advisor,
    /// Writing down what the user said (OpenAI realtime).
    Transcription,
    /// Images that a tool made beside the answer (OpenAI).
    ImageGeneration,
    /// Anything else that a provider bills beside the answer.
    Other,
}

/// How much generated text passed by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TextSeen {
    /// Characters (Unicode scalar values) of the answer.
    pub chars: u64,
    /// Bytes of the answer in UTF-8: tokens of a byte-level vocabulary cannot be more.
    pub bytes: u64,
    /// Bytes of what is generated but is no answer: reasoning, arguments of tools.
    pub hidden_bytes: u64,
}

impl UsageReport {
    /// The sum of all lines; `None` where no usage was reported.
    ///
    /// Good for tokens and requests. To price a report whose lines name
    /// different models, price each line.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        let (first, rest) = self.lines.split_first()?;
        Some(rest.iter().fold(first.usage, |sum, line| sum.plus(&line.usage)))
    }

    /// The usage of the answer alone: its first line.
    #[must_use]
    pub fn answer(&self) -> Option<&Usage> {
        self.lines.first().filter(|line| line.purpose == Purpose::Answer).map(|line| &line.usage)
    }

    /// Whether the answer ended because it may not be longer, by the provider's own word: `length`, `max_tokens`.
    #[must_use]
    pub fn ended_at_limit(&self) -> bool {
        const WORDS: [&str; 3] = ["length", "max_tokens", "max_output_tokens"];
        self.finish.as_deref().is_some_and(|word| WORDS.iter().any(|known| word.eq_ignore_ascii_case(known)))
    }

    /// The tier that its words mean, speed before processing; `None` where no price is known for them.
    #[must_use]
    pub fn tier(&self) -> Option<ServiceTier> {
        let named = |word: &Option<CompactString>| word.as_deref().and_then(ServiceTier::named);
        let fast = named(&self.speed).filter(|tier| *tier != ServiceTier::Standard);
        fast.or_else(|| named(&self.service_tier))
    }

    /// Takes this for the usage of the answer, in place of what was reported of it before.
    pub(crate) fn set_answer(&mut self, usage: Usage) {
        self.lines.retain(|line| line.purpose != Purpose::Answer);
        self.lines.insert(0, UsageLine { model: None, usage, purpose: Purpose::Answer });
        self.is_open = true;
    }

    /// Completes what was not reported with counts made here, and marks the report as estimated.
    ///
    /// What was reported stays, save the output of an answer that broke off: a
    /// count from its beginning does not stand for the text that came after it,
    /// so the larger of the two is taken. Nothing is added where an error came
    /// in place of an answer.
    #[must_use]
    pub fn or_estimated(mut self, input_tokens: u64, output_tokens: u64) -> Self {
        if self.error.is_some() && self.lines.is_empty() && self.text == TextSeen::default() {
            return self;
        }
        let own = self.lines.iter().rposition(|line| line.purpose == Purpose::Answer);
        // In a session of many answers the one that broke off may have no line yet.
        let own = own.filter(|_| self.is_open || self.finished).unwrap_or_else(|| {
            let at = self.lines.len();
            self.lines.push(UsageLine { model: None, usage: Usage::new(), purpose: Purpose::Answer });
            at
        });
        let seen = if self.finished { 0 } else { output_tokens };
        if let Some(line) = self.lines.get_mut(own) {
            let reported = line.usage;
            let output = reported.output().map_or(output_tokens, |output| output.max(seen));
            line.usage = reported.with_input(reported.input().unwrap_or(input_tokens)).with_output(output);
            if line.usage != reported {
                self.estimated = true;
                // What was said of the cost was said of less.
                self.cost = None;
            }
        }
        self.is_open = true;
        self
    }
}

impl TextSeen {
    /// Bytes of everything generated that was seen.
    #[must_use]
    pub fn bytes_all(&self) -> u64 {
        self.bytes.saturating_add(self.hidden_bytes)
    }
}

/// Money as decimal text: a number might pass through a float on its way.
#[expect(clippy::ref_option, reason = "the form that serde asks for")]
fn as_text<S: Serializer>(usd: &Option<Decimal>, serializer: S) -> Result<S::Ok, S::Error> {
    usd.map(|usd| usd.to_string()).serialize(serializer)
}
