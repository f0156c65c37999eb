//! The answer to "may this call be made?", for programs and for people.
//!
//! A decision keeps what it was made from (the binding, and every balance just before the call) and works out its parts
//! when they are asked for. A program reads [`Decision::verdict`], [`Decision::refusals`] and [`Decision::retry_at`]; a
//! person reads the text, which names each budget with its figures and ends with the next move. Making a decision
//! allocates next to nothing, because nearly all of them say "allow" and nobody reads further.
//!
//! Every line is judged by the ledger's own inequality: `spent + reserved + requested <= ceiling`. What kind of refusal
//! it is follows from the same figures:
//!
//! | the call would fit… | it is |
//! | --- | --- |
//! | not even into an empty budget (`requested > ceiling`) | never fits |
//! | if calls that run now cost nothing (`spent + requested <= ceiling`) | in flight |
//! | after the window has reset, or enough has aged out | exhausted |
//!
//! Limits of a run have kinds of their own, because a run that is over its limit ends instead of waiting.

mod answer;
mod missing;
mod refusal;
mod shown;
mod state;
mod untrimmed;

use std::fmt;

use serde::Serialize;

pub(crate) use answer::Observed;
pub use answer::{Decision, Excess};
pub(crate) use missing::MissingPrice;
pub use refusal::{Refusal, RefusalKind};
pub use state::BudgetState;
pub(crate) use state::period_text;
pub(crate) use untrimmed::Untrimmed;

/// What is to be done with a call, mildest first.
///
/// `Allow` and `Warn` let the call pass; [`Decision::is_allowed`] asks for both.
/// `Degrade` and `Block` do not.
///
/// # Example: a warning from 80 % on
/// ```
/// use token_budget::usage::Unit;
/// use token_budget::{Budget, Call, Enforcer, Policy, Scope, Tiers, Verdict, Window};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let tokens = Budget::count("search", Scope::team("search")?, Unit::Tokens, 1_000, Window::day());
/// let enforcer = Enforcer::builder().policy(Policy::new([tokens.tiers(Tiers::soft_hard(80, 100)?)])?).build();
/// let of = |output| Call::new("gpt-4o").team("search").input_tokens(100).output_tokens(output);
///
/// assert_eq!(enforcer.check(&of(600)).await?.verdict(), Verdict::Allow); // 700 of 1,000
/// assert_eq!(enforcer.check(&of(700)).await?.verdict(), Verdict::Warn); // 800 of 1,000
/// assert_eq!(enforcer.check(&of(901)).await?.verdict(), Verdict::Block); // 1,001 of 1,000
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Make it.
    Allow,
    /// Make it, and tell somebody: a warning threshold is reached.
    Warn,
    /// Make it with a weaker model: see [`Decision::next_rung`].
    Degrade,
    /// Do not make it.
    Block,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Degrade => "degrade",
            Self::Block => "block",
        })
    }
}
