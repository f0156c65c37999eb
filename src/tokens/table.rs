//! How many tokens does each part of a prompt take, by family, and in how many recordings was that seen?

use std::fmt;
use std::sync::LazyLock;

use super::profile::{FAMILIES, MEASURED, Profile};
use crate::Error;

/// A part of a prompt that each family bills in its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PromptPart {
    /// Messages with their framing, and what stands in front of them.
    Text,
    /// Thinking is switched on.
    Thinking,
    /// Reasoning that is sent back.
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
    /// What those tools read, and the prompt read once more behind them. No recording tells it apart.
    Readings,
    /// Images. Not in the table: providers publish their sizes.
    Pictures,
    /// PDFs, sounds and films, by their pages or their length.
    Media,
    /// What the model reads and no request carries.
    Unseen,
}

/// How often a part stands in a prompt, and with how much text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartUnits {
    /// How many there are: tools count as one list.
    pub count: u64,
    /// Tokens of their text, as far as this crate counts them.
    pub text: u64,
    /// Tokens that the family's template puts around them.
    pub framing: u64,
}

/// What one family makes of one part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figure {
    /// Tokens for each.
    pub tokens: u64,
    /// Tokens for each token of its text that this crate counts, in millionths.
    pub ppm: u32,
    /// How far above what is expected a bound lies, in millionths of the part and a few tokens.
    pub slack_ppm: u32,
    /// In how many recorded files the part was seen; of none, the figure is a related family's, or a guess.
    pub files: u32,
}

/// What every family makes of every part, as far as it was recorded.
///
/// [`bundled`](Self::bundled) is made by a rule from public recordings of real requests; the example
/// `check_estimates` has the rule, and judges it by leaving files out. Another table, made by the same rule from
/// one's own log, goes to [`FamilyEstimator::measured_by`](super::FamilyEstimator::measured_by).
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilyTable {
    rows: Vec<[Figure; PARTS]>,
}

/// Parts that a table has figures of.
const PARTS: usize = 9;

/// A kind that was recorded of no file is held at so many hundredths of what the dearest family that was takes.
const GUESS_HUNDREDTHS: u64 = 150;

impl PromptPart {
    /// The parts that a table has figures of, in the order in which a rule can tell them apart.
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

    fn index(self) -> Option<usize> {
        Self::MEASURED.iter().position(|part| *part == self)
    }

    /// Whether a provider may put a text of its own in front for it, of any length: another host's may be far longer.
    pub(super) const fn brings_text(self) -> bool {
        matches!(self, Self::Thinking | Self::Tools | Self::EmptySystem | Self::Schema)
    }

    /// Tokens that are added to a part before its slack is taken: a small part strays by more than its share.
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
    /// So many tokens for each and millionths for its text; slack in millionths; seen in so many files.
    #[must_use]
    pub const fn new(tokens: u64, ppm: u32, slack_ppm: u32, files: u32) -> Self {
        Self { tokens, ppm, slack_ppm, files }
    }

    /// Tokens that a part will most likely take. Saturates.
    #[must_use]
    pub fn expected(self, units: PartUnits) -> u64 {
        let each = self.tokens.saturating_mul(units.count);
        each.saturating_add(share(units.text, self.ppm)).saturating_add(units.framing)
    }

    /// Tokens of which `slack_ppm` is a share: the part or its text, whichever is more, and a few.
    #[must_use]
    pub fn steadied(self, part: PromptPart, units: PartUnits) -> u64 {
        self.expected(units).max(units.text).saturating_add(part.steady())
    }

    /// Tokens that a part will hardly exceed. Saturates.
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
    /// The table that is built in.
    #[must_use]
    pub fn bundled() -> &'static Self {
        &BUNDLED
    }

    /// A table in which nothing was recorded: every estimate by it is a guess.
    #[must_use]
    pub fn unmeasured() -> Self {
        Self { rows: vec![[Figure::default(); PARTS]; FAMILIES.len()] }
    }

    /// The families that are told apart.
    pub fn families() -> impl Iterator<Item = &'static str> {
        FAMILIES.iter().map(|profile| profile.name)
    }

    /// Whether a family's text is counted with its own vocabulary, token for token.
    #[must_use]
    pub fn is_counted(family: &str) -> bool {
        row(family).and_then(|row| FAMILIES.get(row)).is_some_and(|profile| profile.is_exact)
    }

    /// What that family makes of that part; `None` for a family or part that no table has.
    ///
    /// Of what was recorded in no file the figure is that of the related family, else a common one; its `files` is 0.
    #[must_use]
    pub fn figure(&self, family: &str, part: PromptPart) -> Option<Figure> {
        self.of(FAMILIES.get(row(family)?)?, part)
    }

    /// Writes down what a family makes of a part.
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

    fn seen(&self, family: &str, part: PromptPart) -> Option<Figure> {
        self.rows.get(row(family)?)?.get(part.index()?).copied()
    }

    /// Tokens that a part takes at the dearest family of which it was recorded. Saturates.
    #[must_use]
    pub fn dearest(&self, part: PromptPart, units: PartUnits) -> u64 {
        let Some(index) = part.index() else { return 0 };
        self.recorded(index).map(|figure| figure.expected(units)).max().unwrap_or(0)
    }

    /// What was recorded of a part. An agent's is left out: what it reads on the web is no text of a provider's own.
    fn recorded(&self, index: usize) -> impl Iterator<Item = &Figure> {
        let rows = self.rows.iter().zip(FAMILIES).filter(|(_, profile)| profile.reading == 0);
        rows.filter_map(move |(row, _)| row.get(index)).filter(|figure| figure.files > 0)
    }

    /// Tokens held for a part of which nothing was recorded of this family; where nothing was of any, as if it were tools.
    pub(super) fn guessed(&self, part: PromptPart, units: PartUnits) -> u64 {
        let is_recorded = part.index().is_some_and(|part| self.recorded(part).next().is_some());
        let part = if is_recorded { part } else { PromptPart::Tools };
        self.dearest(part, units).saturating_mul(GUESS_HUNDREDTHS).div_ceil(100)
    }
}

/// What stands in where neither a family nor its parent was recorded.
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

fn row(family: &str) -> Option<usize> {
    FAMILIES.iter().position(|profile| profile.name == family)
}

/// So many millionths of it, rounded to the nearest.
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
