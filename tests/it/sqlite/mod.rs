//! Do the books survive? The ledger in a file: its laws, its crashes, and what is found in a damaged one.

mod crash;
mod damage;
mod file;
mod handles;
#[cfg(feature = "testing")]
mod laws;
mod part;
mod processes;
mod reports;
pub(crate) mod support;
mod told;
