//! How does a run begin another below itself, and what does it give it?
//!
//! A child is *born* once: a hold on its parent's line of children, and on a line of its own with a ceiling of one (`KNOWN`), so
//! that two who begin it at once meet there. The birth is charged when nothing can refuse the child any more; until then it is
//! a hold that goes back by itself. Whoever opens the child later finds it born, and is counted no more.
//!
//! The order matters: limits are looked up, the birth is held, the part is taken, limits are written, the guard begins, the birth
//! is charged and the part kept. A failure or a dropped future at any of these steps gives back what the steps before it held.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::builder::{Builder, Opening, restore};
use super::carve::Carve;
use super::end::End;
use super::figures::LineBalances;
use super::guard::RunGuard;
use super::limits::{CHILDREN, GIVEN, KNOWN, TOKENS, USD, line, signed};
use super::opened::{Opened, RunFacts};
use super::part::{RunPart, room, share_of};
use super::post::{Amounts, OwnHold, amounts, bind_own, hold_briefly};
use super::reach;
use super::refuse::{OrRefusal, refusal, unasked};
use super::written::AskedLimits;
use crate::ledger::{Answer, MarkAction, Note, OnExpiry};
use crate::values::{Balance, Binding, Refusal, RefusalKind, ShortText, Timestamp, Unit};
use crate::{Call, Decision, Error, Scope, Usd};

/// Says what a run below another may take. See [`RunGuard::child`].
pub type ChildBuilder<'a> = Builder<Child<'a>>;

/// What makes a builder that of a child: its parent, and what the parent gives it.
#[derive(Clone)]
pub struct Child<'a> {
    pub(super) parent: &'a RunGuard,
    /// A part for itself.
    pub(super) part: Option<RunPart>,
    /// Its dollar limit, as a share of what its parent has left.
    pub(super) percent: Option<u32>,
}

impl fmt::Debug for Child<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Child({})", self.parent.scope())
    }
}

/// What became of beginning a run below another.
#[derive(Debug)]
#[must_use]
pub enum ChildAdmission {
    /// It is open.
    Opened(RunGuard),
    /// A limit of a run above refuses it: its depth, its children, or room for the part asked for; or the same
    /// child is just being begun by somebody else.
    Refused(Box<Decision>),
}

impl ChildAdmission {
    /// The guard, or the refusal as an error.
    ///
    /// # Errors
    /// The decision, where a run above refuses.
    pub fn or_refusal(self) -> Result<RunGuard, Box<Decision>> {
        match self {
            Self::Opened(run) => Ok(run),
            Self::Refused(decision) => Err(decision),
        }
    }
}

impl RunGuard {
    /// Begins a run below this one; its id is this run's, a slash, and `name`.
    ///
    /// It charges whom this run charges, and shares this run's limits: its calls are held in them and in those
    /// of every run above, all or none, and every run sees a charge when it is made. With a
    /// [`carve`](ChildBuilder::carve) it gets a part for itself instead.
    ///
    /// A child needs no limit of its own: the limits above bind it, and below a run that was opened
    /// [without limits](super::RunLimits::none) nothing does but the policy. Limits of its own bind beside them.
    ///
    /// Runs may lie 42 deep, less where the policy binds their calls by budgets of its own: a call is held on three
    /// lines of its run, on six of each run above, and on 255 at most. With a part of its own a run may lie deeper.
    ///
    /// # Example: an agent that delegates
    /// ```
    /// use token_budget::run::RunPart;
    /// use token_budget::{Call, Enforcer, RunGuard, Usage, Usd};
    ///
    /// let enforcer = Enforcer::builder().build();
    /// let run = RunGuard::builder("trip").usd(Usd::dollars(10)).open(&enforcer).wait()?;
    ///
    /// // $4 are set aside for the search, whatever else the run does.
    /// let search = run.child("search").carve(RunPart::Usd(Usd::dollars(4))).open().wait()?.or_refusal()?;
    /// assert_eq!(run.report().wait()?.reserved_usd, Usd::dollars(4));
    ///
    /// let call = Call::new("gpt-4o").input_tokens(0).output_tokens(10_000);
    /// search.reserve(&call).wait()?.or_refusal()?.send().reconcile(Usage::of(0, 10_000)).wait()?;
    /// search.close().wait()?;
    ///
    /// let report = run.report().wait()?; // what it did not need is back
    /// assert_eq!((report.spent_usd, report.reserved_usd), (Usd::cents(10), Usd::ZERO));
    /// assert_eq!((report.subtree.iterations, report.direct.iterations), (1, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn child(&self, name: impl Into<ShortText>) -> ChildBuilder<'_> {
        let place = Child { parent: self, part: None, percent: None };
        Builder::new(name.into(), place)
    }
}

impl<'a> ChildBuilder<'a> {
    /// Gives it a part of its own: a hold on this run and on all that share with it, refused where it does not fit.
    ///
    /// In that unit its calls touch nobody above, and what is not carved stays shared. Stops reach them all the
    /// same. The hold lasts until the deadline, where one is named, else until the child is closed; then it is
    /// replaced by what the child spent, while its calls in flight keep theirs.
    ///
    /// Whoever closes the child replaces the part, whichever guard or process took it, and it is replaced once. A call
    /// that ends later brings the books above up to date itself, in whichever process, also where no guard of the
    /// family is left: when it is reconciled or released, and where it is dropped, at once or with the enforcer's next
    /// [flush](crate::Enforcer::flush). What ends without anybody is left: a hold that is charged by its age (the part
    /// stands for it until then, and after), and what waited in the outbox of a process that died. That is posted when a
    /// late call of the child ends, when a guard that knows the part acts, or when the child is opened by its id.
    pub fn carve(mut self, part: RunPart) -> Self {
        self.place.part = Some(part);
        self
    }

    /// Limits its dollars to that share of what this run has left when the child is first opened.
    ///
    /// Nothing is held for it: of $10 left, 30 % are a limit of $3, and the parent may spend all ten before the child does.
    pub fn usd_percent(mut self, percent: u32) -> Self {
        self.place.percent = Some(percent);
        self
    }

    /// Opens the child, or continues it where the ledger knows it.
    ///
    /// # Errors
    /// `Invalid` for a name, a limit or a part that cannot be used, and for a run so deep that no call of it could be
    /// held (see [`RunGuard::child`]); `Conflict` for other limits or another part than
    /// those that it was first opened with; `LedgerUnavailable` where the ledger is away.
    /// A limit of a run above is an answer, not an error: see [`ChildAdmission::Refused`]. So is somebody else
    /// who begins the same child at this moment, and may yet give it up: *in flight*, ask again.
    pub fn open(self) -> Answer<'a, ChildAdmission> {
        Answer::walk(async move { self.open_here(false).await })
    }

    pub(super) async fn open_here(mut self, is_passing: bool) -> Result<ChildAdmission, Error> {
        let parent = self.place.parent;
        let enforcer = &parent.enforcer;
        let scope = self.scope()?;
        self.charge = parent.run.charge.scopes().iter().cloned().fold(self.charge, Call::scope);
        if self.rungs.ladder.is_empty() {
            self.rungs.ladder.clone_from(&parent.run.rungs.ladder);
        }
        parent.seat().replace_ended().await?;
        let refused = |decision| Ok(ChildAdmission::Refused(decision));
        let above = self.above(&scope)?;
        if let Some(decision) = self.out_of_reach(&above, &scope) {
            return refused(decision);
        }
        let saved = self.saved.take();
        let mut run = self.run(enforcer, scope.clone(), Some(Arc::clone(&parent.run)))?;
        let limits = self.limits.clone();
        let asked = AskedLimits {
            limits: &limits,
            part: self.place.part,
            share: self.place.percent,
            observes: self.observes,
            may_be_first: true,
            without_tools: is_passing,
        };
        let stands = asked.look(enforcer, &mut run).await?;
        self.place.percent = stands.share;
        let figures = LineBalances::read(enforcer, &run, std::slice::from_ref(&scope), &[]).await?;
        let mut given = figures.get(&scope, GIVEN, &Unit::Usd).spent;
        let birth = if figures.get(&scope, KNOWN, &Unit::Requests).spent > 0 {
            None
        } else {
            given = match self.place.percent {
                Some(percent) => share_of(room(enforcer, &parent.run, &scope).await?, percent)?,
                None => 0,
            };
            match self.be_born(&run, &above, given, saved.is_some()).await? {
                Ok(birth) => birth,
                Err(decision) => return refused(decision),
            }
        };
        if self.place.percent.is_some() {
            run.limits.usd = Some(run.limits.usd.unwrap_or(Usd::MAX).min(Usd::from_nanos(given)));
        }
        let was_restored = restore(saved.as_deref(), enforcer, &run).await?;
        let held = match self.take_part(&mut run, &figures).await? {
            Ok(held) => held,
            Err(decision) => return refused(decision),
        };
        if stands.is_new {
            // Once nothing can refuse it any more: a child that was not begun may be asked for otherwise.
            asked.write_once(enforcer, &run).await?;
        }
        run.share_part();
        let opening = Opening { saved: saved.as_deref(), was_restored, is_passing };
        let guard = RunGuard::begin(enforcer, run, opening).await?;
        guard.stand(birth, held).await;
        Ok(ChildAdmission::Opened(guard))
    }

    /// The child's id: its parent's, a slash, and its name.
    fn scope(&self) -> Result<Scope, Error> {
        if self.id.contains('/') {
            return Err(Error::invalid("child", "its name has a slash, which divides it from its parent's"));
        }
        Scope::run(ShortText::of(format_args!("{}/{}", self.place.parent.id(), self.id)))
    }

    /// The lines on which its birth is counted: the parent's children, and the child's own mark.
    fn above(&self, scope: &Scope) -> Result<Arc<Binding>, Error> {
        let parent = &self.place.parent.run;
        let lines = vec![
            parent.line(CHILDREN, Unit::Children, parent.limits.children.map(signed)),
            line(KNOWN, scope, Unit::Requests, Some(1)),
            line(GIVEN, scope, Unit::Usd, None),
        ];
        let binding = bind_own(&self.place.parent.enforcer, &parent.call_for_child(scope), lines)?;
        Ok(Arc::new(Binding { model: ShortText::of(scope), ..binding }))
    }

    /// The refusal of a run that lies too deep, or that is out of time before it begins.
    fn out_of_reach(&self, above: &Arc<Binding>, scope: &Scope) -> Option<Box<Decision>> {
        let parent = self.place.parent;
        let core = parent.enforcer.core();
        let now = core.now();
        let too_deep = |(below, run): (i64, &Opened)| {
            let limit = run.limits.depth.filter(|_| !run.observes).map(signed)?;
            (below > limit).then(|| Refusal {
                budget: "run depth".into(),
                scope: Some(run.scope().clone()),
                window: "lifetime".into(),
                unit: Unit::Depth,
                limit: Some(limit),
                ceiling: limit,
                spent: below.saturating_sub(1),
                reserved: 0,
                requested: 1,
                kind: RefusalKind::RunLimit,
            })
        };
        let latest = parent.run.end.as_ref();
        let end = End::earliest(scope, &self.limits, (now, Duration::ZERO), latest);
        let end = if self.observes { latest.cloned() } else { end };
        let late = end.and_then(|end| end.refusal(now));
        let refusal = late.or_else(|| (1..).zip(parent.run.chain()).find_map(too_deep));
        refusal.map(|refusal| unasked(core, above, refusal, now))
    }

    /// Counts the child on its parent, until it stands: once, however often it is opened.
    async fn be_born(
        &self,
        run: &Opened,
        above: &Arc<Binding>,
        given: i64,
        was_counted: bool,
    ) -> OrRefusal<Option<(OwnHold, Amounts)>> {
        reach::check(&self.place.parent.enforcer, run, self.place.part)?;
        let core = self.place.parent.enforcer.core();
        let asked = amounts(above, |account| match account.budget() {
            GIVEN => given,
            // A run with a saved state was counted in its parent's.
            CHILDREN if was_counted => 0,
            _ => 1,
        });
        match hold_briefly(core, above, &asked, OnExpiry::Nothing).await? {
            (_, Some(held)) => Ok(Ok(Some((held, asked)))),
            (reply, None) => {
                let known = above.terms.iter().zip(&reply.balances);
                let mut known = known.filter(|(bound, _)| bound.account.budget() == KNOWN);
                // It stands by now, and is counted. What is only held may be given back: no ground to stand on.
                if known.any(|(_, balance)| balance.spent > 0) && reply.effects.is_none() {
                    return Ok(Ok(None));
                }
                Ok(Err(refusal(core, above, asked, reply)))
            }
        }
    }

    /// Finds the part that the child has, or takes the one asked for.
    async fn take_part(&self, run: &mut Opened, figures: &LineBalances) -> OrRefusal<Option<OwnHold>> {
        let parent = self.place.parent;
        let (enforcer, scope) = (&parent.enforcer, run.scope().clone());
        let (carve, held) = match (Carve::find(enforcer, &parent.run, &scope).await?, self.place.part) {
            (Some(carve), _) => (carve, None),
            (None, None) => return Ok(Ok(None)),
            (None, Some(part)) => {
                let part = part.resolve(enforcer, &parent.run, &scope).await?;
                let own = if part.0 == Unit::Usd { USD } else { TOKENS };
                if figures.get(&scope, own, &part.0) != Balance::default() {
                    let text = "was begun without a part of its own, and has spent what is shared";
                    return Err(Error::invalid("child: carve", text));
                }
                let until = run.deadline().unwrap_or(Timestamp::MAX);
                match Carve::take(enforcer, &parent.run, (&scope, until), part).await? {
                    Ok(taken) => taken,
                    Err(decision) => return Ok(Err(decision)),
                }
            }
        };
        match carve.unit {
            Unit::Usd => {
                let part = Usd::from_nanos(carve.part);
                run.limits.usd = Some(run.limits.usd.map_or(part, |limit| limit.min(part)));
            }
            _ => {
                let part = u64::try_from(carve.part).unwrap_or(0);
                run.limits.tokens = Some(run.limits.tokens.map_or(part, |limit| limit.min(part)));
            }
        }
        run.limits.check()?;
        run.carve = Some(carve);
        Ok(Ok(held))
    }
}

impl RunGuard {
    /// Has its birth charged and its part kept, now that nothing refuses it any more.
    async fn stand(&self, birth: Option<(OwnHold, Amounts)>, part: Option<OwnHold>) {
        if let Some((birth, amounts)) = birth {
            birth.charge(amounts, Note::default());
        }
        part.into_iter().for_each(OwnHold::keep);
        self.join_family();
        if self.enforcer.undelivered() > 0 {
            // Another process may be told at once to open it: what only waits in the outbox of this one is in flight
            // there. Where the ledger is away, it goes out with the next command.
            drop(self.enforcer.flush().await);
        }
    }

    /// Tells the runs above that this one is there.
    fn join_family(&self) {
        if let Some(parent) = &self.run.parent {
            parent.live.note(|facts| facts.children.insert(self.scope().clone()));
        }
        if let Some(carve) = &self.run.carve {
            if self.run.live.look(RunFacts::ended).is_some_and(|mark| mark.action == MarkAction::Close) {
                carve.end();
            }
            // It may have been replaced and forgotten since it was shared: another look finds what came after.
            self.run.top().note(|facts| facts.share(Arc::clone(carve)));
        }
    }
}
