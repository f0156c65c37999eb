//! How is text shown that somebody else wrote?
//!
//! A name with a line break writes a log line of its own; one with a "right-to-left" mark makes
//! `user/nimda` read as another user. So every text of somebody else's is shown by [`OneLine`].

use std::fmt::{self, Write};

/// Whether a character changes how the text around it is shown: it breaks a line, moves the cursor, or turns
/// the direction of writing, so that a log would show something else than what happened.
pub(crate) fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            // Marks of direction; separators of lines and paragraphs; embeddings, overrides and isolates.
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}'
        )
}

/// Whether a text can stand in a line as it is.
pub(crate) fn is_printable(text: &str) -> bool {
    // Plain ASCII, nearly every name, is decided byte by byte.
    if text.is_ascii() {
        text.bytes().all(|byte| byte >= 32 && byte != 127)
    } else {
        !text.chars().any(is_unprintable)
    }
}

/// Shows text that somebody else wrote in one line. Characters that would change the line
/// are escaped, all others stay.
pub(crate) struct OneLine<'a>(pub(crate) &'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_printable(self.0) {
            return f.write_str(self.0);
        }
        for character in self.0.chars() {
            if is_unprintable(character) {
                write!(f, "{}", character.escape_default())?;
            } else {
                f.write_char(character)?;
            }
        }
        Ok(())
    }
}
