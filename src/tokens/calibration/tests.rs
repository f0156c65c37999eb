//! Does the bound follow what was learned, no further, and in bounded memory?

use super::*;

/// What the family expects 1,000 tokens and holds 1,500 for.
fn estimate() -> Estimate {
    Estimate::likely(1_000, 1_500, 980_000)
}

fn learned(reported: impl IntoIterator<Item = u64>) -> Calibration {
    let calibration = Calibration::new();
    for reported in reported {
        calibration.observe("gpt-4o", &estimate(), reported);
    }
    calibration
}

#[test]
fn eleven_calls_change_nothing_and_twelve_do() {
    assert_eq!(learned([1_000; 11]).applied("gpt-4o", estimate()), estimate());
    let applied = learned([1_000; 12]).applied("gpt-4o", estimate());
    // 15 % of the margin of 500; 12 of 13 calls.
    assert_eq!((applied.tokens, applied.confidence_ppm), (1_075, 923_076));
}

#[test]
fn the_largest_share_makes_the_bound() {
    let applied = learned((0..16).map(|call| 1_000 + call * 10)).applied("gpt-4o", estimate());
    // 150 of 500 are 300 thousandths, and 150 more.
    assert_eq!(applied.tokens, 1_225);
}

#[test]
fn one_call_above_the_margin_does_not_widen_it_and_two_do() {
    let once = learned([1_000; 20].into_iter().chain([4_000]));
    assert_eq!(once.applied("gpt-4o", estimate()).tokens, 1_500);
    assert_eq!(once.report(), CalibrationReport { observed: 21, under: 1, models: 1 });
    assert_eq!(once.report().under_ppm(), Some(47_619));
    let twice = learned([1_000; 20].into_iter().chain([4_000, 3_000]));
    // 2,000 of 500 are four margins, and 15 % of one more.
    assert_eq!(twice.applied("gpt-4o", estimate()).tokens, 3_075);
}

#[test]
fn a_model_without_calls_of_its_own_is_judged_by_its_family_and_no_other() {
    let calibration = learned([1_000; 16]);
    assert_eq!(calibration.applied("gpt-4.1", estimate()).tokens, 1_075);
    assert_eq!(calibration.applied("claude-sonnet-4-5", estimate()), estimate());
    let with_tools = Estimate { has_tools: true, ..estimate() };
    assert_eq!(calibration.applied("gpt-4o", with_tools), with_tools);
}

#[test]
fn a_guess_is_neither_learned_nor_changed() {
    let calibration = learned([1_000; 16]);
    calibration.observe("gpt-4o", &Estimate::guess(10), 1_000_000);
    assert_eq!(calibration.applied("gpt-4o", Estimate::guess(10)), Estimate::guess(10));
    assert_eq!(calibration.report().observed, 16);
}

#[test]
fn what_was_learned_survives_being_written_down() {
    let calibration = learned([1_000; 20]);
    let text = serde_json::to_string(&calibration).unwrap();
    let restored: Calibration = serde_json::from_str(&text).unwrap();
    assert_eq!(restored.applied("gpt-4o", estimate()), calibration.applied("gpt-4o", estimate()));
    assert_eq!(serde_json::to_string(&restored).unwrap(), text);
    let newer = text.replace("\"version\":1", "\"version\":2");
    let error = serde_json::from_str::<Calibration>(&newer).unwrap_err().to_string();
    assert!(error.contains("version 2"), "{error}");
}

#[test]
fn memory_has_an_end() {
    let calibration = Calibration::new();
    for model in 0..3_000 {
        calibration.observe(&format!("{}-{model}", "m".repeat(100)), &estimate(), 1_000);
    }
    for _ in 0..1_000 {
        calibration.observe("gpt-4o", &estimate(), 1_000);
    }
    assert_eq!(calibration.report().models, 1_024);
    assert!(serde_json::to_string(&calibration).unwrap().len() < 1_024 * 1_024);
    let _ = calibration.applied(&"é".repeat(1_000), estimate());
}

#[test]
fn no_figure_overflows() {
    let calibration = Calibration::new();
    let huge = Estimate::likely(u64::MAX, u64::MAX, 1);
    for reported in [u64::MAX, 1].repeat(10) {
        calibration.observe("gpt-4o", &huge, reported);
        calibration.observe("gpt-4o", &Estimate::likely(1, 1, 1), reported);
    }
    assert!(calibration.applied("gpt-4o", huge).tokens >= huge.expected);
}
