//! How is the table of families made from recordings?
//!
//! Part by part, in the order of `PromptPart::MEASURED`, for each family by itself:
//!
//! 1. *Who is asked*: the requests that show the part and none behind it in that order; where there are none, all that
//!    show it but those with a provider's own tools. Requests with images or other unseen input are left out.
//! 2. *The figure*: what the other parts leave of the tokens that the provider counted; of each file the median, and the
//!    median of those. Tokens for each token of text are taken from a coarse grid, where three files show enough text,
//!    and away from the common value only where that pays.
//! 3. *The slack*: the largest share by which a file strayed above, widened by how few files there are; of eight files
//!    or more, one that strays more than three times as far as the next is an outlier and no law.
//!
//! Nothing is random, and files weigh the same however many requests they hold. All in whole millionths.

use std::collections::BTreeMap;

use token_budget::tokens::{Explanation, FamilyTable, Figure, PartUnits, PromptPart};

/// A request, by its parts, and what its provider counted.
#[derive(Clone)]
pub(crate) struct Recorded {
    /// Requests of one file are left out together.
    pub file: String,
    pub explained: Explanation,
    pub reported: u64,
}

const MILLION: i64 = 1_000_000;

/// Wider by so many times the slack, for one file; a part of it for more.
const WIDENED: i64 = 8;
/// Slack for one file whatever was seen; for more, this by files and the root of files.
const FEW_PPM: i64 = 500_000;
/// Files from which one may be an outlier.
const OUTLIER_FILES: usize = 8;
/// An outlier lies above three times the next and this.
const OUTLIER_PPM: i64 = 300_000;

/// The table that those recordings give.
#[expect(clippy::expect_used, reason = "an explanation names a family and a part of the table's own")]
pub(crate) fn derived<'a>(records: impl Iterator<Item = &'a Recorded>) -> FamilyTable {
    let mut families: BTreeMap<&str, Vec<&Recorded>> = BTreeMap::new();
    for record in records.filter(|record| is_measured(record)) {
        families.entry(record.explained.family).or_default().push(record);
    }
    let mut table = FamilyTable::unmeasured();
    for (order, part) in PromptPart::MEASURED.into_iter().enumerate() {
        // Every family is asked before any figure is written: a family without one looks at its parent's.
        let learned: Vec<_> = families
            .iter()
            .filter_map(|(family, records)| Some((*family, learned(&table, family, order, records)?)))
            .collect();
        for (family, figure) in learned {
            table.set(family, part, figure).expect("the table has every family and part that was explained");
        }
    }
    table
}

/// Whether nothing stands in a request that no table has figures of.
fn is_measured(record: &Recorded) -> bool {
    let is_other = |part| matches!(part, PromptPart::Pictures | PromptPart::Media | PromptPart::Unseen);
    !record.explained.parts.iter().any(|part| is_other(part.part))
}

fn units(record: &Recorded, part: PromptPart) -> Option<PartUnits> {
    record.explained.parts.iter().find(|found| found.part == part).map(|found| found.units)
}

fn learned(table: &FamilyTable, family: &str, order: usize, records: &[&Recorded]) -> Option<Figure> {
    let part = PromptPart::MEASURED[order];
    let shown: Vec<&Recorded> =
        records.iter().copied().filter(|record| units(record, part).is_some()).collect();
    let ends = |record: &&Recorded| {
        PromptPart::MEASURED[order + 1..].iter().all(|later| units(record, *later).is_none())
    };
    let mut asked: Vec<&Recorded> = shown.iter().copied().filter(ends).collect();
    if asked.is_empty() && part != PromptPart::Text {
        asked = shown.into_iter().filter(|r| units(r, PromptPart::OwnTools).is_none()).collect();
    }
    let seen: Vec<Seen<'_>> = asked.iter().map(|record| seen(table, family, part, record)).collect();
    let files = by_file(&seen, |_| 0).len();
    let common = table.figure(family, part)?;
    let ppm = ratio(&seen, part, common.ppm, FamilyTable::is_counted(family))?;
    let tokens = if part == PromptPart::Reasoning { 0 } else { fixed(&seen, ppm)?.max(0) / MILLION };
    let figure = Figure::new(tokens as u64, ppm, 0, files as u32);
    Some(Figure::new(figure.tokens, ppm, slack(&seen, part, figure) as u32, files as u32))
}

/// What one request says of a part.
struct Seen<'a> {
    file: &'a str,
    units: PartUnits,
    /// Tokens that the other parts and the framing leave.
    left: i64,
    /// Tokens that the slack of the other parts covers.
    covered: i64,
}

fn seen<'a>(table: &FamilyTable, family: &str, part: PromptPart, record: &'a Recorded) -> Seen<'a> {
    let units = units(record, part).unwrap_or_default();
    let (mut rest, mut covered) = (0, 0);
    for other in PromptPart::MEASURED.into_iter().filter(|other| *other != part) {
        let Some(units) = self::units(record, other) else { continue };
        let figure = table.figure(family, other).unwrap_or_default();
        rest += figure.expected(units) as i64;
        covered += (figure.held(other, units) - figure.expected(units)) as i64;
    }
    if part == PromptPart::OwnTools {
        // The whole prompt is held once more, for what is read again behind such a tool.
        covered += rest;
    }
    Seen { file: &record.file, units, left: record.reported as i64 - rest - units.framing as i64, covered }
}

/// Tokens for each token of text, in millionths.
fn ratio(seen: &[Seen<'_>], part: PromptPart, common: u32, is_counted: bool) -> Option<u32> {
    let (grid, text_min, files_min): (&[u32], u64, usize) = match part {
        // A vocabulary of the family's own leaves nothing to fit.
        PromptPart::Text | PromptPart::Tools if is_counted => return (!seen.is_empty()).then_some(common),
        PromptPart::Text => (&TEXT_GRID, 60, 3),
        PromptPart::Tools => (&[500_000, 750_000, 1_000_000, 1_250_000, 1_500_000], 1, 3),
        PromptPart::Reasoning | PromptPart::Schema => (&[0, 1_000_000], 1, 1),
        _ => return (!seen.is_empty()).then_some(0),
    };
    let long = seen.iter().filter(|seen| seen.units.text >= text_min);
    let files: std::collections::BTreeSet<&str> = long.map(|seen| seen.file).collect();
    if seen.is_empty() || files.len() < files_min {
        return (!seen.is_empty()).then_some(common);
    }
    let cost = |ppm: u32| -> i64 {
        let each = if part == PromptPart::Reasoning { 0 } else { fixed(seen, ppm).unwrap_or(0) };
        let errors = seen.iter().map(|seen| (left(seen, ppm) - each * seen.units.count as i64).abs());
        // Half as dear again, one away from the common value.
        let away = i64::from(ppm.abs_diff(common)) / 2;
        errors.sum::<i64>() / 1_000 * ((MILLION + away) / 1_000)
    };
    grid.iter().copied().min_by_key(|ppm| cost(*ppm))
}

const TEXT_GRID: [u32; 12] = [
    900_000, 950_000, 1_000_000, 1_050_000, 1_100_000, 1_150_000, 1_200_000, 1_250_000, 1_300_000, 1_350_000,
    1_400_000, 1_450_000,
];

/// Millionths of tokens that the text leaves.
fn left(seen: &Seen<'_>, ppm: u32) -> i64 {
    seen.left * MILLION - seen.units.text as i64 * i64::from(ppm)
}

/// Millionths of tokens for each, over files; rounded to whole tokens.
fn fixed(seen: &[Seen<'_>], ppm: u32) -> Option<i64> {
    let each = by_file(seen, |seen| left(seen, ppm) / (seen.units.count as i64).max(1));
    let medians: Vec<i64> = each.into_values().map(median).collect();
    (!medians.is_empty()).then(|| (median(medians) + MILLION / 2).div_euclid(MILLION) * MILLION)
}

fn by_file<'a>(seen: &[Seen<'a>], figure: impl Fn(&Seen<'a>) -> i64) -> BTreeMap<&'a str, Vec<i64>> {
    let mut files: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for seen in seen {
        files.entry(seen.file).or_default().push(figure(seen));
    }
    files
}

/// The middle, or the mean of the two in the middle.
fn median(mut numbers: Vec<i64>) -> i64 {
    numbers.sort_unstable();
    let (low, high) = (numbers[(numbers.len() - 1) / 2], numbers[numbers.len() / 2]);
    low + (high - low) / 2
}

/// The share by which a part strays above what is expected, widened.
fn slack(seen: &[Seen<'_>], part: PromptPart, figure: Figure) -> i64 {
    let strayed = by_file(seen, |seen| {
        let over = seen.left + seen.units.framing as i64 - figure.expected(seen.units) as i64 - seen.covered;
        over.max(0) * MILLION / figure.steadied(part, seen.units) as i64
    });
    let mut most: Vec<i64> = strayed.into_values().filter_map(|file| file.into_iter().max()).collect();
    most.sort_unstable_by(|a, b| b.cmp(a));
    let is_outlier = most.len() >= OUTLIER_FILES && most[0] > 3 * most[1] + OUTLIER_PPM;
    let worst = if is_outlier { most[1] } else { most[0] };
    let files = most.len() as i64;
    let few = FEW_PPM * 1_000 / (files * (files * MILLION).isqrt());
    let slack = worst + worst * WIDENED / files + few + least(part);
    // Whole thousandths, upwards: the last digits say nothing.
    (slack + 999) / 1_000 * 1_000
}

/// Slack however many files there are: what was never seen to stray may.
fn least(part: PromptPart) -> i64 {
    match part {
        PromptPart::Text => 10_000,
        PromptPart::Tools | PromptPart::ChatTools => 40_000,
        PromptPart::OwnTools => 300_000,
        _ => 100_000,
    }
}
