//! How does a call's whole way behave, seen from outside?

mod support;

mod explain;
mod golden;
mod lazy;
mod operator;
mod runs;
mod walk;
