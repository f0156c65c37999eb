//! How does a call's whole way behave, seen from outside?

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test that panics has said what it found, in its helpers too"
)]

mod support;

mod agree;
mod architecture;
mod cancel;
mod explain;
mod golden;
mod hostile;
mod lazy;
mod operator;
mod outage;
mod runs;
mod walk;
mod wrapped;
