//! How are states and certainties written?
//!
//! Stores are read by people and by their SQL, so states, certainties and kinds are words; rows are hashed with the same words.

mod read;

use std::borrow::Cow;

#[cfg(feature = "sqlite")]
pub(crate) use self::read::{action, ended, kind};
pub(crate) use self::read::{on_expiry, state, tenant};
use crate::ledger::law::ExpiryCharge;
use crate::ledger::rules::State;
use crate::ledger::{Certainty, Ended, EntryKind, MarkAction};

pub(crate) fn of_certainty(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Expired => "expired",
        Certainty::Provisional => "provisional",
        Certainty::Estimated => "estimated",
        Certainty::Reported => "reported",
    }
}

pub(crate) fn of_state(state: State) -> &'static str {
    match state {
        State::Held => "held",
        State::Charged(charged) => of_certainty(charged),
        State::Released => "released",
        State::Refused => "refused",
        State::Tombstone => "tombstone",
        State::Recorded => "recorded",
    }
}

pub(crate) fn of_action(action: MarkAction) -> &'static str {
    match action {
        MarkAction::Freeze => "freeze",
        MarkAction::Stop => "stop",
        MarkAction::Reopen => "reopen",
        MarkAction::Close => "close",
    }
}

/// An entry's kind, and what distinguishes it inside its kind.
pub(crate) fn of_kind(kind: EntryKind) -> (&'static str, Option<Cow<'static, str>>) {
    match kind {
        EntryKind::Reserved => ("reserved", None),
        EntryKind::Resized => ("resized", None),
        EntryKind::Reconciled(charged) => ("reconciled", Some(of_certainty(charged).into())),
        EntryKind::Unheld(charged) => ("unheld", Some(of_certainty(charged).into())),
        EntryKind::Released => ("released", None),
        EntryKind::Recorded => ("recorded", None),
        EntryKind::Reached(tier) => ("reached", Some(tier.to_string().into())),
        EntryKind::Marked(marked) => ("marked", Some(of_action(marked).into())),
    }
}

pub(crate) fn of_on_expiry(charge: ExpiryCharge) -> &'static str {
    match charge {
        ExpiryCharge::Nothing => "nothing",
        ExpiryCharge::Hold => "hold",
        ExpiryCharge::Amounts => "amounts",
    }
}

pub(crate) fn of_ended(ended: Ended) -> &'static str {
    match ended {
        Ended::Reported => "reported",
        Ended::Estimated => "estimated",
        Ended::Abandoned => "abandoned",
        Ended::Cancelled => "cancelled",
        Ended::BrokeOff => "broke_off",
        Ended::Stopped => "stopped",
        Ended::Expired => "expired",
        Ended::Released => "released",
    }
}
