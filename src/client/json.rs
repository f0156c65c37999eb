//! What if requests are JSON, and responses bytes?

use std::fmt;
use std::future::Future;

use crate::values::ShortText;
use futures_core::Stream;
use serde_json::{Map, Value};

use super::{Failure, LlmClient, StreamingClient};
use crate::reservation::Actual;
use crate::stream::{StreamReader, WireReader};
use crate::tokens::{RequestShape, TrimTarget, Trimming, limit_output, output_terms};
use crate::wire::{extract, heard};
use crate::{Call, Error};

/// A client that sends JSON bodies and answers with bytes as they came.
///
/// The request is read by [`RequestShape`], the response by
/// [`extract`](crate::wire::extract) and [`WireReader`], whatever provider's
/// language they are in. An async closure from a body to bytes is such a client
/// by itself; this one also knows its provider, tells its failures apart, and
/// streams. Name the provider of what is not OpenAI's language: an output limit is written in its words, and
/// without a name in those that the body looks to be in.
///
/// # Example: a function that posts JSON, five lines from being enforced
/// ```
/// use serde_json::{Value, json};
/// use token_budget::client::{Failure, JsonClient};
/// use token_budget::{Budget, BudgetEnforcedClient, Call, Enforcer, Policy, Scope, Usd, Window};
///
/// #[derive(Debug)]
/// struct Refused(u16);
/// # impl std::error::Error for Refused {}
/// # impl std::fmt::Display for Refused {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
/// #         write!(f, "status {}", self.0)
/// #     }
/// # }
///
/// /// The HTTP client that the team already has.
/// async fn post(body: Value) -> Result<Vec<u8>, Refused> {
///     if body["model"] != "gpt-4o" {
///         return Err(Refused(404));
///     }
///     let answer = json!({"model": "gpt-4o", "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}});
///     Ok(answer.to_string().into_bytes())
/// }
///
/// let budget = Budget::usd("search", Scope::team("search")?, Usd::cents(1), Window::day());
/// let enforcer = Enforcer::builder().policy(Policy::new([budget])?).build();
/// let json = JsonClient::new("openai", post).failing(|error: &Refused| Failure::of_status(error.0));
/// let client = BudgetEnforcedClient::new(json, enforcer, Call::charging().team("search"));
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let body = json!({"model": "gpt-4o", "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]});
/// let answer = client.call(body).await?;
/// assert_eq!(answer.receipt?.cost(), "0.00006".parse()?); // 12 × $2.50 and 3 × $10 a million
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct JsonClient<F, G = (), D = (), R = ()> {
    provider: Option<ShortText>,
    send: F,
    open: G,
    failing: D,
    errors: R,
}

impl<F> JsonClient<F> {
    /// A client of that provider that sends by `send`.
    pub fn new(provider: impl Into<ShortText>, send: F) -> Self {
        Self { provider: Some(provider.into()), send, open: (), failing: (), errors: () }
    }
}

impl<F, G, D, R> JsonClient<F, G, D, R> {
    /// Opens streams by `open`, which is given the body with `"stream": true` in it.
    pub fn streaming<S>(self, open: S) -> JsonClient<F, S, D, R> {
        let Self { provider, send, failing, errors, .. } = self;
        JsonClient { provider, send, open, failing, errors }
    }

    /// Tells failures apart by `failing`, from the client's error to its [`Failure`]; without, all are unknown.
    pub fn failing<E, S: Fn(&E) -> Failure>(self, failing: S) -> JsonClient<F, G, S, R> {
        let Self { provider, send, open, errors, .. } = self;
        JsonClient { provider, send, open, failing, errors }
    }

    /// Reads the answer that an error carries: `errors` gives its status and body, or nothing where there was none.
    ///
    /// Such an answer is charged as [`HttpBudget`](crate::http::HttpBudget) charges it: usage that came, whatever the
    /// status; the input, where Azure's filter refused the prompt; else by its status. What
    /// [`failing`](Self::failing) says is asked for the other errors alone. Without this, nobody sees the bodies of
    /// errors, and what is billed in spite of one is not charged.
    ///
    /// ```
    /// use serde_json::Value;
    /// use token_budget::client::{Failure, JsonClient};
    /// use token_budget::LlmClient;
    ///
    /// struct Answered { status: u16, body: Vec<u8> }
    ///
    /// let post = |_: Value| std::future::ready(Err::<Vec<u8>, _>(Answered { status: 400, body: vec![] }));
    /// let client = JsonClient::new("azure", post)
    ///     .reading_errors(|error: &Answered| Some((error.status, error.body.as_slice())));
    ///
    /// let body = br#"{"error": {"code": "content_filter", "message": "the prompt was filtered"}}"#.to_vec();
    /// assert_eq!(client.failure(&Answered { status: 400, body }), Failure::InputBilled);
    /// assert_eq!(client.failure(&Answered { status: 429, body: vec![] }), Failure::NotBilled);
    /// ```
    pub fn reading_errors<E, S>(self, errors: S) -> JsonClient<F, G, D, S>
    where
        S: Fn(&E) -> Option<(u16, &[u8])>,
    {
        let Self { provider, send, open, failing, .. } = self;
        JsonClient { provider, send, open, failing, errors }
    }
}

/// Tells how an error ended a call.
pub trait ClassifyFailure<E>: Send + Sync {
    /// The error's class.
    fn classify(&self, error: &E) -> Failure;
}

impl<E> ClassifyFailure<E> for () {
    fn classify(&self, _error: &E) -> Failure {
        Failure::Unknown
    }
}

impl<E, F: Fn(&E) -> Failure + Send + Sync> ClassifyFailure<E> for F {
    fn classify(&self, error: &E) -> Failure {
        self(error)
    }
}

/// Finds the answer that an error carries.
pub trait ReadError<E>: Send + Sync {
    /// Its status and its body; `None` where the error is no answer.
    fn answer<'a>(&self, error: &'a E) -> Option<(u16, &'a [u8])>;
}

impl<E> ReadError<E> for () {
    fn answer<'a>(&self, _error: &'a E) -> Option<(u16, &'a [u8])> {
        None
    }
}

impl<E, F: Fn(&E) -> Option<(u16, &[u8])> + Send + Sync> ReadError<E> for F {
    fn answer<'a>(&self, error: &'a E) -> Option<(u16, &'a [u8])> {
        self(error)
    }
}

impl<F, W, B, E, G, D, R> LlmClient for JsonClient<F, G, D, R>
where
    F: Fn(Value) -> W + Send + Sync,
    W: Future<Output = Result<B, E>> + Send,
    B: AsRef<[u8]> + Send,
    E: Send,
    G: Send + Sync,
    D: ClassifyFailure<E>,
    R: ReadError<E>,
{
    type Request = Value;
    type Response = B;
    type Error = E;

    fn describe(&self, request: &Value, call: Call) -> Call {
        let call = describe(self.provider.as_deref(), request, call);
        match &self.provider {
            Some(provider) => call.provider(provider.clone()),
            None => call,
        }
    }

    async fn call(&self, request: Value) -> Result<B, E> {
        (self.send)(request).await
    }

    fn actual(&self, response: &B) -> Actual {
        actual(self.provider.as_deref(), response.as_ref())
    }

    fn text(&self, response: &B) -> Option<String> {
        Some(heard(self.provider.as_deref(), response.as_ref()))
    }

    fn failure(&self, error: &E) -> Failure {
        self.failed(error).0
    }

    fn actual_of_failure(&self, error: &E) -> Option<Actual> {
        self.failed(error).1
    }

    fn failed(&self, error: &E) -> (Failure, Option<Actual>) {
        let Some((status, body)) = self.errors.answer(error) else {
            return (self.failing.classify(error), None);
        };
        let read = extract(self.provider.as_deref(), body, []).ok();
        let failure = Failure::of_report(status, read.as_ref());
        (failure, read.filter(|read| !read.lines.is_empty()).map(Actual::from))
    }

    fn clamp(&self, request: &mut Value, output_tokens: u64) -> bool {
        clamp(self.provider.as_deref(), request, output_tokens)
    }

    fn trim(&self, request: &mut Value, target: &TrimTarget<'_>) -> Result<Trimming, Error> {
        RequestShape::trim_value(request, target)
    }

    fn set_model(&self, request: &mut Value, model: &str) -> bool {
        set_model(request, model)
    }
}

impl<F, W, B, E, G, O, S, D, R> StreamingClient for JsonClient<F, G, D, R>
where
    F: Fn(Value) -> W + Send + Sync,
    W: Future<Output = Result<B, E>> + Send,
    B: AsRef<[u8]> + Send + 'static,
    E: Send,
    G: Fn(Value) -> O + Send + Sync,
    O: Future<Output = Result<S, E>> + Send,
    S: Stream<Item = Result<B, E>> + Send + 'static,
    D: ClassifyFailure<E>,
    R: ReadError<E>,
{
    type Item = B;
    type Stream = S;

    async fn stream(&self, mut request: Value) -> Result<S, E> {
        if let Value::Object(body) = &mut request {
            body.insert("stream".to_owned(), Value::Bool(true));
            if self.provider.as_deref().is_some_and(|provider| ASKED_FOR_USAGE.contains(&provider)) {
                ask_for_usage(body);
            }
        }
        (self.open)(request).await
    }

    fn reader(&self) -> impl StreamReader<B> + 'static {
        WireReader::new(self.provider.as_deref())
    }
}

/// Providers of OpenAI's chat language that say what a stream used only where they are asked.
const ASKED_FOR_USAGE: [&str; 2] = ["openai", "azure"];

fn ask_for_usage(body: &mut Map<String, Value>) {
    if !body.contains_key("messages") {
        return;
    }
    let options = body.entry("stream_options").or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(options) = options {
        options.insert("include_usage".to_owned(), Value::Bool(true));
    }
}

impl<F, W, B, E> LlmClient for F
where
    F: Fn(Value) -> W + Send + Sync,
    W: Future<Output = Result<B, E>> + Send,
    B: AsRef<[u8]> + Send,
    E: Send,
{
    type Request = Value;
    type Response = B;
    type Error = E;

    fn describe(&self, request: &Value, call: Call) -> Call {
        describe(None, request, call)
    }

    async fn call(&self, request: Value) -> Result<B, E> {
        self(request).await
    }

    fn actual(&self, response: &B) -> Actual {
        actual(None, response.as_ref())
    }

    fn text(&self, response: &B) -> Option<String> {
        Some(heard(None, response.as_ref()))
    }

    fn clamp(&self, request: &mut Value, output_tokens: u64) -> bool {
        clamp(None, request, output_tokens)
    }

    fn trim(&self, request: &mut Value, target: &TrimTarget<'_>) -> Result<Trimming, Error> {
        RequestShape::trim_value(request, target)
    }

    fn set_model(&self, request: &mut Value, model: &str) -> bool {
        set_model(request, model)
    }
}

fn describe(provider: Option<&str>, request: &Value, call: Call) -> Call {
    let mut call = match RequestShape::read_for(provider, request) {
        Ok(shape) => shape.describe(call),
        Err(error) => call.unusable(error.to_string()),
    };
    if let Value::Object(body) = request {
        call.output_terms = output_terms(provider, body, &call);
    }
    call
}

/// An answer that cannot be read has used an unknown amount, and is charged as it was held.
fn actual(provider: Option<&str>, body: &[u8]) -> Actual {
    extract(provider, body, []).map_or_else(|_| Actual::default(), Actual::from)
}

fn clamp(provider: Option<&str>, request: &mut Value, output_tokens: u64) -> bool {
    let Value::Object(body) = request else { return false };
    limit_output(body, provider, output_tokens)
}

fn set_model(request: &mut Value, model: &str) -> bool {
    let Some(name) = request.get_mut("model") else { return false };
    *name = model.into();
    true
}

impl<F, G, D, R> fmt::Debug for JsonClient<F, G, D, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonClient").field("provider", &self.provider).finish_non_exhaustive()
    }
}
