//! What is resolved once for a charge set and reused until something changes.

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use compact_str::{CompactString, ToCompactString};
use parking_lot::Mutex;

use super::Core;
use super::readings::{Reader, Readers};
use crate::ledger::{About, Note};
use crate::policy::{Budget, OnUnknownModel};
use crate::pricing::{ModelPrice, Reasoning, unknowable};
use crate::reservation::Hidden;
use crate::tokens::OutputSizing;
use crate::values::verdict::MissingPrice;
use crate::values::{Binding, Conditions, Excess, Fees, Input, OnNoLimit, Terms, Timestamp, Unit};
use crate::{Call, Error, PricingTable, Usd};

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
    pub(crate) priced_as: Option<CompactString>,
    /// The table that the price is from, and when it was asked.
    pub(crate) prices: PricingTable,
    /// What the call may be billed for beside its tokens.
    pub(crate) fees: Fees,
    /// What may be read once more beside the answer.
    pub(super) readers: Vec<Reader>,
    /// The policy wants a price and there is none, or not of a fee that the call may incur.
    pub(crate) unpriced: bool,
    /// The same, were everything enforced that only observes.
    pub(super) lacks_price: bool,
    /// What is said of that.
    pub(crate) missing: Option<Arc<MissingPrice>>,
    /// Its answer may be more than text.
    is_more_than_text: bool,
    /// The policy's own figure for calls that name no output limit, where it has one.
    pub(crate) output_tokens_said: Option<u64>,
    /// What becomes of a call without a limit that says nothing of it itself.
    pub(crate) on_no_limit: OnNoLimit,
    /// What the journal says about each call of this charge set.
    pub(crate) note: Note,
    epoch: u64,
    valid_until: Timestamp,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plan({})", self.call.model)
    }
}

/// What a call is held for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Priced {
    pub(crate) usd: Usd,
    pub(crate) tokens_input: u64,
    /// Of all choices together.
    pub(crate) tokens_output: u64,
    /// Read and written beside the answer, which is billed apart.
    pub(crate) beside_input: u64,
    pub(crate) beside_output: u64,
}

/// What a call is learned under: nobody's answers size another organisation's holds.
pub(crate) fn learned_key(call: &Call) -> String {
    // No name has a control character in it.
    format!(
        "{}\u{1f}{}",
        call.organization_name().unwrap_or_default(),
        call.use_case.as_deref().unwrap_or_default()
    )
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

    /// Whether nobody said what goes in, though a limit counts it that is enforced.
    pub(crate) fn is_unsaid(&self, ask: &super::Ask<'_>) -> bool {
        matches!(ask.input, Input::Unsaid) && self.counts_input(false)
    }

    #[cold]
    pub(super) fn counts_input(&self, observed: bool) -> bool {
        // Where the model takes nothing for its input, dollars do not depend on it.
        let costs = self.price(1_000_000, 0, 1).map_or(true, |priced| priced.usd > Usd::ZERO);
        let counts = |bound: &Terms| {
            bound.limit.is_some()
                && bound.observe == observed
                && match bound.account.unit() {
                    Unit::Usd => costs,
                    Unit::Tokens | Unit::TokensInput => true,
                    _ => false,
                }
        };
        let caps = if observed { &self.binding.caps_observed } else { &self.binding.caps };
        let exempt = self.exempt.iter().flat_map(|binding| &binding.bound);
        caps.tokens_input.is_some()
            || (caps.usd.is_some() && costs)
            || self.binding.bound.iter().chain(exempt).any(counts)
    }

    pub(crate) fn conditions(&self) -> &Conditions {
        &self.call.conditions
    }

    /// The output of one choice that is held for: all of it, a stream's first slice, or what was
    /// learned that calls like this use.
    #[inline]
    pub(crate) fn output_held(&self, ask: &super::Ask<'_>) -> u64 {
        let most = ask.limit.tokens;
        if let Some(slice) = ask.slice {
            // A slice bounds nothing where the provider may generate what is not seen.
            return if self.hidden(ask).bounds_nothing() { most } else { slice.min(most) };
        }
        if ask.in_background {
            return most;
        }
        match &self.core.output_sizing {
            OutputSizing::Learned(learned) => learned
                .size(&self.call.model, Some(&learned_key(&self.call)))
                .map_or(most, |size| size.min(most)),
            _ => most,
        }
    }

    /// What the provider may generate of a call that nobody sees, by the row and the request.
    #[inline]
    pub(crate) fn hidden(&self, ask: &super::Ask<'_>) -> Hidden {
        let of_row = || self.price.as_deref().map(ModelPrice::unseen);
        let speed = self.core.unseen.or_else(of_row).unwrap_or_default();
        let (reasons, is_more_than_text) = (self.reasons_unseen(ask), self.is_more_than_text);
        Hidden { in_background: ask.in_background, reasons, is_more_than_text, speed }
    }

    /// Whether the model may reason unseen: never, where the request switches it on, or always. What nobody says
    /// anything of does, and so does a model that always reasons, whatever its request says.
    pub(super) fn reasons_unseen(&self, ask: &super::Ask<'_>) -> bool {
        match self.price.as_deref().map(ModelPrice::reasoning).unwrap_or_default() {
            Reasoning::Never => false,
            Reasoning::OnRequest => ask.reasoning == Some(true),
            _ => true,
        }
    }

    /// What the call may cost above what is held for it.
    #[inline]
    pub(crate) fn excess(&self, ask: &super::Ask<'_>, held: Priced) -> Excess {
        let (most, choices) = (ask.limit.tokens, ask.choices);
        if most.saturating_mul(u64::from(choices)) == held.tokens_output {
            return Excess::default();
        }
        // What cannot be priced is as much as there is.
        let usd = self.price(held.tokens_input, most, choices).map_or(Usd::MAX, |worst| worst.usd);
        Excess {
            output_tokens: most.saturating_mul(u64::from(choices)).saturating_sub(held.tokens_output),
            usd: Usd::from_nanos(usd.nanos().saturating_sub(held.usd.nanos()).max(0)),
        }
    }

    /// What the call may cost in all, however little is held: caps on a call are about this.
    #[inline]
    pub(crate) fn usd_at_most(&self, ask: &super::Ask<'_>, held: Priced) -> Usd {
        held.usd.checked_add(self.excess(ask, held).usd).unwrap_or(Usd::MAX)
    }

    /// Prices so many input tokens and so many output tokens of each choice, and what else may be billed.
    #[inline]
    pub(crate) fn price(&self, tokens_input: u64, output: u64, choices: u32) -> Result<Priced, Error> {
        let tokens_output =
            output.checked_mul(u64::from(choices)).ok_or_else(|| Error::overflow("output tokens"))?;
        let usd = match &self.price {
            Some(price) => {
                let (input, output) = self.billed(tokens_input, tokens_output);
                price.quote(input, output, &self.call.conditions)?.checked_add(self.fees.usd)?
            }
            None => Usd::ZERO,
        };
        let beside = self.beside(tokens_input)?;
        Ok(Priced {
            usd: usd.checked_add(beside.usd)?,
            tokens_input,
            tokens_output,
            beside_input: beside.tokens_input,
            beside_output: beside.tokens_output,
        })
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
pub(crate) fn price_version(price: &ModelPrice) -> CompactString {
    let source = price.source();
    let version = source.version().unwrap_or_default();
    let date = source.date().map_or(CompactString::default(), |date| date.to_compact_string());
    let published = compact_str::format_compact!("{} {version} {date}", source.name());
    source
        .factors()
        .iter()
        .fold(published, |version, factor| compact_str::format_compact!("{} {factor}", version.trim_end()))
}

/// The same of a price that is assumed to be that of the model named.
pub(crate) fn assumed_version(of: &str, version: &str) -> CompactString {
    compact_str::format_compact!("assumed as {of}: {version}")
}

/// What the journal says of the price of a call.
fn priced(price: &Option<Arc<ModelPrice>>, priced_as: Option<&str>) -> CompactString {
    let version = price.as_deref().map_or(CompactString::const_new("none"), price_version);
    priced_as.map_or(version.clone(), |model| assumed_version(model, &version))
}

fn about(call: &Call, price: CompactString, binding: &Binding, exempt: Option<&Binding>) -> About {
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
fn missing(prices: &PricingTable, call: &Call, fallback: Option<&CompactString>) -> MissingPrice {
    MissingPrice { fallback: fallback.cloned(), ..missing_of(prices, call, &call.model) }
}

/// The same of a model that the request lets its provider call beside the call's own.
fn missing_beside(prices: &PricingTable, call: &Call, model: &CompactString) -> MissingPrice {
    MissingPrice { beside: Some(model.clone()), ..missing_of(prices, call, model) }
}

fn missing_of(prices: &PricingTable, call: &Call, model: &str) -> MissingPrice {
    MissingPrice {
        provider: call.provider.clone(),
        nearest: prices.nearest(call.provider.as_deref(), model),
        unknowable: unknowable(model),
        ..MissingPrice::default()
    }
}

/// Plans of calls seen lately: a fixed number of places, so that it never grows.
pub(crate) struct PlanCache {
    places: Box<[Mutex<Place>]>,
    hasher: foldhash::fast::RandomState,
}

/// What came to one place.
#[derive(Default)]
struct Place {
    /// The hash of a charge set, and its plan.
    kept: Option<(u64, Arc<Plan>)>,
    /// The hash that was missed last: a charge set is kept from its second call on.
    missed: u64,
}

/// How many charge sets are kept resolved.
const PLANS: usize = 4_096;

impl PlanCache {
    pub(crate) fn new() -> Self {
        let places = (0..PLANS).map(|_| Mutex::new(Place::default())).collect();
        Self { places, hasher: foldhash::fast::RandomState::default() }
    }

    /// The plan of that charge set: kept, or resolved now.
    #[inline]
    pub(crate) fn find(&self, core: &Arc<Core>, call: &Call, now: Timestamp) -> Result<Arc<Plan>, Error> {
        let hash = self.hash(call);
        let place = usize::try_from(hash).unwrap_or(0) % PLANS;
        let Some(place) = self.places.get(place) else {
            return Plan::resolve(core, call, &Arc::from([]), now);
        };
        let kept = match &place.lock().kept {
            Some((known, plan)) if *known == hash => Some(Arc::clone(plan)),
            _ => None,
        };
        match kept.filter(|plan| plan.call.same_charge(call)) {
            Some(plan) if plan.is_current(now) => Ok(plan),
            known => self.resolve(core, call, now, (place, hash, known.is_some())),
        }
    }

    /// Resolves a charge set, and keeps it if it was seen before: a million users who call once displace nobody.
    fn resolve(
        &self,
        core: &Arc<Core>,
        call: &Call,
        now: Timestamp,
        (place, hash, known): (&Mutex<Place>, u64, bool),
    ) -> Result<Arc<Plan>, Error> {
        let plan = Plan::resolve(core, call, &Arc::from([]), now)?;
        let mut place = place.lock();
        let before = if known || place.missed == hash {
            place.kept.replace((hash, Arc::clone(&plan)))
        } else {
            place.missed = hash;
            None
        };
        // Dropped outside the lock: it may be the last owner of much.
        drop(place);
        drop(before);
        Ok(plan)
    }

    fn hash(&self, call: &Call) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        call.model.hash(&mut hasher);
        call.span.hash(&mut hasher);
        call.provider.hash(&mut hasher);
        call.scopes.hash(&mut hasher);
        call.tags.hash(&mut hasher);
        call.use_case.hash(&mut hasher);
        call.conditions.hash(&mut hasher);
        call.uses.hash(&mut hasher);
        call.readings.hash(&mut hasher);
        hasher.finish()
    }
}
