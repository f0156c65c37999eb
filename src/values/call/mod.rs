//! What is about to be sent, and who pays for it?
//!
//! A [`Call`] says everything that budgets need to know of one attempt before it is sent:
//! who pays (scopes and tags), what is asked (model, input, output limit), and how it is
//! billed (conditions, fees). It is a value: building one asks nothing and fails at
//! nothing. The command that uses the call reports a name that cannot be used.
//!
//! How much is held follows from these three figures: input tokens (stated, or estimated
//! from the prompt), output tokens (the request's limit, or what the policy writes in),
//! and the price of both.
//!
//! The parts of a call: [`Prompt`] and [`Message`] for what goes in, [`Conditions`] for
//! how it is billed, [`Fee`] for what is billed beside tokens. [`Scope`] and
//! [`ScopeKind`] say who pays.

pub(crate) mod conditions;
pub(crate) mod fee;
mod fixed;
mod held;
pub(crate) mod message;
mod payers;

use std::time::Duration;

use smallvec::SmallVec;

pub use conditions::{Conditions, Modality, Region, SearchContext, ServiceTier};
pub use fee::{Fee, Fees};
pub use message::{Detail, Film, Input, Message, Pages, Part, Picture, Prompt, Sound};

pub use crate::values::scope::ScopeKind;
pub use crate::values::text::ShortText;

use crate::values::no_limit::OutputTerms;
use crate::values::{Meter, OnNoLimit, name};
use crate::{Amount, Error, Scope};
use fee::Reading;

/// One attempt to call a model: who pays, which model, how much goes in and may come out.
///
/// The organisation says whose books the call belongs to; below it the scopes are a flat,
/// de-duplicated set, ordered by kind. Name every scope whose budget should bind: a
/// budget of a team that the call does not name is not asked. A name that cannot be used
/// is reported by the command that uses the call, so that building stays a chain.
///
/// State the input ([`input_tokens`](Self::input_tokens)) or give the prompt
/// ([`message`](Self::message)). A call whose input was never said is refused by any
/// budget that counts tokens or dollars; `input_tokens(0)` is said. State the output
/// limit that your request really sends: the hold covers it, and a request that may
/// generate more would exceed its hold.
///
/// # Example: a user of a team asks a question
/// ```
/// use token_budget::call::Message;
/// use token_budget::Call;
///
/// let call = Call::new("gpt-4o")
///     .organization("acme")
///     .team("search")
///     .user("ada")
///     .message(Message::user("What is the tallest mountain?"))
///     .output_tokens(500);
/// assert_eq!(call.check()?.scopes().len(), 3);
///
/// assert!(Call::new("gpt-4o").team("").check().is_err());
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Call {
    pub(crate) model: ShortText,
    /// Others that may answer in its place, of which the dearest is held; no plan has any.
    pub(crate) models: Vec<ShortText>,
    /// What those take and write, where one of them is held and any may answer.
    pub(crate) span: Option<Span>,
    pub(crate) provider: Option<ShortText>,
    pub(crate) scopes: SmallVec<[Scope; 4]>,
    pub(crate) tags: SmallVec<[(ShortText, ShortText); 2]>,
    pub(crate) input: Input,
    pub(crate) output_requested: Option<u64>,
    pub(crate) output_terms: OutputTerms,
    /// Output tokens of each choice that a stream is held for at first, and ahead of what was seen.
    pub(crate) slice: Option<u64>,
    pub(crate) choices: u32,
    /// Inputs that the model reads each by itself, and which may each fill its context.
    pub(crate) inputs: u32,
    pub(crate) use_case: Option<ShortText>,
    pub(crate) conditions: Conditions,
    /// Whether the request switches reasoning on or off; unsaid, the model decides.
    pub(crate) reasoning: Option<bool>,
    /// Whether the provider goes on though nobody listens.
    pub(crate) background: bool,
    /// The answer begins with the prompt, which is no output.
    pub(crate) echoes: bool,
    /// How often it may incur which fee, ordered by meter; `None` is nobody knows how often.
    pub(crate) uses: SmallVec<[(Meter, Option<u64>); 2]>,
    /// What may be read once more beside the answer, by this model or another.
    pub(crate) readings: Vec<Reading>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) context_tokens: Option<u64>,
    /// What it costs, whatever its tokens.
    pub(crate) fixed: Option<Box<Amount>>,
    pub(crate) problem: Option<Box<Problem>>,
}

/// How much the models that may answer one call take and write, beside the dearest of
/// them, which is held.
///
/// The dearest in money may take and write less than another: money is held for the
/// dearest, tokens for the largest. A figure that nobody knows is the largest number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Span {
    /// The most input that the dearest is billed for.
    pub(crate) own_input: u64,
    /// The most output that it is billed for, of all choices together.
    pub(crate) own_output: u64,
    /// The most that any of them takes of one input.
    pub(crate) input: u64,
    /// The largest answer of any of them.
    pub(crate) output: u64,
    /// What any of them writes at most beside the limit that it is told.
    pub(crate) beside: u64,
}

impl Default for Span {
    fn default() -> Self {
        Self { own_input: u64::MAX, own_output: u64::MAX, input: 0, output: 0, beside: 0 }
    }
}

/// A name that could not be used, kept until a command asks.
#[derive(Clone, Debug)]
pub(crate) struct Problem(String);

impl Call {
    /// A call of that model, under the name that the provider gives it.
    pub fn new(model: impl Into<ShortText>) -> Self {
        Self { model: model.into(), choices: 1, inputs: 1, ..Self::default() }
    }

    /// Only who pays: a call whose model and input a client or a gate fills in.
    #[must_use]
    pub fn charging() -> Self {
        Self::new("")
    }

    /// Attaches a tag, by which budgets may select calls and reports split them. A second
    /// value for the same key replaces the first. Ids of single requests do not belong in
    /// tags, because every new set of tags is kept. Books keep at most 2,048 bytes of a call, its scopes, tags
    /// and names together ([`About::BYTES_MAX`](crate::ledger::About::BYTES_MAX)); a longer one is an error.
    #[must_use]
    pub fn tag(mut self, key: impl Into<ShortText>, value: impl Into<ShortText>) -> Self {
        let key = key.into();
        self.tags.retain(|(present, _)| *present != key);
        self.tags.push((key, value.into()));
        self
    }

    /// Names the provider. Without it the model's name alone finds the price.
    #[must_use]
    pub fn provider(mut self, provider: impl Into<ShortText>) -> Self {
        self.provider = Some(provider.into());
        self
    }

    /// States the input tokens, already counted. Zero is a statement as well: the request
    /// has no input.
    #[must_use]
    pub fn input_tokens(mut self, tokens: u64) -> Self {
        self.input = Input::Tokens(tokens);
        self
    }

    /// Gives the whole prompt, which is then estimated: a [`Prompt`], messages, or the text of one. Replaces what was
    /// stated before.
    ///
    /// ```
    /// use token_budget::Call;
    ///
    /// let call = Call::new("gpt-4o").prompt("What is the tallest mountain?").output_tokens(20);
    /// ```
    #[must_use]
    pub fn prompt(mut self, prompt: impl Into<Prompt>) -> Self {
        self.input = Input::Prompt(prompt.into());
        self
    }

    /// Adds a message to the prompt, which is then estimated. Replaces a stated count.
    #[must_use]
    pub fn message(mut self, message: Message) -> Self {
        match &mut self.input {
            Input::Prompt(prompt) => prompt.messages.push(message),
            Input::Tokens(_) | Input::Unsaid => {
                self.input = Input::Prompt(message.into());
            }
        }
        self
    }

    /// States the output limit of each choice: the request's own `max_tokens`.
    #[must_use]
    pub fn output_tokens(mut self, tokens: u64) -> Self {
        self.output_requested = Some(tokens);
        self
    }

    /// Sets what happens if this call names no output limit, whatever the enforcer's
    /// choice is.
    #[must_use]
    pub fn on_no_limit(mut self, choice: OnNoLimit) -> Self {
        self.output_terms.on_no_limit = Some(choice);
        self
    }

    /// Streams the answer: holds for its input and so many output tokens of each choice at first.
    ///
    /// Whoever meters the stream lets the hold grow as the answer does
    /// ([`MeteredStream`](crate::MeteredStream)); without that it may use more than is held, by
    /// [`Decision::worst_case_excess`](crate::Decision::worst_case_excess).
    ///
    /// ```
    /// use token_budget::policy::Unbound;
    /// use token_budget::{Call, Enforcer, Usd};
    ///
    /// let call = Call::new("gpt-4o").input_tokens(1_000).output_tokens(16_000).streaming(200);
    /// let reservation = Enforcer::builder().unbound(Unbound::Allow).build().reserve(&call).wait()?.or_refusal()?;
    /// assert_eq!(reservation.quoted(), "0.0045".parse()?); // 1,000 × $2.50 and 200 × $10 a million
    /// assert_eq!(reservation.output_tokens(), 16_000); // what may still come
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn streaming(mut self, slice_tokens: u64) -> Self {
        self.slice = Some(slice_tokens.max(1));
        self
    }

    /// Asks for that many answers at once (`n`). Each may use the whole output, so the
    /// output is held that many times.
    #[must_use]
    pub fn choices(mut self, choices: u32) -> Self {
        self.choices = choices.max(1);
        self
    }

    /// Names what the call is for: `code_review`, `autocomplete`. Reports split by it.
    #[must_use]
    pub fn use_case(mut self, use_case: impl Into<ShortText>) -> Self {
        self.use_case = Some(use_case.into());
        self
    }

    /// States how the call is billed: its service tier, its region, and whether it writes
    /// caches.
    #[must_use]
    pub fn conditions(mut self, conditions: Conditions) -> Self {
        self.conditions = conditions;
        self
    }

    /// States that the request switches reasoning on or off.
    ///
    /// What a model reasons unseen is billed although nobody sees it. If nothing is
    /// stated, the model's price row says whether it may reason; a model that always
    /// reasons does so whatever is stated here.
    #[must_use]
    pub fn reasoning(mut self, thinks: bool) -> Self {
        self.reasoning = Some(thinks);
        self
    }

    /// States that the provider makes the answer in the background, and goes on although
    /// nobody listens.
    #[must_use]
    pub fn in_background(mut self) -> Self {
        self.background = true;
        self
    }

    /// States the call's own time-out; its hold outlives it by five minutes.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// States the context that the request asks for, in tokens, if that is larger than
    /// the model's price row says: Anthropic's header for a million of them. No input is
    /// held above a model's largest.
    ///
    /// The HTTP gate knows that header; a typed client states it here.
    #[must_use]
    pub fn context_tokens(mut self, tokens: u64) -> Self {
        self.context_tokens = Some(tokens);
        self
    }

    /// The same call of another model: a retry on a fallback. Models that may answer in
    /// its place stay.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<ShortText>) -> Self {
        self.model = model.into();
        self
    }

    /// Checks that every name given could be used.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), naming the first field that could not.
    pub fn check(&self) -> Result<&Self, Error> {
        if let Some(problem) = &self.problem {
            return Err(Error::new(crate::ErrorKind::Invalid, problem.0.clone()).within("call"));
        }
        if self.model.is_empty() {
            return Err(Error::invalid("call: model", "the name is empty"));
        }
        self.check_fixed()?;
        name::check("call: model", name::problem_of_model(&self.model))?;
        let readers = self.readings.iter().filter_map(|reading| reading.model.as_ref());
        for model in self.models.iter().chain(readers) {
            name::check("call: model", name::problem_of_model(model))?;
        }
        if let Some(provider) = &self.provider {
            name::check("call: provider", name::problem_of_model(provider))?;
        }
        for text in self.tags.iter().flat_map(|(key, value)| [key, value]) {
            name::check("call: tag", name::problem_of_tag(text))?;
        }
        name::check("call: use case", self.use_case.as_deref().and_then(name::problem_of_tag))?;
        Ok(self)
    }

    /// The model, as it was named.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Whether it carries a run's scope at all.
    #[inline]
    pub(crate) fn names_run(&self) -> bool {
        self.scopes.iter().any(|scope| scope.kind == ScopeKind::Run)
    }

    /// The value of a tag, if the call has it.
    #[must_use]
    pub fn tag_value(&self, key: &str) -> Option<&str> {
        self.tags.iter().find(|(present, _)| present == key).map(|(_, value)| value.as_str())
    }

    /// The same call, refused by whatever uses it, with that reason.
    pub(crate) fn unusable(mut self, text: impl Into<String>) -> Self {
        self.problem.get_or_insert_with(|| Box::new(Problem(text.into())));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_named_twice_is_charged_once() {
        let call = Call::new("m").user("ada").team("search").user("ada");
        let names: Vec<_> = call.scopes().iter().map(Scope::to_string).collect();
        assert_eq!(names, ["team/search", "user/ada"]);
    }

    #[test]
    fn the_first_name_that_cannot_be_used_is_reported() {
        let error = Call::new("m").user("").team("\n").check().map(|_| ()).expect_err("empty name");
        assert_eq!(error.to_string(), "call: user: the name is empty");
    }

    #[test]
    fn a_fee_that_is_named_twice_may_be_incurred_as_often_as_the_larger_says() {
        let call = Call::new("m").may_use(Meter::WebSearch, 3).may_use(Meter::WebSearch, 2);
        assert_eq!(call.uses.as_slice(), [(Meter::WebSearch, Some(3))]);
        let call = call.may_use_unlimited(Meter::WebSearch).may_use(Meter::Page, 1);
        assert_eq!(call.uses.as_slice(), [(Meter::WebSearch, None), (Meter::Page, Some(1))]);
    }

    #[test]
    fn a_call_has_one_organisation() {
        assert!(Call::new("m").organization("a").organization("a").check().is_ok());
        assert!(Call::new("m").organization("a").organization("b").check().is_err());
    }
}
