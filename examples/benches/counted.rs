//! How many instructions does a command take? One case, so many times and nothing else, for callgrind to count.
//!
//! ```console
//! $ cargo bench --no-run --bench counted
//! $ for pairs in 100000 200000; do
//! >   valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/deps/counted-… pair 4 $pairs
//! > done
//! ```
//!
//! The difference of both counts, by the difference of both numbers, is what one takes: to the digit, on every machine
//! with that compiler. Cases: `pair` and `refused` with a number of lines, `path` and `strings` with eight.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    unreachable_pub,
    reason = "a bench stops where its set-up is wrong; what it shares with the ratios measures time and divides it"
)]
#![allow(dead_code, reason = "shared with the ratios, which use all of it")]

#[path = "ratios/cases.rs"]
mod cases;
#[path = "ratios/peers.rs"]
mod peers;
#[path = "ratios/timing.rs"]
mod timing;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    let [case, lines, count] = arguments.as_slice() else { return };
    let (lines, count) = (lines.parse().unwrap(), count.parse().unwrap());
    let mut work = match case.as_str() {
        "pair" => cases::ledger_pair(lines, 1, 1),
        "refused" => cases::ledger_refusal(lines, 1),
        "path" => cases::prepared_path(1),
        "strings" => cases::string_path(1),
        other => panic!("no case {other}"),
    };
    work[0](count);
}
