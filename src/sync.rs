//! Which locks does the ledger stand on? The real ones, or those of a model checker.
//!
//! Under `--cfg shuttle` every lock and atomic is one that the checker
//! schedules, so that `tests/shuttle.rs` explores interleavings no clock would
//! ever show. Nothing else in the crate knows.

#[cfg(not(shuttle))]
pub(crate) use std::sync::atomic::AtomicU32;

#[cfg(not(shuttle))]
pub(crate) use dashmap::DashMap;
#[cfg(not(shuttle))]
pub(crate) use parking_lot::Mutex;
#[cfg(shuttle)]
pub(crate) use shuttle::sync::atomic::AtomicU32;
#[cfg(shuttle)]
pub(crate) use shuttle_dashmap::DashMap;
#[cfg(shuttle)]
pub(crate) use shuttle_parking_lot::Mutex;
