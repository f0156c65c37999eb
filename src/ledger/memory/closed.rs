//! Which runs were closed so long ago that only a trace is left of them?
//!
//! A run's lines last for its whole life, and a mark for ever: a kilobyte for each run that was ever closed. Once a run has been closed
//! for as long as [`MemoryOptions::closed_run_age_max`](super::MemoryOptions::closed_run_age_max) says, its mark becomes a trace of 24
//! bytes, and the search for idle rows takes its rows. A run's id is a name that somebody chose, and tells no time, so a run could not
//! be known to be too old; without the trace, whoever opens it again would be granted its limits a second time. With it the run
//! answers that it is closed. It cannot be reopened: what it had spent is known no more.
//!
//! # Runs below others
//! What a run spent may still have to be posted above it, so its books are kept as long as a run above has books that are not
//! closed for as long. Then one trace serves the family: a run is closed if any run above it is.
//!
//! Worked example: `trip/search` is closed at noon and `trip` at three. At one o'clock `trip/search` is looked at, and waits for
//! `trip`. At four `trip` becomes a trace, and `trip/search`, when it is looked at again, loses its mark and needs no trace of its own.

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::LazyLock;

use hashbrown::HashTable;

use crate::Scope;
use crate::ledger::{Attribution, FrozenScope, MarkAction};
use crate::values::{ScopeKind, Timestamp};

/// The closed runs of one tenant.
#[derive(Debug, Default)]
pub(super) struct ClosedRuns {
    traces: HashTable<Trace>,
    /// Runs that were closed and still have their mark, by the instant at which they were, or are looked at again.
    waiting: VecDeque<(Timestamp, Scope)>,
}

/// What is left of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trace {
    /// Two hashes of its name, with keys of this process: nobody can make a name that passes for another, and none does by chance.
    name: [u64; 2],
    since: Timestamp,
}

/// Hashes the name of a run.
fn digest(run: &Scope) -> [u64; 2] {
    // Each `RandomState` of the standard library has keys of its own.
    static KEYS: LazyLock<[RandomState; 2]> = LazyLock::new(|| [RandomState::new(), RandomState::new()]);
    KEYS.each_ref().map(|key| key.hash_one(run.name()))
}

impl ClosedRuns {
    /// Notes that a scope was closed; one that is no run keeps its mark.
    pub(super) fn wait(&mut self, scope: &Scope, since: Timestamp) {
        if scope.kind() == &ScopeKind::Run {
            self.waiting.push_back((since, scope.clone()));
        }
    }

    /// A run that waits since before that instant, taken out.
    pub(super) fn next(&mut self, before: Timestamp) -> Option<Scope> {
        let (since, _) = self.waiting.front()?;
        if *since < before { self.waiting.pop_front().map(|(_, run)| run) } else { None }
    }

    /// Leaves a trace of that run.
    pub(super) fn leave(&mut self, run: &Scope, since: Timestamp) {
        self.put(Trace { name: digest(run), since });
    }

    fn put(&mut self, trace: Trace) {
        if self.find(trace.name).is_none() {
            self.traces.insert_unique(trace.name[0], trace, |trace| trace.name[0]);
        }
    }

    fn find(&self, name: [u64; 2]) -> Option<&Trace> {
        self.traces.find(name[0], |trace| trace.name == name)
    }

    /// The mark of a run of which a trace is left, or of a run below it.
    pub(super) fn mark(&self, scope: &Scope) -> Option<FrozenScope> {
        let Trace { since, .. } = *self.trace(scope)?;
        let attribution = Attribution::new("the ledger", "it was closed, and its books are kept no more");
        Some(FrozenScope { scope: scope.clone(), action: MarkAction::Close, since, attribution })
    }

    /// Whether only a trace is left of that run, or of one above it.
    #[inline]
    pub(super) fn covers(&self, scope: &Scope) -> bool {
        !self.is_empty() && self.trace(scope).is_some()
    }

    #[cold]
    fn trace(&self, scope: &Scope) -> Option<&Trace> {
        if self.is_empty() || scope.kind() != &ScopeKind::Run {
            return None;
        }
        let own = self.find(digest(scope));
        own.or_else(|| scope.runs_above().find_map(|run| self.find(digest(&run))))
    }

    /// Whether no trace is left of any run.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.traces.is_empty()
    }

    /// All traces, for a tenant whose books go.
    pub(super) fn take(&mut self) -> Box<[Trace]> {
        std::mem::take(&mut self.traces).into_iter().collect()
    }

    /// Takes in the traces of a tenant that comes back.
    pub(super) fn take_in(&mut self, traces: &[Trace]) {
        traces.iter().for_each(|trace| self.put(*trace));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str) -> Scope {
        Scope::run(name).expect("a plain name")
    }

    #[test]
    fn a_trace_covers_its_run_and_those_below_and_no_other() {
        let mut closed = ClosedRuns::default();
        closed.leave(&run("trip"), Timestamp::from_secs(3));

        let covered =
            ["trip", "trip/search", "trip/search/a", "tripod", "tri"].map(|name| closed.covers(&run(name)));

        assert_eq!(covered, [true, true, true, false, false]);
        assert!(!closed.covers(&Scope::team("trip").expect("a plain name")));
        assert_eq!(closed.mark(&run("trip/search")).map(|mark| mark.since), Some(Timestamp::from_secs(3)));
    }

    #[test]
    fn a_trace_is_24_bytes() {
        assert_eq!(size_of::<Trace>(), 24);
    }
}
