//! Which plans of calls seen lately are kept?
//!
//! A charge set's hash chooses one of 4,096 places, and a place keeps one plan. A hit compares the whole charge set, so two
//! sets with one hash cost time and never money. A set is kept from its second call on: the first notes its hash as
//! `missed`, and only a second miss of the same hash displaces what the place kept.
//!
//! Why so: a fixed number of places needs no eviction and no clock, and a lock for each place is held for as long as it takes to
//! clone a pointer. A million users who call once each displace nobody who calls often.
//!
//! # How much that is
//! A name of a model has at most 256 bytes, a scope's 128 and a tag's 2 × 256, but a call may have any number of scopes and tags. So a
//! charge set with more text than 4 kB is resolved anew each time, and all that is kept together has at most 4,096 × 4 kB = 16 MB of text.

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use parking_lot::Mutex;

use super::core::Core;
use super::own::Own;
use super::plan::Plan;
use crate::values::Timestamp;
use crate::{Call, Error};

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

/// The most text that a charge set may have to be kept, in bytes: a common one has some hundred.
const TEXT_MAX: usize = 4_096;

impl PlanCache {
    pub(crate) fn new() -> Self {
        let places = (0..PLANS).map(|_| Mutex::new(Place::default())).collect();
        Self { places, hasher: foldhash::fast::RandomState::default() }
    }

    /// The plan of that charge set: kept, or resolved now.
    ///
    /// Nothing is resolved under the lock, and two threads that miss at once both resolve: the later one is kept, and both are
    /// right.
    #[inline]
    pub(crate) fn find(&self, core: &Arc<Core>, call: &Call, now: Timestamp) -> Result<Arc<Plan>, Error> {
        let hash = self.hash(call);
        let place = usize::try_from(hash).unwrap_or(0) % PLANS;
        let Some(place) = self.places.get(place) else {
            return Plan::resolve(core, call, &Own::none(), now);
        };
        let kept = match &place.lock().kept {
            Some((known, plan)) if *known == hash => Some(Arc::clone(plan)),
            _ => None,
        };
        match kept.filter(|plan| same_charge(&plan.call, call)) {
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
        let plan = Plan::resolve(core, call, &Own::none(), now)?;
        if text_of(call) > TEXT_MAX {
            return Ok(plan);
        }
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

    /// The hash of all that a plan is resolved from; what is sent is no part of it. `same_charge` compares the same.
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
        call.fixed.hash(&mut hasher);
        hasher.finish()
    }
}

/// How many bytes of text a call's plan keeps of it.
fn text_of(call: &Call) -> usize {
    let own = [Some(&call.model), call.provider.as_ref(), call.use_case.as_ref()];
    let tags = call.tags.iter().flat_map(|(key, value)| [key, value]);
    let readings = call.readings.iter().filter_map(|reading| reading.model.as_ref());
    let names = own.into_iter().flatten().chain(tags).chain(readings).map(|text| text.len());
    names.chain(call.scopes.iter().map(|scope| scope.name().len())).fold(0, usize::saturating_add)
}

/// Whether both calls are charged alike: same payers, model, tags, use case and conditions. The hash reads the same.
#[inline]
pub(crate) fn same_charge(one: &Call, other: &Call) -> bool {
    one.span == other.span && pays_alike(one, other)
}

/// The same, whatever other models may answer.
#[inline]
pub(crate) fn pays_alike(one: &Call, other: &Call) -> bool {
    one.model == other.model
        && one.scopes == other.scopes
        && one.provider == other.provider
        && one.tags == other.tags
        && one.use_case == other.use_case
        && one.conditions == other.conditions
        && one.uses == other.uses
        && one.readings == other.readings
        && one.fixed == other.fixed
        && other.problem.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Enforcer;

    /// A call that may consult so many models with the longest names.
    fn consulting(models: usize) -> Call {
        let name = |model: usize| format!("{model:0>256}");
        let call = Call::new("m".repeat(256)).team("t".repeat(128));
        (0..models).fold(call, |call, model| call.may_consult(name(model), 1))
    }

    #[test]
    fn what_is_kept_has_at_most_four_kilobytes_of_text_each() {
        // Names had no bound, and forty calls with names of ten megabytes kept four hundred.
        let enforcer = Enforcer::builder().build();
        let is_kept = |call: &Call| {
            let plans = PlanCache::new();
            let find = || plans.find(enforcer.core(), call, Timestamp::EPOCH).expect("a plan");
            find();
            let (second, third) = (find(), find());
            Arc::ptr_eq(&second, &third)
        };
        // 256 + 128 + 14 × 256 = 3,968, and one more is beyond 4,096.
        assert_eq!((text_of(&consulting(14)), text_of(&consulting(15))), (3_968, 4_224));
        assert!(is_kept(&consulting(14)));
        assert!(!is_kept(&consulting(15)));
        assert!(enforcer.check(&Call::new("m".repeat(257)).team("search")).wait().is_err());
    }
}
