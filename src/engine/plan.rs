//! What is resolved once for a charge set and reused until something changes.
//!
//! Which budgets bind a call, in which period, under which ceiling, and at which price: resolving that takes a microsecond or
//! more, and the answer is the same for the next thousand calls of the charge set. A plan keeps it, with two conditions:
//!
//! * **time**: `valid_until` is the earliest instant at which any part may change, such as the end of a window, the edge of
//!   a raise, or a price by the hour. A plan that binds a day and a month, made at noon, is valid until midnight.
//! * **epoch**: the core counts swaps of policy or prices, and a plan bears the epoch that it was resolved under (`resolve`).
//!
//! A ledger whose clock is ahead may still answer `Stale`; then the plan is resolved anew at the ledger's instant.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::ask::AskedLimits;
use super::core::Core;
use super::own::Own;
use super::readings::Reader;
use crate::ledger::Note;
use crate::pricing::{ModelPrice, ResolvedRates};
use crate::values::verdict::MissingPrice;
use crate::values::{Binding, Conditions, Fees, OnNoLimit, ShortText, Timestamp};
use crate::{Call, PricingTable};

/// Everything about a charge set that does not depend on the call's size.
pub(crate) struct Plan {
    pub(crate) core: Arc<Core>,
    /// The call as it was named, without its input.
    pub(crate) call: Call,
    /// What the caller brings beside the policy.
    pub(crate) own: Own,
    pub(crate) binding: Arc<Binding>,
    /// Tried first: the binding with an exemption for the call's use case.
    pub(crate) exempt: Option<Arc<Binding>>,
    pub(crate) price: Option<Arc<ModelPrice>>,
    /// Its rates under the call's conditions.
    pub(crate) rates: Option<ResolvedRates>,
    /// How far a limit counts that a request names.
    pub(crate) asked: AskedLimits,
    /// The model whose price that is, where the call's own has none and the policy names one.
    pub(crate) priced_as: Option<ShortText>,
    /// The table that the price is from.
    pub(crate) prices: PricingTable,
    /// What the call may be billed for beside its tokens.
    pub(crate) fees: Fees,
    /// It has a price, no exemption, and nothing that observes: once a call's caps are looked at, one trip to the ledger
    /// decides, if its tokens are given.
    pub(crate) is_plain: bool,
    /// What may be read once more beside the answer.
    pub(super) readers: Vec<Reader>,
    /// The policy wants a price and there is none, or not of a fee that the call may incur.
    pub(crate) unpriced: bool,
    /// The same, were everything enforced that only observes.
    pub(crate) lacks_price: bool,
    /// What is said of that.
    pub(crate) missing: Option<Arc<MissingPrice>>,
    /// Its answer may be more than text.
    pub(super) is_more_than_text: bool,
    /// The policy's own figure for calls that name no output limit, where it has one.
    pub(crate) output_tokens_said: Option<u64>,
    /// What becomes of a call without a limit that says nothing of it itself.
    pub(crate) on_no_limit: OnNoLimit,
    /// What the journal says about each call of this charge set.
    pub(crate) note: Note,
    /// The core's epoch, as it was before anything was read.
    pub(super) epoch: u64,
    /// The first instant at which something may be otherwise.
    pub(super) valid_until: Timestamp,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plan({})", self.call.model)
    }
}

impl Plan {
    /// Under the exemption's own budget, or on the scope's own lines.
    #[inline]
    pub(crate) fn binding(&self, exempt: bool) -> &Arc<Binding> {
        match &self.exempt {
            Some(binding) if exempt => binding,
            _ => &self.binding,
        }
    }

    /// Whether nothing that this was resolved from has changed.
    #[inline]
    pub(crate) fn is_current(&self, now: Timestamp) -> bool {
        now < self.valid_until && self.epoch == self.core.epoch.load(Ordering::Acquire)
    }

    pub(crate) fn conditions(&self) -> &Conditions {
        &self.call.conditions
    }
}

/// Which publication a price is from, and by what its figures were multiplied.
pub(crate) fn price_version(price: &ModelPrice) -> ShortText {
    let source = price.source();
    let version = source.version().unwrap_or_default();
    let date = source.date().map_or_else(ShortText::default, ShortText::of);
    let published = ShortText::of(format_args!("{} {version} {date}", source.name()));
    source
        .factors()
        .iter()
        .fold(published, |version, factor| ShortText::of(format_args!("{} {factor}", version.trim_end())))
}

/// The same of a price that is assumed to be that of the model named.
pub(crate) fn assumed_version(of: &str, version: &str) -> ShortText {
    ShortText::of(format_args!("assumed as {of}: {version}"))
}
