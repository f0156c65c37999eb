//! What is left of the lower prices when a row is laid over them?
//!
//! At any instant the result is the lower row then in force, with what the
//! upper row names replaced. So lower versions are cut where the upper row
//! begins and ends, and only what lies between changes.
//!
//! ```text
//! lower   |------- 1 -------|------- 2 -------|
//! upper            |====== sale ======|
//! result  |-- 1 --|-1+sale-|-2+sale--|-- 2 ---|
//! ```
//!
//! Rows stay beside the prices that were compiled from them, because a later layer
//! merges rows and not integers: a fallback that was filled in would look like a
//! figure that somebody had named.

use std::sync::Arc;

use super::model::ModelPrice;
use super::row::PriceRow;
use super::source::PriceSource;
use super::tiers::{Band, Factored, TierRates};
use super::windows::Windows;
use crate::Error;
use crate::values::{Meter, ServiceTier, Timestamp};

/// One version of a model's price: as written and merged, and compiled.
#[derive(Clone, Debug)]
pub(super) struct Version {
    row: Arc<PriceRow>,
    pub(super) price: Arc<ModelPrice>,
    /// What replaces the price while a window of the week is open.
    timed: Arc<[(Windows, Arc<ModelPrice>)]>,
}

impl Version {
    fn compiled(row: PriceRow, source: &Arc<PriceSource>) -> Result<Self, Error> {
        let (price, timed) = ModelPrice::compiled(&row, source)?;
        Ok(Self { row: Arc::new(row), price, timed: timed.into() })
    }

    /// The price at that instant, which lies in the version: of two open windows the later named decides.
    #[inline]
    pub(super) fn at(&self, at: Timestamp) -> &Arc<ModelPrice> {
        let open = self.timed.iter().rev().find(|(windows, _)| windows.is_open(at));
        open.map_or(&self.price, |(_, price)| price)
    }

    /// Whether both cost the same at every time and under all conditions.
    pub(super) fn costs_as(&self, other: &Self) -> bool {
        let timed = self.timed.iter().zip(other.timed.iter());
        self.price.costs_as(&other.price)
            && self.timed.len() == other.timed.len()
            && timed.into_iter().all(|((_, one), (_, other))| one.costs_as(other))
    }

    /// The part of this version inside `span`, if any.
    fn within(&self, span: Span) -> Option<Result<Self, Error>> {
        let own = Span::of(&self.row);
        let part = own.and(span)?;
        if part == own {
            return Some(Ok(self.clone()));
        }
        Some(Self::compiled(part.cut(&self.row), self.price.shared_source()))
    }
}

/// When a row is in force, as `[from, until)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    from: Timestamp,
    until: Timestamp,
}

impl Span {
    pub(super) fn of(row: &PriceRow) -> Self {
        Self::between(row.from, row.until)
    }

    pub(super) fn between(from: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        Self { from: from.unwrap_or(Timestamp::MIN), until: until.unwrap_or(Timestamp::MAX) }
    }

    pub(super) fn is_empty(self) -> bool {
        self.from >= self.until
    }

    /// What lies in both.
    pub(super) fn and(self, other: Self) -> Option<Self> {
        let both = Self { from: self.from.max(other.from), until: self.until.min(other.until) };
        (!both.is_empty()).then_some(both)
    }

    fn before(self) -> Self {
        Self { from: Timestamp::MIN, until: self.from }
    }

    fn after(self) -> Self {
        Self { from: self.until, until: Timestamp::MAX }
    }

    /// The row, in force during this span only.
    fn cut(self, row: &PriceRow) -> PriceRow {
        PriceRow {
            from: (self.from != Timestamp::MIN).then_some(self.from),
            until: (self.until != Timestamp::MAX).then_some(self.until),
            ..row.clone()
        }
    }
}

/// Lays `upper` over the versions of the same model, which stay in order.
pub(super) fn overlaid(
    lower: &[Version],
    upper: &PriceRow,
    source: &Arc<PriceSource>,
) -> Result<Vec<Version>, Error> {
    let span = Span::of(upper);
    let mut versions = Vec::new();
    let mut replaced = false;
    let mut gap = span;
    for version in lower {
        versions.extend(version.within(span.before()).transpose()?);
        if let Some(part) = Span::of(&version.row).and(span) {
            versions.extend(alone(Span { until: part.from, ..gap }, upper, source)?);
            versions.push(Version::compiled(part.cut(&merged(upper, &version.row)), source)?);
            gap.from = part.until;
            replaced = true;
        }
        versions.extend(version.within(span.after()).transpose()?);
    }
    match alone(gap, upper, source)? {
        Some(version) => versions.push(version),
        // Nothing to complete the row with: compiling it as it is says what it lacks.
        None if !replaced => versions.push(Version::compiled(upper.clone(), source)?),
        None => {}
    }
    versions.sort_by_key(|version| version.price.valid_from());
    Ok(versions)
}

/// The same versions with other rates inside `span`; what lies outside it stays.
pub(super) fn repriced(
    lower: &[Version],
    span: Span,
    change: impl Fn(&PriceRow) -> Result<PriceRow, Error>,
    source: impl Fn(&PriceSource) -> PriceSource,
) -> Result<Vec<Version>, Error> {
    let mut versions = Vec::new();
    for version in lower {
        versions.extend(version.within(span.before()).transpose()?);
        if let Some(part) = Span::of(&version.row).and(span) {
            let source = Arc::new(source(version.price.source()));
            versions.push(Version::compiled(part.cut(&change(&version.row)?), &source)?);
        }
        versions.extend(version.within(span.after()).transpose()?);
    }
    versions.sort_by_key(|version| version.price.valid_from());
    Ok(versions)
}

/// The upper row by itself, where nothing lies below it and it names enough.
fn alone(gap: Span, upper: &PriceRow, source: &Arc<PriceSource>) -> Result<Option<Version>, Error> {
    let named = |meter: Meter| upper.rates(ServiceTier::Standard).get(meter).is_some();
    let complete = upper.complete || upper.free || (named(Meter::Input) && named(Meter::Output));
    if gap.is_empty() || !complete {
        return Ok(None);
    }
    Version::compiled(gap.cut(upper), source).map(Some)
}

/// The lower row with everything replaced that the upper one names.
fn merged(upper: &PriceRow, lower: &PriceRow) -> PriceRow {
    if upper.complete || upper.free {
        return PriceRow { from: lower.from, until: lower.until, ..upper.clone() };
    }
    // One thing in two spellings: whichever the upper row names replaces both.
    let names_unseen = upper.unseen.is_some() || upper.unseen_tokens_per_second.is_some();
    let unseen = if names_unseen { upper } else { lower };
    let mut merged = PriceRow {
        free: lower.free && !upper.names_rates(),
        unknown: upper.unknown || (lower.unknown && !upper.names_rates()),
        reasoning: upper.reasoning.or(lower.reasoning),
        unseen: unseen.unseen,
        unseen_tokens_per_second: unseen.unseen_tokens_per_second,
        context_tokens: upper.context_tokens.or(lower.context_tokens),
        output_tokens_max: upper.output_tokens_max.or(lower.output_tokens_max),
        rates: over(upper, &upper.rates, &lower.rates),
        tier_factors: upper.tier_factors.over(&lower.tier_factors),
        bands: bands(upper, lower),
        times: if upper.times.is_empty() { lower.times.clone() } else { upper.times.clone() },
        region_factors: upper.region_factors.over(&lower.region_factors),
        search_context: upper.search_context.as_ref().or(lower.search_context.as_ref()).cloned(),
        minimums: if upper.minimums.is_empty() { lower.minimums.clone() } else { upper.minimums.clone() },
        allowances: if upper.allowances.is_empty() {
            lower.allowances.clone()
        } else {
            upper.allowances.clone()
        },
        ..lower.clone()
    };
    // A fee named anew replaces those by size, which would hide it.
    if upper.rates(ServiceTier::Standard).get(Meter::WebSearch).is_some() && upper.search_context.is_none() {
        merged.search_context = None;
    }
    merged
}

/// The upper row's bands, each over the lower one that begins with it; where it has none, the lower row's.
fn bands(upper: &PriceRow, lower: &PriceRow) -> Vec<Band> {
    let over = |band: &Band, lower: &TierRates| {
        let own = if upper.bands.is_empty() { &TierRates::EMPTY } else { &band.rates };
        band.with_rates(over(upper, own, lower))
    };
    if upper.bands.is_empty() {
        return lower.bands.iter().map(|band| over(band, &band.rates)).collect();
    }
    let same = |band: &Band| lower.bands.iter().find(|other| other.first().ok() == band.first().ok());
    let bands = upper.bands.iter();
    bands.map(|band| same(band).map_or_else(|| band.clone(), |lower| over(band, &lower.rates))).collect()
}

/// The upper rates, and the lower ones where they name none. A factor that the upper row names for a tier replaces
/// the tier's lower rates of tokens, because they would hide it.
fn over(row: &PriceRow, upper: &TierRates, lower: &TierRates) -> TierRates {
    let mut lower = lower.clone();
    for (Factored(tier), _) in row.tier_factors.iter() {
        lower.change(tier, |rates| {
            let tokens = Meter::ALL.into_iter().filter(|meter| meter.counts_tokens());
            tokens.for_each(|meter| rates.set(meter, None));
        });
    }
    for (tier, rates) in upper.iter() {
        lower.change(tier, |lower| *lower = rates.over(lower));
    }
    lower
}
