//! Which names may be used, and which one was most likely meant?
//!
//! Names come from requests and end up in logs, terminals, tables and tickets, so they are checked when they come
//! in: [`one_line`](super::one_line) says what a character can do there.
//!
//! The second half finds what a misspelt word was meant to be: `API-Key` → `api_key`,
//! `Berlin` → `Europe/Berlin`. An error that names the right word saves a search.

use super::one_line::is_printable;
use crate::Error;

/// The longest name of a model or a provider, in bytes; the longest published one has 76.
pub(crate) const MODEL_BYTES_MAX: usize = 256;

/// The longest tag or use case, in bytes.
const TAG_BYTES_MAX: usize = 256;

/// What is wrong with the name of a model or a provider, which often comes with a request.
pub(crate) fn problem_of_model(name: &str) -> Option<&'static str> {
    problem(name, MODEL_BYTES_MAX, "is longer than 256 bytes")
}

/// What is wrong with the key or the value of a tag, or with a use case.
pub(crate) fn problem_of_tag(text: &str) -> Option<&'static str> {
    problem(text, TAG_BYTES_MAX, "is longer than 256 bytes")
}

/// Why a text cannot be an id that an operator gives: 1 to 128 bytes that can stand in a log.
pub(crate) fn problem_of_id(text: &str) -> Option<&'static str> {
    if text.is_empty() || text.len() > 128 || text.chars().any(char::is_control) {
        Some("is not 1 to 128 bytes without control characters")
    } else {
        unprintable(text)
    }
}

/// Too long, or not printable; `None` if the text may be used.
fn problem(text: &str, bytes_max: usize, too_long: &'static str) -> Option<&'static str> {
    if text.len() > bytes_max { Some(too_long) } else { unprintable(text) }
}

/// What is said of a text with such a mark, and without control characters.
pub(crate) const TURNS: &str = "contains a mark that breaks a line or turns the writing direction";

/// Which characters of a text cannot stand in a line as they are.
pub(crate) fn unprintable(text: &str) -> Option<&'static str> {
    if is_printable(text) {
        None
    } else if text.chars().any(char::is_control) {
        Some("contains a control character")
    } else {
        Some(TURNS)
    }
}

/// Checks a name by one of the rules above.
pub(crate) fn check(field: &str, problem: Option<&'static str>) -> Result<(), Error> {
    // The name itself is not repeated: it may be made to look like something else.
    problem.map_or(Ok(()), |problem| Err(Error::invalid(field, format!("the name {problem}"))))
}

/// The known names that were most likely meant, nearest first, three at most: another
/// spelling of the same letters and digits, or a few strokes away (one for short words,
/// three for long ones).
pub(crate) fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    if text.len() > MODEL_BYTES_MAX {
        return Vec::new();
    }
    let plain = |name: &str| -> Vec<u8> {
        name.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase()).collect()
    };
    let (asked, written) = (plain(text), text.to_ascii_lowercase());
    let strokes_max = match text.len() {
        0..=4 => 1,
        5..=9 => 2,
        _ => 3,
    };
    let mut found: Vec<(usize, &str)> = known
        .into_iter()
        .filter(|name| name.len().abs_diff(text.len()) <= 8)
        .filter_map(|name| {
            if !asked.is_empty() && plain(name) == asked {
                return Some((0, name));
            }
            strokes(written.as_bytes(), name.to_ascii_lowercase().as_bytes(), strokes_max)
                .map(|far| (far, name))
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().take(3).map(|(_, name)| name).collect()
}

/// `; did you mean usd?`, or nothing.
pub(crate) fn did_you_mean<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(text, known).as_slice() {
        [] => String::new(),
        names => format!("; did you mean {}?", names.join(" or ")),
    }
}

/// How many letters must be put in, left out or changed to make one of the other; `None`
/// above `max`.
///
/// This is the Levenshtein distance, one row of the table at a time. If every cell of a
/// row is above `max`, no later row can come below it, and the search stops.
pub(crate) fn strokes(one: &[u8], other: &[u8], max: usize) -> Option<usize> {
    if one.len().abs_diff(other.len()) > max {
        return None;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.iter().enumerate() {
        let (mut diagonal, mut left) = (at, at.saturating_add(1));
        let mut least = left;
        for (known, cell) in other.iter().zip(row.iter_mut().skip(1)) {
            let changed = diagonal.saturating_add(usize::from(known != letter));
            diagonal = *cell;
            left = changed.min(cell.saturating_add(1)).min(left.saturating_add(1));
            (*cell, least) = (left, least.min(left));
        }
        if least > max {
            return None;
        }
        if let Some(first) = row.first_mut() {
            *first = at.saturating_add(1);
        }
    }
    row.last().copied().filter(|far| *far <= max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::one_line::OneLine;

    #[test]
    fn what_was_meant_is_found_by_its_letters() {
        let models = ["gpt-4o", "gpt-4o-mini", "gpt-4.1", "claude-sonnet-4-5", "o3"];
        assert_eq!(nearest("gpt4o", models), ["gpt-4o"]);
        assert_eq!(nearest("GPT 4o Mini", models), ["gpt-4o-mini"]);
        assert_eq!(nearest("claude-sonet-4-5", models), ["claude-sonnet-4-5"]);
        assert_eq!(nearest("o4", models), ["o3"]);
        assert_eq!(nearest("llama-3-70b", models), [""; 0]);
        assert_eq!(did_you_mean("uds", ["usd", "tokens"]), "");
        assert_eq!(did_you_mean("token", ["usd", "tokens"]), "; did you mean tokens?");
        assert_eq!(strokes(b"kitten", b"sitting", 3), Some(3));
        assert_eq!(strokes(b"kitten", b"sitting", 2), None);
        assert_eq!(strokes(b"", b"ab", 2), Some(2));
    }

    #[test]
    fn ordinary_names_read_as_they_are() {
        for name in ["gpt-4o", "größte", "模型 7", "नमस्ते\u{200d}", "عربي", "a/b:c", "quote\"d", "🦀"]
        {
            assert!(is_printable(name), "{name}");
            assert_eq!(OneLine(name).to_string(), name);
        }
    }

    // A refusal with a model's name in it wrote a line of its own into the log, and cleared the screen.
    #[test]
    fn what_breaks_or_turns_a_line_is_escaped() {
        assert_eq!(OneLine("a\nERROR b\u{1b}[2J").to_string(), r"a\nERROR b\u{1b}[2J");
        for mark in
            ['\u{2028}', '\u{2029}', '\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}', '\u{200e}', '\u{61c}']
        {
            let name = format!("user{mark}nimda");
            assert!(!is_printable(&name), "{mark:?}");
            assert_eq!(OneLine(&name).to_string(), format!("user{}nimda", mark.escape_unicode()));
        }
    }
}
