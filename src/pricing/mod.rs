//! What does a call cost? Exact prices of models, from a table to a charge.
//!
//! Top-down: a [`PricingTable`] finds a [`ModelPrice`], which turns a usage
//! into a [`Cost`] or token counts into a quote. A [`PriceRow`] is how prices
//! are written down. Rates are compiled to integers when a table is built, so
//! pricing a call is a few multiplications and one rounding up.
//!
//! A price may depend on the length of the input, the tier, the region, the
//! time of the week and what the tokens are made of. Left out, and listed by an
//! import that meets them: prices by the size or resolution of an image or
//! video, by pixels, credits and storage, and free allowances, which are told
//! and not deducted. Models that mainly bill those have no bundled row, so that
//! they are unknown and not underpriced.

mod apart;
mod asked;
mod catalog;
mod clause;
mod compile;
mod cost;
mod decimal;
mod exact;
mod extras;
mod factor;
mod families;
mod fees;
pub mod import;
mod index;
mod kept;
mod keyed;
mod layer;
mod loose;
mod matching;
mod memo;
mod model;
mod names;
mod near;
mod placed;
mod rates;
mod reasons;
mod row;
mod sets;
mod source;
mod spelling;
mod table;
mod tiers;
mod units;
mod unseen;
mod windows;

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test, as it should")]
mod tests;

pub(crate) use asked::Asked;
pub(crate) use cost::ResolvedRates;
pub use cost::{Cost, CostLine};
pub use exact::ExactUsd;
pub use extras::Allowance;
pub use factor::PriceFactor;
pub(crate) use families::{is_grounded_once, thinks_beside_limit};
pub use import::{Import, ImportReport};
pub use model::ModelPrice;
pub(crate) use placed::placed;
pub use rates::Rates;
pub use row::PriceRow;
pub use source::PriceSource;
pub(crate) use spelling::unknowable;
pub use table::PricingTable;
pub use unseen::{Reasoning, Unseen};
pub use windows::TimeRates;
