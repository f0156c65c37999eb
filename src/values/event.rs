//! What happened, and who wants to hear it?
//!
//! Events are for people and dashboards. No budget depends on them: the ledger is right
//! whether or not anybody listens. That is why they are told after every lock is
//! released, on the thread of the command that found them, and why a panic in an observer
//! ends there.
//!
//! Two kinds of promises: a threshold ([`Event::Reached`]) is recorded in the journal and
//! told at least once, also after a crash, if the ledger is durable. All others are told
//! once or, if the process dies first, never.

use std::fmt::Debug;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::values::amount::Figure;
use crate::values::{ReservationId, ShortText, TierAction, Timestamp, Unbound, Unit};
use crate::{Scope, Usd};

/// Tells observers what happened, after every lock is released.
///
/// A threshold that is reached ([`Reached`](Self::Reached)) is told at least once: after a crash a durable ledger tells
/// it again, so whoever pages people should know it by budget, window and threshold. All others are told at most once.
/// Later versions have more events: a `match` ends in `_`.
///
/// As JSON an event is an object with its name under `event`; dollars are text (`"5.00"`), counts are numbers.
///
/// # Example: a line for a log
/// ```
/// use token_budget::{Event, Scope, Usd};
///
/// fn line(event: &Event) -> Option<String> {
///     match event {
///         Event::Reached { .. } | Event::Refused { .. } | Event::Granted { .. } => serde_json::to_string(event).ok(),
///         _ => None, // also what later versions tell
///     }
/// }
///
/// let granted = Event::Granted {
///     scope: Scope::run("fix-flaky-test")?,
///     usd: Usd::dollars(5),
///     by: "ada".into(),
///     reason: "the bug is real".into(),
/// };
/// let text = r#"{"event":"granted","scope":"run/fix-flaky-test","usd":"5.00","by":"ada","reason":"the bug is real"}"#;
/// assert_eq!(line(&granted).as_deref(), Some(text));
/// assert_eq!(line(&Event::Unpriced { model: "gpt-9".into() }), None);
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// Spent money reached a threshold for the first time in its window: once, whatever the concurrency.
    #[serde(serialize_with = "reached")]
    Reached {
        /// The budget.
        budget: ShortText,
        /// The scope that pays.
        scope: Scope,
        /// The window, as people read it: `month 2026-11`.
        window: String,
        /// What happens at the threshold.
        action: TierAction,
        /// The threshold, in the budget's unit.
        at: i64,
        /// What was spent when the threshold was found to be reached.
        spent: i64,
        /// What the budget counts.
        unit: Unit,
    },
    /// A policy with a new exemption was put in place.
    #[serde(serialize_with = "exempted")]
    Exempted {
        /// The exemption.
        exemption: ShortText,
        /// Whom it raises.
        scope: Scope,
        /// By how much, in its unit.
        raise: i64,
        /// The unit.
        unit: Unit,
        /// Who asked for it.
        requester: ShortText,
        /// Who approved it.
        approver: ShortText,
        /// Why.
        reason: ShortText,
        /// It overrides a hard stop in an emergency.
        emergency: bool,
        /// When it ends; `None` is open until removed.
        until: Option<Timestamp>,
    },
    /// A run was opened without limits, by name.
    Unlimited {
        /// The run.
        scope: Scope,
    },
    /// A person raised the dollars of a run.
    Granted {
        /// The run.
        scope: Scope,
        /// By how much.
        usd: Usd,
        /// Who granted it.
        by: ShortText,
        /// Why.
        reason: ShortText,
    },
    /// An attempt at a call was refused.
    ///
    /// Its caller need not have seen that: where the client may shorten the output, trim the prompt or fall back to another
    /// model, each of those is an attempt of its own, and the call may be admitted after this event
    /// ([`Trimmed`](Self::Trimmed) names one that was). Count refused callers by what the gate or the client returns.
    Refused {
        /// The attempt.
        id: ReservationId,
        /// Its model.
        model: ShortText,
        /// Why, in a line for people.
        reason: String,
    },
    /// A call passed that enforcement would have refused: a budget, or the whole policy, only observes.
    WouldRefuse {
        /// The attempt.
        id: ReservationId,
        /// Its model.
        model: ShortText,
        /// Why it would have been refused, in a line for people.
        reason: String,
    },
    /// A call passed though none of its scopes has a budget, because the policy or the builder says so.
    Unbound {
        /// The attempt.
        id: ReservationId,
        /// Its model.
        model: ShortText,
        /// The scopes that it names.
        scopes: Vec<Scope>,
        /// Whether it was counted or merely allowed.
        choice: Unbound,
    },
    /// A call used more than was held for it. All of it is recorded.
    Overrun {
        /// The call.
        id: ReservationId,
        /// Dollars used beyond the hold.
        usd: Usd,
        /// Tokens used beyond the hold.
        tokens: u64,
    },
    /// An answer was cut short by a limit that its request did not name: it was written in, or lowered.
    LimitReached {
        /// The call.
        id: ReservationId,
        /// Its model.
        model: ShortText,
        /// The limit of each choice, in output tokens.
        output_tokens: u64,
    },
    /// A call was admitted once old parts of its prompt were left out: its client asked for that
    /// ([`HttpBudget::trim_to_room`](crate::http::HttpBudget::trim_to_room)).
    Trimmed {
        /// The call.
        id: ReservationId,
        /// Its model.
        model: ShortText,
        /// How many messages were left out.
        messages: usize,
        /// How many whole turns they were.
        turns: usize,
        /// The prompt's tokens before, as they were estimated.
        tokens_before: u64,
        /// The prompt's tokens as it is sent.
        tokens: u64,
    },
    /// A model without a price was asked for.
    Unpriced {
        /// The model.
        model: ShortText,
    },
    /// A call is held or charged at the price of another model, as its own has none: the policy says so
    /// ([`OnUnknownModel::PricedAs`](crate::policy::OnUnknownModel::PricedAs)), or another model answered than was held for.
    PricedAs {
        /// The call.
        id: ReservationId,
        /// The model without a price.
        model: ShortText,
        /// The model whose price is assumed.
        as_model: ShortText,
    },
    /// Usage came after its hold had ended by age; it replaced what the expiry had charged.
    Late {
        /// The call.
        id: ReservationId,
    },
    /// A hold ended by age.
    Expired {
        /// The call.
        id: ReservationId,
        /// When it was due.
        due: Timestamp,
        /// Dollars it was charged.
        usd: Usd,
    },
    /// The ledger's clock stepped, as its monotonic clock does not bear out.
    ///
    /// After a step back the ledger's time stands until the clock has caught up. A step forward of more than a day is taken
    /// only after the clock has stood there for ten minutes.
    ClockJumped {
        /// Ahead; else back.
        forwards: bool,
        /// How far.
        by: Duration,
    },
    /// The clock has stayed an hour or more behind the ledger's time for ten minutes: the ledger's time stands, so windows do not
    /// end and rolling limits free nothing. Set the clock right.
    ClockStands {
        /// How far behind.
        behind: Duration,
    },
    /// A command could not be delivered and waits in the outbox.
    Undelivered {
        /// The call.
        id: ReservationId,
    },
    /// What waits in the outbox, or that it no longer waits, could not be written to its file.
    ///
    /// While the process lives nothing is lost; the next command that finds the outbox filled tries again.
    OutboxUnsaved {
        /// What the file said.
        problem: ShortText,
    },
}

/// With dollars as text, since many readers of JSON keep numbers in floating point.
#[expect(clippy::too_many_arguments, reason = "the fields of the event, in its order")]
fn reached<S: Serializer>(
    budget: &str,
    scope: &Scope,
    window: &str,
    action: &TierAction,
    at: &i64,
    spent: &i64,
    unit: &Unit,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Shown<'a> {
        budget: &'a str,
        scope: &'a Scope,
        window: &'a str,
        action: &'a TierAction,
        at: Figure<'a>,
        spent: Figure<'a>,
        unit: &'a Unit,
    }
    let (at, spent) = (Figure(unit, *at), Figure(unit, *spent));
    Shown { budget, scope, window, action, at, spent, unit }.serialize(serializer)
}

#[expect(clippy::too_many_arguments, reason = "the fields of the event, in its order")]
fn exempted<S: Serializer>(
    exemption: &str,
    scope: &Scope,
    raise: &i64,
    unit: &Unit,
    requester: &str,
    approver: &str,
    reason: &str,
    emergency: &bool,
    until: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Shown<'a> {
        exemption: &'a str,
        scope: &'a Scope,
        raise: Figure<'a>,
        unit: &'a Unit,
        requester: &'a str,
        approver: &'a str,
        reason: &'a str,
        emergency: bool,
        until: &'a Option<Timestamp>,
    }
    let (raise, emergency) = (Figure(unit, *raise), *emergency);
    Shown { exemption, scope, raise, unit, requester, approver, reason, emergency, until }
        .serialize(serializer)
}

/// Hears events. Whatever an observer does, slow or wrong, cannot hurt the books.
///
/// An observer is called on the thread of the command that found the event, after locks
/// are released. So it must not wait: put the event into a channel if it is to be sent
/// somewhere. A panic in it ends there, and only the panic hook tells of it.
///
/// # Example: one that counts refusals
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use token_budget::usage::Unit;
/// use token_budget::{Budget, Call, Enforcer, Event, Observer, Policy, Scope, Window};
///
/// #[derive(Clone, Debug, Default)]
/// struct Refusals(Arc<AtomicU32>);
///
/// impl Observer for Refusals {
///     fn observe(&self, event: &Event) {
///         if let Event::Refused { .. } = event {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let refusals = Refusals::default();
/// let none = Budget::count("key", Scope::api_key("k1")?, Unit::Requests, 0, Window::day());
/// let enforcer = Enforcer::builder().policy(Policy::new([none])?).observer(refusals.clone()).build();
///
/// let call = Call::new("gpt-4o").api_key("k1").input_tokens(10).output_tokens(10);
/// assert!(!enforcer.reserve(&call).await?.is_admitted());
/// assert_eq!(refusals.0.load(Ordering::Relaxed), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Observer: Debug + Send + Sync + 'static {
    /// Takes note of an event. Must not wait.
    fn observe(&self, event: &Event);
}
