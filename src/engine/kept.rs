//! Which plans of calls seen lately are kept?
//!
//! A charge set's hash chooses one of 4,096 places, and a place keeps one plan. A hit compares the whole charge set, so two
//! sets with one hash cost time and never money. A set is kept from its second call on: the first notes its hash as
//! `missed`, and only a second miss of the same hash displaces what the place kept.

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use parking_lot::Mutex;

use super::core::Core;
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

    /// The hash of all that a plan is resolved from; what is sent is no part of it.
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
