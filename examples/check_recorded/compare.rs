//! Does a report say what the index says?

use rust_decimal::Decimal;
use serde_json::Value;
use token_budget::Usage;
use token_budget::usage::Meter;
use token_budget::wire::{Purpose, UsageReport};

use super::recorded::{Cuts, Entry};

/// One figure that is not what was expected.
#[derive(Debug)]
pub(crate) struct Disagreement {
    pub(crate) field: String,
    pub(crate) expected: String,
    pub(crate) got: String,
}

/// How many random cuttings each stream is fed in.
const CUTTINGS: usize = 4;

/// Longer streams are not fed byte by byte.
const BYTEWISE_MAX: usize = 20_000;

/// Reads the body in every way and lists what disagrees.
pub(crate) fn check(entry: &Entry, body: &[u8], cuts: &mut Cuts) -> Vec<Disagreement> {
    let mut found = Found(Vec::new());
    if entry.stream {
        let report = entry.meter(body, &[]);
        found.report(entry, &report);
        let bytewise: Vec<usize> =
            if body.len() > BYTEWISE_MAX { Vec::new() } else { (0..body.len()).collect() };
        for places in (0..CUTTINGS).map(|_| cuts.of(body.len())).chain([bytewise]) {
            found.same(&format!("cut at {places:?}"), &report, &entry.meter(body, &places));
        }
        found.same_lines(&report, &entry.unnamed(body));
        return found.0;
    }
    match entry.extract(body) {
        Ok(report) => {
            found.report(entry, &report);
            // A client that streams everything feeds whole bodies, too; headers it reads apart.
            if entry.headers.is_empty() {
                let mut streamed = entry.meter(body, &cuts.of(body.len()));
                streamed.finished = report.finished; // a stream has ended only where it says so
                found.same("read as a stream", &report, &streamed);
                found.same_lines(&report, &entry.unnamed(body));
            }
        }
        Err(problem) => found.unless(false, "extract", "a report", problem),
    }
    found.0
}

struct Found(Vec<Disagreement>);

impl Found {
    fn unless(&mut self, agrees: bool, field: &str, expected: impl ToString, got: impl ToString) {
        if !agrees {
            let (expected, got) = (expected.to_string(), got.to_string());
            self.0.push(Disagreement { field: field.to_owned(), expected, got });
        }
    }

    fn same(&mut self, how: &str, report: &UsageReport, other: &UsageReport) {
        if report != other {
            let how: String = how.chars().take(60).collect();
            self.unless(false, &how, format!("{report:?}"), format!("{other:?}"));
        }
    }

    /// The provider's name matters for nothing but whether its cost is believed.
    fn same_lines(&mut self, report: &UsageReport, unnamed: &UsageReport) {
        let (expected, got) = (format!("{:?}", report.lines), format!("{:?}", unnamed.lines));
        self.unless(expected == got, "without a provider", expected, got);
    }

    /// Everything that the index knows of the response.
    fn report(&mut self, entry: &Entry, report: &UsageReport) {
        let expected = &entry.expected;
        for line in &report.lines {
            let problem =
                line.usage.check().err().map_or("parts within wholes".to_owned(), |e| e.to_string());
            self.unless(line.usage.check().is_ok(), "parts", "parts within wholes", problem);
        }
        self.error(entry, report);
        if expected["truncated"] == true {
            self.truncated(expected, report);
        } else if let Some(responses) = expected["responses"].as_array() {
            self.session(responses, &expected["transcription_usages"], report);
        } else {
            self.answer(expected, report);
        }
        self.words(expected, report);
    }

    /// An error is named by one of its words. One that the index passed over is told by the status,
    /// or stood beside usage, as in a session that went on.
    fn error(&mut self, entry: &Entry, report: &UsageReport) {
        let named = report.error.as_deref().unwrap_or("none");
        let Some(error) = entry.expected.get("error") else {
            let is_known = report.error.is_none() || entry.status >= 400 || !report.lines.is_empty();
            self.unless(is_known, "error", "none", named);
            return;
        };
        let words = ["type", "code", "status"].map(|name| text(&error[name]));
        let is_named = words.iter().any(|word| word == named) || words.iter().all(String::is_empty);
        self.unless(is_named && report.error.is_some(), "error", error, named);
    }

    /// A whole response: its own line, and what is billed beside it.
    fn answer(&mut self, expected: &Value, report: &UsageReport) {
        // Of several answers in one recording the index knows the last: the charge is for all of them.
        let mut last = report.clone();
        last.lines.retain(|line| line.id.is_none() || line.id == report.id);
        let report = &last;
        let usage = &expected["usage"];
        let Some(first) = report.lines.first() else {
            self.unless(usage.is_null(), "usage", usage, "no line");
            return;
        };
        if usage.is_null() {
            self.unless(false, "usage", "no line", format!("{:?}", first.usage));
            return;
        }
        let beside = expected["additional_billed_usages"].as_array().map_or(&[][..], Vec::as_slice);
        if beside.is_empty() {
            // A compound system lists what each of its models used; the index has the sum.
            self.line("", usage, &report.usage().unwrap_or_default());
            return self.tools(expected, report);
        }
        self.line("", usage, &first.usage);
        let others: Vec<_> =
            report.lines.iter().skip(1).filter(|line| line.purpose != Purpose::ImageGeneration).collect();
        self.unless(others.len() == beside.len(), "lines beside", beside.len(), others.len());
        for (usage, line) in beside.iter().zip(others) {
            self.line("beside ", usage, &line.usage);
            let model = line.model.as_deref().unwrap_or_default();
            self.unless(text(&usage["model"]) == model, "beside model", &usage["model"], model);
        }
        self.tools(expected, report);
    }

    /// A realtime session: one line for each answer, and one for each transcription.
    fn session(&mut self, responses: &[Value], transcriptions: &Value, report: &UsageReport) {
        let of = |purpose| report.lines.iter().filter(move |line| line.purpose == purpose);
        // An answer that used nothing may have no line.
        let expected: Vec<_> = responses.iter().filter(|usage| !is_empty(usage)).collect();
        let got: Vec<_> =
            of(Purpose::Answer).filter(|line| line.usage.counts().any(|(_, count)| count > 0)).collect();
        self.unless(expected.len() == got.len(), "responses", expected.len(), got.len());
        for (usage, line) in expected.iter().zip(got) {
            self.line("response ", usage, &line.usage);
        }
        let seconds = transcriptions.as_array().map_or(&[][..], Vec::as_slice);
        let expected: Vec<_> = seconds.iter().map(|one| millis(&one["seconds"])).collect();
        let got: Vec<_> =
            of(Purpose::Transcription).map(|line| line.usage.count(Meter::AudioInMs).unwrap_or(0)).collect();
        self.unless(expected == got, "transcriptions", format!("{expected:?}"), format!("{got:?}"));
    }

    /// A stream that broke off: what had arrived, and nothing that had not.
    fn truncated(&mut self, expected: &Value, report: &UsageReport) {
        let (partial, full) = (&expected["partial_usage"], &expected["full_stream_usage"]);
        self.unless(!report.finished, "finished", false, true);
        let total = report.usage().unwrap_or_default();
        for (meter, field) in [(Meter::Input, "input_total"), (Meter::Output, "output_total")] {
            let least = partial[field].as_u64().unwrap_or(0);
            let most = if partial.is_null() { 0 } else { full[field].as_u64().unwrap_or(0).max(least) };
            let got = total.count(meter).unwrap_or(0);
            self.unless((least..=most).contains(&got), &format!("partial {field}"), least, got);
        }
    }

    /// The counts of one line. What is absent on one side and zero on the other agrees.
    fn line(&mut self, prefix: &str, usage: &Value, got: &Usage) {
        for meter in Meter::ALL {
            if is_tool(meter) || meter == Meter::Request {
                continue;
            }
            let (expected, got) = (expected_count(usage, meter), got.count(meter).unwrap_or(0));
            self.unless(expected == got, &format!("{prefix}{meter}"), expected, got);
        }
    }

    /// Runs of the provider's own tools, in all lines together.
    fn tools(&mut self, expected: &Value, report: &UsageReport) {
        const ITEMS: [(&str, Meter); 4] = [
            ("web_search_call", Meter::WebSearch),
            ("file_search_call", Meter::FileSearch),
            ("code_interpreter_call", Meter::CodeExecution),
            ("image_generation_call", Meter::ImageGeneration),
        ];
        let total = report.usage().unwrap_or_default();
        for meter in Meter::ALL.into_iter().filter(|meter| is_tool(*meter)) {
            let counted = |name: &str| expected["usage"].get("requests")?.get(name)?.as_u64();
            let counted = counted(meter.name()).or_else(|| counted(&format!("{meter}s")));
            let items = ITEMS.iter().find(|(_, of)| *of == meter);
            let items = items.and_then(|(name, _)| expected["output_items"].get(name)?.as_u64());
            let (expected, got) = (counted.or(items).unwrap_or(0), total.count(meter).unwrap_or(0));
            self.unless(expected == got, meter.name(), expected, got);
        }
    }

    /// What is not a count.
    fn words(&mut self, expected: &Value, report: &UsageReport) {
        let usage = &expected["usage"];
        let cost = text(&usage["provider_cost_usd"]);
        let cost = Decimal::from_scientific(&cost).or_else(|_| cost.parse()).ok().map(|usd| usd.normalize());
        let got = report.cost.map(|usd| usd.normalize());
        self.unless(cost == got, "cost", format!("{cost:?}"), format!("{got:?}"));
        let tier = [&expected["service_tier"], &usage["service_tier"], &usage["traffic_type"]];
        let tier = tier.into_iter().find(|tier| !tier.is_null()).unwrap_or(&Value::Null);
        for (field, expected, got) in [
            ("service_tier", tier, &report.service_tier),
            ("region", &usage["inference_geo"], &report.region),
            ("stop_reason", &expected["stop_reason"], &report.finish),
        ] {
            let (expected, got) = (text(expected), got.as_deref().unwrap_or("none"));
            self.unless(expected.is_empty() || expected == got, field, &expected, got);
        }
        if let Some(chars) = expected["text_chars"].as_u64() {
            // The index leaves out the frame in which a stream broke off; its text is read all the same.
            let agrees = if expected["truncated"] == true {
                report.text.chars >= chars
            } else {
                report.text.chars == chars
            };
            self.unless(agrees, "text_chars", chars, report.text.chars);
        }
    }
}

/// What the normal form of the index says of a meter; zero where it says nothing.
fn expected_count(usage: &Value, meter: Meter) -> u64 {
    let field = |name: &str| usage[name].as_u64().unwrap_or(0);
    match meter {
        Meter::Input => field("input_total"),
        Meter::CachedInput => field("cache_read"),
        Meter::CacheWrite1h => field("cache_write_1h"),
        Meter::CacheWrite5m => field("cache_write").saturating_sub(field("cache_write_1h")),
        Meter::Output => field("output_total"),
        Meter::CachedAudio => field("cache_read_audio"),
        Meter::CachedImage => field("cache_read_image"),
        Meter::CachedVideo => field("cache_read_video"),
        Meter::AudioInMs => millis(&usage["audio_seconds"]),
        other => field(other.name()),
    }
}

fn is_tool(meter: Meter) -> bool {
    matches!(
        meter,
        Meter::WebSearch
            | Meter::WebFetch
            | Meter::FileSearch
            | Meter::CodeExecution
            | Meter::MapsSearch
            | Meter::ImageGeneration
            | Meter::SearchUnit
    )
}

fn is_empty(usage: &Value) -> bool {
    usage["input_total"] == 0 && usage["output_total"] == 0
}

fn millis(seconds: &Value) -> u64 {
    seconds.as_u64().unwrap_or(0).saturating_mul(1_000)
}

/// A word or a number as text; empty where there is neither.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}
