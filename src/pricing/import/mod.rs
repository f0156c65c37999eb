//! What does a public price table say, as rows of one's own?
//!
//! Two publications are understood as they stand, plain or packed with gzip:
//! LiteLLM's `model_prices_and_context_window.json` and genai-prices' data file.
//! Numbers are read from their digits and pass through no float. A file that is
//! damaged, too large, too deep or says one thing twice is refused whole; what
//! it says beyond what a [`PriceRow`] can is listed in the [`ImportReport`],
//! field by field.

mod found;
mod genai;
mod json;
mod litellm;
mod report;

use std::ops::ControlFlow;

use crate::values::ShortText;
use crate::values::packed::Unpacker;

use self::found::{Found, unreadable};
use self::json::Json;
use super::clause::Clause;
use super::names::Name;
use super::row::PriceRow;
use crate::Error;

pub use report::{ImportReport, NotUnderstood, Skipped};

/// The largest file that is read, packed: 4 MiB, twenty times the largest real one.
const PACKED_BYTES_MAX: usize = 4 << 20;
/// The largest text that is read: 32 MiB, seven times the largest real one.
const TEXT_BYTES_MAX: usize = 32 << 20;
/// How gzip begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A public price table, read and not yet in force.
///
/// # Example: a table's price by the length of the input
/// ```
/// use token_budget::call::Conditions;
/// use token_budget::pricing::{Import, PriceSource};
/// use token_budget::time::Timestamp;
/// use token_budget::PricingTable;
///
/// let import = Import::litellm(
///     br#"{"acme/long": {"litellm_provider": "acme", "input_cost_per_token": 1e-06,
///          "output_cost_per_token": 2e-06, "input_cost_per_token_above_200k_tokens": 3e-06,
///          "output_cost_per_credit": 0.5}}"#,
/// )?;
/// assert_eq!(import.report().not_understood().next().unwrap().field, "output_cost_per_credit");
/// let table = PricingTable::empty().with_import(PriceSource::new("LiteLLM"), &import)?;
/// let price = table.find(Some("acme"), "long", Timestamp::EPOCH).expect("imported");
/// assert_eq!(price.quote(200_000, 0, &Conditions::new())?, "0.2".parse()?);
/// assert_eq!(price.quote(200_001, 0, &Conditions::new())?, "0.600003".parse()?);
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Import(Found);

impl Import {
    /// Reads either table, told apart by how it begins.
    ///
    /// # Errors
    /// [`ErrorKind::Unreadable`](crate::ErrorKind::Unreadable), naming entry and field, for anything that is
    /// not such a table: damaged, above 4 MiB packed or 32 MiB of text, nested
    /// more than 32 deep, with a key twice, or with a price that is no number.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let text = text(bytes)?;
        match Json::parse(&text)? {
            Json::Map(entries) => litellm::read(&entries).map(Self),
            Json::List(providers) => genai::read(&providers).map(Self),
            _ => Err(unreadable("is no price table: neither an object nor a list")),
        }
    }

    /// Reads LiteLLM's `model_prices_and_context_window.json`.
    ///
    /// # Errors
    /// Like [`read`](Self::read).
    pub fn litellm(bytes: &[u8]) -> Result<Self, Error> {
        match Json::parse(&text(bytes)?)? {
            Json::Map(entries) => litellm::read(&entries).map(Self),
            _ => Err(unreadable("is not LiteLLM's table: no object")),
        }
    }

    /// Reads genai-prices' data file.
    ///
    /// # Errors
    /// Like [`read`](Self::read).
    pub fn genai_prices(bytes: &[u8]) -> Result<Self, Error> {
        match Json::parse(&text(bytes)?)? {
            Json::List(providers) => genai::read(&providers).map(Self),
            _ => Err(unreadable("is not genai-prices' data: no list")),
        }
    }

    /// The rows, in the order of the table.
    #[must_use]
    pub fn rows(&self) -> &[PriceRow] {
        &self.0.rows
    }

    /// What was taken, what was left out and why, and what was not understood.
    #[must_use]
    pub fn report(&self) -> &ImportReport {
        &self.0.report
    }

    pub(super) fn aliases(&self) -> &[(ShortText, Name)] {
        &self.0.aliases
    }

    pub(super) fn clauses(&self) -> &[(ShortText, Vec<(Clause, Name)>)] {
        &self.0.clauses
    }
}

/// The text of a file, unpacked where it is packed.
fn text(bytes: &[u8]) -> Result<String, Error> {
    if !bytes.starts_with(&GZIP) {
        if bytes.len() > TEXT_BYTES_MAX {
            return Err(unreadable(format!("more than {TEXT_BYTES_MAX} bytes of text")));
        }
        let text = std::str::from_utf8(bytes);
        return text.map(str::to_owned).map_err(|error| unreadable("is not UTF-8").with_source(error));
    }
    if bytes.len() > PACKED_BYTES_MAX {
        return Err(unreadable(format!("more than {PACKED_BYTES_MAX} bytes packed")));
    }
    let text = unzipped(bytes)?;
    String::from_utf8(text).map_err(|error| unreadable("is not UTF-8").with_source(error))
}

/// All members of a gzip file, one behind the other.
fn unzipped(mut packed: &[u8]) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    while !packed.is_empty() {
        let read = Unpacker::gzip().each(packed, |piece| {
            text.extend_from_slice(piece);
            if text.len() > TEXT_BYTES_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if text.len() > TEXT_BYTES_MAX {
            return Err(unreadable(format!("unpacks to more than {TEXT_BYTES_MAX} bytes")));
        }
        packed = read
            .and_then(|read| packed.get(read..))
            .ok_or_else(|| unreadable("cannot be unpacked: it is damaged or cut"))?;
    }
    Ok(text)
}
