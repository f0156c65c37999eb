//! What do tests of budgeted calls need? A provider on a script, a look at all books, and laws for ledgers.
//!
//! A test of a budget has three questions, and this module has an answer to each:
//!
//! | the question | ask |
//! | --- | --- |
//! | What if the provider is slow, resets, lies about its usage, or bills an error? | [`ScriptedProvider`], scripted by [`Reply`]s |
//! | Is everything that was billed in the books? | [`Oracle`], which compares the books with the provider's [`Bill`] |
//! | What if it is midnight, or five minutes later? | [`ManualClock`], which moves when it is told to |
//!
//! Nothing leaves the machine, nothing sleeps, and everything that is drawn by chance is drawn from a seed.
//! The provider speaks the real wire formats, in process or [behind a port](ScriptedProvider::serve), so that a
//! test can use the very client that runs in production.
//!
//! Authors of a ledger hold it to the laws of [`conformance`]. The laws also try the ledger over a
//! [`FaultyLedger`], through a [`Retrying`] client.
//!
//! # What a good test of a budget looks like
//!
//! 1. Give the enforcer and the provider the same prices and the same clock.
//! 2. Script what goes wrong, and drive the code under test.
//! 3. Move the clock past every hold's expiry if the code may have dropped one.
//! 4. End with [`Oracle::assert_holds`]: billed <= spent + reserved on every budget, nothing left reserved, no
//!    balance below zero, and a journal that adds up. One line finds leaks, double charges and lost charges.
//!
//! # Example: wrap a client, let a call go wrong, hold the books against the bill
//! ```
//! use token_budget::enforcer::Actual;
//! use token_budget::testing::{Oracle, Reply, ScriptedFault, ScriptedProvider, ScriptedResponse};
//! use token_budget::tokens::RequestShape;
//! use token_budget::{wire, Budget, BudgetEnforcedClient, Call, Enforcer, LlmClient, Policy, Scope, Usd, Window};
//!
//! struct Mine(ScriptedProvider);
//!
//! impl LlmClient for Mine {
//!     type Request = Vec<u8>;
//!     type Response = ScriptedResponse;
//!     type Error = ScriptedFault;
//!
//!     fn describe(&self, request: &Vec<u8>, call: Call) -> Call {
//!         let shape = RequestShape::parse(request).expect("a request of my own");
//!         let output = shape.output_tokens_max.expect("a limit");
//!         call.with_model("gpt-4o").prompt(shape.prompt).output_tokens(output)
//!     }
//!     async fn call(&self, request: Vec<u8>) -> Result<ScriptedResponse, ScriptedFault> {
//!         self.0.call("/v1/chat/completions", &request).await
//!     }
//!     fn actual(&self, response: &ScriptedResponse) -> Actual {
//!         wire::extract(Some("openai"), &response.body, response.headers()).map(Actual::from).unwrap_or_default()
//!     }
//! }
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let budget = Budget::usd("search", Scope::team("search")?, Usd::dollars(1), Window::day());
//! let enforcer = Enforcer::builder().policy(Policy::new([budget])?).build();
//! let provider = ScriptedProvider::new()
//!     .reply(Reply::text("Kiel lies by the sea."))
//!     .reply(Reply::tokens(80).usage_missing()) // is billed, and does not say so
//!     .reply(Reply::tokens(80).reset_after(200)); // is billed, and never arrives whole
//! let charge = Call::charging().team("search");
//! let client = BudgetEnforcedClient::new(Mine(provider.clone()), enforcer.clone(), charge.clone());
//!
//! let question = br#"{"model": "gpt-4o", "max_tokens": 100, "messages": [{"role": "user", "content": "Kiel?"}]}"#;
//! client.call(question.to_vec()).await?;
//! client.call(question.to_vec()).await?;
//! assert!(client.call(question.to_vec()).await.is_err());
//!
//! assert_eq!(provider.bill().usage().output(), Some(5 + 80 + 80));
//! Oracle::of(&enforcer).billed(&charge.with_model("gpt-4o"), &provider.bill()).assert_holds().await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod bill;
pub mod conformance;
mod connection;
mod dice;
mod faulty;
mod free;
mod open;
mod oracle;
mod provider;
mod random;
mod relay;
mod rendered;
mod reply;
mod request;
mod retrying;
mod server;
mod shape;
mod state;
#[cfg(feature = "store")]
mod store;
mod stream;

pub use bill::{Bill, BilledCall, CallEnd};
pub use faulty::{FaultyLedger, Letter, Odds};
pub use oracle::{Difference, DifferenceKind, Oracle, OracleReport};
pub use provider::ScriptedProvider;
pub use relay::Relay;
pub use reply::Reply;
pub use retrying::Retrying;
pub use server::ScriptedServer;
#[cfg(feature = "store")]
pub use store::{Hazard, Hazards, ScriptedStore};
pub use stream::{ScriptedFault, ScriptedResponse, ScriptedStream};

pub use crate::values::time::ManualClock;
