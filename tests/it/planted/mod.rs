//! Does the suite find the mistakes that backends make? Each is planted, and named is the law that catches it.
//!
//! Two of them live above the ledger as well: a scope that a call names
//! twice, and a hold that a dropped reservation leaks. What can be planted below is
//! planted below; what lies above is shown at the end.

mod bugs;
mod oversights;
mod slips;
mod table;
mod without;

use std::sync::Arc;

use token_budget::ledger::Claim;
use token_budget::testing::Oracle;
use token_budget::testing::conformance::{self, Differential, Maker, Need, OverFaultyWire, Standing};
use token_budget::time::ManualClock;
use token_budget::{Budget, Enforcer, ErrorKind, MemoryLedger, Policy, Usage, Usd, Window};

use self::bugs::{Bug, Planted};
use self::oversights::{Overlooking, Oversight};
use self::table::{Mistake, PLANTINGS, Planting};
use self::without::Without;
use crate::books::{always, line, tenant};
use crate::support::{House, NOON, at, block_on, call, prices, ready, team};

fn planted(bug: Bug) -> Maker<Planted> {
    Maker::new(format!("{bug:?}"), move |clock| Planted::new(bug, clock))
}

fn overlooking(oversight: Oversight) -> Maker<Overlooking> {
    Maker::new(format!("{oversight:?}"), move |clock| Overlooking::new(oversight, clock))
}

/// The law that is named for a mistake is broken by it.
fn caught(planting: Planting) {
    let sentence = planting.law().sentence();
    match planting.tried() {
        Standing::Broken { reason, .. } => println!("{:?}: {sentence}\n    {reason}", planting.mistake),
        other => panic!("{:?} is not caught by {sentence:?}: {other:?}", planting.mistake),
    }
}

/// All plantings of that kind are caught.
fn all_caught(is_of_kind: impl Fn(Mistake) -> bool) {
    PLANTINGS.iter().copied().filter(|planting| is_of_kind(planting.mistake)).for_each(caught);
}

/// It waits for its deadlock, and so has a test of its own.
fn is_deadlock(mistake: Mistake) -> bool {
    matches!(mistake, Mistake::Bug(Bug::LocksInTheOrderOfTheClaim))
}

#[test]
fn what_backends_get_wrong_is_caught_by_the_law_that_is_named_for_it() {
    all_caught(|mistake| matches!(mistake, Mistake::Bug(_)) && !is_deadlock(mistake));
}

#[test]
fn locks_taken_in_the_order_of_the_claim_are_caught_by_two_opposite_orders() {
    all_caught(is_deadlock);
}

#[test]
fn what_a_tired_author_gets_wrong_is_caught_by_the_law_that_is_named_for_it() {
    all_caught(|mistake| matches!(mistake, Mistake::Slip(_)));
}

#[test]
fn what_nobody_looks_for_is_caught_by_the_law_that_is_named_for_it() {
    all_caught(|mistake| matches!(mistake, Mistake::Oversight(_)));
}

#[test]
fn some_mistakes_are_caught_by_a_second_law() {
    for (bug, law) in [
        (Bug::ExpiresOnlyWhenSwept, "a_hold_lives_to_the_last_nanosecond_before_its_expiry"),
        (
            Bug::FreezesWhatObserves,
            "a_stop_of_a_run_is_known_to_every_process_and_refuses_unless_the_run_observes",
        ),
    ] {
        caught(Planting { mistake: Mistake::Bug(bug), law });
    }
    let law = "a_posting_that_many_threads_send_is_posted_once";
    caught(Planting { mistake: Mistake::Slip(slips::Slip::LooksForTheIdOutsideTheLock), law });
}

#[test]
fn the_table_in_the_docs_has_a_row_for_each_mistake_with_its_law() {
    let docs = include_str!("../../../docs/RELIABILITY.md");
    let table = docs.split_once("## The planted mistakes").expect("a section").1;
    let table = table.split_once("## What the laws do not see").expect("the next section").0;
    let rows = table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| mistake"));
    let rows: Vec<&str> = rows.filter(|line| !line.starts_with("| ---")).collect();

    assert_eq!(rows.len(), PLANTINGS.len());
    for (row, planting) in rows.iter().zip(PLANTINGS) {
        let laws = row.trim_end_matches(" |").rsplit_once(" | ").expect("two columns").1;
        let sentence = planting.law().sentence();
        assert!(laws.split("; ").any(|law| law == sentence), "{:?}: {row}", planting.mistake);
    }
    assert!(docs.contains(&format!("{0} of {0}", PLANTINGS.len())), "and says how many there are");
}

/// What ledgers leave out, each in a sensible combination. The second offers calendar windows and thresholds, the third calendar
/// windows and nothing else.
const LEFT_OUT: [&[Need]; 5] = [
    &[Need::Rolling],
    &[Need::Rolling, Need::Resizing, Need::Marks, Need::Postings, Need::Refunds],
    &[Need::Rolling, Need::Resizing, Need::Thresholds, Need::Marks, Need::Postings, Need::Refunds],
    &[Need::Rolling, Need::Thresholds, Need::Marks, Need::Postings, Need::Refunds],
    &[Need::Resizing, Need::Refunds],
];

#[test]
fn of_the_mistakes_that_a_ledger_can_make_which_leaves_something_out_nine_of_ten_are_caught() {
    for left_out in LEFT_OUT {
        let can_be_made = |planting: &&Planting| {
            // What waits for a deadlock waits for twenty seconds each time.
            planting.can_be_made_without(left_out) && !is_deadlock(planting.mistake)
        };
        let made: Vec<Planting> = PLANTINGS.iter().filter(can_be_made).copied().collect();
        let missed: Vec<_> = made.iter().filter(|it| it.caught_without(left_out).is_none()).collect();

        println!("without {left_out:?}: {} of {} are caught", made.len() - missed.len(), made.len());
        assert!(made.len() > PLANTINGS.len() / 2, "most can be made");
        assert!(missed.len() * 10 <= made.len(), "without {left_out:?} these are missed: {missed:?}");
    }
}

#[test]
fn a_right_ledger_that_leaves_something_out_breaks_no_law_and_is_told_what_it_left_out() {
    for left_out in LEFT_OUT {
        let right =
            Maker::new("calendar", move |clock| Without::new(MemoryLedger::with_clock(clock), left_out));

        let report = conformance::run(&right);
        Differential::of(&right).commands(4_000).in_games_of(2_000).run().expect("no difference");

        report.assert_holds();
        for need in left_out {
            let text = format!("{need:?} is not offered");
            assert!(
                report.left_out().iter().any(|(_, said, laws)| said.contains(&text) && *laws > 0),
                "{text}"
            );
        }
        let taken: usize = report.left_out().iter().map(|(_, _, laws)| laws).sum();
        assert_eq!(report.held() + taken, conformance::laws().len());
    }
}

#[test]
fn what_comes_once_in_a_thousand_times_is_caught_by_a_long_game_on_the_same_books() {
    let rare = overlooking(Oversight::AdmitsEveryThousandthRefusal);

    let short = Differential::of(&rare).commands(4_000).run();
    let long = Differential::of(&rare).commands(20_000).in_games_of(20_000).run();

    assert!(short.is_ok(), "no game of 400 commands refuses a thousand times: {short:?}");
    assert!(long.is_err_and(|difference| difference.reason.contains("Refused")));
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
        Bug::FiresOnlyAboveTheThreshold,
        Bug::ForgetsToRelease,
    ] {
        let difference = Differential::of(&planted(bug)).seed(7).run().expect_err("a difference");
        println!("{bug:?}: {}", difference.reason);
        let again = Differential::of(&planted(bug)).seed(difference.seed).commands(1).run();
        assert_eq!(again, Err(difference), "its seed shows it at once");
    }
}

#[test]
fn the_reference_model_catches_what_nobody_looks_for() {
    use Oversight::*;
    for oversight in [
        BindsTheFirst32Lines,
        ShowsTheFirst32Lines,
        TellsTheFirst16Tiers,
        KeepsFourTags,
        CutsReasonsInTheJournal,
        CutsReasonsOfMarks,
        ForgetsRefusalsAfterASecond,
        WritesRefusalsDown,
        GrowsBackUnchecked,
        RefusesToProlongAboveTheCeiling,
        KeepsAnEndThatMovesByLessThanASecond,
        KeepsEndsInMilliseconds,
        OnlyProlongs,
        DatesEntriesByTheMachine,
        DatesMarksByTheMachine,
        DatesErrorsByTheMachine,
        RefusesIdsASecondAhead,
        TakesIdsOfAnyDay,
        AgesIdsByTheMachine,
        ForgetsClaimsWithoutLines,
        TakesTheSignatureForPartOfTheBody,
        TakesTheRemarkForPartOfTheBody,
        ReadsAnAccountOnce,
        TakesTheLatestMark,
        KeepsTheFirstMark,
        NamesTheFirstFrozenScope,
    ] {
        let game =
            Differential::of(&overlooking(oversight)).seed(7).commands(20_000).in_games_of(4_000).run();
        let difference = game.expect_err(&format!("{oversight:?} differs"));
        println!("{oversight:?}: {}", difference.reason);
    }
    let told = Differential::of(&overlooking(TellsExpiriesToWhoeverAsks)).seed(7).threads(4).run();
    assert!(told.is_err(), "four tenants hear of one another");
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
