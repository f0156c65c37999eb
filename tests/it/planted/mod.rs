//! Does the suite find the mistakes that backends make? Each is planted, and named is the law that catches it.
//!
//! Two of them live above the ledger as well: a scope that a call names
//! twice, and a hold that a dropped reservation leaks. What can be planted below is
//! planted below; what lies above is shown at the end.

mod bugs;
mod slips;

use std::sync::Arc;

use token_budget::ledger::Claim;
use token_budget::testing::Oracle;
use token_budget::testing::conformance::{self, Differential, Maker, OverFaultyWire, Standing};
use token_budget::time::ManualClock;
use token_budget::{Budget, Enforcer, ErrorKind, Policy, Usage, Usd, Window};

use self::bugs::{Bug, Planted};
use self::slips::{Slip, Slipping};
use crate::books::{always, line, tenant};
use crate::support::{House, NOON, at, block_on, call, prices, ready, team};

fn planted(bug: Bug) -> Maker<Planted> {
    Maker::new(format!("{bug:?}"), move |clock| Planted::new(bug, clock))
}

/// That law is broken by that mistake.
fn caught(bug: Bug, law: &str) {
    let law = conformance::law(law).expect("a law of that name");
    match law.run(&planted(bug)) {
        Standing::Broken { reason, .. } => println!("{bug:?}: {}\n    {reason}", law.sentence()),
        other => panic!("{bug:?} is not caught by {:?}: {other:?}", law.sentence()),
    }
}

#[test]
fn a_check_outside_the_lock_is_caught_by_a_race() {
    caught(Bug::ChecksOutsideTheLock, "of_all_who_want_the_last_unit_exactly_one_is_admitted");
}

#[test]
fn locks_taken_in_the_order_of_the_claim_are_caught_by_two_opposite_orders() {
    let law = "claims_that_name_their_lines_in_opposite_orders_all_end";
    caught(Bug::LocksInTheOrderOfTheClaim, law);
}

#[test]
fn a_charge_to_the_window_of_the_reconcile_is_caught_after_midnight() {
    caught(Bug::ChargesTheWindowOfTheReconcile, "a_charge_lands_in_the_day_of_its_reserve");
}

#[test]
fn scopes_that_are_not_de_duplicated_are_caught() {
    caught(Bug::CountsAScopeAsOftenAsItIsNamed, "a_scope_that_a_claim_names_twice_is_held_once");
}

#[test]
fn a_floor_kept_beside_the_actual_is_caught() {
    caught(Bug::KeepsTheFloorBesideTheActual, "a_higher_rank_replaces_a_charge_in_full");
}

#[test]
fn float_money_is_caught_by_its_last_unit() {
    caught(Bug::CountsMoneyInFloatingPoint, "amounts_are_exact_to_the_last_unit");
}

#[test]
fn an_expiry_off_by_one_is_caught() {
    caught(Bug::ExpiresANanosecondLate, "a_hold_lives_to_the_last_nanosecond_before_its_expiry");
}

#[test]
fn a_refusal_that_is_not_replayed_is_caught() {
    caught(Bug::AsksForARefusedIdAnew, "a_refused_id_stays_refused_even_when_there_is_room_by_now");
}

#[test]
fn an_ignored_tombstone_is_caught() {
    caught(Bug::IgnoresTombstones, "a_release_that_overtakes_its_reserve_leaves_a_tombstone");
}

#[test]
fn an_expiry_by_the_sweeper_alone_is_caught() {
    caught(Bug::ExpiresOnlyWhenSwept, "a_hold_lives_to_the_last_nanosecond_before_its_expiry");
    caught(Bug::ExpiresOnlyWhenSwept, "results_are_the_same_whether_or_not_other_commands_ran_in_between");
}

#[test]
fn greater_for_greater_or_equal_is_caught_at_the_ceiling_and_at_a_level() {
    caught(Bug::RefusesAtTheCeiling, "the_ceiling_itself_is_still_allowed_and_one_more_is_not");
    caught(Bug::FiresOnlyAboveTheLevel, "a_level_fires_at_its_figure_and_not_one_below");
}

#[test]
fn a_release_that_leaks_is_caught() {
    caught(Bug::ForgetsToRelease, "a_release_gives_the_hold_back_on_every_line");
}

#[test]
fn a_freeze_that_refuses_what_only_observes_is_caught() {
    caught(Bug::FreezesWhatObserves, "a_frozen_scope_that_only_observes_is_named_and_refuses_nothing");
    let law = "a_stop_of_a_run_is_known_to_every_process_and_refuses_unless_the_run_observes";
    caught(Bug::FreezesWhatObserves, law);
}

/// That law is broken by that slip.
fn slip_is_caught(slip: Slip, law: &str) {
    let law = conformance::law(law).expect("a law of that name");
    let slipping = Maker::new(format!("{slip:?}"), move |clock| Slipping::new(slip, clock));
    match law.run(&slipping) {
        Standing::Broken { reason, .. } => println!("{slip:?}: {}\n    {reason}", law.sentence()),
        other => panic!("{slip:?} is not caught by {:?}: {other:?}", law.sentence()),
    }
}

#[test]
fn keys_that_mix_up_two_accounts_ids_or_roots_are_caught() {
    for (slip, law) in [
        (Slip::CountsEveryUnitOnOneAccount, "accounts_that_differ_in_one_part_are_two_accounts"),
        (Slip::ComparesNamesWithoutTheirCase, "names_are_told_apart_to_the_last_letter"),
        (Slip::KeepsTheLast64BitsOfAnId, "ids_are_told_apart_to_the_last_bit"),
        (Slip::FreezesTheScopeUnderEveryRoot, "a_scope_frozen_under_one_root_is_open_under_another"),
        (Slip::EndsLaterThanItSays, "where_ends_are_at_once_nobody_waits_for_one"),
    ] {
        slip_is_caught(slip, law);
    }
}

#[test]
fn retries_that_are_answered_wrongly_are_caught() {
    let frozen = "a_retry_hears_its_first_outcome_whatever_was_frozen_or_opened_since";
    for (slip, law) in [
        (
            Slip::AnswersWithTheBalancesOfThen,
            "a_reserve_sent_again_gets_its_first_outcome_and_holds_nothing_more",
        ),
        (Slip::TakesTheDeadlineForPartOfTheBody, "limits_levels_and_deadlines_are_no_part_of_a_body"),
        (Slip::TakesAnotherDayForTheSameBody, "the_same_id_in_another_period_is_a_conflict"),
        (Slip::ChargesTheLinesThatAreNamed, "a_command_on_fewer_or_more_lines_than_were_held_is_a_conflict"),
        (Slip::LooksAtFreezesBeforeTheId, frozen),
        (Slip::BuriesForAMinute, "a_tombstone_stands_for_an_hour_however_many_follow"),
        (Slip::ExecutesWhatItForgot, "what_was_forgotten_is_too_old_and_never_executed_again"),
        (Slip::RemembersLessThanItSays, "an_ended_id_is_remembered_for_as_long_as_is_said"),
    ] {
        slip_is_caught(slip, law);
    }
}

#[test]
fn answers_and_entries_that_tell_something_else_are_caught() {
    let ties = "holds_end_oldest_first_and_by_id_where_they_are_due_together";
    let entry = "an_entry_keeps_the_note_and_the_signature_of_its_command";
    for (slip, law) in [
        (Slip::AnswersWithTheTimeOfTheMachine, "every_reply_bears_the_ledgers_instant"),
        (Slip::LooksAtTheFirstLinesPeriodOnly, "one_stale_line_makes_the_whole_reserve_stale"),
        (Slip::EndsTiesAsTheyCame, ties),
        (Slip::CountsLinesForEntries, "the_journal_is_read_page_by_page_without_a_gap"),
        (Slip::DropsNotes, entry),
        (Slip::DropsWhoReleased, entry),
        (Slip::TellsTheNewestPeriodInEveryEntry, "an_entry_tells_every_line_with_the_period_that_it_changed"),
        (Slip::TellsALevelWithoutItsAccount, "a_level_that_was_reached_is_told_by_account_and_period"),
    ] {
        slip_is_caught(slip, law);
    }
}

#[test]
fn half_a_command_and_one_that_is_done_twice_are_caught() {
    for (slip, law) in [
        (
            Slip::HoldsTheFirstLineOfASumThatDoesNotFit,
            "a_sum_that_does_not_fit_on_the_last_line_changes_no_other",
        ),
        (Slip::GrowsOutsideTheLock, "growth_that_races_with_reserves_stops_at_the_ceiling"),
        (Slip::LooksForTheIdOutsideTheLock, "usage_of_an_id_never_seen_is_recorded_once_by_many_threads"),
        (Slip::LooksForTheIdOutsideTheLock, "a_posting_that_many_threads_send_is_posted_once"),
    ] {
        slip_is_caught(slip, law);
    }
}

#[test]
fn the_reference_model_catches_every_mistake_that_one_thread_can_see() {
    for bug in [
        Bug::ChargesTheWindowOfTheReconcile,
        Bug::KeepsTheFloorBesideTheActual,
        Bug::ExpiresOnlyWhenSwept,
        Bug::AsksForARefusedIdAnew,
        Bug::IgnoresTombstones,
        Bug::RefusesAtTheCeiling,
        Bug::FiresOnlyAboveTheLevel,
        Bug::ForgetsToRelease,
    ] {
        let difference = Differential::of(&planted(bug)).seed(7).run().expect_err("a difference");
        println!("{bug:?}: {}", difference.reason);
        let again = Differential::of(&planted(bug)).seed(difference.seed).commands(1).run();
        assert_eq!(again, Err(difference), "its seed shows it at once");
    }
}

#[test]
fn a_faulty_wire_hides_no_mistake() {
    let wire = OverFaultyWire::new(planted(Bug::AsksForARefusedIdAnew));
    let law = conformance::law("a_refused_id_stays_refused_even_when_there_is_room_by_now").unwrap();
    assert!(matches!(law.run(&wire), Standing::Broken { .. }));
}

#[test]
fn above_the_ledger_a_line_stands_once_and_a_scope_named_twice_is_charged_once() {
    // No client can plant it: a claim refuses an account that stands twice, and a call keeps a set.
    let twice = vec![line("team/search", always(), 10), line("team/search", always(), 10)];
    assert_eq!(Claim::new(tenant(), &[], twice).unwrap_err().kind(), ErrorKind::Invalid);
    let house = House::of([Budget::usd("search", team(), Usd::dollars(10), Window::month())]);

    let named_twice = call("milli", 1_000).team("search").team("search");
    house.admit(&named_twice).send().reconcile(Usage::of(0, 1_000)).wait().unwrap();

    assert_eq!(house.dollars(&named_twice), (Usd::dollars(1), Usd::ZERO));
}

#[test]
fn above_the_ledger_a_reservation_that_leaks_on_drop_is_found_by_the_oracle() {
    // A reservation that is dropped and whose release goes nowhere leaves its hold in the books.
    let clock = Arc::new(ManualClock::at(at(NOON)));
    let budget = Budget::usd("search", team(), Usd::dollars(10), Window::month());
    let leaking = Planted::new(Bug::ForgetsToRelease, clock.clone());
    let policy = Policy::new([budget]).unwrap();
    let builder = Enforcer::builder().policy(policy).prices(prices()).ledger(leaking).clock(clock);
    let enforcer = builder.build();

    drop(block_on(enforcer.reserve(&call("milli", 1_000))).unwrap().or_refusal().unwrap());

    let empty = token_budget::testing::ScriptedProvider::new().bill();
    let report = ready(Oracle::of(&enforcer).billed(&call("milli", 0), &empty).check());
    assert!(!report.holds(), "a hold is left: {report}");
}
