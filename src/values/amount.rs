//! What do budgets count, and how much of each did a call take?
//!
//! A *unit* is what a budget counts; a [`Meter`](crate::usage::Meter) is what a provider bills.
//! Dollars and requests are units and no meters; cached tokens and web searches are
//! meters and no units. An [`Amount`] is what one call takes of all units at once, so
//! that one reserve can hold dollars in one budget and tokens in another.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::values::ShortText;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::values::name::did_you_mean;
use crate::{Error, Usd};

/// What a budget counts.
///
/// In policies and in the ledger a unit is written `usd`, `tokens`, `tokens_input`,
/// `tokens_output`, `requests`, `iterations`, `time_ms`, `tool_calls`, `tool:NAME` for
/// the calls of one tool, `children`, or `depth`.
///
/// A figure of any unit is an `i64`; of dollars it is nano-dollars. [`show`](Self::show)
/// writes it for people.
///
/// # Example: one figure, two units
/// ```
/// use token_budget::usage::Unit;
///
/// assert_eq!(Unit::Usd.show(482_100_000_000), "482.10 USD"); // nano-dollars
/// assert_eq!(Unit::Tokens.show(1_200), "1200 tokens");
/// assert_eq!("tool:grep".parse::<Unit>()?, Unit::Tool("grep".into()));
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Unit {
    /// Dollars, counted in nano-dollars.
    Usd,
    /// Input and output tokens together.
    Tokens,
    /// Input tokens.
    TokensInput,
    /// Output tokens.
    TokensOutput,
    /// Attempts that were sent; a retry is one more, a released attempt none.
    Requests,
    /// Rounds of an agent's loop.
    Iterations,
    /// Milliseconds that a run was open.
    TimeMs,
    /// Calls of an agent's own tools, all together.
    ToolCalls,
    /// Calls of the one tool of that name.
    Tool(ShortText),
    /// Runs that a run has begun below itself.
    Children,
    /// How far below a run its sub-runs may lie.
    Depth,
}

impl Unit {
    /// A figure of this unit as it reads in a sentence: `482.10 USD`, `1200 tokens`.
    #[must_use]
    pub fn show(&self, figure: i64) -> String {
        format!("{} {self}", self.figure(figure))
    }

    /// The figure alone, dollars with at least two decimals.
    #[must_use]
    pub fn figure(&self, figure: i64) -> String {
        match self {
            Self::Usd => Usd::from_nanos(figure).to_string(),
            _ => figure.to_string(),
        }
    }
}

/// A figure as JSON shows it: dollars as text, because many readers of JSON keep numbers
/// in floating point; counts as numbers.
pub(crate) struct Figure<'a>(pub(crate) &'a Unit, pub(crate) i64);

impl Serialize for Figure<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Unit::Usd => Usd::from_nanos(self.1).serialize(serializer),
            _ => serializer.serialize_i64(self.1),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usd => f.write_str("USD"),
            Self::Tokens => f.write_str("tokens"),
            Self::TokensInput => f.write_str("input tokens"),
            Self::TokensOutput => f.write_str("output tokens"),
            Self::Requests => f.write_str("requests"),
            Self::Iterations => f.write_str("iterations"),
            Self::TimeMs => f.write_str("ms"),
            Self::ToolCalls => f.write_str("tool calls"),
            Self::Tool(name) => write!(f, "calls of {name}"),
            Self::Children => f.write_str("sub-runs"),
            Self::Depth => f.write_str("levels of sub-runs"),
        }
    }
}

impl FromStr for Unit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        /// Every unit but that of a single tool.
        const PLAIN: [Unit; 10] = [
            Unit::Usd,
            Unit::Tokens,
            Unit::TokensInput,
            Unit::TokensOutput,
            Unit::Requests,
            Unit::Iterations,
            Unit::TimeMs,
            Unit::ToolCalls,
            Unit::Children,
            Unit::Depth,
        ];
        let plain = PLAIN.iter().find(|unit| unit.code() == text).cloned();
        let tool = text.strip_prefix("tool:").filter(|name| !name.is_empty() && name.len() <= 128);
        plain.or_else(|| tool.map(|name| Self::Tool(name.into()))).ok_or_else(|| {
            let codes = PLAIN.map(|unit| unit.code());
            let hint = did_you_mean(text, codes.iter().map(AsRef::as_ref));
            Error::invalid("unit", format!("{text:?} is not a unit that budgets count{hint}"))
        })
    }
}

impl Unit {
    /// The unit as policies and books spell it: what [`FromStr`] reads.
    pub(crate) fn code(&self) -> Cow<'static, str> {
        let code = match self {
            Self::Usd => "usd",
            Self::Tokens => "tokens",
            Self::TokensInput => "tokens_input",
            Self::TokensOutput => "tokens_output",
            Self::Requests => "requests",
            Self::Iterations => "iterations",
            Self::TimeMs => "time_ms",
            Self::ToolCalls => "tool_calls",
            Self::Children => "children",
            Self::Depth => "depth",
            Self::Tool(name) => return format!("tool:{name}").into(),
        };
        code.into()
    }
}

impl Serialize for Unit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.code())
    }
}

impl<'de> Deserialize<'de> for Unit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Says how much a call takes of everything that budgets count.
///
/// The same amount is measured against each budget in that budget's unit:
/// [`of`](Self::of) picks the figure. Tokens are kept as input and output, and their sum
/// is worked out when a budget asks for it.
///
/// What an amount leaves out is zero, and nothing is priced in its place. Where a budget counts dollars, a call of an
/// amount without any ([`Call::fixed`](crate::Call::fixed)) is therefore an error: it would pass every limit. A call
/// that is *reconciled* with such an amount is charged no dollars.
///
/// # Example: tokens are counted apart and together, and dollars are never guessed
/// ```
/// use token_budget::usage::Unit;
/// use token_budget::{Amount, Budget, Call, Enforcer, ErrorKind, Policy, Scope, Usd, Window};
///
/// let amount = Amount::request(Usd::cents(3), 1_200, 300);
/// assert_eq!(amount.of(&Unit::Tokens)?, 1_500);
/// assert_eq!(amount.of(&Unit::Usd)?, 30_000_000); // nano-dollars
/// assert_eq!(amount.of(&Unit::Requests)?, 1);
///
/// let day = Budget::usd("search", Scope::team("search")?, Usd::dollars(1), Window::day());
/// let enforcer = Enforcer::builder().policy(Policy::new([day])?).build();
/// let tokens_alone = Amount { tokens_input: 1_200, ..Amount::default() };
/// let error = enforcer.reserve(&Call::fixed(tokens_alone).team("search")).wait().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Invalid); // the budget counts dollars, and nobody said how many
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Amount {
    /// Dollars.
    pub usd: Usd,
    /// Input tokens.
    pub tokens_input: u64,
    /// Output tokens.
    pub tokens_output: u64,
    /// Attempts sent.
    pub requests: u64,
    /// Rounds of an agent's loop.
    pub iterations: u64,
    /// Calls of the agent's own tools, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<(ShortText, u64)>,
}

impl Amount {
    /// What one attempt takes. An attempt counts as one request and, inside a run, as one
    /// iteration.
    #[must_use]
    pub fn request(usd: Usd, tokens_input: u64, tokens_output: u64) -> Self {
        Self { usd, tokens_input, tokens_output, requests: 1, iterations: 1, tool_calls: Vec::new() }
    }

    /// The share of this amount that a budget in `unit` counts; dollars in nano-dollars.
    ///
    /// # Errors
    /// [`ErrorKind::Overflow`](crate::ErrorKind::Overflow) if a count does not fit into 63 bits.
    #[inline]
    pub fn of(&self, unit: &Unit) -> Result<i64, Error> {
        let count = match unit {
            Unit::Usd => return Ok(self.usd.nanos()),
            Unit::Tokens => self.tokens_input.saturating_add(self.tokens_output),
            Unit::TokensInput => self.tokens_input,
            Unit::TokensOutput => self.tokens_output,
            Unit::Requests => self.requests,
            Unit::Iterations => self.iterations,
            // Posted by the run itself; no call takes any.
            Unit::TimeMs | Unit::Children | Unit::Depth => 0,
            Unit::ToolCalls => self.tool_calls.iter().fold(0, |sum, (_, calls)| calls.saturating_add(sum)),
            Unit::Tool(name) => self
                .tool_calls
                .iter()
                .filter(|(tool, _)| tool == name)
                .fold(0, |sum, (_, calls)| calls.saturating_add(sum)),
        };
        i64::try_from(count).map_err(|_| Error::overflow("tokens"))
    }
}

impl From<Usd> for Amount {
    /// One attempt that costs so much and takes no tokens: an image job, a tool's fee.
    fn from(usd: Usd) -> Self {
        Self::request(usd, 0, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_survive_text() {
        for text in [
            "usd",
            "tokens",
            "tokens_input",
            "tokens_output",
            "requests",
            "iterations",
            "tool_calls",
            "tool:grep",
            "children",
            "depth",
        ] {
            let unit: Unit = text.parse().expect("unit");
            assert_eq!(serde_json::to_string(&unit).expect("json"), format!("{text:?}"));
        }
        assert!("tool:".parse::<Unit>().is_err());
        assert!("USD".parse::<Unit>().is_err());
    }

    #[test]
    fn a_sum_of_tokens_that_does_not_fit_is_an_error() {
        let amount = Amount::request(Usd::ZERO, u64::MAX, 1);
        assert!(amount.of(&Unit::Tokens).is_err());
        assert_eq!(amount.of(&Unit::TokensOutput).expect("fits"), 1);
    }

    #[test]
    fn tools_are_counted_by_name_and_together() {
        let amount = Amount { tool_calls: vec![("grep".into(), 2), ("edit".into(), 3)], ..Amount::default() };
        assert_eq!(amount.of(&Unit::ToolCalls).expect("fits"), 5);
        assert_eq!(amount.of(&Unit::Tool("grep".into())).expect("fits"), 2);
    }
}
