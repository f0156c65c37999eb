//! How many tokens was a prompt that was held at its bytes, where nobody said it?
//!
//! A call that broke off before its provider reported its input is charged what it held. If
//! it was held at its bytes, that is four times too much of English. So the text is counted
//! once, late, by what the family makes of text ([`SeenText`]), and the framing of the byte
//! bound stays. It costs a pass over the prompt, and nobody pays for that pass as long as
//! calls end well.

use super::estimate::Estimate;
use super::family::Family;
use super::{SeenText, bound};
use crate::values::Prompt;

/// The prompt's tokens at most: the framing of the byte bound, and its text by what the
/// model's family makes of it. `None` if nobody measured the family, or if a part cannot be
/// counted.
///
/// It reads all text, so only a call asks that broke off before its provider said what went
/// in.
pub(crate) fn recounted(model: &str, prompt: &Prompt) -> Option<u64> {
    let nothing = SeenText::of(model)?;
    let family = Family::of(model);
    let sum = bound::sum(
        family,
        prompt,
        |own| own.tokens_in(family),
        |text| {
            let mut seen = nothing.clone();
            seen.push(text);
            Estimate::bound(seen.count())
        },
    );
    (!sum.needs_model_maximum()).then_some(sum.tokens)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::{Message, Part};

    fn prompt(message: Message) -> Prompt {
        Prompt { messages: vec![message], tools: Vec::new() }
    }

    #[test]
    fn a_prompt_is_counted_by_its_text_and_the_framing_stays() {
        let question = prompt(Message::user("What is the tallest mountain?"));

        let ours = recounted("claude-3-haiku", &question).expect("a family that was measured");

        // 29 bytes and 25 of framing are held; 6 words and a sign, at most 10 tokens and 6 in a hundred more.
        assert_eq!(bound::of_prompt(Family::Anthropic, &question, |_| 0).tokens, 54);
        assert!((25 + 7..=25 + 13).contains(&ours), "{ours}");
    }

    #[test]
    fn what_cannot_be_counted_stays_as_it_was_held() {
        assert_eq!(recounted("milli", &prompt(Message::user("hi"))), None);
        assert_eq!(recounted("gpt-4o", &prompt(Message::user("hi").with_part(Part::Opaque))), None);
    }
}
