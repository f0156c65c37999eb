//! What is held for a call that costs an amount, whatever its tokens?

use smallvec::SmallVec;

use super::ask::Ask;
use super::plan::Plan;
use super::quote::{Priced, Quoted};
use crate::decision::amounts;
use crate::values::{Binding, Excess, Terms, Unit};
use crate::{Amount, Error, Usd};

impl Plan {
    /// The quote of a call with an amount of its own: the amount, and nothing beyond it.
    ///
    /// # Errors
    /// `Invalid` where dollars are counted and the amount has none: it would pass any limit.
    #[cold]
    pub(super) fn quote_fixed<'a>(&self, ask: Ask<'a>, amount: &Amount) -> Result<Quoted<'a>, Error> {
        let counts_dollars = |terms: &&Terms| terms.account.unit() == &Unit::Usd;
        let exempt = self.exempt.iter().flat_map(|binding| &binding.terms);
        if amount.usd == Usd::ZERO
            && let Some(terms) = self.binding.terms.iter().chain(exempt).find(counts_dollars)
        {
            let text =
                format!("is zero, and budget {} counts dollars; state what it costs", terms.account.budget());
            return Err(Error::invalid("call: amount.usd", text));
        }
        // Caps on one call's output judge the amount's own.
        let ask = Ask { output: Some(amount.tokens_output), ..ask };
        Ok(Quoted { ask, held: Priced::fixed(amount), excess: Excess::default() })
    }

    /// What each line of a binding is asked for, of a call that is priced so.
    #[inline]
    pub(crate) fn amounts(&self, binding: &Binding, held: Priced) -> Result<SmallVec<[i64; 8]>, Error> {
        match &self.call.fixed {
            Some(amount) => amounts(binding, amount),
            None => amounts(binding, &held.amount()),
        }
    }
}

impl Priced {
    /// An amount in tokens and dollars.
    pub(crate) fn fixed(amount: &Amount) -> Self {
        let Amount { usd, tokens_input, tokens_output, .. } = *amount;
        Self { usd, tokens_input, tokens_output, ..Self::default() }
    }
}
