//! Of which parts is an estimate the sum?
//!
//! For each part, what is held is the largest of several claims, because each guards
//! against another ignorance: the family's own figure with its slack; half as much again as
//! the dearest family, if no file showed the part; the dearest family, if one file alone
//! showed a text of the provider's own. The sum of all parts is the estimate, so `parts`
//! explains it to the token.

use std::fmt;

use super::size::Size;
use crate::tokens::estimate::Estimate;
use crate::tokens::part::{PartUnits, PromptPart, share};
use crate::tokens::profile::Profile;
use crate::tokens::rough::Tokens;
use crate::tokens::table::FamilyTable;

/// What is claimed: 98 of 100. With its file left out, 503 of 506 recorded requests
/// (994,000 in a million) stayed below the bound; the claim leaves room for requests that
/// are new.
pub(super) const CONFIDENCE_PPM: u32 = 980_000;

/// What text may take beyond what was expected of it, because it was not counted. Text and
/// tools are told apart, since their figures scale them apart.
#[derive(Debug, Default)]
pub(super) struct Unsure {
    pub(super) text: Tokens,
    pub(super) tools: Tokens,
}

/// An estimate with the parts of which it is the sum.
///
/// It prints as a line for each part, and no text of the prompt is in it: it may be logged.
///
/// # Example: where fifteen tokens come from
/// ```
/// use token_budget::call::{Message, Prompt};
/// use token_budget::tokens::FamilyEstimator;
///
/// let message = Message::user("What is the highest mountain?");
/// let prompt = Prompt { messages: vec![message], tools: vec![] };
/// let explained = FamilyEstimator::new().explain("gpt-4o", &prompt);
/// // 6 of text, 4 around the message, 3 in front; 5 % of 13 + 16 is 2 more.
/// assert_eq!(
///     explained.to_string(),
///     "15 tokens (likely) by family openai: expected 13\n  \
///      text: expected 13, held 15, recorded in 34 files\n"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The family by which the model is estimated.
    pub family: &'static str,
    /// The estimate, as it is before anything was learned from calls.
    pub estimate: Estimate,
    /// Its parts. Their `expected` and `held` add up to the estimate's `expected` and
    /// `tokens`.
    pub parts: Vec<PartEstimate>,
}

/// What is expected and held for one part of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartEstimate {
    /// Which part.
    pub part: PromptPart,
    /// How often the part stands in the prompt, with how much text.
    pub units: PartUnits,
    /// Tokens that the part will most likely take.
    pub expected: u64,
    /// Tokens that are held for the part.
    pub held: u64,
    /// In how many recorded files the family was seen with the part; zero makes the
    /// estimate a guess.
    pub files: u32,
}

impl Explanation {
    /// Adds up what a prompt of that size takes; `unsure` is how far above the count its
    /// text may come out.
    pub(super) fn of(size: &Size, profile: &Profile, table: &FamilyTable, unsure: &Unsure) -> Self {
        let mut parts = Vec::with_capacity(4);
        for part in PromptPart::MEASURED {
            if let Some(units) = size.units(part, profile) {
                parts.push(measured(part, units, profile, table, unsure));
            }
        }
        let prompt = parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.expected));
        let again = if size.own_tools > 0 && profile.rereads { prompt } else { 0 };
        let readings = size.reading.saturating_add(profile.reading).saturating_add(again);
        let most = size.pictures.saturating_add(size.unsized_most);
        for (part, expected, held) in [
            (PromptPart::Readings, 0, readings),
            (PromptPart::Pictures, size.pictures.saturating_add(size.unsized_most / 2), most),
            (PromptPart::Media, size.media.expected, size.media.most),
            (PromptPart::Unseen, size.unseen / 4, size.unseen),
        ] {
            if held > 0 {
                parts.push(PartEstimate { part, units: PartUnits::default(), expected, held, files: 0 });
            }
        }
        let estimate = summed(&parts, size, profile);
        Self { family: profile.name, estimate, parts }
    }
}

const WHOLE_PPM: u32 = 1_000_000;

/// What one part of the table is expected to take and held at.
fn measured(
    part: PromptPart,
    units: PartUnits,
    profile: &Profile,
    table: &FamilyTable,
    unsure: &Unsure,
) -> PartEstimate {
    let figure = table.of(profile, part).unwrap_or_default();
    let expected = figure.expected(units);
    let mut held = figure.held(part, units);
    let is_own = part == PromptPart::OwnTools;
    if figure.files == 0 || (profile.is_guess && profile.reading == 0) {
        held = held.max(table.guessed(part, units));
    } else if is_own || (figure.files == 1 && part.brings_text()) {
        // Each of a provider's own tools has another text, and what one file showed may be one host's: as much as the
        // dearest that was seen.
        held = held.max(table.dearest(part, units));
    }
    let fits_short = figure.ppm == 0 && figure.tokens >= part.steady();
    if part == PromptPart::Schema && fits_short && units.text > figure.tokens / 2 {
        // One figure fitted the short schemas that were recorded: a longer one brings its own text beside it.
        held = held.max(expected.saturating_add(share(units.text, profile.text_ppm.max(WHOLE_PPM))));
    }
    let beyond = match part {
        PromptPart::Text => unsure.text.beyond(figure.ppm.max(WHOLE_PPM)),
        PromptPart::Tools => unsure.tools.beyond(figure.ppm.max(WHOLE_PPM)),
        _ => 0,
    };
    let held = held.saturating_add(beyond);
    PartEstimate { part, units, expected, held, files: figure.files }
}

/// The sum of all parts, of the kind that the least known of them allows.
fn summed(parts: &[PartEstimate], size: &Size, profile: &Profile) -> Estimate {
    let (expected, held) = parts.iter().fold((0_u64, 0_u64), |(expected, held), part| {
        (expected.saturating_add(part.expected), held.saturating_add(part.held))
    });
    // Readings, pictures, and what is unseen were never measured, so they are among those of no file.
    let is_guess =
        profile.is_guess || size.own_tools > 0 || size.opaque || parts.iter().any(|p| p.files == 0);
    let likely = Estimate::likely(expected, held, CONFIDENCE_PPM);
    let estimate = if is_guess { Estimate { expected, ..Estimate::guess(likely.tokens) } } else { likely };
    let has_tools = size.tools > 0 || size.schemas > 0 || size.calls > 0;
    Estimate { has_tools, opaque: size.opaque, ..estimate }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} by family {}: expected {}", self.estimate, self.family, self.estimate.expected)?;
        for PartEstimate { part, expected, held, files, .. } in &self.parts {
            writeln!(f, "  {part}: expected {expected}, held {held}, recorded in {files} files")?;
        }
        Ok(())
    }
}
