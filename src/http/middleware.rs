//! How are budgets a middleware of reqwest?
//!
//! `reqwest-middleware` hands a request to a chain of middlewares. This one turns the
//! request into plain `http` types, asks the gate, and turns it back. Two things have no
//! place in those types and are carried by hand: the request's time-out, and the address
//! that the response came from.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::http::{Extensions, Request};
use async_trait::async_trait;
use reqwest::{Body, Response, ResponseBuilderExt};
use reqwest_middleware::{Error, Middleware, Next};

use super::gate::HttpBudget;
use super::messages;
use super::refusal::HttpRefusal;
use super::rule::{Ruled, rule};
use crate::client::Failure;

/// Keeps budgets on every request of a `reqwest_middleware` client.
///
/// A refusal comes as a response, in the provider's own shape, not as an error: check the
/// status as you would with the provider. Put this middleware behind middlewares that
/// retry, so that every attempt is held for by itself; an attempt that was sent may be
/// billed, whatever became of it.
///
/// The time-out of the request is part of the hold: a call that may take ten minutes is
/// held for longer than that.
///
/// # Example: a client with a budget
/// ```
/// use reqwest_middleware::ClientBuilder;
/// use token_budget::http::{BudgetMiddleware, HttpBudget};
/// use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usd, Window};
///
/// let day = Budget::usd("search", Scope::team("search")?, Usd::dollars(1), Window::day());
/// let enforcer = Enforcer::builder().policy(Policy::new([day])?).build();
/// let gate = HttpBudget::new(enforcer, |_| Ok(Call::charging().team("search")));
/// let client = ClientBuilder::new(reqwest::Client::new()).with(BudgetMiddleware::new(gate)).build();
/// # let _ = client;
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone)]
pub struct BudgetMiddleware {
    gate: Arc<HttpBudget>,
}

impl fmt::Debug for BudgetMiddleware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BudgetMiddleware")
    }
}

impl BudgetMiddleware {
    /// A middleware that rules by `gate`.
    pub fn new(gate: HttpBudget) -> Self {
        Self { gate: Arc::new(gate) }
    }
}

#[async_trait]
impl Middleware for BudgetMiddleware {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response, Error> {
        let url = request.url().clone();
        let timeout = request.timeout().copied();
        let ruled = rule(&self.gate, Request::<Body>::try_from(request)?, timeout).await;
        let (request, exchange) = match ruled {
            Ruled::Refused(refusal) => return Ok(refused(refusal, url)),
            Ruled::Passes(request) => return next.run(sent(request, timeout)?, extensions).await,
            Ruled::Polls(request, polled) => {
                let response = next.run(sent(request, timeout)?, extensions).await?;
                let url = response.url().clone();
                return Ok(located(messages::polled(polled, response.into()).map(Body::wrap), url));
            }
            Ruled::Sends(request, admitted) => (sent(request, timeout)?, admitted.send()),
        };
        match next.run(request, extensions).await {
            Ok(response) => {
                let url = response.url().clone();
                let response = messages::metered(exchange, response.into());
                Ok(located(response.map(Body::wrap), url))
            }
            Err(error) => {
                exchange.failed(failure(&error));
                Err(error)
            }
        }
    }
}

/// The request in reqwest's own type, with the time-out that a plain one cannot carry.
fn sent(request: Request<Body>, timeout: Option<Duration>) -> Result<reqwest::Request, Error> {
    let mut request = reqwest::Request::try_from(request)?;
    *request.timeout_mut() = timeout;
    Ok(request)
}

/// The refusal as a response from the address that was asked.
fn refused(refusal: HttpRefusal, url: reqwest::Url) -> Response {
    located(messages::refused::<Body>(refusal).map(Body::wrap), url)
}

/// The response with the address that it came from.
fn located(mut response: ::http::Response<Body>, url: reqwest::Url) -> Response {
    // reqwest keeps the address in an extension that only this builder can make.
    if let Ok(place) = ::http::Response::builder().url(url).body(()) {
        response.extensions_mut().extend(place.into_parts().0.extensions);
    }
    response.into()
}

/// How the attempt failed. A connection that was never made sent nothing; a middleware
/// behind this one may have failed at any point.
fn failure(error: &Error) -> Failure {
    match error {
        Error::Reqwest(error) if error.is_connect() || error.is_builder() => Failure::NotSent,
        _ => Failure::Unknown,
    }
}
