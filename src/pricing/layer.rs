//! What is left of the lower prices when a row is laid over them?
//!
//! At any instant the result is the lower row then in force, with what the
//! upper row names replaced. So lower versions are cut where the upper row
//! begins and ends, and only what lies between changes.

use std::sync::Arc;

use super::band::Band;
use super::model::ModelPrice;
use super::rates::Rates;
use super::row::PriceRow;
use super::source::PriceSource;
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
    let named = |meter: Meter| upper.standard.get(meter).is_some();
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
        batch_factor: upper.batch_factor.or(lower.batch_factor),
        flex_factor: upper.flex_factor.or(lower.flex_factor),
        priority_factor: upper.priority_factor.or(lower.priority_factor),
        fast_factor: upper.fast_factor.or(lower.fast_factor),
        bands: bands(upper, lower),
        times: if upper.times.is_empty() { lower.times.clone() } else { upper.times.clone() },
        region_factors: upper.region_factors.over(&lower.region_factors),
        search_context: upper.search_context.or(lower.search_context),
        minimums: if upper.minimums.is_empty() { lower.minimums.clone() } else { upper.minimums.clone() },
        allowances: if upper.allowances.is_empty() {
            lower.allowances.clone()
        } else {
            upper.allowances.clone()
        },
        ..lower.clone()
    };
    for tier in ServiceTier::ALL {
        *merged.rates_mut(tier) = upper.rates(tier).over(&below(upper, tier, lower.rates(tier)));
    }
    // A fee named anew replaces those by size, which would hide it.
    if upper.standard.get(Meter::WebSearch).is_some() && upper.search_context.is_none() {
        merged.search_context = None;
    }
    merged
}

/// The upper row's bands, each over the lower one that begins with it; where it has none, the lower row's.
fn bands(upper: &PriceRow, lower: &PriceRow) -> Vec<Band> {
    let over = |band: &Band, lower: &Band| {
        let mut merged = band.clone();
        for tier in ServiceTier::ALL {
            *merged.rates_mut(tier) = band.rates(tier).over(&below(upper, tier, lower.rates(tier)));
        }
        merged
    };
    if upper.bands.is_empty() {
        let mut bands = lower.bands.clone();
        for band in &mut bands {
            for tier in ServiceTier::ALL {
                *band.rates_mut(tier) = below(upper, tier, band.rates(tier));
            }
        }
        return bands;
    }
    let same = |band: &Band| lower.bands.iter().find(|other| other.first().ok() == band.first().ok());
    upper
        .bands
        .iter()
        .map(|band| same(band).map_or_else(|| band.clone(), |lower| over(band, lower)))
        .collect()
}

/// What stays of a tier's lower rates: a factor that is named replaces them, as they would hide it.
fn below(upper: &PriceRow, tier: ServiceTier, rates: &Rates) -> Rates {
    let mut rates = rates.clone();
    if upper.factor(tier).is_some() {
        for meter in Meter::ALL.into_iter().filter(|meter| meter.counts_tokens()) {
            rates.set(meter, None);
        }
    }
    rates
}
