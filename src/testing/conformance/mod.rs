//! Is a ledger right? Named laws that every backend must keep, and a model that it must agree with.
//!
//! A backend says how its books are made ([`Factory`], mostly a [`Maker`]; `OverStore` for
//! a store of your own). Its whole
//! test is [`conformance_tests!`](crate::conformance_tests), which makes a test of each
//! [`Law`], or [`run`], which reports all of them in a table. `docs/LEDGER.md` builds a
//! store step by step.
//!
//! # The subjects
//!
//! | subject | the promise, in one line |
//! | --- | --- |
//! | `admission` | `spent + reserved + amount <= ceiling` on every line, all lines or none |
//! | `ids`, `ages`, `once` | a command is executed once, however often and however late it arrives |
//! | `refusals` | a refusal leaves nothing behind; its id is answered again for a minute |
//! | `width` | a command may say as much as a claim and a note can carry |
//! | `names` | accounts, ids and tenants that differ in any part are different |
//! | `certainty` | a hold ends once; a surer figure replaces a less sure one; usage is never refused |
//! | `resizing` | growth is admitted like a reserve; shrinking never refuses |
//! | `expiry` | a hold ends at its instant, whether or not anybody looks |
//! | `windows` | a charge lands in the period of its reserve; rolling windows let go in time |
//! | `thresholds`, `pending` | a threshold fires once for each period and tier, and is told at least once |
//! | `postings` | imports are posted once; refunds never exceed their charge |
//! | `scopes`, `marks`, `runs` | a stop reaches every process; limits of a run live in the books |
//! | `instants` | whatever a ledger says bears its own instant, and is told to its own tenant |
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
mod left_out;
mod need;
mod list;
#[cfg(feature = "store")]
mod over_store;
mod report;
mod why;
mod wire;

pub use self::driver::{Driver, Work};
pub use self::factory::{Factory, Fault, Maker, Offers, Setup, Store};
pub use self::game::{Difference, Differential, Played, Seen};
pub use self::law::{Law, Standing};
pub use self::list::{assert_law, law, laws};
pub use self::need::Need;
#[cfg(feature = "store")]
pub use self::over_store::OverStore;
pub use self::report::{Conformance, run};
pub use self::wire::OverFaultyWire;
