//! Which instant do answers, errors and entries bear? The ledger's own, at which they were judged.
//!
//! A ledger's time is the latest that any command brought; a machine's clock may stand behind it. Whoever resolves a
//! period, counts a deadline or reads the journal goes by the ledger's time, so everything that a ledger says must bear
//! that one.

use super::*;
use crate::Error;
use crate::ledger::MarkAction;
use crate::testing::conformance::need::Need;

/// The ledger's time in these laws; the machine's clock stands behind it.
const LEDGERS: Timestamp = Timestamp::from_secs(1_050);

/// Books whose time is [`LEDGERS`], on a clock that was set back by a thousand seconds and more.
fn on_a_clock_set_back(ground: &Ground<'_>) -> Held<Books> {
    let books = ground.books()?;
    books.set(LEDGERS)?;
    books.charged(&team(100), &[1])?;
    books.at(20)?;
    Ok(books)
}

/// Catches an entry that bears the machine's clock: the journal would be out of order, and a report by days wrong.
pub(crate) fn an_entry_bears_the_ledgers_instant(ground: &Ground<'_>) -> Held {
    let books = on_a_clock_set_back(ground)?;
    let (charged, released) = (books.held(&team(100), &[2])?, books.held(&team(100), &[2])?);
    let expired = (Timestamp::from_secs(1_060), OnExpiry::Hold);
    books.reserve_until(books.id(), &team(100), &[3], expired)?;
    books.reconcile(charged, &team(100), &[2], Certainty::Reported)?;
    books.reconcile(books.id(), &team(100), &[2], Certainty::Reported)?;
    books.release(released)?;
    if ground.offers(Need::Postings) {
        books.record(books.id(), &team(100), &[1], None)?;
    }
    if ground.offers(Need::Thresholds) {
        let watched = claim(vec![with_thresholds(line("team/search", always(), 100), &[(1, 0)])]);
        books.charged(&watched, &[1])?;
    }
    let before = books.journal()?.len();
    // It is due at 1,060 s; who comes at 1,070 s finds it.
    books.at(1_070)?;
    books.balances(&team(100))?;

    let instants: Vec<_> = books.journal()?.iter().map(|entry| entry.at).collect();
    let mut expected = vec![LEDGERS; before];
    expected.push(Timestamp::from_secs(1_070));
    equal!(instants, expected);
    Ok(())
}

/// Catches a mark that stands since the machine's clock says so, in its entry or where marks are read.
pub(crate) fn a_mark_stands_since_the_ledgers_instant(ground: &Ground<'_>) -> Held {
    let books = on_a_clock_set_back(ground)?;
    let search = scope("team", "search");
    books.mark(&search, MarkAction::Freeze, "holidays")?;

    let refused = books.reserve(books.id(), &team(100), &[1])?;

    let told = refused.effects.map(|effects| effects.frozen).unwrap_or_default();
    told!(books; told.iter().map(|mark| mark.since).collect::<Vec<_>>(), [LEDGERS]);
    equal!(books.marks(&[search])?.iter().map(|mark| mark.since).collect::<Vec<_>>(), [LEDGERS]);
    if ground.offers(Need::Journal) {
        equal!(books.journal()?.last().map(|entry| entry.at), Some(LEDGERS));
    }
    Ok(())
}

/// Catches an error that keeps the time to itself, although the ledger says it with others, or that bears the machine's:
/// a caller whose commands all fail would go on dating by its own clock. A ledger that says no instant with any error is
/// not held to this.
pub(crate) fn every_error_bears_the_ledgers_instant(ground: &Ground<'_>) -> Held {
    let books = on_a_clock_set_back(ground)?;
    let (held, charged, buried) =
        (books.held(&team(100), &[1])?, books.charged(&team(100), &[1])?, books.id());
    books.release(buried)?;
    let other = claim(vec![line("team/ads", always(), 10)]);
    let overflow = team(i64::MAX);

    let mut errors = vec![
        books.reserve(held, &team(100), &[2]).fails("another amount")?,
        books.reserve(books.id(), &team(100), &[-1]).fails("below zero")?,
        books.reserve(books.id(), &overflow, &[i64::MAX]).fails("2^63")?,
        books.reserve(buried, &team(100), &[1]).fails("it was released")?,
        books.reconcile(held, &other, &[1], Certainty::Reported).fails("other lines")?,
        books.reconcile(charged, &team(100), &[2], Certainty::Reported).fails("reported otherwise")?,
        books.release(charged).fails("it was reported")?,
    ];
    if ground.offers(Need::Resizing) {
        errors.push(books.resize(charged, &team(100), &[2], None).fails("it has ended")?);
    }
    if ground.offers(Need::Refunds) {
        errors
            .push(books.record(books.id(), &team(100), &[-2], Some(charged)).fails("more than was charged")?);
    }

    let said: Vec<_> = errors.iter().map(Error::ledger_time).collect();
    if said.iter().all(Option::is_none) {
        let text = "errors say no instant";
        return Err(Why::unsupported(&Error::new(ErrorKind::Unsupported, text)));
    }
    equal!(said, vec![Some(LEDGERS); errors.len()]);
    Ok(())
}

/// Catches news that is kept in one place for all tenants: whoever asks first would hear of another tenant's calls.
pub(crate) fn an_expiry_is_told_to_its_own_tenant_alone(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let zeta = books.another()?.of_tenant(tenant_of("zeta"));
    let theirs = claim_in(&zeta.tenant, vec![line_in(&zeta.tenant, "team/search", always(), 100)]);
    let due = (Timestamp::from_secs(10), OnExpiry::Hold);
    let (here, there) = (books.id(), zeta.id());
    books.reserve_until(here, &team(100), &[1], due)?;
    zeta.reserve_until(there, &theirs, &[2], due)?;
    books.at(10)?;

    // Found by a read and by an error, which tell nothing: each waits for its own tenant.
    books.balances(&team(100))?;
    zeta.reserve(zeta.id(), &theirs, &[-1]).fails("below zero")?;
    let first = zeta.reserve(zeta.id(), &theirs, &[1])?;
    let second = books.reserve(books.id(), &team(100), &[1])?;
    let after = [zeta.reserve(zeta.id(), &theirs, &[1])?, books.reserve(books.id(), &team(100), &[1])?];

    told!(books; (ended(&first), ended(&second)), (vec![there], vec![here]));
    told!(books; after.iter().map(ended).collect::<Vec<_>>(), [vec![], vec![]]);
    Ok(())
}

/// Catches thresholds and marks that are told to whoever asks next, of whatever tenant.
pub(crate) fn a_threshold_is_told_to_its_own_tenant_alone(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let zeta = books.another()?.of_tenant(tenant_of("zeta"));
    let theirs = claim_in(&zeta.tenant, vec![line_in(&zeta.tenant, "team/search", always(), 100)]);
    let watched = claim(vec![with_thresholds(line("team/search", always(), 100), &[(1, 0)])]);
    books.reserve_until(books.id(), &watched, &[2], (Timestamp::from_secs(10), OnExpiry::Hold))?;
    books.at(10)?;
    // Found by a read: the charge of the hold has reached the threshold, and the next command on the line looks.
    books.balances(&watched)?;

    let other = zeta.reserve(zeta.id(), &theirs, &[1])?;
    let own = books.reserve(books.id(), &watched, &[1])?;

    let tiers = |reply: &Reply| {
        let reached = reply.effects.as_deref().map(|effects| effects.reached.as_slice()).unwrap_or_default();
        reached.iter().map(|it| it.tier).collect::<Vec<_>>()
    };
    told!(books; (tiers(&other), tiers(&own)), (vec![], vec![0]));
    Ok(())
}
