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
mod entries;
mod names;
mod parse;
mod text;

use std::borrow::Cow;
use std::ops::Range;

pub(crate) use entries::CacheMarks;
use entries::{BARE, DEEP, Entries, Entry, INDEX, Key, place};
use names::Names;
use parse::Parsed;

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
        let Parsed { entries, first, names, marks } = parse::parse(text)?;
        Ok(Self { text, entries, first, names, marks })
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
