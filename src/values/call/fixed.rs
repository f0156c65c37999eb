//! What is a call held for that costs an amount, whatever its tokens?

use super::Call;
use crate::values::Input;
use crate::{Amount, Error, Usd};

impl Call {
    /// A call that costs an amount known beforehand: an image job, a tool's fee, a licence by the hour.
    ///
    /// No model is priced and no token is counted: each budget that binds is asked for its share of the amount as it stands. An
    /// amount made of [`Usd`] is one request without tokens, so that budgets of requests see one and budgets of tokens none. A unit
    /// of one's own stands among the amount's `tool_calls`; a budget of `Unit::Tool("images")` counts those of that name.
    ///
    /// Reconcile it with an [`Amount`]. A report that states no amount is charged the cost that it states, else what
    /// was held, as an estimate. The model is named `fixed` unless [`with_model`](Self::with_model) names another, which says
    /// what it is for in reports, and selects budgets, and has no price.
    ///
    /// Dollars of zero are an error where a budget counts dollars: what costs nothing needs no hold.
    ///
    /// # Example: four images at four cents
    /// ```
    /// use token_budget::usage::Unit;
    /// use token_budget::{Amount, Budget, Call, Enforcer, Policy, Scope, Usd, Window};
    ///
    /// let dollar = Budget::usd("dollars", Scope::team("art")?, Usd::dollars(1), Window::day());
    /// let images = Budget::count("images", Scope::team("art")?, Unit::Tool("images".into()), 5, Window::day());
    /// let enforcer = Enforcer::builder().policy(Policy::new([dollar, images])?).build();
    ///
    /// let four = Amount { tool_calls: vec![("images".into(), 4)], ..Usd::cents(16).into() };
    /// let job = Call::fixed(four).with_model("image-job").team("art");
    /// let sent = enforcer.reserve(&job).wait()?.or_refusal()?.send();
    /// // A second job would be eight images of five.
    /// let refused = enforcer.reserve(&job).wait()?.or_refusal().unwrap_err();
    /// assert_eq!((refused.refusals()[0].requested, refused.refusals()[0].limit), (4, Some(5)));
    ///
    /// // Three came out.
    /// let three = Amount { tool_calls: vec![("images".into(), 3)], ..Usd::cents(12).into() };
    /// assert_eq!(sent.reconcile(three).wait()?.cost(), Usd::cents(12));
    /// let spent: Vec<_> = enforcer.check(&job).wait()?.budgets().iter().map(|line| line.spent).collect();
    /// assert_eq!(spent, [120_000_000, 3]); // nano-dollars, images
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fixed(amount: impl Into<Amount>) -> Self {
        Self { input: Input::Tokens(0), fixed: Some(Box::new(amount.into())), ..Self::new("fixed") }
    }

    /// Whether it costs an amount of its own, so that nobody prices it.
    #[inline]
    pub(crate) fn is_fixed(&self) -> bool {
        self.fixed.is_some()
    }

    /// Refuses an amount below zero.
    pub(super) fn check_fixed(&self) -> Result<(), Error> {
        match &self.fixed {
            Some(amount) if amount.usd < Usd::ZERO => {
                Err(Error::invalid("call: amount.usd", format!("{} USD is below zero", amount.usd)))
            }
            _ => Ok(()),
        }
    }
}
