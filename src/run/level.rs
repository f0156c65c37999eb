//! What do all guards of one run in this process share?
//!
//! Money is in the ledger; this is what wakes people, and what is known without asking. One lock guards the state and the wakers
//! under it. Whoever waits looks for its news and takes its place in one go (`look_or_sleep`), so no change falls between the
//! two. Wakers are called after the lock is released, because a waker may run the very code that takes the lock.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::Waker;

use parking_lot::Mutex;

use super::carve::Carve;
use super::opened::Opened;
use crate::Scope;
use crate::engine::Watcher;
use crate::ledger::{FrozenScope, MarkAction};
use crate::values::{Account, Refusal, ShortText, Timestamp};

/// One run, as far as this process knows it. The books are the ledger's; this is what wakes people.
pub(crate) struct Level {
    pub(super) scope: Scope,
    state: Mutex<State>,
}

impl fmt::Debug for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Level({})", self.scope)
    }
}

/// What is known, and who sleeps until it changes.
#[derive(Default)]
pub(super) struct State {
    /// The mark that stands on the run.
    pub(super) mark: Option<FrozenScope>,
    /// Nano-dollars granted on top of its limit.
    pub(super) granted: i64,
    /// The last refusal by a limit of its own, by whichever guard.
    pub(super) short: Option<Refusal>,
    /// The tools that are counted by name.
    pub(super) tools: BTreeSet<ShortText>,
    /// The runs that were opened directly below it.
    pub(super) children: BTreeSet<Scope>,
    /// Parts given to runs below, whose holds are still to be replaced; kept at the topmost run.
    pub(super) carves: Vec<Arc<Carve>>,
    /// What guards that are open know of it: calls that name the run are held to its limits by any of them.
    opened: Vec<Weak<Opened>>,
    /// How many guards are open, and since when the first of them.
    open: Option<(usize, Timestamp)>,
    /// Who waits, by a key of its own.
    sleepers: Vec<(u64, Waker)>,
}

impl State {
    /// Counts a guard that opens; since when the run is open here.
    pub(super) fn enter(&mut self, now: Timestamp) -> Timestamp {
        let (guards, since) = self.open.unwrap_or((0, now));
        self.open = Some((guards.saturating_add(1), since));
        since
    }

    /// Remembers what a guard knows of the run.
    pub(super) fn remember(&mut self, opened: &Arc<Opened>) {
        self.opened.retain(|known| known.strong_count() > 0);
        self.opened.push(Arc::downgrade(opened));
    }

    /// What a guard that is open knows of the run.
    pub(super) fn opened(&self) -> Option<Arc<Opened>> {
        self.opened.iter().find_map(Weak::upgrade)
    }

    /// Counts a guard that goes; since when the run was open here, if that was the last.
    pub(super) fn leave(&mut self) -> Option<Timestamp> {
        let (guards, since) = self.open.take()?;
        if guards > 1 {
            self.open = Some((guards.saturating_sub(1), since));
            return None;
        }
        Some(since)
    }
}

impl Watcher for Level {
    /// Notes which mark stands on the run, and wakes whoever waits for its end.
    fn learn(&self, mark: Option<FrozenScope>) {
        self.change(|state| state.mark = mark);
    }

    fn set_aside(&self, account: &Account) -> Vec<(Scope, i64)> {
        let carves = self.look(|state| state.carves.clone());
        carves.iter().filter(|carve| carve.is_on(account)).map(|carve| carve.given()).collect()
    }
}

impl Level {
    pub(super) fn of(scope: &Scope) -> Self {
        Self { scope: scope.clone(), state: Mutex::default() }
    }

    /// The mark that is known to stand on it.
    pub(crate) fn mark(&self) -> Option<FrozenScope> {
        self.look(|state| state.mark.clone())
    }

    /// How the run ended, if it was stopped or closed. A freeze is for a while and ends nothing.
    pub(super) fn ended(state: &State) -> Option<FrozenScope> {
        state.mark.clone().filter(|mark| matches!(mark.action, MarkAction::Stop | MarkAction::Close))
    }

    /// Reads what is known.
    pub(super) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.lock())
    }

    /// Notes what nobody waits for.
    pub(super) fn note<T>(&self, edit: impl FnOnce(&mut State) -> T) -> T {
        edit(&mut self.state.lock())
    }

    /// Changes what is known, and wakes everybody who waits for a change.
    pub(super) fn change<T>(&self, edit: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock();
        let result = edit(&mut state);
        let sleepers = std::mem::take(&mut state.sleepers);
        // Woken after the lock is released: a waker may run whoever it wakes.
        drop(state);
        sleepers.into_iter().for_each(|(_, waker)| waker.wake());
        result
    }

    /// What is looked for, or a place among the sleepers: one lock, so that no change comes in between.
    pub(super) fn look_or_sleep<T>(
        &self,
        key: u64,
        waker: &Waker,
        look: impl FnOnce(&State) -> Option<T>,
    ) -> Option<T> {
        let mut state = self.state.lock();
        let found = look(&state);
        if found.is_none() {
            match state.sleepers.iter_mut().find(|(sleeper, _)| *sleeper == key) {
                Some((_, known)) => known.clone_from(waker),
                None => state.sleepers.push((key, waker.clone())),
            }
        }
        found
    }
}

/// Somebody's place among the sleepers of some runs; given up when dropped.
pub(super) struct Sleeper {
    pub(super) key: u64,
    pub(super) levels: Vec<Arc<Level>>,
}

impl Sleeper {
    pub(super) fn of(levels: Vec<Arc<Level>>) -> Self {
        static KEYS: AtomicU64 = AtomicU64::new(0);
        Self { key: KEYS.fetch_add(1, Ordering::Relaxed), levels }
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        for level in &self.levels {
            level.state.lock().sleepers.retain(|(key, _)| *key != self.key);
        }
    }
}
