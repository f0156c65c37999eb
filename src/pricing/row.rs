//! How is a model's price written down?

use compact_str::CompactString;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::decimal;
use super::rates::Rates;
use crate::ServiceTier;
use crate::{Error, ErrorKind, Timestamp};

/// The longest text of rows that is read: 16 MiB, several times the largest public table.
const TEXT_BYTES_MAX: usize = 16 << 20;

/// The price of one model as written in a table: an own row, or a bundled one.
///
/// Over a lower layer, a row replaces only what it names and only within
/// `[from, until)`. On its own it needs at least standard input and output.
/// It names exactly one model: a dated sibling with a row keeps that row.
///
/// In JSON: `provider`, `model`; optional `from`, `until` (RFC 3339),
/// `context_tokens`, `output_tokens_max`; [`Rates`] under `standard`, `batch`,
/// `flex`, `priority`; multipliers `batch_factor`, `flex_factor`,
/// `priority_factor` for what a tier's rates do not name; and `long_context`
/// with `above_input_tokens` and the same four sets of rates. Anything else is
/// an error.
///
/// # Example: a negotiated output price keeps the listed input price
/// ```
/// use token_budget::{Conditions, PriceRow, PricingTable, Timestamp, Usage};
///
/// let rows = PriceRow::list_from_json(
///     r#"[{"provider": "openai", "model": "gpt-4o", "standard": {"output": "8"}}]"#,
/// )?;
/// let table = PricingTable::bundled().with_rows(rows)?;
/// let price = table.find(Some("openai"), "gpt-4o", Timestamp::EPOCH).expect("a bundled model");
/// let cost = price.cost(&Usage::of(1_000_000, 1_000_000), &Conditions::new())?;
/// assert_eq!(cost.total(), "10.50".parse()?); // 2.50 as listed, 8.00 as negotiated
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceRow {
    pub(super) provider: CompactString,
    pub(super) model: CompactString,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) context_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) output_tokens_max: Option<u64>,
    #[serde(default, skip_serializing_if = "Rates::is_empty")]
    pub(super) standard: Rates,
    #[serde(default, skip_serializing_if = "Rates::is_empty")]
    pub(super) batch: Rates,
    #[serde(default, skip_serializing_if = "Rates::is_empty")]
    pub(super) flex: Rates,
    #[serde(default, skip_serializing_if = "Rates::is_empty")]
    pub(super) priority: Rates,
    #[serde(default, with = "decimal", skip_serializing_if = "Option::is_none")]
    pub(super) batch_factor: Option<Decimal>,
    #[serde(default, with = "decimal", skip_serializing_if = "Option::is_none")]
    pub(super) flex_factor: Option<Decimal>,
    #[serde(default, with = "decimal", skip_serializing_if = "Option::is_none")]
    pub(super) priority_factor: Option<Decimal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) long_context: Option<LongContext>,
}

/// Rates for requests whose whole input is longer than a threshold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LongContext {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) above_input_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Rates::is_empty")]
    pub(super) standard: Rates,
    #[serde(default, skip_serializing_if = "Rates::is_empty")]
    pub(super) batch: Rates,
    #[serde(default, skip_serializing_if = "Rates::is_empty")]
    pub(super) flex: Rates,
    #[serde(default, skip_serializing_if = "Rates::is_empty")]
    pub(super) priority: Rates,
}

impl PriceRow {
    /// A row for that model, without any figure yet.
    #[must_use]
    pub fn new(provider: impl Into<CompactString>, model: impl Into<CompactString>) -> Self {
        Self { provider: provider.into(), model: model.into(), ..Self::default() }
    }

    /// Reads a JSON array of rows.
    ///
    /// # Errors
    /// [`ErrorKind::Unreadable`] with the row's number (from 1), the field and
    /// the value; also for more than 16 MiB of text.
    pub fn list_from_json(text: &str) -> Result<Vec<Self>, Error> {
        let unreadable = |problem: String| Error::new(ErrorKind::Unreadable, problem);
        if text.len() > TEXT_BYTES_MAX {
            return Err(unreadable(format!("price rows: more than {TEXT_BYTES_MAX} bytes of text")));
        }
        let rows = serde_json::from_str::<Vec<&RawValue>>(text)
            .map_err(|error| unreadable(format!("price rows: {error}")).with_source(error))?;
        rows.into_iter()
            .zip(1_u32..)
            .map(|(row, number)| {
                serde_json::from_str(row.get())
                    .map_err(|error| unreadable(format!("price row {number}: {error}")).with_source(error))
            })
            .collect()
    }

    /// With the rates of one tier, in place of what the row named for it.
    #[must_use]
    pub fn with_rates(mut self, tier: ServiceTier, rates: Rates) -> Self {
        *match tier {
            ServiceTier::Standard => &mut self.standard,
            ServiceTier::Batch => &mut self.batch,
            ServiceTier::Flex => &mut self.flex,
            ServiceTier::Priority => &mut self.priority,
        } = rates;
        self
    }

    /// With the batch price as a multiple of the standard price: 0.5 is half.
    #[must_use]
    pub fn with_batch_factor(mut self, factor: Decimal) -> Self {
        self.batch_factor = Some(factor);
        self
    }

    /// With the flex price as a multiple of the standard price.
    #[must_use]
    pub fn with_flex_factor(mut self, factor: Decimal) -> Self {
        self.flex_factor = Some(factor);
        self
    }

    /// With the priority price as a multiple of the standard price.
    #[must_use]
    pub fn with_priority_factor(mut self, factor: Decimal) -> Self {
        self.priority_factor = Some(factor);
        self
    }

    /// With standard rates for the whole of a request whose input is longer than that.
    #[must_use]
    pub fn with_long_context(mut self, above_input_tokens: u64, rates: Rates) -> Self {
        let long = self.long_context.get_or_insert_default();
        long.above_input_tokens = Some(above_input_tokens);
        long.standard = rates;
        self
    }

    /// With the most tokens that input and output may have together.
    #[must_use]
    pub fn with_context_tokens(mut self, tokens: u64) -> Self {
        self.context_tokens = Some(tokens);
        self
    }

    /// With the most tokens that an answer may have.
    #[must_use]
    pub fn with_output_tokens_max(mut self, tokens: u64) -> Self {
        self.output_tokens_max = Some(tokens);
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

    /// The provider, as written.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The model, as written.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }
}
