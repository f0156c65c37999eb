//! When does a level fire?

use token_budget::ledger::{Crossed, EntryKind, OnExpiry, Outcome, Rank, Reply};
use token_budget::{Claim, Timestamp};

use crate::books::{Books, claim, day, line, root, with_marks};

fn of_day(number: i64, marks: &[(i64, u8)]) -> Claim {
    claim(vec![with_marks(line("team/search", day(number), i64::MAX), marks)])
}

/// The (tier, level) of each event in the reply.
fn fired(reply: &Reply) -> Vec<(u8, i64)> {
    let crossed: &[Crossed] = reply.news.as_deref().map_or(&[], |news| &news.crossed);
    crossed.iter().map(|event| (event.tier, event.at)).collect()
}

/// Charges `amount`, and says which levels that fired.
fn charge(books: &Books, claim: &Claim, amount: i64) -> Vec<(u8, i64)> {
    let id = books.held(claim, &[amount]);
    fired(&books.reconcile(id, claim, &[amount], Rank::Reported).expect("no error"))
}

const LEVELS: &[(i64, u8)] = &[(50, 0), (80, 1), (100, 2)];

#[test]
pub(crate) fn a_level_fires_at_its_figure_and_not_one_below() {
    let books = Books::new();
    let day = of_day(0, LEVELS);

    assert_eq!(charge(&books, &day, 49), []);
    assert_eq!(charge(&books, &day, 1), [(0, 50)]);
    assert_eq!(charge(&books, &day, 1), []);
}

#[test]
pub(crate) fn one_charge_over_several_levels_fires_them_lowest_first() {
    let books = Books::new();

    assert_eq!(charge(&books, &of_day(0, LEVELS), 100), [(0, 50), (1, 80), (2, 100)]);

    let kinds: Vec<_> = books.journal(&root()).iter().map(|entry| entry.kind).collect();
    let expected = [
        EntryKind::Reserved,
        EntryKind::Reconciled(Rank::Reported),
        EntryKind::Crossed(0),
        EntryKind::Crossed(1),
        EntryKind::Crossed(2),
    ];
    assert_eq!(kinds, expected);
}

#[test]
pub(crate) fn a_hold_fires_nothing_because_events_look_at_spent_alone() {
    let books = Books::new();
    let id = books.id();

    let held = books.reserve(id, &of_day(0, LEVELS), &[100]).expect("no error");
    let released = books.release(id).expect("no error");

    assert_eq!((fired(&held), fired(&released)), (vec![], vec![]));
}

#[test]
pub(crate) fn a_level_does_not_fire_again_when_money_moves_back_and_forth() {
    let books = Books::new();
    let day = of_day(0, LEVELS);
    let id = books.held(&day, &[60]);
    let first = books.reconcile(id, &day, &[60], Rank::Provisional).expect("no error");
    books.release(id).expect("back to zero");

    assert_eq!(fired(&first), [(0, 50)]);
    assert_eq!(charge(&books, &day, 60), []);
    assert_eq!(charge(&books, &day, 20), [(1, 80)]);
}

#[test]
pub(crate) fn a_tier_fires_once_even_where_its_level_moves() {
    let books = Books::new();
    assert_eq!(charge(&books, &of_day(0, &[(50, 0)]), 60), [(0, 50)]);

    assert_eq!(charge(&books, &of_day(0, &[(70, 0)]), 20), []);
}

#[test]
pub(crate) fn a_lowered_level_is_found_by_the_next_reserve() {
    let books = Books::new();
    assert_eq!(charge(&books, &of_day(0, LEVELS), 40), []);

    let lowered = of_day(0, &[(40, 0), (60, 1)]);
    let reply = books.reserve(books.id(), &lowered, &[1]).expect("no error");

    assert_eq!(fired(&reply), [(0, 40)]);
}

#[test]
pub(crate) fn a_lowered_level_is_found_by_a_reserve_that_is_refused() {
    // Limit and level were lowered together: nothing was admitted any more, so nobody heard of it.
    let books = Books::new();
    assert_eq!(charge(&books, &of_day(0, LEVELS), 40), []);
    let lowered = claim(vec![
        with_marks(line("team/search", day(0), 30), &[(30, 0), (41, 1)]),
        with_marks(line("user/ada", day(0), 30), &[(1, 0)]),
    ]);

    let refused = books.reserve(books.id(), &lowered, &[1, 1]).expect("no error");
    let again = books.reserve(books.id(), &lowered, &[1, 1]).expect("no error");

    assert_eq!((refused.outcome, fired(&refused), fired(&again)), (Outcome::Refused, vec![(0, 30)], vec![]));
    assert_eq!(books.ledger.accounts(), 1, "the refusal made no row for ada");
    books.verify();
}

#[test]
pub(crate) fn a_level_fires_again_in_a_new_day() {
    let books = Books::new();
    assert_eq!(charge(&books, &of_day(0, LEVELS), 50), [(0, 50)]);
    books.at(1_000);

    assert_eq!(charge(&books, &of_day(1, LEVELS), 49), []);
    assert_eq!(charge(&books, &of_day(1, LEVELS), 1), [(0, 50)]);
}

#[test]
pub(crate) fn a_late_charge_fires_in_the_day_of_its_reserve() {
    let books = Books::new();
    let id = books.id();
    books.reserve_until(id, &of_day(0, LEVELS), &[50], (Timestamp::MAX, OnExpiry::Hold)).expect("no error");
    books.at(1_000);
    assert_eq!(charge(&books, &of_day(1, LEVELS), 10), []);

    let reply = books.reconcile(id, &of_day(0, LEVELS), &[50], Rank::Reported).expect("no error");

    let crossed = &reply.news.expect("an event").crossed;
    assert_eq!((crossed.len(), crossed[0].period, crossed[0].spent), (1, 0, 50));
}

#[test]
pub(crate) fn an_expiry_charge_is_found_by_the_command_that_ended_it() {
    let books = Books::new();
    let day = of_day(0, LEVELS);
    books
        .reserve_until(books.id(), &day, &[80], (Timestamp::from_secs(10), OnExpiry::Hold))
        .expect("no error");
    books.at(10);

    let reply = books.reserve(books.id(), &day, &[1]).expect("no error");

    assert_eq!(fired(&reply), [(0, 50), (1, 80)]);
}
