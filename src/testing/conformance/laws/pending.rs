//! Who still has to be told of a threshold? Nobody is forgotten by a crash between finding it and telling it.
//!
//! A threshold event is delivered at least once. The ledger keeps it as pending until an
//! observer confirms it; an event's key is its tenant and its entry's number, by which a
//! receiver drops a second copy.

use super::*;

/// Catches an alert that dies with its process, a confirmation that is lost in the next
/// crash, and one that confirms more than it names.
pub(crate) fn a_threshold_is_pending_over_a_crash_until_somebody_confirms_to_have_told_it(
    ground: &Ground<'_>,
) -> Held {
    let books = ground.books()?;
    let claim = claim(vec![with_thresholds(line("team/search", always(), i64::MAX), &[(50, 0), (80, 1)])]);
    books.charged(&claim, &[60])?;
    books.charged(&claim, &[30])?;

    let books = books.crash()?;
    let pending = books.pending_events(10)?;
    let told: Vec<_> = pending.iter().map(|event| (event.reached.tier, event.reached.at)).collect();
    equal!(told, [(0, 50), (1, 80)]);
    let spent: Vec<_> = pending.iter().map(|event| (event.reached.spent, event.reached.period)).collect();
    equal!(spent, [(60, 0), (90, 0)]);
    let journal = books.journal()?;
    for event in &pending {
        let entry = journal.iter().find(|entry| entry.sequence == event.sequence);
        let kind = entry.map(|entry| (entry.kind, entry.at));
        equal!(kind, Some((EntryKind::Reached(event.reached.tier), event.at)));
        equal!(event.tenant, books.tenant);
    }
    let (first, rest) = pending.split_at(1);
    equal!(books.pending_events(1)?, first);
    books.delivered(first)?;
    equal!(books.pending_events(10)?, rest);

    let books = books.crash()?;
    books.delivered(&pending)?;

    equal!(books.pending_events(10)?, []);
    equal!(books.journal()?, journal);
    Ok(())
}
