//! Which prices come with the crate?
//!
//! `catalog.json` holds text and embedding models of those who sell their own
//! (OpenAI, Anthropic, the Gemini API, Mistral, DeepSeek, xAI, Cohere and others)
//! or host open ones (Groq, Together, Fireworks and others), as rows like
//! anyone's own. `examples/make_catalog.rs` makes it from LiteLLM's public table
//! (MIT licence), figures as they stand there to the last digit: current models
//! from release 1.109.1, models retired since then from 1.75.3.
//!
//! - A dated name equal to its undated one in everything has no row.
//! - Models with a field that bears on their cost and is not understood have
//!   none; nor those that make sound, images or video, nor those listed at zero,
//!   which there often means "not known".
//! - Resellers (Azure, Bedrock, Vertex AI) are not in it: import the table.
//! - `reasoning` is what the table says of a model (`supports_reasoning`, `thinking_always_on`,
//!   `default_reasoning_effort`), or what is known of its family; where neither says it, a row says nothing, and
//!   [`ModelPrice::reasoning`](super::ModelPrice::reasoning) is always. `unseen_tokens_per_second` of fast sellers is
//!   a guess on the large side.
//! - `web_search` is the fee per search; free allowances are told, not deducted.
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
