//! Do prices come out as published and as written?

mod conditions;
mod factor;
mod imports;
mod money;
mod published;
mod rows;
mod search;
mod spelled;
mod unseen;

use std::sync::Arc;

use super::{Allowance, ExactUsd, Import, ModelPrice, PriceRow, PriceSource, PricingTable, Rates, TimeRates};
use crate::values::{Conditions, Meter, Modality, Region, SearchContext, ServiceTier, Timestamp};
use crate::{Error, ErrorKind, Usage, Usd};

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

fn usd(text: &str) -> Usd {
    text.parse().expect("test dollars")
}

fn rates(input: &str, output: &str) -> Rates {
    Rates::per_million(input, output).expect("test rates")
}

fn own(model: &str, input: &str, output: &str) -> PriceRow {
    PriceRow::new("acme", model).with_rates(ServiceTier::Standard, rates(input, output))
}

fn find(table: &PricingTable, model: &str) -> Arc<ModelPrice> {
    Arc::clone(table.find(None, model, NOW).expect("a known model"))
}

fn bundled(model: &str) -> Arc<ModelPrice> {
    find(&PricingTable::bundled(), model)
}

fn price_of(row: PriceRow) -> ModelPrice {
    let table = PricingTable::empty().with_rows([row]).expect("a good row");
    table.prices().next().expect("one price").as_ref().clone()
}

fn total(price: &ModelPrice, usage: Usage) -> Usd {
    price.cost(&usage, &Conditions::new()).expect("a priced call").total()
}
