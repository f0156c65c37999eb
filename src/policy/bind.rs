//! Which budgets bind this call now?
//!
//! A call names its payers; each of them is looked up with its own budgets and with the templates of its kind, so that the
//! cost is in the number of the call's scopes and not in that of the policy's budgets. A binding is good until its
//! `valid_until`, and may serve later calls of the same payers until then.

mod lines;

use std::sync::Arc;

use self::lines::{Lines, Resolver};
use super::{Budget, Exemption, Policy, Selector, is_run_line};
use crate::pricing::Asked;
use crate::values::name::nearest;
use crate::values::{Binding, Caps, Claim, ScopeKind, ShortText, Tenant, Terms, Timestamp, Unbound};
use crate::{Call, Error, PricingTable, Scope};

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
        // The first that serves it: to charge a call in two exemptions would charge it twice.
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
        let (lines, caps, unbound) = self.lines(call, own, exempt, prices, now)?;
        self.binding(call, own, self.tenant_of(call), lines, caps, unbound)
    }

    /// The terms of everything that binds the call, however many that are: a claim carries only so many.
    ///
    /// For whoever counts lines before a call does, and for whoever reads their balances in parts.
    pub(crate) fn terms_with(
        &self,
        call: &Call,
        own: &[Arc<Budget>],
        prices: Option<&PricingTable>,
        now: Timestamp,
    ) -> Result<Vec<Terms>, Error> {
        self.lines(call, own, None, prices, now).map(|(lines, _, _)| lines.terms)
    }

    /// What binds the call, with the caps on it alone, and what becomes of it where nothing does.
    fn lines(
        &self,
        call: &Call,
        own: &[Arc<Budget>],
        exempt: Option<&Exemption>,
        prices: Option<&PricingTable>,
        now: Timestamp,
    ) -> Result<(Lines, CallCaps, Option<Unbound>), Error> {
        call.check()?;
        let tenant = self.tenant_of(call);
        let asked = Asked::of(call, prices);
        let unbound = self.unbound_of(call, own, exempt);
        let mut resolver = Resolver::new(self, &tenant, asked, now);
        let mut caps = CallCaps::default();
        caps.add(self.0.caps, self.observes_only());
        for scope in call.scopes() {
            for budget in self.budgets_of(scope, own).filter(|budget| budget.selects(call, asked)) {
                caps.add(budget.caps, self.observes(budget));
                resolver.add(budget, scope, exempt)?;
            }
            if let Some(exemption) = exempt.filter(|exemption| exemption.scope == *scope) {
                resolver.add_exemption(exemption)?;
            }
            if unbound == Some(Unbound::Count) {
                resolver.add_books(scope)?;
            }
            resolver.end_scope();
        }
        Ok((resolver.finish(), caps, unbound))
    }

    /// Every budget of these payers, whatever calls it selects.
    pub(crate) fn bind_payers(
        &self,
        payers: &Call,
        own: &[Arc<Budget>],
        now: Timestamp,
    ) -> Result<Vec<Terms>, Error> {
        // Who pays is said, and a model is not asked for.
        let call = payers.clone().with_model("any");
        call.check()?;
        let tenant = self.tenant_of(&call);
        let mut resolver = Resolver::new(self, &tenant, Asked::of(&call, None), now);
        for scope in call.scopes() {
            for budget in self.budgets_of(scope, own) {
                resolver.add(budget, scope, None)?;
            }
            resolver.end_scope();
        }
        Ok(resolver.finish().terms)
    }

    /// Puts together what was found, and says who of it only observes.
    fn binding(
        &self,
        call: &Call,
        own: &[Arc<Budget>],
        tenant: Tenant,
        lines: Lines,
        caps: CallCaps,
        unbound: Option<Unbound>,
    ) -> Result<Binding, Error> {
        let Lines { lines, terms, exemptions, next_rung, valid_until } = lines;
        let all_observe = self.observes_only();
        let claim = Claim::new(tenant, call.scopes(), lines)?;
        Ok(Binding {
            claim: claim.observing(|scope| observes_freeze(own, scope, all_observe)),
            observes_some: all_observe || terms.iter().any(|terms| terms.observe),
            caps_observed: caps.observed,
            unbound_observed: all_observe && self.0.unbound.is_none() && unbound == Some(Unbound::Count),
            // A run's own limits may enforce where no budget of the policy does.
            observes_only: all_observe
                && caps.enforced == Caps::default()
                && terms.iter().all(|terms| terms.observe || terms.limit.is_none()),
            terms,
            caps: caps.enforced,
            model: call.model.clone(),
            next_rung,
            exemptions,
            unbound,
            is_fixed: call.is_fixed(),
            policy_is_empty: self.0.budgets.is_empty(),
            nearest_kind: if unbound.is_some() { self.nearest_kind(call) } else { None },
            valid_until,
        })
    }

    /// Whether that budget refuses nothing: its own word, or the policy's, which says nothing of a run's own limits.
    pub(super) fn observes(&self, budget: &Budget) -> bool {
        budget.observe || (self.0.observe && !is_run_line(&budget.id))
    }

    /// What becomes of the call because none of its scopes has a budget, whatever those select; `None` where one has.
    fn unbound_of(&self, call: &Call, own: &[Arc<Budget>], exempt: Option<&Exemption>) -> Option<Unbound> {
        // By scope alone, whatever the budget selects: who limits one model of a team has said what is limited, and the team's
        // other calls are no oversight.
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
        // Kinds are in order from the organisation down: the next one above pays for it, too.
        let above = |kind: &ScopeKind| kinds.iter().rfind(|known| *known < kind);
        // A wrong letter is the likelier slip than a scope too low; the first kind of all is better than no hint.
        let found = named().find_map(spelt).or_else(|| named().find_map(above));
        found.or_else(|| kinds.first()).cloned()
    }

    /// The budgets of that scope: its own, the templates of its kind, and those that the caller brings along.
    fn budgets_of<'a>(
        &'a self,
        scope: &'a Scope,
        own: &'a [Arc<Budget>],
    ) -> impl Iterator<Item = &'a Arc<Budget>> {
        let exact = self.0.by_scope.get(scope).into_iter().flatten();
        let each = self.0.by_kind.get(scope.kind()).into_iter().flatten();
        let of_policy = exact.chain(each).filter_map(|place| self.0.budgets.get(*place));
        let is_of_scope =
            move |budget: &&Arc<Budget>| matches!(&budget.selector, Selector::Scope(own) if own == scope);
        of_policy.chain(own.iter().filter(is_of_scope))
    }

    /// Whose books the call is kept in: its organisation's, or those of calls that name none.
    fn tenant_of(&self, call: &Call) -> Tenant {
        let name = call.organization_name().unwrap_or_default();
        self.0.shelves.tenant(name, || match call.scopes().first() {
            Some(scope) if *scope.kind() == ScopeKind::Organization => Tenant::organization(scope),
            _ => Tenant::unnamed(),
        })
    }

    /// The model one rung further down, where this one is on the ladder.
    pub(crate) fn next_rung(&self, asked: Asked<'_>) -> Option<ShortText> {
        self.0.ladder.get(asked.rung(&self.0.ladder)?.saturating_add(1)).cloned()
    }

    /// How many models stand on the ladder.
    pub(crate) fn rungs(&self) -> usize {
        self.0.ladder.len()
    }
}

/// The caps on a single call: those that refuse and clamp, and those that only would.
#[derive(Default)]
struct CallCaps {
    enforced: Caps,
    observed: Caps,
}

impl CallCaps {
    fn add(&mut self, caps: Caps, only_observes: bool) {
        let side = if only_observes { &mut self.observed } else { &mut self.enforced };
        *side = side.tightest(caps);
    }
}

/// A freeze of who observes is reported; a stop of a run holds unless the run itself observes.
fn observes_freeze(own: &[Arc<Budget>], scope: &Scope, all_observe: bool) -> bool {
    match scope.kind() {
        ScopeKind::Run => own.iter().any(|budget| budget.is_observed_run(scope)),
        _ => all_observe,
    }
}
