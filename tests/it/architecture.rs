//! Do imports point one way, and does every file say what it is for?

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The layers, lowest first. A module imports its own layer and lower ones.
const LAYERS: [&[&str]; 7] = [
    &[
        "sync",
        "error",
        "name",
        "private",
        "money",
        "meter",
        "usage",
        "amount",
        "scope",
        "window",
        "conditions",
        "message",
        "no_limit",
        "call",
        "clock",
        "account",
        "claim",
        "binding",
        "fee",
        "verdict",
        "event",
    ],
    &["policy", "pricing", "tokens", "wire"],
    &["decision"],
    &["ledger"],
    &["enforcer", "reservation", "client", "run", "stream", "http"],
    &["insight"],
    &["testing"],
];

const LEDGER: usize = 3;

const LINES_MAX: usize = 700;

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// Every Rust file under `src`, with its text.
fn sources() -> Vec<(PathBuf, String)> {
    below("src")
}

/// Every Rust file under that folder of the crate, with its text.
fn below(folder: &str) -> Vec<(PathBuf, String)> {
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

fn short(path: &Path) -> String {
    path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string()
}

/// The module of the crate that a file belongs to; none for `lib.rs`.
fn module_of(path: &Path) -> Option<String> {
    let below = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let first = below.components().next().unwrap().as_os_str().to_str().unwrap();
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (name != "lib").then(|| name.to_owned())
}

/// Whether the file is one of unit tests: `tests.rs`, or in a folder `tests`.
fn is_unit_test(path: &Path) -> bool {
    path.ends_with("tests.rs") || path.parent().is_some_and(|folder| folder.ends_with("tests"))
}

/// The text without comments, and without the tests at its bottom.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// The names that follow `crate::`, one for each branch of a group: `a::{B, c::D}` is `a::B`, `a::c::D`.
fn tree(text: &str) -> Vec<String> {
    let name_end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    let (name, rest) = text.split_at(name_end);
    if let Some(rest) = rest.strip_prefix("::") {
        let below = tree(rest);
        let joined =
            |tail: &String| if tail.is_empty() { name.to_owned() } else { format!("{name}::{tail}") };
        return below.iter().map(joined).collect();
    }
    if name.is_empty() && rest.starts_with('{') {
        return branches(rest).iter().flat_map(|branch| tree(branch.trim())).collect();
    }
    vec![name.to_owned()]
}

/// The parts of a group in braces, split at its own commas.
fn branches(group: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0;
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        let opens = c == '{' && depth == 1;
        if c == ',' && depth == 1 {
            parts.push(String::new());
        } else if !opens {
            parts.last_mut().unwrap().push(c);
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// Which module each name at the crate's root comes from, by the `pub use` lines of `lib.rs`.
fn exported(lib: &str) -> BTreeMap<String, String> {
    let code = code(lib);
    let mut names = BTreeMap::new();
    for statement in code.split("pub use ").skip(1) {
        let statement = statement.split(';').next().unwrap();
        for path in tree(statement) {
            let (module, name) = path.split_once("::").expect("a name of a module");
            names.insert(name.rsplit("::").next().unwrap().to_owned(), module.to_owned());
        }
    }
    names
}

/// Everything of the crate that a file names, as modules: `crate::Usd` is `money`.
fn imports(text: &str, exported: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let code = code(text);
    let mut found = Vec::new();
    for (place, _) in code.match_indices("crate::") {
        // `$crate` and other words that end alike are not meant.
        if code[..place].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        for path in tree(&code[place + "crate::".len()..]) {
            let first = path.split("::").next().unwrap().to_owned();
            let module = exported.get(&first).cloned().unwrap_or(first);
            found.push((path, module));
        }
    }
    found
}

#[test]
fn imports_point_to_the_same_layer_or_a_lower_one() {
    let sources = sources();
    let lib = &sources.iter().find(|(path, _)| path.ends_with("src/lib.rs")).unwrap().1;
    let exported = exported(lib);
    assert_eq!(exported.get("Usd").map(String::as_str), Some("money"), "lib.rs is read");
    let mut violations = Vec::new();
    let mut seen = 0;
    for (path, text) in &sources {
        let Some(module) = module_of(path) else { continue };
        let file = short(path);
        let Some(own) = layer(&module) else {
            violations.push(format!("{file}: module {module} has no layer; give it one in this test"));
            continue;
        };
        for (name, target) in imports(text, &exported) {
            seen += 1;
            let Some(other) = layer(&target) else {
                violations.push(format!("{file}: crate::{name} is of no known module"));
                continue;
            };
            let too_high = other > own;
            let sideways = own == LEDGER && other != 0 && other != LEDGER;
            // Unit tests in a file of their own may use what is there for tests, and nothing else above them.
            let is_lent = target == "testing" && is_unit_test(path);
            if (too_high || sideways) && !is_lent {
                violations.push(format!(
                    "{file} (layer {own}, {module}) imports crate::{name} (layer {other}, {target})"
                ));
            }
        }
    }
    assert!(seen > 100, "only {seen} imports were found: the reader is broken");
    assert!(violations.is_empty(), "imports that point the wrong way:\n{}", violations.join("\n"));
}

#[test]
fn every_file_says_first_which_question_it_answers() {
    let silent: Vec<_> = sources()
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

#[test]
fn no_file_is_longer_than_can_be_read_at_once() {
    let long: Vec<_> = sources()
        .into_iter()
        .map(|(path, text)| (short(&path), text.lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .collect();
    assert!(long.is_empty(), "files of more than {LINES_MAX} lines: {long:?}");
}

#[test]
fn the_reader_of_imports_reads_groups() {
    let names = |text: &str| tree(text);
    assert_eq!(names("a::{B, c::{D, E}, F};"), ["a::B", "a::c::D", "a::c::E", "a::F"]);
    assert_eq!(names("{Usd, policy::Budget}"), ["Usd", "policy::Budget"]);
    assert_eq!(names("Usd>"), ["Usd"]);
}
