//! What is at hand while an entry of LiteLLM's table is read?

use std::fmt;

use super::fields::{CostField, bears_cost};
use crate::Error;
use crate::pricing::import::found::wrong;
use crate::pricing::import::json::{Json, Map, get};
use crate::pricing::import::report::ImportReport;
use crate::pricing::rates::Rates;
use crate::pricing::row::PriceRow;
use crate::values::{ServiceTier, ShortText};

/// One entry, and the row that is made of it.
pub(super) struct Entry<'a> {
    pub(super) key: &'a str,
    pub(super) provider: &'a str,
    /// The kind of its model: `chat`, `rerank`.
    pub(super) mode: String,
    pub(super) fields: &'a Map<'a>,
    pub(super) row: PriceRow,
    pub(super) report: &'a mut ImportReport,
}

impl<'a> Entry<'a> {
    pub(super) fn standard(&self) -> &Rates {
        self.row.rates(ServiceTier::Standard)
    }

    /// Lists a field that bears on the cost and is not understood.
    pub(super) fn miss(&mut self, field: impl Into<ShortText>) {
        self.report.miss(self.key, field);
    }

    pub(super) fn wrong(&self, field: &str, problem: impl fmt::Display) -> Error {
        wrong(self.key, format_args!("{field}: {problem}"))
    }

    /// A field that is an object, where there is one.
    pub(super) fn object(&self, name: &str) -> Result<Option<Map<'a>>, Error> {
        match get(self.fields, name)? {
            Some(Json::Map(map)) => Ok(Some(map)),
            Some(_) => Err(self.wrong(name, "is no object")),
            None => Ok(None),
        }
    }

    /// The rates that a block inside the entry names, which hold for every tier and length.
    pub(super) fn rates_in(&mut self, block: &Map<'_>, place: &str) -> Result<Rates, Error> {
        let mut rates = Rates::new();
        for (name, raw) in block.iter().filter(|(name, raw)| bears_cost(name) && raw.get() != "null") {
            let place = format!("{place}.{name}");
            match CostField::named(name, &self.mode) {
                Some(field) if field.tier == ServiceTier::Standard && field.above_k.is_none() => {
                    let rate = field.rate(&Json::of(raw)?).map_err(|problem| self.wrong(&place, problem))?;
                    rates.set(field.meter, Some(rate));
                }
                _ => self.miss(place),
            }
        }
        Ok(rates)
    }
}
