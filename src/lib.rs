//! Budgets for LLM calls that hold.

mod account;
mod amount;
mod call;
mod claim;
mod clock;
mod error;
pub mod ledger;
mod message;
mod money;
mod scope;
mod sync;
mod tokens;
mod usage;
mod window;

pub use account::{Account, Balance, Book, ReservationId, Root};
pub use amount::{Amount, Unit};
pub use call::{CacheWrites, Call, Service, Terms};
pub use claim::{Claim, Line, Mark};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use error::{Error, ErrorKind};
pub use ledger::{BudgetLedger, ImmediateLedger, MemoryLedger};
pub use message::{Input, Message, Part, Prompt};
pub use money::Usd;
pub use scope::{Scope, ScopeKind};
#[cfg(feature = "tiktoken")]
pub use tokens::TiktokenEstimator;
pub use tokens::{ByteBound, Estimate, EstimateKind, TokenEstimator};
pub use usage::{ServerToolRequests, Usage};
pub use window::Period;
