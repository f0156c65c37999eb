//! Is something being dropped on this thread, so that no vocabulary may be loaded?
//!
//! Dropping a stream charges what was seen of it, and charging counts text. Counting may
//! load a vocabulary, which takes a quarter of a second, and a `Drop` may run on a thread
//! that must not wait. The mark is a flag of the thread and not an argument: the functions
//! between the `Drop` and the counter have nothing to do with either.

#[cfg(feature = "tiktoken")]
use std::cell::Cell;

/// Keeps this thread from loading a vocabulary as long as it lives.
///
/// A `Drop` never blocks, and loading takes a quarter of a second. Meanwhile text is
/// counted by a vocabulary that is loaded already, or bounded without one. Marks nest: the
/// inner one leaves the outer one's mark in place.
#[must_use]
pub(crate) struct Dropping {
    /// Whether the thread was marked before.
    #[cfg(feature = "tiktoken")]
    outer: bool,
}

#[cfg(feature = "tiktoken")]
thread_local! {
    static DROPPING: Cell<bool> = const { Cell::new(false) };
}

impl Dropping {
    /// Marks this thread until the value is dropped.
    pub(crate) fn here() -> Self {
        Self {
            // A thread that ends has nothing to set, and is dropping by itself.
            #[cfg(feature = "tiktoken")]
            outer: DROPPING.try_with(|dropping| dropping.replace(true)).unwrap_or(true),
        }
    }

    /// Whether this thread is marked. A thread that ends counts as marked.
    #[cfg(feature = "tiktoken")]
    pub(super) fn is_here() -> bool {
        DROPPING.try_with(Cell::get).unwrap_or(true)
    }
}

impl Drop for Dropping {
    fn drop(&mut self) {
        #[cfg(feature = "tiktoken")]
        let _ = DROPPING.try_with(|dropping| dropping.set(self.outer));
    }
}

#[cfg(test)]
#[cfg(feature = "tiktoken")]
mod tests {
    use super::*;
    use crate::TokenEstimator;
    use crate::tokens::{Estimate, SeenText, TiktokenEstimator};

    const FRESH: &str = "TOKEN_BUDGET_FRESH_PROCESS";

    /// Other tests of this process load vocabularies, so that it begins another for itself.
    #[test]
    fn a_drop_bounds_what_it_would_have_to_load_a_vocabulary_for() {
        if std::env::var_os(FRESH).is_some() {
            return in_a_fresh_process();
        }
        let name = "tokens::dropping::tests::a_drop_bounds_what_it_would_have_to_load_a_vocabulary_for";
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        let output = command.args(["--exact", name, "--nocapture"]).env(FRESH, "1").output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && told.contains("1 passed"), "{told}");
    }

    fn in_a_fresh_process() {
        let estimator = TiktokenEstimator::new();
        let mut seen = SeenText::of("gpt-4o").unwrap();
        seen.push("hello world");
        {
            let _here = Dropping::here();
            assert_eq!(seen.counted(), None);
            // Two words of five letters, at three letters a token.
            assert_eq!((seen.count(), seen.at_most()), (4, 4));
            assert_eq!(estimator.count_text("gpt-4o", "hello world"), Estimate::bound(11));
        }
        // Outside it is loaded, and then counts in a drop, too; the bound was not remembered.
        assert_eq!(seen.counted(), Some(2));
        let _here = Dropping::here();
        assert_eq!(estimator.count_text("gpt-4o", "hello world"), Estimate::count(2));
        // The other vocabulary is still not loaded.
        assert_eq!(estimator.count_text("gpt-4", "hello world"), Estimate::bound(11));
    }
}
