//! Budgets for LLM calls that hold.

mod error;
mod money;
mod usage;
mod amount;
mod scope;
mod window;
mod conditions;
mod message;
mod call;
mod clock;
mod account;
mod claim;
mod binding;
mod verdict;
mod event;
pub mod policy;
pub mod pricing;
pub mod tokens;
mod decision;
pub mod ledger;

pub use account::{Account, Balance, Book, ReservationId, Root};
pub use amount::{Amount, Unit};
pub use binding::{Binding, Bound, Caps, TierAction};
pub use call::Call;
pub use claim::{Claim, Line, Mark};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use conditions::{Conditions, ServiceTier};
pub use decision::{Quote, check_budget};
pub use error::{Error, ErrorKind};
pub use event::{Event, Observer};
pub use ledger::{BudgetLedger, ImmediateLedger, MemoryLedger};
pub use message::{Input, Message, Part, Prompt};
pub use money::Usd;
pub use policy::{Budget, Exemption, Policy, Tiers};
pub use pricing::{Cost, CostLine, Meter, ModelPrice, PriceRow, PriceSource, PricingTable, Rates};
pub use scope::{Scope, ScopeKind};
#[cfg(feature = "tiktoken")]
pub use tokens::TiktokenEstimator;
pub use tokens::{ByteBound, Estimate, EstimateKind, TokenEstimator};
pub use usage::{ServerToolRequests, Usage};
pub use verdict::{BudgetState, Decision, FrozenScope, Refusal, RefusalKind, Verdict};
pub use window::{Period, Window};
