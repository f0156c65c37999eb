//! How does rig's HTTP transport reserve and reconcile? Every provider and agent of rig sends through one of these.

use std::{future::ready, io};

use bytes::Bytes;
use rig_core::http_client::{
    Error, HeaderMap, HttpClientExt, LazyBody, MultipartForm, Request, Response, Result, StatusCode,
    StreamingResponse,
};
use rig_core::wasm_compat::WasmCompatSend;
use token_budget::{Call, CallError, Enforcer, Failure, Report, RequestShape, wire::extract};
use token_budget_clients::tell;

/// What a refusal looks like to rig: a provider's answer, which it does not try again and whose words it keeps.
pub(crate) const REFUSED: StatusCode = StatusCode::PAYMENT_REQUIRED;

/// A transport whose every request is charged to `charge`.
#[derive(Clone)]
pub(crate) struct Budgeted<H> {
    pub(crate) http: H,
    pub(crate) enforcer: Enforcer,
    pub(crate) charge: Call,
}

impl<H: HttpClientExt + Clone + 'static> Budgeted<H> {
    async fn answer(self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        let shape = RequestShape::parse(request.body()).map_err(Error::instance)?;
        let call = shape.describe(self.charge);
        // Where a policy caps single calls, the permit's output belongs into the body here.
        let outcome =
            self.enforcer.run_classified(&call, |_| forward(self.http, request), how_it_failed).await;
        let answer = outcome.map_err(|error| match error {
            CallError::Client(error) => error,
            CallError::Ledger(error) => Error::instance(error),
            CallError::Refused(why) => {
                Error::non_success_with_details(REFUSED, HeaderMap::new(), why.to_string())
            }
        })?;
        // The agent gets what it paid for, also where the books could not be written.
        tell(&self.enforcer, answer.receipt).await.unwrap_or_else(|error| println!("not booked: {error}"));
        Ok(answer.response)
    }
}

async fn forward(http: impl HttpClientExt, request: Request<Bytes>) -> Result<(Response<Bytes>, Report)> {
    let (head, body) = http.send::<Bytes, Bytes>(request).await?.into_parts();
    let body = body.await?;
    let report = extract(Some("openai"), &body, []).map(Report::from).unwrap_or_default();
    Ok((Response::from_parts(head, body), report))
}

fn how_it_failed(error: &Error) -> Failure {
    match error {
        Error::InvalidStatusCodeWithDetails { status, .. } => Failure::of_status(status.as_u16()),
        Error::Instance(cause) if cause.downcast_ref().is_some_and(reqwest::Error::is_connect) => {
            Failure::NotSent
        }
        _ => Failure::Unknown,
    }
}

impl<H: HttpClientExt + Clone + 'static> HttpClientExt for Budgeted<H> {
    fn send<T: Into<Bytes> + WasmCompatSend, U: From<Bytes> + WasmCompatSend + 'static>(
        &self,
        request: Request<T>,
    ) -> impl Future<Output = Result<Response<LazyBody<U>>>> + WasmCompatSend + 'static {
        let answer = self.clone().answer(request.map(Into::into));
        async { Ok(answer.await?.map(|body| Box::pin(async { Ok(U::from(body)) }) as LazyBody<U>)) }
    }

    async fn send_streaming<T: Into<Bytes> + WasmCompatSend>(
        &self,
        _: Request<T>,
    ) -> Result<StreamingResponse> {
        Err(Error::instance(io::Error::other("a stream would go out uncounted here")))
    }

    fn send_multipart<U: From<Bytes> + WasmCompatSend + 'static>(
        &self,
        _: Request<MultipartForm>,
    ) -> impl Future<Output = Result<Response<LazyBody<U>>>> + WasmCompatSend + 'static {
        ready(Err(Error::instance(io::Error::other("an upload would go out uncounted here"))))
    }
}
