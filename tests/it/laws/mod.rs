//! What does the ledger in memory promise beyond the laws of every ledger?
//!
//! Those are `testing::conformance`, which `conformance.rs` runs.

mod ages;
mod errors;
mod idle;
mod memory;
mod rows;
