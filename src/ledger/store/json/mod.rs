//! How is a row written as JSON, for a store that keeps texts?
//!
//! Each row is an object whose names are the names of its fields; [`form`] says how each field is written. A row is read whole or
//! not at all: a field that is missing, is unknown, comes twice or cannot be read is an error that names it. An error is never
//! turned into a default, because a default of money is a loss of money.

mod form;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use self::form::hex;
use self::form::{Form, Names};
use super::{
    AccountRow, BalanceRow, CallRow, EntryRow, EventRow, HoldRow, KnownLine, Line, Sealed, TenantRow, Version,
};

/// A row that is read field by field.
trait Row: Sized {
    const NAME: &'static str;
    const FIELDS: &'static [&'static str];

    fn read<'de, A: MapAccess<'de>>(fields: A) -> Result<Self, A::Error>;
}

struct Fields<R>(PhantomData<R>);

impl<'de, R: Row> Visitor<'de> for Fields<R> {
    type Value = R;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the fields of a {}", R::NAME)
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<R, A::Error> {
        R::read(fields)
    }
}

/// Reads one field, once; whatever is wrong with it, the error names it.
fn put<'de, A: MapAccess<'de>, T: Form>(
    place: &mut Option<T>,
    fields: &mut A,
    name: &'static str,
) -> Result<(), A::Error> {
    if place.is_some() {
        return Err(A::Error::duplicate_field(name));
    }
    let written = fields.next_value().map_err(|error| A::Error::custom(format_args!("{name}: {error}")))?;
    *place = Some(T::read(written).map_err(|problem| A::Error::custom(format_args!("{name}: {problem}")))?);
    Ok(())
}

macro_rules! row {
    ($row:ident $(<$T:ident>)? { $($field:ident),* }) => {
        impl$(<$T: Form + Serialize>)? Serialize for $row$(<$T>)? {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let count = [$(stringify!($field)),*].len();
                let mut row = serializer.serialize_struct(stringify!($row), count)?;
                $(row.serialize_field(stringify!($field), &self.$field.write())?;)*
                row.end()
            }
        }

        impl$(<$T: Form>)? Row for $row$(<$T>)? {
            const NAME: &'static str = stringify!($row);
            const FIELDS: &'static [&'static str] = &[$(stringify!($field)),*];

            fn read<'de, A: MapAccess<'de>>(mut fields: A) -> Result<Self, A::Error> {
                $(let mut $field = None;)*
                while let Some(name) = fields.next_key::<Cow<'de, str>>()? {
                    match &*name {
                        $(stringify!($field) => put(&mut $field, &mut fields, stringify!($field))?,)*
                        other => return Err(A::Error::unknown_field(other, Self::FIELDS)),
                    }
                }
                Ok(Self {
                    $($field: $field.ok_or_else(|| A::Error::missing_field(stringify!($field)))?,)*
                })
            }
        }

        impl<'de $(, $T: Form)?> Deserialize<'de> for $row$(<$T>)? {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_struct(Self::NAME, Self::FIELDS, Fields(PhantomData))
            }
        }
    };
}

row!(Version { counter, tag });
row!(TenantRow { version, time, entries, head, accounts, forgotten });
row!(Names { tenant, budget, scope, unit, window });
row!(AccountRow { number, account, span, newest, fired, live });
row!(BalanceRow { account, period, balance, fired });
row!(KnownLine { account, period, amount, refunded, on_expiry });
row!(HoldRow { id, state, body, expires_at, on_expiry, unheld, ended_at, about, lines });
row!(CallRow { digest, about });
row!(Line { account, period, spent, reserved });
row!(EntryRow { sequence, at, id, kind, scope, call, served, usage, cost, ended, attribution, lines, link });
row!(EventRow { sequence, at, account, period, tier, threshold, spent, delivered_at });
row!(Sealed<T> { row, seal });
