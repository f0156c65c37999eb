//! How is a charge set resolved: which budgets bind it, in which period, and at which price?
//!
//! The epoch is read *before* policy and prices are. If a swap comes in between, the plan bears the older epoch, so it is stale at
//! once; a plan never bears an epoch newer than its content.
//!
//! Whatever does not depend on a call's size is worked out here once: the price's rates under the call's conditions, how far a
//! limit counts that a request names, what the journal says, and whether one trip decides (`is_plain`). What is left
//! for each call is arithmetic.
//!
//! Worked example: `gpt-4o` of team `search`, with a budget a month and one a day, at noon of November 22nd. Both lines are resolved
//! to nano-dollars and periods; the plan is valid until midnight, where the day ends, unless policy or prices are swapped before.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::ask::AskedLimits;
use super::core::Core;
use super::own::Own;
use super::plan::Plan;
use super::readings::Readers;
use super::said;
use crate::policy::OnUnknownModel;
use crate::pricing::{ModelPrice, unknowable};
use crate::values::verdict::MissingPrice;
use crate::values::{ShortText, Timestamp};
use crate::{Call, Error, Policy, PricingTable};

impl Plan {
    /// Resolves a call that is to be reserved, of which no more is said than books keep.
    ///
    /// A call is bound by the budgets of its own that the caller brings (`own`, a run's) as by the policy's.
    pub(crate) fn resolve(
        core: &Arc<Core>,
        call: &Call,
        own: &Own,
        now: Timestamp,
    ) -> Result<Arc<Self>, Error> {
        let plan = Self::resolve_open(core, call, own, now)?;
        if let Some(about) = plan.note.about.as_deref() {
            said::check(about)?;
        }
        Ok(plan)
    }

    /// Resolves a call that is open already, against the policy and the prices in force: however much is said of it, it comes to
    /// its end.
    pub(crate) fn resolve_open(
        core: &Arc<Core>,
        call: &Call,
        own: &Own,
        now: Timestamp,
    ) -> Result<Arc<Self>, Error> {
        // The epoch is read first: a swap in between makes this plan stale, not wrong.
        let epoch = core.epoch.load(Ordering::Acquire);
        let policy = core.policy();
        let prices = core.prices();
        let binding = Arc::new(policy.bind_with(call, &own.budgets, Some(&prices), now)?);
        let exempt = policy.bind_exempt(call, &own.budgets, Some(&prices), now)?.map(Arc::new);
        let Found { price, fallback } = price_of(call, &prices, &policy, now);
        let priced_as = fallback.clone().filter(|_| price.is_some());
        let of_price = price.as_deref();
        let assumed = policy.fee_uses_assumed();
        let fees = of_price.map(|price| price.fees(&call.uses, &call.conditions, assumed)).transpose()?;
        let fees = fees.unwrap_or_default();
        let readers = Readers::resolve(call, price.as_ref(), &prices, &policy, now);
        let lacks_price = price.is_none() || fees.unknown.is_some() || readers.unpriced.is_some();
        let counts_only = call.is_fixed() || policy.unknown_model() == &OnUnknownModel::CountOnly;
        let passes = counts_only || binding.observes_only;
        let unpriced = lacks_price && !passes;
        let until = price_holds_until(&prices, call, of_price, now).min(readers.hold_until(now));
        let missing = match &readers.unpriced {
            _ if price.is_none() => Some(missing(&prices, call, fallback)),
            beside => beside.as_ref().map(|model| missing_beside(&prices, call, model)),
        };
        let is_enforced = price.is_some() && !unpriced && !binding.refuses_unbound();
        Ok(Arc::new(Self {
            core: Arc::clone(core),
            note: said::note(call, (of_price, priced_as.as_deref()), &binding, exempt.as_deref()),
            call: call.without_input(),
            own: own.clone(),
            rates: of_price.map(|price| price.rates_under(&call.conditions)),
            asked: AskedLimits::of(call, of_price, binding.caps.tokens_output),
            is_plain: is_enforced && exempt.is_none() && !binding.observes_some,
            unpriced,
            is_more_than_text: of_price
                .is_some_and(|price| price.dearest_kind(0, &call.conditions).is_some()),
            lacks_price: lacks_price && !counts_only,
            fees,
            readers: readers.known,
            missing: missing.filter(|_| !passes).map(Arc::new),
            output_tokens_said: policy.output_tokens_said(),
            on_no_limit: core.on_no_limit.or(policy.no_limit()).unwrap_or_default(),
            prices: PricingTable::clone(&prices),
            valid_until: binding.valid_until.min(until),
            binding,
            exempt,
            price,
            priced_as,
            epoch,
        }))
    }

    /// The same charge set, resolved anew.
    pub(crate) fn again(&self, now: Timestamp) -> Result<Arc<Self>, Error> {
        Self::resolve(&self.core, &self.call, &self.own, now)
    }

    /// The same of a call that is open.
    pub(crate) fn again_open(&self, now: Timestamp) -> Result<Arc<Self>, Error> {
        Self::resolve_open(&self.core, &self.call, &self.own, now)
    }
}

/// The price of a call's model.
struct Found {
    price: Option<Arc<ModelPrice>>,
    /// The model whose price was asked for instead, where the call's own has none.
    fallback: Option<ShortText>,
}

/// The price of the call's own model, else that of the model which the policy names for such.
///
/// A row that is listed without figures is no price: the fallback is asked for it as for a model that no row names.
fn price_of(call: &Call, prices: &PricingTable, policy: &Policy, now: Timestamp) -> Found {
    // What is held at an amount of its own is priced by nobody.
    if call.is_fixed() {
        return Found { price: None, fallback: None };
    }
    let own_row = prices.find(call.provider.as_deref(), &call.model, now);
    let price = own_row.filter(|price| price.quotes(&call.conditions)).cloned();
    let fallback = match policy.unknown_model() {
        OnUnknownModel::PricedAs(model) if price.is_none() => model,
        _ => return Found { price, fallback: None },
    };
    // What is free is free by its own word, which is not this model's.
    let assumed = prices.find(None, fallback, now).filter(|price| price.quotes(&call.conditions));
    let assumed = assumed.filter(|price| !price.is_free());
    let price = assumed.map(|price| Arc::new(price.assumed_for(&call.model, own_row.map(|row| &**row))));
    Found { price, fallback: Some(fallback.clone()) }
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

/// Whose price is missing, and which may have been meant.
fn missing(prices: &PricingTable, call: &Call, fallback: Option<ShortText>) -> MissingPrice {
    MissingPrice { fallback, ..missing_of(prices, call, &call.model) }
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
