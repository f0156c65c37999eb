//! Is the house as it was planned? Each fence is a test, and fails on what passes it.
//!
//! What does not keep to a fence yet stands in `exceptions/` with its figure, which may only shrink.

mod circles;
mod doubles;
mod exceptions;
mod graph;
mod layers;
mod size;
mod source;
mod tokens;

use std::path::Path;

use self::source::{below, short};

#[test]
fn every_file_says_first_which_question_it_answers() {
    let silent: Vec<_> = below("src")
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(path, _)| short(&path))
        .collect();
    assert!(silent.is_empty(), "files that do not begin with a //! line: {silent:?}");
}

// A merge once dropped the line for the oracle's tests, and nothing said that they no longer ran.
#[test]
fn every_file_of_these_tests_is_compiled() {
    let files = below("tests/it");
    let code = |text: &str| {
        let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
        lines.collect::<Vec<_>>().join("\n")
    };
    let named = |name: &str| files.iter().any(|(_, text)| code(text).contains(&format!("mod {name};")));
    let name = |path: &Path| {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let folder = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
        if stem == "mod" { folder.to_owned() } else { stem.to_owned() }
    };
    let names = files.iter().map(|(path, _)| name(path)).filter(|name| name != "main");
    let forgotten: Vec<_> = names.filter(|name| !named(name)).collect();
    assert!(forgotten.is_empty(), "files that no `mod` line names: {forgotten:?}");
}
