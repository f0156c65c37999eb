//! All integration tests, in one binary: the ledger's laws first, then the way of a call.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on stops where it stands, and an overflow fails it as it should"
)]

mod backend;
mod books;
mod events;
mod laws;
mod race;
mod reference;

mod support;

mod agree;
mod allocations;
mod architecture;
mod billed;
mod cancel;
mod estimation_recorded;
mod explain;
mod families;
mod fuzzed;
mod golden;
mod hostile;
mod lazy;
mod mended;
mod operator;
mod outage;
mod prices;
mod requests;
mod runs;
#[cfg(feature = "testing")]
mod scripted;
#[cfg(feature = "testing")]
mod scripted_http;
#[cfg(feature = "testing")]
mod soak;
#[cfg(feature = "sqlite")]
mod sqlite;
mod streams;
mod walk;
mod wire_forms;
mod wire_mended;
mod wire_properties;
mod wire_recorded;
mod wire_support;
mod wrapped;
mod wrapped_json;
