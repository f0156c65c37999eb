//! With what does an enforcer estimate where nobody named an estimator?
//!
//! Two wishes contradict each other: a default that loads nothing, and a default that does
//! not refuse a call which would have fitted. The answer is lazy: bound by bytes, and count
//! only a prompt whose bound was refused or decides the verdict.

use std::sync::Arc;

use super::TokenEstimator;

/// The byte bound; with the feature `tiktoken`, one that counts the prompts of `OpenAI`'s models beside it.
///
/// An enforcer asks for the bound first and for a count only if the bound was refused or changes the verdict, so
/// that most calls load no vocabulary. Answers stay bounded by their bytes: they are told off piece by piece, and
/// counting each piece would load the vocabulary in every stream.
pub(crate) fn estimator() -> Arc<dyn TokenEstimator> {
    #[cfg(feature = "tiktoken")]
    return Arc::new(counting::PromptCounter::default());
    #[cfg(not(feature = "tiktoken"))]
    Arc::new(super::ByteBoundEstimator)
}

/// The estimator of builds with a vocabulary.
#[cfg(feature = "tiktoken")]
mod counting {
    use crate::tokens::{Estimate, TiktokenEstimator, TokenEstimator};
    use crate::values::Prompt;

    /// Counts prompts as [`TiktokenEstimator`] does, and bounds single texts by their
    /// bytes.
    ///
    /// `count_text` stays the default of the trait, which is the bound: a stream asks it
    /// for each piece of an answer, and counting pieces would load the vocabulary in every
    /// stream.
    #[derive(Debug, Default)]
    pub(super) struct PromptCounter(TiktokenEstimator);

    impl TokenEstimator for PromptCounter {
        fn knows(&self, model: &str) -> bool {
            self.0.knows(model)
        }

        fn count(&self, model: &str, prompt: &Prompt) -> Estimate {
            self.0.count(model, prompt)
        }
    }
}
