//! Who is woken when this process learns something of a run?
//!
//! Money is in the ledger; here is what is known without asking, and who waits for it to change. One lock guards both. Whoever
//! waits looks for its news and takes its place in one go (`look_or_sleep`), so no change falls between the two. Wakers are
//! called after the lock is released, because a waker may run the very code that takes the lock.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

use parking_lot::Mutex;

use crate::Scope;

/// One run as all its guards in this process share it: the facts, and who sleeps until they change.
pub(crate) struct Live<T> {
    pub(super) scope: Scope,
    guarded: Mutex<Guarded<T>>,
}

#[derive(Default)]
struct Guarded<T> {
    facts: T,
    /// Who waits, by a key of its own.
    sleepers: Vec<(u64, Waker)>,
}

impl<T> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Live({})", self.scope)
    }
}

impl<T: Default> Live<T> {
    pub(super) fn of(scope: &Scope) -> Self {
        Self { scope: scope.clone(), guarded: Mutex::default() }
    }
}

impl<T> Live<T> {
    /// Reads what is known.
    pub(super) fn look<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.guarded.lock().facts)
    }

    /// Notes what nobody waits for.
    pub(super) fn note<R>(&self, edit: impl FnOnce(&mut T) -> R) -> R {
        edit(&mut self.guarded.lock().facts)
    }

    /// Changes what is known, and wakes everybody who waits for a change.
    pub(super) fn change(&self, edit: impl FnOnce(&mut T)) {
        let mut guarded = self.guarded.lock();
        edit(&mut guarded.facts);
        let sleepers = std::mem::take(&mut guarded.sleepers);
        // Woken after the lock is released: a waker may run whoever it wakes.
        drop(guarded);
        sleepers.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// What is looked for, or a place among the sleepers: one lock, so that no change comes in between.
    pub(super) fn look_or_sleep<R>(
        &self,
        key: u64,
        waker: &Waker,
        look: impl FnOnce(&T) -> Option<R>,
    ) -> Option<R> {
        let mut guarded = self.guarded.lock();
        let found = look(&guarded.facts);
        if found.is_none() {
            match guarded.sleepers.iter_mut().find(|(sleeper, _)| *sleeper == key) {
                Some((_, known)) => known.clone_from(waker),
                None => guarded.sleepers.push((key, waker.clone())),
            }
        }
        found
    }
}

/// Somebody's place among the sleepers of some runs; given up when dropped.
pub(super) struct Sleeper<T> {
    pub(super) key: u64,
    pub(super) runs: Vec<Arc<Live<T>>>,
}

impl<T> Sleeper<T> {
    pub(super) fn of(runs: Vec<Arc<Live<T>>>) -> Self {
        static KEYS: AtomicU64 = AtomicU64::new(0);
        Self { key: KEYS.fetch_add(1, Ordering::Relaxed), runs }
    }
}

impl<T> Drop for Sleeper<T> {
    fn drop(&mut self) {
        for run in &self.runs {
            run.guarded.lock().sleepers.retain(|(key, _)| *key != self.key);
        }
    }
}
