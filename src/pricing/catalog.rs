//! Which prices come with the crate?
//!
//! `catalog.json` holds text and embedding models of those who sell their own
//! (OpenAI, Anthropic, the Gemini API, Mistral, DeepSeek, xAI, Cohere and
//! others), host open ones (Groq, Together, Fireworks and others) or resell
//! (Azure and Azure AI, Bedrock, Vertex AI, OpenRouter), as rows like anyone's
//! own. `examples/make_catalog.rs` makes it, figures as they stand in the
//! publications to the last digit:
//!
//! - from LiteLLM's public table (MIT licence): current models from release
//!   1.109.1, models that their makers retired since then from 1.75.3;
//! - OpenRouter's from genai-prices 0.2.3 (MIT licence), since LiteLLM's table
//!   has none.
//!
//! What is in it, and what is not:
//!
//! - A dated name equal to its undated one in everything has no row.
//! - A name that differs in its place alone (`eu.…` and `us.…` at Bedrock) and
//!   equals another in everything is written once, for both.
//! - Models with a field that bears on their cost and is not understood have
//!   none; nor those that make sound, images or video, nor those listed at zero,
//!   which there often means "not known". OpenRouter's `:free` names have none.
//! - `reasoning` is what the table says of a model (`supports_reasoning`, `thinking_always_on`,
//!   `default_reasoning_effort`), or what is known of its family; where neither says it, a row says nothing, and
//!   [`ModelPrice::reasoning`](super::ModelPrice::reasoning) is always. `unseen_tokens_per_second` of fast sellers is
//!   a guess on the large side.
//! - `web_search` is the fee per search; free allowances are told, not deducted.
//! - `code_execution` at OpenAI is its fee for a container.
//! - `cache_write_1h` at OpenAI is its longer lifetime, twelve hours. For
//!   Anthropic's retired models, where 1.75.3 lists none, it is twice the input
//!   rate, as in every Anthropic row of 1.109.1.
//!
//! A program asks for few of these models. So the first use reads the names
//! alone, and each model's rows are compiled when it is first found.
//!
//! The text is parsed by serde twice: once for names and raw rows, and once for each
//! row that is asked for. A build script that compiled the rows would save the second
//! pass and cost every build of every user, and the text in the repository is what a
//! reviewer can compare with a publication.

use std::sync::{Arc, LazyLock};

use hashbrown::HashMap;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::index::Clauses;
use super::kept::Model;
use super::layer::{Version, overlaid};
use super::names::Name;
use super::row::PriceRow;
use super::source::PriceSource;
use super::table::PricingTable;
use crate::{Error, ErrorKind};

static BUNDLED: LazyLock<PricingTable> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the text is a constant, and a test reads it")]
    read(include_str!("catalog.json")).expect("the bundled catalog is well-formed")
});

impl PricingTable {
    /// The prices that come with this version of the crate.
    ///
    /// Text and embedding models, current and retired, of OpenAI, Anthropic,
    /// Google (the Gemini API), Mistral, `DeepSeek`, xAI, Groq, Cohere, Perplexity,
    /// Together, Fireworks and others who sell directly, and of resellers at their
    /// own prices: Azure, Bedrock, Vertex AI and `OpenRouter`.
    /// [`ModelPrice::source`](super::ModelPrice::source) names the publication of each. The first use reads
    /// the names; a model's figures are compiled when it is first found.
    #[must_use]
    pub fn bundled() -> Self {
        BUNDLED.clone()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalog<'a> {
    #[serde(borrow)]
    layers: Vec<Layer<'a>>,
    /// Provider, name and model: a row under another name, equal in everything.
    #[serde(borrow)]
    equals: Vec<(&'a str, &'a str, &'a str)>,
    /// Provider, alias and model.
    #[serde(borrow)]
    aliases: Vec<(&'a str, &'a str, &'a str)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Layer<'a> {
    source: PriceSource,
    #[serde(borrow)]
    rows: Vec<&'a RawValue>,
}

/// Reads the names; no model stands in two layers, and the rows of one stand together.
fn read(text: &'static str) -> Result<PricingTable, Error> {
    let unreadable = |problem: String| Error::new(ErrorKind::Unreadable, format!("catalog: {problem}"));
    let catalog: Catalog<'static> =
        serde_json::from_str(text).map_err(|error| unreadable(error.to_string()).with_source(error))?;
    let mut models = Vec::new();
    let mut written: Written = HashMap::default();
    for layer in catalog.layers {
        let source = Arc::new(layer.source);
        let same = |one: &&RawValue, other: &&RawValue| name(one.get()) == name(other.get());
        for rows in layer.rows.chunk_by(same) {
            let first = rows.first().map_or("", |row| row.get());
            let name = name(first).ok_or_else(|| unreadable(format!("no name in {first}")))?;
            let rows = Rows { rows: rows.into(), source: Arc::clone(&source) };
            written.insert(name, (models.len(), rows.clone()));
            models.push(rows.model(name.0, name.1));
        }
    }
    let known = |provider, name, model| {
        let known = written.get(&(provider, model));
        known.ok_or_else(|| unreadable(format!("{name} stands for {model}, which is unknown")))
    };
    for (provider, name, model) in catalog.equals {
        models.push(known(provider, name, model)?.1.model(provider, name));
    }
    let mut aliases = Vec::new();
    for (provider, alias, model) in catalog.aliases {
        aliases.push((alias.into(), known(provider, alias, model)?.0));
    }
    Ok(PricingTable::from_parts(models, aliases, Clauses::default()))
}

/// By provider and model, its place and its rows.
type Written = HashMap<(&'static str, &'static str), (usize, Rows), foldhash::fast::RandomState>;

/// The rows of one model, as they are written.
#[derive(Clone)]
struct Rows {
    rows: Arc<[&'static RawValue]>,
    source: Arc<PriceSource>,
}

impl Rows {
    /// The model under that name, which is its own or that of an equal.
    fn model(&self, provider: &str, model: &'static str) -> Model {
        let name = Name { provider: provider.into(), model: model.into() };
        let is_dated = self.rows.iter().any(|row| row.get().contains("\"from\":"));
        let Self { rows, source } = self.clone();
        Model::later(name, is_dated, move || compiled(model, &rows, &source))
    }
}

/// The provider and the model of a row, which begins with both; neither has a character that JSON escapes.
fn name(row: &str) -> Option<(&str, &str)> {
    let (provider, rest) = row.strip_prefix("{\"provider\":\"")?.split_once("\",\"model\":\"")?;
    Some((provider, rest.split_once('"')?.0))
}

/// The rows, laid over one another, under that name.
fn compiled(model: &str, rows: &[&RawValue], source: &Arc<PriceSource>) -> Vec<Version> {
    let all = rows.iter().try_fold(Vec::new(), |versions, row| {
        let row: PriceRow = serde_json::from_str(row.get())
            .map_err(|error| Error::new(ErrorKind::Unreadable, error.to_string()))?;
        let row = PriceRow { model: model.into(), ..row };
        overlaid(&versions, &row, source)
    });
    #[expect(clippy::expect_used, reason = "the text is a constant, and a test compiles every row")]
    all.expect("the bundled catalog is well-formed")
}
