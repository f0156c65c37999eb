//! Can each file be read at once, is enough explained, and is the front door small?

use super::exceptions::{Figures, hold};
use super::source::{below, library, short};

/// Code lines of a file: no docs, no comments, no tests.
const FILE_LINES_MAX: usize = 250;

/// All lines of a file, with docs and tests.
const FILE_LINES_IN_ALL_MAX: usize = 700;

/// Lines of a function, from `fn` to its last brace. Clippy counts code alone, and up to a hundred.
const FUNCTION_LINES_MAX: usize = 60;

/// Lines of docs in a thousand lines of docs and code. It may only rise, from 25 % on.
const DOCS_PERMILLE_MIN: usize = 255;

/// Names at the crate's root, modules not counted. It may only fall, and should reach 30.
const ROOT_NAMES: usize = 30;

/// Modules that stand in a room below the root and open there.
const DOORS: [&str; 3] = ["call", "time", "usage"];

#[test]
fn no_file_has_more_code_than_can_be_read_at_once() {
    let lines = library().iter().map(|source| (source.code_lines(), source.name.clone()));
    let long: Figures =
        lines.filter(|(lines, _)| *lines > FILE_LINES_MAX).map(|(lines, name)| (name, lines)).collect();
    hold("file_lines", &long);
}

#[test]
fn no_file_is_longer_than_can_be_read_at_once() {
    let files = below("src").into_iter().map(|(path, text)| (short(&path), text.lines().count()));
    let long: Vec<_> = files.filter(|(_, lines)| *lines > FILE_LINES_IN_ALL_MAX).collect();
    assert!(long.is_empty(), "files of more than {FILE_LINES_IN_ALL_MAX} lines: {long:?}");
}

#[test]
fn a_function_fits_a_screen() {
    let mut long = Figures::new();
    for source in library() {
        for function in
            source.functions().into_iter().filter(|function| function.lines.len() > FUNCTION_LINES_MAX)
        {
            long.insert(format!("{} {}", source.name, function.name), function.lines.len());
        }
    }
    hold("function_lines", &long);
}

#[test]
fn the_share_of_docs_only_rises() {
    let (mut docs, mut code) = (0, 0);
    for source in library() {
        docs += source.doc_lines();
        code += source.code_lines();
    }
    let permille = docs * 1000 / (docs + code);
    let said = format!("{docs} lines of docs beside {code} of code: {permille} ‰");
    assert!(permille >= DOCS_PERMILLE_MIN, "{said}, at least {DOCS_PERMILLE_MIN}");
    assert!(permille < DOCS_PERMILLE_MIN + 10, "{said}: raise DOCS_PERMILLE_MIN");
}

#[test]
fn the_front_door_only_grows_smaller() {
    let lib = library().iter().find(|source| source.name == "lib.rs").unwrap();
    let mut names = super::graph::handed_on(&lib.tokens);
    names.retain(|name| !DOORS.contains(&name.as_str()));
    let figure = names.len();
    assert!(figure <= ROOT_NAMES, "{figure} names at the root, at most {ROOT_NAMES}: {names:?}");
    assert_eq!(figure, ROOT_NAMES, "write the new number into ROOT_NAMES");
}
