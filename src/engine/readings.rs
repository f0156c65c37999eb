//! What is held where the provider reads the input again: for an advisor that its model asks, or to make it shorter?
//!
//! Each reading is a request of its own, by a model of its own, at the rates of its own length. Two uses of an advisor that
//! writes 500 tokens, on an input of 10,000, are held for 2 × 10,000 tokens read and 2 × 500 written, at the advisor's price.
//!
//! They are no part of the call's own tokens: its model did not read them, and its caps do not count them. What they may cost is
//! held all the same, because the provider bills it to whoever made the call.

use std::sync::Arc;

use crate::policy::OnUnknownModel;
use crate::pricing::ModelPrice;
use crate::values::call::fee::Reading;
use crate::values::{ShortText, Timestamp};
use crate::{Call, Error, Policy, PricingTable, Usd};

/// A reading that has a price.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) reading: Reading,
    /// How often it may happen: what the request says, else what the policy assumes.
    pub(super) uses: u64,
    price: Arc<ModelPrice>,
}

/// All readings of a call, and the first model among them that has no price.
#[derive(Debug, Default)]
pub(super) struct Readers {
    pub(super) known: Vec<Reader>,
    pub(super) unpriced: Option<ShortText>,
}

/// What all of them take together. Most calls have none, and are never asked.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Beside {
    pub(crate) usd: Usd,
    pub(crate) tokens_input: u64,
    pub(crate) tokens_output: u64,
}

impl Readers {
    /// Finds who reads, and at which price; the call's own model is `own`.
    pub(super) fn resolve(
        call: &Call,
        own: Option<&Arc<ModelPrice>>,
        prices: &PricingTable,
        policy: &Policy,
        now: Timestamp,
    ) -> Self {
        let mut readers = Self::default();
        let sold = |provider: Option<&str>, model: &str| {
            prices.find(provider, model, now).filter(|price| price.quotes(&call.conditions)).cloned()
        };
        for reading in &call.readings {
            let price = match &reading.model {
                None => own.cloned(),
                Some(model) => {
                    sold(call.provider.as_deref(), model).or_else(|| match policy.unknown_model() {
                        OnUnknownModel::PricedAs(other) => sold(None, other).filter(|price| !price.is_free()),
                        _ => None,
                    })
                }
            };
            match (price, &reading.model) {
                (Some(price), _) => {
                    let uses = reading.uses.unwrap_or(policy.fee_uses_assumed());
                    readers.known.push(Reader { reading: reading.clone(), uses, price });
                }
                (None, Some(model)) if reading.uses != Some(0) => {
                    readers.unpriced.get_or_insert_with(|| model.clone());
                }
                // Without a price of its own the call is refused, or counted, anyway.
                (None, _) => {}
            }
        }
        readers
    }

    /// The first instant at which one of the prices may be another.
    pub(super) fn hold_until(&self, now: Timestamp) -> Timestamp {
        let ends = self.known.iter().map(|reader| reader.price.holds_until(now));
        ends.min().unwrap_or(Timestamp::MAX)
    }
}

impl Reader {
    /// What it takes of an input of so many tokens: nothing, where that is too short.
    pub(super) fn of(&self, call: &Call, tokens_input: u64) -> Result<Beside, Error> {
        let Reading { output_tokens, from_input_tokens, caches, .. } = self.reading;
        if tokens_input < from_input_tokens || self.uses == 0 {
            return Ok(Beside::default());
        }
        let read = tokens_input.min(self.price.context_tokens().unwrap_or(u64::MAX));
        let conditions = if caches { call.conditions.with_cache_writes() } else { call.conditions };
        // Each is a request of its own, at the rates of its own length.
        let each = self.price.quote(read, output_tokens, &conditions)?;
        let times = i64::try_from(self.uses).ok().and_then(|uses| each.nanos().checked_mul(uses));
        Ok(Beside {
            usd: Usd::from_nanos(times.ok_or_else(|| Error::overflow("readings of the input"))?),
            tokens_input: read.saturating_mul(self.uses),
            tokens_output: output_tokens.saturating_mul(self.uses),
        })
    }
}
