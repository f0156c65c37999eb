//! How does a run wait for a person, and how does that person answer?
//!
//! A run that lacks dollars says how many are missing, and waits for a grant or a stop. Which it waits for is compared with what
//! was granted *before* the call was judged, so a grant that comes between the refusal and the wait is not slept through.
//!
//! What is missing is the least that makes the refused call fit: with a limit of 10 cents, 0 spent and a call of 15, it is 5. Nobody
//! is asked where a grant would not help: a second budget refuses too, or the dollars are a carved part.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use super::RunGuard;
use super::admit::Seat;
use super::level::{Level, Sleeper, State};
use super::limits::{GRANTED, OnLimit, USD, line};
use super::post::{amounts, bind, record};
use super::report::RunReport;
use crate::ledger::{Answer, Attribution, FrozenScope};
use crate::policy::is_run_line;
use crate::values::{Refusal, RefusalKind, Unit};
use crate::{Admission, Call, Decision, Error, Event, Reservation, Scope, Usd};

/// What an agent's next step may be.
///
/// `Over` and `Refused` differ in what to do next: a run that is over stays so, a refused one may ask again later.
#[derive(Debug)]
#[must_use = "dropping a turn gives the room back"]
pub enum Turn {
    /// Room is held: send the call, on the model that the reservation names.
    Go(Reservation),
    /// The run's dollars do not suffice, and it was told to [ask](OnLimit::Ask).
    Ask(Paused),
    /// The run cannot go on; this is what it did.
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
    levels: Vec<Arc<Level>>,
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

    /// Waits for a grant or a stop. It needs no runtime, and hears at once of what is done in this process.
    ///
    /// Of an answer given in another process it hears when a call or a report here finds it in the ledger.
    pub async fn answer(&self) -> PauseAnswer {
        // Each who waits has a place of its own, and is woken.
        let sleeper = Sleeper::of(self.levels.clone());
        poll_fn(|context| {
            let mut levels = sleeper.levels.iter();
            let found = levels.find_map(|level| {
                let is_own = level.scope == self.run;
                level.look_or_sleep(sleeper.key, context.waker(), |state| self.answered(is_own, state))
            });
            found.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    fn answered(&self, is_own: bool, state: &State) -> Option<PauseAnswer> {
        let more = state.granted.saturating_sub(self.granted);
        if let Some(mark) = Level::ended(state) {
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
            let granted = self.run.level.look(|state| state.granted);
            let decision = match self.reserve(call).await? {
                Admission::Admitted(reservation) => return Ok(Turn::Go(reservation)),
                Admission::Refused(decision) => decision,
            };
            if let Some(missing) = self.seat().missing(&decision) {
                let run = self.scope().clone();
                let levels = self.run.levels();
                return Ok(Turn::Ask(Paused { run, missing, decision, granted, levels }));
            }
            let report = self.report().await?;
            Ok(if report.over.is_some() { Turn::Over(Box::new(report)) } else { Turn::Refused(decision) })
        })
    }

    /// Raises the run's own dollar limit by so much, for good.
    ///
    /// The raise is a posting in the run's books, signed and in the journal, and so as durable as the ledger:
    /// whoever opens the run again finds it, and guards elsewhere find it when they are short. A run with carved
    /// dollars has no more than its part: grant its parent, and begin another.
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
            let call = self.run.call_for([scope.clone()]);
            let lines = vec![line(GRANTED, scope, Unit::Usd, None)];
            let binding = bind(&self.enforcer, &call, lines, |bound| is_run_line(bound.account.budget()))?;
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
