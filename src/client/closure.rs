//! What if the client is a closure?

use std::future::Future;

use futures_core::Stream;

use super::{CallError, Completed, Failure, fail};
use crate::enforcer::ForRequests;
use crate::reservation::Actual;
use crate::stream::{StreamOptions, StreamReader};
use crate::values::ReservationId;
use crate::{Call, Enforcer, InFlight, MeteredStream, Reservation, Verdict};

/// What a call in a closure may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Permit {
    /// The hold's id.
    pub id: ReservationId,
    /// Send no larger output limit than this for each choice: the hold covers it, or grows with a stream up to it.
    pub output_tokens: u64,
    /// Whether the call names no limit of its own, so that its request must be sent with
    /// [`output_tokens`](Self::output_tokens): without it, the provider may generate more than is held.
    pub must_send_limit: bool,
    /// Whether a warning threshold is reached.
    pub verdict: Verdict,
}

impl Permit {
    fn of(reservation: &Reservation) -> Self {
        let output_tokens = reservation.output_tokens_each();
        let must_send_limit = reservation.must_send_limit();
        Self { id: reservation.id(), output_tokens, must_send_limit, verdict: reservation.verdict() }
    }

    /// The permit, and the reservation as it is sent under it.
    fn taken(reservation: Reservation) -> (Self, InFlight) {
        let permit = Self::of(&reservation);
        let reservation = if permit.must_send_limit { reservation.limited_by_us() } else { reservation };
        // The closure's future is dropped with the call, and its connection with that.
        (permit, reservation.send().watched())
    }
}

impl Enforcer {
    /// Makes a call in a closure: reserves, runs it, and reconciles by what it says was used.
    ///
    /// An error of the closure may have been billed, so it is charged what it
    /// held; say otherwise with [`guard_classified`](Self::guard_classified). A
    /// future dropped before the closure ends is charged likewise.
    ///
    /// # Errors
    /// [`CallError::Refused`] where a budget has no room, [`CallError::Ledger`] where the ledger fails before the
    /// closure runs, [`CallError::Client`] with the closure's own error.
    ///
    /// # Example: an answer is charged what it used, an error what was held
    /// ```
    /// use std::io;
    /// use token_budget::client::{CallError, Permit};
    /// use token_budget::enforcer::Actual;
    /// use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usage, Usd, Window};
    ///
    /// /// The call that the team already makes.
    /// async fn ask(prompt: &str, permit: Permit) -> io::Result<(String, Actual)> {
    ///     assert_eq!(permit.output_tokens, 500); // send no larger limit than this
    ///     if prompt.is_empty() {
    ///         return Err(io::ErrorKind::TimedOut.into());
    ///     }
    ///     Ok(("42".into(), Usage::of(1_200, 350).into()))
    /// }
    ///
    /// let day = Budget::usd("search", Scope::team("search")?, Usd::dollars(1), Window::day());
    /// let enforcer = Enforcer::builder().policy(Policy::new([day])?).build();
    /// let call = Call::new("gpt-4o").team("search").input_tokens(1_200).output_tokens(500);
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// let answer = enforcer.guard(&call, |permit| ask("how much?", permit)).await?;
    /// assert_eq!(answer.receipt?.cost(), "0.0065".parse()?); // 1,200 × $2.50 and 350 × $10 a million
    ///
    /// let failed = enforcer.guard(&call, |permit| ask("", permit)).await;
    /// assert!(matches!(failed, Err(CallError::Client(_)))); // the error as it came
    /// let advice = enforcer.check(&call).await?;
    /// assert_eq!(advice.budgets()[0].spent, 6_500_000 + 8_000_000); // nano-dollars: all 500 tokens are charged
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn guard<T, E, F, W>(&self, call: &Call, work: F) -> Result<Completed<T>, CallError<E>>
    where
        F: FnOnce(Permit) -> W,
        W: Future<Output = Result<(T, Actual), E>>,
    {
        self.guard_classified(call, work, |_| Failure::Unknown).await
    }

    /// The same with the caller's own word on how an error is to be charged.
    ///
    /// # Errors
    /// As [`guard`](Self::guard).
    pub async fn guard_classified<T, E, F, W>(
        &self,
        call: &Call,
        work: F,
        failure: impl FnOnce(&E) -> Failure,
    ) -> Result<Completed<T>, CallError<E>>
    where
        F: FnOnce(Permit) -> W,
        W: Future<Output = Result<(T, Actual), E>>,
    {
        let reservation = self.reserve(call).await?.or_refusal().map_err(CallError::Refused)?;
        let (permit, in_flight) = Permit::taken(reservation);
        match work(permit).await {
            Ok((response, report)) => Ok(Completed { response, receipt: in_flight.reconcile(report).await }),
            Err(error) => {
                fail(in_flight, failure(&error), None).await;
                Err(CallError::Client(error))
            }
        }
    }

    /// Opens a stream in a closure, and meters it: it stops where its budgets do, and is charged however it ends.
    ///
    /// It is held for as the options say, whatever [`Call::streaming`] says. An error of
    /// the closure may have been billed, so it is charged what may have been generated by then.
    ///
    /// # Errors
    /// As [`BudgetEnforcedClient::stream`](crate::BudgetEnforcedClient::stream).
    ///
    /// # Example: bytes as they come from a provider
    /// ```
    /// use token_budget::policy::Unbound;
    /// use token_budget::stream::{StreamOptions, WireReader};
    /// use token_budget::{Call, Enforcer};
    /// # use std::pin::Pin;
    /// # use std::task::{Context, Poll};
    /// # struct Body(Option<&'static [u8]>);
    /// # impl futures_core::Stream for Body {
    /// #     type Item = Result<&'static [u8], std::io::Error>;
    /// #     fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
    /// #         Poll::Ready(self.0.take().map(Ok))
    /// #     }
    /// # }
    /// # async fn post() -> Result<Body, std::io::Error> {
    /// #     Ok(Body(Some(b"data: {\"choices\":[{\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\n\
    /// #         data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n")))
    /// # }
    ///
    /// let enforcer = Enforcer::builder().unbound(Unbound::Allow).build();
    /// let call = Call::new("gpt-4o").input_tokens(9).output_tokens(500);
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// let reader = WireReader::new(Some("openai"));
    /// let body = enforcer.guard_stream(&call, StreamOptions::default(), reader, |_permit| post()).await?;
    /// let mut body = body.on_outcome(|outcome| println!("{:?}", outcome.receipt));
    /// while let Some(bytes) = std::future::poll_fn(|context| Pin::new(&mut body).poll_next(context)).await {
    ///     assert!(!bytes?.is_empty());
    /// }
    /// # use futures_core::Stream;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn guard_stream<S, T, E, F, W>(
        &self,
        call: &Call,
        options: StreamOptions,
        reader: impl StreamReader<T> + 'static,
        open: F,
    ) -> Result<MeteredStream<S, T>, CallError<E>>
    where
        F: FnOnce(Permit) -> W,
        W: Future<Output = Result<S, E>>,
        S: Stream<Item = Result<T, E>> + Send + 'static,
        T: 'static,
    {
        let call = options.holding(call.clone());
        let mut reservation = self.reserve(&call).await?.or_refusal().map_err(CallError::Refused)?;
        reservation.remember(call.input);
        let (permit, in_flight) = Permit::taken(reservation);
        match open(permit).await {
            Ok(stream) => Ok(MeteredStream::new(in_flight, stream, reader, options)),
            Err(error) => {
                fail(in_flight, Failure::Unknown, None).await;
                Err(CallError::Client(error))
            }
        }
    }
}

impl ForRequests {
    /// Holds room, runs the work, and charges what it used, as [`Enforcer::guard`] does.
    ///
    /// # Errors
    /// Those of [`Enforcer::guard`].
    pub async fn guard<T, E, F, W>(&self, call: &Call, work: F) -> Result<Completed<T>, CallError<E>>
    where
        F: FnOnce(Permit) -> W,
        W: Future<Output = Result<(T, Actual), E>>,
    {
        self.whole().guard(call, work).await
    }

    /// Does the same, and asks what an error says of billing, as [`Enforcer::guard_classified`] does.
    ///
    /// # Errors
    /// Those of [`Enforcer::guard_classified`].
    pub async fn guard_classified<T, E, F, W>(
        &self,
        call: &Call,
        work: F,
        failure: impl FnOnce(&E) -> Failure,
    ) -> Result<Completed<T>, CallError<E>>
    where
        F: FnOnce(Permit) -> W,
        W: Future<Output = Result<(T, Actual), E>>,
    {
        self.whole().guard_classified(call, work, failure).await
    }

    /// Opens a stream under a hold, and meters it, as [`Enforcer::guard_stream`] does.
    ///
    /// # Errors
    /// Those of [`Enforcer::guard_stream`].
    pub async fn guard_stream<S, T, E, F, W>(
        &self,
        call: &Call,
        options: StreamOptions,
        reader: impl StreamReader<T> + 'static,
        open: F,
    ) -> Result<MeteredStream<S, T>, CallError<E>>
    where
        F: FnOnce(Permit) -> W,
        W: Future<Output = Result<S, E>>,
        S: Stream<Item = Result<T, E>> + Send + 'static,
        T: 'static,
    {
        self.whole().guard_stream(call, options, reader, open).await
    }
}
