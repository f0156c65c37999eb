//! The integration tests, in one binary: what a user of the crate can rely on.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may stop where it stands, and its figures are small"
)]

mod books;
mod events;
mod laws;
mod race;
mod reference;
