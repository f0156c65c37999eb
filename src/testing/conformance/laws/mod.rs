//! What may nobody's ledger do otherwise? One function for each law, a file for each subject.
//!
//! Each law is a function that takes a [`Ground`], opens empty books on it, sends a few
//! commands and compares every answer with a figure that is worked out by hand. The order
//! of the files follows the life of a hold: `admission`, `ids`, `ages`, `once` and `refusals` (is this
//! command new?), `names` (which account is meant?), `certainty`, `resizing`, `expiry` (how a
//! hold changes and ends), `holds` (what is shown of one id?), `windows` (which period is
//! charged?), `thresholds`, `postings`,
//! `scopes`, `runs`, `journal`. Then the same promises under stress: `races` and `rivals`
//! (threads), `crashes` and `pending` (a killed process), `faults` (a failed write),
//! `model` (random commands).
//!
//! How a law is written:
//!
//! * Most laws use one account, `team/search`, without a window, and ceilings of about
//!   ten. Small figures make an off-by-one visible: `[(4, 3)]` reads "4 spent, 3
//!   reserved".
//! * `equal!` compares what must be true of every answer. `told!` compares what only a
//!   *first* answer tells. A retry gets present balances and no news, so over a faulty
//!   wire `told!` is passed over as soon as one first answer was lost.
//! * After the law returns, the suite audits all books that the law opened: no balance
//!   below zero, a journal without gaps, and balances that the journal adds up to. A law
//!   therefore need not repeat these checks.
//!
//! Each function says which mistake the law catches. Most mistakes are planted in
//! `tests/it/planted`, which shows that the law really fails on them.

#![expect(clippy::arithmetic_side_effects, reason = "the figures of a law are small constants of its own")]

pub(super) mod admission;
pub(super) mod ages;
pub(super) mod crashes;
pub(super) mod expiry;
pub(super) mod facts;
pub(super) mod faults;
pub(super) mod holds;
pub(super) mod ids;
pub(super) mod imports;
pub(super) mod instants;
pub(super) mod journal;
pub(super) mod marks;
pub(super) mod thresholds;
pub(super) mod model;
pub(super) mod names;
pub(super) mod once;
pub(super) mod pending;
pub(super) mod postings;
pub(super) mod races;
pub(super) mod certainty;
pub(super) mod refusals;
pub(super) mod resizing;
pub(super) mod rivals;
pub(super) mod runs;
pub(super) mod scopes;
mod together;
pub(super) mod width;
pub(super) mod windows;

use std::time::Duration;

use super::books::Books;
use super::books::Ground;
use super::claims::{
    always, claim, claim_in, claim_of, day, line, line_in, rolling, scope, signed, team, tenant, tenant_of,
    two, with_thresholds,
};
use super::why::{Fails, Held, Why, equal, holds, told};
use crate::ErrorKind;
use crate::ledger::{Certainty, Entry, EntryKind, OnExpiry, Outcome, Reply};
use crate::values::{Claim, ReservationId, Timestamp};

/// Spent and reserved of each line, as a reply says.
fn sums(reply: &Reply) -> Vec<(i64, i64)> {
    reply.balances.iter().map(|balance| (balance.spent, balance.reserved)).collect()
}

/// Why a reply says that scopes are frozen.
fn reasons(reply: &Reply) -> Vec<&str> {
    let frozen = reply.effects.as_deref().map(|effects| effects.frozen.as_slice()).unwrap_or_default();
    frozen.iter().map(|frozen| frozen.attribution.reason.as_str()).collect()
}

/// Which holds ended by age, as a reply says.
fn ended(reply: &Reply) -> Vec<ReservationId> {
    let expired = reply.effects.as_deref().map(|effects| effects.expired.as_slice()).unwrap_or_default();
    expired.iter().map(|hold| hold.id).collect()
}
