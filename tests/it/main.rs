//! How does a call's whole way behave, seen from outside?

mod support;

mod agree;
mod architecture;
mod cancel;
mod explain;
mod golden;
mod hostile;
mod lazy;
mod operator;
mod outage;
mod runs;
mod walk;
mod wrapped;
