//! What does not keep to a fence yet, by name and figure.
//!
//! Each fence has a file `exceptions/<fence>.txt`, whose lines are a name and a figure. A figure that grows fails the fence, and so
//! does a name that the list does not have; but so does one that has shrunk or gone, because a list that says too much lets the
//! next one grow again. `TOKEN_BUDGET_FENCES=write cargo test --all-features --test it architecture` writes the figures as they
//! are; what grew is then seen in the diff. That also ends a conflict of two merges.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Names and figures.
pub(super) type Figures = BTreeMap<String, usize>;

/// Compares what was found beyond a fence with its list.
///
/// # Panics
/// Where they differ, with what to do about it.
pub(super) fn hold(fence: &str, found: &Figures) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/architecture/exceptions");
    let path = folder.join(format!("{fence}.txt"));
    if std::env::var("TOKEN_BUDGET_FENCES").is_ok_and(|what| what == "write") {
        let lines = found.iter().map(|(name, figure)| format!("{figure:4} {name}\n"));
        fs::write(path, lines.collect::<String>()).unwrap();
        return;
    }
    let listed = read(&fs::read_to_string(path).unwrap());
    let mut said = String::new();
    for (name, figure) in found {
        let at_most = listed.get(name).copied().unwrap_or(0);
        if *figure > at_most {
            writeln!(said, "  {name}: {figure}, at most {at_most} here: mend it").unwrap();
        } else if *figure < at_most {
            writeln!(said, "  {name}: {figure}, no longer {at_most}: write the new figure").unwrap();
        }
    }
    for name in listed.keys().filter(|name| !found.contains_key(*name)) {
        writeln!(said, "  {name}: keeps to the fence now: strike it off the list").unwrap();
    }
    assert!(said.is_empty(), "the fence `{fence}` (TOKEN_BUDGET_FENCES=write writes its list anew):\n{said}");
}

fn read(list: &str) -> Figures {
    let lines = list.lines().map(|line| line.trim_start().split_once(' ').unwrap());
    lines.map(|(figure, name)| (name.to_owned(), figure.parse().unwrap())).collect()
}
