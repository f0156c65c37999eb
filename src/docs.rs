//! The pages of `docs/`, to read beside the items that they name.
//!
//! They exist only in the documentation: nothing here is compiled into a program.
//!
//! | you want to know | read |
//! | --- | --- |
//! | how the crate is built, and why so | [`architecture`] |
//! | how to build, test and extend it | [`contributing`] |
//! | how to keep books elsewhere, and how the SQLite file is operated | [`ledger`] |
//! | which small mistakes no test notices | [`mutants`] |
//! | what it costs, beside named peers | [`performance`] |
//! | which fields of which provider are read | [`providers`] |
//! | what is proved, and with which command | [`reliability`] |
//! | what is promised to whoever must defend it, and how to report a hole | [`security`] |

#[doc = include_str!("../docs/ARCHITECTURE.md")]
pub mod architecture {}

#[doc = include_str!("../docs/CONTRIBUTING.md")]
pub mod contributing {}

#[doc = include_str!("../docs/LEDGER.md")]
pub mod ledger {}

#[doc = include_str!("../docs/MUTANTS.md")]
pub mod mutants {}

#[doc = include_str!("../docs/PERFORMANCE.md")]
pub mod performance {}

#[doc = include_str!("../docs/PROVIDERS.md")]
pub mod providers {}

#[doc = include_str!("../docs/RELIABILITY.md")]
pub mod reliability {}

#[doc = include_str!("../docs/SECURITY.md")]
pub mod security {}
