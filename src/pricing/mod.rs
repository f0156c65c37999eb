//! What does a call cost? Exact prices of models, from a table to a charge.
//!
//! Top-down: a [`PricingTable`] finds a [`ModelPrice`], which turns a usage
//! into a [`Cost`] or token counts into a quote. A [`PriceRow`] is how prices
//! are written down. Rates are compiled to integers when a table is built, so
//! pricing a call is a few multiplications and one rounding up.
//!
//! Left out: audio, image and video tokens, regional surcharges, faster modes
//! than `priority`, and free allowances. Models that mainly bill those have no
//! bundled row, so that they are unknown and not underpriced.

mod catalog;
mod compile;
mod cost;
mod decimal;
mod layer;
mod matching;
mod model;
mod names;
mod rates;
mod row;
mod source;
mod table;

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test, as it should")]
mod tests;

pub use cost::{Cost, CostLine};
pub use model::ModelPrice;
pub use rates::Rates;
pub use row::PriceRow;
pub use source::PriceSource;
pub use table::PricingTable;
