//! The files of `src/`, and how long they are.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::tokens::{Token, closed, tokens};

/// A file of the library that is not one of unit tests.
pub(super) struct Source {
    /// Where it is below `src/`.
    pub(super) name: String,
    pub(super) text: String,
    pub(super) tokens: Vec<Token>,
}

/// A function, and the lines from its `fn` to its closing brace.
pub(super) struct Function {
    pub(super) name: String,
    pub(super) lines: Range<usize>,
}

/// Every file of the library, without its unit tests.
pub(super) fn library() -> &'static [Source] {
    static LIBRARY: LazyLock<Vec<Source>> = LazyLock::new(read);
    &LIBRARY
}

fn read() -> Vec<Source> {
    let files = below("src").into_iter().filter(|(path, _)| !is_unit_test(path));
    files.map(|(path, text)| Source::new(short(&path)["src/".len()..].to_owned(), text)).collect()
}

/// Every Rust file under that folder of the crate, with its text.
pub(super) fn below(folder: &str) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path, text));
            }
        }
    }
    files.sort();
    files
}

pub(super) fn short(path: &Path) -> String {
    path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string()
}

/// Whether the file is one of unit tests: `tests.rs`, or in a folder `tests`.
fn is_unit_test(path: &Path) -> bool {
    path.ends_with("tests.rs") || short(path).contains("/tests/")
}

impl Source {
    fn new(name: String, text: String) -> Self {
        Self { tokens: tokens(&text), name, text }
    }

    /// The path of its module, from the crate's root.
    pub(super) fn module(&self) -> Vec<String> {
        let path = self.name.trim_end_matches(".rs").trim_end_matches("/mod");
        path.split('/').filter(|name| *name != "lib").map(str::to_owned).collect()
    }

    /// The lines that have code: neither empty, nor a comment, nor for tests only.
    pub(super) fn code_lines(&self) -> usize {
        let mut last = 0;
        let mut lines = 0;
        for token in &self.tokens {
            lines += (token.line.max(last + 1)..token.line_end + 1).len();
            last = last.max(token.line_end);
        }
        lines
    }

    /// The lines of docs above the tests.
    pub(super) fn doc_lines(&self) -> usize {
        let text = self.text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let docs = text.lines().map(str::trim_start);
        docs.filter(|line| line.starts_with("///") || line.starts_with("//!")).count()
    }

    pub(super) fn functions(&self) -> Vec<Function> {
        let tokens = &self.tokens;
        let begins = (0..tokens.len()).filter(|at| tokens[*at].is("fn") && tokens[at + 1].is_word());
        begins
            .filter_map(|at| Some((at, body(tokens, at)?)))
            .map(|(at, end)| self.function(at, end))
            .collect()
    }

    fn function(&self, begin: usize, end: usize) -> Function {
        let lines = self.tokens[begin].line..self.tokens[end - 1].line_end + 1;
        Function { name: self.tokens[begin + 1].text.clone(), lines }
    }

    /// The names of the macros that the file defines.
    pub(super) fn macros(&self) -> impl Iterator<Item = &String> {
        let named = self.tokens.windows(3).filter(|three| three[0].is("macro_rules"));
        named.map(|three| &three[2].text)
    }

    /// Whether a macro of the file defines that item.
    pub(super) fn makes(&self, item: &str) -> bool {
        let mut pairs = self.tokens.windows(2);
        self.macros().next().is_some()
            && pairs
                .any(|pair| ["const", "static", "fn"].contains(&pair[0].text.as_str()) && pair[1].is(item))
    }
}

/// The index behind the body of the function that begins there; none where it has no body.
fn body(tokens: &[Token], begin: usize) -> Option<usize> {
    let mut at = begin;
    loop {
        match tokens.get(at)?.text.as_str() {
            "(" | "[" => at = closed(tokens, at),
            "{" => return Some(closed(tokens, at)),
            ";" => return None,
            _ => at += 1,
        }
    }
}

#[test]
fn lines_are_counted_by_what_stands_on_them() {
    let text = "//! One.\n\nuse a;\n\n/// Two.\nfn f() {\n    // Why.\n    let text = \"a\n  b\";\n}\n\
                #[cfg(test)]\nmod tests {\n    /// Left out.\n    fn g() {}\n}\n";
    let source = Source::new("f.rs".to_owned(), text.to_owned());
    assert_eq!((source.code_lines(), source.doc_lines()), (5, 2));
    let functions = source.functions();
    assert_eq!(functions.len(), 1);
    assert_eq!((functions[0].name.as_str(), functions[0].lines.clone()), ("f", 6..11));
}
