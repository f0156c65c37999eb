//! What did a scripted provider bill, call by call?
//!
//! The bill is the one figure in a test that the crate under test cannot influence: the
//! provider writes it from what it *generated*, priced by its own table. The budget books
//! must come to at least that. A client cannot see everything that is generated, so the
//! bill also says how much was out of sight: `output_unseen`, `input_unseen` and
//! `usd_unseen`.
//!
//! What a call is billed depends on how it ended:
//!
//! | end | a whole body | a stream |
//! | --- | --- | --- |
//! | answered | all of it | all of it |
//! | reset | all of it, since it was generated before it was sent | up to the last frame handed over, a frame begun included |
//! | hung up | all of it, unless it has a [`hidden_speed`](super::Reply::hidden_speed) | what the client has read and [`ahead`](super::ScriptedProvider::ahead) further |
//! | left running | all of it | all of it |
//! | an error status | nothing, unless [`billed`](super::Reply::billed) | the same |

use std::fmt;
use std::sync::Arc;

use crate::pricing::ModelPrice;
use crate::values::{Conditions, ShortText};
use crate::{Usage, Usd};

/// The provider's own bill, which the books are held against.
///
/// The bill knows nothing of budgets, holds or reports, only of what was generated. A
/// call is on it once it has ended;
/// [`ScriptedProvider::open`](super::ScriptedProvider::open) counts those that have not.
///
/// # Example: a stream hung up on is billed for what was generated
/// ```
/// use std::future::poll_fn;
/// use std::pin::Pin;
///
/// use futures_core::Stream;
/// use token_budget::testing::{CallEnd, Reply, ScriptedProvider};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// // Three tokens further than the client has read.
/// let provider = ScriptedProvider::new().ahead(3).otherwise(Reply::tokens(100).input(1_000));
/// let body = br#"{"model": "gpt-4o", "stream": true, "messages": []}"#;
/// let mut stream = provider.stream("/v1/chat/completions", body).await?;
/// for _ in 0..6 { // a frame that names the role, then five tokens
///     poll_fn(|context| Pin::new(&mut stream).poll_next(context)).await.expect("a frame")?;
/// }
/// drop(stream);
///
/// let bill = provider.bill();
/// let call = &bill.calls()[0];
/// assert_eq!((call.end, call.output_delivered, call.output_unseen), (CallEnd::HungUp, 5, 3));
/// assert_eq!(bill.usd(), "0.00258".parse()?); // 1,000 × $2.50 and 8 × $10 a million
/// assert_eq!(bill.usd_unseen(), "0.00003".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct Bill {
    calls: Vec<BilledCall>,
    totals: Totals,
}

/// The sums of a bill.
#[derive(Clone, Copy, Default, PartialEq)]
struct Totals {
    /// Calls that ended, billed or not.
    ended: u64,
    /// Calls that were billed.
    requests: u64,
    /// Everything billed, meter by meter.
    usage: Usage,
    /// What all of it costs.
    usd: Usd,
    /// Billed input that clients had no way to know of.
    input_unseen: u64,
    /// Billed output that clients had no way to count.
    output_unseen: u64,
    /// What the unseen tokens cost.
    usd_unseen: Usd,
    /// Output generated after its client had gone.
    output_hidden: u64,
}

/// One call as its provider saw it, billed or not.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BilledCall {
    /// The request's number, from 1, in the order of arrival; the answer bears it as `x-request-id: req_1`.
    pub number: u64,
    /// The model that served it.
    pub model: ShortText,
    /// On whose behalf: the request's `user`, or its `metadata.user_id`.
    pub user: Option<ShortText>,
    /// What is billed; `None` if nothing is.
    pub usage: Option<Usage>,
    /// What that costs, rounded up once.
    pub usd: Usd,
    /// How it ended.
    pub end: CallEnd,
    /// Output tokens that were handed over, of all choices. Reasoning is never handed over and so not counted here.
    pub output_delivered: u64,
    /// Billed input that the client had no way to know of: the usage that it was told is wrong.
    pub input_unseen: u64,
    /// Billed output that the client had no way to count: generated ahead of a stream that broke off,
    /// hidden in an answer that does not say its usage, or left out by a wrong one.
    ///
    /// Zero for a whole body that never came: a client charges such a call as it was held, which covers it.
    pub output_unseen: u64,
    /// What the unseen tokens cost.
    pub usd_unseen: Usd,
    /// Output that was generated after the last that was handed over, of an answer whose client had gone: in the
    /// background, or as reasoning at a [speed](super::Reply::hidden_speed).
    ///
    /// A client must charge for hidden output, by the speed that the price row states. Hidden output is also
    /// unseen only as far as it came faster than that.
    pub output_hidden: u64,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallEnd {
    /// Everything was handed over, faults in it included.
    Answered,
    /// The client got this error status in place of an answer.
    Failed(u16),
    /// The provider reset the connection.
    Reset,
    /// The client hung up.
    HungUp,
    /// The connection ended, by whichever side, and the answer was generated to its end in the background.
    LeftRunning,
}

/// How far a call had come when it ended, counted in output tokens.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    /// Tokens billed beside the input.
    pub(super) output: u64,
    /// Of these, reasoning.
    pub(super) reasoning: u64,
    /// Tokens that the client has.
    pub(super) delivered: u64,
    /// Tokens that the client could not count.
    pub(super) unseen: u64,
    /// The usage that the client was told, where it is wrong.
    pub(super) told: Option<Usage>,
    /// Tokens that were generated when nobody listened any more.
    pub(super) hidden: u64,
}

/// Who is billed, and at which price. The price is taken when the request arrives, so a
/// later price does not reprice it.
#[derive(Clone, Debug)]
pub(super) struct Customer {
    /// The request's number, in the order of arrival.
    pub(super) number: u64,
    /// On whose behalf the request came.
    pub(super) user: Option<ShortText>,
    /// The model that serves.
    pub(super) model: ShortText,
    /// Its price as of the arrival.
    pub(super) price: Arc<ModelPrice>,
    /// The tier that it is billed at.
    pub(super) conditions: Conditions,
}

impl Bill {
    /// Every call that ended, in the order in which they ended; empty if only totals are
    /// kept.
    #[must_use]
    pub fn calls(&self) -> &[BilledCall] {
        &self.calls
    }

    /// How many calls ended, billed or not.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.totals.ended
    }

    /// How many calls were billed.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.totals.requests
    }

    /// Everything billed, meter by meter.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.totals.usage
    }

    /// What everything costs.
    #[must_use]
    pub fn usd(&self) -> Usd {
        self.totals.usd
    }

    /// Billed input that clients had no way to know of, because the usage they were told
    /// is wrong.
    #[must_use]
    pub fn input_unseen(&self) -> u64 {
        self.totals.input_unseen
    }

    /// Billed output that clients had no way to count.
    #[must_use]
    pub fn output_unseen(&self) -> u64 {
        self.totals.output_unseen
    }

    /// What the unseen tokens cost.
    #[must_use]
    pub fn usd_unseen(&self) -> Usd {
        self.totals.usd_unseen
    }

    /// Billed output that was generated after its client had gone, in the background or
    /// as reasoning.
    #[must_use]
    pub fn output_hidden(&self) -> u64 {
        self.totals.output_hidden
    }

    /// The bill of those calls alone: of one user, or of one model. Needs the calls, so
    /// it is empty if only [totals](super::ScriptedProvider::totals_only) are kept.
    ///
    /// # Example: two users behind one provider
    /// ```
    /// use token_budget::testing::{Reply, ScriptedProvider};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// let provider = ScriptedProvider::new().otherwise(Reply::tokens(10).input(100));
    /// for user in ["ada", "ada", "bob"] {
    ///     let body = format!(r#"{{"model": "gpt-4o", "user": "{user}", "messages": []}}"#);
    ///     provider.call("/v1/chat/completions", body.as_bytes()).await?;
    /// }
    /// let ada = provider.bill().only(|call| call.user.as_deref() == Some("ada"));
    /// assert_eq!((ada.requests(), provider.bill().requests()), (2, 3));
    /// assert_eq!(ada.usage().output(), Some(20));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn only(&self, wanted: impl Fn(&BilledCall) -> bool) -> Self {
        let mut bill = Self::default();
        self.calls.iter().filter(|call| wanted(call)).for_each(|call| bill.add(call.clone(), true));
        bill
    }

    /// Adds a call to the sums, and to the list where that is kept.
    pub(super) fn add(&mut self, call: BilledCall, keep: bool) {
        let sum = &mut self.totals;
        sum.ended = sum.ended.saturating_add(1);
        if let Some(usage) = &call.usage {
            sum.requests = sum.requests.saturating_add(1);
            sum.usage = sum.usage.plus(usage);
        }
        // A bill beyond nine billion dollars stays there.
        sum.usd = sum.usd.checked_add(call.usd).unwrap_or(Usd::MAX);
        sum.input_unseen = sum.input_unseen.saturating_add(call.input_unseen);
        sum.output_unseen = sum.output_unseen.saturating_add(call.output_unseen);
        sum.usd_unseen = sum.usd_unseen.checked_add(call.usd_unseen).unwrap_or(Usd::MAX);
        sum.output_hidden = sum.output_hidden.saturating_add(call.output_hidden);
        if keep {
            self.calls.push(call);
        }
    }
}

impl BilledCall {
    /// A call that is billed for its input and that progress.
    ///
    /// What the client *could* know is a second usage: what it was told, if that is
    /// whole, else what it could count. Unseen is the difference, meter by meter, and
    /// never below zero, since a client that is told too much overcharges and misses
    /// nothing.
    pub(super) fn billed(customer: Customer, whole: &Usage, end: CallEnd, progress: Progress) -> Self {
        let usage = up_to(whole, progress.output, progress.reasoning);
        let known = match progress.told {
            // Where it leaves a part out, the call is charged as held, and nothing is unseen.
            Some(told) if told.is_complete() => told.clamped().0,
            _ => {
                let output = progress.output.saturating_sub(progress.unseen);
                up_to(whole, output, progress.reasoning)
            }
        };
        let unseen = |billed: Option<u64>, known: Option<u64>| {
            billed.unwrap_or(0).saturating_sub(known.unwrap_or(u64::MAX))
        };
        let usd = customer.cost(&usage);
        let usd_unseen = if known == usage {
            Usd::ZERO
        } else {
            usd.checked_sub(customer.cost(&known)).unwrap_or_default()
        };
        Self {
            usage: Some(usage),
            usd,
            input_unseen: unseen(usage.input(), known.input()),
            output_unseen: unseen(usage.output(), known.output()),
            usd_unseen: usd_unseen.max(Usd::ZERO),
            output_hidden: progress.hidden,
            ..Self::unbilled(customer, end, progress.delivered)
        }
    }

    /// A call that costs nothing.
    pub(super) fn unbilled(customer: Customer, end: CallEnd, delivered: u64) -> Self {
        Self {
            number: customer.number,
            model: customer.model,
            user: customer.user,
            usage: None,
            usd: Usd::ZERO,
            end,
            output_delivered: delivered,
            input_unseen: 0,
            output_unseen: 0,
            usd_unseen: Usd::ZERO,
            output_hidden: 0,
        }
    }
}

impl Customer {
    /// The provider's price of that usage, which is whole and in the normal form.
    fn cost(&self, usage: &Usage) -> Usd {
        // More than can be counted is the most that can.
        self.price.cost(usage, &self.conditions).map_or(Usd::MAX, |cost| cost.total())
    }
}

/// The whole usage with its output cut there; reasoning is generated first, so it is cut
/// last.
fn up_to(whole: &Usage, output: u64, reasoning: u64) -> Usage {
    let usage = whole.with_output(output);
    if whole.reasoning().is_some() { usage.with_reasoning(reasoning.min(output)) } else { usage }
}

impl fmt::Debug for Bill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Totals { ended, requests, usage, usd, output_unseen, usd_unseen, .. } = &self.totals;
        write!(f, "Bill of {ended} calls, {requests} billed: {usd} USD for {usage:?}")?;
        write!(f, ", of which {output_unseen} output tokens and {usd_unseen} USD unseen")
    }
}
