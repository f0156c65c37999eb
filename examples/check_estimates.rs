//! How close do estimates come to what providers counted?
//!
//! `cargo run --release --example check_estimates -- requests.jsonl [--json] [--rows]`
//!
//! Each line of the file is `{"model": …, "request": {the body as it was sent},
//! "input_total": the input tokens that the provider counted}`. For each family it prints
//! the median and 95th percentile of the expected number's error, how often the bound
//! was too low, and how much it held for each token used; then the same with a
//! bound calibrated on the lines of even number and judged on the odd, and the reverse.
//! `--rows` prints every request. The last line is a summary.
//!
//! Left out, and counted: lines where the provider counted nothing, and requests with a file
//! or another part that nobody can count here, which an enforcer takes at the model's largest input.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "counts of lines, and lists that are not empty"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use serde_json::{Value, json};
use token_budget::{Calibration, Estimate, FamilyEstimator, RequestShape, TokenEstimator};

/// One line of the file, read.
struct Record {
    line: usize,
    model: String,
    reported: u64,
    shape: RequestShape,
}

/// An estimate beside what was reported.
#[derive(Clone)]
struct Outcome {
    family: &'static str,
    estimate: Estimate,
    reported: u64,
}

/// Requests that no figure counts, by why.
type LeftOut = BTreeMap<&'static str, usize>;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let path = arguments.iter().find(|argument| !argument.starts_with("--"));
    let path = path.ok_or("usage: check_estimates -- requests.jsonl [--json] [--rows]")?;
    let mut left_out = LeftOut::new();
    let records = read(&std::fs::read_to_string(path)?, &mut left_out)?;
    let plain: Vec<Outcome> = records.iter().map(|record| outcome(&estimator(), record)).collect();
    let calibrated = calibrated(&records);
    if has("--rows") {
        rows(&records, &plain, &calibrated);
    }
    report(&plain, &calibrated, &left_out, has("--json"));
    Ok(())
}

/// The family's estimator, with OpenAI's vocabularies where they are built in.
fn estimator() -> FamilyEstimator {
    #[cfg(feature = "tiktoken")]
    return FamilyEstimator::counting(token_budget::TiktokenEstimator::new());
    #[cfg(not(feature = "tiktoken"))]
    FamilyEstimator::new()
}

fn read(text: &str, left_out: &mut LeftOut) -> Result<Vec<Record>, Box<dyn Error>> {
    let mut records = Vec::new();
    for (line, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        let value: Value =
            serde_json::from_str(text).map_err(|error| format!("line {}: {error}", line + 1))?;
        let shape =
            RequestShape::read(&value["request"]).map_err(|error| format!("line {}: {error}", line + 1))?;
        let model = value["model"].as_str().map(str::to_owned).or(shape.model.as_deref().map(str::to_owned));
        let reported = value["input_total"].as_u64().unwrap_or(0);
        let record = Record { line: line + 1, model: model.unwrap_or_default(), reported, shape };
        if reported == 0 {
            *left_out.entry("the provider counted nothing").or_default() += 1;
        } else if outcome(&FamilyEstimator::new(), &record).estimate.needs_model_maximum() {
            *left_out.entry("a part cannot be counted: held at the model's maximum").or_default() += 1;
        } else {
            records.push(record);
        }
    }
    Ok(records)
}

fn outcome(estimator: &FamilyEstimator, record: &Record) -> Outcome {
    let estimate = estimator.count(&record.model, &record.shape.prompt);
    Outcome { family: FamilyEstimator::family(&record.model), estimate, reported: record.reported }
}

/// Each half judged by what the other half taught.
fn calibrated(records: &[Record]) -> Vec<Outcome> {
    let taught_by = |half: usize| {
        let estimator = estimator().calibrated(Arc::new(Calibration::new()));
        for record in records.iter().filter(|record| record.line % 2 == half) {
            let estimate = estimator.count(&record.model, &record.shape.prompt);
            estimator.observe(&record.model, &estimate, record.reported);
        }
        estimator
    };
    let halves = [taught_by(0), taught_by(1)];
    records.iter().map(|record| outcome(&halves[1 - record.line % 2], record)).collect()
}

fn rows(records: &[Record], plain: &[Outcome], calibrated: &[Outcome]) {
    for ((record, plain), calibrated) in records.iter().zip(plain).zip(calibrated) {
        let Estimate { expected, tokens, kind, .. } = plain.estimate;
        let under = if tokens < record.reported { "UNDER" } else { "" };
        let still = if calibrated.estimate.tokens < record.reported { "CALIBRATED-UNDER" } else { "" };
        println!(
            "{} {} {} reported {} expected {expected} bound {tokens} ({kind}) calibrated {} {under} {still}",
            record.line, plain.family, record.model, record.reported, calibrated.estimate.tokens
        );
    }
}

/// What a number of outcomes come to; shares in thousandths.
#[derive(Clone, Copy)]
struct Figures {
    requests: usize,
    exact: usize,
    error_median: u64,
    error_p95: u64,
    under: usize,
    over_median: u64,
}

impl Figures {
    fn of(outcomes: &[&Outcome]) -> Self {
        let thousandths = |part: u64, whole: u64| part.saturating_mul(1_000) / whole.max(1);
        let error = |outcome: &&Outcome| {
            thousandths(outcome.estimate.expected.abs_diff(outcome.reported), outcome.reported)
        };
        let over = |outcome: &&Outcome| thousandths(outcome.estimate.tokens, outcome.reported);
        let errors: Vec<u64> = outcomes.iter().map(error).collect();
        let overs: Vec<u64> = outcomes.iter().map(over).collect();
        Self {
            requests: outcomes.len(),
            exact: outcomes.iter().filter(|outcome| outcome.estimate.expected == outcome.reported).count(),
            error_median: quantile(&errors, 50),
            error_p95: quantile(&errors, 95),
            under: outcomes.iter().filter(|outcome| outcome.estimate.tokens < outcome.reported).count(),
            over_median: quantile(&overs, 50),
        }
    }

    fn under_share(&self) -> u64 {
        (self.under * 10_000 / self.requests.max(1)) as u64
    }

    fn json(&self) -> Value {
        json!({
            "requests": self.requests, "exact": self.exact,
            "error_median": decimal(self.error_median, 3), "error_p95": decimal(self.error_p95, 3),
            "under": self.under, "under_rate": decimal(self.under_share(), 4),
            "over_reserve_median": decimal(self.over_median, 3),
        })
    }

    fn text(&self) -> String {
        format!(
            "{:>4} {:>5} {:>7} % {:>7} % {:>5} {:>6} % {:>7} ×",
            self.requests,
            self.exact,
            decimal(self.error_median, 1),
            decimal(self.error_p95, 1),
            self.under,
            decimal(self.under_share(), 2),
            decimal(self.over_median, 3)
        )
    }
}

/// The smallest number that so many of a hundred do not exceed.
fn quantile(numbers: &[u64], percent: usize) -> u64 {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    let rank = (numbers.len() * percent).div_ceil(100).max(1);
    numbers.get(rank - 1).copied().unwrap_or(0)
}

/// A whole number as a decimal of so many places.
fn decimal(number: u64, places: usize) -> String {
    let digits = format!("{number:0>width$}", width = places + 1);
    let (whole, rest) = digits.split_at(digits.len() - places);
    format!("{whole}.{rest}")
}

fn report(plain: &[Outcome], calibrated: &[Outcome], left_out: &LeftOut, as_json: bool) {
    let mut families: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, outcome) in plain.iter().enumerate() {
        families.entry(outcome.family).or_default().push(place);
    }
    let figures = |outcomes: &[Outcome], places: &[usize]| {
        Figures::of(&places.iter().map(|place| &outcomes[*place]).collect::<Vec<_>>())
    };
    let all: Vec<usize> = (0..plain.len()).collect();
    let (sum, sum_calibrated) = (figures(plain, &all), figures(calibrated, &all));
    let counter = if cfg!(feature = "tiktoken") { "vocabulary" } else { "rough" };
    if as_json {
        for (family, places) in &families {
            let (before, after) = (figures(plain, places).json(), figures(calibrated, places).json());
            println!("{}", json!({"family": family, "uncalibrated": before, "calibrated": after}));
        }
        let (before, after) = (sum.json(), sum_calibrated.json());
        println!(
            "{}",
            json!({"summary": {"counter": counter, "uncalibrated": before, "calibrated": after, "left_out": left_out}})
        );
        return;
    }
    println!(
        "{:<18} {:>4} {:>5} {:>9} {:>9} {:>5} {:>8} {:>9}",
        "family", "reqs", "exact", "err med", "err p95", "under", "rate", "over med"
    );
    for (family, places) in &families {
        println!("{family:<18} {}", figures(plain, places).text());
        println!("{:<18} {}", "  calibrated", figures(calibrated, places).text());
    }
    println!("{:<18} {}", "all", sum.text());
    println!("{:<18} {}", "  calibrated", sum_calibrated.text());
    for (why, count) in left_out {
        println!("left out: {count}, {why}");
    }
    println!(
        "summary: {} requests ({counter}), {} left out; bound under {} of them ({} %), over-reserve {} ×; calibrated on the other half: under {} ({} %), over-reserve {} ×",
        sum.requests,
        left_out.values().sum::<usize>(),
        sum.under,
        decimal(sum.under_share(), 2),
        decimal(sum.over_median, 3),
        sum_calibrated.under,
        decimal(sum_calibrated.under_share(), 2),
        decimal(sum_calibrated.over_median, 3)
    );
}
