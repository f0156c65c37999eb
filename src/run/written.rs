//! Which limits was the run first opened with?
//!
//! They stand in its books, each as a figure one larger than it is, so that
//! zero is none: whoever opens the run later, from any process, is held to
//! them. Only a grant raises them, and that has a line of its own.
//!
//! Worked example: `iterations(0)` is written as 1, `iterations(50)` as 51, no limit as nothing. A limit of zero refuses every call,
//! and a line without a figure refuses none, so the two must not look alike.
//!
//! All limits are written by one claim, with one more line, `OPENED`, whose ceiling is 1. Two who open the run at once: one fits, and
//! its limits are the run's; the other is refused, reads them, and is a conflict if it named others.

use std::collections::BTreeMap;
use std::time::Duration;

use super::figures::LineBalances;
use super::limits::{KeptBack, RunLimits, line, milliseconds, signed};
use super::opened::Opened;
use super::part::RunPart;
use super::post::{amounts, bind_own, charge_if_it_fits, under};
use super::written_names::{WrittenNames, read_names};
use super::written_words::{
    KEPT, KEY, LIMIT, OBSERVES, OPENED, PART, PIECES, SHARE, TOOL, TOOLS, UNTIL, from_millis, label, lines,
    scope_text, shown,
};
use crate::ledger::OnExpiry;
use crate::values::{ShortText, Timestamp, Unit};
use crate::{Enforcer, Error, ErrorKind, Scope, Usd};

/// How often the books are looked at again where somebody else opens the same run.
const LOOKS_MAX: usize = 8;

/// A figure that fits into any sum of the books; no limit beyond it can be reached.
const FIGURE_MAX: i64 = i64::MAX >> 2;

/// What an opening asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct AskedLimits<'a> {
    pub(super) limits: &'a RunLimits,
    pub(super) part: Option<RunPart>,
    pub(super) share: Option<u32>,
    /// Its limits are to refuse nothing.
    pub(super) observes: bool,
    /// What becomes of a run that was never opened, where this opening names no limit.
    pub(super) may_be_first: bool,
    /// Nobody will ask for tools: those limited by name need not be known.
    pub(super) without_tools: bool,
}

/// What the books said of an opening.
#[derive(Clone, Copy, Debug)]
pub(super) struct StandingLimits {
    /// The run was never opened: its limits are still to be written.
    pub(super) is_new: bool,
    /// The share of its parent that is its limit.
    pub(super) share: Option<u32>,
}

/// A line's name, its unit, and what is written there.
type WrittenFigure = (&'static str, Unit, i64);

impl AskedLimits<'_> {
    /// Whether it says anything: an opening that does not takes the run as it stands.
    fn is_said(&self, run: &Opened) -> bool {
        run.is_unlimited || *self.limits != RunLimits::none() || self.part.is_some() || self.share.is_some()
    }

    /// Holds this opening to the limits that stand: to all of them, or takes them over where it names none.
    pub(super) async fn look(&self, enforcer: &Enforcer, run: &mut Opened) -> Result<StandingLimits, Error> {
        let scope = run.scope().clone();
        let known = self.read(enforcer, run).await?;
        if known.get(&scope, OPENED, &Unit::Requests).used() == 0 {
            if self.is_said(run) || self.may_be_first {
                return Ok(StandingLimits { is_new: true, share: self.share });
            }
            let problem = "has no limit; give it dollars, tokens, rounds or time, or name it: .limits(RunLimits::none())";
            return Err(Error::invalid(&scope_text(&scope), problem));
        }
        if self.is_said(run) {
            self.compare(&known, &scope)?;
            return Ok(StandingLimits { is_new: false, share: self.share });
        }
        if self.observes {
            self.compare_lines(&known, &scope, [(OBSERVES, Unit::Requests)])?;
        }
        let tools = self.tools(enforcer, run, &known).await?;
        let (limits, share) = standing(&known, &scope, tools);
        run.observes = known.get(&scope, OBSERVES, &Unit::Requests).used() > 0;
        run.is_unlimited = limits == RunLimits::none();
        run.limits = limits;
        Ok(StandingLimits { is_new: false, share })
    }

    /// Writes the limits of a run that is opened for the first time, unless somebody else does: then it is held to
    /// theirs.
    pub(super) async fn write_once(&self, enforcer: &Enforcer, run: &Opened) -> Result<(), Error> {
        let scope = run.scope();
        WrittenNames::of(self.limits.tools.keys()).write(enforcer, run).await?;
        for _ in 0..LOOKS_MAX {
            if self.write(enforcer, run).await? {
                return Ok(());
            }
            let known = self.read(enforcer, run).await?;
            if known.get(scope, OPENED, &Unit::Requests).used() > 0 {
                return self.compare(&known, scope);
            }
        }
        Err(Error::new(ErrorKind::Conflict, format!("{}: is just being opened by others", scope_text(scope))))
    }

    /// Reads every line on which a limit may stand, with the tools that this opening names.
    async fn read(&self, enforcer: &Enforcer, run: &Opened) -> Result<LineBalances, Error> {
        let scope = run.scope();
        let mut lines: Vec<_> = lines().into_iter().map(|(id, unit)| line(id, scope, unit, None)).collect();
        let tools = self.limits.tools.keys();
        lines.extend(tools.map(|name| line(TOOL, scope, Unit::Tool(name.clone()), None)));
        LineBalances::read_lines(enforcer, run, lines).await
    }

    /// Writes the limits; says whether nobody else was faster.
    async fn write(&self, enforcer: &Enforcer, run: &Opened) -> Result<bool, Error> {
        let scope = run.scope();
        let mut figures = self.figures();
        figures.push((OPENED, Unit::Requests, 1));
        let lines = figures.iter().map(|(id, unit, _)| line(id, scope, unit.clone(), None)).collect();
        let binding = bind_own(enforcer, &run.call_for([scope.clone()]), lines)?;
        // Two who open the same run at once meet on this line, and one is refused.
        let claim = under(&binding, &[], |line| if line.account.budget() == OPENED { 1 } else { i64::MAX })?;
        let asked = amounts(&claim, |account| figure_of(&figures, account.budget(), account.unit()));
        charge_if_it_fits(enforcer.core(), &claim, &asked, OnExpiry::Hold).await
    }

    /// The limits that are set, each one more than it is.
    fn figures(&self) -> Vec<WrittenFigure> {
        let RunLimits { usd, tokens, iterations, output_tokens_per_iteration, time, deadline, .. } =
            self.limits;
        let RunLimits { tool_calls, tools, children, depth, kept_back, .. } = self.limits;
        let count = |limit: &Option<u64>| limit.map(signed);
        let some = |figure: i64| (figure > 0).then_some(figure);
        let percent = |percent: u32| Some(i64::from(percent));
        let part = match self.part {
            Some(RunPart::Usd(usd)) => (PART, Unit::Usd, Some(usd.nanos())),
            Some(RunPart::Tokens(tokens)) => (PART, Unit::Tokens, Some(signed(tokens))),
            Some(RunPart::Percent(share)) => (PART, Unit::Requests, percent(share)),
            None => (PART, Unit::Requests, None),
        };
        let plain = [
            (LIMIT, Unit::Usd, usd.map(Usd::nanos)),
            (LIMIT, Unit::Tokens, count(tokens)),
            (LIMIT, Unit::Iterations, count(iterations)),
            (LIMIT, Unit::TokensOutput, count(output_tokens_per_iteration)),
            (LIMIT, Unit::TimeMs, time.map(milliseconds)),
            (UNTIL, Unit::TimeMs, deadline.map(Timestamp::as_millis)),
            (LIMIT, Unit::ToolCalls, count(tool_calls)),
            (LIMIT, Unit::Children, count(children)),
            (LIMIT, Unit::Depth, count(depth)),
            (KEPT, Unit::Usd, some(kept_back.usd.nanos())),
            (KEPT, Unit::Tokens, some(signed(kept_back.tokens))),
            (KEPT, Unit::Iterations, some(signed(kept_back.iterations))),
            (TOOLS, Unit::Requests, some(i64::try_from(tools.len()).unwrap_or(i64::MAX))),
            part,
            (SHARE, Unit::Requests, self.share.and_then(percent)),
            (OBSERVES, Unit::Requests, self.observes.then_some(1)),
        ];
        let of_tool =
            |(name, limit): (&ShortText, &u64)| (TOOL, Unit::Tool(name.clone()), Some(signed(*limit)));
        let names = WrittenNames::of(tools.keys()).figures().into_iter().flatten();
        let names = names.map(|(id, figure)| (id, Unit::Requests, Some(figure)));
        let all = plain.into_iter().chain(names).chain(tools.iter().map(of_tool));
        all.filter_map(|(id, unit, limit)| Some((id, unit, limit?.clamp(0, FIGURE_MAX).saturating_add(1))))
            .collect()
    }

    /// Refuses an opening with other limits, and says which is another.
    fn compare(&self, known: &LineBalances, scope: &Scope) -> Result<(), Error> {
        let tools = self.limits.tools.keys().map(|name| (TOOL, Unit::Tool(name.clone())));
        // The tools are compared one by one; how their names are written is nobody's word.
        let plain = lines().into_iter().filter(|(id, _)| ![OPENED, KEY, PIECES].contains(id));
        self.compare_lines(known, scope, plain.chain(tools))
    }

    fn compare_lines(
        &self,
        known: &LineBalances,
        scope: &Scope,
        lines: impl IntoIterator<Item = (&'static str, Unit)>,
    ) -> Result<(), Error> {
        let asked = self.figures();
        for (id, unit) in lines {
            let was = known.get(scope, id, &unit).used();
            let now = figure_of(&asked, id, &unit);
            if was != now {
                let (was, now) = (shown(id, &unit, was), shown(id, &unit, now));
                let text = format!(
                    "{}: {}: it was opened with {was}, and not with {now}; open it with the same limits or with \
                     none, and raise its dollars by a signed grant",
                    scope_text(scope),
                    label(id, &unit)
                );
                return Err(Error::new(ErrorKind::Conflict, text));
            }
        }
        Ok(())
    }

    /// The limits of single tools that stand, for an opening that names none.
    async fn tools(
        &self,
        enforcer: &Enforcer,
        run: &Opened,
        known: &LineBalances,
    ) -> Result<BTreeMap<ShortText, u64>, Error> {
        let scope = run.scope();
        let of = |id: &str| written(known, scope, id, Unit::Requests);
        let Some(count) = of(TOOLS).filter(|_| !self.without_tools) else { return Ok(BTreeMap::new()) };
        let Some(place) = of(KEY).zip(of(PIECES)) else {
            let problem = format!(
                "has limits on {count} tools, which its books do not name: open it with all its limits"
            );
            return Err(Error::invalid(&scope_text(scope), problem));
        };
        let names = read_names(enforcer, run, place).await?;
        let lines = names.iter().map(|name| line(TOOL, scope, Unit::Tool(name.clone()), None)).collect();
        let known = LineBalances::read_lines(enforcer, run, lines).await?;
        let limit = |name: ShortText| {
            let limit = written(&known, scope, TOOL, Unit::Tool(name.clone()));
            // A name without a limit stands there by mistake, and nothing is let through.
            (name, limit.and_then(|limit| u64::try_from(limit).ok()).unwrap_or(0))
        };
        Ok(names.into_iter().map(limit).collect())
    }
}

/// What is written on that line; zero where nothing is.
fn figure_of(figures: &[WrittenFigure], id: &str, unit: &Unit) -> i64 {
    let its = figures.iter().find(|(of, its, _)| *of == id && its == unit);
    its.map_or(0, |(_, _, figure)| *figure)
}

/// The limit on that line, where there is one.
fn written(known: &LineBalances, scope: &Scope, id: &str, unit: Unit) -> Option<i64> {
    known.get(scope, id, &unit).used().checked_sub(1).filter(|limit| *limit >= 0)
}

/// The limits that stand, with those of single tools, for an opening that names none.
fn standing(
    known: &LineBalances,
    scope: &Scope,
    tools: BTreeMap<ShortText, u64>,
) -> (RunLimits, Option<u32>) {
    let of = |id: &str, unit: Unit| written(known, scope, id, unit);
    let count = |id: &str, unit: Unit| of(id, unit).and_then(|limit| u64::try_from(limit).ok());
    let limits = RunLimits {
        usd: of(LIMIT, Unit::Usd).map(Usd::from_nanos),
        tokens: count(LIMIT, Unit::Tokens),
        iterations: count(LIMIT, Unit::Iterations),
        output_tokens_per_iteration: count(LIMIT, Unit::TokensOutput),
        time: count(LIMIT, Unit::TimeMs).map(Duration::from_millis),
        deadline: of(UNTIL, Unit::TimeMs).map(from_millis),
        tool_calls: count(LIMIT, Unit::ToolCalls),
        tools,
        children: count(LIMIT, Unit::Children),
        depth: count(LIMIT, Unit::Depth),
        kept_back: KeptBack {
            usd: of(KEPT, Unit::Usd).map(Usd::from_nanos).unwrap_or_default(),
            tokens: count(KEPT, Unit::Tokens).unwrap_or(0),
            iterations: count(KEPT, Unit::Iterations).unwrap_or(0),
        },
    };
    let share = of(SHARE, Unit::Requests).and_then(|percent| u32::try_from(percent).ok());
    (limits, share)
}
