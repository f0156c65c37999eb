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
fn forty_eight_calls_change_nothing_and_forty_nine_do() {
    assert_eq!(learned([1_000; 48]).applied("gpt-4o", estimate()), estimate());
    let applied = learned([1_000; 49]).applied("gpt-4o", estimate());
    // A twentieth of the margin of 500; 49 of 50 calls.
    assert_eq!((applied.tokens, applied.confidence_ppm), (1_025, 980_000));
}

#[test]
fn the_largest_share_makes_the_bound() {
    let applied = learned((0..49).map(|call| 1_000 + call * 5)).applied("gpt-4o", estimate());
    // 240 of 500 are 480 thousandths, and 50 more: 265.
    assert_eq!(applied.tokens, 1_265);
}

#[test]
fn of_ninety_nine_calls_one_outlier_does_not_keep_the_bound_wide() {
    let with_outlier = |calm: usize| learned(std::iter::repeat_n(1_100, calm).chain([9_000]));
    // The largest of 98 is the outlier: the measured margin stands.
    assert_eq!(with_outlier(97).applied("gpt-4o", estimate()).tokens, 1_500);
    // The second of 99 took 100 of 500: 200 thousandths, and 50 more.
    let applied = with_outlier(98).applied("gpt-4o", estimate());
    assert_eq!((applied.tokens, applied.confidence_ppm), (1_125, 980_000));
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
fn figures_that_are_too_low_narrow_no_bound_below_what_is_expected() {
    for reported in [1, 999] {
        let applied = learned([reported; 60]).applied("gpt-4o", estimate());
        assert_eq!(applied.tokens, 1_025, "{reported}");
    }
}

#[test]
fn a_model_without_calls_of_its_own_is_judged_by_its_family_then_its_maker_then_all() {
    let calibration = learned([1_000; 98]);
    for (model, tokens) in [("gpt-4.1", 1_025), ("gpt-5", 1_025), ("claude-sonnet-4-5", 1_500)] {
        assert_eq!(calibration.applied(model, estimate()).tokens, tokens, "{model}");
    }
    // Of all makers together 99 are needed, for 99 of 100.
    let applied = learned([1_000; 99]).applied("claude-sonnet-4-5", estimate());
    assert_eq!((applied.tokens, applied.confidence_ppm), (1_025, 990_000));
    let with_tools = Estimate { has_tools: true, ..estimate() };
    assert_eq!(learned([1_000; 99]).applied("gpt-4o", with_tools), with_tools);
}

#[test]
fn a_pool_does_not_narrow_a_model_below_what_its_own_calls_took() {
    let calibration = learned([1_000; 99]);
    calibration.observe("gpt-4.1", &estimate(), 1_300);
    // 300 of 500 are 600 thousandths, and 50 more.
    assert_eq!(calibration.applied("gpt-4.1", estimate()).tokens, 1_325);
}

#[test]
fn each_model_tells_how_its_bounds_fared_as_they_were_issued() {
    let calibration = learned([1_000; 49]);
    let issued = calibration.applied("gpt-4o", estimate());
    // 1,025 were held: 1,026 are above what was issued, and below what would have been without learning.
    calibration.observe("gpt-4o", &issued, 1_025);
    calibration.observe("gpt-4o", &issued, 1_026);

    let [model] = &calibration.by_model()[..] else { panic!("one model was called") };
    assert_eq!(
        (model.model.as_str(), model.has_tools, model.observed, model.under),
        ("gpt-4o", false, 51, 1)
    );
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
    let calibration = learned([1_000; 60]);
    let text = serde_json::to_string(&calibration).unwrap();
    let restored: Calibration = serde_json::from_str(&text).unwrap();
    assert_eq!(restored.applied("gpt-4o", estimate()), calibration.applied("gpt-4o", estimate()));
    assert_eq!(serde_json::to_string(&restored).unwrap(), text);
    for (other, says) in
        [(r#"{"version":1,"models":[],"families":[]}"#, "version 1"), (r#"{"models":[]}"#, "version none")]
    {
        let error = serde_json::from_str::<Calibration>(other).unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("learn it anew"), "{error}");
    }
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
