//! Where does each value of a JSON text begin?
//!
//! A parser of one pass that recurses into objects and lists no deeper than 32 levels. It
//! checks grammar everywhere but in what lies deeper, which is checked for balance alone.
//! On its way it notes what the text says of caches, wherever that stands, because the
//! marks lie deep inside messages and nobody wants a second pass for them.

use super::entries::{BARE, CacheMarks, DEEP, DEPTH_MAX, Entries, Entry, Key};
use super::names::Names;
use super::text;

/// A place where the text is no JSON.
type Wrong = usize;

/// What a document is made of, beside its text.
pub(super) struct Parsed {
    pub(super) entries: Entries,
    pub(super) first: Entry,
    pub(super) names: Names,
    pub(super) marks: CacheMarks,
}

/// Reads a whole text: one value, and white space around it.
pub(super) fn parse(text: &str) -> Result<Parsed, Wrong> {
    let mut parser = Parser {
        bytes: text.as_bytes(),
        at: 0,
        entries: Entries::default(),
        names: Names::default(),
        marks: CacheMarks::default(),
    };
    parser.space();
    parser.value(Key::default(), 0, false)?;
    parser.space();
    if parser.at < parser.bytes.len() {
        return Err(parser.at);
    }
    let first = *parser.entries.get(0).ok_or(0_usize)?;
    let Parser { entries, names, marks, .. } = parser;
    Ok(Parsed { entries, first, names, marks })
}

/// The lifetimes that a cache has by default: Anthropic's and Bedrock's, and `OpenAI`'s.
const DEFAULTS: [&[u8]; 2] = [b"\"5m\"", b"\"30m\""];

/// A text, and how far it was read.
struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    entries: Entries,
    names: Names,
    marks: CacheMarks,
}

impl Parser<'_> {
    /// The next byte; zero at the end, which is no byte of JSON.
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    /// Goes on by one byte.
    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    /// Passes over white space.
    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.step();
        }
    }

    /// Reads one value, and writes it down under that name; says whether it was written
    /// down.
    ///
    /// In a list, numbers, switches, nulls and empty values are not: a list of a million
    /// numbers costs nothing here, and the list is flagged instead.
    fn value(&mut self, key: Key, depth: usize, in_list: bool) -> Result<bool, Wrong> {
        let index = self.entries.len();
        let at = u32::try_from(self.at).ok().filter(|at| *at < Key::PLACE).ok_or(self.at)?;
        let first = self.peek();
        if in_list && !matches!(first, b'{' | b'[' | b'"') {
            self.bare()?;
            return Ok(false);
        }
        let is_empty = matches!(self.bytes.get(self.at..self.at.saturating_add(2)), Some(b"{}" | b"[]"));
        if in_list && is_empty {
            self.at = self.at.saturating_add(2);
            return Ok(false);
        }
        self.entries.push(Entry { key, at, next: index.saturating_add(1) });
        let flags = match first {
            b'"' => {
                self.string()?;
                return Ok(true);
            }
            b'{' | b'[' if depth >= DEPTH_MAX => {
                self.pass_over()?;
                DEEP
            }
            b'{' => self.object(depth)?,
            b'[' => self.list(depth)?,
            _ => {
                self.bare()?;
                return Ok(true);
            }
        };
        let next = self.entries.len();
        if let Some(entry) = self.entries.get_mut(index) {
            entry.next = next | flags;
        }
        Ok(true)
    }

    /// Reads an object; returns its flags, of which it has none.
    fn object(&mut self, depth: usize) -> Result<u32, Wrong> {
        self.step();
        self.space();
        if self.peek() == b'}' {
            self.step();
            return Ok(0);
        }
        loop {
            let (key, mark) = self.name(depth == 0)?;
            self.space();
            self.eat(b':')?;
            self.space();
            if let Some(mark) = mark {
                self.marked(mark);
            }
            self.value(key, depth.saturating_add(1), false)?;
            self.space();
            match self.peek() {
                b',' => self.step(),
                b'}' => {
                    self.step();
                    return Ok(0);
                }
                _ => return Err(self.at),
            }
            self.space();
        }
    }

    /// Passes over a member's name; tells where it begins, and whether it marks something for a cache.
    fn name(&mut self, is_outermost: bool) -> Result<(Key, Option<CacheWord>), Wrong> {
        self.eat(b'"')?;
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        // Most are too short for a search that takes its time to begin.
        let found = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'));
        let plain = found.and_then(|length| rest.get(..length)).unwrap_or_default();
        let at = u32::try_from(self.at).unwrap_or(0);
        if found.and_then(|length| rest.get(length)) == Some(&b'"') {
            if is_outermost {
                self.names.add(plain);
            }
            self.at = self.at.saturating_add(plain.len()).saturating_add(1);
            return Ok((Key::plain(at, plain), cache_word(plain)));
        }
        let end = text::end(self.bytes, self.at);
        let raw = self.bytes.get(self.at..end).filter(|_| end < self.bytes.len()).ok_or(self.bytes.len())?;
        if is_outermost {
            self.names.add_any();
        }
        self.at = end.saturating_add(1);
        let name = std::str::from_utf8(raw).unwrap_or_default();
        Ok((Key::other(at), cache_word(text::unescaped(name).as_bytes())))
    }

    /// Reads a list; returns its flags.
    fn list(&mut self, depth: usize) -> Result<u32, Wrong> {
        self.step();
        self.space();
        if self.peek() == b']' {
            self.step();
            return Ok(0);
        }
        let mut flags = 0;
        loop {
            if !self.value(Key::default(), depth.saturating_add(1), true)? {
                flags = BARE;
            }
            self.space();
            match self.peek() {
                b',' => self.step(),
                b']' => {
                    self.step();
                    return Ok(flags);
                }
                _ => return Err(self.at),
            }
            self.space();
        }
    }

    /// Passes over that byte, or tells that it is not there.
    fn eat(&mut self, byte: u8) -> Result<(), Wrong> {
        if self.peek() != byte {
            return Err(self.at);
        }
        self.step();
        Ok(())
    }

    /// Passes over a string, quotes included.
    fn string(&mut self) -> Result<(), Wrong> {
        self.eat(b'"')?;
        let end = text::end(self.bytes, self.at);
        if end >= self.bytes.len() {
            return Err(self.bytes.len());
        }
        self.at = end.saturating_add(1);
        Ok(())
    }

    /// A number, `true`, `false` or `null`.
    fn bare(&mut self) -> Result<(), Wrong> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
        let length = rest.iter().position(ends).unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or_default();
        if !matches!(word, b"true" | b"false" | b"null") && !is_number(word) {
            return Err(self.at);
        }
        self.at = self.at.saturating_add(length);
        Ok(())
    }

    /// Keeps what the value says of a cache that begins here; null says nothing.
    fn marked(&mut self, word: CacheWord) {
        let value = self.bytes.get(self.at..).unwrap_or_default();
        let says = !value.starts_with(b"null");
        match word {
            CacheWord::Writes => self.marks.writes |= says,
            CacheWord::Breaks => self.marks.breaks |= says,
            CacheWord::Lasts => {
                self.marks.lasts |= says && !DEFAULTS.iter().any(|word| value.starts_with(word))
            }
        }
    }

    /// Passes over what lies too deep: it is checked for balance, not for grammar, and counts as marked for a cache.
    fn pass_over(&mut self) -> Result<(), Wrong> {
        self.marks = CacheMarks { writes: true, breaks: true, lasts: true };
        let end = text::end_of_value(self.bytes, self.at);
        if end > self.bytes.len() {
            return Err(self.bytes.len());
        }
        self.at = end;
        Ok(())
    }
}

/// What a member's name says of caches.
#[derive(Clone, Copy)]
enum CacheWord {
    Writes,
    Breaks,
    Lasts,
}

/// Anthropic's mark for a cache, Bedrock's, and where `LiteLLM` is to put such marks; `OpenAI`'s; and a lifetime.
fn cache_word(name: &[u8]) -> Option<CacheWord> {
    match name {
        b"cache_control" | b"cachePoint" | b"cache_control_injection_points" => Some(CacheWord::Writes),
        b"prompt_cache_breakpoint" => Some(CacheWord::Breaks),
        b"ttl" => Some(CacheWord::Lasts),
        _ => None,
    }
}

/// Whether a word is a number by JSON's grammar: `-1.5e3`, but not `01`, `1.` or `+1`.
fn is_number(word: &[u8]) -> bool {
    let word = word.strip_prefix(b"-").unwrap_or(word);
    let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(word);
    if whole == 0 || (whole > 1 && word.first() == Some(&b'0')) {
        return false;
    }
    let mut rest = word.get(whole..).unwrap_or_default();
    if let Some(fraction) = rest.strip_prefix(b".") {
        let places = digits(fraction);
        if places == 0 {
            return false;
        }
        rest = fraction.get(places..).unwrap_or_default();
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent =
            exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
        return !exponent.is_empty() && digits(exponent) == exponent.len();
    }
    rest.is_empty()
}
