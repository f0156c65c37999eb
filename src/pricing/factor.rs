//! What does a table cost under a negotiated discount, or with a seller's premium?

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::decimal;
use super::layer::{Span, Version, repriced};
use super::matching::canonical_provider;
use super::rates::Rates;
use super::row::PriceRow;
use super::tiers::TierRates;
use super::units::{as_rate, multiplied, units};
use crate::Error;
use crate::values::{Meter, ShortText, Timestamp};

/// The largest factor: beyond it a percentage was taken for one.
const FACTOR_MAX: i64 = 1_000;
/// The finest step of a factor, in decimals.
const FACTOR_DIGITS: u32 = 9;

/// One factor over the prices of a table: a negotiated discount (0.85), or a premium (1.10).
///
/// It multiplies every rate of the models that it selects: of all tiers, lengths
/// of input, regions and times of the week, of tokens and of fees (searches,
/// pages, requests), because a contract usually takes its percentage off the
/// invoice, and a reseller adds it to the invoice. Where the contract leaves
/// the fees of tools alone, say so: [`without_tools`](Self::without_tools). A
/// cost that a provider itself reports is what is charged, and is not multiplied.
///
/// Products are exact to 10⁻²⁷ dollars for a token or piece, and rounded up
/// there, so that a billion tokens are off by far less than a nano-dollar.
///
/// A factor multiplies what the table holds when it is added. Rows and imports
/// laid over it later stand as they are written: who replaces an import adds the factor again.
///
/// Estimates, quotes, holds and charges use the same product. Each charge
/// remembers the publication and the factor ([`PriceSource::factors`](super::PriceSource::factors)),
/// and what was charged before is never priced anew.
///
/// # Example: fifteen percent off from the first of December
/// ```
/// use token_budget::call::Conditions;
/// use token_budget::pricing::PriceFactor;
/// use token_budget::{PricingTable, Usage, Usd};
///
/// let contract = PriceFactor::new("0.85".parse().unwrap())
///     .named("contract 2026/17")
///     .of_provider("openai")
///     .with_from("2026-12-01T00:00:00Z".parse()?);
/// let table = PricingTable::bundled().with_factor(&contract)?;
/// let cost = |at: &str| -> Result<Usd, token_budget::Error> {
///     let price = table.find(Some("openai"), "gpt-4.1", at.parse()?).expect("a bundled model");
///     Ok(price.cost(&Usage::of(1_000_000, 0), &Conditions::new())?.total())
/// };
/// assert_eq!(cost("2026-11-30T23:59:59Z")?, Usd::dollars(2));
/// assert_eq!(cost("2026-12-01T00:00:00Z")?, "1.70".parse()?);
///
/// let december = table.find(Some("openai"), "gpt-4.1", "2026-12-01T00:00:00Z".parse()?).unwrap();
/// assert_eq!(december.source().factors(), ["× 0.85 (contract 2026/17)"]);
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceFactor {
    #[serde(with = "decimal")]
    factor: Decimal,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<ShortText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider: Option<ShortText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    models: Option<ShortText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    without_tools: bool,
}

impl PriceFactor {
    /// A factor over every price, always; it is checked where a table takes it in.
    #[must_use]
    pub fn new(factor: Decimal) -> Self {
        Self {
            factor,
            name: None,
            provider: None,
            models: None,
            from: None,
            until: None,
            without_tools: false,
        }
    }

    /// With what it is called in the price version of a charge: the number of a contract.
    #[must_use]
    pub fn named(mut self, name: impl Into<ShortText>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Only for what that provider sells.
    #[must_use]
    pub fn of_provider(mut self, provider: impl Into<ShortText>) -> Self {
        self.provider = Some(provider.into());
        self
    }

    /// Only for models whose rows' names begin so: `gpt-5` is also `gpt-5-mini` and `gpt-5.6`.
    #[must_use]
    pub fn of_models(mut self, prefix: impl Into<ShortText>) -> Self {
        self.models = Some(prefix.into());
        self
    }

    /// In force from that instant on.
    #[must_use]
    pub fn with_from(mut self, from: Timestamp) -> Self {
        self.from = Some(from);
        self
    }

    /// In force until just before that instant.
    #[must_use]
    pub fn with_until(mut self, until: Timestamp) -> Self {
        self.until = Some(until);
        self
    }

    /// The fees of tools that a provider runs (searches, sandboxes, maps) stay as they are.
    #[must_use]
    pub fn without_tools(mut self) -> Self {
        self.without_tools = true;
        self
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let factor = self.factor.normalize();
        if factor.is_zero() {
            return Err(Error::invalid(
                "factor",
                "is zero; a model that costs nothing has a row that is free",
            ));
        }
        if factor.is_sign_negative() || factor > Decimal::from(FACTOR_MAX) {
            let problem = format!("{factor} is not between 0 and {FACTOR_MAX}; 15 percent off is 0.85");
            return Err(Error::invalid("factor", problem));
        }
        if factor.scale() > FACTOR_DIGITS {
            return Err(Error::invalid("factor", format!("{factor} has more than {FACTOR_DIGITS} decimals")));
        }
        if let Some(problem) = self.name.as_deref().and_then(crate::values::name::problem_of_id) {
            return Err(Error::invalid("name", problem));
        }
        if self.span().is_empty() {
            return Err(Error::invalid("until", "does not lie after from"));
        }
        Ok(())
    }

    /// Whether it multiplies that row's rates.
    pub(super) fn selects(&self, provider: &str, model: &str) -> bool {
        self.provider.as_deref().is_none_or(|own| canonical_provider(own) == provider)
            && self.models.as_deref().is_none_or(|prefix| model.starts_with(prefix))
    }

    /// A premium that is written for nobody would be missing where it was meant.
    pub(super) fn selects_nothing(&self) -> Error {
        match (&self.models, &self.provider) {
            (Some(prefix), _) => {
                Error::invalid("models", format!("the table has no such model that begins with {prefix:?}"))
            }
            (None, Some(provider)) => {
                Error::invalid("provider", format!("the table has no row of {provider:?}"))
            }
            (None, None) => Error::invalid("factor", "the table has no row"),
        }
    }

    pub(super) fn applied(&self, versions: &[Version]) -> Result<Vec<Version>, Error> {
        let factor = self.factor.normalize();
        let shown = match &self.name {
            Some(name) => ShortText::of(format_args!("× {factor} ({name})")),
            None => ShortText::of(format_args!("× {factor}")),
        };
        repriced(
            versions,
            self.span(),
            |row| self.multiplied(row),
            |source| source.clone().times(shown.clone()),
        )
    }

    fn span(&self) -> Span {
        Span::between(self.from, self.until)
    }

    fn multiplied(&self, row: &PriceRow) -> Result<PriceRow, Error> {
        let mut row = row.clone();
        row.rates = self.of_tiers(&row.rates)?;
        for band in &mut row.bands {
            band.rates = self.of_tiers(&band.rates)?;
        }
        for times in &mut row.times {
            times.rates = self.of_rates(&times.rates)?;
        }
        if let Some(fees) = &mut row.search_context {
            *fees = fees.try_map(|_, fee| self.of_rate(Meter::WebSearch, *fee))?;
        }
        if !self.without_tools {
            row.factors.push(self.factor.normalize());
        }
        row.is_factored = true;
        Ok(row)
    }

    fn of_tiers(&self, rates: &TierRates) -> Result<TierRates, Error> {
        rates.try_map(|_, rates| self.of_rates(rates))
    }

    fn of_rates(&self, rates: &Rates) -> Result<Rates, Error> {
        rates.try_map(|meter, rate| self.of_rate(meter, rate))
    }

    /// The product, rounded up to the unit in which rates are kept.
    fn of_rate(&self, meter: Meter, rate: Decimal) -> Result<Decimal, Error> {
        if self.without_tools && meter.is_of_tool() {
            return Ok(rate);
        }
        let factor = self.factor.normalize();
        let product = units(meter, rate).ok().and_then(|units| multiplied(units, factor));
        product.and_then(|(units, _)| as_rate(meter, units)).ok_or_else(|| {
            Error::invalid("factor", format!("{factor} times the {meter} rate of {rate} is too large"))
        })
    }
}
