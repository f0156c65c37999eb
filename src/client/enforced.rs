//! A client whose calls are held, made, and charged.

mod trimmed;

use std::fmt;
use std::future::Future;

use super::{CallError, Completed, Failure, LlmClient, StreamingClient, fail, finish};
use crate::enforcer::Fitting;
use crate::engine::{Ladder, Walk};
use crate::stream::StreamOptions;
use crate::tokens::Trim;
use crate::values::no_limit::ApiLimit;
use crate::values::{OnNoLimit, ShortText};
use crate::{
    Admission, Call, Decision, Enforcer, Error, ErrorKind, MeteredStream, Reservation, RunGuard, Usd,
};

/// A client whose every call is held in all budgets before it is sent and charged after it.
///
/// # Example: wrapping a client in one line
/// ```
/// use token_budget::client::CallError;
/// use token_budget::enforcer::Actual;
/// use token_budget::{Budget, BudgetEnforcedClient, Call, Enforcer, LlmClient, Policy, Scope, Usage, Usd, Window};
///
/// struct Mine;
///
/// impl LlmClient for Mine {
///     type Request = String;
///     type Response = String;
///     type Error = std::io::Error;
///
///     fn describe(&self, request: &String, call: Call) -> Call {
///         call.with_model("gpt-4o").input_tokens(request.len() as u64).output_tokens(100)
///     }
///     async fn call(&self, request: String) -> std::io::Result<String> {
///         Ok(request.to_uppercase())
///     }
///     fn report(&self, response: &String) -> Actual {
///         Usage::of(response.len() as u64, 20).into()
///     }
/// }
///
/// let budget = Budget::usd("search", Scope::team("search")?, Usd::cents(1), Window::day());
/// let enforcer = Enforcer::builder().policy(Policy::new([budget])?).build();
/// let client = BudgetEnforcedClient::new(Mine, enforcer, Call::charging().team("search"));
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let answer = client.call("hello".into()).await?;
/// assert_eq!(answer.response, "HELLO");
/// assert_eq!(answer.receipt?.cost(), "0.0002125".parse()?); // 5 × $2.50 and 20 × $10 a million
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct BudgetEnforcedClient<C> {
    client: C,
    enforcer: Enforcer,
    charge: Call,
    fitting: Fitting,
    on_no_limit: Option<OnNoLimit>,
    ladder: Ladder,
    streams: StreamOptions,
}

impl<C> fmt::Debug for BudgetEnforcedClient<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BudgetEnforcedClient")
    }
}

/// Whom a call is reserved with.
#[derive(Clone, Copy)]
enum Gate<'a> {
    Enforcer(&'a Enforcer),
    Run(&'a RunGuard),
}

/// One model that a request could be sent to, and what would be said of it now.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rung {
    /// The model.
    pub model: ShortText,
    /// What would be held for the request; `None` where the model has no price.
    pub quote: Option<Usd>,
    /// Advice: nothing is held.
    pub decision: Decision,
}

/// An attempt that brought no response.
#[derive(Debug)]
#[non_exhaustive]
pub struct FailedAttempt<'a, E> {
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// The client's error.
    pub error: &'a E,
    /// How it failed.
    pub failure: Failure,
}

/// What is done after an attempt that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// The client's error is handed on.
    GiveUp,
    /// The same request is sent again.
    Again,
    /// The request is sent to that model.
    With(ShortText),
}

impl<C: LlmClient> BudgetEnforcedClient<C> {
    /// Enforces budgets on every call of `client`, charging the levels that `charge` names.
    pub fn new(client: C, enforcer: Enforcer, charge: Call) -> Self {
        let (ladder, streams) = (Ladder::Stays, StreamOptions::default());
        Self { client, enforcer, charge, fitting: Fitting::default(), on_no_limit: None, ladder, streams }
    }

    /// Limits every request's output to what its hold covers; one that cannot be limited is not sent.
    #[must_use]
    pub fn clamp_output(mut self) -> Self {
        self.fitting = self.fitting.clamping();
        self
    }

    /// Says what becomes of requests that name no output limit; without, what the enforcer was built with: one is
    /// written in by [`LlmClient::clamp`]. A request into which the client cannot write one is held for the most that
    /// its model generates.
    #[must_use]
    pub fn on_no_limit(mut self, choice: OnNoLimit) -> Self {
        self.on_no_limit = Some(choice);
        self
    }

    /// Where a request has no room, shortens its output to what is affordable, but not below that many tokens.
    #[must_use]
    pub fn fit_to_room(mut self, output_tokens_min: u64) -> Self {
        self.fitting = self.fitting.to_room(output_tokens_min);
        self
    }

    /// Where a request has no room even so, leaves old parts of its conversation out until it fits, by
    /// [`LlmClient::trim`].
    ///
    /// Its output is shortened first, where [`fit_to_room`](Self::fit_to_room) allows that; beside the shorter prompt it
    /// gets what is left. What was left out is named by [`Receipt::trimmed`](crate::Receipt::trimmed) and an event
    /// ([`Event::Trimmed`](crate::Event::Trimmed)). A ladder's weaker model is asked only where trimming did not
    /// help; with the shorter prompt, where other calls took the room that was there for it.
    #[must_use]
    pub fn trim_to_room(mut self, how: Trim) -> Self {
        self.fitting = self.fitting.trimming(how);
        self
    }

    /// Where a model has no room, sends the request to the strongest below it on the policy's ladder that has.
    #[must_use]
    pub fn degrade(mut self) -> Self {
        self.ladder = Ladder::Policy;
        self
    }

    /// The same with a ladder of this client's own, strongest first, tried below the model that is asked for.
    #[must_use]
    pub fn fallbacks<M: Into<ShortText>>(mut self, models: impl IntoIterator<Item = M>) -> Self {
        self.ladder = Ladder::Fallbacks(models.into_iter().map(Into::into).collect());
        self
    }

    /// Meters streams that way.
    #[must_use]
    pub fn streams(mut self, options: StreamOptions) -> Self {
        self.streams = options;
        self
    }

    /// The enforcer behind the client.
    pub fn enforcer(&self) -> &Enforcer {
        &self.enforcer
    }

    /// The client itself, past all budgets.
    pub fn inner(&self) -> &C {
        &self.client
    }

    /// Makes the call if every budget has room.
    ///
    /// # Errors
    /// [`CallError::Refused`] where a budget has none; [`CallError::Client`] with the client's own error.
    /// [`CallError::Ledger`] where nothing was sent for another reason: the ledger is away, `Invalid` for a
    /// request that cannot be read, `Unsupported` for one that the client cannot bring down to its hold.
    pub async fn call(&self, request: C::Request) -> Result<Completed<C::Response>, CallError<C::Error>> {
        self.call_by(Gate::Enforcer(&self.enforcer), &self.charge, request).await
    }

    /// The same, charging other levels.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn call_as(
        &self,
        charge: Call,
        request: C::Request,
    ) -> Result<Completed<C::Response>, CallError<C::Error>> {
        self.call_by(Gate::Enforcer(&self.enforcer), &charge, request).await
    }

    /// The same as one round of an agent's run: its limits bind too.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn call_in(
        &self,
        run: &RunGuard,
        request: C::Request,
    ) -> Result<Completed<C::Response>, CallError<C::Error>> {
        self.call_by(Gate::Run(run), &self.charge, request).await
    }

    /// Makes the call, and after each attempt that failed does what `next` says, which may wait before it answers.
    ///
    /// Each attempt is reserved and charged by itself: the provider may bill
    /// the one that timed out and the one that answered. A refusal ends it.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    ///
    /// # Example: twice at most, then the small model
    /// ```
    /// # use token_budget::client::{FailedAttempt, Failure, AfterFailure};
    /// # use token_budget::policy::Unbound;
    /// # use token_budget::{BudgetEnforcedClient, Call, Enforcer};
    /// # use std::future::ready;
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// let overloaded = |_body: serde_json::Value| async { Err::<String, _>("overloaded") };
    /// # let enforcer = Enforcer::builder().unbound(Unbound::Allow).build();
    /// let client = BudgetEnforcedClient::new(overloaded, enforcer, Call::charging());
    /// let body = serde_json::json!({"model": "gpt-4o", "max_tokens": 100, "messages": []});
    /// let mut models = vec![];
    /// let outcome = client.call_retrying(body, |failed: FailedAttempt<'_, &str>| {
    ///     models.push((failed.attempt, *failed.error));
    ///     ready(match failed.attempt {
    ///         1 => AfterFailure::Again, // sleep first, in a service
    ///         2 => AfterFailure::With("gpt-4o-mini".into()),
    ///         _ => AfterFailure::GiveUp,
    ///     })
    /// });
    /// assert!(outcome.await.is_err());
    /// assert_eq!(models, [(1, "overloaded"), (2, "overloaded"), (3, "overloaded")]);
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn call_retrying<W: Future<Output = AfterFailure>>(
        &self,
        request: C::Request,
        mut next: impl FnMut(FailedAttempt<'_, C::Error>) -> W,
    ) -> Result<Completed<C::Response>, CallError<C::Error>>
    where
        C::Request: Clone,
    {
        let mut request = request;
        let mut attempt = 0_u32;
        loop {
            attempt = attempt.saturating_add(1);
            let error = match self.call(request.clone()).await {
                Err(CallError::Client(error)) => error,
                other => return other,
            };
            let failure = self.client.failure(&error);
            let waits = next(FailedAttempt { attempt, error: &error, failure });
            match waits.await {
                AfterFailure::GiveUp => return Err(CallError::Client(error)),
                AfterFailure::Again => {}
                AfterFailure::With(model) => {
                    if !self.client.set_model(&mut request, &model) {
                        return Err(CallError::Client(error));
                    }
                }
            }
        }
    }

    /// The request's model and every rung below it, each with its quote and what budgets say of it now.
    ///
    /// # Errors
    /// As [`Enforcer::check`].
    pub async fn rungs(&self, request: &C::Request) -> Result<Vec<Rung>, Error>
    where
        C::Request: Clone,
    {
        let mut request = request.clone();
        let mut rungs = Vec::new();
        loop {
            let call = self.describe(&request, &self.charge);
            let decision = self.enforcer.check(&call).await?;
            let quote = self.enforcer.quote(&call)?;
            rungs.push(Rung { model: call.model().into(), quote, decision });
            let next = self.ladder.next(self.enforcer.core(), &call, rungs.len());
            if !next.is_some_and(|model| self.client.set_model(&mut request, &model)) {
                return Ok(rungs);
            }
        }
    }

    async fn call_by(
        &self,
        gate: Gate<'_>,
        charge: &Call,
        mut request: C::Request,
    ) -> Result<Completed<C::Response>, CallError<C::Error>> {
        let in_flight = self.admit(gate, charge, &mut request).await?.send().watched();
        let response = self.client.call(request).await;
        finish(&self.client, in_flight, response).await
    }

    /// Room for the request: on its own model, or on the strongest rung below it that has some.
    async fn admit(
        &self,
        gate: Gate<'_>,
        charge: &Call,
        request: &mut C::Request,
    ) -> Result<Reservation, CallError<C::Error>> {
        let mut walk = Walk::new(self.enforcer.core(), &self.ladder);
        let mut trimmed = None;
        loop {
            let described = self.describe(request, charge);
            // The dearest of its models stays with the request; the ladder goes on below the one that it names.
            let own = described.without_input();
            let call = self.enforcer.of_dearest(described)?;
            let mut refused = match self.hold_fitting(gate, call.clone(), None, request).await? {
                Admission::Admitted(reservation) => return Ok(reservation.with_trimmed(trimmed)),
                Admission::Refused(decision) => decision,
            };
            if trimmed.is_none() {
                let held =
                    self.hold_trimmed(gate, charge, &call, request, &mut refused, &mut trimmed).await?;
                if let Some(reservation) = held {
                    return Ok(reservation.with_trimmed(trimmed));
                }
            }
            let sends = |model: &str| self.client.set_model(request, model);
            let _ = walk.below(&own, refused, sends).map_err(CallError::Refused)?;
        }
    }

    /// Room for one model's call, with its output shortened where that was asked for; for `sized`, where somebody has
    /// found out already what fits.
    async fn hold(&self, gate: Gate<'_>, call: &Call, sized: Option<&Call>) -> Result<Admission, Error> {
        if let Some(sized) = sized {
            return gate.reserve(sized).await;
        }
        let refused = match gate.reserve(call).await? {
            Admission::Refused(decision) => decision,
            admitted => return Ok(admitted),
        };
        match self.fitting.shortened(call, &refused) {
            Some(shorter) => gate.reserve(&shorter).await,
            None => Ok(Admission::Refused(refused)),
        }
    }

    /// What the request asks for, and what becomes of it where it names no limit.
    fn describe(&self, request: &C::Request, charge: &Call) -> Call {
        let mut call = self.client.describe(request, charge.clone());
        let chosen = call.output_terms.on_no_limit.or(self.on_no_limit);
        call.output_terms.on_no_limit = chosen;
        call
    }

    /// Room for one model's call, whose request says no more than is held.
    async fn hold_fitting(
        &self,
        gate: Gate<'_>,
        mut call: Call,
        mut sized: Option<Call>,
        request: &mut C::Request,
    ) -> Result<Admission, CallError<C::Error>> {
        loop {
            let reservation = match self.hold(gate, &call, sized.as_ref()).await? {
                Admission::Admitted(reservation) => reservation,
                refused => return Ok(refused),
            };
            if let Some(mut fitted) = self.fit(request, &call, reservation)? {
                fitted.remember(call.input);
                return Ok(Admission::Admitted(fitted));
            }
            // Nothing can be written into this request, so it is held for the most that it may generate.
            call.output_terms.api = ApiLimit::Unwritable;
            if let Some(sized) = &mut sized {
                sized.output_terms.api = ApiLimit::Unwritable;
            }
        }
    }

    /// Brings a request down to what is held for it. One that cannot be is not sent; `None` where it names no limit,
    /// and one cannot be written in.
    fn fit(
        &self,
        request: &mut C::Request,
        call: &Call,
        reservation: Reservation,
    ) -> Result<Option<Reservation>, CallError<C::Error>> {
        // Dropping the reservation gives the room back.
        let unsent = |text: String| Err(CallError::Ledger(Error::new(ErrorKind::Unsupported, text)));
        let model = reservation.model();
        if model != call.model() && !self.client.set_model(request, model) {
            return unsent(format!("the client cannot send the request to {model}; nothing was sent"));
        }
        let Some(each) = self.fitting.limit_to_send(call, &reservation) else { return Ok(Some(reservation)) };
        if self.client.clamp(request, each) {
            return Ok(Some(reservation.limited_by_us()));
        }
        if reservation.must_send_limit() && call.output_terms.api != ApiLimit::Unwritable {
            return Ok(None);
        }
        unsent(format!("the client cannot limit the request's output to {each} tokens; nothing was sent"))
    }
}

impl<C: StreamingClient> BudgetEnforcedClient<C> {
    /// Makes the call, and meters its answer while it streams.
    ///
    /// It begins where every budget has room for all that it may use, or by slices for the first of them
    /// ([`StreamOptions::slices`]). See [`MeteredStream`].
    ///
    /// # Errors
    /// As [`call`](Self::call), until the answer begins; after that the stream says how it ends.
    pub async fn stream(&self, request: C::Request) -> Result<ClientStream<C>, CallError<C::Error>> {
        self.stream_by(Gate::Enforcer(&self.enforcer), self.charge.clone(), request).await
    }

    /// The same, charging other levels.
    ///
    /// # Errors
    /// As [`stream`](Self::stream).
    pub async fn stream_as(
        &self,
        charge: Call,
        request: C::Request,
    ) -> Result<ClientStream<C>, CallError<C::Error>> {
        self.stream_by(Gate::Enforcer(&self.enforcer), charge, request).await
    }

    /// The same as one round of an agent's run: its limits bind too.
    ///
    /// # Errors
    /// As [`stream`](Self::stream).
    pub async fn stream_in(
        &self,
        run: &RunGuard,
        request: C::Request,
    ) -> Result<ClientStream<C>, CallError<C::Error>> {
        self.stream_by(Gate::Run(run), self.charge.clone(), request).await
    }

    async fn stream_by(
        &self,
        gate: Gate<'_>,
        charge: Call,
        mut request: C::Request,
    ) -> Result<ClientStream<C>, CallError<C::Error>> {
        let charge = self.streams.holding(charge);
        let in_flight = self.admit(gate, &charge, &mut request).await?.send();
        match self.client.stream(request).await {
            Ok(stream) => {
                Ok(MeteredStream::new(in_flight, stream, self.client.reader(), self.streams.clone()))
            }
            Err(error) => {
                let (failure, report) = self.client.failed(&error);
                fail(in_flight, failure, report).await;
                Err(CallError::Client(error))
            }
        }
    }
}

/// The stream of a client, metered.
pub type ClientStream<C> = MeteredStream<<C as StreamingClient>::Stream, <C as StreamingClient>::Item>;

impl Gate<'_> {
    async fn reserve(self, call: &Call) -> Result<Admission, Error> {
        match self {
            Self::Enforcer(enforcer) => enforcer.reserve(call).await,
            Self::Run(run) => run.reserve(call).await,
        }
    }
}
