//! Is a ledger right? Named laws that every backend must keep, and a model that it must agree with.
//!
//! A backend says how its books are made ([`Factory`], mostly a [`Maker`]). Its whole
//! test is [`conformance_tests!`](crate::conformance_tests), which makes a test of each
//! [`Law`], or [`run`], which reports all of them in a table. `docs/LEDGER.md` builds a
//! backend step by step.
//!
//! # The subjects
//!
//! | subject | the promise, in one line |
//! | --- | --- |
//! | `admission` | `spent + reserved + amount <= ceiling` on every line, all lines or none |
//! | `ids`, `ages` | a command is executed once, however often and however late it arrives |
//! | `names` | accounts, ids and tenants that differ in any part are different |
//! | `ranks` | a hold ends once; a surer figure replaces a less sure one; usage is never refused |
//! | `resizing` | growth is admitted like a reserve; shrinking never refuses |
//! | `expiry` | a hold ends at its instant, whether or not anybody looks |
//! | `windows` | a charge lands in the period of its reserve; rolling windows let go in time |
//! | `levels`, `pending` | a threshold fires once for each period and tier, and is told at least once |
//! | `postings` | imports are posted once; refunds never exceed their charge |
//! | `scopes`, `runs` | a stop reaches every process; limits of a run live in the books |
//! | `journal` | every change is one entry, and the entries add up to the balances |
//! | `races`, `rivals` | all of this holds if threads race |
//! | `crashes`, `faults` | all of this holds if the process is killed, or a write fails |
//! | `model` | random commands are answered as a reference model answers them |
//!
//! # What is not tried
//!
//! What a ledger does not offer is not held against it, and the report says so. The
//! ledger's [`Capabilities`](crate::ledger::Capabilities) and the factory's [`Offers`]
//! tell, and so does a command that answers
//! [`Unsupported`](crate::ErrorKind::Unsupported). The suite tries no performance, no
//! loss of power and no damaged file.
//!
//! # Chance
//!
//! [`Differential`] plays random commands against a reference model, and
//! [`OverFaultyWire`] tries the same laws over a wire that loses, delays, repeats and
//! reorders. Both draw from a seed, which is fixed unless `TOKEN_BUDGET_SEED` in the
//! environment names another; a breach prints the seed that shows it again.
//!
//! # Example: one law, tried by its name
//! ```
//! use token_budget::testing::conformance::{self, Maker, Standing};
//! use token_budget::MemoryLedger;
//!
//! let memory = Maker::new("memory", |clock| MemoryLedger::with_clock(clock));
//! let law = conformance::law("the_ceiling_itself_is_still_allowed_and_one_more_is_not").expect("a law");
//! assert_eq!(law.run(&memory), Standing::Held); // an off-by-one would be `Broken`, with what was seen
//! ```

mod audit;
mod books;
mod claims;
mod commands;
mod driver;
mod factory;
mod game;
mod law;
mod laws;
mod list;
mod report;
mod why;
mod wire;

pub use self::driver::{Driver, Work};
pub use self::factory::{Factory, Fault, Maker, Offers, Setup, Store};
pub use self::game::{Difference, Differential, Played, Seen};
pub use self::law::{Law, Need, Standing};
pub use self::report::Conformance;
pub use self::wire::OverFaultyWire;

/// All laws, in the order of the report.
///
/// # Example: what is asked of a durable ledger only
/// ```
/// use token_budget::testing::conformance::{self, Need};
///
/// let durable = conformance::laws().iter().filter(|law| law.needs().contains(&Need::Durable));
/// let subjects: Vec<_> = durable.map(|law| law.subject()).collect();
/// assert!(subjects.iter().all(|subject| ["crashes", "pending"].contains(subject)));
/// ```
#[must_use]
pub fn laws() -> &'static [Law] {
    list::LAWS
}

/// Finds a law by its name, with `_` between the words.
#[must_use]
pub fn law(name: &str) -> Option<&'static Law> {
    laws().iter().find(|law| law.name() == name)
}

/// Tries every law and reports how the ledger stands before each. A broken law does not
/// stop the others.
///
/// With `Maker` over a ledger in memory this takes seconds; a ledger over a network takes
/// as long as its round trips.
#[must_use]
pub fn run(factory: &dyn Factory) -> Conformance {
    Conformance::of(factory)
}

/// Tries the law of that name, as a test does.
/// [`conformance_tests!`](crate::conformance_tests) calls it.
///
/// # Panics
/// If the ledger breaks the law, or if there is no such law.
#[expect(clippy::panic, reason = "an assertion, for tests")]
pub fn assert_law(name: &str, factory: &dyn Factory) {
    match law(name) {
        Some(law) => law.assert_holds(factory),
        None => panic!("there is no law {name}"),
    }
}

/// The seed that the environment names, else a fixed one, so that two runs do the same.
/// The fixed one spells "tokens" in ASCII.
fn seed() -> u64 {
    let given = std::env::var("TOKEN_BUDGET_SEED").ok();
    given.and_then(|seed| seed.parse().ok()).unwrap_or(0x746f_6b65_6e73)
}
