//! How is a field of a JSON body changed without touching another byte?
//!
//! A body that is parsed and written out again has other bytes: numbers lose digits
//! (`1.50e-3`), members change their order, and a signature over the body breaks. So a
//! change is a range of the text and what stands there instead. Changes are collected and
//! made all at once, from the front to the back; their ranges do not overlap, because each
//! is the place of one member or of none.

use std::borrow::Cow;
use std::ops::Range;

use smallvec::SmallVec;

use super::{Document, Kind, Node};

/// An object of a body, with the place of every member's value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object<'d> {
    /// The object itself.
    node: Node<'d>,
}

impl<'d> Object<'d> {
    /// The object that a whole body is; one without members if it is none.
    pub(crate) fn of(document: &'d Document<'_>) -> Self {
        Self { node: document.root() }
    }

    /// The object that a value inside a body is; one without members if it is none.
    pub(crate) fn at(node: Node<'d>) -> Self {
        Self { node }
    }

    /// A name that two members have: which of both a server reads is the server's own
    /// affair.
    ///
    /// Up to 32 plain names are compared one by one; more are sorted, so that a body of a
    /// hundred thousand members costs no square.
    pub(crate) fn doubled(&self) -> Option<Cow<'d, str>> {
        let count = self.node.children().count();
        if count <= FEW && self.node.children().all(|member| member.has_plain_key()) {
            let mut before = SmallVec::<[&str; FEW]>::new();
            for name in self.node.children().map(|member| member.raw_key()) {
                if before.contains(&name) {
                    return Some(Cow::Borrowed(name));
                }
                before.push(name);
            }
            return None;
        }
        // Numbers take less than the smallest members do.
        let mut sorted = Vec::with_capacity(count);
        sorted.extend(self.node.children().map(|member| member.number()));
        let key = |number: u32| self.node.numbered(number).map(|member| member.key()).unwrap_or_default();
        sorted.sort_unstable_by(|one, other| key(*one).cmp(&key(*other)));
        sorted.windows(2).find_map(|pair| match pair {
            [one, other] if key(*one) == key(*other) => Some(key(*one)),
            _ => None,
        })
    }

    /// A name that is one of `known` but for its case: servers written in Go read it all
    /// the same.
    pub(crate) fn misspelt(&self, known: &[&str]) -> Option<Cow<'d, str>> {
        let mut names = self.node.children().map(|member| member.key());
        names.find(|name| {
            // A letter outside ASCII takes more room than the one that it is read as.
            let is_plain = name.is_ascii();
            let may_be = |known: &str| {
                if is_plain { known.len() == name.len() } else { known.len() < name.len() }
            };
            known.iter().any(|known| may_be(known) && is_same_but_for_case(name, known) && known != name)
        })
    }

    /// Whether a member is a text.
    pub(crate) fn is_text(&self, name: &str) -> bool {
        self.node.get(name).is_some_and(|value| value.kind() == Kind::Text)
    }

    /// Where a member's value stands.
    pub(crate) fn place_of(&self, name: &str) -> Option<Range<usize>> {
        self.node.get(name).map(|value| value.place())
    }

    /// A member's value, as it is written.
    pub(crate) fn text_of(&self, name: &str) -> Option<&'d str> {
        self.node.get(name).map(|value| value.raw())
    }

    /// A member that is an object itself.
    pub(crate) fn object(&self, name: &str) -> Option<Self> {
        self.node.get(name).filter(Node::is_object).map(|node| Self { node })
    }
}

/// So many names are compared with each other one by one.
const FEW: usize = 32;

/// Whether a name is a known one in another case, as Unicode folds case.
fn is_same_but_for_case(name: &str, known: &str) -> bool {
    if name.len() == known.len() {
        return name.eq_ignore_ascii_case(known);
    }
    name.chars().map(folded).eq(known.chars().map(folded))
}

/// A letter without its case, as Unicode folds it: two signs outside ASCII are letters inside it.
fn folded(letter: char) -> char {
    match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    }
}

/// Changes to a body, made all at once.
#[derive(Debug, Default)]
pub(crate) struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    /// Whether nothing changes.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts a text in the place of a range.
    pub(crate) fn replace(&mut self, place: Range<usize>, text: impl Into<String>) {
        self.0.push((place, text.into()));
    }

    /// Adds a member behind all others.
    pub(crate) fn add(&mut self, object: &Object<'_>, name: &str, value: &str) {
        let end = object.node.place().end.saturating_sub(1);
        let comma = if object.node.is_empty() { "" } else { "," };
        self.0.push((end..end, format!("{comma}\"{name}\":{value}")));
    }

    /// The body with all changes; every other byte is as it was.
    pub(crate) fn apply(mut self, body: &str) -> String {
        self.0.sort_by_key(|(place, _)| place.start);
        let mut edited = String::with_capacity(body.len().saturating_add(64));
        let mut from = 0;
        for (place, text) in self.0 {
            edited.push_str(body.get(from..place.start).unwrap_or_default());
            edited.push_str(&text);
            from = place.end;
        }
        edited.push_str(body.get(from..).unwrap_or_default());
        edited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_field_leaves_every_other_byte_alone() {
        let body = " {\"b\" : 1.50e-3,\n\t\"max_tokens\" : 900 , \"a\":{\"x\":{}} }\n";
        let document = Document::parse(body).expect("JSON");
        let object = Object::of(&document);
        let mut edits = Edits::default();
        edits.replace(object.place_of("max_tokens").expect("there"), "64");
        edits.add(&object, "stream_options", "{\"include_usage\":true}");
        edits.add(&object.object("a").expect("an object").object("x").expect("an object"), "y", "1");
        assert_eq!(
            edits.apply(body),
            " {\"b\" : 1.50e-3,\n\t\"max_tokens\" : 64 , \"a\":{\"x\":{\"y\":1}} ,\"stream_options\":{\"include_usage\":true}}\n"
        );
    }

    #[test]
    fn a_name_in_any_spelling_stands_once() {
        let doubled = |body: &str| {
            let document = Document::parse(body).expect("JSON");
            Object::of(&document).doubled().map(Cow::into_owned)
        };
        assert_eq!(doubled(r#"{"a":1,"b":2}"#), None);
        assert_eq!(doubled(r#"{"a":1,"\u0061":2}"#).as_deref(), Some("a"));
        let many: String = (0..40).map(|at| format!("\"k{at}\":0,")).collect();
        assert_eq!(doubled(&format!("{{{many}\"k7\":1}}")).as_deref(), Some("k7"));
        assert_eq!(doubled(&format!("{{{many}\"k\":1}}")), None);
        let body = "{\"max_tokens\":1,\"max_to\u{212a}en\u{17f}\":2,\"maxTokens\":3}";
        let document = Document::parse(body).expect("JSON");
        let body = Object::of(&document);
        assert_eq!(body.misspelt(&["max_tokens"]).as_deref(), Some("max_to\u{212a}en\u{17f}"));
        assert_eq!(body.misspelt(&["model", "n"]), None);
        assert!(Document::parse("{\"a\":1").is_err());
    }
}
