//! Does the journal account for every balance?

use super::*;

pub(crate) fn every_confirmed_change_is_one_entry_numbered_without_gaps(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.held(&team(10), &[4])?;
    books.resize(id, &team(10), &[5], None)?;
    books.reserve(books.id(), &team(10), &[9])?;
    books.reserve(id, &team(10), &[4])?;
    books.reconcile(id, &team(10), &[3], Rank::Estimated)?;
    books.reconcile(id, &team(10), &[9], Rank::Provisional)?;
    books.release(id)?;
    books.record(books.id(), &team(10), &[7], None)?;

    let entries = books.journal()?;

    equal!(numbers(&entries), [1, 2, 3, 4, 5]);
    let expected = [
        (EntryKind::Reserved, 0, 4),
        (EntryKind::Resized, 0, 1),
        (EntryKind::Reconciled(Rank::Estimated), 3, -5),
        (EntryKind::Released, -3, 0),
        (EntryKind::Recorded, 7, 0),
    ];
    equal!(changes(&entries), expected);
    let signature = entries.last().and_then(|entry| entry.signature.as_ref());
    equal!(signature.map(|signature| signature.reason.as_str()), Some("an audit"));
    Ok(())
}

pub(crate) fn an_expiry_is_an_entry_of_its_own(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.id();
    books.reserve_until(id, &team(10), &[4], (books.now(), OnExpiry::Hold))?;

    books.balances(&team(10))?;

    let entries = books.journal()?;
    let expected = [(EntryKind::Reserved, 0, 4), (EntryKind::Reconciled(Rank::Expired), 4, -4)];
    equal!(changes(&entries), expected);
    equal!(entries.iter().map(|entry| entry.id).collect::<Vec<_>>(), [id, id]);
    Ok(())
}

pub(crate) fn the_journal_is_read_from_a_number_on(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    for _ in 0..3 {
        books.charged(&team(10), &[1])?;
    }

    let some = books.entries(&root(), 3, 2)?;

    equal!(numbers(&some), [3, 4]);
    Ok(())
}

pub(crate) fn two_roots_are_separate_books(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let (acme, zeta) = (root_of("acme"), root_of("zeta"));
    let of = |root| claim_in(root, vec![line_in(root, "team/search", always(), 10)]);
    let (one, other) = (of(&acme), of(&zeta));
    let zetas = books.another()?.of_root(zeta);
    let id = books.held(&one, &[10])?;

    // The same id, the same team: other books.
    let reply = books.reserve(id, &other, &[9])?;
    books.reconcile(id, &other, &[8], Rank::Reported)?;

    equal!(reply.outcome, Outcome::Applied);
    told!(books; reply.repeated, false);
    equal!((books.balances(&one)?, books.balances(&other)?), (vec![(0, 10)], vec![(8, 0)]));
    equal!(numbers(&books.journal()?), [1]);
    equal!(numbers(&zetas.journal()?), [1, 2]);
    Ok(())
}

/// Kind, spent and reserved of each entry, on its first line.
fn changes(entries: &[Entry]) -> Vec<(EntryKind, i64, i64)> {
    let first = |entry: &Entry| entry.lines.first().map_or((0, 0), |line| (line.spent, line.reserved));
    entries.iter().map(|entry| (entry.kind, first(entry).0, first(entry).1)).collect()
}

fn numbers(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.sequence).collect()
}
