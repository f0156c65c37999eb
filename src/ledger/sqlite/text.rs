//! How are states and ranks written in the file?
//!
//! The file is read by people and by their SQL, so states, ranks and kinds are words. A
//! word that this version does not know means a newer or a damaged file, and is refused,
//! never guessed.

use std::borrow::Cow;

use super::fault::{StoreError, damaged};
use crate::Scope;
use crate::ledger::rules::State;
use crate::ledger::{Certainty, Ended, EntryKind, MarkAction};
use crate::values::Tenant;

pub(super) fn certainty(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Expired => "expired",
        Certainty::Provisional => "provisional",
        Certainty::Estimated => "estimated",
        Certainty::Reported => "reported",
    }
}

fn read_rank(text: &str) -> Option<Certainty> {
    Some(match text {
        "expired" => Certainty::Expired,
        "provisional" => Certainty::Provisional,
        "estimated" => Certainty::Estimated,
        "reported" => Certainty::Reported,
        _ => return None,
    })
}

pub(super) fn state(state: State) -> &'static str {
    match state {
        State::Held => "held",
        State::Charged(charged) => certainty(charged),
        State::Released => "released",
        State::Refused => "refused",
        State::Tombstone => "tombstone",
        State::Recorded => "recorded",
    }
}

pub(super) fn read_state(text: &str) -> Result<State, StoreError> {
    Ok(match text {
        "held" => State::Held,
        "released" => State::Released,
        "refused" => State::Refused,
        "tombstone" => State::Tombstone,
        "recorded" => State::Recorded,
        other => State::Charged(read_rank(other).ok_or_else(|| unknown("state", other))?),
    })
}

pub(super) fn action(action: MarkAction) -> &'static str {
    match action {
        MarkAction::Freeze => "freeze",
        MarkAction::Stop => "stop",
        MarkAction::Reopen => "reopen",
        MarkAction::Close => "close",
    }
}

pub(super) fn read_action(text: &str) -> Result<MarkAction, StoreError> {
    Ok(match text {
        "freeze" => MarkAction::Freeze,
        "stop" => MarkAction::Stop,
        "reopen" => MarkAction::Reopen,
        "close" => MarkAction::Close,
        other => return Err(unknown("mark", other)),
    })
}

/// An entry's kind, and what distinguishes it inside its kind.
pub(super) fn kind(kind: EntryKind) -> (&'static str, Option<Cow<'static, str>>) {
    match kind {
        EntryKind::Reserved => ("reserved", None),
        EntryKind::Resized => ("resized", None),
        EntryKind::Reconciled(charged) => ("reconciled", Some(certainty(charged).into())),
        EntryKind::Unheld(charged) => ("unheld", Some(certainty(charged).into())),
        EntryKind::Released => ("released", None),
        EntryKind::Recorded => ("recorded", None),
        EntryKind::Reached(tier) => ("reached", Some(tier.to_string().into())),
        EntryKind::Marked(marked) => ("marked", Some(action(marked).into())),
    }
}

pub(super) fn read_kind(kind: &str, detail: Option<&str>) -> Result<EntryKind, StoreError> {
    let wrong = || unknown("kind of entry", &format!("{kind} {}", detail.unwrap_or_default()));
    Ok(match (kind, detail) {
        ("reserved", None) => EntryKind::Reserved,
        ("resized", None) => EntryKind::Resized,
        ("reconciled", Some(detail)) => EntryKind::Reconciled(read_rank(detail).ok_or_else(wrong)?),
        ("unheld", Some(detail)) => EntryKind::Unheld(read_rank(detail).ok_or_else(wrong)?),
        ("released", None) => EntryKind::Released,
        ("recorded", None) => EntryKind::Recorded,
        ("reached", Some(detail)) => EntryKind::Reached(detail.parse().map_err(|_| wrong())?),
        ("marked", Some(detail)) => EntryKind::Marked(read_action(detail)?),
        _ => return Err(wrong()),
    })
}

pub(super) fn ended(ended: Ended) -> &'static str {
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

pub(super) fn read_ended(text: &str) -> Result<Ended, StoreError> {
    Ok(match text {
        "reported" => Ended::Reported,
        "estimated" => Ended::Estimated,
        "abandoned" => Ended::Abandoned,
        "cancelled" => Ended::Cancelled,
        "broke_off" => Ended::BrokeOff,
        "stopped" => Ended::Stopped,
        "expired" => Ended::Expired,
        "released" => Ended::Released,
        other => return Err(unknown("end of a call", other)),
    })
}

/// The tenant of that name. Names that were let in by an older version stay readable.
pub(super) fn read_root(name: &str) -> Result<Tenant, StoreError> {
    if name.is_empty() {
        return Ok(Tenant::unnamed());
    }
    let scope = Scope::kept(&format!("organization/{name}")).map_err(|error| damaged(error.to_string()))?;
    Ok(Tenant::organization(&scope))
}

fn unknown(what: &str, text: &str) -> StoreError {
    damaged(format!("{text:?} is no {what} of this version"))
}
