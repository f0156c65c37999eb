//! Holds the ledgers of this crate to every law, and prints how they stand, side by side.
//!
//! The table is what a backend's README can show. `files.rs` is how a ledger in a file lends itself to the laws.
//!
//! ```text
//! cargo run --release --example conformance --features testing,sqlite
//! ```

mod files;

use token_budget::MemoryLedger;
use token_budget::testing::conformance::{self, Maker, OverFaultyWire};

use self::files::Files;

fn main() {
    let memory = || {
        Maker::new("memory", |clock| MemoryLedger::with_clock(clock))
            .verified_by(MemoryLedger::verify)
            .counting_holds(MemoryLedger::open_holds)
    };
    let report = conformance::run(&memory())
        .beside(conformance::run(&Files))
        .beside(conformance::run(&OverFaultyWire::new(memory())))
        .beside(conformance::run(&OverFaultyWire::new(Files).rounds(2)));
    println!("{report}");
    report.assert_holds();
}
