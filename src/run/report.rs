//! What has a run done, and why is it over if it is?
//!
//! Figures come from the books, each run's in one reading, after everything known to be undelivered was sent. `subtree` is the run and all
//! below it, `direct` is that less what those below took.
//!
//! Why it is over is looked for in this order: a mark (a stop, a close, a freeze), its time, the last call that its limits refused (if that call
//! would still be refused), a limit of which nothing is left. The first reason that is found is told.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::figures::LineBalances;
use super::guard::RunGuard;
use super::limits::{
    BELOW, CHILDREN, ITERATIONS, LimitView, OnLimit, RunLimits, TIME, TOKENS, TOOL, TOOLS, USD,
};
use super::opened::Opened;
use super::tools;
use crate::ledger::{Answer, FrozenScope, MarkAction};
use crate::values::{Refusal, RefusalKind, ShortText, Timestamp, Unit};
use crate::{Scope, Usd};

/// How a report counts, in a sentence for people.
const COUNTING: &str = "an iteration is an attempt that was sent and not released, of the run or of one below it; \
    a tool call counts once it is started, also when it fails";

/// What a run has done, and why it is over if it is.
///
/// `over` is about the run's own limits, marks and time, and those of the runs above it. A team's empty budget refuses calls and
/// ends no run, so ask [`RunGuard::turn`] whether the next call may be made. A report shows itself as one line for a log; as JSON it
/// has every figure.
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
/// assert_eq!((report.left.iterations, report.left.usd), (Some(0), None)); // dollars have no limit here
/// let line = "run run-42: 0.01 USD, 2500 tokens, 2 of 2 iterations; left: 0 iterations; open for 0 s; over: ";
/// assert!(report.to_string().starts_with(line), "{report}");
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
    /// What is left of its own limits.
    pub left: RunLeft,
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
    ///
    /// Where a limit had no room for the last call, this says so, and less than that call may still fit.
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

/// What is left of a run's own limits; `None` where it has no such limit.
///
/// Calls in flight and parts that runs below were given count as used, and what is [kept back](super::Builder::keep_back) for the
/// final call is in it. A run above may have less left, and so may a team: the next call is held in all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RunLeft {
    /// Dollars, granted ones included; below zero where calls cost more than they held.
    pub usd: Option<Usd>,
    /// Tokens, input and output.
    pub tokens: Option<u64>,
    /// Attempts.
    pub iterations: Option<u64>,
    /// Tool calls.
    pub tool_calls: Option<u64>,
    /// Runs that it may begin directly below itself.
    pub children: Option<u64>,
    /// Time that it may be open.
    pub time: Option<Duration>,
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
            let below: Vec<Scope> = run.live.look(|facts| facts.children.iter().cloned().collect());
            let scopes: Vec<Scope> = run.scopes().chain(below.clone()).collect();
            let names = tools::named(run);
            let figures = LineBalances::read(&self.enforcer, run, &scopes, &names).await?;
            let of = |id: &str, unit: &Unit| figures.get(scope, id, unit);
            let (subtree, now) = (subtree(&figures, scope), self.enforcer.now());
            let time = Duration::from_millis(count(of(TIME, &Unit::TimeMs).spent));
            let open_for = time.saturating_add(now.since(self.since));
            let calls = |name: &ShortText| count(of(TOOL, &Unit::Tool(name.clone())).spent);
            Ok(RunReport {
                run: self.id().into(),
                limits: run.limits.clone(),
                granted_usd: Usd::from_nanos(run.live.look(|facts| facts.granted)),
                spent_usd: subtree.usd,
                reserved_usd: Usd::from_nanos(of(USD, &Unit::Usd).reserved),
                tokens: subtree.tokens,
                iterations: subtree.iterations,
                left: left(run, &figures, open_for),
                subtree,
                direct: subtree.less(&below_of(&figures, scope)),
                tools: names.iter().map(|name| (name.clone(), calls(name))).collect(),
                children: count(of(CHILDREN, &Unit::Children).spent),
                child_runs: below.iter().map(|child| child_figures(&figures, child)).collect(),
                counting: COUNTING,
                open_for,
                ends_at: run.end.as_ref().map(|end| end.at),
                over: self.over(&figures, now, false),
                would_be_over: self.over(&figures, now, true),
                attached: self.attached.lock().clone(),
            })
        })
    }

    /// Why the run cannot go on: a mark, its time, the last call that it refused, a limit that is used up. The same of
    /// the runs that only observe, which go on all the same.
    fn over(&self, figures: &LineBalances, now: Timestamp, observing: bool) -> Option<String> {
        let runs = || self.run.chain().filter(|run| run.observes == observing);
        let marked = runs().find_map(|run| run.live.mark()).map(|mark| mark_text(&mark, self.scope()));
        let late = || {
            let observed = || runs().find_map(|run| run.end_observed.as_ref()?.refusal(now));
            if observing { observed() } else { self.seat().out_of_time(now) }
        };
        let short = || self.run.chain().filter(|_| !observing).find_map(|run| still_short(run, figures));
        let used_up = || runs().find_map(|run| used_up(run, figures));
        marked.or_else(|| late().map(|refusal| refusal.to_string())).or_else(short).or_else(used_up)
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
fn used_up(run: &Opened, figures: &LineBalances) -> Option<String> {
    let granted = run.live.look(|facts| facts.granted);
    let lines = run.limits.lines(run.scope(), granted, LimitView::default());
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
fn still_short(run: &Opened, figures: &LineBalances) -> Option<String> {
    let refusal: Refusal = run.live.look(|facts| facts.short.clone())?;
    let balance = figures.get(run.scope(), &refusal.budget, &refusal.unit);
    let is_line = matches!(refusal.kind, RefusalKind::RunLimit | RefusalKind::KeptBack)
        && !matches!(refusal.unit, Unit::TimeMs | Unit::Depth);
    let fits = balance.spent.saturating_add(refusal.requested) <= refusal.ceiling;
    (is_line && !fits).then(|| refusal.to_string())
}

/// What its own limits leave for calls to come.
fn left(run: &Opened, figures: &LineBalances, open_for: Duration) -> RunLeft {
    let used = |id: &str, unit: &Unit| figures.get(run.scope(), id, unit).used();
    let of = |limit: Option<u64>, id: &str, unit: &Unit| {
        limit.map(|limit| limit.saturating_sub(count(used(id, unit))))
    };
    let limits = &run.limits;
    let granted = run.live.look(|facts| facts.granted);
    let usd = limits.usd.map(|limit| limit.nanos().saturating_add(granted));
    RunLeft {
        usd: usd.map(|limit| Usd::from_nanos(limit.saturating_sub(used(USD, &Unit::Usd)))),
        tokens: of(limits.tokens, TOKENS, &Unit::Tokens),
        iterations: of(limits.iterations, ITERATIONS, &Unit::Iterations),
        tool_calls: of(limits.tool_calls, TOOLS, &Unit::ToolCalls),
        children: of(limits.children, CHILDREN, &Unit::Children),
        time: limits.time.map(|limit| limit.saturating_sub(open_for)),
    }
}

/// What the run and all below it took.
fn subtree(figures: &LineBalances, scope: &Scope) -> RunFigures {
    spent_on(figures, scope, [USD, TOKENS, ITERATIONS, TOOLS])
}

/// What the runs below it took of its shared lines, or had posted on them.
fn below_of(figures: &LineBalances, scope: &Scope) -> RunFigures {
    spent_on(figures, scope, [BELOW; 4])
}

/// What was spent on these lines: of dollars, tokens, iterations and tool calls.
fn spent_on(
    figures: &LineBalances,
    scope: &Scope,
    [usd, tokens, iterations, tools]: [&str; 4],
) -> RunFigures {
    let of = |id: &str, unit: &Unit| figures.get(scope, id, unit).spent;
    RunFigures {
        usd: Usd::from_nanos(of(usd, &Unit::Usd)),
        tokens: count(of(tokens, &Unit::Tokens)),
        iterations: count(of(iterations, &Unit::Iterations)),
        tool_calls: count(of(tools, &Unit::ToolCalls)),
    }
}

fn child_figures(figures: &LineBalances, child: &Scope) -> ChildFigures {
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
