//! How does serde read the values of a file?
//!
//! This takes the place of `serde_json::Deserializer` for what that cannot do. It says every path and problem in the
//! words of the format, keeps every digit, and refuses a field that stands twice, a list in place of a struct and a
//! null in place of a field that is left out.

use std::vec::IntoIter;

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Error as _, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};

use super::node::{Node, Table, View};
use super::problem::{At, SAME_AS, wrong};
use super::value;
use crate::Error;

/// Reads a struct from the fields of a table.
pub(super) fn read<'de, T: Deserialize<'de>>(table: Table<'de>) -> Result<T, Error> {
    let mut fields = Fields(table.into_iter());
    let read = T::deserialize(MapAccessDeserializer::new(&mut fields));
    fields.name_second(read)
}

/// `Node::deserialize` asks for bytes, which no field holds, and is given itself as it stands.
impl<'de: 'a, 'a> Deserialize<'de> for Node<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = <&[u8]>::deserialize(deserializer)?;
        std::str::from_utf8(json).map(Node).map_err(D::Error::custom)
    }
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.view()? {
            View::Null => visitor.visit_unit(),
            View::Flag(flag) => visitor.visit_bool(flag),
            // Who minds the digits asks for a whole number or for a node; serde's other numbers are floats.
            View::Number(_) | View::Float(_) => Err(Error::invalid_type(Unexpected::Float(0.0), &visitor)),
            View::Text(text) if text.is_empty() => Err(wrong("is empty")),
            View::Text(text) => visitor.visit_string(text),
            // Serde would take a list of its fields for a struct.
            View::List(_) => Err(Error::invalid_type(Unexpected::Seq, &visitor)),
            View::Table(_) => {
                let mut fields = Fields(self.table()?.into_iter());
                let read = visitor.visit_map(&mut fields);
                fields.name_second(read)
            }
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.view()? {
            View::List(nodes) => visitor.visit_seq(Items(nodes.into_iter().zip(1..))),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.view()? {
            View::Number(text) => visitor.visit_u64(value::whole(&text)?),
            _ => self.deserialize_any(visitor),
        }
    }

    /// A count, quoted or not.
    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_u64(value::whole(&self.literal()?)?)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_u64(visitor)
    }

    /// Null is a value: who leaves a field out does not write it.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self.read::<String>()?.into_deserializer())
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_bytes(self.0.as_bytes())
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i128 u8 u16 u128 f32 f64 char str string byte_buf unit unit_struct newtype_struct tuple
        tuple_struct map struct identifier ignored_any
    }
}

/// The items of a list, numbered from one for people.
struct Items<I>(I);

impl<'de, I: Iterator<Item = (Node<'de>, u32)>> SeqAccess<'de> for Items<I> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let item = self.0.next().map(|(node, number)| seed.deserialize(node).at(&number.to_string()));
        item.transpose()
    }
}

/// The fields of a table that were not yet read.
struct Fields<'a>(IntoIter<(String, Node<'a>)>);

impl Fields<'_> {
    /// The field whose value comes next.
    fn next(&self) -> &str {
        self.0.as_slice().first().map_or("", |(name, _)| name)
    }

    /// A second name for a field was found before its value was read, so it is the next one.
    fn name_second<T>(&self, read: Result<T, Error>) -> Result<T, Error> {
        let second = self.next();
        match read.as_ref().err().map(Error::to_string) {
            Some(text) if text.starts_with(&format!("{SAME_AS}{second};")) => {
                Err(wrong("says the same as another of its names; keep one of them")).at(second)
            }
            Some(text) if text.starts_with(SAME_AS) => read.at(second),
            _ => read,
        }
    }
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let name = (!self.0.as_slice().is_empty()).then(|| self.next().into_deserializer());
        name.map(|name: StrDeserializer<'_, Error>| seed.deserialize(name)).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        match self.0.next() {
            Some((name, value)) => seed.deserialize(value).at(&name),
            None => Err(Error::custom("a value was asked for before its name")),
        }
    }
}
