//! What do the tests use of `tower`? These few lines; the crate itself is heavy for an example that needs none of it.

use std::future::poll_fn;
use std::task::{Context, Poll};

pub(crate) use tower_layer::Layer;
pub(crate) use tower_service::Service;

/// A service made of a function, always ready.
#[derive(Clone, Copy)]
pub(crate) struct ServiceFn<F>(F);

pub(crate) fn service_fn<F>(function: F) -> ServiceFn<F> {
    ServiceFn(function)
}

impl<F, Asked, Future, Answer, Error> Service<Asked> for ServiceFn<F>
where
    F: FnMut(Asked) -> Future,
    Future: std::future::Future<Output = Result<Answer, Error>>,
{
    type Response = Answer;
    type Error = Error;
    type Future = Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, asked: Asked) -> Future {
        (self.0)(asked)
    }
}

/// Waits until the service is ready, and calls it once.
pub(crate) trait Oneshot<Asked>: Service<Asked> + Sized {
    async fn oneshot(mut self, asked: Asked) -> Result<Self::Response, Self::Error> {
        poll_fn(|context| self.poll_ready(context)).await?;
        self.call(asked).await
    }
}

impl<S: Service<Asked>, Asked> Oneshot<Asked> for S {}
