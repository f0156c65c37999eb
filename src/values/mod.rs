//! Plain values: what every room of the crate speaks of.
//!
//! Nothing here knows a policy, a price or a ledger. What a user needs of it stands in
//! the public modules [`call`], [`usage`] and [`time`], at the root, and in the module
//! that it is used with.
//!
//! In reading order:
//!
//! | file | its question |
//! | --- | --- |
//! | `money`, `amount`, `meter`, `usage` | how much: dollars, what budgets count, what providers bill, what a call used |
//! | `scope`, `call` | who pays, and what is about to be sent |
//! | `time` | when: instants, clocks, windows and their periods |
//! | `account`, `claim`, `binding` | where money is kept, what is applied together, and what a policy says of one call |
//! | `verdict`, `event`, `error` | what is answered, what observers hear, and what can break |
//! | `name`, `private`, `no_limit` | which names are let in, who may read files, and calls without an output limit |
//! | `fnv` | how text is hashed the same in every process |
//!
//! Three rules hold for all of them. Arithmetic is checked or saturates where that is
//! said; nothing panics. A value that cannot be used cannot be built, or says so before
//! it is used. Text that somebody else wrote is never shown as it is, if it could change
//! the line around it.

pub(crate) mod account;
pub(crate) mod amount;
pub(crate) mod binding;
pub mod call;
pub(crate) mod claim;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod fnv;
pub(crate) mod mark;
pub(crate) mod meter;
pub(crate) mod money;
pub(crate) mod name;
pub(crate) mod no_limit;
pub(crate) mod one_line;
pub(crate) mod packed;
pub(crate) mod private;
pub(crate) mod scope;
pub(crate) mod text;
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
pub(crate) use mark::{Attribution, FrozenScope, MarkAction};
pub(crate) use meter::{Meter, MeterUnit};
pub(crate) use no_limit::OnNoLimit;
pub(crate) use text::ShortText;
#[cfg(any(test, feature = "testing"))]
pub(crate) use time::ManualClock;
pub(crate) use time::{Period, SystemClock, Timestamp};
pub(crate) use verdict::{Excess, Refusal, RefusalKind};
