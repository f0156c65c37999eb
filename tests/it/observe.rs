//! What only observes refuses nothing, keeps the same books, and says what enforcement would have done.

use std::sync::Arc;
use std::time::Duration;

use token_budget::call::Message;
use token_budget::decision::RefusalKind;
use token_budget::http::{Denial, HttpBudget, RequestHead, Ruling};
use token_budget::ledger::Attribution;
use token_budget::policy::{Caps, Unbound};
use token_budget::time::ManualClock;
use token_budget::usage::Unit;
use token_budget::{
    Budget, Call, Enforcer, Event, MemoryLedger, Policy, RunGuard, Scope, Usage, Usd, Verdict, Window,
};

use crate::http_support::{EVENTS, Pieces, chat_events, json, post, read, refused};
use crate::support::{FarLedger, House, Link, NOON, at, block_on, call, nanos, prices, ready, team, usd};

fn watched() -> Budget {
    Budget::usd("watched", team(), Usd::dollars(1), Window::day()).observe()
}

/// The two ways of observing everything.
fn all_observe() -> [Policy; 2] {
    let enforced = Budget::usd("day", team(), Usd::dollars(1), Window::day());
    [Policy::new([watched()]).unwrap(), Policy::new([enforced]).unwrap().observing()]
}

fn would(house: &House) -> Vec<String> {
    let reason = |event: &Event| match event {
        Event::WouldRefuse { reason, .. } => Some(reason.clone()),
        _ => None,
    };
    house.ears.all().iter().filter_map(reason).collect()
}

fn kinds(decision: &token_budget::Decision) -> Vec<RefusalKind> {
    decision.would_refuse().into_iter().map(|refusal| refusal.kind).collect()
}

#[test]
fn a_would_be_refusal_is_an_event_and_the_decision_says_it() {
    for policy in all_observe() {
        let house = House::new(policy);
        let fits = house.admit(&call("milli", 1_000));
        assert_eq!((fits.decision().would_be(), fits.decision().would_refuse()), (Verdict::Allow, vec![]));
        assert!(would(&house).is_empty());

        let over = house.admit(&call("milli", 1));
        let decision = over.decision();
        assert_eq!((decision.verdict(), decision.would_be()), (Verdict::Warn, Verdict::Block));
        assert_eq!(kinds(&decision), [RefusalKind::InFlight]);
        assert_eq!(decision.refusals(), []);
        let [reason] = &would(&house)[..] else { panic!("one event") };
        assert!(reason.contains("1.00 USD held") || reason.contains("held for calls in flight"), "{reason}");
        assert_eq!(house.ears.count(|event| matches!(event, Event::Refused { .. })), 0);
        let advice = ready(house.enforcer.check(&call("milli", 1))).unwrap();
        assert_eq!((advice.is_allowed(), advice.would_be()), (true, Verdict::Block));
        let json = serde_json::to_value(&decision).unwrap();
        assert_eq!(
            (&json["would_be"], &json["would_refuse"][0]["kind"]),
            (&"block".into(), &"in_flight".into())
        );
    }
}

#[test]
fn beside_an_observing_budget_only_the_enforcing_one_refuses() {
    let enforcing = Budget::usd("month", team(), Usd::dollars(10), Window::month());
    let house = House::of([watched(), enforcing]);
    drop(house.admit(&call("milli", 5_000)));
    assert_eq!(would(&house).len(), 1);
    let refused = house.refuse(&call("milli", 11_000));
    let names = |refusals: Vec<token_budget::decision::Refusal>| {
        refusals.into_iter().map(|refusal| refusal.budget.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(refused.refusals()), ["month"]);
    assert_eq!(names(refused.would_refuse()), ["watched"]);
    // It is told as the refusal that it is.
    assert_eq!(would(&house).len(), 1);
}

#[test]
fn a_freeze_is_reported_and_not_enforced_where_all_observe() {
    let freeze = |house: &House, scope: Scope| {
        house.enforcer.freeze(None, &scope, Attribution::new("grace", "leak")).wait().unwrap();
    };
    for policy in all_observe() {
        let house = House::new(policy);
        freeze(&house, team());
        let reservation = house.admit(&call("milli", 10));
        let decision = reservation.decision();
        assert_eq!((decision.is_allowed(), decision.would_be()), (true, Verdict::Block));
        assert!(matches!(&kinds(&decision)[..], [RefusalKind::Frozen { .. }]), "{:?}", kinds(&decision));
        let reasons = would(&house);
        assert!(reasons[0].contains("team/search is frozen by grace: leak"), "{reasons:?}");
        // It grows, too.
        let mut sent = reservation.send();
        assert!(matches!(sent.resize(20).wait().unwrap(), token_budget::enforcer::Resized::Done));
    }
    // One budget that enforces makes a policy that does, and a freeze of another scope stands as well.
    let enforcing = Budget::usd("month", team(), Usd::dollars(10), Window::month());
    let house = House::of([watched(), enforcing]);
    freeze(&house, team());
    assert!(matches!(house.refuse(&call("milli", 10)).refusals()[0].kind, RefusalKind::Frozen { .. }));
}

#[test]
fn caps_on_a_single_call_refuse_nothing_where_all_observe() {
    let caps = Caps { usd: Some(usd("1")), tokens_output: Some(100), strict: true, ..Caps::default() };
    for policy in all_observe() {
        let house = House::new(policy.with_caps(caps));
        let reservation = house.admit(&call("milli", 500));
        assert_eq!(reservation.output_tokens(), 500);
        assert_eq!(kinds(&reservation.decision()), [RefusalKind::NeverFits]);
        assert_eq!(would(&house).len(), 1);
        drop(house.admit(&call("milli", 100)));
        assert_eq!(would(&house).len(), 1);
    }
    let enforcing = Budget::usd("month", team(), Usd::dollars(10), Window::month());
    let house = House::new(Policy::new([watched(), enforcing]).unwrap().with_caps(caps));
    let _ = house.refuse(&call("milli", 500));
}

#[test]
fn an_observed_cap_on_the_input_is_judged_by_a_count_as_an_enforced_one_would_be() {
    // The bound of these words is above the cap, their count is not.
    let words = "hello ".repeat(100);
    let ask = || Call::new("milli").team("search").message(Message::user(&*words)).output_tokens(1);
    let caps = |tokens| Caps { tokens_input: Some(tokens), ..Caps::default() };
    let counts = |tokens, policy: Policy| {
        let house = House::new(policy.with_caps(caps(tokens)));
        drop(house.admit(&ask()));
        would(&house).len()
    };
    for policy in all_observe() {
        assert_eq!(counts(10, policy.clone()), 1);
        assert_eq!(counts(10_000, policy), 0);
    }
}

#[test]
fn where_all_observe_an_unpriced_model_is_booked_in_tokens_and_requests() {
    let tokens = Budget::count("tokens", team(), Unit::Tokens, 10, Window::day());
    let requests = Budget::count("requests", team(), Unit::Requests, 10, Window::day());
    let dollars = Budget::usd("day", team(), Usd::dollars(1), Window::day());
    let house = House::new(Policy::new([dollars, tokens, requests]).unwrap().observing());
    let reservation = house.admit(&call("nobody-knows", 500));
    assert!(kinds(&reservation.decision()).contains(&RefusalKind::Unpriced));
    assert!(would(&house)[0].contains("the model has no price"));
    let receipt = reservation.send().reconcile(Usage::of(0, 400)).wait().unwrap();
    assert!(receipt.is_unpriced() && receipt.cost() == Usd::ZERO, "its dollars are unknown, not nothing");
    assert_eq!(house.balances(&call("nobody-knows", 0)), [(0, 0), (400, 0), (1, 0)]);
}

#[test]
fn where_all_observe_an_absent_ledger_is_passed_by_and_counted() {
    for policy in all_observe() {
        let clock = Arc::new(ManualClock::at(at(NOON)));
        let far = FarLedger::new(MemoryLedger::with_clock(clock.clone()));
        let builder = Enforcer::builder().policy(policy).prices(prices()).ledger(far.clone()).clock(clock);
        let enforcer = builder.build();
        far.set(Link::Away);
        let passed = block_on(enforcer.reserve(&call("milli", 5_000))).unwrap().or_refusal().unwrap();
        assert!(!passed.is_held());
        assert!(block_on(passed.send().reconcile(Usage::of(0, 5_000))).is_ok());
        far.set(Link::Up);
        block_on(enforcer.flush()).unwrap();
        let advice = block_on(enforcer.check(&call("milli", 0))).unwrap();
        assert_eq!((advice.budgets()[0].spent, advice.budgets()[0].reserved), (nanos("5"), 0));
    }
}

#[test]
fn an_empty_policy_is_not_one_where_all_observe() {
    let _ = House::of([]).refuse(&call("milli", 10));
    let house = House::new(Policy::new([]).unwrap().observing());
    let reservation = house.admit(&call("milli", 10));
    assert!(matches!(&kinds(&reservation.decision())[..], [RefusalKind::Unbound { .. }]));
    assert!(would(&house)[0].contains("there is no budget at all"));
    // Named, it is no would-be refusal.
    let house = House::new(Policy::new([]).unwrap().observing().unbound(Unbound::Count));
    drop(house.admit(&call("milli", 10)));
    assert!(would(&house).is_empty());
}

#[test]
fn a_runs_own_limits_hold_where_all_observe_unless_the_run_says_observe() {
    for policy in all_observe() {
        let house = House::new(policy);
        let run =
            RunGuard::builder("r").iterations(1).usd(Usd::dollars(5)).open(&house.enforcer).wait().unwrap();
        let round = |output| run.reserve(&call("milli", output)).wait().unwrap();
        assert!(!round(5_001).is_admitted());
        let _ = round(4_000).or_refusal().unwrap().send().reconcile(Usage::of(0, 4_000)).wait().unwrap();
        assert!(!round(1).is_admitted());

        let watched = RunGuard::builder("w").iterations(1).tool("search", 1).observe();
        let watched = watched.open(&house.enforcer).wait().unwrap();
        for _ in 0..2 {
            let held = watched.reserve(&call("milli", 10)).wait().unwrap().or_refusal().unwrap();
            let _ = held.send().reconcile(Usage::of(0, 10)).wait().unwrap();
        }
        assert!(
            would(&house).iter().any(|reason| reason.contains("1 of 1 iterations used")),
            "{:?}",
            would(&house)
        );
        watched.tools(["search", "search"]).wait().unwrap().or_refusal().unwrap().start();
        assert!(
            would(&house).iter().any(|reason| reason.contains("0 of 1 calls of search")),
            "{:?}",
            would(&house)
        );
        assert_eq!(watched.report().wait().unwrap().subtree.iterations, 2);
    }
}

#[test]
fn a_runs_time_and_stop_hold_unless_the_run_says_observe() {
    let house = House::new(Policy::new([]).unwrap().observing());
    let minute = Duration::from_secs(60);
    let open = |id, observes: bool| {
        let run = RunGuard::builder(id).time_limit(minute);
        (if observes { run.observe() } else { run }).open(&house.enforcer).wait().unwrap()
    };
    let (strict, watched) = (open("strict", false), open("watched", true));
    house.clock.advance(minute);
    assert!(!strict.reserve(&call("milli", 10)).wait().unwrap().is_admitted());
    assert!(watched.reserve(&call("milli", 10)).wait().unwrap().is_admitted());
    assert!(would(&house).iter().any(|reason| reason.contains("run/watched")), "{:?}", would(&house));

    let strict = RunGuard::builder("again").iterations(9).open(&house.enforcer).wait().unwrap();
    strict.stop(Attribution::new("grace", "enough")).wait().unwrap();
    watched.stop(Attribution::new("grace", "enough")).wait().unwrap();
    assert!(!strict.reserve(&call("milli", 10)).wait().unwrap().is_admitted());
    assert!(watched.reserve(&call("milli", 10)).wait().unwrap().is_admitted());
    assert!(would(&house).iter().any(|reason| reason.contains("run/watched was stopped by grace: enough")));
}

// At the gate, a policy that only observed refused what it could not meter.
#[test]
fn what_a_gate_cannot_meter_passes_where_all_observe_and_is_told() {
    let list = |count| {
        let models = vec!["milli"; count];
        serde_json::json!({"model": "milli", "max_tokens": 1, "messages": [], "models": models}).to_string()
    };
    let table = [
        ("/v1/batches", "{}".to_owned(), "begins a batch"),
        ("/v1/nobody-knows", "{}".to_owned(), "is not known here"),
        ("/v1/chat/completions", "{".to_owned(), "request"),
        ("/v1/chat/completions", r#"{"model":"milli","Model":"pair","messages":[]}"#.to_owned(), "two ways"),
        ("/v1/chat/completions", r#"{"messages":[]}"#.to_owned(), "names no model"),
        ("/v1/chat/completions", list(65), "models"),
    ];
    let gate = |house: &House| {
        HttpBudget::new(house.enforcer.clone(), |head: &RequestHead<'_>| match head.api_key() {
            Some("nobody") => Err(Denial::unauthorized("not known")),
            Some(run) => Ok(Call::charging().team("search").scope(Scope::run(run).unwrap())),
            None => Ok(Call::charging().team("search")),
        })
    };
    for policy in all_observe() {
        for (path, body, reason) in &table {
            let house = House::new(policy.clone());
            let gate = gate(&house);
            let ruling = ready(gate.admit(&post("api.openai.com", path), body.as_bytes()));
            assert!(matches!(ruling, Ruling::Pass), "{path} {reason}");
            let told = would(&house);
            assert!(told.len() == 1 && told[0].contains(reason), "{reason}: {told:?}");
            // Who may send nothing is denied, and a run's own limits hold.
            for (key, status) in [("Bearer nobody", 401), ("Bearer r", 0)] {
                let headers = [("authorization", key)];
                let head = RequestHead::new("POST", "api.openai.com", path, &headers);
                let refusal = refused(ready(gate.admit(&head, body.as_bytes())));
                assert!(refusal.status == status || (status == 0 && matches!(refusal.status, 400 | 403)));
            }
            assert_eq!(would(&house).len(), 1, "a refusal is not told as what would be one");
        }
    }
    // One budget that enforces, and all of them are refused as before.
    let enforced = Budget::usd("month", team(), Usd::dollars(1), Window::month());
    let house = House::of([watched(), enforced]);
    for (path, body, _) in &table {
        let refusal = refused(ready(gate(&house).admit(&post("api.openai.com", path), body.as_bytes())));
        assert!(matches!(refusal.status, 400 | 403), "{path}: {}", refusal.status);
    }
    assert_eq!(would(&house), Vec::<String>::new());
}

#[test]
fn nothing_is_written_into_a_stream_that_is_only_observed() {
    let body = r#"{"model":"milli","stream":true,"max_tokens":100,"messages":[]}"#;
    let head = post("api.openai.com", "/v1/chat/completions");
    let admit = |house: &House| {
        let gate =
            HttpBudget::new(house.enforcer.clone(), |_| Ok(Call::charging().team("search").provider("own")));
        match ready(gate.admit(&head, body.as_bytes())) {
            Ruling::Admitted(admitted) => admitted,
            other => panic!("{other:?}"),
        }
    };
    for policy in all_observe() {
        let house = House::new(policy);
        let mut admitted = admit(&house);
        assert_eq!(admitted.take_body(), None);
        // Usage that nobody asked for does not come: the text is counted, at most a token for each of its eleven bytes.
        let events = chat_events(&["hello", " world"], None).concat().replace("pair", "milli");
        let heard = read(admitted.send().answered(200, &EVENTS), Pieces::of([&events]));
        assert_eq!(heard.text(), events);
        let (spent, reserved) = house.dollars(&call("milli", 0));
        assert!(
            spent >= usd("0.002") && spent <= usd("0.011") && reserved == Usd::ZERO,
            "{spent} {reserved}"
        );
    }
    let enforced = Budget::usd("month", team(), Usd::dollars(10), Window::month());
    let sent = json(&admit(&House::of([enforced])).take_body().expect("it asks for usage"));
    assert_eq!(sent["stream_options"]["include_usage"], true);
}
