//! Do the promises of `fuzz/src/lib.rs` hold for damaged, spliced and swollen
//! input, without a fuzzer at hand? The seeds are the small files that a fuzzer
//! would begin with; the random damage is the same for the same seed.
//!
//! `TOKEN_BUDGET_FUZZ_ROUNDS` says how many inputs each target gets.

use std::fs;
use std::path::Path;

use crate::support::Dice;

#[path = "../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "public to the fuzzer")]
mod promises;

const ROUNDS: u64 = 2_000;
const BYTES_MAX: usize = 16_384;

/// What tends to break readers of numbers and of text.
const WORDS: [&[u8]; 24] = [
    b"18446744073709551615",
    b"18446744073709551616",
    b"9223372036854775808",
    b"-1",
    b"-0",
    b"1e400",
    b"1e-400",
    b"0.5",
    b"NaN",
    b"null",
    b"true",
    b"\"\"",
    b"\\u0000",
    b"\\ud800",
    b"\xff\xfe",
    b"\xf0\x9f",
    b"{\"usage\":",
    b"[[[[[[[[",
    b"}}}}",
    b"\"usage\":{\"input_tokens\":7}",
    b"\r\n\r\n",
    b"data: ",
    b"\"type\":\"response.done\"",
    b"\0\0\0\x10",
];

#[test]
fn promises_hold_for_damaged_input() {
    let rounds = std::env::var("TOKEN_BUDGET_FUZZ_ROUNDS").ok().and_then(|text| text.parse().ok());
    let rounds: u64 = rounds.unwrap_or(ROUNDS);
    for (name, target) in promises::TARGETS {
        let seeds = seeds(name);
        assert!(!seeds.is_empty(), "{name} has nothing to begin with");
        seeds.iter().for_each(|seed| target(seed));
        for round in 0..rounds {
            let input = damaged(&seeds, &mut Dice::of(round));
            let outcome = std::panic::catch_unwind(|| target(&input));
            assert!(outcome.is_ok(), "{name}, round {round}: {:?}", String::from_utf8_lossy(&input));
        }
        println!("{name}: {rounds} inputs from {} seeds", seeds.len());
    }
}

/// The target's own seeds, and the invented responses for those that read responses.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let tenant = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![tenant.join("fuzz/seeds").join(target)];
    if ["meter", "extract"].contains(&target) {
        folders.push(tenant.join("tests/fixtures/wire"));
    }
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// One seed with a few things done to it.
fn damaged(seeds: &[Vec<u8>], random: &mut Dice) -> Vec<u8> {
    let mut bytes = random.pick(seeds).clone();
    for _ in 0..=random.below(6) {
        let length = bytes.len() as u64;
        let (at, to) = (random.below(length + 1) as usize, random.below(length + 1) as usize);
        let (from, to) = (at.min(to), at.max(to));
        match random.below(8) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(from..to.min(from + 64))),
            2 => drop(bytes.splice(at..at, random.pick(&WORDS).iter().copied())),
            3 => {
                let again = bytes[from..to].to_vec();
                bytes.splice(at..at, again);
            }
            4 => {
                let other = random.pick(seeds);
                let half = random.below(other.len() as u64 + 1) as usize;
                bytes.splice(at.., other[half..].iter().copied());
            }
            5 => number(&mut bytes, at, random),
            _ if at < bytes.len() => bytes[at] = random.below(256) as u8,
            _ => bytes.push(random.below(256) as u8),
        }
        bytes.truncate(BYTES_MAX);
    }
    bytes
}

/// Puts a word in place of the next number.
fn number(bytes: &mut Vec<u8>, from: usize, random: &mut Dice) {
    let Some(at) = bytes[from..].iter().position(u8::is_ascii_digit) else { return };
    let at = from + at;
    let end = bytes[at..].iter().position(|byte| !byte.is_ascii_digit()).map_or(bytes.len(), |end| at + end);
    bytes.splice(at..end, random.pick(&WORDS).iter().copied());
}
