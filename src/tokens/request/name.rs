//! Which field is that, whichever way its name is spelled?

use smallvec::SmallVec;

use crate::tokens::document::Node;

/// A field's name in small letters and without strokes: `maxOutputTokens` and `max_output_tokens` are one field.
pub(super) struct Name(SmallVec<[u8; BYTES_MAX]>);

/// No name that is known here is longer.
const BYTES_MAX: usize = 40;

impl Name {
    pub(super) fn of(member: &Node<'_>) -> Self {
        let raw = member.raw_key();
        if raw.contains('\\') { Self::folded(&member.key()) } else { Self::folded(raw) }
    }

    fn folded(name: &str) -> Self {
        let letters = name.bytes().filter(|byte| *byte != b'_').map(|byte| byte.to_ascii_lowercase());
        Self(if name.len() <= BYTES_MAX { letters.collect() } else { SmallVec::new() })
    }

    /// The name; nothing where it is none that is known.
    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}
