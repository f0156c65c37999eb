//! What must hold for any bytes at all? One function for each door through
//! which text from outside comes in.
//!
//! Each takes whatever the fuzzer thinks of, and panics where a promise is
//! broken. `tests/it/fuzzed.rs` drives the same functions without a fuzzer.

use token_budget::call::Conditions;
use token_budget::pricing::{Import, PriceRow, PriceSource};
use token_budget::time::Timestamp;
use token_budget::tokens::{
    ByteBoundEstimator, Calibration, Estimate, FamilyEstimator, LearnedOutput, RequestShape, Trim,
    TrimTarget, Trimming,
};
use token_budget::wire::{RateLimitState, StreamMeter, UsageReport, extract};
use token_budget::{Policy, PricingTable, TokenEstimator, Usage};

/// A target's name, and what it does with any bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target there is.
pub const TARGETS: [Target; 8] = [
    ("meter", meter),
    ("extract", extract_any),
    ("limits", limits),
    ("policy", policy),
    ("prices", prices),
    ("import_prices", import_prices),
    ("request", request),
    ("learned", learned),
];

/// A request is read or refused, and what it asks for is estimated whatever it is.
pub fn request(data: &[u8]) {
    let Ok(shape) = RequestShape::parse(data) else { return };
    let estimate = FamilyEstimator::new().count("gpt-5", &shape.prompt);
    assert!(estimate.expected <= estimate.tokens, "{estimate}");
    let _ = shape.into_call("gpt-5").check();
    for how in [Trim::OldestFirst, Trim::Middle, Trim::Tools] {
        trimmed(data, how);
    }
}

/// A request that is trimmed is a request that fits; any other is as it was.
fn trimmed(data: &[u8], how: Trim) {
    let mut body = data.to_vec();
    match RequestShape::trim(&mut body, &TrimTarget::new(60, how, "gpt-5", &ByteBoundEstimator)) {
        Ok(Trimming::Shorter(trimmed)) => {
            let shape = RequestShape::parse(&body).expect("a request");
            let tokens = ByteBoundEstimator.count("gpt-5", &shape.prompt).tokens;
            assert!(tokens <= 60 && tokens == trimmed.after.tokens && body.len() < data.len(), "{trimmed}");
        }
        _ => assert!(body == data, "what is not trimmed is unchanged"),
    }
}

/// What was learned is read back whole or refused, and goes on learning.
pub fn learned(data: &[u8]) {
    if let Ok(calibration) = serde_json::from_slice::<Calibration>(data) {
        calibration.observe("gpt-5", &Estimate::bound(100), 90);
        let text = serde_json::to_string(&calibration).expect("what was read can be written");
        serde_json::from_str::<Calibration>(&text).expect("what was written can be read");
    }
    let _ = serde_json::from_slice::<LearnedOutput>(data);
}

/// A stream says the same however it is cut, and what it says is sound.
///
/// The first byte says how many of the bytes at the end are places to cut.
pub fn meter(data: &[u8]) {
    let Some((&many, rest)) = data.split_first() else { return };
    let (stream, places) = rest.split_at(rest.len().saturating_sub(usize::from(many % 8)));
    let mut whole = StreamMeter::new(None);
    whole.push(stream);
    let whole = whole.finish();
    sound(&whole);

    let mut cut = StreamMeter::new(None);
    let mut left = stream;
    for place in places {
        let (piece, rest) = left.split_at(usize::from(*place).min(left.len()));
        cut.push(piece);
        sound(&cut.report());
        left = rest;
    }
    cut.push(left);
    assert_eq!(cut.finish(), whole, "another cut, another report");
}

/// A whole body is read or refused, and what is read is sound.
pub fn extract_any(data: &[u8]) {
    const PROVIDERS: [Option<&str>; 4] = [None, Some("openrouter"), Some("openai"), Some("")];
    let Some((&first, body)) = data.split_first() else { return };
    let provider = PROVIDERS[usize::from(first % 4)];
    let count = String::from_utf8_lossy(&body[..body.len().min(12)]);
    let header = ("x-amzn-bedrock-input-token-count", count.as_ref());
    let headers = if first & 4 == 0 { None } else { Some(header) };
    if let Ok(report) = extract(provider, body, headers) {
        sound(&report);
    }
}

/// Lines of `name: value` as headers, all of it as a body: never sooner than now.
pub fn limits(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let headers = text.lines().filter_map(|line| line.split_once(':'));
    for received in [Timestamp::MIN, Timestamp::EPOCH, Timestamp::from_secs(1_795_348_800), Timestamp::MAX] {
        let state = RateLimitState::from_headers(headers.clone(), received).with_body(data);
        assert!(state.try_again_at().is_none_or(|again| again >= received));
        assert!(state.limits.len() <= 64 && state.unreadable.len() <= 64);
        let _ = format!("{state:?}");
    }
}

/// A policy is read or refused.
pub fn policy(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Err(error) = Policy::from_json(&text) {
        assert!(!error.to_string().is_empty());
    }
    #[cfg(feature = "toml")]
    if let Err(error) = Policy::from_toml(&text) {
        assert!(!error.to_string().is_empty());
    }
}

/// Price rows are read or refused, and what they price is never negative.
pub fn prices(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(rows) = PriceRow::list_from_json(&text) else { return };
    if let Ok(table) = PricingTable::empty().with_rows(rows) {
        never_negative(&table);
    }
}

/// A published table is read or refused; what was not understood is listed, and prices stay sane.
pub fn import_prices(data: &[u8]) {
    let Ok(import) = Import::read(data) else { return };
    let report = import.report();
    let _ = (report.models(), report.skipped().len(), report.not_understood().len(), format!("{report:?}"));
    if let Ok(table) = PricingTable::empty().with_import(PriceSource::new("fuzzed"), &import) {
        never_negative(&table);
    }
}

fn never_negative(table: &PricingTable) {
    for price in table.prices() {
        for usage in [Usage::of(1, 1), Usage::of(u64::MAX, u64::MAX)] {
            if let Ok(cost) = price.cost(&usage, &Conditions::new()) {
                assert!(cost.total().nanos() >= 0);
            }
        }
    }
}

/// Parts fit into their wholes, money is above zero, and an estimate keeps it so.
fn sound(report: &UsageReport) {
    for line in &report.lines {
        line.usage.check().expect("parts within wholes");
    }
    assert!(report.cost.is_none_or(|usd| usd.is_sign_positive() && !usd.is_zero()));
    assert!(report.text.bytes >= report.text.chars);
    let estimated = report.clone().or_estimated(7, 7);
    assert!(estimated.lines.iter().all(|line| line.usage.check().is_ok()));
    let _ = (report.usage(), report.answer());
}
