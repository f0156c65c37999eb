//! How is a value kept, read and written under a word of a closed list: a rate by meter, a set of rates by tier?
//!
//! Five tables of a price have this shape: rates by meter, sets of rates by tier,
//! factors by tier, factors by region, fees by the size of a search. Each is a
//! [`Keyed`] with a [`Key`] of its own, so that all five are looked up, laid over
//! one another, read and written by the same code. A new tier or meter needs a word
//! in its `Key` and nothing here.
//!
//! A word that is not on the list is an error, and so is a word that stands twice:
//! an operator who writes `bacth` has to hear of it, or every batch call would be
//! charged at another price than the contract's, in silence.
//!
//! Tiers stand among the other fields of a row, not in an object of their own.
//! [`read_beside`] therefore reads two things from one object as its fields come:
//! a struct by serde's derive, and the words beside it. Serde's own `flatten`
//! does the same with less code and was rejected, because `flatten` copies every
//! value before it reads one, and its errors no longer say where the value stood.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use rust_decimal::Decimal;
use serde::de::{self, DeserializeSeed, IntoDeserializer, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer, forward_to_deserialize_any};

use super::decimal;

/// A word of a closed list.
pub(super) trait Key: Copy + PartialEq + 'static {
    /// What a list of these is, where something else stands in its place.
    const EXPECTED: &'static str;
    /// Every word that may be written, in the order in which they are written.
    const ALL: &'static [Self];

    fn name(self) -> &'static str;
}

/// What may stand under a word.
pub(super) trait Value: Clone {
    fn read<'de, A: MapAccess<'de>>(name: &str, map: &mut A) -> Result<Self, A::Error>;

    fn write<M: SerializeMap>(&self, name: &str, map: &mut M) -> Result<(), M::Error>;

    /// Whether it says nothing, so that it counts as not written.
    fn is_nothing(&self) -> bool;
}

/// A figure is decimal text: a bare number could have passed through a float.
impl Value for Decimal {
    fn read<'de, A: MapAccess<'de>>(name: &str, map: &mut A) -> Result<Self, A::Error> {
        let text = map.next_value::<Cow<'de, str>>().map_err(|error| {
            de::Error::custom(format_args!("{name}: {error}; write the figure as text, \"2.50\""))
        })?;
        decimal::parse(name, &text).map_err(de::Error::custom)
    }

    fn write<M: SerializeMap>(&self, name: &str, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry(name, &self.to_string())
    }

    fn is_nothing(&self) -> bool {
        false
    }
}

/// Values by word, in the order of the words: a list, because a price names few of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keyed<K, V>(Vec<(K, V)>);

impl<K, V> Keyed<K, V> {
    pub(super) const EMPTY: Self = Self(Vec::new());
}

impl<K, V> Default for Keyed<K, V> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<K: Key, V: Value> Keyed<K, V> {
    pub(super) fn get(&self, key: K) -> Option<&V> {
        self.0.iter().find(|(known, _)| *known == key).map(|(_, value)| value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.0.iter().map(|(key, value)| (*key, value))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Replaces what stands under a word. One that cannot be written stays empty, and so does one under which
    /// nothing would be said.
    pub(super) fn set(&mut self, key: K, value: Option<V>) {
        self.0.retain(|(known, _)| *known != key);
        let place = |key: K| K::ALL.iter().position(|known| *known == key);
        if let (Some(value), Some(own)) = (value.filter(|value| !value.is_nothing()), place(key)) {
            let at = self.0.iter().take_while(|(known, _)| place(*known) < Some(own)).count();
            self.0.insert(at, (key, value));
        }
    }

    /// These, and `lower`'s where there is none.
    pub(super) fn over(&self, lower: &Self) -> Self {
        let mut both = lower.clone();
        self.iter().for_each(|(key, value)| both.set(key, Some(value.clone())));
        both
    }

    /// The same words with other values.
    pub(super) fn try_map<E>(&self, change: impl Fn(K, &V) -> Result<V, E>) -> Result<Self, E> {
        self.iter().map(|(key, value)| Ok((key, change(key, value)?))).collect::<Result<_, E>>().map(Self)
    }
}

impl<K: Key, V: Value> Serialize for Keyed<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.iter().try_for_each(|(key, value)| value.write(key.name(), &mut map))?;
        map.end()
    }
}

impl<'de, K: Key, V: Value> Deserialize<'de> for Keyed<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Nothing {}
        read_beside(deserializer, K::EXPECTED).map(|(Nothing {}, own)| own)
    }
}

/// Words that stand among the fields of a struct.
pub(super) trait Words: Default {
    /// Reads the value, where the name is one of these words.
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error>;

    fn names() -> Vec<&'static str>;
}

impl<K: Key, V: Value> Words for Keyed<K, V> {
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        let Some(key) = K::ALL.iter().find(|key| key.name() == name) else { return Ok(false) };
        V::read(name, map).map(|value| self.set(*key, Some(value)))?;
        Ok(true)
    }

    fn names() -> Vec<&'static str> {
        K::ALL.iter().map(|key| key.name()).collect()
    }
}

impl<A: Words, B: Words> Words for (A, B) {
    fn take<'de, M: MapAccess<'de>>(&mut self, name: &str, map: &mut M) -> Result<bool, M::Error> {
        Ok(self.0.take(name, map)? || self.1.take(name, map)?)
    }

    fn names() -> Vec<&'static str> {
        [A::names(), B::names()].concat()
    }
}

/// Reads a struct and the words among its fields, as they come.
pub(super) fn read_beside<'de, D: Deserializer<'de>, S: Deserialize<'de>, W: Words>(
    deserializer: D,
    expected: &'static str,
) -> Result<(S, W), D::Error> {
    deserializer.deserialize_map(Expected(expected, PhantomData))
}

/// What is to be read: a struct and words.
struct Expected<S, W>(&'static str, PhantomData<(S, W)>);

impl<'de, S: Deserialize<'de>, W: Words> Visitor<'de> for Expected<S, W> {
    type Value = (S, W);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(S, W), A::Error> {
        let mut words = W::default();
        let fields = Fields { map, words: &mut words, known: &[], seen: Vec::new() };
        Ok((S::deserialize(fields)?, words))
    }
}

/// The fields of an object as the struct sees them: without the words, which are taken out on the way.
///
/// Serde could do so too (`flatten`), but would keep all values aside first and forget where in the text they stood.
struct Fields<'a, A, W> {
    map: A,
    words: &'a mut W,
    /// The names that the struct has of its own.
    known: &'static [&'static str],
    /// Words that were read already, be it with nothing.
    seen: Vec<String>,
}

impl<'de, A: MapAccess<'de>, W: Words> Deserializer<'de> for Fields<'_, A, W> {
    type Error = A::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        visitor.visit_map(Self { known, ..self })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_map(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl<'de, A: MapAccess<'de>, W: Words> MapAccess<'de> for Fields<'_, A, W> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(name) = self.map.next_key::<Cow<'de, str>>()? {
            if self.known.contains(&&*name) {
                return seed.deserialize(name.into_deserializer()).map(Some);
            }
            if self.seen.iter().any(|seen| *seen == name) {
                return Err(de::Error::custom(format_args!("{name} is given twice")));
            }
            if !self.words.take(&name, &mut self.map)? {
                let known = [self.known, &W::names()].concat().join("`, `");
                return Err(de::Error::custom(format_args!(
                    "unknown field `{name}`, expected one of `{known}`"
                )));
            }
            self.seen.push(name.into_owned());
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}
