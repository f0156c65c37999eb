//! Of which parts is a prompt made, and what does each of them take?

use std::fmt;

/// A part of a prompt that each family bills in its own way.
///
/// The first nine have figures in a [`FamilyTable`](super::FamilyTable) ([`MEASURED`](Self::MEASURED)); the
/// others are worked out from published sizes, or from what a tool may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PromptPart {
    /// Messages with their framing, and what stands in front of every prompt.
    Text,
    /// Thinking is switched on: some providers put a text of their own in front for it.
    Thinking,
    /// Reasoning of earlier answers that the request sends back.
    Reasoning,
    /// Descriptions of tools, and what the provider says about tools.
    Tools,
    /// What the envelope of chat completions adds to tools of OpenAI's models.
    ChatTools,
    /// Empty system texts beside tools, for which OpenAI puts a text of its own.
    EmptySystem,
    /// Earlier calls of tools, beside their text.
    Calls,
    /// A schema that the answer must fit.
    Schema,
    /// Tools that the provider runs by itself.
    OwnTools,
    /// What those tools read, and the prompt that is read once more behind them. No
    /// recording tells the two apart.
    Readings,
    /// Images. The table has no figure: providers publish what a size costs.
    Pictures,
    /// PDFs, sounds and films, by their pages or their length.
    Media,
    /// What the model reads and no request carries, such as a thought that the provider
    /// keeps.
    Unseen,
}

/// How often a part stands in a prompt, and with how much text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartUnits {
    /// How many there are: all tools count as one list.
    pub count: u64,
    /// Tokens of the text of the part, as this crate counts them.
    pub text: u64,
    /// Tokens that the family's template puts around the part.
    pub framing: u64,
}

/// What one family makes of one part.
///
/// # Example: a list of tools for Claude 4.5
/// ```
/// use token_budget::tokens::{Figure, PartUnits, PromptPart};
///
/// // 521 tokens in front, three quarters of the tools' text; a slack of 47 %.
/// let tools = Figure::new(521, 750_000, 470_000, 7);
/// let mut units = PartUnits::default();
/// units.count = 1;
/// units.text = 1_000;
/// assert_eq!(tools.expected(units), 521 + 750);
/// // 47 % of 1,271 and 40 more tokens is 616.17, and a part of a token is held whole.
/// assert_eq!(tools.held(PromptPart::Tools, units), 1_271 + 617);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figure {
    /// Tokens for each of the part, whatever its text.
    pub tokens: u64,
    /// Tokens for each token of its text that this crate counts, in millionths.
    pub ppm: u32,
    /// How far above the expectation a bound lies, in millionths of the part and a few
    /// tokens ([`steadied`](Self::steadied)).
    pub slack_ppm: u32,
    /// In how many recorded files the part was seen. If zero, the figure is a related
    /// family's, or a guess.
    pub files: u32,
}

/// Parts of which a table has figures.
pub(super) const PARTS: usize = 9;

impl PromptPart {
    /// The parts of which a table has figures, in the order in which a rule can tell them
    /// apart: text first, since every prompt has it, then what stands on top.
    pub const MEASURED: [Self; PARTS] = [
        Self::Text,
        Self::Thinking,
        Self::Reasoning,
        Self::Tools,
        Self::ChatTools,
        Self::EmptySystem,
        Self::Calls,
        Self::Schema,
        Self::OwnTools,
    ];

    /// The column of a part; `None` for a part without figures.
    pub(super) fn index(self) -> Option<usize> {
        Self::MEASURED.iter().position(|part| *part == self)
    }

    /// Whether a provider may put a text of its own in front for the part. Such a text has
    /// any length, and another host's may be far longer than the one that was recorded.
    pub(super) const fn brings_text(self) -> bool {
        matches!(self, Self::Thinking | Self::Tools | Self::EmptySystem | Self::Schema)
    }

    /// Returns the tokens that are added to a part before its slack is taken: a small part
    /// strays by more than its share.
    #[must_use]
    pub const fn steady(self) -> u64 {
        match self {
            Self::Tools => 40,
            Self::Calls => 10,
            Self::Schema => 20,
            Self::OwnTools => 100,
            _ => 16,
        }
    }
}

impl PartUnits {
    pub(super) const fn new(count: u64, text: u64, framing: u64) -> Self {
        Self { count, text, framing }
    }
}

impl Figure {
    /// Returns a figure: so many tokens for each, millionths for its text, slack in
    /// millionths, and the number of files that showed it.
    #[must_use]
    pub const fn new(tokens: u64, ppm: u32, slack_ppm: u32, files: u32) -> Self {
        Self { tokens, ppm, slack_ppm, files }
    }

    /// Returns the tokens that a part will most likely take. Saturates.
    #[must_use]
    pub fn expected(self, units: PartUnits) -> u64 {
        let each = self.tokens.saturating_mul(units.count);
        each.saturating_add(share(units.text, self.ppm)).saturating_add(units.framing)
    }

    /// Returns the tokens of which `slack_ppm` is a share: the part or its text, whichever
    /// is more, and a few ([`PromptPart::steady`]).
    #[must_use]
    pub fn steadied(self, part: PromptPart, units: PartUnits) -> u64 {
        self.expected(units).max(units.text).saturating_add(part.steady())
    }

    /// Returns the tokens that a part will hardly exceed: what is expected, and the slack,
    /// rounded up. Saturates.
    #[must_use]
    pub fn held(self, part: PromptPart, units: PartUnits) -> u64 {
        let slack = self.steadied(part, units).saturating_mul(u64::from(self.slack_ppm));
        self.expected(units).saturating_add(slack.div_ceil(1_000_000))
    }
}

/// So many millionths of a number, rounded to the nearest: 750,000 of 3 are 2.
pub(super) fn share(tokens: u64, ppm: u32) -> u64 {
    tokens.saturating_mul(u64::from(ppm)).saturating_add(500_000) / 1_000_000
}

impl fmt::Display for PromptPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Thinking => "thinking",
            Self::Reasoning => "reasoning",
            Self::Tools => "tools",
            Self::ChatTools => "chat tools",
            Self::EmptySystem => "empty system",
            Self::Calls => "calls",
            Self::Schema => "schema",
            Self::OwnTools => "own tools",
            Self::Readings => "readings",
            Self::Pictures => "pictures",
            Self::Media => "media",
            Self::Unseen => "unseen",
        })
    }
}
