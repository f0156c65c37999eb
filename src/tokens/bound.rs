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

use super::estimate::Estimate;
use super::family::{Allowance, Family};
use super::media::{self, FileTokens};
use super::own_tool::OwnTool;
use super::tool_text::own_tool;
use crate::values::{Detail, Part, Prompt};

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
fn medium(held: Option<FileTokens>) -> Estimate {
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
        sum.plus(match own_tool(description) {
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
    use crate::tokens::{ByteBoundEstimator, TokenEstimator};
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
