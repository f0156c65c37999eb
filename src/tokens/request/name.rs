//! Which field is that, whichever way its name is spelled?

use crate::tokens::document::Node;

/// A field's name in small letters and without strokes: `maxOutputTokens` and `max_output_tokens` are one field.
pub(super) enum Name<'d> {
    Written(&'d str),
    Folded([u8; BYTES_MAX], usize),
}

/// No name that is known here is longer.
const BYTES_MAX: usize = 40;

impl<'d> Name<'d> {
    pub(super) fn of(member: &Node<'d>) -> Self {
        if member.has_folded_key() { Self::Written(member.raw_key()) } else { Self::folded(&member.key()) }
    }

    fn folded(name: &str) -> Self {
        let mut letters = [0; BYTES_MAX];
        let mut length = 0_usize;
        if name.len() <= BYTES_MAX {
            for (letter, byte) in letters.iter_mut().zip(name.bytes().filter(|byte| *byte != b'_')) {
                *letter = byte.to_ascii_lowercase();
                length = length.saturating_add(1);
            }
        }
        Self::Folded(letters, length)
    }

    /// The name; empty for one that is longer than any known name.
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Written(name) => name,
            Self::Folded(letters, length) => {
                letters.get(..*length).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default()
            }
        }
    }
}
