//! Is what the pages about ledgers say so? Their code, the laws and tables they name, and how many there are.

use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a file of this crate")
}

#[test]
fn every_piece_of_code_in_the_guide_stands_in_the_example() {
    let (guide, example) = (read("docs/LEDGER.md"), read("examples/custom_store.rs"));
    let pieces =
        guide.split("```rust,ignore\n").skip(1).map(|rest| rest.split("```").next().expect("an end"));
    let mut seen = 0;
    for piece in pieces {
        assert!(example.contains(piece), "the example does not say:\n{piece}");
        seen += 1;
    }
    assert!(seen >= 15, "{seen} pieces were found: the reader is broken");
}

#[test]
fn the_store_of_the_guide_is_as_short_as_the_guide_says() {
    let example = read("examples/custom_store.rs");
    let (store, _) = example.split_once("fn main()").expect("a main that shows it");
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    // What only `main` uses is no part of the store.
    let lines = store.lines().filter(is_code).filter(|line| !line.contains("testing::conformance")).count();
    assert!((100..=150).contains(&lines), "{lines} lines of code");
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

/// The cells of the tables under that heading, row by row, without the heads.
#[cfg(feature = "testing")]
fn rows_under<'a>(page: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
    let (_, after) = page.split_once(heading).expect("a heading");
    let part = after.split("\n## ").next().expect("the part below it");
    let rows = part.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    let cells = |row: &'a str| row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
    rows.map(cells).filter(|cells| cells.first() != Some(&"mistake")).collect()
}

#[cfg(feature = "testing")]
#[test]
fn the_pages_say_how_many_laws_there_are() {
    let laws = token_budget::testing::conformance::laws().len();
    assert!(read("docs/RELIABILITY.md").contains(&format!("| {laws} laws,")), "there are {laws}");
    assert!(read("CHANGELOG.md").contains(&format!("{laws} named laws")), "there are {laws}");
}

#[cfg(feature = "testing")]
#[test]
fn every_planted_mistake_is_listed_with_laws_that_exist() {
    let page = read("docs/RELIABILITY.md");
    let sentences: Vec<String> =
        token_budget::testing::conformance::laws().iter().map(|law| law.sentence()).collect();
    let rows = rows_under(&page, "## The planted mistakes");
    for row in &rows {
        for law in row[1].split("; ") {
            assert!(sentences.iter().any(|sentence| sentence == law), "{}: no law says {law:?}", row[0]);
        }
    }
    let count = rows.len();
    assert!(page.contains(&format!("| {count} of {count} |")), "{count} are listed");
}

#[cfg(feature = "sqlite")]
#[test]
fn the_guide_explains_every_table_and_view_of_the_file() {
    let folder = crate::sqlite::support::Folder::in_memory();
    let path = folder.file("books.db");
    token_budget::ledger::SqliteLedger::open(&path).expect("a ledger");
    let file = rusqlite::Connection::open(&path).expect("a connection");
    let mut read_names = file
        .prepare(
            "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'",
        )
        .expect("sound SQL");
    let names = read_names.query_map([], |row| row.get::<_, String>(0)).expect("rows");
    let names: Vec<String> = names.map(|name| name.expect("a name")).collect();

    let guide = read("docs/LEDGER.md");

    assert!(names.len() >= 16, "{names:?}");
    for name in names {
        assert!(guide.contains(&format!("`{name}`")), "docs/LEDGER.md does not explain {name}");
    }
}
