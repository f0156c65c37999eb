//! What may nobody's ledger do otherwise? One test for each law.

mod admission;
mod expiry;
mod ids;
mod journal;
mod marks;
mod memory;
mod postings;
mod ranks;
mod resizing;
mod scopes;
mod windows;
