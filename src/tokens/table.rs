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

use std::sync::LazyLock;

use super::part::{Figure, PARTS, PartUnits, PromptPart};
use super::profile::{FAMILIES, MEASURED, Profile};
use crate::Error;

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

/// A part that no file showed of a family is held at so many hundredths of what the dearest
/// family takes for it: half as much again.
const GUESS_HUNDREDTHS: u64 = 150;

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
