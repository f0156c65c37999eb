//! With which figures does a budget bind a call?
//!
//! A budget becomes one line of the claim, or two where it has a guardrail. A line carries everything that the ledger needs to
//! decide alone: the account, the period, one ceiling. Tiers, raises and ladders end here, so that the ledger knows a single
//! inequality, and whatever they mean is worked out once for each call and not under the ledger's lock.

use std::sync::Arc;

use smallvec::SmallVec;

use super::super::budget::{EXEMPTION_PREFIX, UNBOUND};
use super::super::shelf::{Resolved, ShelfKey};
use super::super::{Budget, Exemption, OfRun, Policy, Tiers};
use crate::pricing::Asked;
use crate::values::{Account, ClaimLine, ShortText, Tenant, Terms, Threshold, TierAction, Timestamp, Unit};
use crate::{Error, Scope, Window};

/// Collects the lines of one call.
pub(super) struct Resolver<'a> {
    policy: &'a Policy,
    tenant: &'a Tenant,
    now: Timestamp,
    /// A weaker model stands below the call's on the policy's ladder.
    on_ladder: bool,
    valid_until: Timestamp,
    found: Vec<(ClaimLine, Terms)>,
    /// Where the lines of the present scope begin.
    scope_begins: usize,
    exemptions: Vec<ShortText>,
    /// By the policy's ladder, or by that of a run whose own line degrades.
    next_rung: Option<ShortText>,
}

/// What binds one call, and how long that holds.
pub(super) struct Lines {
    pub(super) lines: Vec<ClaimLine>,
    /// Where each of them comes from, in the same order.
    pub(super) terms: Vec<Terms>,
    pub(super) exemptions: Vec<ShortText>,
    pub(super) next_rung: Option<ShortText>,
    pub(super) valid_until: Timestamp,
}

/// What one line is made from.
struct Source<'a> {
    budget: &'a ShortText,
    scope: &'a Scope,
    unit: &'a Unit,
    window: &'a Window,
    guardrail: bool,
    limit: Option<i64>,
    raised: i64,
    tiers: &'a Tiers,
    observe: bool,
    degrades: bool,
    of_run: OfRun,
    exemption: Option<ShortText>,
}

/// What a line is judged by, with all raises.
///
/// The claim has the lower of two ceilings: above `degrade_ceiling` a stronger model is refused and a weaker one may still
/// come, above `ceiling` none. The terms have both, so that a refusal can say which it was.
struct Figures {
    limit: Option<i64>,
    ceiling: i64,
    degrade_ceiling: i64,
    warn_at: i64,
    tiers: SmallVec<[(TierAction, i64); 4]>,
}

impl<'a> Source<'a> {
    /// A line without a limit or a raise, which enforces; who makes one says what differs.
    fn new(
        budget: &'a ShortText,
        scope: &'a Scope,
        unit: &'a Unit,
        window: &'a Window,
        tiers: &'a Tiers,
    ) -> Self {
        Self {
            budget,
            scope,
            unit,
            window,
            guardrail: false,
            limit: None,
            raised: 0,
            tiers,
            observe: false,
            degrades: false,
            of_run: OfRun::default(),
            exemption: None,
        }
    }
}

impl<'a> Resolver<'a> {
    pub(super) fn new(policy: &'a Policy, tenant: &'a Tenant, asked: Asked<'_>, now: Timestamp) -> Self {
        let next_rung = policy.next_rung(asked);
        Self {
            policy,
            tenant,
            now,
            on_ladder: next_rung.is_some(),
            valid_until: Timestamp::MAX,
            found: Vec::new(),
            scope_begins: 0,
            exemptions: Vec::new(),
            next_rung,
        }
    }

    /// Adds the budget's line, and before it its guardrail's.
    pub(super) fn add(
        &mut self,
        budget: &Budget,
        scope: &Scope,
        exempt: Option<&Exemption>,
    ) -> Result<(), Error> {
        // A call that an exemption serves is charged there instead of on the lines it stands for.
        if exempt.is_some_and(|exemption| exemption.raises(&budget.id, scope, &budget.unit)) {
            return Ok(());
        }
        let raised = self.raise_of(budget, scope)?;
        let observe = self.policy.observes(budget);
        if let Some(guardrail) = &budget.guardrail {
            let plain = Tiers::plain();
            self.add_line(&Source {
                guardrail: true,
                limit: Some(guardrail.limit),
                // A raise that left the day as it was could not be spent on the day it was given for.
                raised,
                observe,
                ..Source::new(&budget.id, scope, &budget.unit, &guardrail.window, &plain)
            })?;
        }
        self.add_line(&Source {
            limit: budget.limit,
            raised,
            observe,
            degrades: budget.has_degrade() && self.on_ladder,
            of_run: budget.of_run.clone(),
            ..Source::new(&budget.id, scope, &budget.unit, &budget.window, &budget.tiers)
        })
    }

    /// An exemption for a use case is a budget of its own, for as long as it lasts.
    pub(super) fn add_exemption(&mut self, exemption: &Exemption) -> Result<(), Error> {
        self.name_exemption(exemption);
        let id = ShortText::of(format_args!("{EXEMPTION_PREFIX}{}", exemption.id));
        let (window, plain) = (Window::lifetime(), Tiers::plain());
        self.add_line(&Source {
            limit: Some(exemption.raise),
            exemption: Some(exemption.id.clone()),
            ..Source::new(&id, &exemption.scope, &exemption.unit, &window, &plain)
        })
    }

    /// Books without a limit, for a call that nobody limits and that is to be counted.
    pub(super) fn add_books(&mut self, scope: &Scope) -> Result<(), Error> {
        // A month, so that a ledger in memory forgets who has not called since the last.
        let (id, window, plain) = (ShortText::from_static(UNBOUND), Window::month(), Tiers::plain());
        [Unit::Usd, Unit::Tokens, Unit::Requests]
            .iter()
            .try_for_each(|unit| self.add_line(&Source::new(&id, scope, unit, &window, &plain)))
    }

    /// Puts the lines of the scope that was just added in order, shorter windows first.
    ///
    /// A refusal names the first line without room, and who waits for the shorter window waits less.
    pub(super) fn end_scope(&mut self) {
        if let Some(of_scope) = self.found.get_mut(self.scope_begins..) {
            of_scope.sort_by_key(|(line, terms)| window_length(line, &terms.window));
        }
        self.scope_begins = self.found.len();
    }

    /// All lines, good until the first of their windows ends or any exemption begins or ends.
    pub(super) fn finish(self) -> Lines {
        // Also one that raises nothing here: it may be for a use case of the next call.
        let edges = self.policy.0.exemptions.iter().map(|exemption| exemption.next_edge(self.now));
        let valid_until = edges.fold(self.valid_until, Timestamp::min);
        let (lines, terms) = self.found.into_iter().unzip();
        Lines { lines, terms, exemptions: self.exemptions, next_rung: self.next_rung, valid_until }
    }

    /// What live exemptions add to that budget of the scope; remembers which they are.
    fn raise_of(&mut self, budget: &Budget, scope: &Scope) -> Result<i64, Error> {
        let mut raised = 0_i64;
        for exemption in &self.policy.0.exemptions {
            let applies = exemption.use_case.is_none() && exemption.is_live(self.now);
            if applies && exemption.raises(&budget.id, scope, &budget.unit) {
                raised = raised.checked_add(exemption.raise).ok_or_else(|| Error::overflow("exemptions"))?;
                self.name_exemption(exemption);
            }
        }
        Ok(raised)
    }

    fn name_exemption(&mut self, exemption: &Exemption) {
        if !self.exemptions.contains(&exemption.id) {
            self.exemptions.push(exemption.id.clone());
        }
    }

    /// Adds one line, and beside it what people are told of it.
    fn add_line(&mut self, source: &Source<'_>) -> Result<(), Error> {
        let figures = self.figures(source)?;
        let key = ShelfKey {
            tenant: self.tenant.clone(),
            budget: source.budget.clone(),
            is_guardrail: source.guardrail,
            unit: source.unit.clone(),
        };
        let shelf = self.policy.0.shelves.of(key, source.window);
        let account = Account::new(Arc::clone(&shelf.key), source.scope.clone());
        let Resolved { period, resets_at } = shelf.resolve(source.window, self.now);
        // Whoever keeps this binding for the next call asks anew when the first window ends.
        self.valid_until = self.valid_until.min(period.until);
        let Figures { limit, ceiling, degrade_ceiling, warn_at, tiers } = figures;
        let line = ClaimLine {
            account: account.clone(),
            period,
            // What observes is booked like all else and has no ceiling: refusing is the one thing it must not do.
            ceiling: if source.observe { i64::MAX } else { ceiling.min(degrade_ceiling) },
            thresholds: thresholds(&tiers),
        };
        let terms = Terms {
            account,
            window: source.window.clone(),
            period,
            resets_at,
            limit,
            raised: source.raised,
            kept_back: source.of_run.kept_back,
            ceiling,
            degrade_ceiling,
            warn_at,
            tiers,
            observe: source.observe,
            exemption: source.exemption.clone(),
        };
        self.found.push((line, terms));
        Ok(())
    }

    fn figures(&mut self, source: &Source<'_>) -> Result<Figures, Error> {
        let limit = match source.limit {
            Some(limit) => Some(limit.checked_add(source.raised).ok_or_else(|| Error::overflow("limit"))?),
            None => None,
        };
        let mut tiers = match limit {
            Some(limit) => source.tiers.thresholds(limit)?,
            None => SmallVec::new(),
        };
        let ceiling = match limit {
            // Only a run's line keeps something back, and those are plain.
            Some(limit) => source.tiers.ceiling(limit)?.saturating_sub(source.of_run.kept_back),
            None => i64::MAX,
        };
        let degrade = match &source.of_run.degrade {
            Some((threshold, next)) => {
                // The run's own word goes before the policy's ladder: it is about this run's money.
                self.next_rung = Some(next.clone());
                Some(*threshold)
            }
            // Without a weaker model there is nothing to degrade to, and the tier is only its event.
            None if source.degrades => threshold_of(&tiers, TierAction::Degrade),
            None => None,
        };
        let degrade_ceiling = degrade.map_or(i64::MAX, |threshold| threshold.saturating_sub(1));
        let warns = [TierAction::Warn, TierAction::Critical].map(|action| threshold_of(&tiers, action));
        let warn_at = warns.into_iter().flatten().min().unwrap_or(i64::MAX);
        if !source.tiers.never_stop() && threshold_of(&tiers, TierAction::Block).is_none() {
            // Last, whatever its threshold: a tier's place is its name in the ledger, and those named keep theirs.
            tiers.extend(limit.map(|limit| (TierAction::Block, limit)));
        }
        Ok(Figures { limit, ceiling, degrade_ceiling, warn_at, tiers })
    }
}

/// A tier's place in its budget is its name in the ledger: it fires once, even where its threshold moved.
fn thresholds(tiers: &[(TierAction, i64)]) -> SmallVec<[Threshold; 4]> {
    // A limit of zero is reached before anything is spent, which is no news.
    let numbered = tiers.iter().zip(0_u8..).filter(|((_, threshold), _)| *threshold > 0);
    let mut thresholds: SmallVec<[Threshold; 4]> =
        numbered.map(|((_, threshold), tier)| Threshold { at: *threshold, tier }).collect();
    thresholds.sort_by_key(|threshold| threshold.at);
    thresholds
}

fn threshold_of(thresholds: &[(TierAction, i64)], action: TierAction) -> Option<i64> {
    thresholds.iter().find(|(tier, _)| *tier == action).map(|(_, threshold)| *threshold)
}

/// By which lines of one scope are ordered: how long their window is.
fn window_length(line: &ClaimLine, window: &Window) -> std::time::Duration {
    window.rolling_length().unwrap_or_else(|| line.period.until.since(line.period.from))
}
