//! How are the words of a store read back?
//!
//! A word that this version does not know means a newer or a damaged store, and is refused, never guessed.

use crate::Scope;
use crate::ledger::Certainty;
use crate::ledger::law::ExpiryCharge;
use crate::ledger::rules::State;
use crate::ledger::store::fault::Fault;
#[cfg(feature = "sqlite")]
use crate::ledger::{Ended, EntryKind, MarkAction};
use crate::values::Tenant;

fn certainty(text: &str) -> Option<Certainty> {
    Some(match text {
        "expired" => Certainty::Expired,
        "provisional" => Certainty::Provisional,
        "estimated" => Certainty::Estimated,
        "reported" => Certainty::Reported,
        _ => return None,
    })
}

pub(crate) fn state(text: &str) -> Result<State, Fault> {
    Ok(match text {
        "held" => State::Held,
        "released" => State::Released,
        "refused" => State::Refused,
        "tombstone" => State::Tombstone,
        "recorded" => State::Recorded,
        other => State::Charged(certainty(other).ok_or_else(|| unknown("state", other))?),
    })
}

#[cfg(feature = "sqlite")]
pub(crate) fn action(text: &str) -> Result<MarkAction, Fault> {
    Ok(match text {
        "freeze" => MarkAction::Freeze,
        "stop" => MarkAction::Stop,
        "reopen" => MarkAction::Reopen,
        "close" => MarkAction::Close,
        other => return Err(unknown("mark", other)),
    })
}

#[cfg(feature = "sqlite")]
pub(crate) fn kind(kind: &str, detail: Option<&str>) -> Result<EntryKind, Fault> {
    let wrong = || unknown("kind of entry", &format!("{kind} {}", detail.unwrap_or_default()));
    Ok(match (kind, detail) {
        ("reserved", None) => EntryKind::Reserved,
        ("resized", None) => EntryKind::Resized,
        ("reconciled", Some(detail)) => EntryKind::Reconciled(certainty(detail).ok_or_else(wrong)?),
        ("unheld", Some(detail)) => EntryKind::Unheld(certainty(detail).ok_or_else(wrong)?),
        ("released", None) => EntryKind::Released,
        ("recorded", None) => EntryKind::Recorded,
        ("reached", Some(detail)) => EntryKind::Reached(detail.parse().map_err(|_| wrong())?),
        ("marked", Some(detail)) => EntryKind::Marked(action(detail)?),
        _ => return Err(wrong()),
    })
}

pub(crate) fn on_expiry(text: &str) -> Result<ExpiryCharge, Fault> {
    Ok(match text {
        "nothing" => ExpiryCharge::Nothing,
        "hold" => ExpiryCharge::Hold,
        "amounts" => ExpiryCharge::Amounts,
        other => return Err(unknown("charge on expiry", other)),
    })
}

#[cfg(feature = "sqlite")]
pub(crate) fn ended(text: &str) -> Result<Ended, Fault> {
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
pub(crate) fn tenant(name: &str) -> Result<Tenant, Fault> {
    if name.is_empty() {
        return Ok(Tenant::unnamed());
    }
    let scope =
        Scope::kept(&format!("organization/{name}")).map_err(|error| Fault::damaged(error.to_string()))?;
    Ok(Tenant::organization(&scope))
}

fn unknown(what: &str, text: &str) -> Fault {
    Fault::damaged(format!("{text:?} is no {what} of this version"))
}
