//! Does one name mean one thing?

use std::collections::{BTreeMap, BTreeSet};

use super::exceptions::{Figures, hold};
use super::source::library;
use super::tokens::{Token, tokens};

/// The names of the structs and enums that a file defines; a list of words for a macro defines none.
fn types(tokens: &[Token]) -> impl Iterator<Item = &str> {
    let defined = tokens.windows(2).filter(|pair| pair[0].is("struct") || pair[0].is("enum"));
    defined.filter(|pair| pair[1].text.starts_with(char::is_uppercase)).map(|pair| pair[1].text.as_str())
}

/// Names that several files define, and how many do.
fn doubles<'a>(files: impl Iterator<Item = (&'a str, &'a [Token])>) -> Figures {
    let mut files_of: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (file, tokens) in files {
        for name in types(tokens) {
            files_of.entry(name).or_default().insert(file);
        }
    }
    for (name, files) in files_of.iter().filter(|(_, files)| files.len() > 1) {
        println!("{name}: {files:?}");
    }
    let figures = files_of.into_iter().map(|(name, files)| (name.to_owned(), files.len()));
    figures.filter(|(_, files)| *files > 1).collect()
}

// The figure of a name is how many files define a type of that name. Whoever meets it in a search, a backtrace or an import should
// not have to ask which of them is meant.
#[test]
fn no_two_files_define_a_type_of_one_name() {
    let files = library().iter().map(|source| (source.name.as_str(), source.tokens.as_slice()));
    hold("doubles", &doubles(files));
}

#[test]
fn a_name_is_a_double_in_two_files_and_not_twice_in_one_or_in_tests() {
    let one = tokens(
        "pub struct Row; enum State { Row } fn f() { struct Local; } #[cfg(test)] mod tests { struct Told; }",
    );
    let two =
        tokens("enum Row {} impl State {} struct Told; mod a { struct Local; } mod b { struct Local; }");
    let three = tokens("struct Row { state: State } macro_rules! m { ($name:ident) => { struct $name; } }");
    let files = [("one.rs", one.as_slice()), ("two.rs", &two), ("three.rs", &three)];

    let found = doubles(files.into_iter());

    assert_eq!(found, Figures::from([("Local".to_owned(), 2), ("Row".to_owned(), 3)]));
}
