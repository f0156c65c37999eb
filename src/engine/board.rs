//! Who in this process wants to hear of a scope's mark, and who has set room aside in it?
//!
//! Runs put themselves here, and calls made by hand find them. The board knows what it asks of them and nothing
//! else, so that what stands below runs can tell them of a mark without knowing what a run is.
//!
//! Entries are weak: a watcher lives as long as somebody else holds it. Dead entries are swept when their number has
//! doubled, so a process that opens a million runs one after the other keeps a few dozen entries.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::Scope;
use crate::ledger::FrozenScope;
use crate::values::{Account, ScopeKind, Tenant};

/// Somebody who watches one scope: an open run.
pub(crate) trait Watcher: Any + Send + Sync {
    /// Hears which mark stands on the scope.
    fn learn(&self, mark: Option<FrozenScope>);
    /// The parts of that account that it has set aside, and for whom.
    fn set_aside(&self, account: &Account) -> Vec<(Scope, i64)>;
}

/// The scopes that somebody in this process watches, by whose books they are in.
#[derive(Default)]
pub(crate) struct Board(Mutex<Known>);

/// What the lock guards.
#[derive(Default)]
struct Known {
    /// By whose books, and by scope.
    watchers: HashMap<(Tenant, Scope), Weak<dyn Watcher>>,
    /// At how many entries those that nobody holds any more are dropped.
    sweep_at: usize,
}

impl Board {
    /// The watcher of that scope, shared with everybody else who asks for it; made where there is none.
    pub(crate) fn find_or_make<W: Watcher>(
        &self,
        tenant: &Tenant,
        scope: &Scope,
        make: impl FnOnce() -> W,
    ) -> Arc<W> {
        let mut known = self.0.lock();
        let key = (tenant.clone(), scope.clone());
        if let Some(watcher) = known.watchers.get(&key).and_then(Weak::upgrade).and_then(of_kind) {
            return watcher;
        }
        if known.watchers.len() >= known.sweep_at {
            known.watchers.retain(|_, watcher| watcher.strong_count() > 0);
            known.sweep_at = known.watchers.len().saturating_mul(2).max(64);
        }
        let watcher = Arc::new(make());
        let shared: Arc<dyn Watcher> = Arc::<W>::clone(&watcher);
        known.watchers.insert(key, Arc::downgrade(&shared));
        watcher
    }

    /// The watcher of that scope, where there is one.
    pub(crate) fn find<W: Watcher>(&self, tenant: &Tenant, scope: &Scope) -> Option<Arc<W>> {
        self.watcher(tenant, scope).and_then(of_kind)
    }

    /// Whoever watches the scope.
    pub(crate) fn watcher(&self, tenant: &Tenant, scope: &Scope) -> Option<Arc<dyn Watcher>> {
        self.0.lock().watchers.get(&(tenant.clone(), scope.clone())).and_then(Weak::upgrade)
    }

    /// The run below with the largest part set aside on that account of a run above it, and what all such parts come to.
    pub(crate) fn set_aside(&self, account: &Account) -> Option<(Scope, i64)> {
        let own = account.scope();
        if own.kind() != &ScopeKind::Run {
            return None;
        }
        // Parts are kept at the topmost run, whichever of those above this one that is.
        let family = std::iter::once(own.clone()).chain(own.runs_above());
        let watchers = family.filter_map(|scope| self.watcher(account.tenant(), &scope));
        let parts: Vec<(Scope, i64)> = watchers.flat_map(|watcher| watcher.set_aside(account)).collect();
        let all = parts.iter().fold(0_i64, |all, (_, part)| all.saturating_add(*part));
        parts.into_iter().max_by_key(|(_, part)| *part).map(|(child, _)| (child, all))
    }
}

/// The watcher as what it was made.
fn of_kind<W: Watcher>(watcher: Arc<dyn Watcher>) -> Option<Arc<W>> {
    let any: Arc<dyn Any + Send + Sync> = watcher;
    any.downcast().ok()
}
