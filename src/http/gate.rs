//! May this request go out, and as what?
//!
//! The gate is the only place with rules. Layer, middleware and proxies by hand bring
//! requests to it and carry out what it rules. It reads everything from the request
//! itself: the seller from the host, the API from the path, the model, limits and options
//! from the body; only *who pays* is the application's to say.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::exchange::Admitted;
use super::head::RequestHead;
use super::polls::Polls;
use super::refusal::{Denial, HttpRefusal};
use super::route::Route;
use super::sellers::TAKE_STREAM_OPTIONS;
use crate::Call;
use crate::enforcer::{Fitting, ForRequests};
use crate::stream::StreamOptions;
use crate::tokens::Trim;
use crate::values::{OnNoLimit, ShortText};

type Charging = dyn Fn(&RequestHead<'_>) -> Result<Call, Denial> + Send + Sync;
type Naming = dyn Fn(&RequestHead<'_>) -> Option<ShortText> + Send + Sync;

/// Keeps budgets on HTTP requests: rules on each request, and meters what comes back.
///
/// A request to a known path of any provider's API is read, held for in every budget that
/// binds, and charged by what its answer says. The provider is found by the host, the
/// model by the path or the body. Requests that generate nothing (lists, files, counting
/// tokens) pass.
///
/// A refusal is an HTTP answer in the provider's own shape:
///
/// | status | when |
/// | --- | --- |
/// | 402 | a budget is exhausted, the call can never fit, the scope is frozen, no budget binds the call, its input was never said, or a fee has no rate |
/// | 404 | the model has no price, and nothing else refuses: `model_not_found`, as the provider would say it |
/// | 429 with `Retry-After` | as 402, but room is back within a minute ([`waiting_at_most`](Self::waiting_at_most)) |
/// | 503 | the ledger cannot be reached |
/// | 500 | the budget could not be asked for another reason: a sum that does not fit |
/// | 400, 413 | a body that cannot be read, can be read in two ways, cannot be limited, or is too large |
/// | 400, 401, 403 | the application's own [`Denial`]; 403 also for a path whose cost nobody here can tell (the message says why) or that servers read in different ways ([`fold_path`](super::fold_path)), and for a header that asks for another method |
///
/// If the whole policy observes
/// ([`Policy::observes_only`](crate::Policy::observes_only)), a path whose cost cannot be
/// told and a body that cannot be held for pass unmetered, with an event
/// ([`Event::WouldRefuse`](crate::Event::WouldRefuse)), and nothing is written into a
/// body. Some requests stay refused, because no budget decides them: the application's
/// own denial, a body too large to be read, and a path or header that servers read in
/// different ways. What is charged to a run is refused as well, because the run's own
/// limits hold all the same.
///
/// Official clients retry 429 and 503. Every other refusal says `x-should-retry: false`,
/// and the official clients of OpenAI and Anthropic obey it.
///
/// # Example: who pays is read off a header
/// ```
/// use token_budget::call::ScopeKind;
/// use token_budget::http::{Denial, HttpBudget};
/// use token_budget::stream::StreamOptions;
/// use token_budget::{Budget, Call, Enforcer, Policy, Usd, Window};
///
/// let users = Budget::each_usd("users", ScopeKind::User, Usd::dollars(5), Window::day());
/// let enforcer = Enforcer::builder().policy(Policy::new([users])?).build();
/// let gate = HttpBudget::new(enforcer, |head| match head.api_key() {
///     Some("key-of-ada") => Ok(Call::charging().team("search").user("ada")),
///     _ => Err(Denial::unauthorized("this key is not known")),
/// })
/// .streams(StreamOptions::slices(100))
/// .clamp_output();
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone)]
pub struct HttpBudget {
    pub(super) enforcer: ForRequests,
    pub(super) charging: Arc<Charging>,
    naming: Option<Arc<Naming>>,
    pub(super) streams: StreamOptions,
    pub(super) fitting: Fitting,
    pub(super) on_no_limit: Option<OnNoLimit>,
    pub(super) body_bytes_max: usize,
    pub(super) on_unknown_path: OnUnknownPath,
    pub(super) retry_within: Duration,
    pub(super) usage_hosts: Arc<[ShortText]>,
    /// Calls whose answers are made in the background.
    pub(super) polls: Arc<Polls>,
}

/// Sets what happens to a request whose path is unknown or whose cost cannot be told: a
/// batch, a run over a stored thread, something that is kept for a fee, a socket.
/// Default: refuse.
///
/// `docs/PROVIDERS.md` lists which paths are known, and why each is metered, passed or
/// refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnUnknownPath {
    /// The request is refused with 403, because whatever costs money behind it would be in no book. If the whole
    /// policy observes, it passes with an event.
    #[default]
    Refuse,
    /// The request passes, unmetered. Choose this only for hosts whose other paths you know.
    Pass,
}

/// What the caller must do with a request.
#[derive(Debug)]
#[must_use = "an admitted request that is dropped gives its room back"]
pub enum Ruling {
    /// Send the request as it is, and hand its answer on as it comes: it is billed nothing, or nobody asked to know.
    Pass,
    /// Answer the client with this; do not send the request.
    Refused(HttpRefusal),
    /// Send the request: room is held for it.
    Admitted(Box<Admitted>),
}

impl HttpBudget {
    /// The largest request body that is read, unless set otherwise: 32 MiB, the largest
    /// that a provider takes.
    pub const BODY_BYTES: usize = 32 << 20;

    /// Keeps the budgets of `enforcer`; `charging` says who pays for a request.
    ///
    /// The call that `charging` returns needs scopes and tags only; the body completes
    /// it: prompt, output limit, choices, tier. A model or provider that `charging` names
    /// stands, and is what the call is priced as. `charging` sees the head only, and runs
    /// before the body is read.
    pub fn new(
        enforcer: impl Into<ForRequests>,
        charging: impl Fn(&RequestHead<'_>) -> Result<Call, Denial> + Send + Sync + 'static,
    ) -> Self {
        Self {
            enforcer: enforcer.into(),
            charging: Arc::new(charging),
            naming: None,
            streams: StreamOptions::default(),
            fitting: Fitting::default(),
            on_no_limit: None,
            body_bytes_max: Self::BODY_BYTES,
            polls: Arc::default(),
            on_unknown_path: OnUnknownPath::default(),
            retry_within: Duration::from_secs(60),
            usage_hosts: TAKE_STREAM_OPTIONS.iter().map(|host| ShortText::from(*host)).collect(),
        }
    }

    /// Sets how streams are held and metered. Default: held for their whole output limit.
    #[must_use]
    pub fn streams(mut self, options: StreamOptions) -> Self {
        self.streams = options;
        self
    }

    /// Writes into every body the output limit that its hold covers; a request that
    /// cannot be limited is refused with 400.
    #[must_use]
    pub fn clamp_output(mut self) -> Self {
        self.fitting = self.fitting.clamping();
        self
    }

    /// Sets what happens to requests that name no output limit. Default: what the
    /// enforcer was built with, which is to write a limit into the body.
    ///
    /// A signed body, and Bedrock's Invoke, are never changed: they are held for the most
    /// that the model generates.
    #[must_use]
    pub fn on_no_limit(mut self, choice: OnNoLimit) -> Self {
        self.on_no_limit = Some(choice);
        self
    }

    /// Shortens the output of a request that has no room to what is affordable, but not
    /// below that many tokens.
    #[must_use]
    pub fn fit_to_room(mut self, output_tokens_min: u64) -> Self {
        self.fitting = self.fitting.to_room(output_tokens_min);
        self
    }

    /// Refuses larger request bodies with 413, and reads no larger answers. 32 MiB is the
    /// most that can be set.
    #[must_use]
    pub fn largest_body(mut self, bytes: usize) -> Self {
        self.body_bytes_max = bytes.min(Self::BODY_BYTES);
        self
    }

    /// Where a request has no room even so, leaves old parts of its conversation out until it fits.
    ///
    /// Its output is shortened first, where [`fit_to_room`](Self::fit_to_room) allows that; beside the shorter prompt it
    /// gets what is left. [`RequestShape::trim`](crate::tokens::RequestShape::trim) says what stays; what was left out is named by
    /// [`Receipt::trimmed`](crate::Receipt::trimmed) and an event ([`Event::Trimmed`](crate::Event::Trimmed)). What is
    /// signed, and Bedrock's Invoke, are never changed, and where all observe nothing is. A refusal says why trimming did
    /// not help.
    ///
    /// ```
    /// # use token_budget::http::{HttpBudget, RequestHead, Ruling};
    /// # use token_budget::tokens::Trim;
    /// # use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usd, Window};
    /// let day = Budget::usd("search", Scope::team("search")?, "0.001".parse()?, Window::day());
    /// let enforcer = Enforcer::builder().policy(Policy::new([day])?).build();
    /// let gate = HttpBudget::new(enforcer, |_| Ok(Call::charging().team("search"))).trim_to_room(Trim::OldestFirst);
    ///
    /// // A tenth of a cent pays for 200 tokens of input beside 50 of output: $2.50 and $10 a million.
    /// let body = format!(
    ///     r#"{{"model": "gpt-4o", "max_tokens": 50, "messages": [
    ///         {{"role": "user", "content": "{}"}},
    ///         {{"role": "assistant", "content": "I see."}},
    ///         {{"role": "user", "content": "Go on."}}]}}"#,
    ///     "Once upon a time. ".repeat(100)
    /// );
    /// let head = RequestHead::new("POST", "api.openai.com", "/v1/chat/completions", &[("", ""); 0]);
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// let Ruling::Admitted(mut admitted) = gate.admit(&head, body.as_bytes()).await else { panic!("it fits") };
    /// assert_eq!(admitted.reservation().trimmed().map(|trimmed| trimmed.messages.len()), Some(2));
    /// let sent = String::from_utf8(admitted.take_body().ok_or("a shorter body")?)?;
    /// assert!(!sent.contains("Once upon a time") && sent.contains("Go on."));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn trim_to_room(mut self, how: Trim) -> Self {
        self.fitting = self.fitting.trimming(how);
        self
    }

    /// Sets what happens to paths that are unknown or cannot be metered.
    #[must_use]
    pub fn on_unknown_path(mut self, choice: OnUnknownPath) -> Self {
        self.on_unknown_path = choice;
        self
    }

    /// Answers 429 if room is back within that time, and 402 beyond it. Default: a
    /// minute.
    ///
    /// The official clients honour a `Retry-After` of up to a minute, and otherwise retry
    /// by a clock of their own. A *rolling* minute has room again after up to 61 seconds, because what was spent leaves it
    /// one sixtieth late: a rate (`1m`) that was spent in one burst answers 402 by default. Give such a rate the
    /// calendar's `minute`, or say 61 seconds here.
    #[must_use]
    pub fn waiting_at_most(mut self, time: Duration) -> Self {
        self.retry_within = time;
        self
    }

    /// Asks that host too, and those below it, for usage at the end of OpenAI-shaped
    /// streams.
    ///
    /// The frame that the host then sends is hidden from a client that has not asked for
    /// it. Hosts that document `stream_options` are known; some others refuse a request
    /// that carries it, so try it once before you turn it on.
    #[must_use]
    pub fn inject_usage_for(mut self, host: impl Into<ShortText>) -> Self {
        self.usage_hosts = self.usage_hosts.iter().cloned().chain([host.into()]).collect();
        self
    }

    /// Names the provider of a request, as price tables do, if its host does not tell:
    /// behind a proxy or a gateway.
    #[must_use]
    pub fn provider_of(
        mut self,
        naming: impl Fn(&RequestHead<'_>) -> Option<ShortText> + Send + Sync + 'static,
    ) -> Self {
        self.naming = Some(Arc::new(naming));
        self
    }

    /// The enforcer behind the gate.
    #[must_use]
    pub fn enforcer(&self) -> &ForRequests {
        &self.enforcer
    }

    /// How large a body [`admit`](Self::admit) wants to see of such a request, in bytes;
    /// `None` if it needs none.
    ///
    /// Answer a body that turns out larger with [`too_large`](Self::too_large).
    #[must_use]
    pub fn wants_body(&self, head: &RequestHead<'_>) -> Option<usize> {
        self.route(head).want.is_billed().then_some(self.body_bytes_max)
    }

    /// The answer to a request whose body is larger than is read.
    pub fn too_large(&self, head: &RequestHead<'_>) -> HttpRefusal {
        let text = format!("the body is larger than {} bytes; nothing was sent", self.body_bytes_max);
        HttpRefusal::plain(self.route(head).dialect, 413, "request_too_large", text)
    }

    /// The answer to a request whose body did not arrive whole.
    pub fn unreadable(&self, head: &RequestHead<'_>) -> HttpRefusal {
        let text = "the body did not arrive whole; nothing was sent";
        HttpRefusal::plain(self.route(head).dialect, 400, "unreadable_request", text)
    }

    /// The application's own denial as an answer, for requests that
    /// [`admit`](Self::admit) passes without asking who pays, and that not everybody may
    /// make.
    pub fn denied(&self, head: &RequestHead<'_>, denial: Denial) -> HttpRefusal {
        HttpRefusal::denied(self.route(head).dialect, denial)
    }

    /// What the request wants, by its head.
    pub(super) fn route(&self, head: &RequestHead<'_>) -> Route {
        Route::of(head, self.naming.as_ref().and_then(|naming| naming(head)))
    }
}

impl fmt::Debug for HttpBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpBudget")
            .field("streams", &self.streams)
            .field("fitting", &self.fitting)
            .field("body_bytes_max", &self.body_bytes_max)
            .field("on_unknown_path", &self.on_unknown_path)
            .finish_non_exhaustive()
    }
}
