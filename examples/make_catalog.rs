//! How is the bundled catalog made from LiteLLM's public tables?
//!
//! ```text
//! cargo run --release --example make_catalog -- 1.75.3==OLD.json.gz 1.109.1=2026-11-22=NEW.json.gz \
//!     > src/pricing/catalog.json
//! ```
//!
//! Each table is given with its version and date, where that is known, the
//! newest last; a model that a later table has lost stays as the earlier one had it. Taken are text models
//! of providers who sell their own or host open ones, at every condition of the
//! table. Left out, and named on the standard error: a model with any field that
//! bears on its cost and is not understood; one whose output may be sound, images
//! or video, as a hold for text would be too small; one without a rate for input,
//! or for output where it has any; and one that is listed at nothing, which
//! there often means "not known".

#![expect(
    clippy::indexing_slicing,
    reason = "a field of JSON that is missing is null, or made by writing to it"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::Read;

use flate2::read::MultiGzDecoder;
use serde_json::{Map, Value};
use token_budget::pricing::Import;
use token_budget::{Meter, PriceRow, PriceSource, PricingTable, ServiceTier};

type Failure = Box<dyn Error>;

/// As the table calls them, and as we do; who stands first answers where nobody asked for a provider.
const PROVIDERS: [(&str, &str); 22] = [
    ("openai", "openai"),
    ("text-completion-openai", "openai"),
    ("anthropic", "anthropic"),
    ("gemini", "google"),
    ("mistral", "mistral"),
    ("deepseek", "deepseek"),
    ("xai", "xai"),
    ("groq", "groq"),
    ("cohere", "cohere"),
    ("cohere_chat", "cohere"),
    ("perplexity", "perplexity"),
    ("together_ai", "together"),
    ("fireworks_ai", "fireworks"),
    ("cerebras", "cerebras"),
    ("moonshot", "moonshot"),
    ("zai", "zai"),
    ("dashscope", "dashscope"),
    ("minimax", "minimax"),
    ("voyage", "voyage"),
    ("ai21", "ai21"),
    ("sambanova", "sambanova"),
    ("codestral", "codestral"),
];

const MODES: [&str; 4] = ["chat", "responses", "completion", "embedding"];

/// A provider's rank and a model's name.
type Name = (usize, String);
/// Rows by name, so that the file is the same whenever it is made.
type Rows = BTreeMap<Name, Value>;

/// One table: its version, its date, what is taken of it, and whatever else it names.
struct Table {
    version: String,
    date: String,
    rows: Rows,
    names: BTreeSet<Name>,
}

fn main() -> Result<(), Failure> {
    let mut tables = Vec::new();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let newest = words.last().and_then(|word| word.splitn(3, '=').nth(2)).ok_or("name at least one table")?;
    // The fee of a code interpreter is an entry of its own, in the newer table alone.
    let container = serde_json::from_str::<Value>(&unpacked(newest)?)?;
    let container = &container["openai/container"]["code_interpreter_cost_per_session"];
    for word in words {
        let mut parts = word.splitn(3, '=');
        let (Some(version), Some(date), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("each table is VERSION=DATE=PATH".into());
        };
        let (rows, names) = selected(path, container)?;
        tables.push(Table { version: version.to_owned(), date: date.to_owned(), rows, names });
    }
    let mut later = BTreeSet::new();
    for table in tables.iter_mut().rev() {
        // What a later table still names is not retired, whether or not it is taken from there.
        table.rows.retain(|name, _| !later.contains(name));
        later.append(&mut table.names);
    }
    check(&tables)?;
    print(&tables)
}

fn unpacked(path: &str) -> Result<String, Failure> {
    let mut text = String::new();
    MultiGzDecoder::new(&*std::fs::read(path)?).read_to_string(&mut text)?;
    Ok(text)
}

/// The rows of one table, and every name it has.
fn selected(path: &str, container: &Value) -> Result<(Rows, BTreeSet<Name>), Failure> {
    let text = unpacked(path)?;
    let import = Import::litellm(text.as_bytes())?;
    let entries: Map<String, Value> = serde_json::from_str(&text)?;
    let by_name: BTreeMap<(&str, &str), &PriceRow> =
        import.rows().iter().map(|row| ((row.provider(), row.model()), row)).collect();
    let (mut rows, mut names) = (Rows::new(), BTreeSet::new());
    for (key, entry) in &entries {
        let word = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default();
        let rank = PROVIDERS.iter().position(|(theirs, _)| *theirs == word("litellm_provider"));
        let Some((rank, (theirs, ours))) = rank.and_then(|rank| Some((rank, *PROVIDERS.get(rank)?))) else {
            continue;
        };
        let short = key.strip_prefix(theirs).and_then(|rest| rest.strip_prefix('/')).unwrap_or(key);
        names.insert((rank, short.to_owned()));
        let row = by_name.get(&(theirs, key.as_str())).or_else(|| by_name.get(&(theirs, short)));
        let Some(row) = row.filter(|_| MODES.contains(&word("mode"))) else { continue };
        let embeds = word("mode") == "embedding";
        // A model that is listed twice, once at nothing, has no price that one could know.
        let prefixed = format!("{theirs}/{short}");
        let twins = [(theirs, prefixed.as_str()), (theirs, short)].map(|name| by_name.get(&name));
        let reason = if twins.into_iter().flatten().any(|row| is_free(row)) {
            Some("is listed at nothing".to_owned())
        } else if makes_more_than_text(key, entry) {
            Some("may make sound or images".to_owned())
        } else {
            unfit(row, &import, key, embeds)
        };
        if let Some(reason) = reason {
            eprintln!("{key}: {reason}");
            continue;
        }
        let mut row = serde_json::to_value(row)?;
        row["provider"] = ours.into();
        finish(&mut row, container, embeds);
        // One name at one seller: what is written without the provider in front goes first.
        let name = row["model"].as_str().unwrap_or_default().to_owned();
        if ours == "perplexity" && name.contains('/') {
            eprintln!("{key}: resold");
        } else if name != *key || !name.starts_with(&format!("{theirs}/")) {
            rows.entry((rank, name)).or_insert(row);
        }
    }
    drop_dated(&mut rows);
    Ok((rows, names))
}

fn is_free(row: &PriceRow) -> bool {
    let zero = |meter| row.rates(ServiceTier::Standard).get(meter).is_none_or(|rate| rate.is_zero());
    zero(Meter::Input) && zero(Meter::Output)
}

/// What it makes is also said in its name: the field alone says it of plain chat models too.
fn makes_more_than_text(key: &str, entry: &Value) -> bool {
    let named =
        ["tts", "image", "audio", "live", "realtime", "omni"].into_iter().any(|word| key.contains(word));
    let made = entry.get("supported_output_modalities").and_then(Value::as_array);
    named
        && made.is_some_and(|made| {
            made.iter().any(|kind| matches!(kind.as_str(), Some("audio" | "image" | "video")))
        })
}

/// Why a model has no place in the catalog.
fn unfit(row: &PriceRow, import: &Import, key: &str, embeds: bool) -> Option<String> {
    let standard = row.rates(ServiceTier::Standard);
    if let Some(gap) = import.report().not_understood().find(|gap| gap.entry == key) {
        return Some(format!("{} is not understood", gap.field));
    }
    let missing = standard.get(Meter::Input).is_none() || (standard.get(Meter::Output).is_none() && !embeds);
    let made = [Meter::OutputAudio, Meter::OutputImage, Meter::OutputVideo, Meter::ImageOut];
    if missing {
        Some("has no rate for input or output".to_owned())
    } else if made.into_iter().any(|meter| standard.get(meter).is_some_and(|rate| !rate.is_zero())) {
        Some("may make sound or images".to_owned())
    } else {
        None
    }
}

/// Adds what the publication says elsewhere, and leaves out what says nothing.
fn finish(row: &mut Value, container: &Value, embeds: bool) {
    let provider = row["provider"].as_str().unwrap_or_default().to_owned();
    if let Some(fields) = row.as_object_mut() {
        fields.remove("complete");
    }
    if embeds && row["standard"].get("output").is_none() {
        row["standard"]["output"] = "0".into();
    }
    if provider == "openai" && !embeds && container.is_number() {
        row["standard"]["code_execution"] = container.to_string().into();
    }
    // As in every one of their rows since: an hour's write costs twice the input.
    let standard = &row["standard"];
    if provider == "anthropic"
        && standard.get("cache_write_5m").is_some()
        && standard.get("cache_write_1h").is_none()
    {
        let input = standard["input"].as_str().and_then(|rate| rate.parse::<rust_decimal::Decimal>().ok());
        let twice = input.and_then(|rate| rate.checked_mul(2.into()));
        row["standard"]["cache_write_1h"] = twice.map(|rate| rate.normalize().to_string()).into();
    }
}

/// A dated name that equals its undated one in everything needs no row.
fn drop_dated(rows: &mut Rows) {
    let nameless = |row: &Value| {
        let mut row = row.clone();
        row["model"] = Value::Null;
        row
    };
    let same = |rows: &Rows, (rank, name): &(usize, String)| {
        let undated = undated(name)?;
        let (dated, undated) = (rows.get(&(*rank, name.clone()))?, rows.get(&(*rank, undated))?);
        Some(nameless(dated) == nameless(undated))
    };
    let dated: Vec<_> = rows.keys().filter(|name| same(rows, name) == Some(true)).cloned().collect();
    for name in dated {
        rows.remove(&name);
    }
}

/// The name without `-2024-08-06` or `-20240806`.
fn undated(name: &str) -> Option<String> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (front, last) = name.rsplit_once('-')?;
    if last.len() == 8 && digits(last) {
        return Some(front.to_owned());
    }
    let (front, month) = front.rsplit_once('-')?;
    let (front, year) = front.rsplit_once('-')?;
    let dated =
        [(year, 4), (month, 2), (last, 2)].iter().all(|(text, len)| text.len() == *len && digits(text));
    dated.then(|| front.to_owned())
}

/// Builds the table, so that nothing is written that cannot be read.
fn check(tables: &[Table]) -> Result<(), Failure> {
    let mut table = PricingTable::empty();
    for Table { version, rows, .. } in tables {
        let list = serde_json::to_string(&rows.values().collect::<Vec<_>>())?;
        let rows = PriceRow::list_from_json(&list)?;
        eprintln!("{version}: {} models", rows.len());
        table = table.with_rows_from(PriceSource::new("check").with_version(version.as_str()), rows)?;
    }
    Ok(())
}

/// One row a line, those of the newest table first among providers and all in the order of their names.
fn print(tables: &[Table]) -> Result<(), Failure> {
    println!("{{\"layers\": [");
    for (Table { version, date, rows, .. }, number) in tables.iter().zip(1_usize..) {
        let source = serde_json::json!({
            "name": "LiteLLM model_prices_and_context_window", "version": version,
            "date": Some(date).filter(|date| !date.is_empty()),
        });
        println!("{{\"source\": {source}, \"rows\": [");
        for (row, at) in rows.values().zip(1_usize..) {
            let row: PriceRow = serde_json::from_value(row.clone())?;
            println!("{}{}", serde_json::to_string(&row)?, if at < rows.len() { "," } else { "" });
        }
        println!("]}}{}", if number < tables.len() { "," } else { "" });
    }
    let aliases = [
        ("claude-sonnet-4-0", "anthropic/claude-sonnet-4-20250514"),
        ("claude-opus-4-0", "anthropic/claude-opus-4-20250514"),
    ];
    let aliases: Vec<_> =
        aliases.map(|(alias, model)| serde_json::json!({"alias": alias, "model": model})).into();
    println!("], \"aliases\": {}}}", serde_json::to_string(&aliases)?);
    Ok(())
}
