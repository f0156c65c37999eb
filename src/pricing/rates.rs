//! What does each class of tokens cost, as people write it?
//!
//! Figures stay decimals here. They become integers when a table is built, where one place decides whether a figure can be
//! kept exactly (`units`).

use rust_decimal::Decimal;
use serde::de::MapAccess;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize};

use super::decimal;
use super::keyed::{Key, Keyed, Value};
use crate::Error;
use crate::values::Meter;

/// Rates by [`Meter`]: USD per million tokens or characters, per request, page or image, per hour of sound or video.
///
/// What is not named is not free. A missing part takes the rate of its whole:
/// cached input and five-minute writes that of input, one-hour writes that of
/// five-minute writes, reasoning that of output; sound, images and video that of
/// the tokens they are among. Cached sound without a rate takes that of cached
/// input, or where that has none that of sound. An explicit 0 is a price.
/// Figures are checked where a table takes them in.
///
/// In JSON every figure is decimal text (`"2.50"`): a bare number could have
/// passed through a float, and is refused.
///
/// # Example: figures stay as written
/// ```
/// use token_budget::pricing::Rates;
/// use token_budget::usage::Meter;
///
/// let rates = Rates::new().with(Meter::Input, "0.003625".parse().unwrap());
/// assert_eq!(serde_json::to_string(&rates).unwrap(), r#"{"input":"0.003625"}"#);
/// assert!(serde_json::from_str::<Rates>(r#"{"input": 0.003625}"#).is_err());
/// assert!(serde_json::from_str::<Rates>(r#"{"input": "1_000"}"#).is_err());
/// ```
///
/// # Example: a figure that is given again replaces the first
/// ```
/// use token_budget::pricing::Rates;
/// use token_budget::usage::Meter;
///
/// let rates = Rates::per_million("3", "15")?.with(Meter::Output, 12.into());
/// assert_eq!(rates.get(Meter::Output), Some(12.into()));
/// assert_eq!(rates.get(Meter::CachedInput), None); // named nowhere, and charged as input
/// assert_eq!(rates.iter().count(), 2);
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rates(Keyed<Meter, Decimal>);

impl Rates {
    pub(super) const NONE: Self = Self(Keyed::EMPTY);

    /// No rate named yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Input and output rates in USD per million tokens, from plain decimal text.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where a text is not a plain decimal.
    pub fn per_million(input: &str, output: &str) -> Result<Self, Error> {
        let input = decimal::parse(Meter::Input.name(), input)?;
        let output = decimal::parse(Meter::Output.name(), output)?;
        Ok(Self::new().with(Meter::Input, input).with(Meter::Output, output))
    }

    /// With that rate, in the meter's unit: USD per million, per piece, or per hour.
    #[must_use]
    pub fn with(mut self, meter: Meter, rate: Decimal) -> Self {
        self.set(meter, Some(rate));
        self
    }

    /// The rate named for that meter, before any fallback.
    #[must_use]
    pub fn get(&self, meter: Meter) -> Option<Decimal> {
        self.0.get(meter).copied()
    }

    /// Whether nothing is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every rate that is named, in the order of [`Meter::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Meter, Decimal)> {
        self.0.iter().map(|(meter, rate)| (meter, *rate))
    }

    pub(super) fn set(&mut self, meter: Meter, rate: Option<Decimal>) {
        self.0.set(meter, rate);
    }

    /// These rates, and `lower`'s where they name none.
    pub(super) fn over(&self, lower: &Self) -> Self {
        Self(self.0.over(&lower.0))
    }

    /// The same meters at other rates.
    pub(super) fn try_map<E>(
        &self,
        change: impl Fn(Meter, Decimal) -> Result<Decimal, E>,
    ) -> Result<Self, E> {
        self.0.try_map(|meter, rate| change(meter, *rate)).map(Self)
    }
}

impl Key for Meter {
    const EXPECTED: &'static str = "rates by meter, each as decimal text";
    const ALL: &'static [Self] = &Self::ALL;

    fn name(self) -> &'static str {
        self.name()
    }
}

impl Value for Rates {
    fn read<'de, A: MapAccess<'de>>(_: &str, map: &mut A) -> Result<Self, A::Error> {
        map.next_value()
    }

    fn write<M: SerializeMap>(&self, name: &str, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry(name, self)
    }

    fn is_nothing(&self) -> bool {
        self.is_empty()
    }
}
