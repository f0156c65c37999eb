//! What do observers hear of a call?

use std::sync::{Arc, Mutex};
use std::time::Duration;

use token_budget::ledger::Attribution;
use token_budget::time::ManualClock;
use token_budget::usage::Unit;
use token_budget::{
    Budget, Call, Enforcer, Event, MemoryLedger, Observer, Policy, Scope, Usage, Usd, Window,
};

use crate::support::{House, call, team};

/// Writes down what it hears.
#[derive(Clone, Debug, Default)]
struct Notebook(Arc<Mutex<Vec<Event>>>);

impl Observer for Notebook {
    fn observe(&self, event: &Event) {
        self.0.lock().expect("nobody panicked").push(event.clone());
    }
}

impl Notebook {
    fn late(&self) -> usize {
        let events = self.0.lock().expect("nobody panicked");
        events.iter().filter(|event| matches!(event, Event::Late { .. })).count()
    }
}

#[test]
fn usage_that_came_after_its_hold_expired_is_told_to_be_late() {
    // The event was sent for a report that came twice, and never for one that came late.
    let (clock, notebook) = (Arc::new(ManualClock::default()), Notebook::default());
    let key = Scope::api_key("k1").expect("a plain name");
    let budget = Budget::count("key", key, Unit::Requests, 10, Window::lifetime());
    let enforcer = Enforcer::builder()
        .policy(Policy::new([budget]).expect("a sound policy"))
        .ledger(MemoryLedger::with_clock(clock.clone()))
        .hold_grace(Duration::from_secs(300))
        .observer(notebook.clone())
        .build();
    let call = Call::new("gpt-4o").api_key("k1").input_tokens(1_000).output_tokens(100);
    let send = || enforcer.reserve(&call).wait().expect("no error").or_refusal().expect("room").send();

    let (in_time, late) = (send(), send());
    clock.advance(Duration::from_secs(299));
    let _ = in_time.reconcile(Usage::of(1_000, 90)).wait().expect("no error");
    let before = notebook.late();
    clock.advance(Duration::from_secs(1));
    let _ = late.reconcile(Usage::of(1_000, 90)).wait().expect("no error");

    assert_eq!((before, notebook.late()), (0, 1));
}

#[test]
fn a_hold_whose_age_a_freeze_finds_is_told_to_have_expired() {
    // The reply of a mark was thrown away with its effects, and nobody else heard of them.
    let house = House::of([Budget::usd("search", team(), Usd::dollars(1), Window::day())]);
    let abandoned = house.admit(&call("milli", 100));
    house.clock.advance(Duration::from_secs(300));

    let agent = Scope::agent("scout").unwrap();
    house.enforcer.freeze(None, &agent, Attribution::new("grace", "it loops")).wait().unwrap();

    let told = |event: &Event| matches!(event, Event::Expired { usd, .. } if *usd == Usd::cents(10));
    assert_eq!(house.ears.count(told), 1);
    drop(abandoned);
    assert!(!house.enforcer.reserve(&call("milli", 1).agent("scout")).wait().unwrap().is_admitted());
    house.enforcer.reopen(None, &agent, Attribution::new("grace", "fixed")).wait().unwrap();
    assert!(house.enforcer.reserve(&call("milli", 1).agent("scout")).wait().unwrap().is_admitted());
}
