//! What may a call be billed for beside its tokens, and what is held for it?
//!
//! Tokens are not everything that a call costs: searches, pages, sandboxes, images are
//! billed by the use. A request says at most how many it *may* cause, and the answer how
//! many it did. So a fee is held at the most, and charged by the count. If nobody says
//! how many, ten uses are assumed (one for a model without token prices), and the
//! decision says so.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::values::{Meter, ShortText};
use crate::{Usage, Usd};

/// A fee that is held for, beside the tokens of a call.
///
/// # Example: a tool without a limit is held for ten uses, and says so
/// ```
/// use token_budget::policy::Unbound;
/// use token_budget::usage::Meter;
/// use token_budget::{Call, Enforcer};
///
/// let call = Call::new("claude-sonnet-4-5").input_tokens(1_000).output_tokens(1_000);
/// let searching = call.clone().may_use_unlimited(Meter::WebSearch);
/// let enforcer = Enforcer::builder().unbound(Unbound::Allow).build();
/// let held = |call: &Call| enforcer.reserve(call).wait().unwrap().or_refusal().unwrap();
/// let reservation = held(&searching);
/// assert_eq!(reservation.quoted(), "0.118".parse()?); // 0.018 for tokens, 10 × 0.01
/// let fees = reservation.decision().fees().to_vec();
/// assert_eq!(fees[0].to_string(), "10 × web_search, assumed: 0.10 USD");
///
/// assert_eq!(held(&call).quoted(), "0.018".parse()?); // it may not search
/// assert_eq!(held(&call.may_use(Meter::WebSearch, 2)).quoted(), "0.038".parse()?);
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fee {
    /// What is billed.
    pub meter: Meter,
    /// How many are held for, in the meter's unit: pieces, milliseconds, characters.
    pub uses: u64,
    /// Whether the count is assumed, because nobody said how many uses there may be.
    pub assumed: bool,
    /// What is held for them, rounded up.
    pub usd: Usd,
    /// Whether every call of this model incurs the fee.
    pub(crate) incurred: bool,
}

impl fmt::Display for Fee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let assumed = if self.assumed { ", assumed" } else { "" };
        write!(f, "{} × {}{assumed}: {} USD", self.uses, self.meter, self.usd)
    }
}

impl Serialize for Fee {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut fields = serializer.serialize_struct("Fee", 4)?;
        fields.serialize_field("meter", self.meter.name())?;
        fields.serialize_field("uses", &self.uses)?;
        fields.serialize_field("assumed", &self.assumed)?;
        fields.serialize_field("usd", &self.usd)?;
        fields.end()
    }
}

/// What a request lets its provider read once more beside the answer, and bill apart: by
/// a tool that asks another model, or to shorten what is read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Reading {
    /// Who reads it; the call's own model if none is named.
    pub(crate) model: Option<ShortText>,
    /// How often at most; `None` is nobody knows.
    pub(crate) uses: Option<u64>,
    /// What is written each time, in tokens.
    pub(crate) output_tokens: u64,
    /// Only an input of so many tokens is read again.
    pub(crate) from_input_tokens: u64,
    /// What is read is written to a cache as well.
    pub(crate) caches: bool,
}

impl Reading {
    /// What an advice is held for where nobody says how long it may be: Anthropic states 1,400 to 1,800 tokens with what
    /// is thought, and recommends a limit of this much.
    pub(crate) const ADVICE_TOKENS: u64 = 2_048;

    /// Advice of that model.
    pub(crate) fn advice(model: ShortText, uses: Option<u64>) -> Self {
        let output_tokens = Self::ADVICE_TOKENS;
        Self { model: Some(model), uses, output_tokens, from_input_tokens: 0, caches: false }
    }
}

/// All fees that a call may incur, beside the fee of the request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fees {
    pub(crate) lines: Option<Arc<[Fee]>>,
    /// Their sum, rounded up once.
    pub(crate) usd: Usd,
    /// One that the request may incur and nobody knows the rate of.
    pub(crate) unknown: Option<Meter>,
    /// What else is in the sum, in words: readings of the input by other models.
    pub(crate) notes: Option<Arc<[String]>>,
}

impl Fees {
    /// One line for each fee that is held for.
    #[must_use]
    pub fn lines(&self) -> &[Fee] {
        self.lines.as_deref().unwrap_or_default()
    }

    /// What is held for all of them.
    #[must_use]
    pub fn usd(&self) -> Usd {
        self.usd
    }

    /// The usage, with fees that may have been incurred unseen counted as held.
    pub(crate) fn unseen(&self, usage: Usage) -> Usage {
        let of_request = self.lines().iter().filter(|fee| !fee.incurred);
        of_request.fold(usage, |usage, fee| {
            let seen = usage.count(fee.meter).unwrap_or(0);
            usage.with(fee.meter, fee.uses.max(seen))
        })
    }

    /// The usage with what every such call is billed for, where the answer counts none of it; whether that was so.
    ///
    /// `unknown` says that the answer's usage is not known: then what the request may have used is as held.
    pub(crate) fn at_least(&self, usage: Usage, unknown: bool) -> (Usage, bool) {
        let counted = |fee: &Fee| usage.count(fee.meter).is_some_and(|count| count > 0);
        let all_missing = !self.lines().iter().any(|fee| fee.incurred && counted(fee));
        let missing = |fee: &&Fee| {
            if fee.incurred { all_missing } else { unknown && usage.count(fee.meter).is_none() }
        };
        let fill = |usage: Usage, fee: &Fee| usage.with(fee.meter, fee.uses);
        let filled = self.lines().iter().filter(missing).fold(usage, fill);
        (filled, filled != usage)
    }
}
