//! What is said of a call, for the journal's readers?
//!
//! Reports are made of it, so that they need no budget to have existed: who called ([`About::scopes`]), what for, which model was
//! asked and which one served, what it used and what that cost. A ledger stores it and never reads it.
//!
//! | said by | of | kept |
//! |---|---|---|
//! | [`About`] | all calls of a charge set | once for all entries that name it |
//! | [`Served`] | an answer that was billed as something else than was asked for | with the charge |
//! | [`Note`] | one command | with its entry |

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::values::{Conditions, ShortText};
use crate::{Scope, Usage, Usd};

/// What a journal entry remembers about the call; a ledger stores it and never reads it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Note {
    /// Which call: shared by all commands of one charge set.
    pub about: Option<Arc<About>>,
    /// What served it, where that is not what was asked for.
    pub served: Option<Arc<Served>>,
    /// What it used, once known.
    pub usage: Option<Usage>,
    /// What the call costs in dollars by this charge, whether or not a budget counts dollars. `None` is unknown, never zero.
    ///
    /// Like the usage it is the whole of the call: where a surer report replaces a charge, the lines of its entry are
    /// differences, and this is what stands from then on. Of a posting it is what the posting adds; a refund's is below zero.
    pub cost: Option<Usd>,
    /// How it ended, once known.
    pub ended: Option<Ended>,
}

impl Note {
    /// Of what the ledger did by itself.
    pub(crate) const NONE: Self = Self { about: None, served: None, usage: None, cost: None, ended: None };

    /// Whether it says nothing of an end, as the note of a reserve does.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.ended.is_none() && self.usage.is_none() && self.cost.is_none() && self.served.is_none()
    }
}

/// Which call a journal entry is about. Never any text of a prompt.
///
/// An enforcer refuses a call of which more than [`BYTES_MAX`](Self::BYTES_MAX) would be kept, before anything is reserved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// All scopes that the call names, whether or not a budget binds them, in charge-set order. Of runs the innermost alone: its
    /// name (`trip/search`) says which lie above it.
    #[serde(default)]
    pub scopes: Vec<Scope>,
    /// The model that was asked for.
    pub model: ShortText,
    /// Who sells it: as the call says, else as the row of its price does.
    #[serde(default)]
    pub provider: Option<ShortText>,
    /// How it was asked to be billed: its tier, its region, the size of its searches.
    #[serde(default)]
    pub conditions: Conditions,
    /// The tags of the call.
    pub tags: Vec<(ShortText, ShortText)>,
    /// What the call is for.
    pub use_case: Option<ShortText>,
    /// Which price was used: source and date; `assumed as gpt-4.1: …` where the model has none of its own, `stated` where the
    /// call costs an amount of its own.
    pub price: ShortText,
    /// The exemptions that were live for it: who approved them, and why, is said by the policy.
    #[serde(default)]
    pub exemptions: Vec<ShortText>,
}

impl About {
    /// The most that is kept of a call, in bytes of its JSON.
    pub const BYTES_MAX: usize = 2_048;
}

/// What an answer was billed as, where that is not what was asked for: another model, another tier, a cost of the provider's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Served {
    /// The model that served, as the provider names it.
    pub model: ShortText,
    /// How the answer was billed.
    #[serde(default)]
    pub conditions: Conditions,
    /// Which price was used, as in [`About::price`]; `stated by the provider` where its own cost was charged.
    pub price: ShortText,
}

/// How a call ended.
///
/// It is a remark for the journal's readers; no figure depends on it. [`Certainty`](super::Certainty) decides which charge stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Ended {
    /// With usage from the provider.
    Reported,
    /// With usage counted here.
    Estimated,
    /// Sent, and then nobody said how it ended; of a stream: its reader dropped it.
    Abandoned,
    /// Its task was dropped while it waited for more of a stream.
    Cancelled,
    /// A stream broke off: an error, or an end without its last frame.
    BrokeOff,
    /// A stream was ended here, for want of room.
    Stopped,
    /// By the age of its hold.
    Expired,
    /// It was never sent, or never billed.
    Released,
}
