//! When does a threshold fire?
//!
//! A line carries a few thresholds: a figure and the tier that it belongs to. The command
//! that first finds `spent >= figure` writes an entry and tells it in its reply, once for
//! each period and tier. Holds fire nothing, because most of a hold usually comes back.

use super::*;

/// Warn at 50, degrade at 80, stop at 100.
const THRESHOLDS: &[(i64, u8)] = &[(50, 0), (80, 1), (100, 2)];

/// Catches `>` where `>=` belongs: 49 fires nothing, 50 fires, 51 does not fire again.
pub(crate) fn a_threshold_fires_at_its_figure_and_not_one_below(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let day = of_day(0, THRESHOLDS);

    told!(books; charge(&books, &day, 49)?, []);
    told!(books; charge(&books, &day, 1)?, [(0, 50)]);
    told!(books; charge(&books, &day, 1)?, []);
    equal!(crossings(&books)?, [0]);
    Ok(())
}

/// Catches a ledger that tells only the highest threshold that one large charge reached,
/// or tells them in another order.
pub(crate) fn one_charge_over_several_thresholds_fires_them_lowest_first(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;

    told!(books; charge(&books, &of_day(0, THRESHOLDS), 100)?, [(0, 50), (1, 80), (2, 100)]);

    let kinds: Vec<_> = books.journal()?.iter().map(|entry| entry.kind).collect();
    let expected = [
        EntryKind::Reserved,
        EntryKind::Reconciled(Certainty::Reported),
        EntryKind::Reached(0),
        EntryKind::Reached(1),
        EntryKind::Reached(2),
    ];
    equal!(kinds, expected);
    Ok(())
}

/// Catches a ledger that compares `spent + reserved` with the threshold: people would be
/// alerted about money that came back a second later.
pub(crate) fn a_hold_fires_nothing_because_events_look_at_spent_alone(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.id();

    let held = books.reserve(id, &of_day(0, THRESHOLDS), &[100])?;
    let released = books.release(id)?;

    equal!((fired(&held), fired(&released)), (vec![], vec![]));
    equal!(books.journal()?.len(), 2);
    Ok(())
}

/// Catches a ledger that decides by "was below before, is above now": a charge that is
/// withdrawn and made again would alert twice.
pub(crate) fn a_threshold_does_not_fire_again_when_money_moves_back_and_forth(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let day = of_day(0, THRESHOLDS);
    let id = books.held(&day, &[60])?;
    let first = books.reconcile(id, &day, &[60], Certainty::Provisional)?;
    books.release(id)?;

    told!(books; fired(&first), [(0, 50)]);
    told!(books; charge(&books, &day, 60)?, []);
    told!(books; charge(&books, &day, 20)?, [(1, 80)]);
    equal!(crossings(&books)?, [0, 1]);
    Ok(())
}

/// Catches a ledger that remembers figures instead of tiers: the same tier, raised from
/// 50 to 70 after it fired, stays silent.
pub(crate) fn a_tier_fires_once_even_where_its_threshold_moves(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    told!(books; charge(&books, &of_day(0, &[(50, 0)]), 60)?, [(0, 50)]);

    told!(books; charge(&books, &of_day(0, &[(70, 0)]), 20)?, []);
    Ok(())
}

/// Catches a ledger that looks for thresholds only as it charges: the limit was lowered,
/// and nobody would hear that 40 of it are already spent.
pub(crate) fn a_lowered_threshold_is_found_by_the_next_reserve(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    told!(books; charge(&books, &of_day(0, THRESHOLDS), 40)?, []);

    let lowered = of_day(0, &[(40, 0), (60, 1)]);
    let reply = books.reserve(books.id(), &lowered, &[1])?;

    told!(books; fired(&reply), [(0, 40)]);
    Ok(())
}

/// Catches a ledger that looks for thresholds only in commands that change something.
pub(crate) fn a_lowered_threshold_is_found_by_a_reserve_that_is_refused(ground: &Ground<'_>) -> Held {
    // Limit and threshold were lowered together: nothing was admitted any more, so nobody heard of it.
    let books = ground.books()?;
    told!(books; charge(&books, &of_day(0, THRESHOLDS), 40)?, []);
    let lowered = claim(vec![
        with_thresholds(line("team/search", day(0), 30), &[(30, 0), (41, 1)]),
        with_thresholds(line("user/ada", day(0), 30), &[(1, 0)]),
    ]);

    let refused = books.reserve(books.id(), &lowered, &[1, 1])?;
    let again = books.reserve(books.id(), &lowered, &[1, 1])?;

    equal!(refused.outcome, Outcome::Refused);
    told!(books; (fired(&refused), fired(&again)), (vec![(0, 30)], vec![]));
    equal!(crossings(&books)?, [0]);
    Ok(())
}

/// Catches "already fired" that is kept for each account instead of each period.
pub(crate) fn a_threshold_fires_again_in_a_new_day(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    told!(books; charge(&books, &of_day(0, THRESHOLDS), 50)?, [(0, 50)]);
    books.at(1_000)?;

    told!(books; charge(&books, &of_day(1, THRESHOLDS), 49)?, []);
    told!(books; charge(&books, &of_day(1, THRESHOLDS), 1)?, [(0, 50)]);
    Ok(())
}

/// Catches a ledger that measures a late charge against today's threshold.
pub(crate) fn a_late_charge_fires_in_the_day_of_its_reserve(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let id = books.id();
    books.reserve_until(id, &of_day(0, THRESHOLDS), &[50], (Timestamp::MAX, OnExpiry::Hold))?;
    books.at(1_000)?;
    told!(books; charge(&books, &of_day(1, THRESHOLDS), 10)?, []);

    let reply = books.reconcile(id, &of_day(0, THRESHOLDS), &[50], Certainty::Reported)?;

    let reached = reply.effects.map(|effects| effects.reached).unwrap_or_default();
    let reached: Vec<_> = reached.iter().map(|event| (event.period, event.spent)).collect();
    told!(books; reached, [(0, 50)]);
    Ok(())
}

/// Catches thresholds that are looked for only in reconcile: an expiry charges 80 and
/// passes two of them.
pub(crate) fn an_expiry_charge_is_found_by_the_command_that_ended_it(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let day = of_day(0, THRESHOLDS);
    books.reserve_until(books.id(), &day, &[80], (Timestamp::from_secs(10), OnExpiry::Hold))?;
    books.at(10)?;

    let reply = books.reserve(books.id(), &day, &[1])?;

    told!(books; fired(&reply), [(0, 50), (1, 80)]);
    Ok(())
}

fn of_day(number: i64, thresholds: &[(i64, u8)]) -> Claim {
    claim(vec![with_thresholds(line("team/search", day(number), i64::MAX), thresholds)])
}

/// The (tier, threshold) of each event in the reply.
fn fired(reply: &Reply) -> Vec<(u8, i64)> {
    let reached = reply.effects.as_deref().map(|effects| effects.reached.as_slice()).unwrap_or_default();
    reached.iter().map(|event| (event.tier, event.at)).collect()
}

/// Charges `amount`, and says which thresholds that fired.
fn charge(books: &Books, claim: &Claim, amount: i64) -> Held<Vec<(u8, i64)>> {
    let id = books.held(claim, &[amount])?;
    Ok(fired(&books.reconcile(id, claim, &[amount], Certainty::Reported)?))
}

/// The tiers that the journal says were reached, in its order.
fn crossings(books: &Books) -> Held<Vec<u8>> {
    let tier = |entry: &Entry| match entry.kind {
        EntryKind::Reached(tier) => Some(tier),
        _ => None,
    };
    Ok(books.journal()?.iter().filter_map(tier).collect())
}
