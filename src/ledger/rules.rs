//! What does every ledger of this crate judge alike?
//!
//! Pure functions of a few integers, without any store. The ledger in memory and the law of stores call the same ones,
//! so that an edge (exactly at the ceiling, a refund of exactly the rest) cannot fall on two sides.

pub(super) mod rows;

use std::time::Duration;

use super::{Certainty, MarkAction, OnExpiry, Record, Reserve};
use crate::values::{Account, Balance, Claim, ClaimLine, ReservationId, Timestamp, Unit};
use crate::{Error, ErrorKind, Usd};

/// How far an id has come.
///
/// The module's documentation of [`ledger`](crate::ledger) draws the steps from one to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Room is held.
    Held,
    /// A charge stands, of that certainty.
    Charged(Certainty),
    /// Given back, or a charge withdrawn.
    Released,
    /// Refused when it was asked for.
    Refused,
    /// Released before it was ever seen.
    Tombstone,
    /// A posting that no hold announced.
    Recorded,
}

impl State {
    /// What became of the id, for the end of a sentence: `has expired`.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Held => "is still open",
            Self::Charged(Certainty::Expired) => "has expired",
            Self::Charged(Certainty::Provisional) => "was abandoned and is charged what it held",
            Self::Charged(Certainty::Estimated) => "is charged what was counted",
            Self::Charged(Certainty::Reported) => "is charged what the provider reported",
            Self::Released => "was released",
            Self::Refused => "was refused",
            Self::Tombstone => "was released before it arrived",
            Self::Recorded => "is a posting, not a hold",
        }
    }
}

/// The one inequality: `spent + reserved + amount <= ceiling`. A line of amount zero always has room.
///
/// With a ceiling of 500, 400 spent and 60 reserved, an amount of 40 fits (500 <= 500) and 41 does not. An amount of zero
/// fits even where 510 are used: a call that does not touch a line is not refused for what others did to it.
///
/// A sum beyond 64 bits is above any ceiling, so it has no room. Only where there is no ceiling (`i64::MAX`) is it an
/// error: nothing would refuse, and the balance itself would overflow.
#[inline]
pub(super) fn has_room(line: &ClaimLine, balance: &Balance, amount: i64) -> Result<bool, Error> {
    if amount == 0 {
        return Ok(true);
    }
    let used = balance.spent.checked_add(balance.reserved).and_then(|used| used.checked_add(amount));
    match used {
        Some(used) => Ok(used <= line.ceiling),
        None if line.ceiling == i64::MAX => Err(Error::overflow(&line.account.to_string())),
        None => Ok(false),
    }
}

/// What is left of a charge after its refunds; a surer figure may be below them.
///
/// Of 10 charged and 3 refunded 7 are left. If a surer report then says 2, nothing is left: a refund is never taken back.
pub(super) fn left_of(charged: i64, refunded: i64) -> i64 {
    charged.saturating_sub(refunded).max(0)
}

/// Whether a mark changes anything where that one stands.
///
/// | stands ↓, comes → | freeze | stop | close | reopen |
/// |---|---|---|---|---|
/// | nothing | yes | yes | yes | no |
/// | freeze | no | yes | yes | yes |
/// | stop | no | no | no | yes |
/// | close | no | yes | no | yes |
pub(super) fn mark_counts(known: Option<MarkAction>, action: MarkAction) -> bool {
    match (known, action) {
        (None, MarkAction::Reopen) => false,
        (Some(_), MarkAction::Reopen) | (None, _) => true,
        // A freeze is for a while: a stop or a close counts, and stays.
        (Some(MarkAction::Freeze), action) => action != MarkAction::Freeze,
        (Some(MarkAction::Close), action) => action == MarkAction::Stop,
        // The first stop's reason stays; a close after a stop changes nothing.
        (Some(_), _) => false,
    }
}

/// Refuses amounts that do not stand beside the claim's lines.
#[inline]
pub(super) fn check_shape(claim: &Claim, amounts: &[i64]) -> Result<(), Error> {
    let (lines, given) = (claim.lines.len(), amounts.len());
    if lines == given {
        return Ok(());
    }
    Err(Error::invalid("amounts", format!("{given} amounts for {lines} lines")))
}

/// Refuses amounts below zero.
#[inline]
pub(super) fn check_signs(claim: &Claim, amounts: &[i64]) -> Result<(), Error> {
    match claim.lines.iter().zip(amounts).find(|(_, amount)| **amount < 0) {
        Some((line, amount)) => Err(negative(&line.account, *amount)),
        None => Ok(()),
    }
}

/// What a hold is to be charged by age must stand beside its lines, like its amounts.
pub(super) fn check_expiry(command: &Reserve<'_>) -> Result<(), Error> {
    let OnExpiry::Amounts(amounts) = command.on_expiry else { return Ok(()) };
    check_shape(command.claim, amounts)?;
    check_signs(command.claim, amounts)
}

/// What a hold cost in dollars that ended by age, as far as its lines say.
///
/// Zero is a cost only of what was never sent: a call that was sent may have been held at nothing because its model had no price.
pub(super) fn expiry_cost(is_sent: bool, charged: &[(Account, i64)]) -> Option<Usd> {
    if !is_sent {
        return Some(Usd::ZERO);
    }
    dollars(charged.iter().map(|(account, nanos)| (account, *nanos))).filter(|usd| *usd > Usd::ZERO)
}

/// What lines say of a cost in dollars; nothing where none counts them.
///
/// Those that count dollars are charged one figure, or nothing where another line stands for them, so the largest is the cost.
pub(crate) fn dollars<'a>(charged: impl Iterator<Item = (&'a Account, i64)>) -> Option<Usd> {
    let dollars = charged.filter(|(account, _)| account.unit() == &Unit::Usd);
    dollars.map(|(_, nanos)| Usd::from_nanos(nanos)).max()
}

#[cold]
pub(super) fn negative(account: &Account, amount: i64) -> Error {
    Error::invalid("amounts", format!("{amount} for {account} is below zero"))
}

/// How long a refusal is remembered.
pub(super) const REMEMBERS_REFUSAL: Duration = Duration::from_secs(60);

/// How far ahead of the ledger's time an id may be made: clocks of machines differ, but not by days.
const AHEAD_MAX: Duration = Duration::from_secs(86_400);

/// How long an imported row is remembered after the day of its usage.
const IMPORTS_LAST: Duration = Duration::from_secs(400 * 86_400);

/// Refuses an id that is made for a day to come: by a clock that is wrong, since ids are made before they are sent.
///
/// Were it taken, it would be remembered until its own time is old, and every id of the present would seem older than it.
/// A second or an hour ahead is no fault: the machine that made the id may be in front.
#[inline]
pub(crate) fn check_ahead(id: ReservationId, now: Timestamp) -> Result<(), Error> {
    let ahead = id.time().since(now);
    if ahead > AHEAD_MAX {
        let text = format!(
            "{id} was made {} s ahead of the ledger's time, {} s are allowed; set the clock that made it",
            ahead.as_secs(),
            AHEAD_MAX.as_secs()
        );
        return Err(Error::invalid("reservation", text));
    }
    Ok(())
}

/// Refuses an id that cannot have been made for a call of now: the id of an imported row is only posted.
#[inline]
pub(super) fn check_made(id: ReservationId, now: Timestamp) -> Result<(), Error> {
    if id.is_imported() {
        let text = format!("{id} is the id of an imported row; post it with `used_at`, or take another id");
        return Err(Error::invalid("reservation", text));
    }
    check_ahead(id, now)
}

/// Until when an imported row is remembered; `None` if the posting is none.
///
/// To the end of the 400th day after that of its usage (UTC): usage of 1 January 2026 at any hour until 6 February 2027 begins. An older
/// row may have been posted and forgotten, so it is refused, also if it happens to be known still.
pub(super) fn check_imported(command: &Record<'_>, now: Timestamp) -> Result<Option<Timestamp>, Error> {
    let id = command.id;
    let invalid = |text| Err(Error::invalid("used_at", text));
    let used_at = match (id.is_imported(), command.used_at) {
        (false, None) => return Ok(None),
        (true, Some(used_at)) => used_at,
        (true, None) => return invalid(format!("say when the imported row {id} was used")),
        (false, Some(_)) => return invalid(format!("leave it out: {id} is not the id of an imported row")),
    };
    if used_at.since(now) > AHEAD_MAX {
        return invalid(format!("{used_at} is more than a day ahead of the ledger's time"));
    }
    let until = end_of_day(used_at) + IMPORTS_LAST;
    if until <= now {
        let text = format!(
            "the imported row {id} was used at {used_at}: whether a row of over 400 days ago was posted is forgotten, so leave it out"
        );
        return Err(Error::new(ErrorKind::Forgotten, text));
    }
    Ok(Some(until))
}

/// The end of that instant's day (UTC).
fn end_of_day(at: Timestamp) -> Timestamp {
    const DAY: i64 = 86_400_000_000_000;
    Timestamp::from_nanos(at.as_nanos().div_euclid(DAY).saturating_add(1).saturating_mul(DAY))
}

/// Another body under an id that is known.
pub(super) fn conflict(id: ReservationId, problem: &str) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!("reservation {id}: {problem}; the first stands, nothing was changed"),
    )
}

#[cold]
pub(super) fn other_lines(id: ReservationId) -> Error {
    conflict(id, "was held on other lines")
}

/// A command that does not fit the state of its hold.
pub(super) fn ended(id: ReservationId, problem: &str) -> Error {
    Error::new(ErrorKind::State, format!("reservation {id} {problem}; nothing was changed"))
}
