//! What may nobody's ledger do otherwise? One test for each law.

pub(crate) mod admission;
pub(crate) mod expiry;
pub(crate) mod ids;
pub(crate) mod journal;
pub(crate) mod marks;
mod memory;
pub(crate) mod postings;
pub(crate) mod ranks;
pub(crate) mod resizing;
pub(crate) mod scopes;
pub(crate) mod windows;
