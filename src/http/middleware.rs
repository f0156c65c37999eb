//! How are budgets a middleware of reqwest?

use std::sync::Arc;

use ::http::{Extensions, Request};
use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use reqwest::{Body, Response, ResponseBuilderExt};
use reqwest_middleware::{Error, Middleware, Next};

use super::gate::{HttpBudget, Ruling};
use super::messages;
use super::refusal::HttpRefusal;
use crate::Failure;

/// Keeps budgets on every request of a `reqwest_middleware` client.
///
/// A refusal comes as a response, in the provider's own shape. Put it behind middlewares that retry, so that
/// every attempt is held for by itself.
///
/// # Example: a client with a budget
/// ```
/// use reqwest_middleware::ClientBuilder;
/// use token_budget::http::{BudgetMiddleware, HttpBudget};
/// use token_budget::{Call, Enforcer};
///
/// let gate = HttpBudget::new(Enforcer::builder().build(), |_| Ok(Call::charging().team("search")));
/// let client = ClientBuilder::new(reqwest::Client::new()).with(BudgetMiddleware::new(gate)).build();
/// # let _ = client;
/// ```
#[derive(Clone, Debug)]
pub struct BudgetMiddleware {
    gate: Arc<HttpBudget>,
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
        let request = Request::<Body>::try_from(request)?;
        let (mut parts, body) = request.into_parts();
        let head = messages::head(&parts);
        let Some(bytes_max) = self.gate.wants_body(&head) else {
            return match self.gate.admit(&head, &[]).await {
                Ruling::Refused(refusal) => Ok(refused(refusal, url)),
                _ => next.run(sent(parts, body, timeout)?, extensions).await,
            };
        };
        let body = match Limited::new(body, bytes_max).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return Ok(refused(self.gate.too_large(&head), url));
            }
            Err(_) => return Ok(refused(self.gate.unreadable(&head), url)),
        };
        let mut admitted = match self.gate.admit(&head, &body).await {
            Ruling::Refused(refusal) => return Ok(refused(refusal, url)),
            Ruling::Pass => return next.run(sent(parts, body.into(), timeout)?, extensions).await,
            Ruling::Admitted(admitted) => admitted,
        };
        let body = admitted.take_body().map_or(body, Bytes::from);
        messages::prepare(&mut parts.headers, body.len());
        let request = sent(parts, body.into(), timeout)?;
        let exchange = admitted.send();
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

/// The request in reqwest's own type, with what has no place in a plain one.
fn sent(
    parts: ::http::request::Parts,
    body: Body,
    timeout: Option<std::time::Duration>,
) -> Result<reqwest::Request, Error> {
    let mut request = reqwest::Request::try_from(Request::from_parts(parts, body))?;
    *request.timeout_mut() = timeout;
    Ok(request)
}

fn refused(refusal: HttpRefusal, url: reqwest::Url) -> Response {
    located(messages::refused::<Body>(refusal).map(Body::wrap), url)
}

/// The response with the address that it came from.
fn located(response: ::http::Response<Body>, url: reqwest::Url) -> Response {
    let (parts, body) = response.into_parts();
    let Ok(mut response) = ::http::Response::builder().url(url).body(body) else {
        return ::http::Response::default().map(|()| Body::default()).into();
    };
    *response.status_mut() = parts.status;
    *response.version_mut() = parts.version;
    *response.headers_mut() = parts.headers;
    response.extensions_mut().extend(parts.extensions);
    response.into()
}

/// A connection that was never made sent nothing; a middleware behind this one may have failed at any point.
fn failure(error: &Error) -> Failure {
    match error {
        Error::Reqwest(error) if error.is_connect() || error.is_builder() => Failure::NotSent,
        _ => Failure::Unknown,
    }
}
