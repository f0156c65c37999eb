//! How many tokens does each part of a prompt take, by family, and in how many recordings
//! was that seen?
//!
//! A figure is a line: so many tokens for each part, and a share of its text. A line suffices,
//! because what a provider adds is a text of a fixed length (a preamble about tools) and a
//! notation that grows with the caller's text. Beside the line stands how far above it a bound
//! lies (`slack_ppm`), the wider the fewer files there were, and how many files showed the part
//! (`files`): zero files means that the figure is borrowed, and the estimate a guess.
//!
//! If nothing was recorded of a part, the figure is borrowed in this order: the related
//! family (`parent` in the profile), then a common figure. What is held is never borrowed
//! so cheaply: see [`FamilyTable::guessed`].

use std::fmt;
use std::sync::LazyLock;

use super::profile::{FAMILIES, MEASURED, Profile};
use crate::Error;

/// A part of a prompt that each family bills in its own way.
///
/// The first nine have figures in a [`FamilyTable`] ([`MEASURED`](Self::MEASURED)); the
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

/// What every family makes of every part, as far as requests were recorded.
///
/// A rule makes [`bundled`](Self::bundled) from public recordings of real requests. The
/// example `check_estimates` contains the rule, and judges the rule by leaving files out.
/// If your own log shows how a provider bills, make a table by the same rule, and give it
/// to [`FamilyEstimator::measured_by`](super::FamilyEstimator::measured_by).
///
/// # Example: what a family was seen to put in front of its tools
/// ```
/// use token_budget::tokens::{FamilyTable, PromptPart};
///
/// let table = FamilyTable::bundled();
/// let tools = table.figure("claude-4.5", PromptPart::Tools).unwrap();
/// assert!(tools.tokens > 400 && tools.files >= 3);
/// // No tools were recorded for Gemma: the figure stands on no file.
/// assert_eq!(table.figure("gemma", PromptPart::Tools).unwrap().files, 0);
/// ```
///
/// # Example: a host of Llama whose preamble you have measured
/// ```
/// use std::sync::Arc;
/// use token_budget::call::{Message, Prompt};
/// use token_budget::tokens::{FamilyEstimator, FamilyTable, Figure, PromptPart};
/// use token_budget::TokenEstimator;
///
/// let mut table = FamilyTable::unmeasured();
/// // 36 tokens in front of each prompt, text as OpenAI's, 10 % slack, seen in 5 files.
/// table.set("llama", PromptPart::Text, Figure::new(36, 1_000_000, 100_000, 5))?;
/// let estimator = FamilyEstimator::new().measured_by(Arc::new(table));
///
/// let message = Message::user("What is the highest mountain?");
/// let prompt = Prompt { messages: vec![message], tools: vec![] };
/// let estimate = estimator.count("llama-3.3-70b-instruct", &prompt);
/// // 36 in front, 6 of text, 5 around the message; 10 % of 47 + 16 is 6.3, held as 7.
/// assert_eq!((estimate.expected, estimate.tokens), (47, 54));
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilyTable {
    rows: Vec<[Figure; PARTS]>,
}

/// Parts of which a table has figures.
const PARTS: usize = 9;

/// A part that no file showed of a family is held at so many hundredths of what the dearest
/// family takes for it: half as much again.
const GUESS_HUNDREDTHS: u64 = 150;

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
    fn index(self) -> Option<usize> {
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

static BUNDLED: LazyLock<FamilyTable> = LazyLock::new(|| {
    let mut table = FamilyTable::unmeasured();
    for (family, part, figure) in MEASURED {
        // A unit test reads every row back, so none is lost here.
        let _ = table.set(family, part, figure);
    }
    table
});

impl FamilyTable {
    /// Returns the built-in table.
    #[must_use]
    pub fn bundled() -> &'static Self {
        &BUNDLED
    }

    /// Returns a table without any recording: every estimate by it is a guess.
    #[must_use]
    pub fn unmeasured() -> Self {
        Self { rows: vec![[Figure::default(); PARTS]; FAMILIES.len()] }
    }

    /// Lists the names of all families.
    pub fn families() -> impl Iterator<Item = &'static str> {
        FAMILIES.iter().map(|profile| profile.name)
    }

    /// Says whether a family's text is counted with its own vocabulary, token for token.
    #[must_use]
    pub fn is_counted(family: &str) -> bool {
        row(family).and_then(|row| FAMILIES.get(row)).is_some_and(|profile| profile.is_exact)
    }

    /// Returns what that family makes of that part; `None` for a family or part that no
    /// table has.
    ///
    /// If no file showed the part, the figure is that of the related family, else a common
    /// one, and its `files` is 0.
    #[must_use]
    pub fn figure(&self, family: &str, part: PromptPart) -> Option<Figure> {
        self.of(FAMILIES.get(row(family)?)?, part)
    }

    /// Sets what a family makes of a part.
    ///
    /// # Errors
    /// `ErrorKind::Invalid` for a family or part that no table has.
    pub fn set(&mut self, family: &str, part: PromptPart, figure: Figure) -> Result<(), Error> {
        let place = row(family).zip(part.index());
        let place = place.and_then(|(row, part)| self.rows.get_mut(row)?.get_mut(part));
        let unknown = || Error::invalid("family table", format!("has no {family}/{part}"));
        *place.ok_or_else(unknown)? = figure;
        Ok(())
    }

    /// The figure of a profile: its own, its parent's, or a common one.
    ///
    /// A borrowed figure has `files: 0`, so that nothing is claimed of it, and no slack:
    /// what is held for it comes from [`guessed`](Self::guessed). Of the text only what
    /// stands in front is borrowed, since each family has its own vocabulary.
    pub(super) fn of(&self, profile: &Profile, part: PromptPart) -> Option<Figure> {
        let own = self.seen(profile.name, part)?;
        if own.files > 0 {
            return Some(own);
        }
        let common = common(profile, part);
        let related = profile.parent.and_then(|parent| self.seen(parent, part));
        Some(match related.filter(|figure| figure.files > 0) {
            // Each family has its own vocabulary.
            Some(figure) if part == PromptPart::Text => Figure { tokens: figure.tokens, ..common },
            Some(figure) => Figure { slack_ppm: 0, files: 0, ..figure },
            None => common,
        })
    }

    /// What stands in the table itself.
    fn seen(&self, family: &str, part: PromptPart) -> Option<Figure> {
        self.rows.get(row(family)?)?.get(part.index()?).copied()
    }

    /// Returns the tokens that a part takes at the dearest family of which it was recorded.
    /// Saturates.
    #[must_use]
    pub fn dearest(&self, part: PromptPart, units: PartUnits) -> u64 {
        let Some(index) = part.index() else { return 0 };
        self.recorded(index).map(|figure| figure.expected(units)).max().unwrap_or(0)
    }

    /// The figures of a part that stand on a recording.
    ///
    /// An agent's is left out: what an agent reads on the web is no text of a provider's
    /// own.
    fn recorded(&self, index: usize) -> impl Iterator<Item = &Figure> {
        let rows = self.rows.iter().zip(FAMILIES).filter(|(_, profile)| profile.reading == 0);
        rows.filter_map(move |(row, _)| row.get(index)).filter(|figure| figure.files > 0)
    }

    /// The tokens held for a part that no file showed of this family: half as much again as
    /// the dearest family takes. If no file showed the part of any family, it is held as if
    /// it were tools.
    pub(super) fn guessed(&self, part: PromptPart, units: PartUnits) -> u64 {
        let is_recorded = part.index().is_some_and(|part| self.recorded(part).next().is_some());
        let part = if is_recorded { part } else { PromptPart::Tools };
        self.dearest(part, units).saturating_mul(GUESS_HUNDREDTHS).div_ceil(100)
    }
}

/// The figure if neither a family nor its parent was recorded.
fn common(profile: &Profile, part: PromptPart) -> Figure {
    let (tokens, ppm) = match part {
        PromptPart::Text => (3, profile.text_ppm),
        PromptPart::Reasoning => (0, 1_000_000),
        PromptPart::Tools => (100, 1_000_000),
        PromptPart::Calls => (10, 0),
        PromptPart::Schema => (30, 1_000_000),
        PromptPart::OwnTools => (200, 0),
        _ => (0, 0),
    };
    Figure::new(tokens, ppm, 0, 0)
}

/// The row of a family.
fn row(family: &str) -> Option<usize> {
    FAMILIES.iter().position(|profile| profile.name == family)
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
