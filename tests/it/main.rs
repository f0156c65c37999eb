//! All integration tests, in one binary.

mod allocations;
mod estimation_recorded;
