//! What is resolved once for a charge set and reused until something changes.
//!
//! Which budgets bind a call, in which period, under which ceiling, and at which price: resolving that takes a microsecond or
//! more, and the answer is the same for the next thousand calls of the charge set. A plan keeps it, with two conditions:
//!
//! * **time**: `valid_until` is the earliest instant at which any part may change, such as the end of a window, the edge of
//!   a raise, or a price by the hour. A plan that binds a day and a month, made at noon, is valid until midnight.
//! * **epoch**: the core counts swaps of policy or prices. The epoch is read *before* policy and prices are. If a swap comes
//!   in between, the plan bears the older epoch, so it is stale at once; a plan never bears an epoch newer than its content.
//!
//! A ledger whose clock is ahead may still answer `Stale`; then the plan is resolved anew at the ledger's instant.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::core::Core;
use super::readings::{Reader, Readers};
use crate::ledger::{About, Note};
use crate::policy::{Budget, OnUnknownModel};
use crate::pricing::{ModelPrice, unknowable};
use crate::values::verdict::MissingPrice;
use crate::values::{Binding, Conditions, Fees, OnNoLimit, ShortText, Timestamp};
use crate::{Call, Error, PricingTable};

/// Everything about a charge set that does not depend on the call's size.
pub(crate) struct Plan {
    pub(crate) core: Arc<Core>,
    /// The call as it was named, without its input.
    pub(crate) call: Call,
    /// Budgets of the caller's own beside the policy's.
    pub(crate) own: Arc<[Arc<Budget>]>,
    pub(crate) binding: Arc<Binding>,
    /// Tried first: the binding with an exemption for the call's use case.
    pub(crate) exempt: Option<Arc<Binding>>,
    pub(crate) price: Option<Arc<ModelPrice>>,
    /// The model whose price that is, where the call's own has none and the policy names one.
    pub(crate) priced_as: Option<ShortText>,
    /// The table that the price is from, and when it was asked.
    pub(crate) prices: PricingTable,
    /// What the call may be billed for beside its tokens.
    pub(crate) fees: Fees,
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
    epoch: u64,
    /// The first instant at which something may be otherwise.
    valid_until: Timestamp,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plan({})", self.call.model)
    }
}

impl Plan {
    /// Resolves a call against the policy and the prices in force.
    pub(crate) fn resolve(
        core: &Arc<Core>,
        call: &Call,
        own: &Arc<[Arc<Budget>]>,
        now: Timestamp,
    ) -> Result<Arc<Self>, Error> {
        // The epoch is read first: a swap in between makes this plan stale, not wrong.
        let epoch = core.epoch.load(Ordering::Acquire);
        let policy = core.policy.load_full();
        let prices = core.prices.load_full();
        let binding = Arc::new(policy.bind_with(call, own, Some(&prices), now)?);
        let exempt = policy.bind_exempt(call, own, Some(&prices), now)?.map(Arc::new);
        let own_row = prices.find(call.provider.as_deref(), &call.model, now);
        let mut price = own_row.filter(|price| price.quotes(&call.conditions)).cloned();
        let fallback = match policy.unknown_model() {
            OnUnknownModel::PricedAs(model) if price.is_none() => Some(model),
            _ => None,
        };
        if let Some(model) = fallback {
            // What is free is free by its own word, which is not this model's.
            let assumed = prices.find(None, model, now).filter(|price| price.quotes(&call.conditions));
            let assumed = assumed.filter(|price| !price.is_free());
            price = assumed.map(|price| Arc::new(price.assumed_for(&call.model, own_row.map(|row| &**row))));
        }
        let priced_as = fallback.filter(|_| price.is_some()).cloned();
        let assumed = policy.fee_uses_assumed();
        let fees =
            price.as_ref().map(|price| price.fees(&call.uses, &call.conditions, assumed)).transpose()?;
        let fees = fees.unwrap_or_default();
        let readers = Readers::resolve(call, price.as_ref(), &prices, &policy, now);
        let lacks_price = price.is_none() || fees.unknown.is_some() || readers.unpriced.is_some();
        let counts_only = policy.unknown_model() == &OnUnknownModel::CountOnly;
        let passes = counts_only || binding.observes_only;
        let until = price_holds_until(&prices, call, price.as_deref(), now).min(readers.hold_until(now));
        let valid_until = binding.valid_until.min(until);
        let missing = match &readers.unpriced {
            _ if price.is_none() => Some(missing(&prices, call, fallback)),
            beside => beside.as_ref().map(|model| missing_beside(&prices, call, model)),
        };
        Ok(Arc::new(Self {
            core: Arc::clone(core),
            note: Note {
                about: Some(Arc::new(about(
                    call,
                    priced(&price, priced_as.as_deref()),
                    &binding,
                    exempt.as_deref(),
                ))),
                ..Note::default()
            },
            call: call.without_input(),
            own: Arc::clone(own),
            unpriced: lacks_price && !passes,
            is_more_than_text: may_be_more_than_text(price.as_deref(), call),
            lacks_price: lacks_price && !counts_only,
            fees,
            readers: readers.known,
            missing: missing.filter(|_| !passes).map(Arc::new),
            output_tokens_said: policy.output_tokens_said(),
            on_no_limit: core.on_no_limit.or(policy.no_limit()).unwrap_or_default(),
            prices: PricingTable::clone(&prices),
            binding,
            exempt,
            price,
            priced_as,
            epoch,
            valid_until,
        }))
    }

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

    /// The same charge set, resolved anew.
    pub(crate) fn again(&self, now: Timestamp) -> Result<Arc<Self>, Error> {
        Self::resolve(&self.core, &self.call, &self.own, now)
    }

    pub(crate) fn conditions(&self) -> &Conditions {
        &self.call.conditions
    }
}

fn may_be_more_than_text(price: Option<&ModelPrice>, call: &Call) -> bool {
    price.is_some_and(|price| price.dearest_kind(0, &call.conditions).is_some())
}

/// How long the answer of the table stays what it is.
fn price_holds_until(
    prices: &PricingTable,
    call: &Call,
    price: Option<&ModelPrice>,
    now: Timestamp,
) -> Timestamp {
    let mut until = price.map_or(Timestamp::MAX, |price| price.holds_until(now));
    if price.is_none_or(|price| price.model() != call.model) {
        // The model may get a price of its own later on.
        until = until.min(prices.next_start(now));
    }
    until
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

/// What the journal says of the price of a call.
fn priced(price: &Option<Arc<ModelPrice>>, priced_as: Option<&str>) -> ShortText {
    let version = price.as_deref().map_or(ShortText::from_static("none"), price_version);
    priced_as.map_or(version.clone(), |model| assumed_version(model, &version))
}

fn about(call: &Call, price: ShortText, binding: &Binding, exempt: Option<&Binding>) -> About {
    let mut exemptions = exempt.map(|binding| binding.exemptions.clone()).unwrap_or_default();
    exemptions.extend(binding.exemptions.iter().cloned());
    exemptions.dedup();
    About {
        model: call.model.clone(),
        tags: call.tags.to_vec(),
        use_case: call.use_case.clone(),
        exemptions,
        price,
    }
}

/// Whose price is missing, and which may have been meant.
fn missing(prices: &PricingTable, call: &Call, fallback: Option<&ShortText>) -> MissingPrice {
    MissingPrice { fallback: fallback.cloned(), ..missing_of(prices, call, &call.model) }
}

/// The same of a model that the request lets its provider call beside the call's own.
fn missing_beside(prices: &PricingTable, call: &Call, model: &ShortText) -> MissingPrice {
    MissingPrice { beside: Some(model.clone()), ..missing_of(prices, call, model) }
}

/// Whose price is missing, with the names that come nearest.
fn missing_of(prices: &PricingTable, call: &Call, model: &str) -> MissingPrice {
    MissingPrice {
        provider: call.provider.clone(),
        nearest: prices.nearest(call.provider.as_deref(), model),
        unknowable: unknowable(model),
        ..MissingPrice::default()
    }
}
