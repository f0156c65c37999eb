//! How are budgets a layer of tower?
//!
//! The layer is thin: it asks the gate, calls the service behind, and wraps the body. The
//! one rule of its own is tower's: the service that `poll_ready` found ready is the one
//! that is called, so a clone takes its place for the next request. Room is held in
//! `call`, after the service is ready, so a request that waits for a connection holds
//! nothing.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::http::{Request, Response};
use bytes::Bytes;
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::body::MeteredBody;
use super::gate::HttpBudget;
use super::messages;
use super::rule::{Ruled, rule};
use crate::client::Failure;

/// Puts budgets before any HTTP service: a client's, or a proxy's.
///
/// Room is held for a request after the service behind is ready; the request is sent, and
/// charged by what its answer says. Bodies of requests that are billed are read whole;
/// everything else passes untouched. Errors of the service are handed on unchanged. What
/// such an error says of billing is told by [`classify`](Self::classify); without it
/// every error is charged as an abandoned call.
///
/// Put the layer behind layers that retry and time out, so that each attempt is held for
/// by itself.
///
/// # Example: a service with a budget in front
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::{BodyExt, Full};
/// use token_budget::http::{BudgetLayer, HttpBudget};
/// use token_budget::usage::Unit;
/// use token_budget::{Budget, Call, Enforcer, Policy, Scope, Window};
/// use tower_layer::Layer;
/// use tower_service::Service;
///
/// #[derive(Clone)]
/// struct Provider; // a service that answers: 8 tokens in, 9 out
/// # impl Service<Request<Full<Bytes>>> for Provider {
/// #     type Response = Response<Full<Bytes>>;
/// #     type Error = std::io::Error;
/// #     type Future = std::future::Ready<Result<Self::Response, Self::Error>>;
/// #     fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
/// #         std::task::Poll::Ready(Ok(()))
/// #     }
/// #     fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
/// #         let body = r#"{"usage": {"prompt_tokens": 8, "completion_tokens": 9, "total_tokens": 17}}"#;
/// #         std::future::ready(Ok(Response::new(Full::new(Bytes::from(body)))))
/// #     }
/// # }
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let one = Budget::count("search", Scope::team("search")?, Unit::Requests, 1, Window::day());
/// let enforcer = Enforcer::builder().policy(Policy::new([one])?).build();
/// let gate = HttpBudget::new(enforcer, |_| Ok(Call::charging().team("search")));
///
/// // With tower itself: `ServiceBuilder::new().layer(BudgetLayer::new(gate)).service(Provider)`.
/// let mut client = BudgetLayer::new(gate).layer(Provider);
///
/// let ask = || {
///     let body = r#"{"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}"#;
///     Request::post("https://api.openai.com/v1/chat/completions").body(Full::new(Bytes::from(body)))
/// };
/// let answer = client.call(ask()?).await?;
/// assert_eq!(answer.status(), 200);
/// answer.into_body().collect().await?; // charged before its end is handed on
/// assert_eq!(client.call(ask()?).await?.status(), 402); // one request a day
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct BudgetLayer<C = Unclassified> {
    gate: Arc<HttpBudget>,
    classify: C,
}

impl<C> fmt::Debug for BudgetLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BudgetLayer")
    }
}

/// Says how a service's error is to be charged.
///
/// Any `Fn(&Error) -> Failure` implements it. [`failure_of`](super::failure_of) suits the errors of many clients; it takes
/// any error, so name yours in a closure: `.classify(|error: &std::io::Error| failure_of(error))`.
pub trait Classify<E> {
    /// How the attempt failed.
    fn failure(&self, error: &E) -> Failure;
}

/// The default: an error says nothing, so the call may have been billed, and is charged
/// what was held.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unclassified;

impl<E> Classify<E> for Unclassified {
    fn failure(&self, _error: &E) -> Failure {
        Failure::Unknown
    }
}

impl<E, F: Fn(&E) -> Failure> Classify<E> for F {
    fn failure(&self, error: &E) -> Failure {
        self(error)
    }
}

impl BudgetLayer {
    /// A layer that rules by `gate`. Services made from one layer share the gate.
    pub fn new(gate: HttpBudget) -> Self {
        Self { gate: Arc::new(gate), classify: Unclassified }
    }
}

impl<C> BudgetLayer<C> {
    /// Asks `classify` whether a failed request may have been billed, for example
    /// `|error: &hyper_util::client::legacy::Error| if error.is_connect() {
    /// Failure::NotSent } else { Failure::Unknown }`.
    pub fn classify<D>(self, classify: D) -> BudgetLayer<D> {
        BudgetLayer { gate: self.gate, classify }
    }
}

impl<S, C: Clone> Layer<S> for BudgetLayer<C> {
    type Service = BudgetService<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        BudgetService { inner, gate: Arc::clone(&self.gate), classify: self.classify.clone() }
    }
}

/// A service behind a [`BudgetLayer`].
#[derive(Clone)]
pub struct BudgetService<S, C = Unclassified> {
    inner: S,
    gate: Arc<HttpBudget>,
    classify: C,
}

impl<S, C> fmt::Debug for BudgetService<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BudgetService")
    }
}

type Answer<B, E> = Result<Response<MeteredBody<B>>, E>;

impl<S, C, In, Out> Service<Request<In>> for BudgetService<S, C>
where
    S: Service<Request<In>, Response = Response<Out>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    In: Body + From<Bytes> + Send + 'static,
    In::Data: Send,
    In::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    Out: Body<Data = Bytes> + Send + 'static,
    C: Classify<S::Error> + Clone + Send + 'static,
{
    type Response = Response<MeteredBody<Out>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Answer<Out, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<In>) -> Self::Future {
        // The one that is ready is called; its clone takes its place and is asked again.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        let (gate, classify) = (Arc::clone(&self.gate), self.classify.clone());
        Box::pin(answer(inner, gate, classify, request))
    }
}

/// One request, from the gate to the metered answer.
async fn answer<S, C, In, Out>(
    mut inner: S,
    gate: Arc<HttpBudget>,
    classify: C,
    request: Request<In>,
) -> Answer<Out, S::Error>
where
    S: Service<Request<In>, Response = Response<Out>>,
    In: Body + From<Bytes>,
    In::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    Out: Body<Data = Bytes> + Send + 'static,
    C: Classify<S::Error>,
{
    let (request, exchange) = match rule(&gate, request, None).await {
        Ruled::Refused(refusal) => return Ok(messages::refused(refusal)),
        Ruled::Passes(request) => return Ok(inner.call(request).await?.map(MeteredBody::passing)),
        Ruled::Polls(request, polled) => return Ok(messages::polled(polled, inner.call(request).await?)),
        Ruled::Sends(request, admitted) => (request, admitted.send()),
    };
    match inner.call(request).await {
        Ok(response) => Ok(messages::metered(exchange, response)),
        Err(error) => {
            exchange.failed(classify.failure(&error));
            Err(error)
        }
    }
}
