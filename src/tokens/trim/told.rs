//! What is to be left out of a conversation, and what was?

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::super::{Estimate, TokenEstimator};
use crate::Error;
use crate::values::{Prompt, ShortText};

/// Which part of a conversation is left out first.
///
/// | | left out | always kept beside the system's text and the last turn |
/// |---|---|---|
/// | [`OldestFirst`](Self::OldestFirst) | whole turns | |
/// | [`Middle`](Self::Middle) | whole turns | the first turn |
/// | [`Tools`](Self::Tools) | tool calls with their results | what users said, and answers without calls |
///
/// # When to use which
/// `OldestFirst` for a chat. `Middle` if the first turn says what the whole is about.
/// `Tools` for an agent that works long on one question: it has a single turn, and nothing
/// else makes that shorter.
///
/// Tool definitions are never left out: without one the model would do something else than
/// it was asked. Others who trim do the same: Anthropic's `clear_tool_uses`, OpenAI's
/// `truncation`, LangChain's `trim_messages`.
///
/// # Example: an agent forgets its oldest round of tools
/// ```
/// use token_budget::tokens::{ByteBoundEstimator, RequestShape, Trim, TrimTarget, Trimming};
///
/// let mut messages = vec![r#"{"role": "user", "content": "Tidy the house."}"#.to_owned()];
/// for round in 0..5 {
///     messages.push(format!(
///         r#"{{"role": "assistant", "tool_calls": [{{"id": "c{round}", "type": "function",
///             "function": {{"name": "read", "arguments": "{{}}"}}}}]}}"#
///     ));
///     messages.push(format!(r#"{{"role": "tool", "tool_call_id": "c{round}", "content": "a long page"}}"#));
/// }
/// let mut body = format!(r#"{{"model": "gpt-4o", "messages": [{}]}}"#, messages.join(",")).into_bytes();
///
/// let whole = TrimTarget::new(u64::MAX, Trim::Tools, "gpt-4o", &ByteBoundEstimator);
/// let Trimming::Fits(before) = RequestShape::trim(&mut body, &whole)? else { panic!("no limit") };
///
/// // One token too many: the oldest round goes whole, its call and its result.
/// let target = TrimTarget::new(before.tokens - 1, Trim::Tools, "gpt-4o", &ByteBoundEstimator);
/// let Trimming::Shorter(trimmed) = RequestShape::trim(&mut body, &target)? else { panic!("two may go") };
/// assert_eq!(trimmed.messages.iter().map(|left_out| left_out.index).collect::<Vec<_>>(), [1, 2]);
/// assert_eq!((trimmed.turns, trimmed.tools[0].as_str()), (0, "read"));
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Trim {
    /// The oldest turn goes first, then the next.
    #[default]
    OldestFirst,
    /// The first turn stays, in which many say what the whole is about. Of those between it
    /// and the last, the one nearest to the middle goes first; of two equally near the
    /// older one.
    Middle,
    /// Tool calls go, the oldest first, each round whole: what the model thought, said and
    /// called in one answer, with all results. Of the last turn the newest three rounds
    /// stay, as with Anthropic's `clear_tool_uses`. A round that somebody has spoken in, or
    /// of which a call has no result, stays. So does a round with a thought as long as a
    /// later one without stays, because its calls may have come from that thought.
    ///
    /// The model no longer sees that it made those calls, and may make one again: give an
    /// agent that is trimmed so a limit of its own ([`RunGuard`](crate::RunGuard)).
    Tools,
}

impl FromStr for Trim {
    type Err = Error;

    /// Reads `oldest_first` (or `oldest`), `middle` or `tools`, with an underscore or a hyphen.
    fn from_str(word: &str) -> Result<Self, Error> {
        match word {
            "oldest_first" | "oldest-first" | "oldest" => Ok(Self::OldestFirst),
            "middle" => Ok(Self::Middle),
            "tools" => Ok(Self::Tools),
            other => {
                let shown: String = other.chars().take(40).collect();
                Err(Error::invalid("trim", format!("{shown:?} is none of oldest_first, middle and tools")))
            }
        }
    }
}

impl Trim {
    /// Returns its name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OldestFirst => "oldest_first",
            Self::Middle => "middle",
            Self::Tools => "tools",
        }
    }
}

/// How large a prompt may be, what is left out of it first, and who measures it.
///
/// # Example: both sides of the edge
/// ```
/// use token_budget::tokens::{ByteBoundEstimator, Estimate, RequestShape, Trim, TrimTarget, Trimming};
///
/// let body = br#"{"model": "gpt-4o", "messages": [{"role": "user", "content": "Who was Ada?"}]}"#;
/// let trim = |tokens| {
///     let target = TrimTarget::new(tokens, Trim::OldestFirst, "gpt-4o", &ByteBoundEstimator);
///     RequestShape::trim(&mut body.to_vec(), &target)
/// };
/// // 12 bytes, 4 around the message, 3 in front. The only turn is the last one, and stays.
/// assert_eq!(trim(19)?, Trimming::Fits(Estimate::bound(19)));
/// assert_eq!(trim(18)?, Trimming::NeverFits(Estimate::bound(19)));
/// # Ok::<(), token_budget::Error>(())
/// ```
pub struct TrimTarget<'a> {
    tokens: u64,
    how: Trim,
    model: &'a str,
    measure: Box<dyn Fn(&Prompt) -> Estimate + Send + Sync + 'a>,
}

impl<'a> TrimTarget<'a> {
    /// Returns a target of at most so many tokens of that model, as the estimator counts
    /// them ([`TokenEstimator::count`]).
    pub fn new(tokens: u64, how: Trim, model: &'a str, estimator: &'a dyn TokenEstimator) -> Self {
        Self::measured(tokens, how, model, move |prompt| estimator.count(model, prompt))
    }

    /// At most so many tokens, by that measure.
    pub(crate) fn measured(
        tokens: u64,
        how: Trim,
        model: &'a str,
        measure: impl Fn(&Prompt) -> Estimate + Send + Sync + 'a,
    ) -> Self {
        Self { tokens, how, model, measure: Box::new(measure) }
    }

    /// Returns the most tokens that the prompt may have.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Returns what is left out first.
    #[must_use]
    pub fn how(&self) -> Trim {
        self.how
    }

    /// Returns the model that the request is for.
    #[must_use]
    pub fn model(&self) -> &str {
        self.model
    }

    /// Measures the tokens of a prompt.
    #[must_use]
    pub fn measure(&self, prompt: &Prompt) -> Estimate {
        (self.measure)(prompt)
    }

    /// Says whether a prompt of that estimate is small enough. One with parts that cannot
    /// be counted is not known to be.
    #[must_use]
    pub fn fits(&self, estimate: Estimate) -> bool {
        !estimate.needs_model_maximum() && estimate.tokens <= self.tokens
    }
}

impl fmt::Debug for TrimTarget<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrimTarget({} tokens, {})", self.tokens, self.how.name())
    }
}

/// What became of a request that was to be trimmed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a request that does not fit is not trimmed"]
pub enum Trimming {
    /// The request fits as it is, and is unchanged.
    Fits(Estimate),
    /// The request was made shorter, and fits.
    Shorter(Trimmed),
    /// Even what is always kept does not fit: so many tokens. The request is unchanged.
    NeverFits(Estimate),
}

/// What was left out of a request so that it fitted.
///
/// Of the conversation it names places, roles and tools, and no text: it may be logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Trimmed {
    /// What was left out first.
    pub how: Trim,
    /// The messages that were left out, in their order.
    pub messages: Vec<LeftOut>,
    /// How many whole turns were left out; none if rounds of tools were.
    pub turns: usize,
    /// The tools whose calls were left out, each once, in the order of their first calls; names that are longer than
    /// 128 bytes are missing.
    pub tools: Vec<ShortText>,
    /// The prompt's tokens before.
    pub before: Estimate,
    /// The prompt's tokens as it is sent.
    pub after: Estimate,
}

/// A message that was left out of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LeftOut {
    /// Its place in the request's list as it was, from 0.
    pub index: usize,
    /// Who spoke, in the request's own word; the kind of an item that has no role.
    pub role: ShortText,
}

impl Trimmed {
    /// Of so many tokens before and so many after; what was left out is still to be named, by a client that trims requests
    /// of its own form ([`LlmClient::trim`](crate::LlmClient::trim)).
    ///
    /// ```
    /// use token_budget::tokens::{Estimate, LeftOut, Trim, Trimmed};
    ///
    /// let mut trimmed = Trimmed::new(Trim::OldestFirst, Estimate::count(900), Estimate::count(300));
    /// trimmed.messages = vec![LeftOut::new(0, "user"), LeftOut::new(1, "assistant")];
    /// trimmed.turns = 1;
    /// assert_eq!(trimmed.to_string(), "2 messages of 1 turn left out: 900 tokens before, 300 sent");
    /// ```
    #[must_use]
    pub fn new(how: Trim, before: Estimate, after: Estimate) -> Self {
        Self { how, messages: Vec::new(), turns: 0, tools: Vec::new(), before, after }
    }
}

impl LeftOut {
    /// The message at that place, from 0, of that role.
    pub fn new(index: usize, role: impl Into<ShortText>) -> Self {
        Self { index, role: role.into() }
    }
}

impl fmt::Display for Trimmed {
    /// `12 messages of 5 turns left out: 8123 tokens before, 3900 sent`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let many = |count: usize| if count == 1 { "" } else { "s" };
        write!(f, "{} message{}", self.messages.len(), many(self.messages.len()))?;
        if self.turns > 0 {
            write!(f, " of {} turn{}", self.turns, many(self.turns))?;
        }
        write!(f, " left out: {} tokens before, {} sent", self.before.tokens, self.after.tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_is_read_by_its_name_and_no_other_word_is() {
        for how in [Trim::OldestFirst, Trim::Middle, Trim::Tools] {
            assert_eq!(how.name().parse::<Trim>().ok(), Some(how));
        }
        assert_eq!("oldest".parse::<Trim>().ok(), Some(Trim::OldestFirst));
        let error = "newest".parse::<Trim>().expect_err("no way to trim");
        assert!(
            error.to_string().contains("\"newest\" is none of oldest_first, middle and tools"),
            "{error}"
        );
    }
}
