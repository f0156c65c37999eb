//! Is a ledger right? Named laws that every backend must keep, and a model that it must agree with.
//!
//! A backend says how its books are made ([`Factory`], mostly a [`Maker`]), and
//! its whole test is [`conformance_tests!`](crate::conformance_tests), which makes a
//! test of each [`Law`], or [`run`], which reports all of them in a table. What a ledger
//! does not offer is not held against it, and the table says so: its
//! [`Capabilities`](crate::ledger::Capabilities) and the factory's [`Offers`] tell, and so does a
//! command that answers [`Unsupported`](crate::ErrorKind::Unsupported).
//!
//! [`Differential`] plays random commands against a reference model, and
//! [`OverFaultyWire`] tries the same laws over a wire that loses, delays, repeats and reorders.
//! `docs/LEDGER.md` builds a backend in front of its reader.
//!
//! `TOKEN_BUDGET_SEED` in the environment repeats what chance drew in a run that failed.
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
#[must_use]
pub fn laws() -> &'static [Law] {
    list::LAWS
}

/// The law of that name.
#[must_use]
pub fn law(name: &str) -> Option<&'static Law> {
    laws().iter().find(|law| law.name() == name)
}

/// Tries every law, and reports how the ledger stands before each; a broken law does not stop the others.
#[must_use]
pub fn run(factory: &dyn Factory) -> Conformance {
    Conformance::of(factory)
}

/// Tries the law of that name, as a test does.
///
/// # Panics
/// Where the ledger breaks it, or where there is no such law.
#[expect(clippy::panic, reason = "an assertion, for tests")]
pub fn assert_law(name: &str, factory: &dyn Factory) {
    match law(name) {
        Some(law) => law.assert_holds(factory),
        None => panic!("there is no law {name}"),
    }
}

/// The seed that the environment names, else a fixed one: two runs do the same.
fn seed() -> u64 {
    let given = std::env::var("TOKEN_BUDGET_SEED").ok();
    given.and_then(|seed| seed.parse().ok()).unwrap_or(0x746f_6b65_6e73)
}
