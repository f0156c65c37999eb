//! Lays what is read out of recorded responses beside what they are known to mean.
//!
//! The folder holds `index.json`, a list with one object for each response
//! (its file, its provider, and the usage it means), and the bodies. Whole
//! bodies are read at once; streams are fed in random cuts, and every cutting
//! must give the same report. Each disagreement is one line: the entry, the
//! field, what was expected, what was read.
//!
//! ```text
//! cargo run --release --example check_recorded -- /data/recorded
//! ```

mod compare;
mod recorded;

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;
use token_budget::Clock;
use token_budget::time::SystemClock;

use recorded::{Cuts, Entry};

const HELP: &str = "\
Reads recorded responses and compares their usage with what they are known to mean.

Usage: check_recorded DIR [--strict] [--seed N] [--json]

  DIR        a folder with index.json and the bodies that it names
  --strict   ends with 1 if anything disagrees
  --seed N   where the random cuts of streams begin; without it, the time of day
  --json     prints a JSON object for each disagreement, and one as the last line

Ends with 0, with 1 where a body could not be read, or with 2 where it could not run.";

fn main() -> ExitCode {
    match Arguments::read(std::env::args().skip(1)) {
        Ok(None) => {
            println!("{HELP}");
            ExitCode::SUCCESS
        }
        Ok(Some(arguments)) => run(&arguments).unwrap_or_else(|problem| fail(&problem)),
        Err(problem) => fail(&problem),
    }
}

fn fail(problem: &str) -> ExitCode {
    eprintln!("check_recorded: {problem}");
    ExitCode::from(2)
}

#[derive(Debug)]
struct Arguments {
    folder: PathBuf,
    strict: bool,
    seed: u64,
    json: bool,
}

impl Arguments {
    /// Reads the words after the program's name; `None` where help was asked for.
    fn read(mut words: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let (mut folder, mut strict, mut seed, mut json) = (None, false, None, false);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--help" | "-h" => return Ok(None),
                "--strict" => strict = true,
                "--json" => json = true,
                "--seed" => {
                    let text = words.next().ok_or("--seed wants a number; try --help")?;
                    let number =
                        text.parse().map_err(|_| format!("--seed: {text:?} is not a whole number"))?;
                    seed = Some(number);
                }
                _ if word.starts_with('-') || folder.is_some() => {
                    return Err(format!("{word:?} is not an option; try --help"));
                }
                _ => folder = Some(PathBuf::from(word)),
            }
        }
        let folder = folder.ok_or("a folder is wanted; try --help")?;
        let seed = seed.unwrap_or_else(|| SystemClock.now().as_nanos().unsigned_abs());
        Ok(Some(Self { folder, strict, seed, json }))
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let entries = recorded::index(&arguments.folder)?;
    let (mut cuts, mut agree, mut unreadable) = (Cuts::new(arguments.seed), 0_usize, 0_usize);
    if !arguments.json {
        println!("{} entries, seed {}", entries.len(), arguments.seed);
    }
    for entry in &entries {
        match entry.body(&arguments.folder) {
            Ok(body) if !disagrees(entry, &body, &mut cuts, arguments.json) => {
                agree = agree.saturating_add(1)
            }
            Ok(_) => {}
            Err(problem) => {
                unreadable = unreadable.saturating_add(1);
                eprintln!("{}: {problem}", entry.id);
            }
        }
    }
    if arguments.json {
        println!("{}", json!({"agree": agree, "entries": entries.len(), "seed": arguments.seed}));
    } else {
        println!("{agree} of {} agree", entries.len());
    }
    let failed = unreadable > 0 || (arguments.strict && agree < entries.len());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Prints how one entry disagrees, if it does.
fn disagrees(entry: &Entry, body: &[u8], cuts: &mut Cuts, json: bool) -> bool {
    let found = compare::check(entry, body, cuts);
    for one in &found {
        let (field, expected, got) = (&one.field, &one.expected, &one.got);
        if json {
            println!("{}", json!({"id": entry.id, "field": field, "expected": expected, "got": got}));
        } else {
            println!("{} {} {field}: expected {expected}, got {got}", entry.id, entry.label());
        }
    }
    !found.is_empty()
}
