//! Which part of a conversation is left out, so that its prompt fits?
//!
//! 1. [`conversation`] reads the list of messages into turns, and joins turns that share a
//!    tool call.
//! 2. [`order`] lists what may go, in the order in which it goes.
//! 3. [`search`] finds the fewest that must go, by measuring shorter bodies.
//! 4. [`bound`] checks whether Claude would take the result.
//! 5. [`told`] says what is missing.
//!
//! The body is changed in one place and at the end, by cutting whole messages out of its
//! bytes. So a conversation that does not fit is untouched, and every byte that stays is as
//! it was.

mod bound;
mod conversation;
mod item;
mod links;
mod order;
mod search;
mod told;

use serde_json::Value;

use bound::Bound;
use conversation::Conversation;
pub use told::{LeftOut, Trim, TrimTarget, Trimmed, Trimming};

use super::document::Document;
use super::request::{RequestShape, parsed, text};
use crate::values::Prompt;
use crate::{Error, ErrorKind};

impl RequestShape {
    /// Leaves old parts of a request's conversation out, until its prompt fits.
    ///
    /// `body` is a request's JSON as it is sent, of OpenAI's chat or Responses, Anthropic's
    /// Messages, Gemini, Bedrock's Converse, Cohere's second chat, or whoever speaks one of
    /// those languages. Whole messages are removed with their commas, and no other byte
    /// changes. The answer is exact: the new body was measured, and with the part that was
    /// left out last it was measured too, and did not fit, or its API would not have taken
    /// it. [`Trim`] says what is left out first.
    ///
    /// # What always stays
    /// - The system's and developer's messages wherever they stand, and tool definitions.
    /// - The last turn: the last messages of the user with all that follows, open tool
    ///   calls included. [`Trim::Tools`] alone leaves answered rounds of it out, and keeps
    ///   the newest three.
    /// - A turn that holds a summary made by the provider (`compaction`).
    ///
    /// A turn begins with a message of the user that does not follow another one, and that
    /// answers no tool call. A call and its results go or stay together: turns that share
    /// one are one. An image goes with its message, a thought with what follows it.
    ///
    /// # Two rules of Anthropic's
    /// - A turn in which its system speaks in mid-conversation stays, because that message
    ///   must stand between the user's and the model's.
    /// - From version 5.1 on Claude's thoughts are bound to what stands before them: none
    ///   is left behind a gap. Then more is left out until no such thought is, and if one
    ///   stands in the last turn, nothing can be, unless the request says `"drop_block"` in
    ///   `thinking.block_binding.prefix_mismatch_behavior`.
    ///
    /// # What it does not do
    /// If even the least does not fit, the body stays as it is, byte for byte. That is an
    /// answer, [`Trimming::NeverFits`]. What a provider keeps under an id
    /// (`previous_response_id`) is neither seen nor trimmed, and no such request fits by
    /// its estimate. A cache that the provider keeps of the prompt's beginning is of no use
    /// behind the first message that is missing.
    ///
    /// It reads the body a few times, at most about twice the logarithm of the number of
    /// turns: 500 messages of 500 kB take a millisecond with
    /// [`ByteBoundEstimator`](crate::tokens::ByteBoundEstimator), 5,000 some thirty.
    ///
    /// # Errors
    /// [`ErrorKind::Unreadable`](crate::ErrorKind::Unreadable) if the body is not a JSON
    /// object, is larger than 32 MiB, or can be read in two ways: a name stands twice in
    /// it. [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) if it holds no
    /// conversation that is known here (no single list of messages, more than 100,000 of
    /// them, an unknown role), and if a thought that stays is bound to what would have to
    /// go.
    ///
    /// # Example: the oldest turns are left out until the prompt fits
    /// ```
    /// use token_budget::tokens::{ByteBoundEstimator, RequestShape, Trim, TrimTarget, Trimming};
    ///
    /// let mut body = br#"{"model": "gpt-4o", "messages": [
    ///     {"role": "system", "content": "Be brief."},
    ///     {"role": "user", "content": "Who was Ada?"},
    ///     {"role": "assistant", "content": "A mathematician."},
    ///     {"role": "user", "content": "And Grace?"}
    /// ]}"#.to_vec();
    ///
    /// // 9 + 12 + 16 + 10 bytes of text, 4 tokens around each message, 3 around all.
    /// let target = TrimTarget::new(40, Trim::OldestFirst, "gpt-4o", &ByteBoundEstimator);
    /// let Trimming::Shorter(trimmed) = RequestShape::trim(&mut body, &target)? else { panic!("66 tokens") };
    /// assert_eq!((trimmed.before.tokens, trimmed.after.tokens), (66, 30));
    /// assert_eq!(trimmed.messages.iter().map(|left_out| left_out.index).collect::<Vec<_>>(), [1, 2]);
    /// assert_eq!(body, br#"{"model": "gpt-4o", "messages": [
    ///     {"role": "system", "content": "Be brief."},
    ///     {"role": "user", "content": "And Grace?"}
    /// ]}"#);
    /// # Ok::<(), token_budget::Error>(())
    /// ```
    pub fn trim(body: &mut Vec<u8>, target: &TrimTarget<'_>) -> Result<Trimming, Error> {
        let text = text(body)?;
        let document = parsed(text)?;
        let conversation = Conversation::read(&document)?;
        let before = target.measure(&Self::prompt_in(&document)?);
        if target.fits(before) {
            return Ok(Trimming::Fits(before));
        }
        let parts = order::parts(&conversation, target.how());
        let without = |parts: &[conversation::Span]| conversation.without(parts).apply(text);
        let measured = |parts: &[conversation::Span]| {
            let shorter = without(parts);
            let prompt = Self::prompt_in(&parsed(&shorter)?)?;
            Ok(target.measure(&prompt))
        };
        let found = search::fewest(&parts, before, target.tokens(), measured)?;
        let (fewest, after) = match found {
            search::Found::Fits { count, after } => (count, after),
            search::Found::Never { least } => return Ok(Trimming::NeverFits(least)),
        };
        let bound = Bound::read(&document, &conversation.items, target.model());
        let count = bound.sound(&parts, fewest).ok_or_else(bound_by_thoughts)?;
        let left_out = parts.get(..count).unwrap_or_default();
        let after = if count == fewest { after } else { measured(left_out)? };
        let trimmed = conversation.told(left_out, target.how(), before, after);
        let shorter = without(left_out).into_bytes();
        *body = shorter;
        Ok(Trimming::Shorter(trimmed))
    }

    /// Trims a body that was parsed before: whole messages are removed from its list, and
    /// nothing else changes.
    ///
    /// # Errors
    /// As [`trim`](Self::trim).
    pub fn trim_value(body: &mut Value, target: &TrimTarget<'_>) -> Result<Trimming, Error> {
        let mut text = body.to_string().into_bytes();
        let trimming = Self::trim(&mut text, target)?;
        if let Trimming::Shorter(trimmed) = &trimming {
            // A body that was trimmed has one of them.
            let mut names = conversation::LISTS.iter().map(|(name, _)| *name);
            let name = names.find(|name| body.get(name).is_some_and(Value::is_array));
            if let Some(messages) = name.and_then(|name| body.get_mut(name)).and_then(Value::as_array_mut) {
                let mut index = 0_usize;
                messages.retain(|_| {
                    let stays =
                        trimmed.messages.binary_search_by_key(&index, |left_out| left_out.index).is_err();
                    index = index.saturating_add(1);
                    stays
                });
            }
        }
        Ok(trimming)
    }

    /// The prompt of a body, in whatever language.
    fn prompt_in(document: &Document<'_>) -> Result<Prompt, Error> {
        Self::of_document(&super::language::ANY, document).map(|shape| shape.prompt)
    }
}

/// The error that names the way out: the request may let Anthropic drop such thoughts.
fn bound_by_thoughts() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "request: cannot be trimmed: its later thoughts are signed for what stands before them; \
         let Anthropic drop those (thinking.block_binding.prefix_mismatch_behavior)",
    )
}
