//! Budgets for LLM calls that hold.
//!
//! Say what may be spent — an organisation's month, a team's day, a user's
//! tokens, one agent run's ten dollars — and wrap the client you already have.
//! Before a call its tokens are **estimated**, priced into a **quote**, and
//! **reserved** in every budget that binds, all or none; after it the hold is
//! **reconciled** with what was really used. A runaway agent stops at its
//! limit, two hundred parallel calls cannot slip past it, and the books agree
//! with the invoice.
//!
//! # Ten minutes
//! A budget, a call, a hold, a receipt:
//! ```
//! use token_budget::{Admission, Budget, Call, Enforcer, Policy, Scope, Tiers, Usage, Usd, Verdict, Window};
//!
//! let team = Budget::usd("search", Scope::team("search")?, Usd::dollars(500), Window::month())
//!     .tiers(Tiers::hybrid()) // notice at 50 %, warn at 80 %, critical at 100 %, block at 120 %
//!     .guardrail(Usd::dollars(75), Window::day());
//! let enforcer = Enforcer::builder().policy(Policy::new([team])?).build();
//!
//! let call = Call::new("gpt-4o").team("search").input_tokens(1_200).output_tokens(500);
//! match enforcer.reserve(&call).wait()? {
//!     Admission::Admitted(reservation) => {
//!         assert_eq!(reservation.quoted(), "0.008".parse()?); // 1,200 × $2.50 and 500 × $10 a million
//!         let in_flight = reservation.send(); // from here on a drop is charged, not refunded
//!         let receipt = in_flight.reconcile(Usage::of(1_200, 350)).wait()?;
//!         assert_eq!(receipt.cost(), "0.0065".parse()?);
//!     }
//!     Admission::Refused(decision) => println!("{decision}"), // says who, why, and what would fit
//! }
//! # Ok::<(), token_budget::Error>(())
//! ```
//!
//! # Where to go on
//! | you want | read |
//! | --- | --- |
//! | to wrap a client | [`BudgetEnforcedClient`], or [`Enforcer::guard`] for a closure |
//! | to stream, held whole or by slices that stop at the ceiling | [`BudgetEnforcedClient::stream`], [`MeteredStream`] |
//! | to post JSON | [`client::JsonClient`] |
//! | to put budgets before any HTTP client or proxy | [`http`]: [`http::HttpBudget`], `BudgetLayer`, `BudgetMiddleware` |
//! | to send a long conversation shorter where there is no room | [`BudgetEnforcedClient::trim_to_room`], `HttpBudget::trim_to_room`, [`tokens::RequestShape::trim`], [`tokens::Trim`] |
//! | to put an agent on a leash | [`RunGuard`] |
//! | to say what may be spent | [`Budget`], [`Tiers`], [`policy`] |
//! | to know why a call was refused | [`Decision`], [`decision::Refusal`] |
//! | what passes without a budget | [`policy::Unbound`] |
//! | requests that name no output limit | [`policy::OnNoLimit`], [`Reservation::must_send_limit`] |
//! | what an abandoned call is charged | [`InFlight::watched`], [`pricing::Unseen`] |
//! | your own prices, or a public price table | [`PricingTable`], [`pricing::Import`] |
//! | exact token counts | [`TokenEstimator`], `TiktokenEstimator` |
//! | tighter holds for any model | [`tokens::FamilyEstimator`], [`tokens::Calibration`], [`tokens::OutputSizing`] |
//! | a call read off its JSON body | [`tokens::RequestShape`] |
//! | many calls of one key, fast | [`Enforcer::prepare`] |
//! | usage out of a response or a stream | [`wire`]: [`wire::extract`], [`wire::StreamMeter`] |
//! | what a provider still lets through | [`wire::RateLimitState`] |
//! | to hear of crossings and overruns | [`Observer`], [`Event`] |
//! | books that survive the process, shared by several | `SqliteLedger` (feature `sqlite`) |
//! | reports that survive it while the ledger is away | [`enforcer::OutboxFile`] |
//! | levels told that a process did not live to tell | [`Enforcer::tell_pending`] |
//! | to keep the books elsewhere | [`ledger`], [`BudgetLedger`] |
//! | to test your own calls, faults and all | `testing`: `ScriptedProvider`, `Oracle` |
//! | to write a ledger, and know that it is right | `testing::conformance`; the page [`docs::ledger`] |
//!
//! # What a call goes through
//! [`Call`] → [`Enforcer::reserve`]: estimate ([`tokens`]) → quote ([`pricing`]) → bind ([`policy`]) → reserve
//! ([`ledger`]) → explain ([`check_budget`] over the balances the ledger saw) → [`Reservation`] → [`InFlight`] →
//! what came back, read by [`wire`] → [`Receipt`]. Modules below stand in that order, in layers; a layer imports
//! only itself and those above it.
//!
//! # What is left out
//! No HTTP library, no database and no runtime are in the default build; nothing is spawned (`SqliteLedger` has one
//! thread). [`http`] rules on requests and reads answers, and leaves sending to others; other stores and reports build on
//! the same contract.
//!
//! # Features
//! `tiktoken` (default) adds `TiktokenEstimator`, which counts text for OpenAI models; give it to the builder.
//! `toml` reads policies written in TOML. `sqlite` brings `SqliteLedger`, books in one file that survive a crash.
//! `tower` adds [`http`]'s layer, `reqwest-middleware` its middleware, and
//! `tokio` adds `TokioBackground`, which reads dropped streams on for their usage. `testing` brings, for tests, a provider
//! that never leaves the machine, one assertion over all books, and the laws that every ledger must keep. A feature
//! changes no rule. With `tiktoken`, text of OpenAI's models whose usage never came is counted exactly, so that what is charged
//! for it, and what is left to later calls, may differ.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod sync;
mod values;
pub mod client;
pub mod decision;
#[cfg(any(doc, doctest))]
pub mod docs;
pub mod enforcer;
pub mod http;
pub mod ledger;
pub mod policy;
pub mod pricing;
mod assemble;
mod engine;
mod reservation;
pub mod run;
pub mod stream;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tokens;
pub mod wire;

pub use values::{call, time, usage};

pub use client::{BudgetEnforcedClient, LlmClient};
pub use decision::check_budget;
pub use enforcer::{Admission, Enforcer};
pub use ledger::{BudgetLedger, MemoryLedger};
pub use policy::{Budget, Policy, Tiers};
pub use pricing::PricingTable;
pub use reservation::{InFlight, Receipt, Reservation};
pub use run::RunGuard;
pub use stream::MeteredStream;
pub use tokens::TokenEstimator;
pub use values::amount::Amount;
pub use values::call::Call;
pub use values::error::{Error, ErrorKind};
pub use values::event::{Event, Observer};
pub use values::money::Usd;
pub use values::scope::Scope;
pub use values::time::clock::Clock;
pub use values::time::window::Window;
pub use values::usage::Usage;
pub use values::verdict::{Decision, Verdict};

// The README's example is compiled and run with the others.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
