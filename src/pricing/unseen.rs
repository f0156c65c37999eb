//! What may a model generate that nobody sees, and how fast?
//!
//! Two facts decide what an abandoned call is charged for what nobody saw: whether the model generates unseen at all, and
//! how fast. Rows state both. Where a row is silent, the answer is the careful one: it reasons, at 500 tokens a second.

use serde::{Deserialize, Serialize};

use crate::Error;

/// Tokens a second that a model is taken to generate unseen where its row does not say.
///
/// A guess on the large side: most models stream 50 to 200 tokens a second.
const TOKENS_PER_SECOND: u32 = 500;

/// What a model does where the request says nothing about reasoning.
///
/// Reasoning may be generated, and billed, without a token of it on the wire.
/// A row says what happens by itself. A model that reasons unless it is told
/// not to is [`Always`](Self::Always), and counts as reasoning even where a
/// request switches that off: too much is held, and what was not used comes back.
/// Reasoning that is streamed in short (as a summary) is unseen too.
///
/// In price rows: `"reasoning": "never"`, `"on_request"`, `"always"`. What no
/// row says is `Always`, so that nothing is forgotten.
///
/// # Example: an own model is taken to reason until its row says otherwise
/// ```
/// use token_budget::pricing::{PriceRow, Reasoning};
/// use token_budget::time::Timestamp;
/// use token_budget::PricingTable;
///
/// let rows = PriceRow::list_from_json(
///     r#"[{"provider": "acme", "model": "silent", "standard": {"input": "1", "output": "2"}},
///         {"provider": "acme", "model": "plain", "standard": {"input": "1", "output": "2"}, "reasoning": "never"}]"#,
/// )?;
/// let table = PricingTable::empty().with_rows(rows)?;
/// let reasoning = |model| table.find(Some("acme"), model, Timestamp::EPOCH).map(|price| price.reasoning());
/// assert_eq!(reasoning("silent"), Some(Reasoning::Always));
/// assert_eq!(reasoning("plain"), Some(Reasoning::Never));
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reasoning {
    /// Every token that is generated is in the answer.
    Never,
    /// It reasons where the request asks for it.
    OnRequest,
    /// It reasons unless the request switches that off, where that is possible; also: nobody knows.
    #[default]
    Always,
}

/// How fast a model generates what nobody sees: what an abandoned call is charged for the time it ran.
///
/// In price rows: `"unseen_tokens_per_second": 3000` or `"unseen": "hold"`.
///
/// A speed is a bound and not a mean. One that is too low charges an abandoned call too little, which no invoice corrects;
/// one that is too high is limited by what the call holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unseen {
    /// At most that many tokens a second; 500 where no row says anything.
    TokensPerSecond(u32),
    /// No speed is known: an abandoned call is charged all that it holds.
    Hold,
}

impl Default for Unseen {
    fn default() -> Self {
        Self::TokensPerSecond(TOKENS_PER_SECOND)
    }
}

/// The word that a row says in place of a speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum UnseenWord {
    Hold,
}

/// What a row's two fields say together.
pub(super) fn unseen(word: Option<UnseenWord>, tokens_per_second: Option<u32>) -> Result<Unseen, Error> {
    match (word, tokens_per_second) {
        (None, None) => Ok(Unseen::default()),
        (Some(UnseenWord::Hold), None) => Ok(Unseen::Hold),
        (None, Some(0)) => Err(Error::invalid(
            "unseen_tokens_per_second",
            "is 0; a model that never reasons says so in reasoning",
        )),
        (None, Some(speed)) => Ok(Unseen::TokensPerSecond(speed)),
        (Some(_), Some(_)) => Err(Error::invalid("unseen", "stands beside unseen_tokens_per_second")),
    }
}
