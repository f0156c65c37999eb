//! How are the figures shown?

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::{Value, json};
use token_budget::tokens::{Estimate, FamilyTable, PromptPart};

use super::figures::{Figures, HEAD};
use super::judge::{Judged, Outcome};
use super::records::{Record, Records};

/// Four figures for each family, and for all of them.
pub(crate) fn families(judged: &Judged, records: &Records, as_json: bool) {
    let names: BTreeSet<&str> = judged.plain.iter().map(|outcome| outcome.family).collect();
    let four = |family: Option<&str>| {
        [&judged.plain, &judged.calibrated, &judged.left_out, &judged.left_out_calibrated].map(|outcomes| {
            let is_of = |outcome: &&Outcome| family.is_none_or(|family| outcome.family == family);
            Figures::of(outcomes.iter().filter(is_of))
        })
    };
    let counter = if cfg!(feature = "tiktoken") { "vocabulary" } else { "rough" };
    let all = four(None);
    if as_json {
        for family in names {
            println!("{}", json!({"family": family, "figures": object(&four(Some(family)))}));
        }
        let files: BTreeSet<&str> = records.list.iter().map(|record| record.file.as_str()).collect();
        let (figures, left_out) = (object(&all), &records.left_out);
        let summary =
            json!({"counter": counter, "files": files.len(), "figures": figures, "left_out": left_out});
        println!("{}", json!({"summary": summary}));
        return;
    }
    println!("{:<24} {HEAD}", "family");
    for family in names {
        lines(family, &four(Some(family)));
    }
    lines("all", &all);
    for (why, count) in &records.left_out {
        println!("not judged: {count}, {why}");
    }
    println!(
        "summary: {} requests ({counter}); in sample {}, calibrated {}; with its file left out {}, calibrated {}",
        all[0].requests,
        all[0].short(),
        all[1].short(),
        all[2].short(),
        all[3].short()
    );
}

const NAMES: [&str; 4] = ["in sample", "  calibrated", "left out", "  calibrated"];

fn lines(family: &str, four: &[Figures; 4]) {
    println!("{family}");
    for (name, figures) in NAMES.iter().zip(four) {
        println!("  {name:<22} {}", figures.text());
    }
}

fn object(four: &[Figures; 4]) -> Value {
    let [plain, calibrated, left_out, left_out_calibrated] = four.map(|figures| figures.json());
    json!({
        "in_sample": plain, "in_sample_calibrated": calibrated,
        "left_out": left_out, "left_out_calibrated": left_out_calibrated,
    })
}

/// Every request, as judged with its file left out.
pub(crate) fn rows(records: &[Record], judged: &Judged) {
    for (place, record) in records.iter().enumerate() {
        let Outcome { family, estimate, reported } = &judged.left_out[place];
        let Estimate { expected, tokens, kind, .. } = estimate;
        let calibrated = judged.left_out_calibrated[place].estimate.tokens;
        let under = if tokens < reported { " UNDER" } else { "" };
        let still = if calibrated < *reported { " CALIBRATED-UNDER" } else { "" };
        println!(
            "{} {family} {} reported {reported} expected {expected} bound {tokens} ({kind}) calibrated {calibrated} \
             in sample {}{under}{still}",
            record.line, record.model, judged.plain[place].estimate.tokens
        );
    }
}

/// The parts of each request that was under its bound with its file left out.
pub(crate) fn explain(records: &[Record], judged: &Judged) {
    for (place, record) in records.iter().enumerate() {
        let explained = &judged.explained[place];
        let calibrated = judged.left_out_calibrated[place].estimate.tokens;
        if explained.estimate.tokens.min(calibrated) >= record.reported {
            continue;
        }
        // The part that would have to be so much larger, if all others are as expected.
        let missing = record.reported.saturating_sub(explained.estimate.tokens);
        println!(
            "line {} {}: reported {}, {missing} above the bound, calibrated {calibrated}; {}",
            record.line, record.model, record.reported, record.file
        );
        print!("{explained}");
    }
}

/// The rows of a table, as the source of the crate has them.
pub(crate) fn table(table: &FamilyTable) -> String {
    let mut text = String::new();
    for family in FamilyTable::families() {
        for part in PromptPart::MEASURED {
            let Some(figure) = table.figure(family, part).filter(|figure| figure.files > 0) else { continue };
            let numbers = [figure.tokens, figure.ppm.into(), figure.slack_ppm.into(), figure.files.into()];
            let numbers = numbers.map(spaced).join(", ");
            let _ = writeln!(text, "    (\"{family}\", {part:?}, Figure::new({numbers})),");
        }
    }
    text
}

/// `1_234_567`.
fn spaced(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}
