//! Is there room? Reserving takes it on all lines, or on none; growing is judged alike.
//!
//! The order of the questions is the contract's: is the id known (then the first outcome is answered again)? is it too old? has
//! each line's period begun and not ended? has each line room? is a scope frozen? Only after the last one is anything changed.
//!
//! Worked example: a team's line has a ceiling of 10 with 3 spent; a user's has 8 with 1 spent and 2 reserved. A call of 6 looks at
//! both: 3 + 0 + 6 fits, 1 + 2 + 6 does not. The reply is `Refused` with the balances (3, 0) and (1, 2): those just *before* the
//! command. The process remembers the id for a while, so that its repeat gets the same answer even if room has come up since.

use super::mark::Marks;
use super::{
    Balances, ExpiryCharge, Known, KnownLine, KnownLines, Line, Lines, Looked, Page, Written, are_lines,
    balances_of, check_fits, cross, look_at_thresholds, post, reply,
};
use crate::ledger::rules::{
    State, check_expiry, check_shape, conflict, ended, has_room, negative, other_lines,
};
use crate::ledger::{EntryKind, FreesUp, OnExpiry, Outcome, Reply, Reserve, Resize};
use crate::values::{Balance, ClaimLine};

/// Holds the amounts on all lines, or on none.
pub(crate) fn reserve<P: Page>(page: &mut P, command: &Reserve<'_>) -> Looked<Reply, P> {
    check_shape(command.claim, command.amounts)?;
    if let Some(known) = page.known(command.id)? {
        return reserve_again(page, &known, command);
    }
    page.check_age(command.id)?;
    check_expiry(command)?;
    let Some((outcome, balances)) = look(page, command)? else {
        return Ok(reply(page, Outcome::Stale, Balances::new()));
    };
    let marks = Marks::look(page, command.claim)?;
    look_at_thresholds(page, command.claim)?;
    if outcome == Outcome::Refused || marks.refuse() {
        return refuse(page, command, balances, marks);
    }
    hold(page, command)?;
    marks.tell_observed(page);
    cross(page, command.id, command.claim);
    Ok(reply(page, Outcome::Applied, balances))
}

/// Reads every line's balance and judges it; nothing where a line's period is over, or has not begun.
fn look<P: Page>(page: &P, command: &Reserve<'_>) -> Looked<Option<(Outcome, Balances)>, P> {
    let mut outcome = Outcome::Applied;
    let mut balances = Balances::new();
    for (line, amount) in command.claim.lines().iter().zip(command.amounts) {
        if *amount < 0 {
            return Err(negative(&line.account, *amount).into());
        }
        let Some(balance) = present_balance(page, line)? else { return Ok(None) };
        if !has_room(line, &balance, *amount)? {
            outcome = Outcome::Refused;
        }
        balances.push(balance);
    }
    Ok(Some((outcome, balances)))
}

/// The balance that a new hold is judged by; nothing where the line's period is not the present one.
fn present_balance<P: Page>(page: &P, line: &ClaimLine) -> Looked<Option<Balance>, P> {
    if page.now() < line.period.from || page.now() >= line.period.until {
        return Ok(None);
    }
    let Some(number) = page.find(&line.account)? else { return Ok(Some(Balance::default())) };
    if page.newest(number)? > line.period.number {
        return Ok(None);
    }
    page.balance(number, line.period.number)
}

/// Takes the room that was found.
fn hold<P: Page>(page: &mut P, command: &Reserve<'_>) -> Looked<(), P> {
    let numbers = page.open(command.claim)?;
    command.claim.lines().iter().for_each(|line| page.holds_until(line.period.until));
    let mut held = KnownLines::new();
    let mut lines = Lines::new();
    for (at, (line, amount)) in command.claim.lines().iter().zip(command.amounts).enumerate() {
        let (account, period) = (numbers.get(at).copied().unwrap_or_default(), line.period.number);
        let on_expiry = match command.on_expiry {
            OnExpiry::Amounts(amounts) => amounts.get(at).copied().unwrap_or(0),
            OnExpiry::Nothing | OnExpiry::Hold => 0,
        };
        held.push(KnownLine { account, period, amount: *amount, refunded: 0, on_expiry });
        lines.push(Line { account, period, spent: 0, reserved: *amount });
    }
    let about = page.about(command.note);
    post(page, Written::new(EntryKind::Reserved, command.id, &about, command.note), &lines);
    let body = page.body(command.claim, command.amounts);
    let known = Known::new(command.id, State::Held, body, about, held);
    let on_expiry = ExpiryCharge::from(command.on_expiry);
    page.keep(Known { expires_at: command.expires_at, on_expiry, ..known });
    Ok(())
}

/// Remembers a refusal, and explains it. It makes no account; an entry only for a threshold that was lowered below what is spent.
fn refuse<P: Page>(
    page: &mut P,
    command: &Reserve<'_>,
    balances: Balances,
    marks: Marks,
) -> Looked<Reply, P> {
    let mut frees_up = Vec::new();
    for (at, ((line, amount), balance)) in
        command.claim.lines().iter().zip(command.amounts).zip(&balances).enumerate()
    {
        let full = *amount > 0 && balance.used().saturating_add(*amount) > line.ceiling;
        if !full || line.period.span <= 1 {
            continue;
        }
        let Some(number) = page.find(&line.account)? else { continue };
        let periods = page.frees_in(number, line, *amount)?;
        frees_up.extend(periods.map(|periods| FreesUp { line: at, periods }));
    }
    marks.tell(page);
    if !frees_up.is_empty() {
        page.effects().frees_up = frees_up;
    }
    let body = page.body(command.claim, command.amounts);
    page.refused(command.id, body);
    // A threshold may have been lowered below what is spent.
    cross(page, command.id, command.claim);
    Ok(reply(page, Outcome::Refused, balances))
}

/// Answers the first outcome again, with present balances.
fn reserve_again<P: Page>(page: &mut P, known: &Known<P::About>, command: &Reserve<'_>) -> Looked<Reply, P> {
    let outcome = match known.state {
        State::Tombstone => return Err(ended(command.id, "was released before it arrived").into()),
        State::Recorded => return Err(conflict(command.id, "the id belongs to a posting").into()),
        _ if known.unheld => return Err(ended(command.id, "was charged before its reserve arrived").into()),
        _ if known.body != page.body(command.claim, command.amounts) => {
            let text = format!("came before with another body (now {:?})", known.amounts());
            return Err(conflict(command.id, &text).into());
        }
        State::Refused => Outcome::Refused,
        State::Held | State::Charged(_) | State::Released => Outcome::Applied,
    };
    let balances = balances_of(page, command.claim)?;
    Ok(Reply { repeated: true, ..reply(page, outcome, balances) })
}

/// Sets what a live hold holds, and its end if one is given.
///
/// Only growth is judged: it needs room on its line, and no frozen scope. A change of the end alone makes no entry, because no
/// balance moved.
pub(crate) fn resize<P: Page>(page: &mut P, command: &Resize<'_>) -> Looked<Reply, P> {
    check_shape(command.claim, command.amounts)?;
    let hold = page.known(command.id)?.ok_or_else(|| ended(command.id, "is not known here"))?;
    if hold.state != State::Held {
        return Err(ended(command.id, hold.state.text()).into());
    }
    if !are_lines(page, &hold, command.claim)? {
        return Err(other_lines(command.id).into());
    }
    let marks = Marks::look(page, command.claim)?;
    let mut refused = false;
    let mut balances = Balances::new();
    let mut lines = Lines::new();
    for ((line, held), amount) in command.claim.lines().iter().zip(&hold.lines).zip(command.amounts) {
        if *amount < 0 {
            return Err(negative(&line.account, *amount).into());
        }
        let (account, period) = (held.account, held.period);
        // What holds nothing may be of a period that is no longer counted: it cannot grow there.
        let balance = page.balance(account, period)?;
        let reserved = amount.saturating_sub(held.amount);
        if reserved > 0 {
            let balance = balance.filter(|_| !marks.refuse());
            refused |=
                !balance.map(|balance| has_room(line, &balance, reserved)).transpose()?.unwrap_or(false);
        }
        balances.push(balance.unwrap_or_default());
        lines.push(Line { account, period, spent: 0, reserved });
    }
    if refused {
        marks.tell(page);
        return Ok(reply(page, Outcome::Refused, balances));
    }
    check_fits(page, &lines)?;
    look_at_thresholds(page, command.claim)?;
    if lines.iter().any(|line| line.reserved != 0) {
        post(page, Written::bare(EntryKind::Resized, command.id), &lines);
    }
    page.keep(resized(hold, command));
    cross(page, command.id, command.claim);
    Ok(reply(page, Outcome::Applied, balances))
}

fn resized<A>(mut hold: Known<A>, command: &Resize<'_>) -> Known<A> {
    hold.lines.iter_mut().zip(command.amounts).for_each(|(line, amount)| line.amount = *amount);
    hold.expires_at = command.expires_at.unwrap_or(hold.expires_at);
    hold
}
