//! Which budgets bind one call, resolved to integers for one instant?
//!
//! A binding is where words end. A policy speaks of months, percentages, templates and
//! exemptions; a ledger compares integers. For one call at one instant the policy is
//! resolved into lines with a period, a ceiling and thresholds, and beside each line
//! stands where it came from, so that a refusal can be explained in the policy's words
//! again.
//!
//! A binding is kept and used for the next call of the same payers until
//! [`valid_until`](Binding::valid_until): the earliest end of a window, or the beginning
//! or end of a raise.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::values::{Account, Claim, Period, ScopeKind, ShortText, Timestamp};
use crate::{Usd, Verdict, Window};

/// What a policy says about one call at one instant, resolved for the ledger.
///
/// Line *i* of the claim belongs to `terms[i]`: the ledger sees only the
/// claim, people and the decision see what it was made from.
#[derive(Clone, Debug)]
pub struct Binding {
    /// What the ledger holds and charges.
    pub claim: Claim,
    /// Where each line comes from.
    pub terms: Vec<Terms>,
    /// What a single call may take at most.
    pub caps: Caps,
    /// The model that is judged.
    pub model: ShortText,
    /// The next model of the ladder, where this one is on it.
    pub next_rung: Option<ShortText>,
    /// The exemptions that raise a line here, or own one: the journal names them with each call.
    pub exemptions: Vec<ShortText>,
    /// Whether nothing in the policy enforces, so that what cannot be priced passes and is counted.
    pub observes_only: bool,
    /// Something here observes that would refuse, were it enforced.
    pub(crate) observes_some: bool,
    /// What a single call could take, were those caps enforced that only observe.
    pub(crate) caps_observed: Caps,
    /// It passes though nobody limits it only because all observes.
    pub(crate) unbound_observed: bool,
    /// What becomes of this call because none of its scopes has a budget; `None` where one has.
    pub unbound: Option<Unbound>,
    /// Whether the policy has no budget at all: then the cure is a policy, not a budget for this call.
    pub policy_is_empty: bool,
    /// The kind of scope with a budget that is nearest to those of a call without one.
    pub(crate) nearest_kind: Option<ScopeKind>,
    /// The call costs an amount of its own, which no shorter output makes smaller.
    pub(crate) is_fixed: bool,
    /// This binding holds up to this instant: a window ends, or a raise begins or ends.
    pub valid_until: Timestamp,
}

impl Binding {
    /// Whether the call is refused because nobody limits it.
    pub(crate) fn refuses_unbound(&self) -> bool {
        self.unbound == Some(Unbound::Refuse)
    }

    /// Whether the call passes though nobody limits it, because somebody said so.
    pub(crate) fn passes_unbound(&self) -> bool {
        self.unbound.is_some_and(|unbound| unbound != Unbound::Refuse)
    }
}

/// One budget's say on one call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Terms {
    /// The account it is kept in.
    pub account: Account,
    /// Its window, by which people are told the period.
    pub window: Window,
    /// The period it counts in now.
    pub period: Period,
    /// When its window begins anew; `None` where it rolls or never does.
    pub resets_at: Option<Timestamp>,
    /// The limit with all live raises; `None` is no limit.
    pub limit: Option<i64>,
    /// The part of the limit that live exemptions add.
    pub raised: i64,
    /// The part of the limit that a run keeps back for its final call.
    pub kept_back: i64,
    /// The most that enforcement lets be spent and reserved; `i64::MAX` is no ceiling.
    pub ceiling: i64,
    /// A stronger model is refused above this; `i64::MAX` where the budget does not degrade.
    pub degrade_ceiling: i64,
    /// From here on calls are warned; `i64::MAX` is never.
    pub warn_at: i64,
    /// Its tiers with their thresholds in the budget's unit, lowest first; the stop at the limit, where the tiers name
    /// none, is last.
    pub tiers: SmallVec<[(TierAction, i64); 4]>,
    /// Whether the budget only observes: it counts and refuses nothing.
    pub observe: bool,
    /// The exemption whose own budget this is.
    pub exemption: Option<ShortText>,
}

impl Terms {
    /// The ceiling that this call meets here, were it enforced.
    #[must_use]
    pub fn enforced_ceiling(&self) -> i64 {
        self.ceiling.min(self.degrade_ceiling)
    }

    /// What this budget alone says of a call that asks for so much and would bring it to `used`, observed or not.
    ///
    /// It is the ledger's one inequality again, with the tiers below the ceiling: a line of amount zero never refuses.
    #[inline]
    pub(crate) fn verdict(&self, used: i64, requested: i64) -> Verdict {
        if requested > 0 && used > self.ceiling {
            Verdict::Block
        } else if requested > 0 && used > self.degrade_ceiling {
            Verdict::Degrade
        } else if used >= self.warn_at {
            Verdict::Warn
        } else {
            Verdict::Allow
        }
    }
}

/// Sets what happens to a call none of whose scopes has a budget. Default: refuse.
///
/// Refusing is the default: a typo in a team's name would otherwise be a free pass. Who introduces budgets step by step begins
/// with `Count`, reads what the uncounted spend, and refuses later.
///
/// A budget counts whatever it selects: a team whose only budget is for another model has one.
///
/// # Example: a team without a budget
/// ```
/// use token_budget::policy::Unbound;
/// use token_budget::time::Timestamp;
/// use token_budget::{Budget, Call, Policy, Scope, Usd, Window};
///
/// let search = Budget::usd("search", Scope::team("search")?, Usd::dollars(500), Window::month()).model("gpt-4o");
/// let policy = Policy::new([search])?;
/// let unbound = |call: Call| policy.bind(&call, Timestamp::EPOCH).map(|binding| binding.unbound);
///
/// assert_eq!(unbound(Call::new("gpt-4o").team("growth"))?, Some(Unbound::Refuse));
/// // No budget limits this call either, and yet the team has one.
/// assert_eq!(unbound(Call::new("o3").team("search"))?, None);
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unbound {
    /// The call is refused, and the refusal names its scopes: nobody said that they may spend.
    #[default]
    Refuse,
    /// The call passes and is counted on every scope that it names, in dollars, tokens and requests of the month,
    /// under no limit.
    Count,
    /// The call passes, and no budget counts it; the journal has it all the same.
    Allow,
}

/// What happens when a threshold of a budget is reached, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TierAction {
    /// An event, for information.
    Notice,
    /// An event, and calls are answered with a warning.
    Warn,
    /// The same, for people who must act: raise the budget or throttle.
    Critical,
    /// Only weaker models of the ladder are admitted.
    Degrade,
    /// Nothing that costs is admitted.
    Block,
}

/// What a single call may take at most, whatever room its budgets have. `None` is no cap.
///
/// A budget of $500 admits one call of $400; a cap does not. Caps of all budgets that bind a call and of the policy count
/// together, field by field the tighter. They are about what is asked for, so that they need no ledger.
///
/// # Example: the tighter of two caps
/// ```
/// use token_budget::Usd;
/// use token_budget::policy::Caps;
///
/// let of_team = Caps { tokens_output: Some(4_096), ..Caps::default() };
/// let of_policy = Caps { tokens_output: Some(8_192), usd: Some(Usd::dollars(1)), ..Caps::default() };
/// let both = Caps { tokens_output: Some(4_096), usd: Some(Usd::dollars(1)), ..Caps::default() };
/// assert_eq!(of_team.tightest(of_policy), both);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Caps {
    /// Input tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_input: Option<u64>,
    /// Output tokens of one choice. A request above it is clamped to it, under `strict` refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_output: Option<u64>,
    /// Dollars, as quoted before the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd: Option<Usd>,
    /// Whether a request above the output cap is refused instead of clamped.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub strict: bool,
}

impl Caps {
    /// The tighter of both, field by field.
    #[must_use]
    pub fn tightest(self, other: Self) -> Self {
        Self {
            tokens_input: tighter(self.tokens_input, other.tokens_input),
            tokens_output: tighter(self.tokens_output, other.tokens_output),
            usd: tighter(self.usd, other.usd),
            strict: self.strict || other.strict,
        }
    }
}

fn tighter<T: Ord>(left: Option<T>, right: Option<T>) -> Option<T> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.min(right)),
        (one, other) => one.or(other),
    }
}
