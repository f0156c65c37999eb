//! How are budgets kept on HTTP itself, so that any client works?
//!
//! [`HttpBudget`] is the gate: it is shown a request and says whether the request may go out; it is shown the
//! answer's head and meters the body. The gate does no I/O and knows no HTTP library, so that a proxy written by
//! hand can use it as it stands.
//!
//! | you have | use |
//! | --- | --- |
//! | an SDK on `reqwest-middleware` | `BudgetMiddleware` (feature `reqwest-middleware`) |
//! | hyper, axum, or any other tower service | `BudgetLayer` (feature `tower`) |
//! | a proxy of your own, or another HTTP library | [`HttpBudget`], as in the example below |
//! | typed requests of your own client | no HTTP at all: [`BudgetEnforcedClient`](crate::BudgetEnforcedClient) |
//!
//! Layer and middleware hold no rules of their own; both ask the gate.
//!
//! # The life of one request
//!
//! 1. [`HttpBudget::who_pays`] looks at the head alone. An unknown path, an ambiguous path or an unknown key is
//!    refused before a byte of the body is read. What is billed nothing (lists, files) passes.
//! 2. [`HttpBudget::admit_for`] reads the body, estimates and quotes it, and holds room in every budget that binds.
//!    If the request names no output limit, one is written into the body, because no request may generate more
//!    than its hold covers.
//! 3. [`Admitted::send`] marks the request as sent. From here on, dropping it charges instead of releasing.
//! 4. [`Exchange::answered`] looks at status and headers: is it a stream, is it readable?
//! 5. [`Answered::meter`] wraps the body. The call is charged when the body ends, breaks off, or is dropped.
//!
//! # What was rejected
//!
//! * Guessing unknown paths as free: what costs money behind one would be in no book, so it is refused with 403
//!   ([`OnUnknownPath`]).
//! * A rule by `Content-Type` or model name alone: the host names the seller, and the path names the API; only
//!   together do they say what a body means.
//! * Buffering streams to charge them at their end: events are handed on as soon as they are whole.
//! * Errors as Rust errors: a refusal is an HTTP answer in the provider's own shape, so that any client, in any
//!   language, shows it as it shows the provider's own.
//!
//! # Example: a proxy by hand
//! ```
//! use token_budget::http::{Denial, HttpBudget, RequestHead, Ruling};
//! use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usd, Window};
//!
//! let day = Budget::usd("search", Scope::team("search")?, Usd::cents(1), Window::day());
//! let enforcer = Enforcer::builder().policy(Policy::new([day])?).build();
//! let gate = HttpBudget::new(enforcer.clone(), |head: &RequestHead<'_>| match head.header("x-team") {
//!     Some(team) => Ok(Call::charging().team(team)),
//!     None => Err(Denial::unauthorized("name your team in x-team")),
//! });
//!
//! let headers = [("x-team", "search")];
//! let head = RequestHead::new("POST", "api.openai.com", "/v1/chat/completions", &headers);
//! let ask = |tokens: u64| format!(r#"{{"model": "gpt-4o", "max_tokens": {tokens}, "messages": []}}"#);
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let Ruling::Admitted(admitted) = gate.admit(&head, ask(500).as_bytes()).await else { panic!("half a cent fits") };
//! let exchange = admitted.send(); // … send the request, and await the head of its answer …
//!
//! # struct Once(Option<Vec<u8>>);
//! # impl futures_core::Stream for Once {
//! #     type Item = Result<Vec<u8>, std::io::Error>;
//! #     fn poll_next(mut self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<Option<Self::Item>> {
//! #         std::task::Poll::Ready(self.0.take().map(Ok))
//! #     }
//! # }
//! # use futures_core::Stream;
//! let answer = br#"{"usage": {"prompt_tokens": 8, "completion_tokens": 90, "total_tokens": 98}}"#;
//! # let from_provider = Once(Some(answer.to_vec()));
//! let answered = exchange.answered(200, &[("content-type", "application/json")]);
//! let mut body = std::pin::pin!(answered.meter(from_provider)); // a stream of the same pieces
//! while let Some(piece) = std::future::poll_fn(|context| body.as_mut().poll_next(context)).await {
//!     assert_eq!(piece?, answer);
//! }
//! let advice = enforcer.check(&Call::new("gpt-4o").team("search").input_tokens(0)).await?;
//! assert_eq!(advice.budgets()[0].spent, 920_000); // nano-dollars: 8 × $2.50 and 90 × $10 a million
//!
//! let Ruling::Refused(refusal) = gate.admit(&head, ask(5_000).as_bytes()).await else { panic!("five cents do not") };
//! assert_eq!(refusal.status, 402);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod aligned;
mod answer;
mod asked;
mod aws;
mod beside;
mod dialect;
mod exchange;
mod gate;
mod head;
mod hold;
mod limit;
mod path;
mod payer;
mod piece;
mod polls;
mod refusal;
mod route;
mod sellers;
mod trimmed;
mod unmetered;
mod want;
mod whole;

#[cfg(any(feature = "tower", feature = "reqwest-middleware"))]
mod body;
#[cfg(any(feature = "tower", feature = "reqwest-middleware"))]
mod messages;
#[cfg(feature = "reqwest-middleware")]
mod middleware;
#[cfg(any(feature = "tower", feature = "reqwest-middleware"))]
mod rule;
#[cfg(feature = "tower")]
mod service;

pub use answer::MeteredAnswer;
#[cfg(any(feature = "tower", feature = "reqwest-middleware"))]
pub use body::MeteredBody;
pub use exchange::{Admitted, Answered, Exchange, failure_of};
pub use gate::{HttpBudget, OnUnknownPath, Ruling};
pub use head::{Headers, RequestHead};
#[cfg(feature = "reqwest-middleware")]
pub use middleware::BudgetMiddleware;
pub use path::fold_path;
pub use payer::{HeadRuling, Payer};
pub use piece::Piece;
pub use polls::Polled;
pub use refusal::{Denial, HttpRefusal};
#[cfg(feature = "tower")]
pub use service::{BudgetLayer, BudgetService, Classify, Unclassified};
