//! Is the code in `docs/LEDGER.md` that of the example that runs?

use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a file of this crate")
}

#[test]
fn every_piece_of_code_in_the_guide_stands_in_the_example() {
    let (guide, example) = (read("docs/LEDGER.md"), read("examples/custom_ledger.rs"));
    let pieces = guide.split("```rust\n").skip(1).map(|rest| rest.split("```").next().expect("an end"));
    let mut seen = 0;
    for piece in pieces {
        assert!(example.contains(piece), "the example does not say:\n{piece}");
        seen += 1;
    }
    assert!(seen >= 10, "{seen} pieces were found: the reader is broken");
}

#[cfg(feature = "testing")]
#[test]
fn every_law_that_the_guide_names_exists() {
    let guide = read("docs/LEDGER.md");
    let is_name =
        |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '_') && word.contains("_the_");
    let names: Vec<&str> = guide.split('`').filter(is_name).collect();
    assert!(!names.is_empty());
    for name in names {
        assert!(token_budget::testing::conformance::law(name).is_some(), "{name}");
    }
}
