//! What stands where in a JSON text, without building any of it?
//!
//! A request may have 32 MB and a million values, and a budget looks at a few dozen of
//! them. A tree of all
//! values takes several times the text and copies every string. So one pass
//! writes down where each value begins and where the next one does; what a value says is
//! read off the text when somebody asks. An entry has twelve bytes. Numbers and the like in
//! a list have none, nor has what is empty, and neither has what lies deeper than 32
//! levels, so a text costs at most four times its bytes here, whatever is written in it.
//!
//! For example, `{"a":[1,{"b":2}],"c":3}` has five entries:
//!
//! | entry | value | next |
//! |---|---|---|
//! | 0 | the object | 5 |
//! | 1 | `a`, the list | 4 |
//! | 2 | the object in it (the 1 has none: a flag says that something bare is there) | 4 |
//! | 3 | `b`, 2 | 4 |
//! | 4 | `c`, 3 | 5 |
//!
//! `next` is the entry behind a value and all that is in it. The children of a value begin
//! one behind it, and go on from `next` to `next` until the value's own `next`: stepping
//! over a megabyte costs one jump. The invariant: entries stand in the order of the text,
//! and a value lies inside another if and only if its index lies between the other's and
//! the other's `next`.

pub(crate) mod edit;
mod names;
mod parse;
mod text;

use std::borrow::Cow;
use std::ops::Range;

use names::Names;

/// A JSON text, and where its values stand.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    /// The text, at most 64 MB: a place has 26 bits.
    text: &'a str,
    entries: Entries,
    /// The entry of the outermost value.
    first: Entry,
    /// The names of the outermost object's members, of which every reader asks for many that are not there.
    names: Names,
    marks: CacheMarks,
}

/// What a text says of caches, wherever it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheMarks {
    /// Something is marked to be kept: Anthropic's mark, or Bedrock's.
    pub(crate) writes: bool,
    /// Something is marked as the end of what is to be kept: OpenAI's mark.
    pub(crate) breaks: bool,
    /// A lifetime is named, and it is none that is the default.
    pub(crate) lasts: bool,
}

/// Deeper values are passed over, and count as a part that cannot be
/// counted: the parser recurses no deeper, whatever is sent.
pub(crate) const DEPTH_MAX: usize = 32;

/// Where a value begins, and what comes behind it.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Its name in an object.
    key: Key,
    /// Where the value begins in the text.
    at: u32,
    /// The entry behind it and all that is in it, with its flags in the highest bits.
    next: u32,
}

/// A flag of `next`: the list has items without entries (numbers, switches, nulls, and what
/// is empty).
const BARE: u32 = 1 << 31;
/// A flag of `next`: what is in the value lies too deep.
const DEEP: u32 = 1 << 30;
/// The bits of `next` that are the index.
const INDEX: u32 = DEEP - 1;

/// Where a name begins, behind the quote, and how long it is.
#[derive(Clone, Copy, Debug, Default)]
struct Key(u32);

impl Key {
    /// The bits of the place: no name begins further from the beginning of a text.
    const PLACE: u32 = (1 << 26) - 1;
    /// The length of a name that is as long or longer, or that has an escape in it: its end
    /// is searched.
    const OTHER: usize = 31;
    /// A flag: all letters of the name are small, and no underscore is among them.
    const FOLDED: u32 = 1 << 31;

    /// A name without escapes.
    fn plain(at: u32, name: &[u8]) -> Self {
        let length = u32::try_from(name.len().min(Self::OTHER)).unwrap_or(0);
        let is_folded = !name.iter().any(|byte| *byte == b'_' || byte.is_ascii_uppercase());
        let folded = if is_folded { Self::FOLDED } else { 0 };
        Self(at & Self::PLACE | length << 26 | folded)
    }

    /// Any other name.
    fn other(at: u32) -> Self {
        Self(at & Self::PLACE | 31 << 26)
    }

    /// Where the name begins, behind its quote.
    fn at(self) -> usize {
        place(self.0 & Self::PLACE)
    }

    /// How long a short name without escapes is; `None` for any other.
    fn length(self) -> Option<usize> {
        Some(place((self.0 & !Self::FOLDED) >> 26)).filter(|length| *length < Self::OTHER)
    }
}

/// Entries in pieces of one size, so that a large text is not copied while it is read.
#[derive(Debug, Default)]
struct Entries(Vec<Vec<Entry>>);

/// Entries in one piece: 48 kilobytes.
const PIECE: usize = 4_096;

impl Entries {
    fn len(&self) -> u32 {
        let full = self.0.len().saturating_sub(1).saturating_mul(PIECE);
        let last = self.0.last().map_or(0, Vec::len);
        u32::try_from(full.saturating_add(last)).unwrap_or(INDEX)
    }

    fn push(&mut self, entry: Entry) {
        match self.0.last_mut().filter(|piece| piece.len() < PIECE) {
            Some(piece) => piece.push(entry),
            None => {
                // The first piece is as small as most requests.
                let mut piece = Vec::with_capacity(if self.0.is_empty() { 64 } else { PIECE });
                piece.push(entry);
                self.0.push(piece);
            }
        }
    }

    fn get(&self, index: u32) -> Option<&Entry> {
        let index = usize::try_from(index).ok()?;
        self.0.get(index / PIECE)?.get(index % PIECE)
    }

    fn get_mut(&mut self, index: u32) -> Option<&mut Entry> {
        let index = usize::try_from(index).ok()?;
        self.0.get_mut(index / PIECE)?.get_mut(index % PIECE)
    }
}

/// What a value is, by its first byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Object,
    Array,
    Text,
    /// A number, `true`, `false` or `null`.
    Bare,
}

/// A value of a document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'d> {
    document: &'d Document<'d>,
    index: u32,
    entry: Entry,
}

impl<'a> Document<'a> {
    /// Reads a text; if it is no JSON, returns the place of the first byte at which that
    /// shows.
    pub(crate) fn parse(text: &'a str) -> Result<Self, usize> {
        parse::parse(text)
    }

    /// The outermost value.
    pub(crate) fn root(&self) -> Node<'_> {
        Node { document: self, index: 0, entry: self.first }
    }

    /// The value of that index.
    fn node(&self, index: u32) -> Option<Node<'_>> {
        Some(Node { document: self, index, entry: *self.entries.get(index)? })
    }
}

impl<'d> Node<'d> {
    fn bytes(&self) -> &'d [u8] {
        self.document.text.as_bytes()
    }

    /// Where it begins in the text.
    pub(crate) fn at(&self) -> usize {
        place(self.entry.at)
    }

    /// How long the whole text is.
    pub(crate) fn document_bytes(&self) -> usize {
        self.document.text.len()
    }

    /// What the whole text says of caches.
    pub(crate) fn document_marks(&self) -> CacheMarks {
        self.document.marks
    }

    /// What the value is, by its first byte.
    pub(crate) fn kind(&self) -> Kind {
        match self.bytes().get(self.at()) {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::Text,
            _ => Kind::Bare,
        }
    }

    pub(crate) fn is_object(&self) -> bool {
        self.kind() == Kind::Object
    }

    pub(crate) fn is_null(&self) -> bool {
        self.bytes().get(self.at()) == Some(&b'n')
    }

    /// Whether it says nothing at all: null, or nothing inside.
    pub(crate) fn is_empty(&self) -> bool {
        match self.kind() {
            Kind::Object | Kind::Array => {
                let inside = self.bytes().get(self.at().saturating_add(1)..).unwrap_or_default();
                let first = inside.iter().find(|byte| !byte.is_ascii_whitespace());
                matches!(first, Some(b'}' | b']'))
            }
            Kind::Text => self.bytes().get(self.at().saturating_add(1)) == Some(&b'"'),
            Kind::Bare => self.is_null(),
        }
    }

    /// Whether a list holds items that are passed over here: numbers, switches, nulls, and what is empty.
    pub(crate) fn has_bare(&self) -> bool {
        self.entry.next & BARE != 0
    }

    /// Whether it lies so deep that nothing in it can be seen here.
    pub(crate) fn is_cut(&self) -> bool {
        self.entry.next & DEEP != 0
    }

    /// Its name in the object around it, as it is written between the quotes.
    pub(crate) fn raw_key(&self) -> &'d str {
        let at = self.entry.key.at();
        let end = match self.entry.key.length() {
            Some(length) => at.saturating_add(length),
            None => text::end(self.bytes(), at),
        };
        self.document.text.get(at..end).unwrap_or_default()
    }

    /// Whether its name is short and stands there as it is.
    pub(crate) fn has_plain_key(&self) -> bool {
        self.entry.key.length().is_some()
    }

    /// The same, in small letters and without strokes.
    pub(crate) fn has_folded_key(&self) -> bool {
        self.entry.key.0 & Key::FOLDED != 0 && self.has_plain_key()
    }

    /// Its name in the object around it.
    pub(crate) fn key(&self) -> Cow<'d, str> {
        let raw = self.raw_key();
        if self.has_plain_key() { Cow::Borrowed(raw) } else { text::unescaped(raw) }
    }

    /// The index of the value, by which [`numbered`](Self::numbered) finds it again.
    pub(crate) fn number(&self) -> u32 {
        self.index
    }

    /// The value of that number.
    pub(crate) fn numbered(&self, number: u32) -> Option<Self> {
        self.document.node(number)
    }

    /// What is in an object or a list, in its order.
    pub(crate) fn children(&self) -> Children<'d> {
        Children {
            document: self.document,
            index: self.index.saturating_add(1),
            end: self.entry.next & INDEX,
        }
    }

    /// The member of that name; the last, where it stands there twice, as most readers take it.
    pub(crate) fn get(&self, name: &str) -> Option<Self> {
        let is_absent = self.index == 0 && !self.document.names.may_have(name);
        if is_absent || !self.is_object() {
            return None;
        }
        self.children().filter(|child| child.is_named(name)).last()
    }

    /// Whether that is its name.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        match self.entry.key.length() {
            Some(length) if length != name.len() => false,
            Some(length) => {
                let at = self.entry.key.at();
                self.bytes().get(at..at.saturating_add(length)) == Some(name.as_bytes())
            }
            None => self.key() == name,
        }
    }

    /// What a string says.
    pub(crate) fn text(&self) -> Option<Cow<'d, str>> {
        (self.kind() == Kind::Text).then(|| {
            let at = self.at().saturating_add(1);
            text::unescaped(self.document.text.get(at..text::end(self.bytes(), at)).unwrap_or_default())
        })
    }

    /// What a string says, where that is short and plain: a name, a kind.
    pub(crate) fn word(&self) -> Option<&'d str> {
        match self.text()? {
            Cow::Borrowed(word) => Some(word),
            Cow::Owned(_) => None,
        }
    }

    /// Where it stands in the text.
    pub(crate) fn place(&self) -> Range<usize> {
        let at = self.at();
        at..text::end_of_value(self.bytes(), at)
    }

    /// As it is written.
    pub(crate) fn raw(&self) -> &'d str {
        self.document.text.get(self.place()).unwrap_or_default()
    }

    /// As JSON without blanks, in letters rather than in their numbers.
    pub(crate) fn json(&self) -> String {
        let mut json = String::new();
        text::compact(self.raw(), &mut json);
        json
    }

    /// The same with its name before it.
    pub(crate) fn member_json(&self) -> String {
        let mut json = String::from("\"");
        json.push_str(self.raw_key());
        json.push_str("\":");
        text::compact(self.raw(), &mut json);
        json
    }

    /// `true` or `false`.
    pub(crate) fn switch(&self) -> Option<bool> {
        match self.bytes().get(self.at()) {
            Some(b't') => Some(true),
            Some(b'f') => Some(false),
            _ => None,
        }
    }
}

/// Goes through an object or a list.
#[derive(Clone, Debug)]
pub(crate) struct Children<'d> {
    document: &'d Document<'d>,
    index: u32,
    end: u32,
}

impl<'d> Iterator for Children<'d> {
    type Item = Node<'d>;

    fn next(&mut self) -> Option<Node<'d>> {
        if self.index >= self.end {
            return None;
        }
        let node = self.document.node(self.index)?;
        self.index = node.entry.next & INDEX;
        Some(node)
    }
}

/// A place as an index, on machines of any width.
fn place(at: u32) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names are compared letter by letter as they are written; an escape, wherever it stands, is read first.
    #[test]
    fn a_member_has_the_name_that_its_key_stands_for() {
        let long = "additional_model_response_field_paths";
        let names =
            ["", "m", "model", "models", "mode", "Model", "n", "é", "modèle", "max_tokens", long, "\\"];
        let written =
            ["m\\u006fdel", "\\u006d", "model\\u0073", "\\u00e9", "mod\\u00e8le", "\\\\", "mode\\u006C"];
        for key in names.iter().filter(|name| **name != "\\").chain(&written) {
            let text = format!("{{\"{key}\":1}}");
            let document = Document::parse(&text).unwrap();
            let member = document.root().children().next().unwrap();
            for name in names {
                assert_eq!(member.is_named(name), member.key() == name, "{key} {name}");
                assert_eq!(document.root().get(name).is_some(), member.key() == name, "{key} {name}");
            }
            let is_folded = !key.contains(['_', '\\']) && key.to_ascii_lowercase() == *key && key.len() < 31;
            assert_eq!(member.has_folded_key(), is_folded, "{key}");
        }
    }
}
