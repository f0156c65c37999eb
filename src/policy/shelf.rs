//! What do all calls share that one budget binds?
//!
//! A policy makes a name once for each tenant and each budget, and remembers the period that it last worked out. Without
//! this each call would make its names anew and look up its month in the zone database, which costs as much as all else
//! that a reserve does.

use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use dashmap::DashMap;
use parking_lot::Mutex;

use crate::Window;
use crate::values::{BudgetKey, Period, ShortText, Tenant, Timestamp, Unit};

/// What a policy has made so far. It is a cache: to lose it costs time and changes nothing.
#[derive(Clone, Default)]
pub(super) struct Shelves {
    /// A million accounts share the name of their tenant.
    tenants: DashMap<ShortText, Tenant>,
    shelves: DashMap<ShelfKey, Arc<Shelf>, foldhash::fast::RandomState>,
}

/// How many names of each kind are kept. Beyond it all go and are made anew: strangers' tenants would fill the memory, each
/// with a name for every budget, and to drop everything now and then costs less than to know which was used last.
const KEPT_MAX: usize = 32_768;

/// Whose account of which budget, and whether it is the guardrail's.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct ShelfKey {
    pub(super) tenant: Tenant,
    pub(super) budget: ShortText,
    pub(super) is_guardrail: bool,
    pub(super) unit: Unit,
}

/// What all calls that one budget binds under one tenant share.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) key: Arc<BudgetKey>,
    /// The period last resolved, which mostly is the present one.
    last: Mutex<Option<Resolved>>,
}

/// A window resolved at some instant of a period, for all its instants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resolved {
    pub(super) period: Period,
    pub(super) resets_at: Option<Timestamp>,
}

impl Shelves {
    /// The tenant of that name, made where there is none yet.
    pub(super) fn tenant(&self, name: &str, make: impl FnOnce() -> Tenant) -> Tenant {
        if let Some(tenant) = self.tenants.get(name) {
            return tenant.clone();
        }
        make_room(&self.tenants);
        self.tenants.entry(name.into()).or_insert_with(make).clone()
    }

    /// The shelf of that budget, which counts in that window.
    pub(super) fn of(&self, key: ShelfKey, window: &Window) -> Arc<Shelf> {
        if let Some(shelf) = self.shelves.get(&key) {
            return Arc::clone(&shelf);
        }
        let (tenant, budget, unit) = (key.tenant.clone(), key.budget.clone(), key.unit.clone());
        let name = BudgetKey { tenant, budget, unit, window: ShortText::of(window) };
        let shelf = Shelf { key: Arc::new(name), last: Mutex::new(None) };
        make_room(&self.shelves);
        Arc::clone(&self.shelves.entry(key).or_insert_with(|| Arc::new(shelf)))
    }
}

/// Asked only where something is to be made.
fn make_room<K: Eq + Hash, V, S: BuildHasher + Clone>(kept: &DashMap<K, V, S>) {
    if kept.len() >= KEPT_MAX {
        kept.clear();
    }
}

impl Shelf {
    /// The window's period at that instant.
    pub(super) fn resolve(&self, window: &Window, now: Timestamp) -> Resolved {
        let mut last = self.last.lock();
        match *last {
            Some(resolved) if resolved.period.contains(now) => resolved,
            _ => *last.insert(Resolved { period: window.period(now), resets_at: window.resets_at(now) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_strangers_do_not_fill_the_memory() {
        // Each organisation that was ever named, also one that was refused, left half a kilobyte for each budget.
        let shelves = Shelves::default();
        for number in 0..KEPT_MAX + 10 {
            let tenant = shelves.tenant(&format!("org-{number}"), Tenant::unnamed);
            let (budget, unit) = (ShortText::of(number), Unit::Usd);
            shelves.of(ShelfKey { tenant, budget, is_guardrail: false, unit }, &Window::lifetime());
        }

        assert_eq!((shelves.tenants.len(), shelves.shelves.len()), (10, 10));
    }
}
