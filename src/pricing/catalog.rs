//! Which prices come with the crate?
//!
//! `catalog.json` holds the chat models of OpenAI, Anthropic and the Gemini API
//! as rows like anyone's own, figures in exact decimals. They are taken from
//! LiteLLM's public table (MIT licence): current models from release 1.109.1,
//! models retired since then from 1.75.3.
//!
//! - A dated name equal to its undated one in every figure has no row.
//! - Models that bill audio, images or video in their output have none, and
//!   neither do those listed at zero, which there often means "not known".
//! - `web_search` is the fee per search; free allowances are not deducted.
//! - `code_execution` at OpenAI is its fee for a container.
//! - `cache_write_1h` at OpenAI is its longer lifetime, twelve hours. For
//!   Anthropic's retired models, where 1.75.3 lists none, it is twice the input
//!   rate, as in every Anthropic row of 1.109.1.

use std::sync::LazyLock;

use serde::Deserialize;

use super::row::PriceRow;
use super::source::PriceSource;
use super::table::PricingTable;
use crate::{Error, ErrorKind};

static BUNDLED: LazyLock<PricingTable> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the text is a constant, and a test reads it")]
    read(include_str!("catalog.json")).expect("the bundled catalog is well-formed")
});

/// The bundled table, read once.
pub(super) fn bundled() -> PricingTable {
    BUNDLED.clone()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalog {
    layers: Vec<Layer>,
    aliases: Vec<Alias>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Layer {
    source: PriceSource,
    rows: Vec<PriceRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Alias {
    alias: String,
    model: String,
}

fn read(text: &str) -> Result<PricingTable, Error> {
    let catalog: Catalog = serde_json::from_str(text)
        .map_err(|error| Error::new(ErrorKind::Unreadable, format!("catalog: {error}")).with_source(error))?;
    let mut table = PricingTable::empty();
    for layer in catalog.layers {
        table = table.with_rows_from(layer.source, layer.rows)?;
    }
    catalog.aliases.iter().try_fold(table, |table, alias| table.with_alias(&alias.alias, &alias.model))
}
