//! What becomes of a request that does not say how much it may generate?
//!
//! `max_tokens` is optional in most APIs, and without it a model may generate all it can:
//! 128,000 tokens of a reasoning model are more than a dollar. Budgets must hold
//! something for such a call. Holding the most would refuse nearly every small budget;
//! holding a guess would let the bill exceed the hold. So by default a limit is written
//! into the request, and held: then both are exact.

use std::str::FromStr;

use crate::Error;

/// Sets what happens to a request that names no output limit. Default: a limit is written
/// in.
///
/// The provider may otherwise generate as much as the model can, and bills all of it.
/// Whatever is chosen here, what an API limits by itself is held at that limit, and
/// nothing is written: OpenAI's completions stop after 16 tokens.
///
/// Set it for all calls with
/// [`EnforcerBuilder::on_no_limit`](crate::enforcer::EnforcerBuilder::on_no_limit) or in
/// the policy ([`Policy::with_no_limit`](crate::Policy::with_no_limit), `no_limit` in its
/// file), for a gate with
/// [`HttpBudget::on_no_limit`](crate::http::HttpBudget::on_no_limit), for a client with
/// [`BudgetEnforcedClient::on_no_limit`](crate::BudgetEnforcedClient::on_no_limit), for
/// one call with [`Call::on_no_limit`](crate::Call::on_no_limit). The narrower choice
/// wins: call, gate or client, builder, policy. As text it is `write_in`, `hold_most` or
/// `leave_alone`, in a flag also with hyphens.
///
/// # Example: a limit is written in, or the most is held
/// ```
/// use token_budget::policy::{OnNoLimit, Unbound};
/// use token_budget::{Call, Enforcer};
///
/// let enforcer = Enforcer::builder().unbound(Unbound::Allow).build();
/// let call = Call::new("gpt-5").input_tokens(1_000); // its answers reason, and have at most 128,000 tokens
///
/// let written = enforcer.reserve(&call).wait()?.or_refusal()?;
/// assert_eq!((written.output_tokens_each(), written.must_send_limit()), (65_536, true));
///
/// let most = enforcer.reserve(&call.on_no_limit(OnNoLimit::HoldMost)).wait()?.or_refusal()?;
/// assert_eq!((most.output_tokens_each(), most.must_send_limit()), (128_000, false));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnNoLimit {
    /// A limit is written into the request, and held.
    ///
    /// It is the smallest of the model's maximum, the room that the model's context leaves beside the prompt, and
    /// 16,384 tokens (65,536 where the model may reason unseen), or the policy's own figure
    /// ([`Policy::with_output_tokens_default`](crate::Policy::with_output_tokens_default)) in place of these two.
    /// Where the context is nearly full, so that a limit might be refused or cut an honest answer, nothing is
    /// written and the most is held. So it is where nothing can be written: a signed body, an API that is not known.
    ///
    /// Of a model of which neither maximum nor context is known 16,384 tokens are asked for, and none where its output
    /// costs nothing and nobody counts it. State `output_tokens_max` or `context_tokens` in its price row.
    #[default]
    WriteIn,
    /// Nothing is written; the most that the model can generate is held.
    HoldMost,
    /// Nothing is written, and the policy's default output is held: the answer may cost more than its hold.
    LeaveAlone,
}

impl FromStr for OnNoLimit {
    type Err = Error;

    /// Reads `write_in`, `hold_most` or `leave_alone`, with underscores or hyphens.
    fn from_str(word: &str) -> Result<Self, Error> {
        match word {
            "write_in" | "write-in" => Ok(Self::WriteIn),
            "hold_most" | "hold-most" => Ok(Self::HoldMost),
            "leave_alone" | "leave-alone" => Ok(Self::LeaveAlone),
            other => {
                let shown: String = other.chars().take(40).collect();
                Err(Error::invalid(
                    "no limit",
                    format!("{shown:?} is none of write_in, hold_most and leave_alone"),
                ))
            }
        }
    }
}

/// What is known of a request's output beside the limit that it names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OutputTerms {
    /// What becomes of a request without a limit; unsaid, the enforcer's choice.
    pub(crate) on_no_limit: Option<OnNoLimit>,
    pub(crate) api: ApiLimit,
    /// The request itself names no limit, whatever the call does.
    pub(crate) is_unsaid: bool,
    /// Tokens of thinking that the request asks for: what limits it must stand above them.
    pub(crate) thinking: u64,
    /// Nothing in the request can be changed: its body is signed.
    pub(crate) is_sealed: bool,
}

/// What an API makes of a request that names no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ApiLimit {
    /// It generates what the model can, and a limit can be written into the request.
    #[default]
    Writable,
    /// It stops by itself after so many tokens of each answer.
    Stops(u64),
    /// It generates what the model can, and nobody here knows how to limit it.
    Unwritable,
    /// It makes images or sound, and has no limit.
    Media,
}
