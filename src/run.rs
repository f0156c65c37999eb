//! How much may one run of an agent spend, and is it over?

use std::sync::Arc;
use std::time::Duration;

use compact_str::CompactString;
use parking_lot::Mutex;
use serde::Serialize;
use smallvec::SmallVec;

use crate::enforcer::{Pending, at_once};
use crate::ledger::{MarkAction, Note, Rank, Signature};
use crate::policy::{Budget, Policy, RUN_LINES};
use crate::{
    Account, Admission, Binding, Call, Caps, Decision, Enforcer, Error, Period, Prepared, Refusal,
    RefusalKind, ReservationId, Scope, Timestamp, Unit, Usd, Window,
};

/// A leash for one run of an agent: dollars, tokens, rounds, and time.
///
/// A run is its id and its books. Opening the same id again on the same
/// ledger continues it: what was spent, the rounds made, the time used and a
/// stop all stand. Every attempt that is sent counts as one round.
///
/// # Example: an agent in a loop is stopped at its limit
/// ```
/// use token_budget::{Call, Enforcer, RunGuard, Usage, Usd};
///
/// let enforcer = Enforcer::builder().build();
/// let run = RunGuard::builder("run-42").usd(Usd::dollars(1)).iterations(50).open(&enforcer)?;
///
/// // Each round costs 45 cents: 45,000 output tokens of gpt-4o.
/// let call = Call::new("gpt-4o").input_tokens(0).output_tokens(15_000).choices(3);
/// let mut rounds = 0;
/// while let Ok(reservation) = run.reserve_now(&call)?.or_refusal() {
///     reservation.send().reconcile_now(Usage::of(0, 45_000))?;
///     rounds += 1;
/// }
/// assert_eq!(rounds, 2);
/// let report = run.report_now()?;
/// assert_eq!(report.spent_usd, Usd::cents(90));
/// assert!(report.over.unwrap().contains("0.90 of 1.00 USD used, call needs 0.45"));
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Debug)]
pub struct RunGuard {
    enforcer: Enforcer,
    scope: Scope,
    /// Whom the run's calls charge beside the run.
    charge: Call,
    limits: RunLimits,
    budgets: Arc<[Arc<Budget>]>,
    /// Where the run's own figures are kept: dollars, tokens, rounds, time.
    books: Binding,
    opened: Timestamp,
    deadline: Option<Timestamp>,
    /// One for each model and charge set that the run has used.
    prepared: Mutex<Vec<(Call, Arc<Prepared>)>>,
    over: Mutex<Option<String>>,
}

/// What a run may take; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RunLimits {
    /// Dollars.
    pub usd: Option<Usd>,
    /// Input and output tokens together.
    pub tokens: Option<u64>,
    /// Attempts sent.
    pub iterations: Option<u64>,
    /// Output tokens of one attempt.
    pub output_tokens_per_iteration: Option<u64>,
    /// Time that the run is open.
    pub time: Option<Duration>,
}

/// What a run has done, and why it is over if it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunReport {
    /// The run's id.
    pub run: CompactString,
    /// Its limits.
    pub limits: RunLimits,
    /// Dollars spent.
    pub spent_usd: Usd,
    /// Dollars held for calls in flight.
    pub reserved_usd: Usd,
    /// Tokens spent, input and output.
    pub tokens: u64,
    /// Attempts that were sent and not released.
    pub iterations: u64,
    /// Time it was open, this opening included.
    pub open_for: Duration,
    /// Why it cannot go on; `None` while it can.
    pub over: Option<String>,
}

/// Says what a run may take.
#[derive(Clone, Debug)]
#[must_use]
pub struct RunGuardBuilder {
    id: CompactString,
    charge: Call,
    limits: RunLimits,
}

impl RunGuardBuilder {
    /// Limits its dollars.
    pub fn usd(mut self, limit: Usd) -> Self {
        self.limits.usd = Some(limit);
        self
    }

    /// Limits its tokens, input and output together.
    pub fn tokens(mut self, limit: u64) -> Self {
        self.limits.tokens = Some(limit);
        self
    }

    /// Limits its rounds: attempts that are sent.
    pub fn iterations(mut self, limit: u64) -> Self {
        self.limits.iterations = Some(limit);
        self
    }

    /// Limits the output tokens of each round; longer requests are held for, and must be sent with, that many.
    pub fn output_tokens_per_iteration(mut self, limit: u64) -> Self {
        self.limits.output_tokens_per_iteration = Some(limit);
        self
    }

    /// Limits the time that it is open, over all openings.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.limits.time = Some(limit);
        self
    }

    /// Charges these levels for every call of the run, beside the run itself.
    pub fn charging(mut self, charge: Call) -> Self {
        self.charge = charge;
        self
    }

    /// Opens the run, or continues it where the ledger knows its id.
    ///
    /// # Errors
    /// `Invalid` for an id or a limit that cannot be used; `Unsupported` where the ledger needs to be waited for.
    pub fn open(self, enforcer: &Enforcer) -> Result<RunGuard, Error> {
        at_once(self.open_async(enforcer))?
    }

    /// Opens the run on a ledger that needs to be waited for.
    ///
    /// # Errors
    /// `Invalid` for an id or a limit that cannot be used; `LedgerUnavailable` where the ledger is away.
    pub async fn open_async(self, enforcer: &Enforcer) -> Result<RunGuard, Error> {
        let scope = Scope::run(self.id.clone())?;
        let budgets: Arc<[Arc<Budget>]> = budgets(&scope, &self.limits).into_iter().map(Arc::new).collect();
        let opened = enforcer.now();
        let call = self.charge.clone().with_model("-").scope(scope.clone());
        // Only the run's own lines: its figures, not those of who pays beside it.
        budgets.iter().try_for_each(|budget| budget.check())?;
        let books = Policy::default().bind_with(&call.only(&scope), &budgets, opened)?;
        let mut guard = RunGuard {
            enforcer: enforcer.clone(),
            scope,
            charge: self.charge,
            limits: self.limits,
            budgets,
            books,
            opened,
            deadline: None,
            prepared: Mutex::new(Vec::new()),
            over: Mutex::new(None),
        };
        if let Some(time) = self.limits.time {
            let used = guard.balances().await?.time_before;
            guard.deadline = Some(opened + time.saturating_sub(used));
        }
        Ok(guard)
    }
}

/// The run's limits as budgets of its own scope, for its whole life.
fn budgets(scope: &Scope, limits: &RunLimits) -> Vec<Budget> {
    let count = |limit: Option<u64>| limit.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX));
    let caps = Caps { tokens_output: limits.output_tokens_per_iteration, ..Caps::default() };
    // A figure without a limit is kept as well: the report wants it.
    let [usd, tokens, iterations, time] = RUN_LINES;
    let lines = [
        (usd, Unit::Usd, limits.usd.map(Usd::nanos)),
        (tokens, Unit::Tokens, count(limits.tokens)),
        (iterations, Unit::Iterations, count(limits.iterations)),
        (time, Unit::TimeMs, None),
    ];
    let budget = |(id, unit, limit)| {
        Budget::new(id, scope.clone().into(), unit, limit, Window::lifetime()).per_call(caps)
    };
    lines.into_iter().map(budget).collect()
}

/// The run's figures in the ledger.
struct Figures {
    usd: (i64, i64),
    tokens: i64,
    iterations: i64,
    time_before: Duration,
}

impl RunGuard {
    /// Begins a guard for the run of that id.
    pub fn builder(id: impl Into<CompactString>) -> RunGuardBuilder {
        RunGuardBuilder { id: id.into(), charge: Call::charging(), limits: RunLimits::default() }
    }

    /// The run's id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.scope.name()
    }

    /// Holds room for a call of the run, in its own limits and in every budget that binds it.
    ///
    /// The levels named by [`charging`](RunGuardBuilder::charging) pay beside those that the call names.
    ///
    /// # Errors
    /// As [`Enforcer::reserve`].
    pub async fn reserve(&self, call: &Call) -> Result<Admission, Error> {
        let call = &self.charged(call)?;
        let prepared = self.prepared_for(call)?;
        let now = self.enforcer.now();
        if let Some(deadline) = self.deadline.filter(|deadline| now >= *deadline) {
            let decision = self.out_of_time(&prepared, deadline, now).await?;
            return Ok(self.refused(decision));
        }
        match prepared.reserve_call(call).await? {
            Admission::Refused(decision) => Ok(self.refused(decision)),
            admitted => Ok(admitted),
        }
    }

    /// The same without a runtime, for ledgers that answer at once.
    ///
    /// # Errors
    /// As [`Enforcer::reserve_now`].
    pub fn reserve_now(&self, call: &Call) -> Result<Admission, Error> {
        at_once(self.reserve(call))?
    }

    /// Stops the run: every later call that carries it is refused with this reason. Calls in flight are recorded.
    ///
    /// A second stop changes nothing; the first reason stays.
    ///
    /// # Errors
    /// `LedgerUnavailable` when the ledger cannot be reached.
    pub async fn stop(&self, signature: Signature) -> Result<(), Error> {
        let reply = self
            .enforcer
            .mark(self.charge.organization_name(), &self.scope, MarkAction::Stop, &signature)
            .await?;
        if !reply.repeated {
            *self.over.lock() = Some(format!("stopped by {}: {}", signature.by, signature.reason));
        }
        Ok(())
    }

    /// The same without a runtime, for ledgers that answer at once.
    ///
    /// # Errors
    /// As [`stop`](Self::stop).
    pub fn stop_now(&self, signature: Signature) -> Result<(), Error> {
        at_once(self.stop(signature))?
    }

    /// What the run has done so far, and why it is over if it is.
    ///
    /// # Errors
    /// `LedgerUnavailable` when the ledger cannot be reached.
    pub async fn report(&self) -> Result<RunReport, Error> {
        let figures = self.balances().await?;
        let count = |figure: i64| u64::try_from(figure).unwrap_or(0);
        Ok(RunReport {
            run: self.id().into(),
            limits: self.limits,
            spent_usd: Usd::from_nanos(figures.usd.0),
            reserved_usd: Usd::from_nanos(figures.usd.1),
            tokens: count(figures.tokens),
            iterations: count(figures.iterations),
            open_for: figures.time_before.saturating_add(self.enforcer.now().since(self.opened)),
            over: self.over.lock().clone(),
        })
    }

    /// The same without a runtime, for ledgers that answer at once.
    ///
    /// # Errors
    /// As [`report`](Self::report).
    pub fn report_now(&self) -> Result<RunReport, Error> {
        at_once(self.report())?
    }

    /// Ends the run in good order: calls that come later are refused.
    ///
    /// # Errors
    /// `LedgerUnavailable` when the ledger cannot be reached.
    pub async fn close(self) -> Result<RunReport, Error> {
        let report = self.report().await?;
        let signature = Signature::new("run", "the run was closed");
        self.enforcer
            .mark(self.charge.organization_name(), &self.scope, MarkAction::Close, &signature)
            .await?;
        Ok(report)
    }

    fn refused(&self, decision: Box<Decision>) -> Admission {
        // What the run's own scope refuses ends the run; a team's empty month does not.
        // Calls in flight may yet cost less: they end nothing.
        let own = |refusal: &&Refusal| {
            refusal.scope.as_ref() == Some(&self.scope) && refusal.kind != RefusalKind::InFlight
        };
        if let Some(refusal) = decision.refusals().iter().find(own) {
            self.over.lock().get_or_insert_with(|| refusal.to_string());
        }
        Admission::Refused(decision)
    }

    /// The call with everybody who pays for it: whom the run charges, and the run.
    fn charged(&self, call: &Call) -> Result<Call, Error> {
        // Its limits stand in the books of one organisation, and so must its calls.
        if call.organization_name().is_some_and(|name| Some(name) != self.charge.organization_name()) {
            return Err(Error::invalid(
                "call: organization",
                "is not the one that the run was opened to charge",
            ));
        }
        Ok(self.charge.scopes().iter().cloned().fold(call.clone(), Call::scope).scope(self.scope.clone()))
    }

    fn prepared_for(&self, call: &Call) -> Result<Arc<Prepared>, Error> {
        let mut known = self.prepared.lock();
        if let Some((_, prepared)) = known.iter().find(|(known, _)| known.same_charge(call)) {
            return Ok(Arc::clone(prepared));
        }
        let prepared = Arc::new(self.enforcer.prepare_with(call, Arc::clone(&self.budgets))?);
        if known.len() >= PREPARED_MAX {
            known.remove(0);
        }
        known.push((call.without_input(), Arc::clone(&prepared)));
        Ok(prepared)
    }

    async fn out_of_time(
        &self,
        prepared: &Prepared,
        deadline: Timestamp,
        now: Timestamp,
    ) -> Result<Box<Decision>, Error> {
        let milliseconds = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        let limit = milliseconds(self.limits.time.unwrap_or_default());
        let refusal = Refusal {
            budget: "run time".into(),
            scope: Some(self.scope.clone()),
            window: "lifetime".into(),
            unit: Unit::TimeMs,
            limit: Some(limit),
            ceiling: limit,
            spent: limit.saturating_add(milliseconds(now.since(deadline))),
            reserved: 0,
            requested: 1,
            kind: RefusalKind::RunLimit,
        };
        prepared.refused_by(refusal, now).await
    }

    async fn balances(&self) -> Result<Figures, Error> {
        let lines: Vec<(Account, Period)> =
            self.books.bound.iter().map(|bound| (bound.account.clone(), bound.period)).collect();
        let ledger = self.enforcer.ledger();
        let balances = match ledger.immediate() {
            Some(immediate) => immediate.balances(immediate.now(), &lines)?,
            None => ledger.balances(&lines).await?,
        };
        let mut figures = Figures { usd: (0, 0), tokens: 0, iterations: 0, time_before: Duration::ZERO };
        for (bound, balance) in self.books.bound.iter().zip(balances) {
            match bound.account.unit() {
                Unit::Usd => figures.usd = (balance.spent, balance.reserved),
                Unit::Tokens => figures.tokens = balance.spent,
                Unit::Iterations => figures.iterations = balance.spent,
                _ => figures.time_before = Duration::from_millis(u64::try_from(balance.spent).unwrap_or(0)),
            }
        }
        Ok(figures)
    }
}

/// How many charge sets of one run are kept resolved.
const PREPARED_MAX: usize = 16;

impl Drop for RunGuard {
    fn drop(&mut self) {
        // The time it was open is posted like any usage, so that the next opening finds it.
        let open = self.enforcer.now().since(self.opened);
        let charge = |unit: &Unit| match unit {
            Unit::TimeMs => i64::try_from(open.as_millis()).unwrap_or(i64::MAX),
            _ => 0,
        };
        let amounts: SmallVec<[i64; 8]> =
            self.books.bound.iter().map(|bound| charge(bound.account.unit())).collect();
        self.enforcer.core().end_without_waiting(Pending::Reconcile {
            id: ReservationId::generate(self.enforcer.now()),
            binding: Arc::new(self.books.clone()),
            amounts,
            held: SmallVec::new(),
            correction: None,
            rank: Rank::Reported,
            note: Note::default(),
        });
    }
}
