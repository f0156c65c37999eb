//! Do imports point one way?

use super::exceptions::{Figures, hold};
use super::graph::Graph;

/// The layers, lowest first, and in each its rooms in their order: a room uses its own rank and what stands before it.
///
/// A room is a folder of `src/` or a file. Whoever moves files edits this list; rooms that do not exist (yet) may stand in it.
const LAYERS: [(&str, &[&[&str]]); 7] = [
    ("values", &[&["values", "sync"]]),
    ("knowledge", &[&["policy", "pricing", "tokens", "wire"]]),
    ("decision", &[&["decision"]]),
    ("ledger", &[&["ledger"]]),
    (
        "enforcement",
        &[&["engine"], &["reservation"], &["enforcer"], &["client", "stream", "run"], &["assemble", "http"]],
    ),
    ("insight", &[&["observe"], &["insight"], &["govern"]]),
    ("testing", &[&["testing"]]),
];

/// Files that only hand on names of other rooms, or pages, to users: nothing in the crate uses them.
const FACADES: [&str; 2] = ["docs.rs", "lib.rs"];

/// The layer and the rank in it.
fn place(file: &str) -> Option<(usize, usize)> {
    let room = file.split('/').next().unwrap().trim_end_matches(".rs");
    let layers = LAYERS.iter().enumerate();
    layers
        .flat_map(|(layer, (_, ranks))| {
            ranks.iter().enumerate().map(move |(rank, rooms)| (layer, rank, rooms))
        })
        .find(|(_, _, rooms)| rooms.contains(&room))
        .map(|(layer, rank, _)| (layer, rank))
}

fn layer_name(file: &str) -> Option<&'static str> {
    place(file).map(|(layer, _)| LAYERS[layer].0)
}

#[test]
fn imports_point_to_the_same_layer_or_a_lower_one() {
    let graph = Graph::read();
    let mut violations = Vec::new();
    let mut seen = 0;
    for (file, used) in &graph.uses {
        if place(file).is_none() && !FACADES.contains(&file.as_str()) {
            violations.push(format!("{file} is in no room: give it one in LAYERS"));
        }
        for (other, path) in used {
            seen += 1;
            let too_high = place(file).map(|(layer, _)| layer) < place(other).map(|(layer, _)| layer);
            // Decision and ledger do not know each other, and a ledger has heard of no policy.
            let sideways = layer_name(file) == Some("ledger")
                && ![Some("values"), Some("ledger")].contains(&layer_name(other));
            if too_high || sideways {
                violations.push(format!("{file} uses {other} ({path})"));
            }
        }
    }
    assert!(seen > 1000, "only {seen} uses were found: the reader is broken");
    assert!(violations.is_empty(), "imports that point the wrong way:\n{}", violations.join("\n"));
}

// The figure of two rooms is how many files of the one use how many of the other.
#[test]
fn imports_inside_a_layer_point_to_the_same_rank_or_a_lower_one() {
    let graph = Graph::read();
    let mut found = Figures::new();
    for (file, used) in &graph.uses {
        for (other, path) in used {
            if let (Some((layer, rank)), Some((other_layer, other_rank))) = (place(file), place(other))
                && layer == other_layer
                && rank < other_rank
            {
                println!("{file} uses {other} ({path})");
                let room = |file: &str| file.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
                *found.entry(format!("{} uses {}", room(file), room(other))).or_default() += 1;
            }
        }
    }
    hold("ranks", &found);
}
