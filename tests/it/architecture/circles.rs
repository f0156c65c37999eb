//! Do modules stand in an order, so that each can be read before those that use it?

use std::collections::{BTreeMap, BTreeSet};

use super::exceptions::{Figures, hold};
use super::graph::Graph;

type Uses = BTreeMap<String, BTreeMap<String, String>>;

/// Everything that a file uses, straight or by way of others.
fn reach<'a>(uses: &'a Uses, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = uses[from].keys().map(String::as_str).collect();
    while let Some(file) = open.pop() {
        if reached.insert(file) {
            open.extend(uses[file].keys().map(String::as_str));
        }
    }
    reached
}

/// The circles, each as large as it can be: all files of one use each other, straight or by way of others.
fn circles(uses: &Uses) -> Vec<BTreeSet<&str>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        uses.keys().map(|file| (file.as_str(), reach(uses, file))).collect();
    let mut circles: Vec<BTreeSet<&str>> = Vec::new();
    for (file, others) in &reached {
        if others.contains(file) && !circles.iter().any(|circle| circle.contains(file)) {
            circles.push(others.iter().copied().filter(|other| reached[other].contains(file)).collect());
        }
    }
    circles
}

// The figure of a file is how many files of its circle it uses.
#[test]
fn no_modules_use_each_other_in_a_circle() {
    let graph = Graph::read();
    let mut found = Figures::new();
    for circle in circles(&graph.uses) {
        println!("a circle of {}:", circle.len());
        for file in &circle {
            let inside = graph.uses[*file].iter().filter(|(other, _)| circle.contains(other.as_str()));
            for (other, path) in inside.clone() {
                println!("  {file} uses {other} ({path})");
            }
            found.insert((*file).to_owned(), inside.count());
        }
    }
    hold("circles", &found);
}

#[test]
fn a_circle_is_found_whole_and_what_hangs_on_it_is_not() {
    let uses: Uses = [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("d", ""), ("e", "a")]
        .into_iter()
        .fold(Uses::new(), |mut uses, (from, to)| {
            let used = uses.entry(from.to_owned()).or_default();
            if !to.is_empty() {
                used.insert(to.to_owned(), String::new());
            }
            uses
        });
    assert_eq!(circles(&uses), [BTreeSet::from(["a", "b", "c"])]);
}
