//! How is a run opened, or continued?
//!
//! Opening is one path for both. The books say whether the run was opened before (`written`). If it was, their limits stand, and
//! this opening names the same or none; if not, this opening's limits are written, once, whoever else opens it at that moment.
//! Then the guard reads what was granted and how much time was used, and begins to watch.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::end::End;
use super::figures::LineBalances;
use super::guard::RunGuard;
use super::limits::{GRANTED, KeptBack, OnLimit, RunLimits, TIME};
use super::live::Live;
use super::opened::{Opened, Rungs};
use super::reach;
use super::saved::RunState;
use super::written::AskedLimits;
use crate::enforcer::ForRequests;
use crate::ledger::Answer;
use crate::values::{ShortText, Timestamp, Unit};
use crate::{Call, Enforcer, Error, Event, Scope, Usd};

/// Says what a run may take.
///
/// Limits that are not set do not bind, and a run that sets none is refused unless it says so by name
/// ([`RunLimits::none`]). Every limit counts what runs below it take as well.
///
/// # Example: the run continues where it was
/// ```
/// use token_budget::{Call, Enforcer, ErrorKind, RunGuard, Usage, Usd};
///
/// let enforcer = Enforcer::builder().build();
/// let run = RunGuard::builder("run-42").usd(Usd::dollars(1)).iterations(50).open(&enforcer).wait()?;
/// let call = Call::new("gpt-4o").input_tokens(0).output_tokens(10_000); // ten cents
/// run.reserve(&call).wait()?.or_refusal()?.send().reconcile(Usage::of(0, 10_000)).wait()?;
/// drop(run);
///
/// let again = RunGuard::builder("run-42").open(&enforcer).wait()?; // names no limit: those that stand
/// assert_eq!(again.limits().usd, Some(Usd::dollars(1)));
/// assert_eq!(again.report().wait()?.spent_usd, Usd::cents(10));
///
/// let other = RunGuard::builder("run-42").usd(Usd::dollars(2)).open(&enforcer).wait();
/// assert_eq!(other.unwrap_err().kind(), ErrorKind::Conflict); // only a signed grant raises it
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Builder<P = ()> {
    pub(super) id: ShortText,
    pub(super) charge: Call,
    pub(super) limits: RunLimits,
    /// All limits were named at once, none of them perhaps.
    pub(super) names_all: bool,
    pub(super) observes: bool,
    pub(super) rungs: Rungs,
    pub(super) on_limit: OnLimit,
    pub(super) saved: Option<Box<RunState>>,
    /// The run that it is below of.
    pub(super) place: P,
}

impl<P> fmt::Debug for Builder<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Builder({:?})", self.id)
    }
}

impl<P> Builder<P> {
    pub(super) fn new(id: ShortText, place: P) -> Self {
        Self {
            id,
            charge: Call::charging(),
            limits: RunLimits::default(),
            names_all: false,
            observes: false,
            rungs: Rungs::default(),
            on_limit: OnLimit::default(),
            saved: None,
            place,
        }
    }

    /// Sets all its limits at once, in place of those set before; [`RunLimits::none`] opens it without any.
    pub fn limits(mut self, limits: RunLimits) -> Self {
        (self.limits, self.names_all) = (limits, true);
        self
    }

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
    ///
    /// While several guards in one process have it open, time counts once; processes that have it open at the
    /// same time each count theirs.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.limits.time = Some(limit);
        self
    }

    /// Admits nothing from that instant on. Calls in flight are recorded all the same.
    pub fn deadline(mut self, at: Timestamp) -> Self {
        self.limits.deadline = Some(at);
        self
    }

    /// Limits the calls of all its tools together.
    pub fn tool_calls(mut self, limit: u64) -> Self {
        self.limits.tool_calls = Some(limit);
        self
    }

    /// Limits the calls of the tool of that name.
    pub fn tool(mut self, name: impl Into<ShortText>, limit: u64) -> Self {
        self.limits.tools.insert(name.into(), limit);
        self
    }

    /// Limits the runs that it may begin directly below itself.
    pub fn max_children(mut self, limit: u64) -> Self {
        self.limits.children = Some(limit);
        self
    }

    /// Limits how deep runs may lie below it: zero allows none.
    pub fn max_depth(mut self, limit: u64) -> Self {
        self.limits.depth = Some(limit);
        self
    }

    /// Keeps a part of the limits for the [final call](RunGuard::reserve_final).
    pub fn keep_back(mut self, kept_back: KeptBack) -> Self {
        self.limits.kept_back = kept_back;
        self
    }

    /// Falls back on these models, strongest first, where one has no room; without, on the policy's ladder.
    pub fn ladder<M: Into<ShortText>>(mut self, models: impl IntoIterator<Item = M>) -> Self {
        for model in models {
            let model = model.into();
            // A model named again would lead back up.
            if !self.rungs.ladder.contains(&model) {
                self.rungs.ladder.push(model);
            }
        }
        self
    }

    /// Keeps the last of the run's limit for the weakest model of its ladder.
    ///
    /// A call on any other model is refused where it would reach that share of the limit, of dollars or of tokens; the
    /// walk down the ladder then asks the next one. Where there is room again, after a grant or a released hold, the
    /// stronger ones are back.
    ///
    /// # Example: the strong model up to half of the dollar
    /// ```
    /// use token_budget::{Call, Enforcer, RunGuard, Usage, Usd};
    ///
    /// let enforcer = Enforcer::builder().build();
    /// let run = RunGuard::builder("run-42").usd(Usd::dollars(1)).ladder(["gpt-4o", "gpt-4o-mini"]).degrade_at(50);
    /// let run = run.open(&enforcer).wait()?;
    /// let call = Call::new("gpt-4o").input_tokens(0).output_tokens(15_000).choices(2); // 30 cents
    ///
    /// let first = run.reserve(&call).wait()?.or_refusal()?;
    /// assert_eq!(first.model(), "gpt-4o"); // 30 of 50
    /// first.send().reconcile(Usage::of(0, 30_000)).wait()?;
    /// let second = run.reserve(&call).wait()?.or_refusal()?;
    /// assert_eq!(second.model(), "gpt-4o-mini"); // 30 + 30 are above 50
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn degrade_at(mut self, percent: u32) -> Self {
        self.rungs.degrade_at = Some(percent);
        self
    }

    /// Says what it does where its own dollars do not suffice: it is over, or asks.
    pub fn on_limit(mut self, on_limit: OnLimit) -> Self {
        self.on_limit = on_limit;
        self
    }

    /// Refuses nothing for its own sake: its limits, its time and its stop are counted and reported alone.
    ///
    /// A call that they would have refused is an event ([`Event::WouldRefuse`]). Without, a run's own limits hold
    /// also where the whole policy observes. It is written into the books with the limits when the run is first
    /// opened: a later opening that names limits says it too, one that names none continues as it was written, and
    /// one that says otherwise is refused.
    ///
    /// # Example: a limit of one round is tried out
    /// ```
    /// use token_budget::{Call, Enforcer, RunGuard, Usage};
    ///
    /// let enforcer = Enforcer::builder().build();
    /// let run = RunGuard::builder("run-42").iterations(1).observe().open(&enforcer).wait()?;
    /// let call = Call::new("gpt-4o").input_tokens(100).output_tokens(100);
    /// for _ in 0..2 {
    ///     run.reserve(&call).wait()?.or_refusal()?.send().reconcile(Usage::of(100, 100)).wait()?;
    /// }
    ///
    /// let report = run.report().wait()?;
    /// assert_eq!((report.iterations, report.over), (2, None));
    /// assert!(report.would_be_over.unwrap().contains("2 of 1 iterations used"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn observe(mut self) -> Self {
        self.observes = true;
        self
    }

    /// Charges these scopes for every call of the run, beside the run itself.
    pub fn charging(mut self, charge: Call) -> Self {
        self.charge = charge;
        self
    }

    /// Puts a saved state on the books, where the ledger does not know the run.
    ///
    /// A ledger that knows it, by any figure or mark, knows better: the state is passed over, and nothing counts
    /// twice. [`RunGuard::was_restored`] says which it was.
    ///
    /// The run goes on under the budgets that it was saved under. Where the policy binds it, or whom it charges, by other
    /// budgets or limits here, opening it is a `Conflict` that names the first of them; raises by exemptions do not count.
    pub fn resume(mut self, state: RunState) -> Self {
        self.saved = Some(Box::new(state));
        self
    }
}

impl Builder {
    /// Opens the run, or continues it where the ledger knows its id.
    ///
    /// Its limits are written into its books when it is first opened. Whoever opens it later, from any process, names
    /// the same or none; only a signed [grant](RunGuard::grant) raises its dollars. A run below another, opened by its
    /// id (`trip/search`), has its parents: their limits bind it too.
    ///
    /// # Errors
    /// `Invalid` for an id or a limit that cannot be used, and for a run that was never opened and names no limit
    /// (see [`RunLimits::none`]); `Conflict` for other limits than those that stand; `State` where a run above
    /// refuses it; `LedgerUnavailable` where the ledger is away.
    pub fn open(self, enforcer: impl Into<ForRequests>) -> Answer<'static, RunGuard> {
        let enforcer = enforcer.into();
        Answer::walk(async move { self.open_by_id(enforcer.whole(), false).await })
    }

    pub(super) async fn open_by_id(self, enforcer: &Enforcer, is_passing: bool) -> Result<RunGuard, Error> {
        let scope = Scope::run(self.id.clone())?;
        if let Some(above) = self.run_above(enforcer, &scope, is_passing).await? {
            return self.open_below(above, is_passing).await;
        }
        self.open_top(enforcer, scope, is_passing).await
    }

    /// Opens a run that none is above of.
    pub(super) async fn open_top(
        mut self,
        enforcer: &Enforcer,
        scope: Scope,
        is_passing: bool,
    ) -> Result<RunGuard, Error> {
        let saved = self.saved.take();
        let mut run = self.run(enforcer, scope, None)?;
        let was_restored = restore(saved.as_deref(), enforcer, &run).await?;
        let asked = AskedLimits {
            limits: &self.limits,
            part: None,
            share: None,
            observes: self.observes,
            may_be_first: false,
            without_tools: is_passing,
        };
        if asked.look(enforcer, &mut run).await?.is_new {
            reach::check(enforcer, &run, None)?;
            asked.write_once(enforcer, &run).await?;
        }
        if self.names_all && run.is_unlimited {
            enforcer.core().tell(&Event::Unlimited { scope: run.scope().clone() });
        }
        let opening = Opening { saved: saved.as_deref(), was_restored, is_passing };
        RunGuard::begin(enforcer, run, opening).await
    }
}

impl<P> Builder<P> {
    /// The run of that scope, at the top or below another, without what the ledger says of it.
    pub(super) fn run(
        &self,
        enforcer: &Enforcer,
        scope: Scope,
        parent: Option<Arc<Opened>>,
    ) -> Result<Opened, Error> {
        self.limits.check()?;
        // A name that cannot be used is found here, not at the first call.
        let charge = self.charge.clone().with_model("-");
        let tenant = enforcer.policy().bind(&charge, enforcer.now())?.claim.tenant().clone();
        Ok(Opened {
            live: enforcer.core().board.find_or_make(&tenant, &scope, || Live::of(&scope)),
            tenant,
            limits: self.limits.clone(),
            is_unlimited: self.names_all && self.limits == RunLimits::none(),
            observes: self.observes,
            charge,
            parent,
            carve: None,
            rungs: self.rungs.clone(),
            on_limit: self.on_limit,
            end: None,
            end_observed: None,
            resolved: Mutex::default(),
        })
    }
}

/// Puts a saved state on the books, where there is one and the ledger does not know the run.
pub(super) async fn restore(
    saved: Option<&RunState>,
    enforcer: &Enforcer,
    run: &Opened,
) -> Result<bool, Error> {
    match saved {
        Some(saved) => saved.restore(enforcer, run).await,
        None => Ok(false),
    }
}

impl RunGuard {
    /// Begins to watch a run, from what the ledger says of it.
    pub(super) async fn begin(
        enforcer: &Enforcer,
        mut run: Opened,
        opening: Opening<'_>,
    ) -> Result<Self, Error> {
        let Opening { saved, was_restored, is_passing } = opening;
        let scope = run.scope().clone();
        let figures = LineBalances::read(enforcer, &run, std::slice::from_ref(&scope), &[]).await?;
        let granted = figures.get(&scope, GRANTED, &Unit::Usd).spent;
        run.live.change(|facts| facts.granted = granted);
        let used = u64::try_from(figures.get(&scope, TIME, &Unit::TimeMs).spent).unwrap_or(0);
        let now = enforcer.now();
        let since = if is_passing { now } else { run.live.note(|facts| facts.enter(now)) };
        let above = run.parent.as_ref().and_then(|parent| parent.end.as_ref());
        let own = End::earliest(&scope, &run.limits, (since, Duration::from_millis(used)), above);
        let above = above.cloned();
        (run.end, run.end_observed) = if run.observes { (above, own) } else { (own, None) };
        let run = Arc::new(run);
        if !is_passing {
            run.live.note(|facts| facts.remember(&run));
        }
        let guard = Self {
            enforcer: enforcer.clone(),
            run,
            since,
            attached: Mutex::new(saved.map(|saved| saved.attached.clone()).unwrap_or_default()),
            was_restored,
            above: None,
            is_passing,
        };
        guard.seat().learn_marks().await?;
        Ok(guard)
    }
}

/// How a run is opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening<'a> {
    pub(super) saved: Option<&'a RunState>,
    pub(super) was_restored: bool,
    /// For one call that names the run: no time passes for it.
    pub(super) is_passing: bool,
}
