//! Where can a text be cut so that its pieces are tokenized like the whole?
//!
//! Both public vocabularies first split a text by a regular expression, and no
//! token crosses such a split. A cut is safe where every text is split anyway
//! and where what is left of the cut would not be split otherwise at its end.
//! Only the last character before and the first after the cut are looked at,
//! and only kinds of which that is certain in every version of Unicode:
//!
//! - After a letter or digit comes something that can continue neither a word
//!   nor a group of digits: the next piece starts there. An apostrophe may
//!   continue a word (`it's`), a combining mark may; they are no cuts.
//! - Before a blank after anything visible: no piece has a blank inside it.
//! - After a newline before a letter or digit: a run of white space goes to the
//!   last newline in it, in the whole as in the part that ends there.
//!
//! Never inside white space: how a run is split depends on what follows it.

/// What a character can be part of, as far as it is certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Letter,
    Digit,
    /// Neither letter, digit, mark, white space nor apostrophe.
    Punctuation,
    /// A space or a tab.
    Blank,
    Newline,
    /// Any other white space.
    Space,
    /// Visible, the rest unknown.
    Other,
}

/// The pieces of a text between all its safe cuts, in order.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = first_cut(rest)?;
        let (piece, after) = rest.split_at_checked(end)?;
        rest = after;
        Some(piece)
    })
}

/// Bytes up to the first cut or the end; none in an empty text.
fn first_cut(text: &str) -> Option<usize> {
    let mut characters = text.char_indices();
    let (_, first) = characters.next()?;
    let mut before = class(first);
    for (at, character) in characters {
        let after = class(character);
        if is_safe(before, after) {
            return Some(at);
        }
        before = after;
    }
    Some(text.len())
}

fn is_safe(before: Class, after: Class) -> bool {
    use Class::{Blank, Digit, Letter, Newline, Other, Punctuation};
    matches!(
        (before, after),
        (Letter, Digit | Punctuation | Blank | Newline)
            | (Digit, Letter | Punctuation | Blank | Newline)
            | (Punctuation | Other, Blank)
            | (Newline, Letter | Digit)
    )
}

fn class(character: char) -> Class {
    match character {
        'a'..='z' | 'A'..='Z' => Class::Letter,
        ' ' | '\t' => Class::Blank,
        '\n' | '\r' => Class::Newline,
        '0'..='9' => Class::Digit,
        '\'' => Class::Other,
        '!'..='~' => Class::Punctuation,
        // Russian, Hebrew, Arabic, Devanagari, Thai; kana, Chinese, Korean.
        '\u{410}'..='\u{44F}'
        | '\u{5D0}'..='\u{5EA}'
        | '\u{620}'..='\u{64A}'
        | '\u{904}'..='\u{939}'
        | '\u{E01}'..='\u{E30}'
        | '\u{3041}'..='\u{3096}'
        | '\u{30A1}'..='\u{30FA}'
        | '\u{4E00}'..='\u{9FA5}'
        | '\u{AC00}'..='\u{D7A3}' => Class::Letter,
        // Dashes and quotes, CJK marks and brackets, and their full-width forms.
        '\u{2013}'..='\u{2014}'
        | '\u{201C}'..='\u{201D}'
        | '\u{2026}'
        | '\u{3001}'..='\u{3002}'
        | '\u{3008}'..='\u{3011}'
        | '\u{FF01}'
        | '\u{FF08}'..='\u{FF09}'
        | '\u{FF0C}'
        | '\u{FF1A}'..='\u{FF1B}'
        | '\u{FF1F}' => Class::Punctuation,
        other if other.is_whitespace() => Class::Space,
        _ => Class::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_add_up_to_the_text() {
        let cut: Vec<&str> = pieces("it's 3 dogs,\n\n  and我们，2cats").collect();

        assert_eq!(cut, ["it's", " 3", " dogs", ",\n\n  and我们", "，2", "cats"]);
        assert_eq!(pieces("").count(), 0);
    }

    #[test]
    fn white_space_is_never_cut() {
        for text in ["  \n \t x", "\n\n\n", " \u{a0} \u{3000} \u{b}"] {
            assert_eq!(pieces(text).count(), 1, "{text:?}");
        }
    }
}
