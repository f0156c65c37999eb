//! Do the laws hold when threads race, each with a handle of its own?
//!
//! A race that did not happen proves nothing: where it can be seen whether the
//! threads took turns, they try again until they did.
//!
//! Eight threads have a handle each, and their accounts are made anew: threads share names, not memory.
//! A check that is apart from its hold lets two callers pass on the same room. Such a gap is a few
//! nanoseconds wide in memory and milliseconds wide over a network.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use parking_lot::Mutex;

use super::together::{THREADS, together};
use super::*;

/// On two cores a round of a few microseconds may well run thread after thread.
const ROUNDS_MAX: usize = 1_000;

/// More ids than these and those of the others together may be forgotten while copies are under way.
const DOOMED_MAX: usize = 500;

/// How many budgets with room for one call are fought for.
const LAST_UNITS: usize = 50;

/// How often the races are run whose order leaves no trace.
const ROUNDS: usize = 20;

/// Catches lost updates: exactly 100 of 200 are admitted, on both lines, and the order of
/// admission shows that the threads took turns.
pub(crate) fn two_hundred_parallel_reserves_for_the_room_of_a_hundred_admit_a_hundred(
    ground: &Ground<'_>,
) -> Held {
    for _ in 0..ROUNDS_MAX {
        // Thread after thread would be seven switches at most.
        if switches(&two_hundred_want_the_room_of_a_hundred(ground)?) >= THREADS {
            return Ok(());
        }
    }
    Err(Why::new(format!("not tried: the threads never took turns in {ROUNDS_MAX} rounds")))
}

/// Two hundred reserves of one unit on eight threads; says in which order threads were admitted.
fn two_hundred_want_the_room_of_a_hundred(ground: &Ground<'_>) -> Held<Vec<usize>> {
    let books = ground.books()?;
    let order = Arc::new(Mutex::new(Vec::new()));
    let admitted = Arc::clone(&order);

    together(&books, move |thread, books| {
        // Accounts made anew: threads share names, not allocations.
        let claim = two(100, i64::MAX);
        for _ in 0..200 / THREADS {
            if books.reserve(books.id(), &claim, &[1, 1])?.outcome == Outcome::Applied {
                admitted.lock().push(thread);
            }
            thread::yield_now();
        }
        Ok(())
    })?;

    let order = std::mem::take(&mut *order.lock());
    equal!(order.len(), 100);
    equal!(books.balances(&two(100, i64::MAX))?, [(0, 100), (0, 100)]);
    Ok(order)
}

/// How often the thread changed from one admission to the next.
fn switches(order: &[usize]) -> usize {
    order.iter().zip(order.iter().skip(1)).filter(|(one, next)| one != next).count()
}

/// Catches a check outside the lock, which only the last unit of room tells from a right
/// one.
pub(crate) fn of_all_who_want_the_last_unit_exactly_one_is_admitted(ground: &Ground<'_>) -> Held {
    // Only the last unit tells a check that is apart from its hold: so there are fifty of them.
    let books = ground.books()?;
    let together_now = Arc::new(Barrier::new(THREADS));

    let admitted = together(&books, move |_, books| {
        let mut admitted = 0;
        for unit in 0..LAST_UNITS {
            let claim = claim(vec![line(&format!("team/{unit}"), always(), 1)]);
            let id = books.id();
            together_now.wait();
            let reply = books.reserve(id, &claim, &[1]);
            admitted += usize::from(reply.is_ok_and(|reply| reply.outcome == Outcome::Applied));
        }
        Ok(admitted)
    })?;

    equal!(admitted.iter().sum::<usize>(), LAST_UNITS);
    Ok(())
}

/// Catches "add, check, take back": while the doomed amount is added, a call that fits
/// would be refused.
pub(crate) fn a_doomed_amount_asked_for_again_and_again_refuses_nobody_else(ground: &Ground<'_>) -> Held {
    for _ in 0..ROUNDS_MAX {
        if a_doomed_amount_raced(ground)? {
            return Ok(());
        }
    }
    Err(Why::new(format!("not tried: nothing was refused while others were admitted in {ROUNDS_MAX} rounds")))
}

/// One thread asks for a unit more than there ever is, the others for what always fits; says whether they met.
fn a_doomed_amount_raced(ground: &Ground<'_>) -> Held<bool> {
    let books = ground.books()?;
    let (working, doomed) = (Arc::new(AtomicUsize::new(THREADS - 1)), Arc::new(AtomicUsize::new(0)));
    let met = Arc::new(AtomicBool::new(false));
    let (did_meet, claim) = (Arc::clone(&met), two(1_000, 1_000));

    together(&books, move |thread, books| {
        if thread == 0 {
            while working.load(Ordering::Relaxed) > 0 && doomed.load(Ordering::Relaxed) < DOOMED_MAX {
                let reply = books.reserve(books.id(), &claim, &[1_001, 1])?;
                equal!(reply.outcome, Outcome::Refused);
                doomed.fetch_add(1, Ordering::Relaxed);
            }
            return Ok(());
        }
        let before = doomed.load(Ordering::Relaxed);
        // Seven threads hold ten at most: there is always room.
        let held = (0..50).try_for_each(|_| {
            let id = books.held(&claim, &[10, 10])?;
            books.release(id)?;
            thread::yield_now();
            Ok(())
        });
        did_meet.fetch_or(doomed.load(Ordering::Relaxed) > before, Ordering::Relaxed);
        // Also where it failed: the first thread waits for this number.
        working.fetch_sub(1, Ordering::Relaxed);
        held
    })?;

    equal!(books.balances(&two(1_000, 1_000))?, [(0, 0), (0, 0)]);
    Ok(met.load(Ordering::Relaxed))
}

/// Catches rows that two tenants share under load.
pub(crate) fn two_tenants_that_race_do_not_see_each_other(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let of = |name: &str| {
        let tenant = tenant_of(name);
        claim_in(&tenant, vec![line_in(&tenant, "team/search", always(), 100)])
    };

    let admitted = together(&books, move |thread, books| {
        let claim = of(if thread % 2 == 0 { "acme" } else { "zeta" });
        let mut admitted = 0;
        for _ in 0..50 {
            let reply = books.reserve(books.id(), &claim, &[1])?;
            admitted += usize::from(reply.outcome == Outcome::Applied);
        }
        Ok(admitted)
    })?;

    // Each tenant was asked for two hundred and has room for a hundred.
    equal!(admitted.iter().sum::<usize>(), 200);
    equal!((books.balances(&of("acme"))?, books.balances(&of("zeta"))?), (vec![(0, 100)], vec![(0, 100)]));
    Ok(())
}

/// Catches "look for the id, then insert it" without a lock: eight copies at once, of
/// which one is the first.
pub(crate) fn retries_of_one_reserve_on_many_threads_hold_once(ground: &Ground<'_>) -> Held {
    for _ in 0..ROUNDS {
        let books = ground.books()?;
        let id = books.id();

        let first = together(&books, move |_, books| {
            let reply = books.reserve(id, &two(100, 100), &[60, 1])?;
            equal!(reply.outcome, Outcome::Applied);
            Ok(usize::from(!reply.repeated))
        })?;

        told!(books; first.iter().sum::<usize>(), 1);
        equal!(books.balances(&two(100, 100))?, [(0, 60), (0, 1)]);
    }
    Ok(())
}

/// Catches a release that withdraws what the provider reported: in both orders 50 stay
/// spent.
pub(crate) fn a_report_and_a_release_that_race_leave_the_report_standing(ground: &Ground<'_>) -> Held {
    for _ in 0..ROUNDS {
        let books = ground.books()?;
        let id = books.held(&two(100, 100), &[60, 1])?;

        together(&books, move |thread, books| {
            if thread % 2 == 0 {
                books.reconcile(id, &two(100, 100), &[50, 1], Certainty::Reported)?;
            } else {
                // Before the report it is a release, after it an error: either way the report stands.
                let _ = books.release(id);
            }
            Ok(())
        })?;

        equal!(books.balances(&two(100, 100))?, [(50, 0), (1, 0)]);
    }
    Ok(())
}

/// Catches a threshold that two charges find at once, and one that none finds because
/// each saw it as the other's.
pub(crate) fn a_threshold_fires_once_whatever_the_concurrency(ground: &Ground<'_>) -> Held {
    for _ in 0..ROUNDS {
        let books = ground.books()?;

        let fired = together(&books, move |_, books| {
            let claim = claim(vec![with_thresholds(line("team/search", always(), 1_000), &[(40, 0)])]);
            let mut fired = 0;
            for _ in 0..10 {
                let id = books.held(&claim, &[1])?;
                let reply = books.reconcile(id, &claim, &[1], Certainty::Reported)?;
                fired += reply.effects.map_or(0, |effects| effects.reached.len());
            }
            Ok(fired)
        })?;

        told!(books; fired.iter().sum::<usize>(), 1);
        equal!(books.balances(&team(1_000))?, [(80, 0)]);
        // Also where an answer was lost, the journal has it once, unless it was folded.
        let told = books.journal()?;
        let crossings = told.iter().filter(|entry| matches!(entry.kind, EntryKind::Reached(_))).count();
        let is_whole = told.first().is_some_and(|first| first.sequence == 1);
        holds!(!is_whole || crossings == 1, "the journal has the threshold {crossings} times");
    }
    Ok(())
}

/// Catches a deadlock: a ledger that locks rows in the claim's order waits for ever.
/// `together` gives up when no command ended for its patience.
pub(crate) fn claims_that_name_their_lines_in_opposite_orders_all_end(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;

    together(&books, |thread, books| {
        let mut lines = vec![line("team/search", always(), i64::MAX), line("user/ada", always(), i64::MAX)];
        if thread % 2 == 0 {
            lines.reverse();
        }
        let claim = claim(lines);
        for _ in 0..50 {
            let id = books.held(&claim, &[1, 1])?;
            books.reconcile(id, &claim, &[1, 1], Certainty::Reported)?;
        }
        Ok(())
    })?;

    equal!(books.balances(&two(0, 0))?, [(400, 0), (400, 0)]);
    Ok(())
}
