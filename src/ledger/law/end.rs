//! What was really used? Reconciling and releasing, which never refuse.
//!
//! What was used is always recorded in full, above the hold and above the limit, late, or without any hold. The certainty decides
//! which figure stands: expired < provisional < estimated < reported.
//!
//! | what the id is | a reconcile | a release |
//! |---|---|---|
//! | an open hold | charges it | gives it back |
//! | a less sure charge | replaces it | withdraws it |
//! | as sure a charge | repeats, or is a conflict | withdraws it below `Reported`, else is an error |
//! | a surer charge | is ignored | likewise |
//! | released | charges it; a guess is ignored | repeats |
//! | refused | charges it, `unheld` | is an error |
//! | a tombstone | charges it, `unheld` | repeats |
//! | unknown and young | charges it, `unheld` | leaves a tombstone |
//! | unknown and old | is `Forgotten` | is `Forgotten` |
//! | a posting's | is a conflict | is an error |
//!
//! Money is never lost, because no row of the reconciles drops a surer figure; and never counted twice, because each id is charged
//! at most one amount at a time: a replacement posts the difference.
//!
//! Worked example: 6 are charged provisionally and 4 refunded, so 2 are spent. The report says 9: 9 − 4 = 5 are spent, and the
//! entry is `spent +3`.

use super::{
    Balances, Known, KnownLine, KnownLines, Line, Lines, Looked, Page, Written, are_lines, balances_of,
    check_fits, check_new, cross, look_at_thresholds, new_lines, post, reply,
};
use crate::ledger::rules::{State, check_shape, check_signs, conflict, ended, left_of, other_lines};
use crate::ledger::{Certainty, EntryKind, Note, Outcome, Reconcile, Release, Reply};

/// Replaces a hold, or a less sure charge, by these amounts.
pub(crate) fn reconcile<P: Page>(page: &mut P, command: &Reconcile<'_>) -> Looked<Reply, P> {
    check_shape(command.claim, command.amounts)?;
    check_signs(command.claim, command.amounts)?;
    let Some(known) = page.known(command.id)? else {
        page.check_age(command.id)?;
        return charge_unheld(page, command);
    };
    match known.state {
        State::Charged(certainty) if command.certainty <= certainty => {
            charge_again(page, &known, certainty, command)
        }
        // Somebody knew better than a guess: what was given back stays so until usage is known.
        State::Released if command.certainty < Certainty::Estimated => {
            charge_again(page, &known, Certainty::Estimated, command)
        }
        State::Held | State::Charged(_) | State::Released => charge(page, known, command),
        State::Refused | State::Tombstone => charge_unheld(page, command),
        State::Recorded => Err(conflict(command.id, "the id belongs to a posting").into()),
    }
}

/// Charges a live hold, replaces a less sure charge, or charges what was given back.
fn charge<P: Page>(page: &mut P, known: Known<P::About>, command: &Reconcile<'_>) -> Looked<Reply, P> {
    if !are_lines(page, &known, command.claim)? {
        return Err(other_lines(command.id).into());
    }
    let is_live = known.state == State::Held;
    let lines: Lines = known
        .lines
        .iter()
        .zip(command.amounts)
        .map(|(line, amount)| charge_line(line, *amount, is_live))
        .collect();
    check_fits(page, &lines)?;
    look_at_thresholds(page, command.claim)?;
    let replaced = if let State::Charged(certainty) = known.state { Some(certainty) } else { None };
    let unheld = known.unheld;
    let kind = if unheld { EntryKind::Unheld } else { EntryKind::Reconciled };
    let about = page.about(command.note);
    let entry = Written::new(kind(command.certainty), command.id, &about, command.note);
    let balances = post(page, Written { attribution: command.attribution, ..entry }, &lines);
    page.keep(known.ended(page.now(), State::Charged(command.certainty), command.amounts.iter().copied()));
    cross(page, command.id, command.claim);
    Ok(Reply { unheld, replaced, ..reply(page, Outcome::Applied, balances) })
}

/// What a charge changes: a hold goes and its usage comes, or the difference to the charge before is posted. Refunds stay taken.
fn charge_line(line: &KnownLine, amount: i64, is_live: bool) -> Line {
    let (account, period) = (line.account, line.period);
    let spent = left_of(amount, line.refunded);
    if is_live {
        return Line { account, period, spent, reserved: line.amount.saturating_neg() };
    }
    // Both are at least zero, so that the difference fits.
    let spent = spent.saturating_sub(left_of(line.amount, line.refunded));
    Line { account, period, spent, reserved: 0 }
}

/// The same report again is answered again; another of the same certainty is a conflict, a lesser one ignored.
fn charge_again<P: Page>(
    page: &mut P,
    known: &Known<P::About>,
    certainty: Certainty,
    command: &Reconcile<'_>,
) -> Looked<Reply, P> {
    if !are_lines(page, known, command.claim)? {
        return Err(other_lines(command.id).into());
    }
    let repeated = command.certainty == certainty;
    let first = known.amounts();
    if repeated && first != command.amounts {
        return Err(conflict(command.id, &format!("already reconciled with {first:?}")).into());
    }
    let outcome = if repeated { Outcome::Applied } else { Outcome::Ignored };
    let balances = balances_of(page, command.claim)?;
    Ok(Reply { repeated, unheld: known.unheld, ..reply(page, outcome, balances) })
}

/// Records usage that no hold stood for: in full, once. A refused or tombstoned id becomes a charged one.
fn charge_unheld<P: Page>(page: &mut P, command: &Reconcile<'_>) -> Looked<Reply, P> {
    check_new(page, command.claim, command.amounts)?;
    let numbers = page.open(command.claim)?;
    let lines = new_lines(command.claim, &numbers, command.amounts);
    let about = page.about(command.note);
    let entry = Written::new(EntryKind::Unheld(command.certainty), command.id, &about, command.note);
    let balances = post(page, Written { attribution: command.attribution, ..entry }, &lines);
    let body = page.body(command.claim, command.amounts);
    let known = Known::new(command.id, State::Charged(command.certainty), body, about, charged_lines(&lines));
    page.keep(Known { unheld: true, ended_at: Some(page.now()), ..known });
    cross(page, command.id, command.claim);
    Ok(Reply { unheld: true, ..reply(page, Outcome::Applied, balances) })
}

/// The lines of an id that was never open.
pub(super) fn charged_lines(lines: &[Line]) -> KnownLines {
    let line = |line: &Line| KnownLine {
        account: line.account,
        period: line.period,
        amount: line.spent,
        ..KnownLine::default()
    };
    lines.iter().map(line).collect()
}

/// Gives a hold back, withdraws a charge that nobody reported, or leaves a tombstone.
pub(crate) fn release<P: Page>(page: &mut P, command: &Release<'_>) -> Looked<Reply, P> {
    let Some(known) = page.known(command.id)? else {
        page.check_age(command.id)?;
        return Ok(bury(page, command));
    };
    let lines: Lines = match known.state {
        State::Held => known.lines.iter().map(given_back).collect(),
        State::Charged(certainty) if certainty < Certainty::Reported => {
            known.lines.iter().map(withdrawn).collect()
        }
        State::Released | State::Tombstone => {
            return Ok(Reply { repeated: true, ..reply(page, Outcome::Applied, Balances::new()) });
        }
        state @ (State::Charged(_) | State::Refused | State::Recorded) => {
            return Err(ended(command.id, state.text()).into());
        }
    };
    check_fits(page, &lines)?;
    let about = page.about(command.note);
    let entry = Written::new(EntryKind::Released, command.id, &about, command.note);
    let balances = post(page, Written { attribution: command.attribution, ..entry }, &lines);
    page.keep(known.ended(page.now(), State::Released, std::iter::repeat(0)));
    Ok(reply(page, Outcome::Applied, balances))
}

fn given_back(line: &KnownLine) -> Line {
    Line { account: line.account, period: line.period, spent: 0, reserved: line.amount.saturating_neg() }
}

fn withdrawn(line: &KnownLine) -> Line {
    let left = left_of(line.amount, line.refunded);
    Line { account: line.account, period: line.period, spent: left.saturating_neg(), reserved: 0 }
}

/// Leaves a tombstone, so that a reserve still on its way cannot come alive.
fn bury<P: Page>(page: &mut P, command: &Release<'_>) -> Reply {
    let about = page.about(&Note::NONE);
    let tombstone = Known::new(command.id, State::Tombstone, 0, about, KnownLines::new());
    page.keep(Known { ended_at: Some(page.now()), ..tombstone });
    reply(page, Outcome::Applied, Balances::new())
}
