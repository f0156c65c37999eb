//! What may an operator choose of calls whose end nobody saw, and of a ledger that is away?

use crate::Usd;

/// What a call is charged that was sent and then abandoned: nobody said how it ended.
///
/// A call made in the background goes on unheard, and is charged what it holds whatever is chosen here.
///
/// The default errs towards too much, because most providers bill what they generated. The other two are for an
/// operator who knows the provider's bill: they charge less, and are wrong if the provider does bill.
///
/// | 16,000 output tokens held at $10 a million, closed 3 s after sending | charged |
/// |---|---|
/// | `Hold`, nobody watched | $0.16: all 16,000 |
/// | `Hold`, [watched](crate::InFlight::watched), at 500 tokens a second | $0.04: (3 + 5) × 500 = 4,000 |
/// | `InputFloor` | the input alone |
/// | `Release` | nothing |
///
/// # Example: a provider that bills no answer that was cut off
/// ```
/// use token_budget::enforcer::OnAbandon;
/// use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usd, Window};
///
/// let day = Budget::usd("search", Scope::team("search")?, Usd::dollars(1), Window::day());
/// let enforcer = Enforcer::builder().policy(Policy::new([day])?).on_abandon(OnAbandon::InputFloor).build();
/// let call = Call::new("gpt-4o").team("search").input_tokens(10_000).output_tokens(16_000);
///
/// drop(enforcer.reserve(&call).wait()?.or_refusal()?.send());
/// // 10,000 tokens at $2.50 a million are 2.5 cents, in nano-dollars; no output was seen.
/// assert_eq!(enforcer.check(&call).wait()?.budgets()[0].spent, 25_000_000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnAbandon {
    /// What it may have used, at most what it holds.
    ///
    /// - Where nobody watched (the process died, the hold ended by age, an [`InFlight`](crate::InFlight) was
    ///   dropped that nobody said is [`watched`](crate::InFlight::watched)): all that it holds.
    /// - A stream that was metered: its input and the output seen, with what its model may have reasoned unseen.
    /// - Any other call whose connection closed: its input, and what its model may have generated since it was sent.
    ///
    /// How much that is, is said by [`ModelPrice::unseen`](crate::pricing::ModelPrice::unseen).
    #[default]
    Hold,
    /// Its input, one request and the output seen: for providers known to stop generating at once.
    InputFloor,
    /// Nothing: for providers known not to bill what was cut off.
    Release,
}

/// What happens to a call while the ledger cannot be reached.
///
/// An outage begins with the first command that fails, and is over with the first that is answered. The allowance of
/// [`FailOpen`](Self::FailOpen) is for one outage, of one process: ten processes let ten allowances pass. Calls that a
/// policy only observes pass in any case.
///
/// # Example: two calls pass, the third would exceed the allowance
/// ```
/// # #[cfg(feature = "testing")] {
/// use std::sync::Arc;
///
/// use token_budget::enforcer::OnOutage;
/// use token_budget::testing::{FaultyLedger, Odds};
/// use token_budget::{Budget, Call, Enforcer, ErrorKind, MemoryLedger, Policy, Scope, Usd, Window};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let ledger = FaultyLedger::new(Arc::new(MemoryLedger::new()), 7).with_odds(Odds::AWAY);
/// let day = Budget::usd("search", Scope::team("search")?, Usd::dollars(100), Window::day());
/// let five_dollars = OnOutage::FailOpen { at_most: Usd::dollars(5) };
/// let enforcer = Enforcer::builder().policy(Policy::new([day])?).ledger(ledger).on_outage(five_dollars).build();
///
/// let call = Call::new("gpt-4o").team("search").input_tokens(1_000_000).output_tokens(0); // $2.50
/// let first = enforcer.reserve(&call).await?.or_refusal()?;
/// let second = enforcer.reserve(&call).await?.or_refusal()?; // 2.50 + 2.50 <= 5
/// assert!(!first.is_held() && !second.is_held());
/// let error = enforcer.reserve(&call).await.unwrap_err(); // 5 + 2.50 > 5
/// assert_eq!(error.kind(), ErrorKind::LedgerUnavailable);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnOutage {
    /// It fails with `LedgerUnavailable`.
    #[default]
    FailClosed,
    /// It is made without a hold, up to so many dollars in this process in one outage; usage is recorded later.
    FailOpen {
        /// Dollars quoted in one outage.
        at_most: Usd,
    },
}
