//! What is a law, and how does a ledger stand before it?
//!
//! A law runs through these steps: does the ledger offer what the law needs? Whoever
//! leaves a kind of command out is judged on the rest (`left_out`). Then, for
//! each seed, the law's function runs on empty books, all books that it
//! opened are audited, and the first thing that is wrong ends the trial. A panic of the
//! ledger counts as a broken law, so one bad backend cannot hide the standing of the
//! others.

use super::Factory;
use super::books::Ground;
use super::left_out::left_out;
use super::need::Need;
use super::why::Held;

/// A promise that every ledger keeps, with what it takes to hold a ledger to it.
///
/// The name is a sentence, and it is the whole promise: `a_lower_certainty_is_ignored`.
/// [`laws`](super::laws) lists all of them, [`law`](super::law) finds one.
///
/// # Example: a law is found, described and tried
/// ```
/// use token_budget::MemoryLedger;
/// use token_budget::testing::conformance::{self, Maker, Standing};
///
/// let law = conformance::law("a_lower_certainty_is_ignored").expect("a law");
/// assert_eq!(law.sentence(), "a lower certainty is ignored");
/// assert_eq!((law.subject(), law.needs()), ("certainty", &[][..]));
///
/// let memory = Maker::new("memory", |clock| MemoryLedger::with_clock(clock));
/// assert_eq!(law.run(&memory), Standing::Held);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Law {
    /// A sentence with `_` between its words.
    pub(super) name: &'static str,
    /// The file that it stands in.
    pub(super) subject: &'static str,
    /// What a ledger must offer for it.
    pub(super) needs: &'static [Need],
    /// The law itself.
    pub(super) check: fn(&Ground<'_>) -> Held,
}

/// How a ledger stands before a law.
///
/// `NotOffered` is an answer, not a success: read the report once, and make sure that
/// what your ledger does not offer is what you meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The ledger keeps the law, as far as was tried.
    Held,
    /// The ledger does not offer what the law needs. The text says what is missing, or what the ledger said
    /// with [`Unsupported`](crate::ErrorKind::Unsupported).
    NotOffered(String),
    /// The ledger breaks the law.
    Broken {
        /// What was found, and what the law expects.
        reason: String,
        /// The seed that shows it again: set `TOKEN_BUDGET_SEED` to it.
        seed: u64,
    },
}

impl Law {
    /// Its name, as the macro's tests bear it: a sentence with `_` between its words.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its name as a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        self.name.replace('_', " ")
    }

    /// What it is about: admission, expiry, ids, …
    #[must_use]
    pub fn subject(&self) -> &'static str {
        self.subject
    }

    /// What it asks of a ledger before it can be tried.
    #[must_use]
    pub fn needs(&self) -> &'static [Need] {
        self.needs
    }

    /// Tries the law, as often as the factory asks; stops at the first breach.
    #[must_use]
    pub fn run(&self, factory: &dyn Factory) -> Standing {
        let first = seed();
        let left_out = match left_out(factory) {
            Ok(left_out) => left_out,
            Err(why) => return Standing::Broken { reason: format!("no books: {why}"), seed: first },
        };
        if let Some(lack) = self.needs.iter().find_map(|need| left_out.text(*need)) {
            return Standing::NotOffered(lack.into());
        }
        for seed in (0..factory.rounds().max(1)).map(|round| first.wrapping_add(round)) {
            match Ground::new(factory, seed).without(left_out.clone()).hold(self.check) {
                Ok(()) => {}
                Err(why) if why.is_unsupported => return Standing::NotOffered(why.to_string()),
                Err(why) => return Standing::Broken { reason: why.to_string(), seed },
            }
        }
        Standing::Held
    }

    /// Tries the law, as a test does.
    ///
    /// # Panics
    /// If the ledger breaks the law: the message names the ledger, the law, the seed, what was found and what
    /// was expected. A law whose needs are not offered passes and says so on the standard output.
    #[expect(clippy::panic, reason = "an assertion, for tests")]
    pub fn assert_holds(&self, factory: &dyn Factory) {
        match self.run(factory) {
            Standing::Held => {}
            Standing::NotOffered(lack) => println!("{}: not tried; {}: {lack}", self.name, factory.name()),
            Standing::Broken { reason, seed } => {
                panic!(
                    "{} breaks a law: {}\nTOKEN_BUDGET_SEED={seed}\n{reason}",
                    factory.name(),
                    self.sentence()
                )
            }
        }
    }
}

/// The seed that the environment names, else a fixed one, so that two runs do the same.
/// The fixed one spells "tokens" in ASCII.
pub(super) fn seed() -> u64 {
    let given = std::env::var("TOKEN_BUDGET_SEED").ok();
    given.and_then(|seed| seed.parse().ok()).unwrap_or(0x746f_6b65_6e73)
}
