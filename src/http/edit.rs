//! How is a field of a JSON body changed without touching another byte?

use std::fmt;
use std::ops::Range;

use compact_str::CompactString;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// An object of a body, with the place of every member's value.
#[derive(Clone, Debug)]
pub(super) struct Object<'a> {
    body: &'a str,
    /// Where it stands, braces included.
    place: Range<usize>,
    members: Vec<(CompactString, Range<usize>)>,
}

impl<'a> Object<'a> {
    /// The object that a whole body is; `None` where it is none.
    pub(super) fn of(body: &'a str) -> Option<Self> {
        let from = body.len().checked_sub(body.trim_start().len())?;
        Self::at(body, from..from.checked_add(body.trim().len())?)
    }

    fn at(body: &'a str, place: Range<usize>) -> Option<Self> {
        let text = body.get(place.clone())?;
        let mut json = serde_json::Deserializer::from_str(text);
        let members = json.deserialize_map(Members { body }).ok()?;
        Some(Self { body, place, members })
    }

    /// A name that stands here twice: which of both a server reads is its own affair.
    pub(super) fn doubled(&self) -> Option<&str> {
        let names = || self.members.iter().map(|(name, _)| name.as_str());
        let mut sorted: Vec<_> = names().collect();
        sorted.sort_unstable();
        sorted.windows(2).find_map(|pair| match pair {
            [one, other] if one == other => Some(*one),
            _ => None,
        })
    }

    /// A name that is one of those but for its case: servers written in Go read it all the same.
    pub(super) fn misspelt(&self, known: impl Iterator<Item = &'static str> + Clone) -> Option<&str> {
        let names = self.members.iter().map(|(name, _)| name.as_str());
        names.into_iter().find(|name| {
            known
                .clone()
                .any(|known| known != *name && name.chars().map(folded).eq(known.chars().map(folded)))
        })
    }

    /// Where a member's value stands.
    pub(super) fn place_of(&self, name: &str) -> Option<Range<usize>> {
        self.members.iter().find(|(known, _)| known == name).map(|(_, place)| place.clone())
    }

    /// A member's value, as it is written.
    pub(super) fn text_of(&self, name: &str) -> Option<&'a str> {
        self.body.get(self.place_of(name)?)
    }

    /// A member that is an object itself.
    pub(super) fn object(&self, name: &str) -> Option<Self> {
        Self::at(self.body, self.place_of(name)?)
            .filter(|_| self.text_of(name).is_some_and(|text| text.starts_with('{')))
    }
}

/// A letter without its case, as Unicode folds it: two signs outside ASCII are letters inside it.
fn folded(letter: char) -> char {
    match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    }
}

/// Reads names, and where their values stand; the values themselves are passed over.
struct Members<'a> {
    body: &'a str,
}

impl<'a> Visitor<'a> for Members<'a> {
    type Value = Vec<(CompactString, Range<usize>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = map.next_entry::<CompactString, &'a RawValue>()? {
            let text = value.get();
            // A raw value is a slice of the body.
            let from = text.as_ptr().addr().saturating_sub(self.body.as_ptr().addr());
            members.push((name, from..from.saturating_add(text.len())));
        }
        Ok(members)
    }
}

/// Changes to a body, made all at once.
#[derive(Debug, Default)]
pub(super) struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn replace(&mut self, place: Range<usize>, text: impl Into<String>) {
        self.0.push((place, text.into()));
    }

    /// Adds a member behind all others.
    pub(super) fn add(&mut self, object: &Object<'_>, name: &str, value: &str) {
        let end = object.place.end.saturating_sub(1);
        let comma = if object.members.is_empty() { "" } else { "," };
        self.0.push((end..end, format!("{comma}\"{name}\":{value}")));
    }

    /// The body with all changes; every other byte is as it was.
    pub(super) fn apply(mut self, body: &str) -> String {
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
        let object = Object::of(body).expect("an object");
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
        assert_eq!(Object::of(r#"{"a":1,"b":2}"#).expect("an object").doubled(), None);
        assert_eq!(Object::of(r#"{"a":1,"\u0061":2}"#).expect("an object").doubled(), Some("a"));
        let body = Object::of("{\"max_tokens\":1,\"max_to\u{212a}en\u{17f}\":2,\"maxTokens\":3}")
            .expect("an object");
        assert_eq!(body.misspelt(["max_tokens"].into_iter()), Some("max_to\u{212a}en\u{17f}"));
        assert_eq!(body.misspelt(["model", "n"].into_iter()), None);
        assert!(Object::of("[1]").is_none() && Object::of("{\"a\":1").is_none());
    }
}
