//! What is posted that no hold announced? Refunds, corrections and imports.
//!
//! A posting is never refused for want of room: the money is spent. Only a refund is checked, against what is left of the charge
//! that it names, line by line: `left = max(charged − refunded, 0)`. Of a charge of 10, a refund of 7 leaves 3; a second refund of
//! 3 is accepted, one of 4 is not. A posting above zero that corrects the charge on the same lines gives that room back.
//!
//! A row imported from a source outside is not subject to the age of ids: it is remembered for 400 days after the day of its usage
//! (`rules::check_imported`).

use super::end::charged_lines;
use super::{Known, Looked, Page, Written, are_lines, balances_of, check_new, cross, new_lines, post, reply};
use crate::Error;
use crate::ledger::rules::{
    State, check_imported, check_shape, conflict, ended, left_of, negative, other_lines,
};
use crate::ledger::{EntryKind, Outcome, Record, Reply};
use crate::values::Timestamp;

/// Posts amounts once for each id.
pub(crate) fn record<P: Page>(page: &mut P, command: &Record<'_>) -> Looked<Reply, P> {
    check_shape(command.claim, command.amounts)?;
    let until = check_imported(command, page.now())?;
    if let Some(until) = until {
        page.holds_until(until);
    }
    if let Some(known) = page.known(command.id)? {
        return record_again(page, known, command, until);
    }
    if until.is_none() {
        page.check_age(command.id)?;
    }
    let charge = corrected(page, command)?;
    check_refund(charge.as_ref(), command)?;
    check_new(page, command.claim, command.amounts)?;
    let numbers = page.open(command.claim)?;
    let lines = new_lines(command.claim, &numbers, command.amounts);
    if let Some(charge) = charge {
        page.keep(refunded(charge, command));
    }
    let about = page.about(command.note);
    let entry = Written::new(EntryKind::Recorded, command.id, &about, command.note);
    let balances = post(page, Written { attribution: Some(command.attribution), ..entry }, &lines);
    let body = page.body(command.claim, command.amounts);
    let known = Known::new(command.id, State::Recorded, body, about, charged_lines(&lines));
    let expires_at = until.unwrap_or(known.expires_at);
    page.keep(Known { unheld: true, ended_at: Some(page.now()), expires_at, ..known });
    cross(page, command.id, command.claim);
    Ok(reply(page, Outcome::Applied, balances))
}

/// The same posting again is answered again; another body is a conflict. An imported row that comes again with a later date is
/// remembered by that one.
fn record_again<P: Page>(
    page: &mut P,
    known: Known<P::About>,
    command: &Record<'_>,
    until: Option<Timestamp>,
) -> Looked<Reply, P> {
    if known.state != State::Recorded || known.body != page.body(command.claim, command.amounts) {
        return Err(conflict(command.id, "came before with another body").into());
    }
    let balances = balances_of(page, command.claim)?;
    if let Some(expires_at) = until.filter(|until| *until > known.expires_at) {
        page.keep(Known { expires_at, ..known });
    }
    Ok(Reply { repeated: true, ..reply(page, Outcome::Applied, balances) })
}

/// The charge that is corrected. A refund must name one, on the lines that were charged. A correction on other lines, or of what is
/// no charge, leaves what can be refunded as it is.
fn corrected<P: Page>(page: &P, command: &Record<'_>) -> Looked<Option<Known<P::About>>, P> {
    let mut lines = command.claim.lines().iter().zip(command.amounts);
    let refund = lines.find(|(_, amount)| **amount < 0);
    let Some(id) = command.corrects else {
        return match refund {
            Some((line, amount)) => Err(negative(&line.account, *amount).into()),
            None => Ok(None),
        };
    };
    let charge = page.known(id)?;
    if refund.is_none() {
        let Some(charge) = charge else { return Ok(None) };
        let matches = matches!(charge.state, State::Charged(_)) && are_lines(page, &charge, command.claim)?;
        return Ok(matches.then_some(charge));
    }
    let charge = charge.ok_or_else(|| ended(id, "is not remembered, so it cannot be refunded"))?;
    if !matches!(charge.state, State::Charged(_)) {
        return Err(ended(id, charge.state.text()).into());
    }
    if are_lines(page, &charge, command.claim)? { Ok(Some(charge)) } else { Err(other_lines(id).into()) }
}

/// A refund takes back at most what is left of its charge.
fn check_refund<A>(charge: Option<&Known<A>>, command: &Record<'_>) -> Result<(), Error> {
    let Some(charge) = charge else { return Ok(()) };
    for (line, amount) in charge.lines.iter().zip(command.amounts) {
        let (left, back) = (left_of(line.amount, line.refunded), amount.saturating_neg());
        if back > left {
            let text = format!("a refund of {back} exceeds the {left} left of the charge {}", charge.id);
            return Err(Error::invalid("amounts", text));
        }
    }
    Ok(())
}

/// The charge, with the posting counted among its refunds.
fn refunded<A>(mut charge: Known<A>, command: &Record<'_>) -> Known<A> {
    for (line, amount) in charge.lines.iter_mut().zip(command.amounts) {
        line.refunded = line.refunded.saturating_sub(*amount).max(0);
    }
    charge
}
