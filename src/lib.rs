//! Budgets for LLM calls that hold.

mod clock;
mod error;
mod message;
mod money;
mod tokens;
mod usage;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use error::{Error, ErrorKind};
pub use message::{Input, Message, Part, Prompt};
pub use money::Usd;
#[cfg(feature = "tiktoken")]
pub use tokens::TiktokenEstimator;
pub use tokens::{ByteBound, Estimate, EstimateKind, TokenEstimator};
pub use usage::{ServerToolRequests, Usage};
