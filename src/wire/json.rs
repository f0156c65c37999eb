//! How is one value picked out of JSON without building the rest?
//!
//! A cursor over bytes that steps through members and items, and skips what nobody asked
//! for. Skipping is iterative, so depth costs nothing: a million brackets are a loop, not a
//! stack. A value that is skipped is checked for balance, not for grammar. Nothing is
//! copied.
//!
//! Only brackets of the outer kind are counted while an object is skipped, because JSON
//! nests properly: in `{"a":[1,{"b":2}]}` the inner braces are counted, the brackets are
//! not. Strings are passed over whole, since `"}"` ends nothing.
//!
//! Every step answers `None` if the text ends early. A number at the very end of the text
//! is `None` as well: it may have broken off, and `15` may be the beginning of `1500`.

mod raw;

use memchr::memchr3;

pub(super) use raw::{Raw, runs_of};

/// A cursor over JSON text. `None` from any step: the text ends early or is not JSON.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

/// What a value is, by its first byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Object,
    Array,
    Text,
    Null,
    /// A number, `true`, `false`, or something that is not JSON.
    Bare,
}

impl<'a> Cursor<'a> {
    /// A cursor at the beginning of a text.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What comes next; `None` at the end.
    #[inline]
    pub(super) fn kind(&mut self) -> Option<Kind> {
        self.space();
        Some(match self.rest.first()? {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'"' => Kind::Text,
            b'n' => Kind::Null,
            _ => Kind::Bare,
        })
    }

    /// Steps through an object; `member` has to consume each value.
    #[inline]
    pub(super) fn members(
        &mut self,
        mut member: impl FnMut(&'a [u8], &mut Self) -> Option<()>,
    ) -> Option<()> {
        self.eat(b'{')?;
        if self.ate(b'}') {
            return Some(());
        }
        loop {
            self.space();
            let key = self.key()?;
            self.eat(b':')?;
            member(key, self)?;
            if !self.ate(b',') {
                return self.eat(b'}');
            }
        }
    }

    /// Steps through an array; `item` has to consume each value.
    #[inline]
    pub(super) fn items(&mut self, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.eat(b'[')?;
        if self.ate(b']') {
            return Some(());
        }
        loop {
            item(self)?;
            if !self.ate(b',') {
                return self.eat(b']');
            }
        }
    }

    /// A member's name. Most are short, and for these a plain loop is faster than a vector
    /// search.
    #[inline]
    fn key(&mut self) -> Option<&'a [u8]> {
        let [b'"', rest @ ..] = self.rest else { return None };
        let length = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        match rest.split_at_checked(length)? {
            (key, [b'"', rest @ ..]) => {
                self.rest = rest;
                Some(key)
            }
            _ => Some(self.text()?.bytes),
        }
    }

    /// Reads a string, its escapes as written.
    #[inline]
    pub(super) fn text(&mut self) -> Option<Raw<'a>> {
        self.eat(b'"')?;
        let from = self.rest;
        let mut begin = 0_usize;
        for end in memchr::memchr_iter(b'"', from) {
            let bytes = from.get(..end)?;
            // A quote after an odd number of backslashes belongs to the text. Looking
            // back stops at the quote before, so that no byte is seen twice.
            if ends_plainly(bytes.get(begin..)?) {
                self.rest = from.get(end.saturating_add(1)..)?;
                return Some(Raw { bytes });
            }
            begin = end.saturating_add(1);
        }
        None
    }

    /// A number, `true`, `false` or `null`, as written; none at the very end of
    /// the text, where it may have broken off and be ten times smaller.
    #[inline]
    pub(super) fn bare(&mut self) -> Option<&'a [u8]> {
        self.space();
        let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
        let length = self.rest.iter().position(ends)?;
        let (bare, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        (!bare.is_empty()).then_some(bare)
    }

    /// Passes over a value of any kind and depth.
    #[inline]
    pub(super) fn skip(&mut self) -> Option<()> {
        match self.kind()? {
            Kind::Text => self.text().map(drop),
            Kind::Object => self.skip_nested(b'{', b'}'),
            Kind::Array => self.skip_nested(b'[', b']'),
            Kind::Null | Kind::Bare => self.bare().map(drop),
        }
    }

    /// The same, and what it was.
    pub(super) fn skipped(&mut self) -> Option<&'a [u8]> {
        self.space();
        let from = self.rest;
        self.skip()?;
        from.get(..from.len().checked_sub(self.rest.len())?)
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Whether nothing but the end of an object is left.
    pub(super) fn ends_object(&mut self) -> bool {
        self.ate(b'}') && self.is_done()
    }

    /// Whether only white space is left.
    pub(super) fn is_done(&mut self) -> bool {
        self.space();
        self.rest.is_empty()
    }

    /// Passes over an object or a list. Of all brackets only those of the outer kind need
    /// counting, since JSON nests properly.
    fn skip_nested(&mut self, open: u8, close: u8) -> Option<()> {
        self.eat(open)?;
        let mut depth = 1_usize;
        loop {
            let at = memchr3(b'"', open, close, self.rest)?;
            let byte = *self.rest.get(at)?;
            if byte == b'"' {
                self.rest = self.rest.get(at..)?;
                self.text()?;
                continue;
            }
            self.rest = self.rest.get(at.saturating_add(1)..)?;
            depth = if byte == open { depth.saturating_add(1) } else { depth.saturating_sub(1) };
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// Passes over white space.
    #[inline]
    fn space(&mut self) {
        while let [b' ' | b'\n' | b'\r' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// Passes over that byte, if it comes next; says whether it did.
    #[inline]
    fn ate(&mut self, byte: u8) -> bool {
        self.space();
        match self.rest {
            [first, rest @ ..] if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Passes over that byte; `None` if something else comes.
    #[inline]
    fn eat(&mut self, byte: u8) -> Option<()> {
        self.ate(byte).then_some(())
    }
}

/// Whether no backslash is left over before what follows these bytes.
#[inline]
fn ends_plainly(bytes: &[u8]) -> bool {
    bytes.last() != Some(&b'\\') || bytes.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skipped(text: &str) -> Option<bool> {
        let mut cursor = Cursor::new(text.as_bytes());
        cursor.skip()?;
        Some(cursor.is_done())
    }

    #[test]
    fn any_value_is_skipped_whole() {
        for text in [
            "1 ",
            " -1.5e3 ",
            "null ",
            r#""a\"]}b""#,
            "[]",
            "{}",
            "[[1,[2]],[]]",
            r#"{"a":{"b":"}"},"c":[{"d":"]\\"}]}"#,
            r#"["{",{"x":"["}]"#,
            r#"["\\\\","\\\""]"#,
        ] {
            assert_eq!(skipped(text), Some(true), "{text}");
        }
    }

    #[test]
    fn a_value_that_breaks_off_is_nothing() {
        for text in ["", "1", "nul", "\"a", "\"a\\", "[1,2", r#"{"a":{"b":1}"#, r#"{"a":"}"#] {
            assert_eq!(skipped(text), None, "{text}");
        }
    }

    #[test]
    fn depth_costs_nothing() {
        let deep = "[".repeat(1_000_000);
        assert_eq!(skipped(&deep), None);
        assert_eq!(skipped(&format!("{deep}{}", "]".repeat(1_000_000))), Some(true));
    }

    #[test]
    fn members_and_items_come_in_order() {
        let mut seen = Vec::new();
        let mut cursor = Cursor::new(br#" { "a" : 1 , "b" : [ 2 , 3 ] } "#);
        let walked = cursor.members(|key, value| {
            if value.kind()? == Kind::Array {
                return value.items(|item| {
                    seen.push(String::from_utf8_lossy(item.bare()?).into_owned());
                    Some(())
                });
            }
            seen.push(format!("{}={}", String::from_utf8_lossy(key), String::from_utf8_lossy(value.bare()?)));
            Some(())
        });
        assert_eq!(walked, Some(()));
        assert_eq!(seen, ["a=1", "2", "3"]);
    }

    #[test]
    fn a_string_is_as_long_as_what_it_stands_for() {
        for (raw, text) in [
            ("plain", "plain"),
            ("é漢😀", "é漢😀"),
            (r"a\n\u00e9\u6f22\ud83d\ude00\\b", "a\né漢😀\\b"),
            (r#"\"\/"#, "\"/"),
        ] {
            let lengths = Raw { bytes: raw.as_bytes() }.lengths();
            assert_eq!(lengths, (text.len() as u64, text.chars().count() as u64), "{raw}");
        }
        let lone = Raw { bytes: br"\ud83d\u00" };
        assert!(lone.lengths().0 >= 3); // nonsense is counted, not refused
    }
}
