//! A short text, such as a name or a reason: what type is it?

use std::borrow::{Borrow, Cow};
use std::convert::Infallible;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, StrExt, ToSmolStr};

/// A short text: the name of a model or a budget, a tag, a reason.
///
/// Texts of up to 23 bytes need no allocation, and longer ones none when they are copied. That is why the crate does
/// not use [`String`]: a call carries half a dozen of them, and each is copied into the journal. It reads as a `&str`,
/// is made from whatever text is at hand with `.into()`, and is written to JSON as a string.
///
/// # Example: a name is made from text and read as text
/// ```
/// use token_budget::call::ShortText;
///
/// let model: ShortText = "gpt-4o".into();
/// assert_eq!(model, "gpt-4o");
/// assert!(model.starts_with("gpt-")); // all methods of `str`
/// assert_eq!(String::from(model), "gpt-4o");
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShortText(SmolStr);

impl ShortText {
    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A text that is known at compile time; nothing is copied.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(SmolStr::new_static(text))
    }

    /// How a value shows itself.
    pub(crate) fn of(shown: impl fmt::Display) -> Self {
        Self(shown.to_smolstr())
    }

    /// The text in small letters, where it has letters of ASCII.
    pub(crate) fn lowered(text: &str) -> Self {
        Self(text.to_ascii_lowercase_smolstr())
    }

    /// Text in UTF-8; what is none is shown as `�`.
    pub(crate) fn from_utf8_lossy(bytes: &[u8]) -> Self {
        String::from_utf8_lossy(bytes).into()
    }
}

impl Deref for ShortText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for ShortText {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

// The hash and the order of the whole are those of the text, so that a map can be asked with a `&str`.
impl Borrow<str> for ShortText {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ShortText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl fmt::Debug for ShortText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl FromIterator<char> for ShortText {
    fn from_iter<T: IntoIterator<Item = char>>(characters: T) -> Self {
        Self(characters.into_iter().collect())
    }
}

impl FromStr for ShortText {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.into())
    }
}

/// What can be made a short text, and what a short text can be made.
macro_rules! made_from {
    ($($from:ty),*) => {$(
        impl From<$from> for ShortText {
            fn from(text: $from) -> Self {
                Self(text.into())
            }
        }
    )*};
}

made_from!(&str, String, &String, Box<str>, Cow<'_, str>);

impl From<&ShortText> for ShortText {
    fn from(text: &ShortText) -> Self {
        text.clone()
    }
}

impl From<ShortText> for String {
    fn from(text: ShortText) -> Self {
        text.0.into()
    }
}

impl PartialEq<str> for ShortText {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for ShortText {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for ShortText {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<ShortText> for str {
    fn eq(&self, other: &ShortText) -> bool {
        self == other.as_str()
    }
}

impl PartialEq<ShortText> for &str {
    fn eq(&self, other: &ShortText) -> bool {
        *self == other.as_str()
    }
}

impl PartialEq<ShortText> for String {
    fn eq(&self, other: &ShortText) -> bool {
        self == other.as_str()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn a_map_of_short_texts_is_asked_with_a_text() {
        let prices: HashMap<ShortText, u32> = [("gpt-4o".into(), 1)].into();

        assert_eq!(prices.get("gpt-4o"), Some(&1));
        assert_eq!(prices.get("gpt-4"), None);
    }

    #[test]
    fn a_text_of_23_bytes_and_one_of_24_read_alike() {
        for length in [0, 22, 23, 24, 200] {
            let text = "é".repeat(length / 2) + &"a".repeat(length % 2);

            let short = ShortText::from(text.as_str());

            assert_eq!((short.as_str(), short.len()), (text.as_str(), length));
            assert_eq!(serde_json::to_string(&short).unwrap(), format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<ShortText>(&format!("\"{text}\"")).unwrap(), text);
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_as_such() {
        assert_eq!(ShortText::from_utf8_lossy(b"gpt\xff"), "gpt\u{fffd}");
    }
}
