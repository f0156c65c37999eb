//! What does each class of tokens cost, as people write it?

use std::borrow::Cow;
use std::fmt;

use rust_decimal::Decimal;
use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::decimal;
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates(Vec<(Meter, Decimal)>);

impl Rates {
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
        let at = self.0.binary_search_by_key(&meter, |(meter, _)| *meter).ok()?;
        self.0.get(at).map(|(_, rate)| *rate)
    }

    /// Whether nothing is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every rate that is named, in the order of [`Meter::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Meter, Decimal)> {
        self.0.iter().copied()
    }

    pub(super) fn set(&mut self, meter: Meter, rate: Option<Decimal>) {
        let at = self.0.binary_search_by_key(&meter, |(meter, _)| *meter);
        match (at, rate) {
            (Ok(at), Some(rate)) => self.0.get_mut(at).into_iter().for_each(|slot| slot.1 = rate),
            (Ok(at), None) => drop(self.0.remove(at)),
            (Err(at), Some(rate)) => self.0.insert(at, (meter, rate)),
            (Err(_), None) => {}
        }
    }

    /// These rates, and `lower`'s where they name none.
    pub(super) fn over(&self, lower: &Self) -> Self {
        let mut merged = lower.clone();
        for (meter, rate) in self.iter() {
            merged.set(meter, Some(rate));
        }
        merged
    }
}

impl Serialize for Rates {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (meter, rate) in self.iter() {
            map.serialize_entry(meter.name(), &rate.to_string())?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Rates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RatesVisitor)
    }
}

struct RatesVisitor;

impl<'de> Visitor<'de> for RatesVisitor {
    type Value = Rates;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rates by meter, each as decimal text")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Rates, A::Error> {
        let mut rates = Rates::new();
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            let meter = Meter::named(&name)
                .ok_or_else(|| de::Error::custom(format_args!("unknown rate {name:?}")))?;
            if rates.get(meter).is_some() {
                return Err(de::Error::custom(format_args!("{meter} is given twice")));
            }
            let text = map.next_value::<Cow<'de, str>>().map_err(|error| {
                de::Error::custom(format_args!("{meter}: {error}; write the figure as text, \"2.50\""))
            })?;
            let rate = decimal::parse(meter.name(), &text).map_err(de::Error::custom)?;
            rates.set(meter, Some(rate));
        }
        Ok(rates)
    }
}
