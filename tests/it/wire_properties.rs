//! Does reading hold for any cut, any damage, any bytes at all?

use proptest::prelude::*;
use token_budget::time::Timestamp;
use token_budget::usage::Meter;
use token_budget::wire::{RateLimitState, StreamMeter, UsageReport, extract};

use crate::wire_support::{all, fixture, is_stream};

fn meter(pieces: &[&[u8]]) -> UsageReport {
    let mut meter = StreamMeter::new(None);
    for piece in pieces {
        meter.push(piece);
        let _ = meter.report();
    }
    meter.finish()
}

/// The bytes between places, which may come in any order.
fn pieces<'b>(bytes: &'b [u8], places: &[prop::sample::Index]) -> Vec<&'b [u8]> {
    let mut cuts: Vec<_> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect()
}

fn streams() -> impl Strategy<Value = String> {
    prop::sample::select(all().into_iter().filter(|file| is_stream(file)).collect::<Vec<_>>())
}

/// Nothing that is read may be worse than the bytes it came from: parts fit, sums do not wrap.
fn is_sound(report: &UsageReport) -> Result<(), TestCaseError> {
    for line in &report.lines {
        prop_assert!(line.usage.check().is_ok(), "{report:?}");
    }
    let total = report.usage().unwrap_or_default();
    for meter in Meter::ALL {
        prop_assert!(total.count(meter).is_none_or(|count| count < u64::MAX), "{report:?}");
    }
    prop_assert!(report.cost.is_none_or(|usd| usd.is_sign_positive() && !usd.is_zero()));
    prop_assert!(report.text.bytes >= report.text.chars, "{:?}", report.text);
    let again = report.clone().or_estimated(10, 10);
    prop_assert!(again.lines.iter().all(|line| line.usage.check().is_ok()));
    prop_assert!(serde_json::to_string(&again).is_ok());
    Ok(())
}

/// All tokens; a frame that breaks off may not say which are input and which output.
fn tokens(report: &UsageReport) -> u64 {
    let usage = report.usage().unwrap_or_default();
    usage.input().unwrap_or(0) + usage.output().unwrap_or(0)
}

#[test]
fn a_stream_fed_byte_by_byte_says_the_same() {
    for file in all() {
        let bytes = fixture(&file);
        let single: Vec<_> = bytes.chunks(1).collect();
        assert_eq!(meter(&single), meter(&[&bytes]), "{file}");
    }
}

#[test]
fn the_beginning_of_a_stream_never_says_more_than_the_whole() {
    for file in all().iter().filter(|file| is_stream(file)) {
        let bytes = fixture(file);
        let whole = meter(&[&bytes]);
        for end in 0..bytes.len() {
            let report = meter(&[&bytes[..end]]);
            assert!(tokens(&report) <= tokens(&whole), "{file} cut at {end}: {report:?}");
            assert!(report.lines.iter().all(|line| line.usage.check().is_ok()), "{file} cut at {end}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_of_a_stream_says_the_same(
        file in streams(),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let bytes = fixture(&file);
        prop_assert_eq!(meter(&pieces(&bytes, &places)), meter(&[&bytes]), "{}", file);
    }

    #[test]
    fn damage_is_survived_and_what_is_read_stays_sound(
        file in prop::sample::select(all()),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut bytes = fixture(&file);
        for (place, byte) in damage {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        let report = meter(&pieces(&bytes, &places));
        is_sound(&report)?;
        prop_assert_eq!(&report, &meter(&[&bytes]));
        if let Ok(report) = extract(None, &bytes, []) {
            is_sound(&report)?;
        }
    }

    #[test]
    fn figures_of_any_size_are_kept_in_bounds(
        counts in prop::collection::vec(any::<u64>(), 8),
        small in prop::collection::vec(0..3_u64, 8),
        pick in any::<u8>(),
    ) {
        let figure = |at: usize| if pick >> at & 1 == 0 { counts[at] } else { small[at] };
        for body in [
            format!(r#"{{"usage": {{"prompt_tokens": {}, "completion_tokens": {}, "total_tokens": {},
                "prompt_tokens_details": {{"cached_tokens": {}, "audio_tokens": {}, "cache_write_tokens": {}}},
                "completion_tokens_details": {{"reasoning_tokens": {}, "audio_tokens": {}}}}}}}"#,
                figure(0), figure(1), figure(2), figure(3), figure(4), figure(5), figure(6), figure(7)),
            format!(r#"{{"usage": {{"input_tokens": {}, "output_tokens": {}, "cache_read_input_tokens": {},
                "cache_creation_input_tokens": {}, "cache_creation": {{"ephemeral_5m_input_tokens": {},
                "ephemeral_1h_input_tokens": {}}}}}}}"#,
                figure(0), figure(1), figure(2), figure(3), figure(4), figure(5)),
            format!(r#"{{"usageMetadata": {{"promptTokenCount": {}, "candidatesTokenCount": {},
                "thoughtsTokenCount": {}, "toolUsePromptTokenCount": {}, "cachedContentTokenCount": {},
                "totalTokenCount": {}}}}}"#,
                figure(0), figure(1), figure(2), figure(3), figure(4), figure(5)),
        ] {
            is_sound(&extract(None, body.as_bytes(), []).unwrap())?;
        }
    }

    #[test]
    fn random_bytes_are_no_trouble(
        bytes in prop::collection::vec(any::<u8>(), 0..2_000),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let report = meter(&pieces(&bytes, &places));
        is_sound(&report)?;
        prop_assert_eq!(report, meter(&[&bytes]));
        if let Ok(report) = extract(Some("openai"), &bytes, []) {
            is_sound(&report)?;
        }
        let text = String::from_utf8_lossy(&bytes);
        let headers = text.split('\n').filter_map(|line| line.split_once(':'));
        let limits = RateLimitState::from_headers(headers, Timestamp::EPOCH).with_body(&bytes);
        prop_assert!(limits.try_again_at().is_none_or(|instant| instant >= Timestamp::EPOCH));
    }
}
