//! What is the whole answer: the verdict, what every budget says, and what to do next?

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use smallvec::SmallVec;

use super::Verdict;
use super::missing::MissingPrice;
use super::refusal::{Refusal, RefusalKind};
use super::state::{BudgetState, JudgedLine};
use super::untrimmed::Untrimmed;
use crate::values::{
    Account, Attribution, Balance, Binding, Fee, Fees, FrozenScope, Meter, ServiceTier, ShortText, Timestamp,
};
use crate::{Scope, Usd};

/// What a call may cost above what is held for it, if its output is sized by what was
/// learned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Excess {
    /// Output tokens of all choices together.
    pub output_tokens: u64,
    /// Dollars.
    pub usd: Usd,
}

/// The whole answer: verdict, every binding budget's state, and what to do next.
///
/// A decision is cheap to make and formats itself only when asked. It comes with an
/// admission that was refused, with every reservation, and from
/// [`check`](crate::Enforcer::check) as *advice*, for which no room is held: between
/// advice and call somebody else may take the room.
///
/// # Example: the second call does not fit
/// ```
/// use token_budget::{Admission, Budget, Call, Enforcer, Policy, Scope, Usd, Window};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let budget = Budget::usd("search", Scope::team("search")?, Usd::cents(20), Window::lifetime());
/// let enforcer = Enforcer::builder().policy(Policy::new([budget])?).build();
///
/// // 10,000 × $2.50 and 10,000 × $10 a million: 12.5 cents.
/// let call = Call::new("gpt-4o").team("search").input_tokens(10_000).output_tokens(10_000);
/// let first = enforcer.reserve(&call).await?.or_refusal()?;
/// let Admission::Refused(decision) = enforcer.reserve(&call).await? else { panic!("25 of 20 cents") };
///
/// let refusal = &decision.refusals()[0];
/// assert_eq!((refusal.spent, refusal.reserved), (0, 125_000_000)); // nano-dollars
/// assert_eq!((refusal.requested, refusal.limit), (125_000_000, Some(200_000_000)));
/// // 7.5 cents are left: 2.5 for the input, and 5 cents buy 5,000 tokens.
/// assert_eq!(decision.affordable_output_tokens(), Some(5_000));
/// assert!(decision.retry_at().is_some(), "the first call may end at any moment");
/// # drop(first);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Decision {
    pub(crate) verdict: Verdict,
    pub(crate) binding: Arc<Binding>,
    pub(crate) balances: SmallVec<[Balance; 8]>,
    pub(crate) requested: SmallVec<[i64; 8]>,
    /// Rolling lines that refuse, and after how many further sub-periods each has room.
    pub(crate) frees_up: Vec<(usize, u32)>,
    /// Lines that have no room because a part of them is set aside for a run below, and for which run.
    pub(crate) set_aside: Vec<(usize, Scope)>,
    pub(crate) frozen: Vec<FrozenScope>,
    pub(crate) extra: Option<Refusal>,
    pub(crate) unpriced: bool,
    /// What only observes, where anything does.
    pub(crate) observed: Option<Box<Observed>>,
    /// Whose price is missing, and which models with a price may have been meant.
    pub(crate) missing: Option<Arc<MissingPrice>>,
    /// The model whose price is assumed, where the call's own has none.
    pub(crate) priced_as: Option<ShortText>,
    /// Nobody said what goes in, and a limit counts it.
    pub(crate) unsaid: bool,
    /// What is held of output for a call that names no limit.
    pub(crate) output_tokens_unsaid: Option<u64>,
    pub(crate) affordable_output_tokens: Option<u64>,
    /// Why trimming the prompt did not help, where that was asked for.
    pub(crate) untrimmed: Option<Box<Untrimmed>>,
    pub(crate) excess: Excess,
    pub(crate) fees: Fees,
    pub(crate) tier_without_rate: Option<ServiceTier>,
    pub(crate) now: Timestamp,
    pub(crate) advice: bool,
}

/// What would refuse beside the budgets, were it enforced.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed {
    pub(crate) frozen: Vec<FrozenScope>,
    /// A cap on a single call.
    pub(crate) extra: Option<Refusal>,
    pub(crate) unpriced: bool,
    pub(crate) unsaid: bool,
    pub(crate) unbound: bool,
}

impl Observed {
    fn refuses(&self) -> bool {
        !self.frozen.is_empty() || self.extra.is_some() || self.unpriced || self.unsaid || self.unbound
    }
}

impl Decision {
    /// What is to be done with the call.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Whether the call may be made with this model.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.verdict <= Verdict::Warn
    }

    /// Whether this is advice, without any room being held.
    #[must_use]
    pub fn is_advice(&self) -> bool {
        self.advice
    }

    /// The instant of the decision.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.now
    }

    /// The model that was judged.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.binding.model
    }

    /// The next model of the ladder to try, if this one has no room.
    #[must_use]
    pub fn next_rung(&self) -> Option<&str> {
        if self.is_allowed() { None } else { self.binding.next_rung.as_deref() }
    }

    /// The largest output of one choice that would fit now: zero where no output fits, because the input alone is too much, or a
    /// line that counts no output (one request a day) has no room. Look at [`refusals`](Self::refusals) before a shorter
    /// answer is tried.
    ///
    /// `None` where the call is admitted, where something else than its size refuses it (a freeze, a missing price), and where no
    /// budget counts what an output takes.
    #[must_use]
    pub fn affordable_output_tokens(&self) -> Option<u64> {
        self.affordable_output_tokens
    }

    /// The tokens of the prompt trimmed as far as it may be ([`HttpBudget::trim_to_room`](crate::http::HttpBudget::trim_to_room)),
    /// where even that had no room; `None` where nobody asked to trim, and where it could not be done.
    #[must_use]
    pub fn prompt_tokens_least(&self) -> Option<u64> {
        self.untrimmed.as_ref().and_then(|untrimmed| untrimmed.tokens())
    }

    /// The output tokens of each choice that are held for a call that names no limit;
    /// `None` if it names one.
    ///
    /// A small budget refuses such a call for what it may generate: name a limit, or set
    /// what is held by [`OnNoLimit`](crate::policy::OnNoLimit).
    #[must_use]
    pub fn output_tokens_unsaid(&self) -> Option<u64> {
        self.output_tokens_unsaid
    }

    /// What the call may cost above what would be held for it: nothing, unless its output is
    /// sized by what was learned ([`OutputSizing`](crate::tokens::OutputSizing)).
    #[must_use]
    pub fn worst_case_excess(&self) -> Excess {
        self.excess
    }

    /// What is held for beside the tokens: searches, pages, images, seconds; where nobody says how many,
    /// how many are assumed.
    #[must_use]
    pub fn fees(&self) -> &[Fee] {
        self.fees.lines()
    }

    /// The dearer tier that was asked for and has no rate, so that the dearest rates known of the model are held.
    #[must_use]
    pub fn tier_without_rate(&self) -> Option<ServiceTier> {
        self.tier_without_rate
    }

    /// The model whose price is assumed, where the call's own has none and the policy names it
    /// ([`OnUnknownModel::PricedAs`](crate::policy::OnUnknownModel::PricedAs)).
    #[must_use]
    pub fn priced_as(&self) -> Option<&str> {
        self.priced_as.as_deref()
    }

    /// What every binding budget says.
    #[must_use]
    pub fn budgets(&self) -> Vec<BudgetState> {
        self.lines().map(|line| line.state()).collect()
    }

    /// Everything that refuses, in charge-set order and inside a scope shorter windows first.
    #[must_use]
    pub fn refusals(&self) -> Vec<Refusal> {
        let (frozen, extra) = (&self.frozen[..], self.extra.clone());
        let unbound = self.binding.refuses_unbound();
        let of_call = self.refusals_of_call(frozen, extra, unbound, self.unpriced, self.unsaid);
        let budgets = self.lines().filter(|line| line.refuses() && !line.bound.observe);
        of_call.into_iter().chain(budgets.map(|line| line.refusal())).collect()
    }

    /// What would refuse beside [`refusals`](Self::refusals), were everything enforced that only observes.
    #[must_use]
    pub fn would_refuse(&self) -> Vec<Refusal> {
        let of_call = self.observed.as_ref().map(|observed| {
            let Observed { frozen, extra, unpriced, unsaid, unbound } = &**observed;
            self.refusals_of_call(frozen, extra.clone(), *unbound, *unpriced, *unsaid)
        });
        let budgets = self.lines().filter(|line| line.refuses() && line.bound.observe);
        of_call.into_iter().flatten().chain(budgets.map(|line| line.refusal())).collect()
    }

    /// What refuses beside the budgets.
    fn refusals_of_call(
        &self,
        frozen: &[FrozenScope],
        extra: Option<Refusal>,
        unbound: bool,
        unpriced: bool,
        unsaid: bool,
    ) -> Vec<Refusal> {
        let by_scope = frozen.iter().map(|frozen| {
            let Attribution { by, reason } = frozen.attribution.clone();
            let kind = RefusalKind::Frozen { mark: frozen.action, by, reason };
            Refusal::without_budget(Some(frozen.scope.clone()), kind)
        });
        let by_nobody = unbound.then(|| {
            let scopes = self.binding.claim.scopes_all().cloned().collect();
            let (policy_is_empty, nearest) =
                (self.binding.policy_is_empty, self.binding.nearest_kind.clone());
            let kind = RefusalKind::Unbound { scopes, policy_is_empty, nearest };
            Refusal::without_budget(None, kind)
        });
        let unpriced = unpriced.then(|| {
            let kind = match self.fees.unknown.map(Meter::name) {
                Some(meter) => RefusalKind::UnpricedFee { meter: meter.into() },
                None => RefusalKind::Unpriced,
            };
            Refusal::without_budget(None, kind)
        });
        let unsaid = unsaid.then(|| Refusal::without_budget(None, RefusalKind::InputNotSaid));
        by_scope.chain(by_nobody).chain(unpriced).chain(unsaid).chain(extra).collect()
    }

    /// The model that has no price, where that refuses: the call's own, or one that the request lets its provider call,
    /// such as an advisor.
    #[must_use]
    pub fn model_without_price(&self) -> Option<&str> {
        let missing = self.missing.as_ref()?;
        Some(missing.beside.as_deref().unwrap_or(self.model()))
    }

    /// Whether nothing refuses but that the model has no price.
    pub(crate) fn lacks_price_alone(&self) -> bool {
        self.missing.is_some() && self.refusals().iter().all(|refusal| refusal.kind == RefusalKind::Unpriced)
    }

    /// When it is worth asking again: the last of the refusing budgets' resets.
    ///
    /// `None` if nothing refuses, if the call can never fit, or if nobody can know. Calls
    /// in flight may end at any moment, so they ask for a second.
    #[must_use]
    pub fn retry_at(&self) -> Option<Timestamp> {
        let mut latest = None;
        for refusal in self.refusals() {
            let at = match refusal.kind {
                RefusalKind::Exhausted { resets_at } => resets_at?,
                RefusalKind::InFlight => self.now + Duration::from_secs(1),
                _ => return None,
            };
            latest = latest.max(Some(at));
        }
        latest
    }

    /// What enforcement would have done, if budgets or the whole policy only observe.
    #[must_use]
    pub fn would_be(&self) -> Verdict {
        if self.observed.as_ref().is_some_and(|observed| observed.refuses()) {
            return Verdict::Block;
        }
        self.lines().map(|line| line.verdict()).fold(self.verdict, Verdict::max)
    }

    /// Names the runs below that hold what refuses. `set_aside` says which run has the
    /// most of an account, and how much all of them have.
    pub(crate) fn set_aside_by(&mut self, set_aside: impl Fn(&Account) -> Option<(Scope, i64)>) {
        let waits = self
            .lines()
            .enumerate()
            .filter(|(_, line)| line.refuses() && line.kind() == RefusalKind::InFlight);
        let of_children = waits.filter_map(|(at, line)| {
            let (child, aside) = set_aside(&line.bound.account)?;
            // Who begins that very child waits for whoever is at it.
            if self.binding.claim.scopes_all().any(|scope| *scope == child) {
                return None;
            }
            let later = line.balance.spent.saturating_add(aside).saturating_add(line.requested);
            (later > line.bound.enforced_ceiling()).then_some((at, child))
        });
        self.set_aside = of_children.collect();
    }

    /// The same decision, with what only observes.
    pub(crate) fn observing(mut self, observed: Option<Box<Observed>>) -> Self {
        self.observed = observed;
        self
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = JudgedLine<'_>> {
        let lines = self.binding.terms.iter().zip(&self.balances).zip(&self.requested);
        lines.enumerate().map(|(at, ((bound, balance), requested))| {
            let frees_up = self.frees_up.iter().find(|(line, _)| *line == at);
            let frees_in = frees_up.map(|(_, periods)| *periods);
            let set_aside = self.set_aside.iter().find(|(line, _)| *line == at).map(|(_, child)| child);
            JudgedLine { bound, balance, requested: *requested, frees_in, set_aside }
        })
    }
}
