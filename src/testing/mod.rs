//! What do tests of budgeted calls need? A provider on a script, a look at all books, and laws for ledgers.
//!
//! [`ScriptedProvider`] stands in for a real one, in process or behind a port,
//! and keeps a bill of its own; [`Oracle`] holds the books against that bill;
//! [`ManualClock`] moves when it is told to. [`Reply`] says what is answered and
//! what goes wrong, [`ScriptedProvider::random`] draws all of it by chance.
//!
//! Whoever writes a ledger holds it to the laws of [`conformance`], which also try it over a
//! [`FaultyLedger`], spoken to by a [`Retrying`] client.
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
//!     fn report(&self, response: &ScriptedResponse) -> Actual {
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
mod oracle;
mod provider;
mod random;
mod rendered;
mod reply;
mod request;
mod retrying;
mod server;
mod shape;
mod stream;

pub use bill::{Bill, BilledCall, CallEnd};
pub use faulty::{FaultyLedger, Odds};
pub use oracle::{Difference, DifferenceKind, Oracle, OracleReport};
pub use provider::ScriptedProvider;
pub use reply::Reply;
pub use retrying::Retrying;
pub use server::ScriptedServer;
pub use stream::{ScriptedFault, ScriptedResponse, ScriptedStream};

pub use crate::values::time::ManualClock;
