//! Do the books survive? The ledger in a file: its laws, its crashes, and what is found in a damaged one.

mod crash;
mod damage;
#[cfg(feature = "testing")]
mod drops;
mod enforced;
mod file;
mod handles;
mod hostile;
mod imported;
#[cfg(feature = "testing")]
mod laws;
mod missing;
mod operator;
mod part;
mod paths;
mod processes;
mod reports;
mod shells;
pub(crate) mod support;
mod told;
