//! Who answers without leaving the machine, and keeps its own bill?

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::answer::{Answer, tier};
use super::bill::{Bill, BilledCall, Customer};
use super::free;
use super::rendered::{Rendered, Repeated};
use super::reply::Reply;
use super::request::{Dialect, Door, Request};
use super::stream::{Open, ScriptedFault, ScriptedResponse, ScriptedStream};
use crate::values::{Conditions, ServiceTier, SystemClock};
use crate::{Clock, PricingTable};

/// An LLM provider that never leaves the machine, does what it is told, and keeps its own bill.
///
/// It speaks OpenAI's chat completions and responses and Anthropic's messages,
/// whole and streamed, as the official clients read them. Clones share the
/// script and the bill. A model that its price table does not know is answered
/// with 404, so that nothing is billed at no price.
///
/// Called in process it needs no runtime, unless a reply waits
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
    state: Arc<State>,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    prices: PricingTable,
    pub(super) clock: Arc<dyn Clock>,
    otherwise: Otherwise,
    pub(super) ahead: u64,
    pub(super) keeps_calls: bool,
}

/// What is answered once the script is used up.
#[derive(Clone, Debug)]
enum Otherwise {
    Reply(Arc<Repeated>),
    Random(u64),
}

/// What all clones share.
#[derive(Debug, Default)]
pub(super) struct State {
    script: Mutex<VecDeque<Reply>>,
    requests: AtomicU64,
    bill: Mutex<Bill>,
    open: AtomicU64,
    ended: Notify,
}

/// What a request that is to be answered and billed comes to.
struct Accepted {
    customer: Customer,
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
    /// A provider that answers every request with the same sixteen tokens.
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

    /// A provider whose answers and faults are drawn by chance, the same for the same seed.
    ///
    /// [`Reply::random`] says with which odds. Say the seed where a test fails.
    #[must_use]
    pub fn random(seed: u64) -> Self {
        Self::new().with(|settings| settings.otherwise = Otherwise::Random(seed))
    }

    /// Answers one request so, after those scripted before. Every clone may add to the script.
    #[must_use]
    pub fn reply(self, reply: Reply) -> Self {
        self.state.script.lock().push_back(reply);
        self
    }

    /// Answers every request so for which nothing is scripted.
    #[must_use]
    pub fn otherwise(self, reply: Reply) -> Self {
        self.with(|settings| settings.otherwise = Otherwise::Reply(Arc::new(Repeated::of(reply))))
    }

    /// Bills by that table instead of the bundled one.
    #[must_use]
    pub fn prices(self, prices: PricingTable) -> Self {
        self.with(|settings| settings.prices = prices)
    }

    /// Takes the prices in force by that clock.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        self.with(|settings| settings.clock = clock)
    }

    /// Generates, and bills, so many tokens further than a client that hangs up has read of its stream.
    #[must_use]
    pub fn ahead(self, tokens: u64) -> Self {
        self.with(|settings| settings.ahead = tokens)
    }

    /// Keeps only the sums of the bill: for millions of calls.
    #[must_use]
    pub fn totals_only(self) -> Self {
        self.with(|settings| settings.keeps_calls = false)
    }

    /// What was billed so far, for the calls that have ended.
    #[must_use]
    pub fn bill(&self) -> Bill {
        self.state.bill.lock().clone()
    }

    /// How many requests are being answered.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.state.open.load(Ordering::Acquire)
    }

    /// Waits until no request is being answered: a client that hung up has been noticed by then.
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
    /// [`ScriptedFault::Reset`] where the script breaks the connection, [`ScriptedFault::NoRuntime`] where it
    /// has to wait and there is no tokio runtime. An error status is an answer.
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
        let open = Open::new(&self.state, accepted.customer, &self.settings);
        ScriptedStream::of(accepted.rendered, open).after(latency).await
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }

    /// Takes a request on, or says what is answered without a bill.
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

impl State {
    /// Writes a call that ended on the bill.
    pub(super) fn end(&self, call: BilledCall, keep: bool) {
        self.bill.lock().add(call, keep);
        if self.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.ended.notify_waiters();
        }
    }
}
