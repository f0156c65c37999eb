//! What is left of each budget?

use super::Enforcer;
use crate::Call;
use crate::decision::BudgetState;
use crate::engine::Own;
use crate::ledger::Answer;

impl Enforcer {
    /// Shows every budget of these payers as it stands now: limit, spent, held, what is left, and when it resets.
    ///
    /// The call says who pays and nothing else: [`Call::charging`] with its scopes. Budgets are shown whatever models,
    /// providers or tags they select, in the order of the scopes, shorter windows first. A payer without a budget has no line.
    /// Nothing is judged: [`check`](Self::check) says what would become of one call.
    ///
    /// # Errors
    /// `Invalid` for a scope that cannot be used; `LedgerUnavailable` when the ledger cannot be reached.
    ///
    /// # Example: a user's page about the budgets
    /// ```
    /// use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usage, Usd, Window};
    ///
    /// let day = Budget::usd("day", Scope::team("search")?, Usd::dollars(1), Window::day());
    /// let large = Budget::usd("large", Scope::team("search")?, Usd::dollars(9), Window::month()).model("gpt-4o");
    /// let enforcer = Enforcer::builder().policy(Policy::new([day, large])?).build();
    /// let call = Call::new("gpt-4o-mini").team("search").input_tokens(1_000_000).output_tokens(0); // $0.15
    /// enforcer.reserve(&call).wait()?.or_refusal()?.send().reconcile(Usage::of(1_000_000, 0)).wait()?;
    ///
    /// let left = enforcer.remaining(&Call::charging().team("search")).wait()?;
    /// let shown: Vec<_> = left.iter().map(|line| (&*line.budget, line.remaining)).collect();
    /// assert_eq!(shown, [("day", Some(850_000_000)), ("large", Some(9_000_000_000))]); // nano-dollars
    /// assert!(left[0].resets_at < left[1].resets_at || left[0].resets_at == left[1].resets_at);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remaining<'a>(&'a self, payers: &'a Call) -> Answer<'a, Vec<BudgetState>> {
        Answer::walk(async move {
            let core = self.core();
            let own = if payers.names_run() { self.0.runs.lines(self, payers)? } else { Own::none() };
            let terms = self.policy().bind_payers(payers, &own.budgets, core.now())?;
            let accounts: Vec<_> = terms.iter().map(|terms| (terms.account.clone(), terms.period)).collect();
            let balances = core.ledger.balances(&accounts).await?;
            Ok(terms
                .iter()
                .zip(&balances)
                .map(|(terms, balance)| BudgetState::at_rest(terms, balance))
                .collect())
        })
    }
}
