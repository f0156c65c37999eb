//! What may a call be billed for beside its own model and its tokens?

use super::Call;
use crate::values::call::fee::Reading;
use crate::values::{Meter, ShortText};

impl Call {
    /// States that the request may incur so many uses of a fee at most: searches, pages, images, milliseconds.
    ///
    /// A fee is held for as often as the call says; the charge counts what was
    /// used. A count of zero says that it cannot be incurred. Said twice for one
    /// meter, the larger counts.
    #[must_use]
    pub fn may_use(self, meter: Meter, count: u64) -> Self {
        self.uses(meter, Some(count))
    }

    /// States that the request may incur a fee, and that nobody knows how often: a tool without a limit.
    #[must_use]
    pub fn may_use_unlimited(self, meter: Meter) -> Self {
        self.uses(meter, None)
    }

    fn uses(mut self, meter: Meter, count: Option<u64>) -> Self {
        match self.uses.binary_search_by_key(&meter, |(meter, _)| *meter) {
            Ok(at) => {
                let known = self.uses.get_mut(at).map(|(_, count)| count);
                known.into_iter().for_each(|known| *known = known.zip(count).map(|(a, b)| a.max(b)));
            }
            Err(at) => self.uses.insert(at, (meter, count)),
        }
        self
    }

    /// States that the provider may let another model read the whole input, and so often at most: a tool that advises.
    ///
    /// Each time is held at that model's price, for the input and 2,048 tokens of advice. A model without a
    /// price refuses the call.
    ///
    /// # Example: two pieces of advice by a dearer model
    /// ```
    /// use token_budget::policy::Unbound;
    /// use token_budget::{Call, Enforcer};
    ///
    /// let enforcer = Enforcer::builder().unbound(Unbound::Allow).build();
    /// let call = Call::new("claude-haiku-4-5").input_tokens(1_000).output_tokens(0);
    /// let held = |call: &Call| enforcer.quote(call).map(Option::unwrap_or_default);
    /// assert_eq!(held(&call)?, "0.001".parse()?);
    /// // 2 × (1,000 × $3 + 2,048 × $15) a million more.
    /// assert_eq!(held(&call.may_consult("claude-sonnet-4-5", 2))?, "0.06844".parse()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn may_consult(mut self, model: impl Into<ShortText>, uses: u64) -> Self {
        self.readings.push(Reading::advice(model.into(), Some(uses)));
        self
    }

    /// The same where nobody says how often: as often as
    /// [`with_fee_uses_assumed`](crate::Policy::with_fee_uses_assumed) says, ten times unless set.
    #[must_use]
    pub fn may_consult_unlimited(mut self, model: impl Into<ShortText>) -> Self {
        self.readings.push(Reading::advice(model.into(), None));
        self
    }

    /// Names a model that may answer in place of the call's own: a router's list of fallbacks.
    ///
    /// The call is held at the dearest of all, for nobody knows which will answer; one without a price is
    /// dearer than any that has one. What answered is what is charged.
    ///
    /// # Example: the dear fallback is held, though the cheap model may answer
    /// ```
    /// use token_budget::policy::Unbound;
    /// use token_budget::{Call, Enforcer};
    ///
    /// let enforcer = Enforcer::builder().unbound(Unbound::Allow).build();
    /// let call = Call::new("gpt-4o-mini").input_tokens(1_000).output_tokens(0).or_model("gpt-4o");
    /// let reservation = enforcer.reserve(&call).wait()?.or_refusal()?;
    /// assert_eq!((reservation.model(), reservation.quoted()), ("gpt-4o", "0.0025".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn or_model(mut self, model: impl Into<ShortText>) -> Self {
        self.models.push(model.into());
        self
    }
}
