//! How does a run wait for a person, and how does that person answer?
//!
//! A run whose dollars do not suffice for a call says how many are missing, and waits for a grant or a stop. The wait begins from
//! what was granted *before* the call was judged: a grant that is made between the refusal and the wait ends the wait at once.
//!
//! What is missing is the least grant with which the refused call fits: a limit of 10 cents, nothing spent, a call of 15: 5 cents. A
//! person is asked only where a grant would help: not where another budget refuses as well, and not where the run's dollars are a
//! carved part.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use super::admit::Seat;
use super::guard::RunGuard;
use super::limits::{GRANTED, OnLimit, USD, line};
use super::live::Sleeper;
use super::opened::{LiveRun, RunFacts};
use super::post::{amounts, bind_own, record};
use super::report::RunReport;
use crate::ledger::{Answer, Attribution, FrozenScope};
use crate::values::{Refusal, RefusalKind, Unit};
use crate::{Admission, Call, Decision, Error, Event, Reservation, Scope, Usd};

/// What an agent's next step may be.
///
/// `Over` and `Refused` differ in what to do next. A run that is over has no room of its own for this call, and waiting brings none:
/// report, and [close](RunGuard::close) it. A refused one may ask again later.
///
/// Nobody closes a run but its caller. So after an `Over` for want of dollars or tokens a smaller call may still go, and the
/// [final call](RunGuard::reserve_final) may use what was kept back; after a stop, a close or the end of its time none does.
///
/// # Example: over for a long answer, not for a short one
/// ```
/// use token_budget::run::Turn;
/// use token_budget::{Call, Enforcer, RunGuard, Usd};
///
/// let enforcer = Enforcer::builder().build();
/// let run = RunGuard::builder("run-42").usd(Usd::cents(10)).open(&enforcer).wait()?;
/// let call = Call::new("gpt-4o").input_tokens(0);
///
/// let Turn::Over(report) = run.turn(&call.clone().output_tokens(15_000)).wait()? else { panic!("15 of 10 cents") };
/// assert_eq!(report.left.usd, Some(Usd::cents(10)));
/// let Turn::Go(short) = run.turn(&call.output_tokens(5_000)).wait()? else { panic!("5 of 10 cents") };
/// # drop(short);
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "dropping a turn gives the room back"]
pub enum Turn {
    /// Room is held: send the call, on the model that the reservation names.
    Go(Reservation),
    /// The run's dollars do not suffice, and it was told to [ask](OnLimit::Ask).
    Ask(Paused),
    /// The run cannot go on with this call; this is what it did, and why.
    Over(Box<RunReport>),
    /// Somebody else's budget refuses, or calls in flight hold the room: the run may go on later.
    Refused(Box<Decision>),
}

/// A run that waits for a person's answer.
///
/// # Example: a person grants what is missing
/// ```
/// use token_budget::ledger::Attribution;
/// use token_budget::run::{OnLimit, Turn};
/// use token_budget::{Call, Enforcer, RunGuard, Usd};
///
/// let enforcer = Enforcer::builder().build();
/// let run = RunGuard::builder("run-42").usd(Usd::cents(10)).on_limit(OnLimit::Ask).open(&enforcer).wait()?;
/// let call = Call::new("gpt-4o").input_tokens(0).output_tokens(15_000); // 15 cents
///
/// let Turn::Ask(paused) = run.turn(&call).wait()? else { panic!("ten cents do not suffice") };
/// assert_eq!(paused.missing(), Usd::cents(5));
/// run.grant(paused.missing(), Attribution::new("ada", "it is nearly done")).wait()?; // elsewhere: `paused.answer().await`
/// assert!(matches!(run.turn(&call).wait()?, Turn::Go(_)));
/// # Ok::<(), token_budget::Error>(())
/// ```
pub struct Paused {
    run: Scope,
    missing: Usd,
    decision: Box<Decision>,
    /// What was granted before the call was refused.
    granted: i64,
    /// The run first, then those above it.
    live: Vec<Arc<LiveRun>>,
}

impl fmt::Debug for Paused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Paused({}, {} USD missing)", self.run, self.missing)
    }
}

/// What a person decided about a run that waited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PauseAnswer {
    /// So many dollars more: ask for the call again.
    Granted(Usd),
    /// It is over: the run, or one above it, was stopped.
    Stopped(FrozenScope),
}

impl Paused {
    /// The run that waits.
    #[must_use]
    pub fn run(&self) -> &str {
        self.run.name()
    }

    /// The least that must be granted for the call to fit, if nothing else changes.
    #[must_use]
    pub fn missing(&self) -> Usd {
        self.missing
    }

    /// The whole refusal.
    #[must_use]
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// Waits for a grant or a stop, without a runtime.
    ///
    /// An answer given in this process ends the wait at once; one given in another process, once a call or a report
    /// here finds it in the ledger.
    pub async fn answer(&self) -> PauseAnswer {
        // Each who waits has a place of its own, and is woken.
        let sleeper = Sleeper::of(self.live.clone());
        poll_fn(|context| {
            let found = sleeper.runs.iter().find_map(|run| {
                let is_own = run.scope == self.run;
                run.look_or_sleep(sleeper.key, context.waker(), |facts| self.answered(is_own, facts))
            });
            found.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    fn answered(&self, is_own: bool, facts: &RunFacts) -> Option<PauseAnswer> {
        let more = facts.granted.saturating_sub(self.granted);
        if let Some(mark) = facts.ended() {
            return Some(PauseAnswer::Stopped(mark));
        }
        (is_own && more > 0).then(|| PauseAnswer::Granted(Usd::from_nanos(more)))
    }
}

impl RunGuard {
    /// Asks for the agent's next step: room for the call, a person, or the end with a report.
    ///
    /// # Errors
    /// As [`reserve`](Self::reserve).
    pub fn turn<'a>(&'a self, call: &'a Call) -> Answer<'a, Turn> {
        Answer::walk(async move {
            // Read before the call is judged: a grant made between a refusal and the wait is heard.
            let granted = self.run.live.look(|facts| facts.granted);
            let decision = match self.reserve(call).await? {
                Admission::Admitted(reservation) => return Ok(Turn::Go(reservation)),
                Admission::Refused(decision) => decision,
            };
            if let Some(missing) = self.seat().missing(&decision) {
                let run = self.scope().clone();
                let live = self.run.live_chain();
                return Ok(Turn::Ask(Paused { run, missing, decision, granted, live }));
            }
            let report = self.report().await?;
            Ok(if report.over.is_some() { Turn::Over(Box::new(report)) } else { Turn::Refused(decision) })
        })
    }

    /// Raises the run's own dollar limit by so much, for good.
    ///
    /// The raise is a signed posting in the run's books, and as durable as the ledger. Whoever opens the run again
    /// finds it; a guard in another process finds it when a call lacks dollars. A run with carved dollars has its part
    /// and no more: grant its parent, and begin another child.
    ///
    /// # Errors
    /// `Invalid` for a raise that is not above zero, and for a run without a dollar limit or with carved dollars;
    /// `LedgerUnavailable` when the ledger cannot be reached.
    pub fn grant(&self, raise: Usd, attribution: Attribution) -> Answer<'_, ()> {
        Answer::walk(async move {
            let is_carved = self.run.carve.as_ref().is_some_and(|carve| carve.unit == Unit::Usd);
            let problem = if raise <= Usd::ZERO {
                Some("is not above zero")
            } else if is_carved {
                Some("cannot be given to a run with carved dollars; grant its parent")
            } else if self.run.limits.usd.is_none() {
                Some("has nothing to raise: the run has no dollar limit")
            } else {
                None
            };
            if let Some(problem) = problem {
                return Err(Error::invalid("grant", problem));
            }
            let scope = self.scope();
            let lines = vec![line(GRANTED, scope, Unit::Usd, None)];
            let binding = bind_own(&self.enforcer, &self.run.call_for([scope.clone()]), lines)?;
            let core = self.enforcer.core();
            let posted = amounts(&binding, |_| raise.nanos());
            record(core, &binding, &posted, None, &attribution).await?;
            let Attribution { by, reason } = attribution;
            core.tell(&Event::Granted { scope: scope.clone(), usd: raise, by, reason });
            self.seat().learn_grants().await
        })
    }
}

impl Seat<'_> {
    /// What a person would have to grant for that call, where the run asks and nothing else refuses.
    pub(super) fn missing(self, decision: &Decision) -> Option<Usd> {
        let carved = self.run.carve.as_ref().is_some_and(|carve| carve.unit == Unit::Usd);
        if self.run.on_limit == OnLimit::End || carved {
            return None;
        }
        let is_own = |refusal: &Refusal| {
            refusal.budget == USD
                && refusal.scope.as_ref() == Some(self.scope())
                && matches!(refusal.kind, RefusalKind::RunLimit | RefusalKind::KeptBack)
        };
        match decision.refusals().as_slice() {
            [refusal] if is_own(refusal) => {
                let used = refusal.spent.saturating_add(refusal.reserved).saturating_add(refusal.requested);
                Some(Usd::from_nanos(used.saturating_sub(refusal.ceiling)))
            }
            _ => None,
        }
    }
}
