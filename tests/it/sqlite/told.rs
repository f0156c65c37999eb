//! Do observers hear of a threshold although the process that found it died?

use std::sync::Arc;
use std::time::Duration;

use token_budget::call::ScopeKind;
use token_budget::decision::TierAction;
use token_budget::ledger::SqliteLedger;
use token_budget::policy::Exemption;
use token_budget::time::ManualClock;
use token_budget::usage::Unit;
use token_budget::{Budget, Call, Enforcer, Event, Policy, RunGuard, Tiers, Usage, Usd, Window};

use super::support::{Folder, wait};
use crate::support::{Ears, NOON, at, call, nanos, prices, team};

/// A process on that file, with its observer: ten dollars a month, warned at eight.
fn process(path: &std::path::Path) -> (Enforcer, Ears) {
    let clock = Arc::new(ManualClock::at(at(NOON)));
    let ledger = SqliteLedger::with_options(path, clock.clone(), Default::default()).expect("a ledger");
    let month = Budget::usd("search", team(), Usd::dollars(10), Window::month());
    let tiers = Tiers::soft_hard(80, 120).expect("thresholds that rise");
    let ears = Ears::default();
    let enforcer = Enforcer::builder()
        .policy(Policy::new([month.tiers(tiers)]).expect("a sound policy"))
        .prices(prices())
        .ledger(ledger)
        .clock(clock)
        .observer(ears.clone())
        .build();
    (enforcer, ears)
}

fn spend(enforcer: &Enforcer, dollars: u64) {
    let tokens = dollars * 1_000;
    let sent =
        wait(enforcer.reserve(&call("milli", tokens))).expect("an answer").or_refusal().expect("room").send();
    let _ = wait(sent.reconcile(Usage::of(0, tokens))).expect("an answer");
}

/// What was heard of thresholds: budget, window, action, threshold.
fn reached(ears: &Ears) -> Vec<(String, String, TierAction, i64)> {
    let heard = ears.take().into_iter().filter_map(|event| match event {
        Event::Reached { budget, window, action, at, .. } => Some((budget.to_string(), window, action, at)),
        _ => None,
    });
    heard.collect()
}

#[test]
fn a_threshold_that_a_dead_process_found_is_told_by_the_next_one_once() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let (enforcer, ears) = process(&path);
    spend(&enforcer, 8);
    let warned = ("search".to_owned(), "month 2026-11".to_owned(), TierAction::Warn, nanos("8"));
    assert_eq!(reached(&ears).as_slice(), std::slice::from_ref(&warned));
    // It dies before the ledger knows that it told.
    drop(enforcer);

    let (next, ears) = process(&path);
    assert_eq!(wait(next.tell_pending()).expect("an answer"), 1);
    assert_eq!(reached(&ears), [warned], "in the words in which it was first told");
    assert_eq!(wait(next.tell_pending()).expect("an answer"), 0);
    assert_eq!(reached(&ears), []);
}

#[test]
fn what_this_process_told_is_confirmed_and_not_told_again() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let (enforcer, ears) = process(&path);
    spend(&enforcer, 8);

    assert_eq!(wait(enforcer.tell_pending()).expect("an answer"), 0);

    assert_eq!(reached(&ears).len(), 1);
    assert_eq!(wait(process(&path).0.tell_pending()).expect("an answer"), 0, "the file knows");
}

#[test]
fn where_nobody_listens_nothing_counts_as_told() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let ledger = SqliteLedger::open(&path).expect("a ledger");
    spend(&process(&path).0, 8);
    let deaf = Enforcer::builder().ledger(ledger).build();

    assert_eq!(wait(deaf.tell_pending()).expect("an answer"), 0);

    assert_eq!(wait(process(&path).0.tell_pending()).expect("an answer"), 1);
}

/// A process on that file whose policy and further observers are the caller's.
fn process_under(path: &std::path::Path, policy: Policy, clock: &Arc<ManualClock>) -> (Enforcer, Ears) {
    let ledger = SqliteLedger::with_options(path, clock.clone(), Default::default()).expect("a ledger");
    let ears = Ears::default();
    let builder = Enforcer::builder().policy(policy).prices(prices()).ledger(ledger).clock(clock.clone());
    (builder.observer(ears.clone()).build(), ears)
}

/// All that was heard of thresholds, in an order of its own.
fn words(ears: &Ears) -> Vec<String> {
    let heard = ears.take();
    let reached = heard.iter().filter(|event| matches!(event, Event::Reached { .. }));
    let mut words: Vec<_> = reached.map(|event| format!("{event:?}")).collect();
    words.sort();
    words
}

#[test]
fn a_dead_processs_thresholds_are_told_in_the_same_words_whatever_their_window() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let clock = Arc::new(ManualClock::at(at(NOON)));
    let berlin = "month@Europe/Berlin".parse::<Window>().expect("a window");
    let rolling = Window::rolling(Duration::from_secs(30 * 86_400)).expect("a window");
    let windows = [Window::day(), berlin, Window::week(), rolling, Window::lifetime()];
    let policy = || {
        let budget = |(number, window)| Budget::usd(format!("b{number}"), team(), Usd::dollars(10), window);
        let budgets = windows.clone().into_iter().enumerate().map(budget);
        let guarded = Budget::usd("guarded", team(), Usd::dollars(100), Window::month())
            .guardrail(Usd::dollars(10), Window::day());
        let tiered = Budget::usd("tiered", team(), Usd::dollars(10), Window::month())
            .tiers(Tiers::soft_hard(50, 120).expect("thresholds that rise"));
        let exemption = Exemption::new("audit", team(), Unit::Usd, nanos("10"));
        let exemption = exemption.for_use_case("review").requested_by("ada").approved_by("bob").because("it");
        let policy = Policy::new(budgets.chain([guarded, tiered])).expect("a sound policy");
        policy.with_exemption(exemption).expect("a sound exemption")
    };
    let (enforcer, ears) = process_under(&path, policy(), &clock);
    let use_ten = |call: Call| {
        let reservation = wait(enforcer.reserve(&call)).expect("an answer").or_refusal().expect("room");
        let _ = wait(reservation.send().reconcile(Usage::of(0, 10_000))).expect("an answer");
    };
    use_ten(call("milli", 10_000).use_case("review"));
    use_ten(call("milli", 10_000));
    let run = wait(RunGuard::builder("r").usd(Usd::dollars(10)).open(&enforcer)).expect("a run");
    let round = wait(run.reserve(&Call::new("milli").input_tokens(0).output_tokens(10_000)));
    let round = round.expect("an answer").or_refusal().expect("room");
    let _ = wait(round.send().reconcile(Usage::of(0, 10_000))).expect("an answer");
    let at_once = words(&ears);
    assert_eq!(at_once.len(), windows.len() + 4, "guardrail, tier, exemption, run: {at_once:#?}");
    drop((run, enforcer));

    let (next, ears) = process_under(&path, policy(), &clock);
    wait(next.tell_pending()).expect("an answer");

    assert_eq!(words(&ears), at_once);
}

#[test]
fn more_thresholds_than_a_process_remembers_are_each_told_at_least_once_and_then_never_again() {
    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    let clock = Arc::new(ManualClock::at(at(NOON)));
    let policy = || Policy::new([Budget::each_usd("each", ScopeKind::User, Usd::dollars(1), Window::day())]);
    let (enforcer, ears) = process_under(&path, policy().expect("a policy"), &clock);
    for user in 0..1_050 {
        let call = Call::new("milli").user(format!("u{user}")).input_tokens(0).output_tokens(1_000);
        let reservation = wait(enforcer.reserve(&call)).expect("an answer").or_refusal().expect("room");
        let _ = wait(reservation.send().reconcile(Usage::of(0, 1_000))).expect("an answer");
    }
    assert_eq!(words(&ears).len(), 1_050);

    // A thousand are remembered: fifty are told again, and nobody knows better.
    assert_eq!(wait(enforcer.tell_pending()).expect("an answer"), 50);

    drop(enforcer);
    let (next, ears) = process_under(&path, policy().expect("a policy"), &clock);
    assert_eq!(wait(next.tell_pending()).expect("an answer"), 0);
    assert_eq!(words(&ears), [""; 0]);
}

/// Lets the ledger go away as soon as it hears of a threshold.
#[cfg(feature = "testing")]
#[derive(Clone, Debug)]
struct Cutter(token_budget::testing::FaultyLedger);

#[cfg(feature = "testing")]
impl token_budget::Observer for Cutter {
    fn observe(&self, event: &Event) {
        if matches!(event, Event::Reached { .. }) {
            self.0.set_odds(token_budget::testing::Odds::AWAY);
        }
    }
}

// What was told was struck from memory before the ledger had confirmed it, and so was told twice.
#[cfg(feature = "testing")]
#[test]
fn a_ledger_that_goes_away_between_telling_and_confirming_has_nothing_told_twice_here() {
    use token_budget::testing::{FaultyLedger, Odds};

    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    spend(&process(&path).0, 8);
    let ledger = SqliteLedger::open(&path).expect("a ledger");
    let wire = FaultyLedger::new(Arc::new(ledger), 7).with_odds(Odds::ALL_WELL);
    let ears = Ears::default();
    let builder = Enforcer::builder().ledger(wire.clone()).observer(ears.clone());
    let enforcer = builder.observer(Cutter(wire.clone())).build();

    assert!(wait(enforcer.tell_pending()).is_err(), "told, and not confirmed");
    wire.set_odds(Odds::ALL_WELL);
    assert_eq!(wait(enforcer.tell_pending()).expect("an answer"), 0);

    assert_eq!(words(&ears).len(), 1);
    assert_eq!(wait(process(&path).0.tell_pending()).expect("an answer"), 0, "the file knows");
}

#[test]
fn an_observer_that_panics_keeps_nobody_else_from_hearing() {
    #[derive(Debug)]
    struct Panics;
    impl token_budget::Observer for Panics {
        fn observe(&self, _: &Event) {
            panic!("an observer's own trouble");
        }
    }

    let folder = Folder::in_memory();
    let path = folder.file("books.db");
    spend(&process(&path).0, 8);
    let (ledger, ears) = (SqliteLedger::open(&path).expect("a ledger"), Ears::default());
    let enforcer = Enforcer::builder().ledger(ledger).observer(Panics).observer(ears.clone()).build();

    assert_eq!(wait(enforcer.tell_pending()).expect("an answer"), 1);

    assert_eq!(words(&ears).len(), 1);
    assert_eq!(wait(enforcer.tell_pending()).expect("an answer"), 0, "once told is told");
}
