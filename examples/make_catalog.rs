//! How is the bundled catalog made from public tables?
//!
//! ```text
//! cargo run --release --example make_catalog -- 1.75.3==OLD.json.gz 1.109.1=2026-11-22=NEW.json.gz \
//!     openrouter:0.2.3==GENAI.json.gz > src/pricing/catalog.json
//! ```
//!
//! Each of LiteLLM's tables is given with its version and date, where that is known, the
//! newest last; a model that a later table has lost stays as the earlier one had it, but for those
//! of resellers, whom nobody asks for retired models. The last file is genai-prices' data, of which
//! the models of one seller are taken. Taken are text models
//! at every condition of the table. A dated name that equals its undated one has no row, and a name that
//! differs in its place alone is written as its equal. A row that does not say whether its model reasons
//! takes what others say of that name. Left out, and named on the standard error: a model with any field that
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
use token_budget::PricingTable;
use token_budget::call::ServiceTier;
use token_budget::pricing::{Import, PriceRow, PriceSource};
use token_budget::usage::Meter;

type Failure = Box<dyn Error>;

/// As the table calls them, and as we do; who stands first answers where nobody asked for a provider.
const PROVIDERS: [(&str, &str); 29] = [
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
    ("azure", "azure"),
    ("azure_text", "azure"),
    ("azure_ai", "azure_ai"),
    ("bedrock_converse", "bedrock"),
    ("bedrock", "bedrock"),
    ("bedrock_mantle", "bedrock_mantle"),
    ("vertex_ai", "vertex_ai"),
];

/// Who sells what others made; of these only the newest table is taken.
const RESELLERS: [&str; 5] = ["azure", "azure_ai", "bedrock", "bedrock_mantle", "vertex_ai"];

/// What a name says of the place that serves it, before a dot (Bedrock) or a slash (Azure, Bedrock).
const PLACES: [&str; 15] = [
    "us",
    "eu",
    "apac",
    "jp",
    "au",
    "ca",
    "sa",
    "me",
    "af",
    "il",
    "mx",
    "global",
    "global-standard",
    "us-gov",
    "invoke",
];

const MODES: [&str; 4] = ["chat", "responses", "completion", "embedding"];

/// A provider's rank and a model's name.
type Name = (usize, String);
/// Rows by name, so that the file is the same whenever it is made.
type Rows = BTreeMap<Name, Value>;

/// One table: its source, what is taken of it, and whatever else it names.
struct Table {
    source: Value,
    rows: Rows,
    names: BTreeSet<Name>,
}

/// A provider, another name, and the model that it stands for.
type Alias = (String, String, String);

fn main() -> Result<(), Failure> {
    let mut tables = Vec::new();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let is_ours = |word: &&String| !word.starts_with("openrouter:");
    let newest = words.iter().rfind(is_ours).ok_or("name at least one table of LiteLLM")?;
    let path = newest.splitn(3, '=').nth(2).ok_or("each table is VERSION=DATE=PATH")?;
    // The fee of a code interpreter is an entry of its own, in the newer table alone.
    let container = serde_json::from_str::<Value>(&unpacked(path)?)?;
    let container = &container["openai/container"]["code_interpreter_cost_per_session"];
    for word in &words {
        let mut parts = word.splitn(3, '=');
        let (Some(version), Some(date), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("each table is VERSION=DATE=PATH".into());
        };
        let date = Some(date).filter(|date| !date.is_empty());
        let (name, version, (rows, names)) = match version.split_once(':') {
            Some((seller, version)) => ("genai-prices", version, of_seller(path, seller)?),
            None => {
                let is_newest = word == newest;
                ("LiteLLM model_prices_and_context_window", version, selected(path, container, is_newest)?)
            }
        };
        let source = serde_json::json!({"name": name, "version": version, "date": date});
        tables.push(Table { source, rows, names });
    }
    let mut later = BTreeSet::new();
    for table in tables.iter_mut().rev() {
        // What a later table still names is not retired, whether or not it is taken from there.
        table.rows.retain(|name, _| !later.contains(name));
        later.append(&mut table.names);
    }
    let equals: Vec<Alias> = tables.iter_mut().flat_map(|table| drop_places(&mut table.rows)).collect();
    inherit_reasoning(&mut tables);
    check(&tables)?;
    print(&tables, &equals)
}

/// A row that does not say whether its model reasons takes the most cautious of what others say of that name.
fn inherit_reasoning(tables: &mut [Table]) {
    const WORDS: [&str; 3] = ["never", "on_request", "always"];
    // `anthropic/claude-sonnet-5:batch`, `us.anthropic.claude-sonnet-5`, `claude-sonnet-5`.
    let bare = |row: &Value| {
        let name = row["model"].as_str().unwrap_or_default().to_ascii_lowercase();
        let name = name.rsplit('/').next().unwrap_or_default();
        let name = name.rsplit_once("anthropic.").map_or(name, |(_, name)| name);
        name.trim_end_matches(":batch").replace('.', "-")
    };
    let mut said: BTreeMap<String, usize> = BTreeMap::new();
    for row in tables.iter().flat_map(|table| table.rows.values()) {
        if let Some(certainty) = WORDS.iter().position(|word| row["reasoning"] == *word) {
            let most = said.entry(bare(row)).or_default();
            *most = certainty.max(*most);
        }
    }
    for row in tables.iter_mut().flat_map(|table| table.rows.values_mut()) {
        let word = said.get(&bare(row)).and_then(|certainty| WORDS.get(*certainty));
        if let Some(word) = word.filter(|_| row["reasoning"].is_null()) {
            row["reasoning"] = (*word).into();
        }
    }
}

/// The rows of one seller in genai-prices' data; those of a model with dated prices in their order.
fn of_seller(path: &str, seller: &str) -> Result<(Rows, BTreeSet<Name>), Failure> {
    let import = Import::read(unpacked(path)?.as_bytes())?;
    let mut rows = Rows::new();
    let made = [Meter::OutputAudio, Meter::OutputImage, Meter::OutputVideo, Meter::ImageOut];
    let gaps: BTreeSet<&str> = import.report().not_understood().map(|gap| gap.entry.as_str()).collect();
    for row in import.rows().iter().filter(|row| row.provider() == seller) {
        let (model, standard) = (row.model(), row.rates(ServiceTier::Standard));
        // Bare names are those of years ago, a tilde is an alias that moves, and what is free is so for a while.
        let is_current = model.contains('/') && !model.starts_with('~') && !model.ends_with(":free");
        let is_text = made.into_iter().all(|meter| standard.get(meter).is_none());
        let is_priced = standard.get(Meter::Input).is_some() && standard.get(Meter::Output).is_some();
        let entry = format!("{seller}/{model}");
        // Of these the data name no rate for what they draw or say.
        let draws =
            ["image", "omni", "banana", "audio", "lyria", "-live"].iter().any(|word| model.contains(word));
        if draws || !is_current || !is_text || !is_priced || is_free(row) || gaps.contains(entry.as_str()) {
            eprintln!("{entry}: left out");
            continue;
        }
        let mut row_json = serde_json::to_value(row)?;
        if let Some(fields) = row_json.as_object_mut() {
            fields.remove("complete");
        }
        let from = row_json["from"].as_str().unwrap_or_default().to_owned();
        rows.insert((PROVIDERS.len(), format!("{model} {from}")), row_json);
    }
    Ok((rows, BTreeSet::new()))
}

fn unpacked(path: &str) -> Result<String, Failure> {
    let mut text = String::new();
    MultiGzDecoder::new(&*std::fs::read(path)?).read_to_string(&mut text)?;
    Ok(text)
}

/// The rows of one table, and every name it has.
fn selected(path: &str, container: &Value, is_newest: bool) -> Result<(Rows, BTreeSet<Name>), Failure> {
    let text = unpacked(path)?;
    let import = Import::litellm(text.as_bytes())?;
    let entries: Map<String, Value> = serde_json::from_str(&text)?;
    let by_name: BTreeMap<(&str, &str), &PriceRow> =
        import.rows().iter().map(|row| ((row.provider(), row.model()), row)).collect();
    let (mut rows, mut names) = (Rows::new(), BTreeSet::new());
    for (key, entry) in &entries {
        let word = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default();
        let raw = word("litellm_provider");
        let theirs = if raw.starts_with("vertex_ai-") { "vertex_ai" } else { raw };
        let ours = PROVIDERS.iter().find(|(name, _)| *name == theirs).map(|(_, ours)| *ours);
        let Some(ours) = ours.filter(|ours| is_newest || !RESELLERS.contains(ours)) else { continue };
        let certainty = PROVIDERS.iter().position(|(_, name)| *name == ours).unwrap_or(PROVIDERS.len());
        let bare = |seller: &str| key.strip_prefix(seller).and_then(|rest| rest.strip_prefix('/'));
        let short = bare(theirs).or_else(|| bare(ours)).unwrap_or(key);
        names.insert((certainty, short.to_owned()));
        let row = by_name.get(&(raw, key.as_str())).or_else(|| by_name.get(&(raw, short)));
        let Some(row) = row.filter(|_| MODES.contains(&word("mode"))) else { continue };
        let embeds = word("mode") == "embedding";
        // A model that is listed twice, once at nothing, has no price that one could know.
        let prefixed = format!("{theirs}/{short}");
        let twins = [(raw, prefixed.as_str()), (raw, short)].map(|name| by_name.get(&name));
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
            rows.entry((certainty, name)).or_insert(row);
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
    let same = |rows: &Rows, (certainty, name): &(usize, String)| {
        let undated = undated(name)?;
        let (dated, undated) = (rows.get(&(*certainty, name.clone()))?, rows.get(&(*certainty, undated))?);
        Some(nameless(dated) == nameless(undated))
    };
    let dated: Vec<_> = rows.keys().filter(|name| same(rows, name) == Some(true)).cloned().collect();
    for name in dated {
        rows.remove(&name);
    }
}

/// Names that differ in their place alone, and equal another in everything, are written as that.
fn drop_places(rows: &mut Rows) -> Vec<Alias> {
    let mut equal: BTreeMap<(usize, String, String), Vec<String>> = BTreeMap::new();
    for ((certainty, name), row) in &*rows {
        let mut content = row.clone();
        content["model"] = Value::Null;
        let group = (*certainty, placeless(name).unwrap_or(name).to_owned(), content.to_string());
        equal.entry(group).or_default().push(name.clone());
    }
    let mut aliases = Vec::new();
    for ((certainty, base, _), names) in equal {
        let kept = names.iter().find(|name| **name == base).or_else(|| names.first()).cloned();
        for name in names.iter().filter(|name| Some(*name) != kept.as_ref()) {
            let Some(row) = rows.remove(&(certainty, name.clone())) else { continue };
            let provider = row["provider"].as_str().unwrap_or_default().to_owned();
            aliases.push((provider, name.clone(), kept.clone().unwrap_or_default()));
        }
    }
    aliases.sort();
    aliases
}

/// The name without the place that serves it: a word before a dot or a slash, or a region.
fn placeless(name: &str) -> Option<&str> {
    let is_region = |word: &str| word.contains('-') && word.ends_with(|last: char| last.is_ascii_digit());
    let (slash, dot) = (name.split_once('/'), name.split_once('.'));
    let slash = slash.filter(|(place, _)| PLACES.contains(place) || is_region(place));
    slash.or(dot.filter(|(place, _)| PLACES.contains(place))).map(|(_, rest)| rest)
}

/// The name without `-2024-08-06`, `-20240806`, `@20240806` or `@default`.
fn undated(name: &str) -> Option<String> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((front, last)) = name.rsplit_once('@') {
        return (last == "default" || (last.len() == 8 && digits(last))).then(|| front.to_owned());
    }
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
    for Table { source, rows, .. } in tables {
        let list = serde_json::to_string(&rows.values().collect::<Vec<_>>())?;
        let list = PriceRow::list_from_json(&list)?;
        eprintln!("{source}: {} rows", list.len());
        table = table.with_rows_from(serde_json::from_value::<PriceSource>(source.clone())?, list)?;
    }
    Ok(())
}

/// One row a line, those of the newest table first among providers and all in the order of their names.
fn print(tables: &[Table], equals: &[Alias]) -> Result<(), Failure> {
    println!("{{\"layers\": [");
    for (Table { source, rows, .. }, number) in tables.iter().zip(1_usize..) {
        println!("{{\"source\": {source}, \"rows\": [");
        for (row, at) in rows.values().zip(1_usize..) {
            let row: PriceRow = serde_json::from_value(row.clone())?;
            println!("{}{}", serde_json::to_string(&row)?, if at < rows.len() { "," } else { "" });
        }
        println!("]}}{}", if number < tables.len() { "," } else { "" });
    }
    let aliases: [Alias; 2] = [
        ("anthropic".into(), "claude-sonnet-4-0".into(), "claude-sonnet-4-20250514".into()),
        ("anthropic".into(), "claude-opus-4-0".into(), "claude-opus-4-20250514".into()),
    ];
    for (list, word, end) in [(equals, "equals", ","), (&aliases, "aliases", "}")] {
        println!("{}\"{word}\": [", if word == "equals" { "], " } else { "" });
        for (alias, number) in list.iter().zip(1_usize..) {
            println!("{}{}", serde_json::to_string(alias)?, if number < list.len() { "," } else { "" });
        }
        println!("]{end}");
    }
    Ok(())
}
