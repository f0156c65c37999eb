//! What did a scripted provider bill, call by call?

use std::fmt;
use std::sync::Arc;

use compact_str::CompactString;

use crate::pricing::ModelPrice;
use crate::values::Conditions;
use crate::{Usage, Usd};

/// The provider's own bill: what the books are held against.
///
/// It knows nothing of budgets, holds or reports, only of what was generated.
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
    ended: u64,
    requests: u64,
    usage: Usage,
    usd: Usd,
    input_unseen: u64,
    output_unseen: u64,
    usd_unseen: Usd,
    output_hidden: u64,
}

/// One call as its provider saw it, billed or not.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BilledCall {
    /// The request's number, from 1, in the order of arrival; the answer bears it as `x-request-id: req_1`.
    pub number: u64,
    /// The model that served it.
    pub model: CompactString,
    /// On whose behalf: the request's `user`, or its `metadata.user_id`.
    pub user: Option<CompactString>,
    /// What is billed; `None` where nothing is.
    pub usage: Option<Usage>,
    /// What that costs, rounded up once.
    pub usd: Usd,
    /// How it ended.
    pub end: CallEnd,
    /// Output tokens that were handed over, of all choices; what is never shown, such as reasoning, is not.
    pub output_delivered: u64,
    /// Billed input that the client had no way to know of: the usage that it was told is wrong.
    pub input_unseen: u64,
    /// Billed output that the client had no way to count: generated ahead of a stream that broke off,
    /// hidden in an answer that does not say its usage, or left out by a wrong one.
    ///
    /// None of a whole body that never came: it is charged as it was held.
    pub output_unseen: u64,
    /// What the unseen tokens cost.
    pub usd_unseen: Usd,
    /// Output that was generated after the last that was handed over, of an answer whose client had gone: in the
    /// background, or thought at a [speed](super::Reply::hidden_speed). A client has to charge for it, so that it is
    /// unseen only as far as it came faster than the price row states.
    pub output_hidden: u64,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallEnd {
    /// Everything was handed over, faults in it included.
    Answered,
    /// It got this error status in place of an answer.
    Failed(u16),
    /// The provider reset the connection.
    Reset,
    /// The client hung up.
    HungUp,
    /// The connection ended, by whichever side, and the answer went on to its end in the background.
    LeftRunning,
}

/// How far a call had come when it ended.
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

/// Who is billed at which price.
#[derive(Clone, Debug)]
pub(super) struct Customer {
    pub(super) number: u64,
    pub(super) user: Option<CompactString>,
    pub(super) model: CompactString,
    pub(super) price: Arc<ModelPrice>,
    pub(super) conditions: Conditions,
}

impl Bill {
    /// Every call that ended, in the order in which they ended; none where only totals are kept.
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

    /// Billed input that clients had no way to know of.
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

    /// Billed output that was generated when its client had gone, in the background or in thought.
    #[must_use]
    pub fn output_hidden(&self) -> u64 {
        self.totals.output_hidden
    }

    /// The bill of those calls alone: of one user, of one model.
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

/// A usage whose output ended there.
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
