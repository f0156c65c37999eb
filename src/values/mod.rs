//! Plain values: what every room of the crate speaks of.
//!
//! Nothing here knows a policy, a price or a ledger. What a user needs of it stands in the public modules
//! [`call`], [`usage`] and [`time`], at the root, and in the module that it is used with.

pub(crate) mod account;
pub(crate) mod amount;
pub(crate) mod binding;
pub mod call;
pub(crate) mod claim;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod meter;
pub(crate) mod money;
pub(crate) mod name;
pub(crate) mod no_limit;
pub(crate) mod private;
pub(crate) mod scope;
pub mod time;
pub mod usage;
pub(crate) mod verdict;

pub(crate) use account::{Account, Balance, BudgetKey, ReservationId, Tenant};
pub(crate) use amount::Unit;
pub(crate) use binding::{Binding, Caps, Terms, TierAction, Unbound};
pub(crate) use call::{
    Conditions, Detail, Fee, Fees, Input, Message, Modality, Part, Picture, Prompt, Region, ScopeKind,
    SearchContext, ServiceTier,
};
pub(crate) use claim::{Claim, ClaimLine, Threshold};
pub(crate) use meter::{Meter, MeterUnit};
pub(crate) use no_limit::OnNoLimit;
pub(crate) use time::{ManualClock, Period, SystemClock, Timestamp};
pub(crate) use verdict::{Excess, FrozenScope, Refusal, RefusalKind};
