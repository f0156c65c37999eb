//! Do costs worked out elsewhere come out to the last digit?
//!
//! ```text
//! cargo run --release --example check_prices -- TABLE.json.gz GOLDEN.jsonl.gz [--json]
//! ```
//!
//! TABLE is LiteLLM's or genai-prices' file, plain or packed. Each line of
//! GOLDEN names a model, a usage, an instant and the exact `total_usd`. Every
//! disagreement is a line of its own (an object with `--json`); the last line
//! is `N of M costs exact`.

use std::error::Error;
use std::io::Read;
use std::process::ExitCode;

use flate2::read::MultiGzDecoder;
use serde_json::{Map, Value, json};
use token_budget::call::{Conditions, Region, SearchContext, ServiceTier};
use token_budget::pricing::{ExactUsd, Import, PriceSource};
use token_budget::time::Timestamp;
use token_budget::usage::Meter;
use token_budget::{PricingTable, Usage};

type Failure = Box<dyn Error>;

fn main() -> Result<ExitCode, Failure> {
    let (flags, files): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|word| word.starts_with("--"));
    let (true, [table, golden]) = (flags.iter().all(|flag| flag == "--json"), files.as_slice()) else {
        eprintln!("usage: check_prices TABLE.json.gz GOLDEN.jsonl.gz [--json]");
        return Ok(ExitCode::from(2));
    };
    let checked = check(table, golden)?;
    for Disagreement { line, model, problem } in &checked.disagreements {
        if flags.is_empty() {
            println!("line {line}: {model}: {problem}");
        } else {
            println!("{}", json!({"line": line, "model": model, "problem": problem}));
        }
    }
    println!("{} of {} costs exact", checked.all.saturating_sub(checked.disagreements.len()), checked.all);
    Ok(if checked.disagreements.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How many costs there are, and which differ.
pub(crate) struct Checked {
    pub(crate) all: usize,
    pub(crate) disagreements: Vec<Disagreement>,
}

/// One cost that differs.
#[derive(Debug)]
pub(crate) struct Disagreement {
    pub(crate) line: usize,
    pub(crate) model: String,
    pub(crate) problem: String,
}

/// Prices every line of one file by the table in the other.
pub(crate) fn check(table: &str, golden: &str) -> Result<Checked, Failure> {
    let import = Import::read(&std::fs::read(table)?)?;
    eprintln!("{}", import.report());
    let table = PricingTable::empty().with_import(PriceSource::new(table), &import)?;
    let mut checked = Checked { all: 0, disagreements: Vec::new() };
    for (text, number) in unpacked(golden)?.lines().zip(1_usize..).filter(|(text, _)| !text.trim().is_empty())
    {
        let line: Map<String, Value> = serde_json::from_str(text)?;
        checked.all = checked.all.saturating_add(1);
        if let Some(problem) = differs(&table, &line) {
            checked.disagreements.push(Disagreement { line: number, model: name(&line), problem });
        }
    }
    Ok(checked)
}

fn unpacked(path: &str) -> Result<String, Failure> {
    let bytes = std::fs::read(path)?;
    let mut text = String::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        MultiGzDecoder::new(&*bytes).read_to_string(&mut text)?;
    } else {
        (&*bytes).read_to_string(&mut text)?;
    }
    Ok(text)
}

fn text<'a>(line: &'a Map<String, Value>, field: &str) -> Option<&'a str> {
    line.get(field).and_then(Value::as_str)
}

fn name(line: &Map<String, Value>) -> String {
    let model = text(line, "key").or_else(|| text(line, "model")).unwrap_or("?");
    format!("{} {model}", text(line, "provider").unwrap_or("?"))
}

/// What is wrong with a line, if anything is.
fn differs(table: &PricingTable, line: &Map<String, Value>) -> Option<String> {
    match priced(table, line) {
        Ok((ours, theirs)) if ours == theirs => None,
        Ok((ours, theirs)) => Some(format!("{ours} here, {theirs} there")),
        Err(error) => Some(error.to_string()),
    }
}

fn priced(table: &PricingTable, line: &Map<String, Value>) -> Result<(ExactUsd, ExactUsd), Failure> {
    let field = |name: &str| text(line, name).ok_or_else(|| format!("has no {name}"));
    let at: Timestamp = field("at")?.parse()?;
    let model = field("key").or_else(|_| field("model"))?;
    let price = table.find(text(line, "provider"), model, at).ok_or("has no price")?;
    let usage = line.get("usage").and_then(Value::as_object).ok_or("has no usage")?;
    let mut usage = used(usage)?;
    if line.contains_key("key") && usage.count(Meter::Request).is_none() {
        // LiteLLM's calculator prices tokens alone, without the fee of a request.
        usage = usage.with(Meter::Request, 0);
    }
    let cost = price.cost(&usage, &conditions(line)?)?;
    Ok((cost.exact(), field("total_usd")?.parse()?))
}

/// The tier: LiteLLM's word for it, or genai-prices' context, which may also be a kind of search or a route.
fn conditions(line: &Map<String, Value>) -> Result<Conditions, Failure> {
    let mut conditions = Conditions::new();
    let mut words = text(line, "service_tier").into_iter().collect::<Vec<_>>();
    for (key, word) in line.get("context").and_then(Value::as_object).into_iter().flatten() {
        match key.as_str() {
            "processing" | "service_tier" | "speed" => words.extend(word.as_str()),
            "search_type" if word == "web" => {}
            "search_type" if word == "fast" => {
                conditions = conditions.with_search_context(SearchContext::Fast);
            }
            "route" => {
                let place = word.as_str().and_then(|route| route.rsplit('/').next());
                conditions = conditions.with_region(Region::named(place.unwrap_or_default()));
            }
            _ => return Err(format!("context {key} is not understood").into()),
        }
    }
    match words.as_slice() {
        [] => Ok(conditions),
        [word] => {
            let tier = ServiceTier::named(word).ok_or_else(|| format!("tier {word} is not understood"))?;
            Ok(conditions.with_tier(tier))
        }
        _ => Err("two tiers at once are not understood".into()),
    }
}

/// Counts as both publications name them.
const NAMES: [(&str, Meter); 33] = [
    ("input_total", Meter::Input),
    ("input_tokens", Meter::Input),
    ("output_total", Meter::Output),
    ("output_tokens", Meter::Output),
    ("cache_read", Meter::CachedInput),
    ("cache_read_tokens", Meter::CachedInput),
    ("reasoning", Meter::Reasoning),
    ("output_reasoning_tokens", Meter::Reasoning),
    ("input_audio", Meter::InputAudio),
    ("input_audio_tokens", Meter::InputAudio),
    ("input_image", Meter::InputImage),
    ("input_image_tokens", Meter::InputImage),
    ("input_video", Meter::InputVideo),
    ("input_video_tokens", Meter::InputVideo),
    ("cache_read_audio", Meter::CachedAudio),
    ("cache_audio_read_tokens", Meter::CachedAudio),
    ("cache_image_read_tokens", Meter::CachedImage),
    ("cache_video_read_tokens", Meter::CachedVideo),
    ("cache_audio_write_tokens", Meter::CacheWriteAudio),
    ("output_audio", Meter::OutputAudio),
    ("output_audio_tokens", Meter::OutputAudio),
    ("output_image_tokens", Meter::OutputImage),
    ("output_video_tokens", Meter::OutputVideo),
    ("output_citation_tokens", Meter::Citation),
    ("web_searches", Meter::WebSearch),
    ("storage_searches", Meter::FileSearch),
    ("code_executions", Meter::CodeExecution),
    ("rerank_searches", Meter::SearchUnit),
    ("input_document_pages", Meter::Page),
    ("input_annotated_document_pages", Meter::AnnotatedPage),
    ("input_characters", Meter::CharacterIn),
    ("requests", Meter::Request),
    // What these say is contained in the totals above.
    ("output_text_tokens", Meter::Output),
];

/// Counts of tokens written to caches, which overlap.
const WRITES: [&str; 8] = [
    "cache_write",
    "cache_write_tokens",
    "cache_write_5m",
    "cache_write_5m_tokens",
    "cache_write_30m",
    "cache_write_1h",
    "cache_write_1h_tokens",
    "cache_write_12h",
];

/// A usage from its counts; a name that is not known is an error.
fn used(counts: &Map<String, Value>) -> Result<Usage, Failure> {
    let count = |name: &str| counts.get(name).and_then(Value::as_u64).unwrap_or(0);
    let mut usage = Usage::of(0, 0);
    for (name, value) in counts {
        let value = value.as_u64().ok_or_else(|| format!("usage {name} is no count"))?;
        let known = NAMES.iter().find(|(known, _)| known == name);
        match known {
            Some((name, meter)) if *name != "output_text_tokens" => usage = usage.with(*meter, value),
            Some(_) => {}
            None if WRITES.contains(&name.as_str()) => {}
            None if name.ends_with("audio_seconds") => {
                usage = usage.with(Meter::AudioInMs, value.saturating_mul(1_000));
            }
            None => return Err(format!("usage {name} is not understood").into()),
        }
    }
    // The longer of two lifetimes, and the rest at the shorter or default one.
    let long = [count("cache_write_1h"), count("cache_write_1h_tokens"), count("cache_write_12h")];
    let long = long.into_iter().fold(0_u64, u64::saturating_add);
    let short = [count("cache_write_5m"), count("cache_write_5m_tokens"), count("cache_write_30m")];
    let all = count("cache_write").max(count("cache_write_tokens"));
    let short = short.into_iter().fold(0_u64, u64::saturating_add).max(all.saturating_sub(long));
    Ok(usage.with_cache_write_1h(long).with_cache_write_5m(short))
}
