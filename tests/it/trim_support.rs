//! What do the tests of trimming share?

use token_budget::TokenEstimator;
use token_budget::call::Prompt;
use token_budget::tokens::{Estimate, RequestShape, Trim, TrimTarget, Trimmed, Trimming};

/// Counts a token for each message, so that a limit is a number of messages.
#[derive(Debug)]
pub(crate) struct Heads;

impl TokenEstimator for Heads {
    fn knows(&self, _: &str) -> bool {
        true
    }

    fn count(&self, _: &str, prompt: &Prompt) -> Estimate {
        Estimate::count(prompt.messages.len() as u64)
    }

    fn bound(&self, model: &str, prompt: &Prompt) -> Estimate {
        self.count(model, prompt)
    }
}

/// A body with that list of messages between fields that no writer of JSON would write like this.
pub(crate) fn body(list: &str, messages: &[&str]) -> String {
    format!(
        "{{ \"model\":\"m\", \"{list}\" :[{}\n],\"temperature\":1.50, \"t\\u006fp_p\":\"\u{e9}\"}}",
        messages.join(",\n ")
    )
}

/// What becomes of a body, and the body then.
pub(crate) fn trim(
    body: &str,
    how: Trim,
    tokens: u64,
    estimator: &dyn TokenEstimator,
) -> Result<(Trimming, String), token_budget::Error> {
    let mut bytes = body.as_bytes().to_vec();
    let trimmed = RequestShape::trim(&mut bytes, &TrimTarget::new(tokens, how, "gpt-4o", estimator));
    let after = String::from_utf8(bytes).expect("text");
    if !matches!(trimmed, Ok(Trimming::Shorter(_))) {
        assert_eq!(after, body, "what is not trimmed is unchanged");
    }
    trimmed.map(|trimmed| (trimmed, after))
}

/// Trims to so many messages, and says which stay; every byte of what stays is checked.
pub(crate) fn kept(list: &str, messages: &[&str], how: Trim, heads: u64) -> (Vec<usize>, Trimmed) {
    let (trimming, after) = trim(&body(list, messages), how, heads, &Heads).expect("a conversation");
    let Trimming::Shorter(trimmed) = trimming else { panic!("not trimmed: {trimming:?}") };
    let left_out: Vec<usize> = trimmed.messages.iter().map(|message| message.index).collect();
    let stays: Vec<usize> = (0..messages.len()).filter(|index| !left_out.contains(index)).collect();
    let expected: Vec<&str> = stays.iter().map(|index| messages[*index]).collect();
    assert_eq!(after, body(list, &expected));
    (stays, trimmed)
}
