//! What can a prompt not exceed, from the lengths of its parts alone?
//!
//! A byte-level vocabulary has a token for each of the 256 bytes, and merging can only
//! shorten what stands there in single bytes. So no text is more tokens than bytes,
//! whatever the vocabulary has learned. The bound of a prompt is the sum of all bytes, and
//! for each message, tool and file an allowance by the model's [`Family`].
//!
//! [`sum`] adds up a prompt for the byte bound and for the counting estimator alike: the
//! caller hands in how a text is estimated, and everything else (framing, tools, files) is
//! the same for both. So a count is never above its own bound.

use super::TokenEstimator;
use super::estimate::Estimate;
use super::family::{Allowance, Family};
use super::media::{self, Held};
use super::own_tool::OwnTool;
use crate::values::{Detail, Part, Prompt};

/// Bounds a prompt by its bytes: needs no tables, and reads no message.
///
/// The enforcer bounds by this estimator if the operator names none. With the feature
/// `tiktoken` the enforcer then also counts if the bound does not fit.
///
/// # When to use which
/// Use the byte bound if calls are small beside their budget. Use
/// [`FamilyEstimator`](super::FamilyEstimator) if many calls run close to a limit, because
/// four times too much of English is held here until the call is reconciled.
///
/// # What is claimed
/// A token of a byte-level vocabulary stands for at least one byte, so a text has at most
/// as many tokens as bytes. English comes out 4 times too high, base64 1.5 times, and
/// nothing comes out too low.
/// - OpenAI's models read byte-level tokens: the bound is sound.
/// - Gemini falls back to single bytes for what is not in its vocabulary: the bound is
///   sound as long as Gemini does.
/// - Claude's tokenizer is closed. Every request that we recorded obeys the same rule, but
///   the rule is not proven.
/// - The bound of any other model is a [`Guess`](crate::tokens::EstimateKind::Guess): its provider
///   may put a text of its own in front. For `gpt-oss` we saw 68 tokens, for an agent
///   behind a model's name 5,000.
///
/// # Allowances, in tokens
/// | | prompt | message | role | tools, schema | each tool | call | thinking | image |
/// |---|---|---|---|---|---|---|---|---|
/// | OpenAI | 3 | 3 | 1 | 16 | 32 | 16 | 0 | 1,445; small models and GPT-5 3,779; `gpt-4o-mini` 48,169 |
/// | Anthropic | 16 | 8 | 1 | 640 | 64 | 96 | 64 | 5,000 |
/// | Google | 8 | 4 | 1 | 32 | 32 | 16 | 0 | 1,120 |
/// | others | 128 | 16 | 1 | 640 | 64 | 64 | 128 | 1,600 |
///
/// - OpenAI's framing is that of its cookbook ("How to count tokens with tiktoken"): 3
///   tokens for each message, 1 for the role, 3 that prime the answer; the cookbook's 22
///   for each function are rounded up. The framing of the others is what we saw in recorded
///   requests, rounded up: at most 8 tokens around one message, and Anthropic's
///   instructions for tools (it publishes 346, we saw 500).
/// - A role that is not one of the usual words counts its bytes.
/// - Images make the estimate a guess, since providers charge them by size. OpenAI's
///   figures are 2048 × 768 pixels in high detail (85 + 8 × 170) and 1,536 patches at 2.46,
///   Anthropic's the largest image since Claude 4.7 (2576 pixels, width × height / 750;
///   1,600 before), Google's one image in high resolution, as their guides said in November
///   2026. Larger ones cost more on some models.
/// - An image that the model is to look at in its own size
///   ([`Detail::Original`](crate::values::Detail::Original)) is held for 12,000 tokens of OpenAI's
///   models (10,000 patches at 1.2), 2,240 of Google's, and 16,384 of others' (Alibaba's).
/// - A tool of the provider's own, such as a web search, reads text that no request
///   carries. The bound holds [`OwnTool::tokens`](super::OwnTool::tokens) for the tool
///   beside its description, and the estimate is a guess.
///
/// # Example: a bound for text, a guess with an image
/// ```
/// use token_budget::call::{Message, Part, Prompt};
/// use token_budget::tokens::{ByteBoundEstimator, Estimate};
/// use token_budget::TokenEstimator;
///
/// let hello = Message::user("hello");
/// let prompt = Prompt { messages: vec![hello.clone()], tools: vec![] };
/// // 5 bytes, 3 for the message, 1 for its role, 3 for the prompt.
/// assert_eq!(ByteBoundEstimator.count("gpt-4o", &prompt), Estimate::bound(12));
///
/// let prompt = Prompt { messages: vec![hello.with_part(Part::Image)], tools: vec![] };
/// assert_eq!(ByteBoundEstimator.count("gpt-4o", &prompt), Estimate::guess(12 + 1_445));
/// ```
///
/// # Example: a tool counts as its JSON and an allowance
/// ```
/// use token_budget::call::Prompt;
/// use token_budget::tokens::{ByteBoundEstimator, Estimate};
/// use token_budget::TokenEstimator;
///
/// let tool = r#"{"name":"add","parameters":{}}"#;
/// let prompt = Prompt { messages: vec![], tools: vec![tool.into()] };
/// // 30 bytes, 32 for the tool, 16 for the list of tools, 3 for the prompt.
/// assert_eq!(ByteBoundEstimator.bound("gpt-5", &prompt), Estimate::bound(81));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByteBoundEstimator;

impl TokenEstimator for ByteBoundEstimator {
    fn knows(&self, _model: &str) -> bool {
        false
    }

    fn count(&self, model: &str, prompt: &Prompt) -> Estimate {
        self.bound(model, prompt)
    }
}

/// The byte bound of a prompt; `reading` says what a tool of the provider's own reads.
pub(super) fn of_prompt(family: Family, prompt: &Prompt, reading: impl Fn(OwnTool) -> u64) -> Estimate {
    sum(family, prompt, reading, |text| of_text(family, text))
}

/// The byte bound of one text: a bound for a known family, a guess for any other model.
pub(super) fn of_text(family: Family, text: &str) -> Estimate {
    match family {
        Family::Other => Estimate::guess(bytes(text)),
        Family::OpenAi { .. } | Family::Anthropic | Family::Google => Estimate::bound(bytes(text)),
    }
}

/// Adds up a prompt whose texts are estimated by `of_text`, with the family's allowances.
///
/// The order of addition does not matter: [`Estimate::plus`] is commutative. `of_text` may
/// keep state (a counter's work that is left), so the texts come in the order of the
/// prompt.
pub(super) fn sum(
    family: Family,
    prompt: &Prompt,
    reading: impl Fn(OwnTool) -> u64,
    mut of_text: impl FnMut(&str) -> Estimate,
) -> Estimate {
    let allowance = family.allowance();
    // Whatever a model without a family is shown, its provider may add a text of its own.
    let start = if family == Family::Other { Estimate::guess } else { Estimate::count };
    let mut sum = tools(family, prompt, reading).plus(start(allowance.prompt));
    for message in &prompt.messages {
        let framing = allowance.message.saturating_add(role_tokens(&message.role));
        sum = sum.plus(Estimate::count(framing));
        for part in &message.parts {
            sum = sum.plus(match part {
                Part::Text(text) => of_text(text),
                Part::Call { name, arguments } => {
                    of_text(name).plus(of_text(arguments)).plus(Estimate::bound(allowance.call))
                }
                Part::Reasoning(text) => of_text(text),
                Part::Schema(text) => Estimate::bound(bytes(text).saturating_add(allowance.tools)),
                Part::Thinking => Estimate::bound(allowance.thinking),
                Part::Picture(picture) if picture.detail == Detail::Original => {
                    Estimate::guess(allowance.image.max(family.image_original()))
                }
                Part::Image | Part::Picture(_) => Estimate::guess(allowance.image),
                Part::Unseen(tokens) => Estimate::guess(*tokens),
                Part::Pages(pages) => medium(media::in_family(family).pages(pages)),
                Part::Sound(sound) => medium(media::in_family(family).sound(*sound)),
                Part::Film(film) => medium(media::in_family(family).film(*film)),
                Part::Opaque => Estimate::opaque(),
            });
        }
    }
    sum
}

/// What is held for a file by its pages or its length. If nobody says how much that is, the
/// file is a part that cannot be counted.
fn medium(held: Option<Held>) -> Estimate {
    held.map_or_else(Estimate::opaque, |held| Estimate {
        expected: held.expected,
        ..Estimate::guess(held.most)
    })
}

/// What is held for all tool descriptions.
///
/// Descriptions stay at their bytes even if text is counted: a provider rewrites the schema
/// in a notation of its own before the model reads it.
fn tools(family: Family, prompt: &Prompt, reading: impl Fn(OwnTool) -> u64) -> Estimate {
    if prompt.tools.is_empty() {
        return Estimate::count(0);
    }
    let Allowance { tools, tool, .. } = family.allowance();
    prompt.tools.iter().fold(Estimate::bound(tools), |sum, description| {
        let tokens = bytes(description).saturating_add(tool);
        sum.plus(match OwnTool::described(description) {
            None => Estimate::bound(tokens),
            Some(own) => Estimate::guess(tokens.saturating_add(reading(own))),
        })
    })
}

/// The usual roles are one token each in every vocabulary that was looked at; another word
/// counts its bytes.
fn role_tokens(role: &str) -> u64 {
    match role {
        "system" | "user" | "assistant" | "tool" | "developer" | "function" | "model" => 1,
        other => bytes(other),
    }
}

fn bytes(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Message;

    fn prompt(messages: Vec<Message>) -> Prompt {
        Prompt { messages, tools: Vec::new() }
    }

    #[test]
    fn framing_is_added_for_each_message_and_once_a_prompt() {
        let prompt = prompt(vec![Message::system("be kind"), Message::user("hi")]);

        // 7 + 2 bytes; OpenAI 2 × (3 + 1) + 3, Anthropic 2 × (8 + 1) + 16, Google 2 × (4 + 1) + 8.
        assert_eq!(ByteBoundEstimator.bound("gpt-4", &prompt), Estimate::bound(20));
        assert_eq!(ByteBoundEstimator.bound("claude-opus-4-8", &prompt), Estimate::bound(43));
        assert_eq!(ByteBoundEstimator.bound("gemini-2.5-pro", &prompt), Estimate::bound(27));
    }

    #[test]
    fn a_model_of_no_family_is_guessed() {
        let prompt = prompt(vec![Message::user("hi")]);

        // 2 bytes, 16 + 1 for the message, 128 for the prompt.
        assert_eq!(ByteBoundEstimator.bound("llama-4", &prompt), Estimate::guess(147));
        assert_eq!(ByteBoundEstimator.bound_text("llama-4", "hi"), Estimate::guess(2));
    }

    #[test]
    fn a_described_tool_is_bounded_and_a_providers_own_is_guessed() {
        let schema = r#"{"name":"add","parameters":{}}"#;
        let mut prompt = prompt(vec![]);
        prompt.tools = vec![schema.into()];

        // 30 bytes, 32 for the tool, 16 for tools, 3 for the prompt.
        assert_eq!(ByteBoundEstimator.bound("gpt-5", &prompt), Estimate::bound(81));

        prompt.tools = vec![r#"{"type":"web_search"}"#.into()];
        // 21 bytes in place of 30, and what a search reads.
        assert_eq!(ByteBoundEstimator.bound("gpt-5", &prompt), Estimate::guess(72 + 15_000));
        // What Google finds is not billed as input: 32 for tools, 32 for the tool, 8 for the prompt.
        prompt.tools = vec![r#"{"googleSearch":{}}"#.into()];
        assert_eq!(ByteBoundEstimator.bound("gemini-2.5-pro", &prompt), Estimate::guess(19 + 72));
    }

    #[test]
    fn an_unusual_role_counts_its_bytes() {
        let prompt = prompt(vec![Message::text("narrator", "hi")]);

        assert_eq!(ByteBoundEstimator.bound("gpt-4o", &prompt), Estimate::bound(2 + 3 + 8 + 3));
    }

    #[test]
    fn a_part_that_cannot_be_counted_is_told() {
        let prompt = prompt(vec![Message::user("read this").with_part(Part::Opaque)]);

        let estimate = ByteBoundEstimator.count("claude-sonnet-4-5", &prompt);

        assert!(estimate.needs_model_maximum());
        assert_eq!(estimate.tokens, 9 + 8 + 1 + 16);
    }
}
