//! How is a metered answer an `http_body::Body`?

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;

use super::answer::MeteredAnswer;
use super::exchange::Answered;

/// The body of an answer that went through the layer or the middleware: metered, passed
/// by, or a refusal.
///
/// Its trailers and its size hint are the provider's, unless the answer is a stream,
/// whose length may change. Reading it to the end charges the call before the end is
/// handed on; dropping it earlier charges what was seen.
pub struct MeteredBody<B> {
    // Makes the body `Sync`, as some clients ask. Polled through `get_mut`; locked only to tell its size and end.
    flow: Mutex<Flow<B>>,
}

#[expect(clippy::large_enum_variant, reason = "the large one is the common one")]
enum Flow<B> {
    Metered(MeteredAnswer<Frames<B>, Frame<Bytes>>),
    #[cfg_attr(
        not(feature = "tower"),
        expect(dead_code, reason = "only the layer answers in a type of its own")
    )]
    Passing(Pin<Box<B>>),
    Refused(Option<Bytes>),
}

impl<B> MeteredBody<B> {
    #[cfg(feature = "tower")]
    pub(super) fn passing(body: B) -> Self {
        Self { flow: Mutex::new(Flow::Passing(Box::pin(body))) }
    }

    pub(super) fn refused(body: Vec<u8>) -> Self {
        Self { flow: Mutex::new(Flow::Refused(Some(body.into()))) }
    }
}

impl<B: Body<Data = Bytes> + Send + 'static> MeteredBody<B> {
    pub(super) fn metered(answered: Answered, body: B) -> Self {
        Self { flow: Mutex::new(Flow::Metered(answered.meter(Frames(Box::pin(body))))) }
    }
}

impl<B> Unpin for MeteredBody<B> {}

impl<B: Body<Data = Bytes>> Body for MeteredBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.flow.get_mut() {
            Flow::Metered(answer) => Pin::new(answer).poll_next(context),
            Flow::Passing(body) => body.as_mut().poll_frame(context),
            Flow::Refused(body) => Poll::Ready(body.take().map(|body| Ok(Frame::data(body)))),
        }
    }

    /// False until the call is charged, because a caller that is told of the end asks no
    /// further, and the charge would never be made.
    fn is_end_stream(&self) -> bool {
        match &*self.flow.lock() {
            Flow::Metered(answer) => {
                answer.is_charged() && answer.unchanged().is_none_or(|body| body.0.is_end_stream())
            }
            Flow::Passing(body) => body.is_end_stream(),
            Flow::Refused(body) => body.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &*self.flow.lock() {
            Flow::Metered(answer) => {
                answer.unchanged().map_or_else(SizeHint::default, |body| body.0.size_hint())
            }
            Flow::Passing(body) => body.size_hint(),
            Flow::Refused(body) => {
                let length = body.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
        }
    }
}

/// The frames of a body, as a stream.
struct Frames<B>(Pin<Box<B>>);

impl<B: Body<Data = Bytes>> Stream for Frames<B> {
    type Item = Result<Frame<Bytes>, B::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_frame(context)
    }
}

impl<B> fmt::Debug for MeteredBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match &*self.flow.lock() {
            Flow::Metered(_) => "metered",
            Flow::Passing(_) => "passing",
            Flow::Refused(_) => "refused",
        };
        f.debug_tuple("MeteredBody").field(&form).finish()
    }
}
