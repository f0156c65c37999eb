//! How is a call ended by whoever knows its id alone?
//!
//! A webhook tells how a background answer ended, or a process died and somebody knows what its call cost. Two may know the
//! call: this process, where it was [kept](crate::Enforcer::keep), and the ledger. The first knows everything. The second knows
//! lines, amounts, and what was said of the call (model, seller, conditions, version of its price), of which the call is made
//! again here: what is looked up anew is looked up at the instant of its reserve.
//!
//! What cannot be known is never guessed. Of a call that the ledger alone knows, a report is priced only where this
//! process's table has the very price that it was held at, and where it says all that was used; else the answer is an error that
//! says what is missing, and an amount says it.

use std::sync::Arc;

use smallvec::SmallVec;

use super::InFlight;
use super::actual::Actual;
use super::open::{Open, Reach};
use super::receipt::Receipt;
use crate::engine::{Core, Own, Plan, Priced};
use crate::ledger::{Attribution, Hold, HoldLine, Note, State};
use crate::values::{Balance, Binding, Claim, ScopeKind, Tenant, Terms, Unit};
use crate::{Call, Error, Usd, Window};

/// A call that may be ended by its id.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    open: Box<Open>,
    /// Made again of what the ledger says: why a report of it cannot be priced, if it cannot.
    rebuilt: Option<Rebuilt>,
}

/// What the ledger does not say of a call.
#[derive(Clone, Debug)]
struct Rebuilt {
    unpriced: Option<String>,
}

impl InFlight {
    /// From now on nobody watches it: whatever becomes of it unheard, it is charged what it holds.
    pub(crate) fn kept(mut self) -> Self {
        if let Some(open) = &mut self.open {
            open.reach.in_background = true;
            // Its text is large, and nobody counts it any more: an input that no report states is charged as it was held.
            (open.place, open.prompt) = (None, None);
        }
        self
    }

    /// Whether it is open, and of that enforcer.
    pub(crate) fn is_of(&self, core: &Arc<Core>) -> bool {
        self.open.as_ref().is_some_and(|open| Arc::ptr_eq(&open.plan.core, core))
    }

    /// Whose books it is in.
    pub(crate) fn tenant(&self) -> Option<&Tenant> {
        self.open.as_ref().map(|open| open.binding().claim.tenant())
    }

    /// The same call, for whoever ends it by its id.
    pub(crate) fn known(&self) -> Option<Known> {
        self.open.as_ref().map(|open| Known { open: open.clone(), rebuilt: None })
    }

    /// It was ended by its id: nothing is left to do.
    pub(crate) fn ended(mut self) {
        self.open = None;
    }
}

impl Known {
    /// The call that the ledger knows by that id, made again.
    pub(crate) fn of_ledger(core: &Arc<Core>, tenant: &Tenant, hold: &Hold) -> Result<Self, Error> {
        // An imported row bears no time, and is only looked at.
        let made_at = if hold.id.is_imported() { core.now() } else { hold.id.time() };
        let mut plan = Plan::resolve_open(core, &call_of(tenant, hold), &Own::none(), made_at)?;
        let unpriced = unpriced(&plan, hold);
        let binding = as_held(&plan, tenant, hold)?;
        // Nobody else has seen it yet.
        if let Some(plan) = Arc::get_mut(&mut plan) {
            plan.exempt = None;
            plan.binding = Arc::new(binding);
            plan.note = Note { about: hold.about.clone(), ..Note::default() };
            if unpriced.is_some() {
                (plan.price, plan.rates) = (None, None);
            }
        }
        let on =
            |unit: &Unit| hold.lines.iter().find(|line| line.account.unit() == unit).map(|line| line.amount);
        // A figure that nobody knows is the largest number: nothing exceeds it.
        let tokens = |unit| on(unit).map_or(u64::MAX, |tokens| u64::try_from(tokens).unwrap_or(0));
        let priced = Priced {
            usd: on(&Unit::Usd).map_or(Usd::MAX, Usd::from_nanos),
            tokens_input: tokens(&Unit::TokensInput),
            tokens_output: tokens(&Unit::TokensOutput),
            ..Priced::default()
        };
        let amounts: SmallVec<[i64; 8]> = hold.lines.iter().map(|line| line.amount).collect();
        let reach = Reach { choices: 1, in_background: true, ..Reach::default() };
        let mut open = Open::new(plan, false, (hold.id, made_at), amounts, priced, reach);
        open.balances = hold.lines.iter().map(|_| Balance::default()).collect();
        Ok(Self { open, rebuilt: Some(Rebuilt { unpriced }) })
    }

    /// What this process itself knows of the hold, where the ledger has none: it was away when the call went out.
    pub(crate) fn hold(&self) -> Hold {
        let open = &*self.open;
        let line = |(terms, amount): (&Terms, &i64)| HoldLine {
            account: terms.account.clone(),
            period: terms.period.number,
            amount: *amount,
            refunded: 0,
        };
        Hold {
            id: open.id,
            state: State::Held,
            expires_at: Some(open.reach.expires_at),
            lines: open.binding().terms.iter().zip(&open.amounts).map(line).collect(),
            about: open.plan.note.about.clone(),
        }
    }

    /// Whose lines it stands on.
    pub(crate) fn binding(&self) -> &Binding {
        self.open.binding()
    }

    /// Charges the call by what was reported of it, signed where a person says so.
    ///
    /// The error of a ledger leaves everything as it was, so that the same may be said again.
    pub(crate) async fn reconcile(
        self,
        report: &Actual,
        attribution: Option<&Attribution>,
    ) -> Result<Receipt, Error> {
        let Self { open, rebuilt } = self;
        let is_whole = rebuilt.is_none();
        if let Some(rebuilt) = rebuilt.filter(|_| report.amount.is_none()) {
            open.check_said(&rebuilt, report)?;
        }
        open.reconcile_known(report, attribution, is_whole).await
    }
}

impl Open {
    /// Refuses a report that leaves out what this process cannot take as it was held, because it does not know.
    fn check_said(&self, rebuilt: &Rebuilt, report: &Actual) -> Result<(), Error> {
        let has_cost = report.cost.is_some_and(|cost| cost > Usd::ZERO);
        if let Some(problem) = rebuilt.unpriced.as_ref().filter(|_| !has_cost) {
            return Err(Error::invalid("actual: usage", format!("{problem}; state the amount")));
        }
        let believed = self.believed(report);
        if believed.unknown || believed.is_belied {
            let text = "does not say what went in and came out, or says what cannot be, and how much of it was held \
                        is not known here; state the amount";
            return Err(Error::invalid("actual: usage", text));
        }
        Ok(())
    }
}

/// Why usage cannot be priced here as it was held; `None` where the table has that very price.
fn unpriced(plan: &Plan, hold: &Hold) -> Option<String> {
    let Some(about) = &hold.about else {
        return Some("the ledger does not say any more which model it was of".into());
    };
    let (model, held_at) = (&about.model, about.price.as_str());
    let Some(price) = &plan.price else {
        return Some(format!("{model} was held at {held_at:?}, and has no price here"));
    };
    let here = plan.note.about.as_ref().map(|about| about.price.as_str()).unwrap_or_default();
    if here != held_at {
        return Some(format!("{model} was held at {held_at:?}, and the price here is {here:?}"));
    }
    // Two tables without a version look alike in the books, whatever they cost.
    let source = price.source();
    (source.version().is_none() && source.date().is_none()).then(|| {
        format!("the price of {model} is of a table without version or date, as another may be; give it one (PriceSource::with_version)")
    })
}

/// The call, as far as the ledger tells: who paid, for which model, under which conditions.
fn call_of(tenant: &Tenant, hold: &Hold) -> Call {
    let about = hold.about.as_deref().cloned().unwrap_or_default();
    let named = if about.model.is_empty() { "unknown".into() } else { about.model };
    let mut call = Call::new(named).conditions(about.conditions);
    call.provider = about.provider;
    call.use_case = about.use_case;
    call.tags = about.tags.into();
    if !tenant.name().is_empty() {
        call = call.organization(tenant.name());
    }
    // Who wrote to older books said no more than whose budgets were bound.
    let bound = hold.lines.iter().map(|line| line.account.scope());
    let named = about.scopes.iter().chain(bound).filter(|scope| scope.kind() != &ScopeKind::Organization);
    named.fold(call, |call, scope| call.scope(scope.clone()))
}

/// The lines that were held, in their order; what the policy says of one is put beside it, where it still has that budget.
fn as_held(plan: &Plan, tenant: &Tenant, hold: &Hold) -> Result<Binding, Error> {
    let known = [Some(&plan.binding), plan.exempt.as_ref()];
    let known =
        || known.iter().flatten().flat_map(|binding| binding.claim.lines().iter().zip(&binding.terms));
    let (mut lines, mut bound) = (Vec::new(), Vec::new());
    for held in &hold.lines {
        let same =
            known().find(|(line, _)| line.account == held.account && line.period.number == held.period);
        let (line, terms) = match same {
            Some((line, terms)) => (line.clone(), terms.clone()),
            None => (held.claimed(), gone(held)),
        };
        lines.push(line);
        bound.push(terms);
    }
    let scopes: Vec<_> = hold.lines.iter().map(|line| line.account.scope().clone()).collect();
    let claim = Claim::new(tenant.clone(), &scopes, lines)?;
    Ok(Binding { claim, terms: bound, ..Binding::clone(&plan.binding) })
}

/// The line of a budget that is in no policy here any more: it counts, and nobody is told a limit.
fn gone(held: &HoldLine) -> Terms {
    let line = held.claimed();
    Terms {
        account: line.account,
        window: Window::lifetime(),
        period: line.period,
        resets_at: None,
        limit: None,
        raised: 0,
        kept_back: 0,
        ceiling: i64::MAX,
        degrade_ceiling: i64::MAX,
        warn_at: i64::MAX,
        tiers: SmallVec::new(),
        observe: false,
        exemption: None,
    }
}
