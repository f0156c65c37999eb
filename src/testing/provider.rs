//! Who answers without leaving the machine, and keeps its own bill?
//!
//! A mock that returns canned JSON tests the JSON. This provider generates: it counts the
//! tokens of its reply, keeps to the request's limit, streams frame by frame, breaks
//! where it is told to, and writes a bill from what it generated. The budget code must
//! come to the same figures by reading the wire.
//!
//! The parts, in reading order: `request` (what is asked), `reply` (what is scripted),
//! `answer` (the two together), `shape` (an API's words), `rendered` (bytes, and what a
//! part of them bills), `stream` (how they come out), `bill`, `server`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::answer::{Answer, tier};
use super::bill::{Bill, Customer};
use super::free;
use super::open::OpenCall;
use super::rendered::{Rendered, Repeated};
use super::reply::Reply;
use super::request::{Dialect, Door, Request};
use super::state::{Otherwise, ScriptState, Settings};
use super::stream::{ScriptedFault, ScriptedResponse, ScriptedStream};
use crate::values::{Conditions, ServiceTier, SystemClock};
use crate::{Clock, PricingTable};

/// An LLM provider that never leaves the machine, answers by a script, and keeps its own
/// bill.
///
/// It speaks OpenAI's chat completions and responses and Anthropic's messages, whole and
/// streamed, as the official clients read them. Clones share the script and the bill. A
/// model that its price table does not know is answered with 404, so that nothing is
/// billed at no price.
///
/// Replies given with [`reply`](Self::reply) are used up in order, one for each request
/// that is billed; after the last one [`otherwise`](Self::otherwise) answers. A request
/// that cannot be read, that names an unknown model or that only counts tokens is free.
/// The first two get 400 and 404.
///
/// Called in process the provider needs no runtime, unless a reply waits
/// ([`Reply::latency`], [`Reply::pause`]): that needs tokio's time.
/// [`serve`](Self::serve) puts the same provider behind a port.
///
/// All answers of one shape bear the same `id`; `x-request-id` tells them apart.
///
/// # Example: the books agree with the provider's bill
/// ```
/// use token_budget::testing::{Oracle, Reply, ScriptedProvider};
/// use token_budget::{wire, Budget, Call, Enforcer, Policy, Scope, Usd, Window};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let budget = Budget::usd("search", Scope::team("search")?, Usd::dollars(1), Window::day());
/// let enforcer = Enforcer::builder().policy(Policy::new([budget])?).build();
/// let provider = ScriptedProvider::new().reply(Reply::text("It lies by the sea.").input(40));
///
/// let call = Call::new("gpt-4o").team("search").input_tokens(60).output_tokens(100);
/// let body = br#"{"model": "gpt-4o", "max_tokens": 100, "messages": [{"role": "user", "content": "Kiel?"}]}"#;
/// let in_flight = enforcer.reserve(&call).await?.or_refusal()?.send();
/// let response = provider.call("/v1/chat/completions", body).await?;
/// in_flight.reconcile(wire::extract(Some("openai"), &response.body, [])?).await?;
///
/// assert_eq!(provider.bill().usd(), "0.00015".parse()?); // 40 × $2.50 and 5 × $10 a million
/// Oracle::of(&enforcer).billed(&call, &provider.bill()).exactly().assert_holds().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ScriptedProvider {
    settings: Arc<Settings>,
    state: Arc<ScriptState>,
}

/// What a request that is to be answered and billed comes to.
struct Accepted {
    /// Who is billed, and at which price.
    customer: Customer,
    /// The answer in bytes.
    rendered: Arc<Rendered>,
}

/// Tokens of the answer that a provider without a script gives.
const PLAIN_TOKENS: usize = 16;

impl Default for ScriptedProvider {
    fn default() -> Self {
        Self::new()
    }
}

impl ScriptedProvider {
    /// A provider that answers every request with the same sixteen tokens, billed by the
    /// bundled price table.
    #[must_use]
    pub fn new() -> Self {
        let settings = Settings {
            prices: PricingTable::bundled(),
            clock: Arc::new(SystemClock),
            otherwise: Otherwise::Reply(Arc::new(Repeated::of(Reply::tokens(PLAIN_TOKENS)))),
            ahead: 0,
            keeps_calls: true,
        };
        Self { settings: Arc::new(settings), state: Arc::default() }
    }

    /// A provider whose answers and faults are drawn from a seed.
    ///
    /// [`Reply::random`] states the odds. The reply depends on the seed and the request's
    /// number alone, so the same requests in the same order get the same faults. Print
    /// the seed if a test fails.
    #[must_use]
    pub fn random(seed: u64) -> Self {
        Self::new().with(|settings| settings.otherwise = Otherwise::Random(seed))
    }

    /// Answers one request so, after those scripted before. Every clone may add to the
    /// script.
    #[must_use]
    pub fn reply(self, reply: Reply) -> Self {
        self.state.script.lock().push_back(reply);
        self
    }

    /// Answers every request so for which nothing is scripted. The answer is rendered
    /// again only if the kind of request changes, so that a load test measures the code
    /// under test.
    #[must_use]
    pub fn otherwise(self, reply: Reply) -> Self {
        self.with(|settings| settings.otherwise = Otherwise::Reply(Arc::new(Repeated::of(reply))))
    }

    /// Bills by that table instead of the bundled one. Give the enforcer the same table,
    /// or the oracle compares two prices.
    #[must_use]
    pub fn prices(self, prices: PricingTable) -> Self {
        self.with(|settings| settings.prices = prices)
    }

    /// Reads the time from that clock: which prices are in force, and how long a client
    /// waited.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        self.with(|settings| settings.clock = clock)
    }

    /// Generates, and bills, so many tokens further than a client that hangs up has read
    /// of its stream. Real providers notice a closed connection late, and bill what they
    /// generated until then.
    #[must_use]
    pub fn ahead(self, tokens: u64) -> Self {
        self.with(|settings| settings.ahead = tokens)
    }

    /// Keeps only the sums of the bill, so that millions of calls do not fill the memory.
    #[must_use]
    pub fn totals_only(self) -> Self {
        self.with(|settings| settings.keeps_calls = false)
    }

    /// What was billed so far, for the calls that have ended. An open stream is not on
    /// the bill yet.
    #[must_use]
    pub fn bill(&self) -> Bill {
        self.state.bill.lock().clone()
    }

    /// How many requests are being answered.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.state.open.load(Ordering::Acquire)
    }

    /// Waits until no request is being answered. A server notices a client that hung up a
    /// moment later; wait for this before you read the bill.
    pub async fn all_ended(&self) {
        loop {
            let ended = self.state.ended.notified();
            if self.open() == 0 {
                return;
            }
            ended.await;
        }
    }

    /// Answers a request with the whole body; one that asks for a stream, with the stream collected.
    ///
    /// Dropping the future hangs up.
    ///
    /// # Errors
    /// [`ScriptedFault::Reset`] if the script breaks the connection, [`ScriptedFault::NoRuntime`] if the script
    /// has to wait and there is no tokio runtime. An error status is an answer, not an error.
    pub async fn call(&self, path: &str, body: &[u8]) -> Result<ScriptedResponse, ScriptedFault> {
        self.stream(path, body).await?.collect().await
    }

    /// Answers a request frame by frame; one that does not ask for a stream, with one frame.
    ///
    /// Dropping the stream before its end hangs up, and is billed so.
    ///
    /// # Errors
    /// [`ScriptedFault::NoRuntime`] as in [`call`](Self::call).
    pub async fn stream(&self, path: &str, body: &[u8]) -> Result<ScriptedStream, ScriptedFault> {
        let accepted = match self.accept(path, body) {
            Ok(accepted) => accepted,
            Err(free) => return Ok(ScriptedStream::free(*free)),
        };
        let latency = accepted.rendered.latency;
        self.state.open.fetch_add(1, Ordering::AcqRel);
        let open = OpenCall::new(&self.state, accepted.customer, &self.settings);
        ScriptedStream::of(accepted.rendered, open).after(latency).await
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }

    /// Takes a request on, or says what is answered without a bill. Only a request that
    /// can be read takes a number and a reply.
    fn accept(&self, path: &str, body: &[u8]) -> Result<Accepted, Box<free::Free>> {
        let dialect = match Door::of(path) {
            Some(Door::Generate(dialect)) => dialect,
            Some(Door::CountTokens) => return Err(free::token_count(body)),
            Some(Door::Models) => return Err(free::models(&self.settings.prices)),
            None => return Err(free::not_found(Dialect::Chat, "there is nothing at this path")),
        };
        let request = Request::parse(body).map_err(|problem| free::bad_request(dialect, &problem))?;
        let number = self.state.requests.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let scripted = self.state.script.lock().pop_front();
        match (scripted, &self.settings.otherwise) {
            (Some(reply), _) => self.accept_with(number, &reply, &request, dialect, None),
            (None, Otherwise::Random(seed)) => {
                self.accept_with(number, &Reply::random(*seed, number), &request, dialect, None)
            }
            (None, Otherwise::Reply(repeated)) => {
                self.accept_with(number, &repeated.reply, &request, dialect, Some(repeated))
            }
        }
    }

    /// Prices the model and renders the reply, unless the last request was of the same
    /// kind and the reply is the repeated one.
    fn accept_with(
        &self,
        number: u64,
        reply: &Reply,
        request: &Request<'_>,
        dialect: Dialect,
        repeated: Option<&Repeated>,
    ) -> Result<Accepted, Box<free::Free>> {
        let model = reply.served_by.as_deref().unwrap_or(&request.model);
        let (prices, now) = (&self.settings.prices, self.settings.clock.now());
        // Own tables may list a model under a seller's name of their own.
        let price =
            prices.find(Some(dialect.provider()), model, now).or_else(|| prices.find(None, model, now));
        let Some(price) = price else {
            return Err(free::not_found(dialect, &format!("the model {model:?} does not exist")));
        };
        let tier = ServiceTier::named(tier(reply, request, dialect)).unwrap_or_default();
        let customer = Customer {
            number,
            user: request.user().map(Into::into),
            model: model.into(),
            price: Arc::clone(price),
            conditions: Conditions::new().with_tier(tier),
        };
        let render = || Rendered::of(reply, &Answer::of(reply, request, dialect), request, dialect);
        let rendered = match repeated {
            Some(repeated) => repeated.rendered(request, dialect, render),
            None => Arc::new(render()),
        };
        Ok(Accepted { customer, rendered })
    }
}
