//! Budgets for LLM calls that hold.

mod clock;
mod error;
mod message;
mod money;
mod pricing;
mod usage;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use error::{Error, ErrorKind};
pub use message::{Input, Message, Part, Prompt};
pub use money::Usd;
pub use pricing::{
    Conditions, Cost, CostLine, Meter, ModelPrice, PriceRow, PriceSource, PricingTable, Rates, ServiceTier,
};
pub use usage::{ServerToolRequests, Usage};
