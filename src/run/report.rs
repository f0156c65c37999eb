//! What has a run done, and why is it over if it is?
//!
//! Figures come from the books, in one reading after everything known to be undelivered was sent. `subtree` is the run and all
//! below it, `direct` is that less what those below took.
//!
//! Why it is over is looked for in this order: a mark (a stop, a close, a freeze), its time, the last call that its limits refused (if that call
//! would still be refused), a limit of which nothing is left. The first reason that is found is told.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::figures::Figures;
use super::limits::{BELOW, CHILDREN, ITERATIONS, OnLimit, RunLimits, TIME, TOKENS, TOOL, TOOLS, USD, View};
use super::opened::Opened;
use super::{RunGuard, tools};
use crate::ledger::{Answer, FrozenScope, MarkAction};
use crate::values::{Refusal, RefusalKind, ShortText, Timestamp, Unit};
use crate::{Scope, Usd};

/// How a report counts, in a sentence for people.
const COUNTING: &str = "an iteration is an attempt that was sent and not released, of the run or of one below it; \
    a tool call counts once it is started, also when it fails";

/// What a run has done, and why it is over if it is.
///
/// `over` is about the run's own limits, marks and time, and those of the runs above it. A team's empty budget refuses calls and ends
/// no run, so look at [`RunGuard::turn`] for whether the next call may be made.
///
/// # Example: a run whose rounds are used up
/// ```
/// use token_budget::{Call, Enforcer, RunGuard, Usage, Usd};
///
/// let enforcer = Enforcer::builder().build();
/// let run = RunGuard::builder("run-42").iterations(2).open(&enforcer).wait()?;
/// let call = Call::new("gpt-4o").input_tokens(1_000).output_tokens(1_000);
/// for round in 0..2 {
///     assert_eq!(run.report().wait()?.iterations, round);
///     run.reserve(&call).wait()?.or_refusal()?.send().reconcile(Usage::of(1_000, 250)).wait()?;
/// }
///
/// let report = run.report().wait()?;
/// assert_eq!((report.iterations, report.tokens), (2, 2_500)); // 2 × (1,000 + 250)
/// assert_eq!(report.spent_usd, Usd::cents(1)); // 2 × ($0.0025 + $0.0025)
/// assert!(report.over.unwrap().contains("2 of 2"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RunReport {
    /// The run's id.
    pub run: ShortText,
    /// Its limits.
    pub limits: RunLimits,
    /// Dollars that were granted on top of them.
    pub granted_usd: Usd,
    /// Dollars spent, by the run and those below it: `subtree.usd`.
    pub spent_usd: Usd,
    /// Dollars held for calls in flight, and for parts that runs below were given.
    pub reserved_usd: Usd,
    /// Tokens spent, input and output: `subtree.tokens`.
    pub tokens: u64,
    /// Attempts that were sent and not released: `subtree.iterations`.
    pub iterations: u64,
    /// What the run and all below it took.
    pub subtree: RunFigures,
    /// What it took itself.
    pub direct: RunFigures,
    /// Calls of single tools, by the run and those below it: of those with a limit, and those called here.
    pub tools: BTreeMap<ShortText, u64>,
    /// How many runs it has begun directly below itself.
    pub children: u64,
    /// What those took that were opened in this process.
    pub child_runs: Vec<ChildFigures>,
    /// How iterations and tool calls are counted.
    pub counting: &'static str,
    /// Time it was open, this opening included.
    pub open_for: Duration,
    /// When it ends by itself, as this opening stands.
    pub ends_at: Option<Timestamp>,
    /// Why it cannot go on; `None` while it can.
    pub over: Option<String>,
    /// Why it could not go on, were the limits, the time and the stop enforced of the runs that only observe.
    pub would_be_over: Option<String>,
    /// What the caller attached.
    pub attached: BTreeMap<ShortText, Value>,
}

/// What was taken in all units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RunFigures {
    /// Dollars spent.
    pub usd: Usd,
    /// Tokens, input and output.
    pub tokens: u64,
    /// Attempts sent.
    pub iterations: u64,
    /// Tool calls started.
    pub tool_calls: u64,
}

/// What a run below took, everything below it included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ChildFigures {
    /// Its id.
    pub run: ShortText,
    /// What it spent.
    pub subtree: RunFigures,
    /// Dollars held for its calls in flight.
    pub reserved_usd: Usd,
}

impl RunGuard {
    /// What the run has done so far, and why it is over if it is, whoever found that.
    ///
    /// # Errors
    /// `LedgerUnavailable` when the ledger cannot be reached.
    pub fn report(&self) -> Answer<'_, RunReport> {
        Answer::walk(async move {
            self.seat().catch_up().await?;
            let run = &*self.run;
            let scope = self.scope();
            let below: Vec<Scope> = run.level.look(|state| state.children.iter().cloned().collect());
            let scopes: Vec<Scope> =
                run.chain().map(|run| run.scope().clone()).chain(below.clone()).collect();
            let names = tools::named(run);
            let figures = Figures::read(&self.enforcer, run, &scopes, &names).await?;
            let of = |id: &str, unit: &Unit| figures.get(scope, id, unit);
            let (subtree, now) = (subtree(&figures, scope), self.enforcer.now());
            let time = Duration::from_millis(count(of(TIME, &Unit::TimeMs).spent));
            let calls = |name: &ShortText| count(of(TOOL, &Unit::Tool(name.clone())).spent);
            Ok(RunReport {
                run: self.id().into(),
                limits: run.limits.clone(),
                granted_usd: Usd::from_nanos(run.level.look(|state| state.granted)),
                spent_usd: subtree.usd,
                reserved_usd: Usd::from_nanos(of(USD, &Unit::Usd).reserved),
                tokens: subtree.tokens,
                iterations: subtree.iterations,
                subtree,
                direct: subtree.less(&below_of(&figures, scope)),
                tools: names.iter().map(|name| (name.clone(), calls(name))).collect(),
                children: count(of(CHILDREN, &Unit::Children).spent),
                child_runs: below.iter().map(|child| child_figures(&figures, child)).collect(),
                counting: COUNTING,
                open_for: time.saturating_add(now.since(self.since)),
                ends_at: run.end.as_ref().map(|end| end.at),
                over: self.over(&figures, now),
                would_be_over: self.would_be_over(&figures, now),
                attached: self.attached.lock().clone(),
            })
        })
    }

    /// Why the run cannot go on: a mark, its time, a limit that is used up, or the last call that it refused.
    fn over(&self, figures: &Figures, now: Timestamp) -> Option<String> {
        let enforcing = || self.run.chain().filter(|run| !run.observes);
        let marked = enforcing().find_map(|run| run.level.mark());
        let marked = marked.map(|mark| mark_text(&mark, self.scope()));
        let late = || self.seat().out_of_time(now).map(|refusal| refusal.to_string());
        let used_up = || enforcing().find_map(|run| used_up(run, figures));
        let short = || self.run.chain().find_map(|run| still_short(run, figures));
        marked.or_else(late).or_else(short).or_else(used_up)
    }

    /// The same of runs that only observe, which go on all the same.
    fn would_be_over(&self, figures: &Figures, now: Timestamp) -> Option<String> {
        let observing = || self.run.chain().filter(|run| run.observes);
        let marked = observing().find_map(|run| run.level.mark());
        let marked = marked.map(|mark| mark_text(&mark, self.scope()));
        let late = || observing().find_map(|run| run.end_observed.as_ref()?.refusal(now));
        let used_up = || observing().find_map(|run| used_up(run, figures));
        marked.or_else(|| late().map(|refusal| refusal.to_string())).or_else(used_up)
    }
}

/// Who ended it, how and why; and which run, where it was one above.
fn mark_text(mark: &FrozenScope, own: &Scope) -> String {
    let FrozenScope { scope, action, attribution, .. } = mark;
    let verb = match action {
        MarkAction::Stop => "stopped",
        MarkAction::Close => "closed",
        _ => "frozen",
    };
    let text = format!("{verb} by {}: {}", attribution.by, attribution.reason);
    if scope == own { text } else { format!("{scope} was {text}") }
}

/// A limit of which nothing is left, by whomever it was used.
fn used_up(run: &Opened, figures: &Figures) -> Option<String> {
    let granted = run.level.look(|state| state.granted);
    let lines = run.limits.lines(run.scope(), granted, View::default());
    lines.iter().find_map(|line| {
        let limit = line.limit().filter(|_| !(line.id() == USD && run.on_limit == OnLimit::Ask))?;
        let spent = figures.get(run.scope(), line.id(), line.unit()).spent;
        let kept_back = line.of_run.kept_back;
        (spent >= limit.saturating_sub(kept_back)).then(|| {
            let (unit, scope) = (line.unit(), run.scope());
            let rest = if kept_back > 0 { "; what is left is kept back for the final call" } else { "" };
            format!("budget {scope} lifetime: {} of {} used{rest}", unit.figure(spent), unit.show(limit))
        })
    })
}

/// The last refusal by a limit of the run, if the same call would be refused still.
fn still_short(run: &Opened, figures: &Figures) -> Option<String> {
    let refusal: Refusal = run.level.look(|state| state.short.clone())?;
    let balance = figures.get(run.scope(), &refusal.budget, &refusal.unit);
    let is_line = matches!(refusal.kind, RefusalKind::RunLimit | RefusalKind::KeptBack)
        && !matches!(refusal.unit, Unit::TimeMs | Unit::Depth);
    let fits = balance.spent.saturating_add(refusal.requested) <= refusal.ceiling;
    (is_line && !fits).then(|| refusal.to_string())
}

/// What the run and all below it took.
fn subtree(figures: &Figures, scope: &Scope) -> RunFigures {
    let of = |id: &str, unit: &Unit| figures.get(scope, id, unit).spent;
    RunFigures {
        usd: Usd::from_nanos(of(USD, &Unit::Usd)),
        tokens: count(of(TOKENS, &Unit::Tokens)),
        iterations: count(of(ITERATIONS, &Unit::Iterations)),
        tool_calls: count(of(TOOLS, &Unit::ToolCalls)),
    }
}

/// What the runs below it took of its shared lines, or had posted on them.
fn below_of(figures: &Figures, scope: &Scope) -> RunFigures {
    let of = |unit: &Unit| figures.get(scope, BELOW, unit).spent;
    RunFigures {
        usd: Usd::from_nanos(of(&Unit::Usd)),
        tokens: count(of(&Unit::Tokens)),
        iterations: count(of(&Unit::Iterations)),
        tool_calls: count(of(&Unit::ToolCalls)),
    }
}

fn child_figures(figures: &Figures, child: &Scope) -> ChildFigures {
    let reserved = figures.get(child, USD, &Unit::Usd).reserved;
    ChildFigures {
        run: child.name().into(),
        subtree: subtree(figures, child),
        reserved_usd: Usd::from_nanos(reserved),
    }
}

fn count(figure: i64) -> u64 {
    u64::try_from(figure).unwrap_or(0)
}

impl RunFigures {
    fn less(&self, other: &Self) -> Self {
        Self {
            usd: Usd::from_nanos(self.usd.nanos().saturating_sub(other.usd.nanos())),
            tokens: self.tokens.saturating_sub(other.tokens),
            iterations: self.iterations.saturating_sub(other.iterations),
            tool_calls: self.tool_calls.saturating_sub(other.tool_calls),
        }
    }
}
