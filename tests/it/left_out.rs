//! Do estimates hold on requests of files that nothing was learned from? Needs recorded requests:
//! `$TOKEN_BUDGET_DATA/estimation/requests.jsonl`, and is skipped without them.

#[path = "../../examples/check_estimates/figures.rs"]
#[allow(dead_code, reason = "the example shows more of them")]
mod figures;
#[path = "../../examples/check_estimates/judge.rs"]
#[allow(dead_code, reason = "the example shows more of them")]
mod judge;
#[path = "../../examples/check_estimates/records.rs"]
#[allow(dead_code, reason = "the example shows more of them")]
mod records;
#[path = "../../examples/check_estimates/rule.rs"]
mod rule;

#[cfg(feature = "tiktoken")]
use token_budget::tokens::{FamilyTable, PromptPart};

use figures::Figures;
use judge::Judged;
use records::Records;

/// Everything that can be judged; none without the data.
fn records() -> Option<Records> {
    let Ok(data) = std::env::var("TOKEN_BUDGET_DATA") else {
        println!("skipped: TOKEN_BUDGET_DATA is not set");
        return None;
    };
    let text = std::fs::read_to_string(format!("{data}/estimation/requests.jsonl")).unwrap();
    Some(Records::read(&text).unwrap())
}

#[test]
fn bounds_hold_on_files_that_nothing_was_learned_from() {
    let Some(records) = records() else { return };
    let judged = Judged::of(&records.list);
    let [plain, calibrated] = [&judged.left_out, &judged.left_out_calibrated].map(|o| Figures::of(o.iter()));
    println!("left out: {}; calibrated: {}", plain.short(), calibrated.short());

    assert!(plain.requests > 500);
    // Both sides: a bound that is never too low is one that holds too much.
    assert!((1..=plain.requests * 2 / 100).contains(&plain.under), "{} under", plain.under);
    assert!((1..=calibrated.requests / 100).contains(&calibrated.under), "{} under", calibrated.under);
    // Without a vocabulary the count itself strays, and its margin with it.
    let (most, most_calibrated) = if cfg!(feature = "tiktoken") { (1_350, 1_250) } else { (1_600, 1_500) };
    assert!(plain.over_median <= most, "{} ‰", plain.over_median);
    assert!(calibrated.over_median <= most_calibrated, "{} ‰", calibrated.over_median);
}

#[cfg(feature = "tiktoken")]
#[test]
fn the_table_that_is_built_in_is_what_the_rule_makes_of_the_recordings() {
    let Some(records) = records() else { return };
    let derived = rule::derived(judge::recorded(&records.list).iter());

    for family in FamilyTable::families() {
        for part in PromptPart::MEASURED {
            let built_in = FamilyTable::bundled().figure(family, part);
            assert_eq!(derived.figure(family, part), built_in, "{family}, {part}");
        }
    }
}

#[cfg(feature = "tiktoken")]
#[test]
fn what_only_one_file_showed_is_a_guess_without_it() {
    let Some(records) = records() else { return };
    let recorded = judge::recorded(&records.list);
    let shows = |recorded: &rule::Recorded| {
        let has_tools = recorded.explained.parts.iter().any(|part| part.part == PromptPart::Tools);
        recorded.explained.family == "qwen" && has_tools
    };
    let file = &recorded.iter().find(|recorded| shows(recorded)).unwrap().file;
    let without = rule::derived(recorded.iter().filter(|recorded| recorded.file != *file));

    assert_eq!(FamilyTable::bundled().figure("qwen", PromptPart::Tools).unwrap().files, 1);
    assert_eq!(without.figure("qwen", PromptPart::Tools).unwrap().files, 0);
}
