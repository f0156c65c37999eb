//! How is each field of a row written as JSON?
//!
//! | field | written as |
//! |---|---|
//! | counts, periods, seals | a whole number |
//! | an amount of money | a whole number: nano-dollars |
//! | an instant | a whole number: nanoseconds since 1970 |
//! | an id, the body of a command | 32 hexadecimal digits |
//! | a digest | 64 hexadecimal digits |
//! | a state, what is charged on expiry | a word |
//! | a tenant | its name; empty for the default books |
//! | an account | an object of five names: tenant, budget, scope, unit, window |

use std::fmt::Write;
use std::sync::Arc;

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

use crate::ledger::rules::State;
use crate::ledger::store::{Digest, ExpiryCharge, Fault, KnownLine, Line, TenantRow, Version, words};
use crate::ledger::{About, Ended, EntryKind, Served};
use crate::values::{
    Account, Attribution, Balance, BudgetKey, ReservationId, ShortText, Tenant, Timestamp, Unit,
};
use crate::{Scope, Usage, Usd};

/// A value as it stands in a row.
pub(super) trait Form: Sized {
    /// What is written.
    type Written: Serialize + DeserializeOwned;
    /// What to write of it.
    fn write(&self) -> Self::Written;
    /// The value, read back.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    fn read(written: Self::Written) -> Result<Self, String>;
}

/// Values that are written as they are.
macro_rules! as_it_is {
    ($($type:ty),*) => {$(
        impl Form for $type {
            type Written = Self;
            fn write(&self) -> Self {
                self.clone()
            }
            fn read(written: Self) -> Result<Self, String> {
                Ok(written)
            }
        }
    )*};
}

as_it_is!(
    bool,
    u8,
    u32,
    u64,
    i64,
    ShortText,
    Scope,
    Unit,
    ReservationId,
    Usage,
    Attribution,
    Ended,
    EntryKind,
    Balance
);
as_it_is!(Tenant, Account, State, ExpiryCharge, Version, KnownLine, Line, TenantRow);
as_it_is!(super::AccountRow, super::HoldRow, super::EventRow);

/// Values that are written as something else.
macro_rules! written_as {
    ($($type:ty => $written:ty, $write:expr, $read:expr;)*) => {$(
        impl Form for $type {
            type Written = $written;
            fn write(&self) -> $written {
                let write: fn(&Self) -> $written = $write;
                write(self)
            }
            fn read(written: $written) -> Result<Self, String> {
                let read: fn($written) -> Result<Self, String> = $read;
                read(written)
            }
        }
    )*};
}

written_as! {
    Timestamp => i64, |at| at.as_nanos(), |nanos| Ok(Self::from_nanos(nanos));
    Digest => String, hex, |text| unhex(&text).ok_or_else(|| format!("{text:?} is not 64 hexadecimal digits"));
    u128 => ReservationId, |bits| ReservationId::from_bits(*bits), |bits| Ok(bits.to_bits());
    Arc<About> => About, |about| About::clone(about), |about| Ok(Self::new(about));
    Arc<Served> => Served, |served| Served::clone(served), |served| Ok(Self::new(served));
    Usd => i64, |usd| usd.nanos(), |nanos| Ok(Self::from_nanos(nanos));
}

impl<T: Form> Form for Option<T> {
    type Written = Option<T::Written>;

    fn write(&self) -> Self::Written {
        self.as_ref().map(T::write)
    }

    fn read(written: Self::Written) -> Result<Self, String> {
        written.map(T::read).transpose()
    }
}

impl<T: Form> Form for Vec<T> {
    type Written = Vec<T::Written>;

    fn write(&self) -> Self::Written {
        self.iter().map(T::write).collect()
    }

    fn read(written: Self::Written) -> Result<Self, String> {
        written.into_iter().map(T::read).collect()
    }
}

impl<T: Form> Form for SmallVec<[T; 8]> {
    type Written = Vec<T::Written>;

    fn write(&self) -> Self::Written {
        self.iter().map(T::write).collect()
    }

    fn read(written: Self::Written) -> Result<Self, String> {
        written.into_iter().map(T::read).collect()
    }
}

/// A digest as 64 hexadecimal digits, as rows are written in JSON: fit for a key.
#[must_use]
pub fn hex(digest: &Digest) -> String {
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        // A text takes whatever is written to it.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Digest> {
    let mut digest = Digest::default();
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in digest.iter_mut().zip((0_usize..64).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at.saturating_add(2))?, 16).ok()?;
    }
    Some(digest)
}

/// Values that are written as one of the words of a store.
macro_rules! as_a_word {
    ($($type:ty, $write:path, $read:path;)*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str($write(*self))
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = String::deserialize(deserializer)?;
                $read(&word).map_err(|fault: Fault| D::Error::custom(fault.into_error()))
            }
        }
    )*};
}

as_a_word! {
    State, words::of_state, words::state;
    ExpiryCharge, words::of_on_expiry, words::on_expiry;
}

impl Serialize for Tenant {
    /// Its name; empty for the default books.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Tenant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        words::tenant(&name).map_err(|fault| D::Error::custom(fault.into_error()))
    }
}

/// The five names of an account.
pub(super) struct Names {
    pub(super) tenant: Tenant,
    pub(super) budget: ShortText,
    pub(super) scope: Scope,
    pub(super) unit: Unit,
    pub(super) window: ShortText,
}

impl Serialize for Account {
    /// An object of its five names, always in the same order: equal accounts have equal texts, and others have others.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let BudgetKey { tenant, budget, unit, window } = (**self.key()).clone();
        Names { tenant, budget, scope: self.scope().clone(), unit, window }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Names { tenant, budget, scope, unit, window } = Names::deserialize(deserializer)?;
        Ok(Self::new(Arc::new(BudgetKey { tenant, budget, unit, window }), scope))
    }
}
