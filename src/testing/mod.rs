//! What do tests of budgeted calls need? A provider on a script.
//!
//! [`ScriptedProvider`] stands in for a real one and keeps a bill of its own;
//! [`ManualClock`] moves when told.

mod answer;
mod bill;
mod connection;
mod free;
mod provider;
mod random;
mod rendered;
mod reply;
mod request;
mod server;
mod shape;
mod stream;

pub use bill::{Bill, BilledCall, CallEnd};
pub use provider::ScriptedProvider;
pub use reply::Reply;
pub use server::ScriptedServer;
pub use stream::{ScriptedFault, ScriptedResponse, ScriptedStream};

pub use crate::ManualClock;
