//! What a request needs before it is admitted and after: its plan, its quote, and the one door to the ledger.
//!
//! Whoever enforces stands above: `reservation` and `enforcer` are written with what lies here, and nothing here
//! knows them. [`plan`] says which budgets bind a charge set, and at which price; [`quote`] what is held; [`link`]
//! asks the ledger; [`outbox`] keeps what could not be told to it, and [`deliver`] sends that; [`effects`] tells
//! observers what came to light; [`board`] knows who in this process watches a scope.

mod ask;
mod board;
mod choice;
mod core;
mod deliver;
mod growing;
mod hidden;
mod kept;
mod ladder;
mod limit;
mod link;
mod effects;
mod fixed;
mod observed;
mod outage;
mod outbox;
mod own;
mod plan;
mod quote;
mod readings;
mod refuse;
mod resolve;
mod said;
mod time;
mod told;

pub(crate) use ask::Ask;
pub(crate) use board::{Board, Watcher};
pub use choice::{OnAbandon, OnOutage};
pub(crate) use core::{AfterCall, AfterEnd, Core};
pub(crate) use deliver::is_undelivered;
pub(crate) use growing::GrowingPlace;
pub(crate) use hidden::Hidden;
pub(crate) use kept::{PlanCache, pays_alike, same_charge};
pub(crate) use ladder::{Ladder, Walk};
pub(crate) use link::is_misdated;
pub(crate) use outage::Outage;
pub use outbox::OutboxFile;
pub(crate) use outbox::{Outbox, Pending};
pub(crate) use own::Own;
pub(crate) use plan::{Plan, assumed_version, price_version};
pub(crate) use quote::{Priced, Quoted, learned_key};
pub(crate) use readings::Beside;
pub(crate) use refuse::{Aside, frozen_scopes};
pub(crate) use time::LedgerTime;
pub(crate) use told::Told;
