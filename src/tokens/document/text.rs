//! What do the strings of a JSON text say, and how is a value written without its blanks?
//!
//! A string without an escape is borrowed from the text; only one with an escape is copied.
//! Half of a surrogate pair, which no letter is, becomes the replacement character: a body
//! is read as leniently as a server would, never refused for it.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

/// Where a string ends whose inside begins at `from`: its quote, or the end of the text.
pub(super) fn end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(found) = memchr2(b'"', b'\\', rest) else { return bytes.len() };
        at = at.saturating_add(found);
        if bytes.get(at) == Some(&b'"') {
            return at;
        }
        // What is escaped is no quote.
        at = at.saturating_add(2);
    }
}

/// Where the value ends that begins at `from`; beyond the text if it has no end.
pub(super) fn end_of_value(bytes: &[u8], from: usize) -> usize {
    match bytes.get(from) {
        Some(b'"') => end(bytes, from.saturating_add(1)).saturating_add(1),
        Some(b'{' | b'[') => end_of_nested(bytes, from),
        _ => {
            let rest = bytes.get(from..).unwrap_or_default();
            let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
            from.saturating_add(rest.iter().position(ends).unwrap_or(rest.len()))
        }
    }
}

/// Where a nested value ends. Brackets of both kinds are counted alike, which suffices for
/// a text whose grammar was checked. Beyond the text if the value has no end.
fn end_of_nested(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    let mut depth = 0_usize;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let next = rest.iter().position(|byte| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']'));
        let Some(found) = next else { return bytes.len().saturating_add(1) };
        let byte = rest.get(found).copied().unwrap_or(0);
        at = at.saturating_add(found).saturating_add(1);
        match byte {
            b'"' => at = end(bytes, at).saturating_add(1),
            b'{' | b'[' => depth = depth.saturating_add(1),
            _ => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at;
                }
            }
        }
    }
}

/// What a string says, given its inside.
pub(super) fn unescaped(raw: &str) -> Cow<'_, str> {
    if memchr(b'\\', raw.as_bytes()).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr(b'\\', rest.as_bytes()) {
        let (plain, escape) = rest.split_at_checked(at).unwrap_or((rest, ""));
        text.push_str(plain);
        let (letter, length) = letter(escape);
        text.push(letter);
        rest = escape.get(length..).unwrap_or_default();
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// The letter that an escape stands for, and how long the escape is. Half of a pair is the
/// replacement character.
fn letter(escape: &str) -> (char, usize) {
    match escape.as_bytes().get(1) {
        Some(b'n') => ('\n', 2),
        Some(b't') => ('\t', 2),
        Some(b'r') => ('\r', 2),
        Some(b'b') => ('\u{8}', 2),
        Some(b'f') => ('\u{c}', 2),
        Some(b'u') => match unit(escape) {
            Some(high @ 0xD800..=0xDBFF) => match escape.get(6..).and_then(unit) {
                Some(low @ 0xDC00..=0xDFFF) => {
                    let code = ((high & 0x3FF) << 10 | (low & 0x3FF)).saturating_add(0x1_0000);
                    (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
                }
                _ => (char::REPLACEMENT_CHARACTER, 6),
            },
            Some(code) => (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 6),
            None => (char::REPLACEMENT_CHARACTER, 2),
        },
        // A quote, a stroke, or what JSON does not know.
        _ => escape
            .chars()
            .nth(1)
            .map_or((char::REPLACEMENT_CHARACTER, 1), |letter| (letter, letter.len_utf8().saturating_add(1))),
    }
}

/// The code unit of `\u00e9`: four hexadecimal digits.
fn unit(escape: &str) -> Option<u32> {
    let digits = escape.strip_prefix("\\u")?.get(..4)?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
}

/// Writes a value without the blanks between its parts, and letters beyond ASCII as themselves.
pub(super) fn compact(raw: &str, out: &mut String) {
    out.reserve_exact(raw.len());
    let bytes = raw.as_bytes();
    let mut at = 0_usize;
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        let is_cut = |byte: &u8| matches!(byte, b'"' | b' ' | b'\n' | b'\r' | b'\t');
        let plain = rest.iter().position(is_cut).unwrap_or(rest.len());
        let cut = at.saturating_add(plain);
        out.push_str(raw.get(at..cut).unwrap_or_default());
        at = cut.saturating_add(1);
        if bytes.get(cut) == Some(&b'"') {
            let end = end(bytes, at);
            out.push('"');
            letters(raw.get(at..end).unwrap_or_default(), out);
            out.push('"');
            at = end.saturating_add(1);
        }
    }
}

/// The inside of a string with its escapes, but for letters beyond ASCII, which stand as themselves.
fn letters(raw: &str, out: &mut String) {
    let mut rest = raw;
    while let Some(at) = memchr(b'\\', rest.as_bytes()) {
        let (plain, escape) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(plain);
        let (letter, length) = letter(escape);
        if letter.is_ascii() {
            out.push_str(escape.get(..length).unwrap_or_default());
        } else {
            out.push(letter);
        }
        rest = escape.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
}
