//! Budgets for LLM calls that hold.
//!
//! Say what may be spent (an organisation's month, a team's day, a user's tokens, one agent run's ten dollars) and
//! wrap the client that you already have. Before a call, the crate **estimates** its tokens, prices them into a
//! **quote**, and **reserves** room in every budget that binds, all or none. After the call, it **reconciles** the
//! hold with what was really used. A runaway agent stops at its limit, two hundred parallel calls cannot slip past
//! it, and the books agree with the invoice.
//!
//! This page is a tour. Each section is one task, most with the code for it; read those that you need.
//!
//! * [Say what may be spent](#say-what-may-be-spent)
//! * [Hold, call, reconcile](#hold-call-reconcile)
//! * [Read a refusal](#read-a-refusal)
//! * [End a call by its id](#end-a-call-by-its-id)
//! * [Wrap a client](#wrap-a-client)
//! * [Stream](#stream)
//! * [Put an agent on a leash](#put-an-agent-on-a-leash)
//! * [Guard HTTP](#guard-http)
//! * [Price and count](#price-and-count)
//! * [Hear of thresholds](#hear-of-thresholds)
//! * [Keep the books](#keep-the-books)
//! * [Test it](#test-it)
//! * [Find your way](#find-your-way), [what is left out](#what-is-left-out), and [features](#features)
//!
//! # Say what may be spent
//! A [`Policy`] is a list of budgets. A [`Budget`] names a scope (who pays), a limit in dollars, tokens or requests,
//! and a window. A call is bound by every budget whose scope it carries.
//! ```
//! use token_budget::call::ScopeKind;
//! use token_budget::{Budget, Policy, Scope, Tiers, Usd, Window};
//!
//! let policy = Policy::new([
//!     // A team's month: a notice at 50 %, warnings from 80 %, a stop at 120 %; and at most $75 on any one day.
//!     Budget::usd("search", Scope::team("search")?, Usd::dollars(500), Window::month())
//!         .tiers(Tiers::hybrid())
//!         .guardrail(Usd::dollars(75), Window::day()),
//!     // A template: every user has a day's $5 of their own, from the first call on.
//!     Budget::each_usd("users", ScopeKind::User, Usd::dollars(5), Window::day()),
//! ])?;
//! # Ok::<(), token_budget::Error>(())
//! ```
//! A call that no budget binds is refused, unless [`policy::Unbound`] says otherwise. In production the policy is a
//! file that operators edit: [`policy::file`].
//!
//! # Hold, call, reconcile
//! [`Enforcer::reserve`] answers with an [`Admission`]. A [`Reservation`] gives its room back when it is dropped. Once
//! it is sent it is an [`InFlight`], which is charged when it is dropped, because a provider bills what was sent.
//! ```
//! use token_budget::{Admission, Budget, Call, Enforcer, Policy, Scope, Usage, Usd, Window};
//!
//! let day = Budget::usd("search", Scope::team("search")?, Usd::cents(1), Window::day());
//! let enforcer = Enforcer::builder().policy(Policy::new([day])?).build();
//!
//! let call = Call::new("gpt-4o").team("search").input_tokens(1_200).output_tokens(500);
//! let Admission::Admitted(reservation) = enforcer.reserve(&call).wait()? else { panic!("a cent is enough") };
//! assert_eq!(reservation.quoted(), "0.008".parse()?); // 1,200 × $2.50 and 500 × $10 a million
//! let in_flight = reservation.send(); // … make the call here …
//! let receipt = in_flight.reconcile(Usage::of(1_200, 350)).wait()?;
//! assert_eq!(receipt.cost(), "0.0065".parse()?); // 350 tokens came back, not 500
//! # Ok::<(), token_budget::Error>(())
//! ```
//! Every command can be awaited, or waited for without a runtime: see [`ledger::Answer`].
//!
//! Whoever has an [`Enforcer`] can replace the policy and reach the ledger. Code that only makes calls needs neither:
//! hand it [`Enforcer::for_requests`], which clients, gates and runs take as well.
//!
//! # Read a refusal
//! A refusal is an answer, not an error. The [`Decision`] names every budget that refused, with its figures, and says
//! what would fit.
//! ```
//! use token_budget::{Admission, Budget, Call, Enforcer, Policy, Scope, Usd, Window};
//!
//! let cent = Budget::usd("search", Scope::team("search")?, Usd::cents(1), Window::lifetime());
//! let enforcer = Enforcer::builder().policy(Policy::new([cent])?).build();
//!
//! // 1,200 × $2.50 a million are $0.003; 1,000 × $10 a million are a whole cent more.
//! let call = Call::new("gpt-4o").team("search").input_tokens(1_200).output_tokens(1_000);
//! let Admission::Refused(decision) = enforcer.reserve(&call).wait()? else { panic!("it needs 1.3 cents") };
//! assert_eq!(decision.affordable_output_tokens(), Some(700)); // the seven tenths of a cent that are left
//! assert!(decision.to_string().contains("0.00 of 0.01 USD used, call needs 0.013"));
//! # Ok::<(), token_budget::Error>(())
//! ```
//!
//! # End a call by its id
//! A webhook, a poll or an operator knows of a call no more than its id. [`Enforcer::keep`] keeps a sent call for them,
//! and [`Enforcer::held`] finds it, also one of a process that died, to reconcile, release or refund it.
//! ```
//! use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usage, Usd, Window};
//!
//! let day = Budget::usd("search", Scope::team("search")?, Usd::dollars(1), Window::day());
//! let enforcer = Enforcer::builder().policy(Policy::new([day])?).build();
//! let call = Call::new("gpt-4o").team("search").input_tokens(1_000).output_tokens(1_000).in_background();
//!
//! let sent = enforcer.reserve(&call).wait()?.or_refusal()?.send();
//! let id = enforcer.keep(sent)?; // … another task hears how it ended …
//! let receipt = enforcer.held(None, id).wait()?.reconcile(Usage::of(1_000, 200)).wait()?;
//! assert_eq!(receipt.cost(), "0.0045".parse()?); // 1,000 × $2.50 and 200 × $10 a million
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//! What costs an amount of its own, whatever its tokens (an image job, a tool's fee), is a [`Call::fixed`].
//!
//! # Wrap a client
//! [`Enforcer::guard`] takes a closure for one call. [`BudgetEnforcedClient`] wraps a client once: your own
//! `impl` of [`LlmClient`], or [`client::JsonClient`] around a function that posts JSON.
//! ```
//! use token_budget::client::JsonClient;
//! use token_budget::{Budget, BudgetEnforcedClient, Call, Enforcer, Policy, Scope, Usd, Window};
//! use serde_json::{Value, json};
//!
//! /// Stands for the function that you have: it posts a body, and answers with the response's bytes.
//! async fn post(_body: Value) -> Result<Vec<u8>, std::io::Error> {
//!     Ok(json!({"model": "gpt-4o", "choices": [{"message": {"content": "42"}}],
//!         "usage": {"prompt_tokens": 1_200, "completion_tokens": 350}}).to_string().into_bytes())
//! }
//!
//! let day = Budget::usd("search", Scope::team("search")?, Usd::dollars(1), Window::day());
//! let enforcer = Enforcer::builder().policy(Policy::new([day])?).build();
//! let client = BudgetEnforcedClient::new(JsonClient::new("openai", post), enforcer, Call::charging().team("search"));
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let question = json!({"model": "gpt-4o", "max_tokens": 500, "messages": [{"role": "user", "content": "how much?"}]});
//! let completed = client.call(question).await?;
//! assert_eq!(completed.receipt?.cost(), "0.0065".parse()?); // 1,200 × $2.50 and 350 × $10 a million
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//! A request that names no output limit gets one written in, so that it cannot cost more than its hold:
//! [`policy::OnNoLimit`]. A conversation that is too long for its room can be sent shorter:
//! [`BudgetEnforcedClient::trim_to_room`]. Other models can be tried in order: [`client::Rung`].
//!
//! # Stream
//! [`BudgetEnforcedClient::stream`] and [`MeteredStream`] read usage off a stream as it flows. A stream is held for its
//! whole output limit; what it did not use comes back when it ends. A dropped stream is charged what was seen, and
//! what the provider may have generated unseen: [`InFlight::watched`]. [`stream::StreamOptions`] has the other ways.
//!
//! # Put an agent on a leash
//! A [`RunGuard`] is a budget of one run: dollars, tokens, rounds, tools, time, and the runs below it. Its limits bind
//! together with all others.
//! ```
//! use token_budget::{Call, Enforcer, RunGuard, Usage, Usd};
//!
//! let enforcer = Enforcer::builder().build();
//! let run = RunGuard::builder("fix-flaky-test").usd(Usd::dollars(1)).iterations(50).open(&enforcer).wait()?;
//! let call = Call::new("gpt-4o").input_tokens(0).output_tokens(45_000); // 45 cents a round
//! let mut rounds = 0;
//! while let Ok(reservation) = run.reserve(&call).wait()?.or_refusal() {
//!     reservation.send().reconcile(Usage::of(0, 45_000)).wait()?;
//!     rounds += 1;
//! }
//! assert_eq!(rounds, 2); // a third would be at $1.35
//! assert_eq!(run.report().wait()?.spent_usd, Usd::cents(90));
//! # Ok::<(), token_budget::Error>(())
//! ```
//!
//! # Guard HTTP
//! [`http::HttpBudget`] rules on a request and meters its answer, and does no I/O. `http::BudgetLayer` (feature
//! `tower`) puts it before any HTTP service, `http::BudgetMiddleware` (feature `reqwest-middleware`) before a client.
//! The gate speaks the dialects of some thirty providers, streams included; `examples/gateway` is a whole proxy.
//!
//! # Price and count
//! [`PricingTable::bundled`] prices 2,700 models; your own rows and discounts lie above it ([`pricing::PriceRow`],
//! [`pricing::PriceFactor`]), and public tables are read as they stand ([`pricing::Import`]).
//! ```
//! use token_budget::call::Conditions;
//! use token_budget::time::SystemClock;
//! use token_budget::{Clock, PricingTable, Usage};
//!
//! let (prices, now) = (PricingTable::bundled(), SystemClock.now());
//! let price = prices.find(None, "gpt-4o", now).expect("it is in the table");
//! let cost = price.cost(&Usage::of(1_000, 100), &Conditions::default())?;
//! assert_eq!(cost.total(), "0.0035".parse()?); // 1,000 × $2.50 and 100 × $10 a million
//! # Ok::<(), token_budget::Error>(())
//! ```
//! A [`TokenEstimator`] says how many tokens a prompt may be at most, before it is sent:
//! [`tokens::FamilyEstimator`] for tight holds of any model, [`tokens::Calibration`] to learn from what was used,
//! `tokens::TiktokenEstimator` to count OpenAI's. [`tokens::RequestShape`] reads a call off its JSON body, and
//! [`wire`] reads usage out of answers.
//!
//! # Hear of thresholds
//! An [`Observer`] hears each [`Event`] after all locks are released: a threshold that was reached (once for each
//! period), a refusal, an overrun, a freeze. It cannot hurt the ledger.
//!
//! # Keep the books
//! [`MemoryLedger`] is the default: it is for one process, and forgets when the process ends. `ledger::SqliteLedger`
//! (feature `sqlite`) keeps the books in a file that several processes share and that survives `kill -9`. A report
//! that the ledger cannot take waits in the enforcer's outbox, and with an [`enforcer::OutboxFile`] outlives the
//! process there. Write a backend of your own as a `ledger::store::Store` (feature `store`): [`ledger`] says how.
//!
//! # Test it
//! The feature `testing` brings a provider on a script, with faults on demand and a bill of its own
//! (`testing::ScriptedProvider`), an oracle that lays the books beside that bill (`testing::Oracle`), a clock that
//! moves when it is told to ([`time::ManualClock`]), and the laws that every ledger must keep (`testing::conformance`).
//!
//! # Find your way
//! Thirty names stand at the root. Everything else stands in the module that it is used with:
//!
//! | module | what it has |
//! | --- | --- |
//! | [`call`], [`usage`], [`time`] | what a call says, what it used, and when |
//! | [`policy`] | budgets, tiers, exemptions, and what becomes of calls that no budget binds |
//! | [`pricing`], [`tokens`] | what tokens cost, and how many there are |
//! | [`wire`] | usage and rate limits out of providers' bytes |
//! | [`decision`] | the answer to "may this call be made?", as data |
//! | [`ledger`] | the contract of the books, the books in memory, in a file, and over a store of your own |
//! | [`enforcer`] | the builder, prepared calls, calls by their id, what a call really used, and what happens in an outage |
//! | [`client`], [`stream`], [`run`], [`http`] | ways to use an enforcer |
//!
//! A call goes this way: [`Call`] → [`Enforcer::reserve`] plans (which budgets of the [`policy`], which price), estimates
//! ([`tokens`]), quotes ([`pricing`]), reserves ([`ledger`]) and explains ([`check_budget`] over the balances that the ledger saw) →
//! [`Reservation`] → [`InFlight`] → the answer, read by [`wire`] → [`Receipt`]. Many calls of one key are faster by
//! [`Enforcer::prepare`].
//!
//! # What is left out
//! No HTTP library, no database and no async runtime are in the default build, there is no `unsafe`, and nothing is
//! spawned (each `ledger::store::Book`, `SqliteLedger` included, has one thread). Several machines share books only over a
//! store of your own.
//!
//! # Features
//! A feature adds types and changes no rule.
//!
//! | feature | adds |
//! | --- | --- |
//! | `tiktoken` (default) | exact counts for OpenAI's models; without it, their text is bounded by its bytes |
//! | `toml` | policies written in TOML |
//! | `store` | `ledger::store`: a ledger over a database of your own |
//! | `sqlite` | `ledger::SqliteLedger`; compiles SQLite, so it needs a C compiler |
//! | `tower` | `http::BudgetLayer` |
//! | `reqwest-middleware` | `http::BudgetMiddleware` |
//! | `tokio` | `stream::TokioBackground`, which reads a dropped stream on for its usage |
//! | `testing` | the module `testing` |
//!
//! With `tiktoken`, text whose usage never came is counted exactly, so what is charged for it may differ.

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
