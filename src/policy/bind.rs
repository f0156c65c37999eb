//! Which budgets bind this call now, and with which figures?

use std::sync::Arc;

use compact_str::CompactString;
use smallvec::SmallVec;

use super::budget::{EXEMPTION_PREFIX, UNBOUND};
use super::{Budget, Exemption, OfRun, Policy, Resolved, Tiers, is_run_line};
use crate::pricing::Asked;
use crate::values::name::nearest;
use crate::values::{
    Account, Binding, Caps, Claim, ClaimLine, ScopeKind, Tenant, Terms, Threshold, TierAction, Timestamp,
    Unbound, Unit,
};
use crate::{Call, Error, PricingTable, Scope, Window};

impl Policy {
    /// Resolves the budgets that bind this call at that instant.
    ///
    /// A budget of a scope and a template for its kind both bind. Lines stand
    /// in charge-set order, and inside a scope shorter windows first. Models and
    /// providers that budgets name are compared by spelling alone; an enforcer
    /// also looks at the rows of its prices.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a name in the call that cannot be used, or more
    /// than 255 lines; `Overflow` where a raised limit does not fit.
    pub fn bind(&self, call: &Call, now: Timestamp) -> Result<Binding, Error> {
        self.bind_with(call, &[], None, now)
    }

    /// The same with budgets of the caller's own beside the policy's: a run's.
    pub(crate) fn bind_with(
        &self,
        call: &Call,
        own: &[Arc<Budget>],
        prices: Option<&PricingTable>,
        now: Timestamp,
    ) -> Result<Binding, Error> {
        self.resolve(call, own, None, prices, now)
    }

    /// The binding with the lines that a live exemption for the call's use case replaces, if there is one.
    ///
    /// The call is charged there while it fits, otherwise on the scope's own lines.
    pub(crate) fn bind_exempt(
        &self,
        call: &Call,
        own: &[Arc<Budget>],
        prices: Option<&PricingTable>,
        now: Timestamp,
    ) -> Result<Option<Binding>, Error> {
        let Some(use_case) = &call.use_case else { return Ok(None) };
        let serves = |exemption: &&Exemption| {
            exemption.use_case.as_ref() == Some(use_case)
                && exemption.is_live(now)
                && call.scopes().contains(&exemption.scope)
        };
        match self.0.exemptions.iter().find(serves) {
            Some(exemption) => self.resolve(call, own, Some(exemption), prices, now).map(Some),
            None => Ok(None),
        }
    }

    fn resolve(
        &self,
        call: &Call,
        own: &[Arc<Budget>],
        exempt: Option<&Exemption>,
        prices: Option<&PricingTable>,
        now: Timestamp,
    ) -> Result<Binding, Error> {
        call.check()?;
        let tenant = self.root_of(call);
        let asked = Asked::of(call, prices);
        let mut resolver = Resolver::new(self, &tenant, asked, now);
        // What only observes refuses nothing and clamps nothing.
        let all_observe = self.observes_only();
        let (mut caps, mut caps_observed) =
            if all_observe { (Caps::default(), self.0.caps) } else { (self.0.caps, Caps::default()) };
        let unbound = self.unbound_of(call, own, exempt);
        for scope in call.scopes() {
            let first = resolver.found.len();
            for budget in self.budgets_of(scope, own).filter(|budget| budget.selects(call, asked)) {
                let caps = if self.observes(budget) { &mut caps_observed } else { &mut caps };
                *caps = caps.tightest(budget.caps);
                resolver.add(budget, scope, exempt)?;
            }
            if let Some(exemption) = exempt.filter(|exemption| exemption.scope == *scope) {
                resolver.add_exemption(exemption)?;
            }
            if unbound == Some(Unbound::Count) {
                resolver.add_books(scope)?;
            }
            if let Some(of_scope) = resolver.found.get_mut(first..) {
                of_scope.sort_by_key(|(line, bound)| window_length(line, &bound.window));
            }
        }
        for exemption in &self.0.exemptions {
            resolver.valid_until = resolver.valid_until.min(exemption.next_edge(now));
        }
        let valid_until = resolver.valid_until;
        let exemptions = std::mem::take(&mut resolver.exemptions);
        let next_rung = resolver.next_rung.take();
        let (lines, bound): (Vec<ClaimLine>, Vec<Terms>) = resolver.found.into_iter().unzip();
        // A run's own limits may enforce where no budget of the policy does.
        let observes_only = all_observe
            && caps == Caps::default()
            && bound.iter().all(|bound| bound.observe || bound.limit.is_none());
        Ok(Binding {
            claim: Claim::new(tenant, call.scopes(), lines)?
                .observing(|scope| observes_freeze(own, scope, all_observe)),
            observes_some: all_observe || bound.iter().any(|bound| bound.observe),
            caps_observed,
            unbound_observed: all_observe && self.0.unbound.is_none() && unbound == Some(Unbound::Count),
            bound,
            caps,
            model: call.model.clone(),
            next_rung,
            exemptions,
            observes_only,
            unbound,
            policy_is_empty: self.0.budgets.is_empty(),
            nearest_kind: if unbound.is_some() { self.nearest_kind(call) } else { None },
            valid_until,
        })
    }

    /// Whether that budget refuses nothing: its own word, or the policy's, which says nothing of a run's own limits.
    fn observes(&self, budget: &Budget) -> bool {
        budget.observe || (self.0.observe && !is_run_line(&budget.id))
    }

    /// What becomes of the call because none of its scopes has a budget, whatever those select; `None` where one has.
    fn unbound_of(&self, call: &Call, own: &[Arc<Budget>], exempt: Option<&Exemption>) -> Option<Unbound> {
        let has_budget =
            |scope: &Scope| self.0.by_scope.contains_key(scope) || self.0.by_kind.contains_key(scope.kind());
        let is_bound = exempt.is_some()
            || own.iter().any(|budget| budget.of_run.binds_calls)
            || call.scopes().iter().any(has_budget);
        (!is_bound).then(|| self.unbound_calls())
    }

    /// Of the kinds of scope that have a budget the one that a call without one most likely meant: spelt alike, else
    /// next to one of its own; none where the call names a scope of a kind that has budgets.
    fn nearest_kind(&self, call: &Call) -> Option<ScopeKind> {
        let kinds = &self.0.kinds;
        let named = || call.scopes().iter().map(Scope::kind);
        if named().any(|kind| kinds.contains(kind)) {
            return None;
        }
        let spelt = |kind: &ScopeKind| {
            let near = nearest(kind.as_str(), kinds.iter().map(ScopeKind::as_str));
            kinds.iter().find(|known| near.first() == Some(&known.as_str()))
        };
        // Levels are in order from the organisation down: the next one above pays for it, too.
        let above = |kind: &ScopeKind| kinds.iter().rfind(|known| *known < kind);
        let found = named().find_map(spelt).or_else(|| named().find_map(above));
        found.or_else(|| kinds.first()).cloned()
    }

    fn budgets_of<'a>(
        &'a self,
        scope: &'a Scope,
        own: &'a [Arc<Budget>],
    ) -> impl Iterator<Item = &'a Arc<Budget>> {
        let exact = self.0.by_scope.get(scope).into_iter().flatten();
        let each = self.0.by_kind.get(scope.kind()).into_iter().flatten();
        let of_policy = exact.chain(each).filter_map(|place| self.0.budgets.get(*place));
        of_policy
            .chain(own.iter().filter(move |budget| budget.selector == super::Selector::Scope(scope.clone())))
    }

    fn root_of(&self, call: &Call) -> Tenant {
        let name = call.organization_name().unwrap_or_default();
        if let Some(tenant) = self.0.tenants.get(name) {
            return tenant.clone();
        }
        let tenant = match call.scopes().first().filter(|scope| scope.kind() == &ScopeKind::Organization) {
            Some(organization) => Tenant::organization(organization),
            None => Tenant::unnamed(),
        };
        self.0.tenants.entry(name.into()).or_insert(tenant).clone()
    }

    /// The model one rung further down, where this one is on the ladder.
    pub(crate) fn next_rung(&self, asked: Asked<'_>) -> Option<CompactString> {
        self.0.ladder.get(asked.rung(&self.0.ladder)?.saturating_add(1)).cloned()
    }

    /// How many models stand on the ladder.
    pub(crate) fn rungs(&self) -> usize {
        self.0.ladder.len()
    }
}

/// Collects lines for one call.
struct Resolver<'a> {
    policy: &'a Policy,
    tenant: &'a Tenant,
    now: Timestamp,
    /// A weaker model stands below the call's on the policy's ladder.
    on_ladder: bool,
    valid_until: Timestamp,
    found: Vec<(ClaimLine, Terms)>,
    exemptions: Vec<CompactString>,
    /// By the policy's ladder, or by that of a run whose own line degrades.
    next_rung: Option<CompactString>,
}

/// What one line is made from.
struct Source<'a> {
    budget: &'a CompactString,
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
    exemption: Option<CompactString>,
}

impl<'a> Resolver<'a> {
    fn new(policy: &'a Policy, tenant: &'a Tenant, asked: Asked<'_>, now: Timestamp) -> Self {
        let next_rung = policy.next_rung(asked);
        let on_ladder = next_rung.is_some();
        let (found, exemptions) = (Vec::new(), Vec::new());
        Self { policy, tenant, now, on_ladder, valid_until: Timestamp::MAX, found, exemptions, next_rung }
    }

    fn add(&mut self, budget: &Budget, scope: &Scope, exempt: Option<&Exemption>) -> Result<(), Error> {
        // A call that an exemption serves is charged there instead of on the lines it stands for.
        if exempt.is_some_and(|exemption| exemption.raises(&budget.id, scope, &budget.unit)) {
            return Ok(());
        }
        let raised = self.raise_of(budget, scope)?;
        let degrades = budget.has_degrade() && self.on_ladder;
        let observe = self.policy.observes(budget);
        if let Some(guardrail) = &budget.guardrail {
            self.add_line(&Source {
                budget: &budget.id,
                scope,
                unit: &budget.unit,
                window: &guardrail.window,
                guardrail: true,
                limit: Some(guardrail.limit),
                raised,
                tiers: &Tiers::plain(),
                observe,
                degrades: false,
                of_run: OfRun::default(),
                exemption: None,
            })?;
        }
        self.add_line(&Source {
            budget: &budget.id,
            scope,
            unit: &budget.unit,
            window: &budget.window,
            guardrail: false,
            limit: budget.limit,
            raised,
            tiers: &budget.tiers,
            observe,
            degrades,
            of_run: budget.of_run.clone(),
            exemption: None,
        })
    }

    /// An exemption for a use case is a budget of its own, for as long as it lasts.
    fn add_exemption(&mut self, exemption: &Exemption) -> Result<(), Error> {
        self.name_exemption(exemption);
        self.add_line(&Source {
            budget: &compact_str::format_compact!("{EXEMPTION_PREFIX}{}", exemption.id),
            scope: &exemption.scope,
            unit: &exemption.unit,
            window: &Window::lifetime(),
            guardrail: false,
            limit: Some(exemption.raise),
            raised: 0,
            tiers: &Tiers::plain(),
            observe: false,
            degrades: false,
            of_run: OfRun::default(),
            exemption: Some(exemption.id.clone()),
        })
    }

    /// Books without a limit, for a call that nobody limits and that is to be counted.
    fn add_books(&mut self, scope: &Scope) -> Result<(), Error> {
        // A month, so that a ledger in memory forgets who has not called since the last.
        let window = Window::month();
        for unit in [Unit::Usd, Unit::Tokens, Unit::Requests] {
            self.add_line(&Source {
                budget: &CompactString::const_new(UNBOUND),
                scope,
                unit: &unit,
                window: &window,
                guardrail: false,
                limit: None,
                raised: 0,
                tiers: &Tiers::plain(),
                observe: false,
                degrades: false,
                of_run: OfRun::default(),
                exemption: None,
            })?;
        }
        Ok(())
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

    fn add_line(&mut self, source: &Source<'_>) -> Result<(), Error> {
        let limit = match source.limit {
            Some(limit) => Some(limit.checked_add(source.raised).ok_or_else(|| Error::overflow("limit"))?),
            None => None,
        };
        let levels = match limit {
            Some(limit) => source.tiers.levels(limit)?,
            None => SmallVec::new(),
        };
        let ceiling = match limit {
            // Only a run's line keeps something back, and those are plain.
            Some(limit) => source.tiers.ceiling(limit)?.saturating_sub(source.of_run.kept_back),
            None => i64::MAX,
        };
        let degrade = match &source.of_run.degrade {
            Some((level, next)) => {
                self.next_rung = Some(next.clone());
                Some(*level)
            }
            None if source.degrades => level_of(&levels, TierAction::Degrade),
            None => None,
        };
        let degrade_ceiling = degrade.map_or(i64::MAX, |level| level.saturating_sub(1));
        let warns = [TierAction::Warn, TierAction::Critical].map(|action| level_of(&levels, action));
        let about = (source.unit, source.window);
        let shelf = self.policy.shelf(self.tenant, source.budget, source.guardrail, about);
        let account = Account::new(Arc::clone(&shelf.book), source.scope.clone());
        let Resolved { period, resets_at } = shelf.resolve(source.window, self.now);
        self.valid_until = self.valid_until.min(period.until);
        let mut tiers = levels;
        if !source.tiers.never_stop() && level_of(&tiers, TierAction::Block).is_none() {
            // Last, whatever its level: a tier's place is its name in the ledger, and those named keep theirs.
            tiers.extend(limit.map(|limit| (TierAction::Block, limit)));
        }
        let line = ClaimLine {
            account: account.clone(),
            period,
            ceiling: if source.observe { i64::MAX } else { ceiling.min(degrade_ceiling) },
            thresholds: thresholds(&tiers),
        };
        let bound = Terms {
            account,
            window: source.window.clone(),
            period,
            resets_at,
            limit,
            raised: source.raised,
            kept_back: source.of_run.kept_back,
            ceiling,
            degrade_ceiling,
            warn_at: warns.into_iter().flatten().min().unwrap_or(i64::MAX),
            tiers,
            observe: source.observe,
            exemption: source.exemption.clone(),
        };
        self.found.push((line, bound));
        Ok(())
    }
}

/// A freeze of who observes is reported; a stop of a run holds unless the run itself observes.
fn observes_freeze(own: &[Arc<Budget>], scope: &Scope, all_observe: bool) -> bool {
    match scope.kind() {
        ScopeKind::Run => own.iter().any(|budget| budget.is_observed_run(scope)),
        _ => all_observe,
    }
}

/// A tier's place in its budget is its name in the ledger: it fires once, even where its level moved.
fn thresholds(tiers: &[(TierAction, i64)]) -> SmallVec<[Threshold; 4]> {
    // A limit of zero is reached before anything is spent, which is no news.
    let numbered = tiers.iter().zip(0_u8..).filter(|((_, level), _)| *level > 0);
    let mut thresholds: SmallVec<[Threshold; 4]> =
        numbered.map(|((_, level), tier)| Threshold { at: *level, tier }).collect();
    thresholds.sort_by_key(|threshold| threshold.at);
    thresholds
}

fn level_of(levels: &[(TierAction, i64)], action: TierAction) -> Option<i64> {
    levels.iter().find(|(tier, _)| *tier == action).map(|(_, level)| *level)
}

/// By which lines of one scope are ordered: how long their window is.
fn window_length(line: &ClaimLine, window: &Window) -> std::time::Duration {
    window.rolling_length().unwrap_or_else(|| line.period.until.since(line.period.from))
}
