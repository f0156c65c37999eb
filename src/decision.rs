//! May this call be made? One pure function over figures that somebody else fetched.
//!
//! [`check_budget`] binds a call to the policy's budgets, and judges each line: what is spent, what is reserved, and what the
//! call would add. The strictest line is the verdict. The enforcer uses the same code (`judge`, `explain`) over the balances
//! that its ledger answered, so advice and enforcement cannot differ by more than the time between them.
//!
//! Worked example: $500 a month, a warning at 80 % and the end at 120 %. With $399 spent, a call of $1 lands on 400, which is
//! 80 %: a warning. With $599 spent it lands on $600, which is 120 %: blocked. With $598.99 it lands on $599.99: a warning.

use std::borrow::Cow;
use std::sync::Arc;

use smallvec::SmallVec;

pub use crate::values::binding::{Binding, Terms, TierAction};
pub use crate::values::verdict::{BudgetState, Excess, Refusal, RefusalKind};

use crate::policy::Policy;
use crate::pricing::ModelPrice;
use crate::values::verdict::Observed;
use crate::values::{Balance, Caps, Conditions, Fees, FrozenScope, Timestamp, Unit};
use crate::{Amount, Call, Decision, Error, Usd, Verdict};

/// What a call is estimated and priced at, before it is made.
///
/// [`Quote::of`] suits a call whose tokens and price are known. The other fields say why a call is refused
/// whatever room there is, and what it may cost beside its tokens.
///
/// # Example: a quote knows what its caller knows
/// ```
/// use token_budget::decision::Quote;
/// use token_budget::{Amount, Usd};
///
/// // 1,000 tokens at $2.50 a million and 200 at $10 a million: $0.0025 + $0.002.
/// let quote = Quote::of(Amount::request("0.0045".parse()?, 1_000, 200));
/// assert_eq!((quote.amount.tokens_input, quote.amount.tokens_output), (1_000, 200));
/// assert_eq!(quote.choices, 1);
/// assert!(quote.price.is_none() && !quote.unpriced); // nobody gave a price row, and none is missed
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Quote {
    /// What would be held.
    pub amount: Amount,
    /// The price it was made with; `None` where the model has none.
    pub price: Option<Arc<ModelPrice>>,
    /// The model has no price and the policy wants one: the call is refused, never free.
    pub unpriced: bool,
    /// Nobody said what goes in, and a limit counts it: the call is refused.
    pub input_unsaid: bool,
    /// The conditions it was priced under.
    pub conditions: Conditions,
    /// How many answers were asked for at once.
    pub choices: u32,
    /// What the call may cost above `amount`.
    pub excess: Excess,
    /// What `amount` holds for fees beside the tokens.
    pub fees: Fees,
}

impl Quote {
    /// An estimate of tokens that costs that much.
    #[must_use]
    pub fn of(amount: Amount) -> Self {
        Self { amount, choices: 1, ..Self::default() }
    }
}

/// Decides whether a call may be made, from balances that were read elsewhere.
///
/// Pure: no clock, no ledger, no counting. By itself it is advice, and the
/// answer says so; only reserving enforces. `balance` answers for each
/// account, nothing spent where it is unknown. Two things only the request
/// path knows: which scopes are frozen, and an exemption's own budget, tried
/// before these.
///
/// # Errors
/// As [`Policy::bind`]; [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where the quote's tokens cost nothing,
/// dollars are counted, and its price is not known to be free.
///
/// # Example: eighty percent is a warning, a hundred and twenty the end
/// ```
/// use token_budget::decision::Quote;
/// use token_budget::ledger::Balance;
/// use token_budget::time::Timestamp;
/// use token_budget::{check_budget, Amount, Budget, Call, Policy, Scope, Tiers, Usd, Verdict, Window};
///
/// let month = Budget::usd("search", Scope::team("search")?, Usd::dollars(500), Window::month())
///     .tiers(Tiers::soft_hard(80, 120)?);
/// let policy = Policy::new([month])?;
/// let call = Call::new("gpt-4o").team("search");
/// let quote = Quote::of(Amount::request(Usd::dollars(1), 1_000, 100));
/// let decide = |spent: Usd| {
///     let balance = Balance { spent: spent.nanos(), ..Balance::default() };
///     check_budget(&policy, &call, |_| balance, &quote, Timestamp::EPOCH)
/// };
/// assert_eq!(decide(Usd::dollars(100))?.verdict(), Verdict::Allow);
/// assert_eq!(decide(Usd::dollars(399))?.verdict(), Verdict::Warn); // lands on 80 %
/// assert_eq!(decide(Usd::dollars(599))?.verdict(), Verdict::Block); // lands on 120 %
/// # Ok::<(), token_budget::Error>(())
/// ```
pub fn check_budget(
    policy: &Policy,
    call: &Call,
    balance: impl Fn(&crate::values::Account) -> Balance,
    quote: &Quote,
    now: Timestamp,
) -> Result<Decision, Error> {
    let binding = Arc::new(policy.bind(call, now)?);
    costs_something(&binding, quote)?;
    let requested = amounts(&binding, &quote.amount)?;
    let balances = binding.terms.iter().map(|terms| balance(&terms.account)).collect();
    let output = quote.amount.tokens_output.checked_div(u64::from(quote.choices.max(1)));
    let most = quote.amount.usd.checked_add(quote.excess.usd).unwrap_or(Usd::MAX);
    let extra = over_cap(&binding.caps, quote.amount.tokens_input, most, output);
    let (quote, observed) = observed(&binding, quote, most, output);
    let judged = Judged { binding, balances, requested, frees_up: Vec::new(), now };
    Ok(explain(judged, &quote, Vec::new(), extra, true).observing(observed))
}

/// What would refuse the call beside the budgets, were it enforced; the quote without what only observes.
fn observed<'a>(
    binding: &Binding,
    quote: &'a Quote,
    most: Usd,
    output: Option<u64>,
) -> (Cow<'a, Quote>, Option<Box<Observed>>) {
    if !binding.observes_some {
        return (Cow::Borrowed(quote), None);
    }
    let mut observed = Observed {
        extra: over_cap(&binding.caps_observed, quote.amount.tokens_input, most, output),
        unbound: binding.unbound_observed,
        ..Observed::default()
    };
    let mut quote = Cow::Borrowed(quote);
    if binding.observes_only {
        (observed.unpriced, observed.unsaid) = (quote.unpriced, quote.input_unsaid);
        let enforced = quote.to_mut();
        (enforced.unpriced, enforced.input_unsaid) = (false, false);
    }
    (quote, Some(Box::new(observed)))
}

/// Tokens that cost nothing are an error, not a pass, unless the model is known to be free.
fn costs_something(binding: &Binding, quote: &Quote) -> Result<(), Error> {
    let tokens = quote.amount.tokens_input > 0 || quote.amount.tokens_output > 0;
    let known = quote.unpriced || quote.price.as_ref().is_some_and(|price| price.is_free());
    let in_dollars = binding.terms.iter().any(|terms| terms.account.unit() == &Unit::Usd);
    if in_dollars && tokens && !known && quote.amount.usd == Usd::ZERO {
        let text = "is zero, and the model is not known to be free; give its price, or say that it has none";
        return Err(Error::invalid("quote: amount.usd", text));
    }
    Ok(())
}

/// The figures that a decision is made from. The lists stand beside the binding's lines.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) binding: Arc<Binding>,
    pub(crate) balances: SmallVec<[Balance; 8]>,
    pub(crate) requested: SmallVec<[i64; 8]>,
    /// Rolling lines that refuse, and after how many further sub-periods each has room.
    pub(crate) frees_up: Vec<(usize, u32)>,
    pub(crate) now: Timestamp,
}

/// Each line's share of an amount, in the binding's order.
#[inline]
pub(crate) fn amounts(binding: &Binding, amount: &Amount) -> Result<SmallVec<[i64; 8]>, Error> {
    let mut amounts = SmallVec::new();
    for bound in &binding.terms {
        amounts.push(amount.of(bound.account.unit())?);
    }
    Ok(amounts)
}

/// The verdict alone, for the path that admits: that of the strictest line, `Allow` where there is none.
#[inline]
pub(crate) fn judge(binding: &Binding, balances: &[Balance], requested: &[i64]) -> Verdict {
    let mut verdict = Verdict::Allow;
    for ((bound, balance), requested) in binding.terms.iter().zip(balances).zip(requested) {
        let of_line = bound.verdict(balance.used().saturating_add(*requested), *requested);
        // An observed budget warns at most.
        verdict = verdict.max(if bound.observe { of_line.min(Verdict::Warn) } else { of_line });
    }
    verdict
}

/// The whole answer over these figures.
pub(crate) fn explain(
    judged: Judged,
    quote: &Quote,
    frozen: Vec<FrozenScope>,
    extra: Option<Refusal>,
    advice: bool,
) -> Decision {
    let Judged { binding, balances, requested, frees_up, now } = judged;
    let mut verdict = judge(&binding, &balances, &requested);
    // Where not the output but the scope, the model or the call itself refuses, no size of it would fit.
    let is_refused_whole = !frozen.is_empty()
        || extra.is_some()
        || quote.unpriced
        || quote.input_unsaid
        || binding.refuses_unbound();
    if is_refused_whole {
        verdict = Verdict::Block;
    }
    if verdict == Verdict::Degrade && binding.next_rung.is_none() {
        verdict = Verdict::Block;
    }
    let by_size = verdict >= Verdict::Degrade && !is_refused_whole && !binding.is_fixed;
    let affordable_output_tokens = if by_size { affordable(&binding, &balances, quote) } else { None };
    Decision {
        verdict,
        binding,
        balances,
        requested,
        frees_up,
        set_aside: Vec::new(),
        frozen,
        extra,
        unpriced: quote.unpriced,
        observed: None,
        missing: None,
        priced_as: None,
        unsaid: quote.input_unsaid,
        output_tokens_unsaid: None,
        affordable_output_tokens,
        untrimmed: None,
        excess: quote.excess,
        fees: quote.fees.clone(),
        tier_without_rate: quote
            .price
            .as_ref()
            .filter(|price| !price.knows_tier(&quote.conditions))
            .map(|_| quote.conditions.tier()),
        now,
        advice,
    }
}

/// The largest output of one choice that would fit under every ceiling, input included.
///
/// `None` where no enforced budget counts output at all.
///
/// With 1,000 tokens of room, an input of 400 and two choices: 600 are left, so 300 for each choice. A line that has no
/// room whatever the output (one request a day, made) answers zero.
pub(crate) fn affordable(binding: &Binding, balances: &[Balance], quote: &Quote) -> Option<u64> {
    let input = quote.amount.tokens_input;
    let mut least = None;
    for (bound, balance) in binding.terms.iter().zip(balances).filter(|(bound, _)| !bound.observe) {
        let ceiling = bound.enforced_ceiling();
        if ceiling == i64::MAX {
            continue;
        }
        let room = u64::try_from(ceiling.saturating_sub(balance.used())).unwrap_or(0);
        let fits = match bound.account.unit() {
            Unit::Usd => {
                let Some(price) = &quote.price else { continue };
                let room = Usd::from_nanos(i64::try_from(room).unwrap_or(i64::MAX));
                match room.checked_sub(quote.fees.usd) {
                    Ok(room) if !room.is_negative() => {
                        price.output_tokens_affordable(room, input, &quote.conditions)
                    }
                    _ => 0,
                }
            }
            Unit::Tokens => room.saturating_sub(input),
            Unit::TokensOutput => room,
            Unit::TokensInput if room >= input => continue,
            Unit::Requests | Unit::Iterations if room >= 1 => continue,
            Unit::TimeMs | Unit::ToolCalls | Unit::Tool(_) | Unit::Children | Unit::Depth => continue,
            _ => 0,
        };
        let fits = fits.checked_div(u64::from(quote.choices.max(1))).unwrap_or(0);
        least = Some(least.map_or(fits, |least: u64| least.min(fits)));
    }
    least
}

/// What the caps on a single call refuse; a requested output above its cap only where the cap is strict.
#[inline]
pub(crate) fn over_cap(caps: &Caps, input: u64, usd: Usd, output_requested: Option<u64>) -> Option<Refusal> {
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let (unit, limit, requested) = if let Some(cap) = caps.tokens_input.filter(|cap| input > *cap) {
        (Unit::TokensInput, signed(cap), signed(input))
    } else if let Some(cap) = caps.usd.filter(|cap| usd > *cap) {
        (Unit::Usd, cap.nanos(), usd.nanos())
    } else {
        let requested = output_requested.filter(|_| caps.strict)?;
        let cap = caps.tokens_output.filter(|cap| requested > *cap)?;
        (Unit::TokensOutput, signed(cap), signed(requested))
    };
    Some(Refusal {
        budget: "cap on a single call".into(),
        scope: None,
        window: String::new(),
        unit,
        limit: Some(limit),
        ceiling: limit,
        spent: 0,
        reserved: 0,
        requested,
        kind: RefusalKind::NeverFits,
    })
}
