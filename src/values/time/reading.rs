//! How is an instant read from text?

use std::borrow::Cow;
use std::str::FromStr;

use chrono::DateTime;
use serde::{Deserialize, Deserializer, de};

use super::Timestamp;
use crate::Error;

impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        DateTime::parse_from_rfc3339(text)
            .map(|instant| instant.to_utc().into())
            .map_err(|_| Error::invalid("instant", format!("{text:?} is not an RFC 3339 date and time")))
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
