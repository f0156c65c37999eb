//! What becomes of calls, holds and windows where the machine's clock is set?
//!
//! Each test runs on the ledger in memory and on one in a file. Both follow the same table: `ledger/clock.rs`.

use std::sync::Arc;
use std::time::Duration;

use token_budget::ledger::{SqliteLedger, SqliteOptions};
use token_budget::time::ManualClock;
use token_budget::{Budget, BudgetLedger, Enforcer, Event, MemoryLedger, Policy, Usage, Usd, Window};

use crate::sqlite::support::{Folder, closed};
use crate::support::{Ears, NOON, at, call, prices, team};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// An enforcer with ten dollars a month, on a ledger that goes by the same clock.
struct Desk {
    clock: Arc<ManualClock>,
    ears: Ears,
    enforcer: Enforcer,
}

impl Desk {
    fn over(ledger: impl BudgetLedger, clock: Arc<ManualClock>) -> Self {
        let ears = Ears::default();
        let month = Budget::usd("search", team(), Usd::dollars(10), Window::month());
        let policy = Policy::new([month]).expect("a policy");
        let builder = Enforcer::builder().policy(policy).prices(prices()).ledger(ledger);
        let enforcer = builder.clock(clock.clone()).observer(ears.clone()).build();
        Self { clock, ears, enforcer }
    }

    /// Spends one dollar: a call that is held, sent and reported.
    fn spend(&self) {
        let held = self
            .enforcer
            .reserve(&call("milli", 1_000))
            .wait()
            .expect("no error")
            .or_refusal()
            .expect("room");
        let receipt = held.send().reconcile(Usage::of(0, 1_000)).wait().expect("it is recorded");
        assert_eq!(receipt.cost(), Usd::dollars(1));
    }

    /// Dollars spent in the present month, in nano-dollars.
    fn spent(&self) -> i64 {
        self.enforcer.check(&call("milli", 0)).wait().expect("no error").budgets()[0].spent
    }

    /// What was told of the clock since the last time.
    fn news(&self) -> Vec<Event> {
        let is_of_the_clock =
            |event: &Event| matches!(event, Event::ClockJumped { .. } | Event::ClockStands { .. });
        self.ears.take().into_iter().filter(is_of_the_clock).collect()
    }
}

fn noon() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(at(NOON)))
}

/// The same on both ledgers.
fn on_each(test: impl Fn(Desk)) {
    let clock = noon();
    test(Desk::over(MemoryLedger::with_clock(clock.clone()), clock));
    let (folder, clock) = (Folder::in_memory(), noon());
    test(Desk::over(opened(&folder, &clock), clock));
}

fn opened(folder: &Folder, clock: &Arc<ManualClock>) -> SqliteLedger {
    SqliteLedger::with_options(folder.file("books.db"), clock.clone(), SqliteOptions::default())
        .expect("books")
}

fn back(by: Duration) -> Event {
    Event::ClockJumped { forwards: false, by }
}

fn forwards(by: Duration) -> Event {
    Event::ClockJumped { forwards: true, by }
}

#[test]
fn after_a_step_back_of_70_minutes_calls_are_admitted_and_the_step_is_told() {
    // Ids were made by the machine's clock, and each was older than the hour that memory reaches: every call was
    // `Forgotten`, without a word.
    on_each(|desk| {
        desk.spend();
        desk.clock.step(at("2026-11-22T10:50:00Z"));
        desk.spend();
        desk.spend();
        assert_eq!(desk.news(), [back(70 * MINUTE)]);
        assert_eq!(desk.spent(), 3_000_000_000);
    });
}

#[test]
fn after_a_step_back_of_minutes_a_hold_lives_as_long_as_it_was_given() {
    // The end of a hold was dated by the machine's clock: each was born expired, and each stream died after its first slice.
    for minutes in [6, 30] {
        on_each(|desk| {
            desk.spend();
            desk.clock.step(at(NOON) - minutes * MINUTE);
            let held = desk.enforcer.reserve(&call("milli", 1_000)).wait().expect("no error");
            let in_flight = held.or_refusal().expect("room").send();
            desk.clock.advance(4 * MINUTE);
            let receipt = in_flight.reconcile(Usage::of(0, 500)).wait().expect("it is recorded");
            assert_eq!(receipt.cost(), "0.50".parse().expect("dollars"));
            assert_eq!(
                desk.ears.count(|event| matches!(event, Event::Expired { .. } | Event::Late { .. })),
                0
            );
        });
    }
}

#[test]
fn a_clock_that_stays_an_hour_behind_for_ten_minutes_is_told_once() {
    on_each(|desk| {
        desk.spend();
        desk.clock.step(at("2026-11-22T09:00:00Z"));
        for _ in 0..3 {
            desk.spend();
            desk.clock.advance(5 * MINUTE);
        }
        desk.spend();
        assert_eq!(desk.news(), [back(180 * MINUTE), Event::ClockStands { behind: 170 * MINUTE }]);
    });
}

#[test]
fn one_call_in_2030_costs_no_window_and_no_call_after_it() {
    // The ledger's time was 2030 from then on: every command failed until 2030, for old and new enforcers.
    on_each(|desk| {
        desk.spend();
        desk.clock.step(at("2030-01-01T00:00:00Z"));
        desk.spend();
        let by = at("2030-01-01T00:00:00Z").since(at(NOON));
        assert_eq!(desk.news(), [forwards(by)]);
        desk.clock.advance(5 * MINUTE);
        desk.spend();
        desk.clock.step(at("2026-11-22T12:05:00Z"));
        desk.spend();
        assert_eq!(desk.news(), []);
        assert_eq!(desk.spent(), 4_000_000_000, "all four lie in November 2026");
    });
}

#[test]
fn a_step_of_years_that_stands_for_ten_minutes_is_taken() {
    on_each(|desk| {
        desk.spend();
        desk.clock.step(at("2030-01-01T00:00:00Z"));
        desk.spend();
        desk.clock.advance(10 * MINUTE);
        desk.spend();
        assert_eq!(desk.spent(), 1_000_000_000, "the third lies in January 2030");
    });
}

#[test]
fn a_month_that_passed_is_no_step() {
    on_each(|desk| {
        desk.spend();
        desk.clock.advance(40 * DAY);
        desk.spend();
        assert_eq!((desk.news(), desk.spent()), (vec![], 1_000_000_000));
    });
}

#[test]
fn a_process_whose_clock_is_36_days_ahead_locks_nobody_out() {
    // Its one command took the file to its time. From then on every other process made ids that were 36 days old, and was
    // answered `Forgotten` for as long as that.
    let folder = Folder::in_memory();
    let (here, ahead) = (noon(), Arc::new(ManualClock::at(at(NOON) + 36 * DAY)));
    let desk = Desk::over(opened(&folder, &here), here);
    desk.spend();
    let other = Desk::over(opened(&folder, &ahead), ahead);
    other.spend();
    assert_eq!(other.news(), [forwards(36 * DAY)]);
    desk.spend();
    assert_eq!((desk.spent(), desk.news()), (3_000_000_000, vec![]));

    // After ten minutes it is believed. Then the file is in December for everybody, and everybody is served.
    other.clock.advance(10 * MINUTE);
    other.spend();
    desk.spend();
    desk.spend();
    assert_eq!(desk.spent(), 3_000_000_000);
    assert_eq!(desk.news(), [back(36 * DAY + 10 * MINUTE)]);
}

#[test]
fn a_process_that_opens_a_file_alone_believes_its_clock() {
    let folder = Folder::in_memory();
    let clock = noon();
    let desk = Desk::over(opened(&folder, &clock), clock);
    desk.spend();
    drop(desk);

    closed(&folder.file("books.db"));

    let clock = Arc::new(ManualClock::at(at(NOON) + 36 * DAY));
    let desk = Desk::over(opened(&folder, &clock), clock);
    desk.spend();
    assert_eq!((desk.news(), desk.spent()), (vec![], 1_000_000_000), "it is December");
}
