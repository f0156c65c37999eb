//! What does it cost, beside named peers, in one run?
//!
//! `cargo bench` runs every case in interleaved rounds and prints medians and
//! ratios; `cargo bench -- --test` runs each case once, to see that it works,
//! and `cargo bench -- ledger` (path, accounts, parts, tokens, wire, stream, memory, sqlite) one group alone.
//! Absolute figures drift with the machine: read the ratios.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a bench measures time, divides it, and stops where its set-up is wrong"
)]

mod cases;
mod memory;
mod peers;
#[cfg(feature = "sqlite")]
mod sqlite;
mod stream;
mod timing;
mod tokens;
mod wire;

use timing::{Bench, Run};

/// Measures some cases and prints them.
type Group = fn(&Run);

fn main() {
    let run = Run::from_arguments();
    println!("rounds {}, iterations a round {}, nanoseconds are medians\n", run.rounds, run.iterations);
    let groups: &[(&str, Group)] = &[
        ("ledger", ledger),
        ("path", whole_path),
        ("accounts", many_accounts),
        ("parts", parts),
        ("tokens", counting),
        ("wire", wire::report),
        ("stream", stream::report),
        ("memory", memory::report),
        #[cfg(feature = "sqlite")]
        ("sqlite", sqlite::report),
    ];
    for (name, group) in groups {
        if run.wants(name) {
            group(&run);
        }
    }
}

/// The ledger alone, 4 and 8 prepared lines, beside one keyed check for each of four levels.
fn ledger(run: &Run) {
    for threads in [1, 2] {
        let governor = peers::governor_u64(4, threads);
        let mut bench = Bench::new(
            &format!("ledger, {threads} thread(s), one hot path"),
            "4 governor checks (u64)",
            governor,
        );
        bench.add("4 lines, reserve + reconcile", Some(1.5), cases::ledger_pair(4, 1, threads));
        bench.add("8 lines, reserve + reconcile", Some(2.0), cases::ledger_pair(8, 1, threads));
        bench.add("4 lines, refused", None, cases::ledger_refusal(4, threads));
        bench.run(run, threads);
    }
    let arithmetic = cases::independent_arithmetic();
    let mut bench = Bench::new("ledger, 2 threads on 2 tenants", "independent arithmetic", arithmetic);
    bench.add("4 lines, reserve + reconcile", None, cases::ledger_pair(4, 2, 2));
    bench.run_scaling(run);
}

/// The whole path with token counts given: four scopes, each with a day and a month in dollars.
fn whole_path(run: &Run) {
    for threads in [1, 2] {
        let governor = peers::governor_u64(4, threads);
        let mut bench =
            Bench::new(&format!("whole path, {threads} thread(s)"), "4 governor checks (u64)", governor);
        bench.add("prepared, 8 lines", Some(1.0), cases::prepared_path(threads));
        bench.add("from strings, 8 lines", Some(1.8), cases::string_path(threads));
        bench.add("refused, prepared", None, cases::refused_path(threads));
        bench.run(run, threads);
    }
    let mut bench =
        Bench::new("whole path, two levels", "llm-budget charge_agent_model", peers::llm_budget());
    bench.add("prepared, 2 lines", Some(1.0), cases::two_levels());
    bench.run(run, 1);
}

/// Random accounts out of ten thousand and of a million.
fn many_accounts(run: &Run) {
    for accounts in run.sizes() {
        let governor = peers::governor_string(accounts);
        let mut bench =
            Bench::new(&format!("{accounts} accounts at random"), "1 governor check (string)", governor);
        bench.add("ledger, 4 lines, prepared", None, cases::ledger_random(accounts));
        bench.add("whole path, from strings", Some(1.2), cases::string_path_random(accounts));
        bench.run(run, 1);
    }
}

/// The parts around the ledger.
fn parts(run: &Run) {
    let mut bench = Bench::new("parts", "one clock reading", cases::clock());
    bench.add("cost of five token classes, model by name (≤ 100 ns)", None, cases::cost_by_name());
    bench.add("byte bound of 1 MB in 100 messages", None, cases::byte_bound());
    bench.add("100 KB conversation again (≤ 30,000 ns)", None, cases::estimate_again());
    bench.run(run, 1);
}

/// Exact counts of text that was not seen before, beside the tokenizer itself.
fn counting(run: &Run) {
    for (name, text) in tokens::corpora() {
        let mut bench =
            Bench::new(&format!("16 KB of {name}, o200k"), "tiktoken-rs", tokens::tokenizer(&text))
                .reading(text.len());
        bench.add("counted", Some(0.33), tokens::counted(&text));
        bench.add("counted by a thread that counted nothing before", Some(1.0), tokens::counted_cold(&text));
        bench.add("rough, without a vocabulary", None, tokens::rough(&text));
        bench.run(run, 1);
    }
}
