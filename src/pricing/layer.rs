//! What is left of the lower prices when a row is laid over them?
//!
//! At any instant the result is the lower row then in force, with what the
//! upper row names replaced. So lower versions are cut where the upper row
//! begins and ends, and only what lies between changes.

use std::sync::Arc;

use super::model::ModelPrice;
use super::rates::Rates;
use super::row::{LongContext, PriceRow};
use super::source::PriceSource;
use crate::{Error, Timestamp};

/// One version of a model's price: as written and merged, and compiled.
#[derive(Clone, Debug)]
pub(super) struct Version {
    row: Arc<PriceRow>,
    pub(super) price: Arc<ModelPrice>,
}

impl Version {
    fn compiled(row: PriceRow, source: &Arc<PriceSource>) -> Result<Self, Error> {
        let price = Arc::new(ModelPrice::compiled(&row, source)?);
        Ok(Self { row: Arc::new(row), price })
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
        Self { from: row.from.unwrap_or(Timestamp::MIN), until: row.until.unwrap_or(Timestamp::MAX) }
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

/// The upper row by itself, where nothing lies below it and it names enough.
fn alone(gap: Span, upper: &PriceRow, source: &Arc<PriceSource>) -> Result<Option<Version>, Error> {
    let complete = [crate::Meter::Input, crate::Meter::Output]
        .into_iter()
        .all(|meter| upper.standard.get(meter).is_some());
    if gap.is_empty() || !complete {
        return Ok(None);
    }
    Version::compiled(gap.cut(upper), source).map(Some)
}

/// The lower row with everything replaced that the upper one names.
fn merged(upper: &PriceRow, lower: &PriceRow) -> PriceRow {
    // A factor that is named replaces the rates of its tier, which would hide it.
    let below = |rates: &Rates, factor: bool| if factor { without_tokens(rates) } else { *rates };
    let (batch, flex, priority) =
        (upper.batch_factor.is_some(), upper.flex_factor.is_some(), upper.priority_factor.is_some());
    let lower_long = lower.long_context.as_ref().map(|long| LongContext {
        batch: below(&long.batch, batch),
        flex: below(&long.flex, flex),
        priority: below(&long.priority, priority),
        ..long.clone()
    });
    PriceRow {
        provider: lower.provider.clone(),
        model: lower.model.clone(),
        from: lower.from,
        until: lower.until,
        context_tokens: upper.context_tokens.or(lower.context_tokens),
        output_tokens_max: upper.output_tokens_max.or(lower.output_tokens_max),
        standard: upper.standard.over(&lower.standard),
        batch: upper.batch.over(&below(&lower.batch, batch)),
        flex: upper.flex.over(&below(&lower.flex, flex)),
        priority: upper.priority.over(&below(&lower.priority, priority)),
        batch_factor: upper.batch_factor.or(lower.batch_factor),
        flex_factor: upper.flex_factor.or(lower.flex_factor),
        priority_factor: upper.priority_factor.or(lower.priority_factor),
        long_context: match (&upper.long_context, lower_long) {
            (Some(upper), Some(lower)) => Some(LongContext {
                above_input_tokens: upper.above_input_tokens.or(lower.above_input_tokens),
                standard: upper.standard.over(&lower.standard),
                batch: upper.batch.over(&lower.batch),
                flex: upper.flex.over(&lower.flex),
                priority: upper.priority.over(&lower.priority),
            }),
            (upper, lower) => upper.clone().or(lower),
        },
    }
}

fn without_tokens(rates: &Rates) -> Rates {
    let mut fees = *rates;
    for meter in crate::Meter::ALL.into_iter().filter(|meter| meter.counts_tokens()) {
        fees.set(meter, None);
    }
    fees
}
