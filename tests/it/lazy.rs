//! Are tokens counted only where the answer could differ?

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use token_budget::call::{Message, Part, Prompt};
use token_budget::decision::RefusalKind;
use token_budget::policy::Caps;
use token_budget::tokens::{Estimate, EstimateKind};
use token_budget::usage::Unit;
use token_budget::{Amount, Budget, Call, Enforcer, Policy, Tiers, TokenEstimator, Usd, Verdict, Window};

use crate::support::{House, call, nanos, ready, team, usd};

/// Bounds every prompt at one number and counts it at another.
#[derive(Clone, Debug, Default)]
struct Fake {
    bound: Arc<AtomicU64>,
    count: Arc<AtomicU64>,
    counted: Arc<AtomicU32>,
}

impl TokenEstimator for Fake {
    fn knows(&self, _model: &str) -> bool {
        true
    }

    fn count(&self, _model: &str, _prompt: &Prompt) -> Estimate {
        self.counted.fetch_add(1, Ordering::SeqCst);
        Estimate::count(self.count.load(Ordering::SeqCst))
    }

    fn bound(&self, _model: &str, prompt: &Prompt) -> Estimate {
        let opaque = prompt.messages.iter().flat_map(|message| &message.parts).any(|p| *p == Part::Opaque);
        let bound = Estimate::bound(self.bound.load(Ordering::SeqCst));
        if opaque { bound.plus(Estimate::opaque()) } else { bound }
    }
}

/// $10 with a warning at 80 %, and an estimator that bounds at 4,000 and counts 1,000 tokens.
fn house(caps: Caps) -> (House, Fake) {
    let fake = Fake::default();
    fake.bound.store(4_000, Ordering::SeqCst);
    fake.count.store(1_000, Ordering::SeqCst);
    let month = Budget::usd("search", team(), Usd::dollars(10), Window::month())
        .tiers(Tiers::soft_hard(80, 100).unwrap());
    let policy = Policy::new([month.per_call(caps)]).unwrap();
    (House::with(policy, |builder| builder.estimator(fake.clone())), fake)
}

fn ask(output: u64) -> Call {
    call("pair", output).message(Message::user("how tall is it?"))
}

fn counted(fake: &Fake) -> u32 {
    fake.counted.swap(0, Ordering::SeqCst)
}

#[test]
fn a_bound_that_fits_is_not_counted() {
    let (house, fake) = house(Caps::default());
    let reservation = house.admit(&ask(1_000));
    assert_eq!(reservation.estimate(), Estimate::bound(4_000));
    assert_eq!((reservation.quoted(), counted(&fake)), (usd("5"), 0));
}

/// Nobody names an estimator: 2,700 bytes and 7 of framing are at most 2,707 tokens, and 300 words some 310.
#[test]
fn without_a_named_estimator_a_refused_bound_is_counted_where_a_vocabulary_is_built_in() {
    let day = Budget::count("search", team(), Unit::TokensInput, 1_000, Window::day());
    let enforcer = Enforcer::builder().policy(Policy::new([day]).unwrap()).build();
    let prompt = |model: &str| {
        Call::new(model).team("search").output_tokens(100).message(Message::user("mountain ".repeat(300)))
    };
    let held = |call: Call| enforcer.reserve(&call).wait().unwrap().or_refusal().map(|held| held.estimate());

    let openai = held(prompt("gpt-4o"));
    assert_eq!(openai.is_ok(), cfg!(feature = "tiktoken"), "{openai:?}");
    assert!(openai.map_or(300, |estimate| estimate.tokens).abs_diff(310) <= 15);
    // Nobody has Claude's vocabulary.
    assert!(held(prompt("claude-sonnet-4-5")).is_err());
}

#[test]
fn a_bound_that_does_not_fit_is_counted_and_admitted() {
    let (house, fake) = house(Caps::default());
    let reservation = house.admit(&ask(6_500)); // 10.50 by the bound, 7.50 by the count
    assert_eq!((reservation.estimate(), counted(&fake)), (Estimate::count(1_000), 1));
    assert_eq!((reservation.quoted(), reservation.verdict()), (usd("7.50"), Verdict::Allow));
    assert_eq!(house.dollars(&ask(0)), (Usd::ZERO, usd("7.50")));
}

#[test]
fn a_warning_that_only_the_bound_makes_is_counted_away_and_the_hold_shrinks() {
    let (house, fake) = house(Caps::default());
    let reservation = house.admit(&ask(4_500)); // 8.50 by the bound, 5.50 by the count; 8 warns
    assert_eq!((reservation.verdict(), counted(&fake)), (Verdict::Allow, 1));
    assert_eq!(house.dollars(&ask(0)), (Usd::ZERO, usd("5.50")));
    assert_eq!(reservation.estimate().kind, EstimateKind::Count);
    let receipt = reservation.send().reconcile(token_budget::Usage::of(1_000, 4_500)).wait().unwrap();
    assert_eq!((receipt.overrun(), receipt.overrun_tokens()), (Usd::ZERO, 0));
}

#[test]
fn a_warning_that_stands_without_any_input_is_not_counted() {
    let (house, fake) = house(Caps::default());
    let _ = house.spend(&call("milli", 0), 5_500);
    let reservation = house.admit(&ask(450)); // 9.95 by the bound, 5.95 without input: counted
    assert_eq!((reservation.verdict(), counted(&fake)), (Verdict::Allow, 1));
    drop(reservation);
    let _ = house.spend(&call("milli", 0), 2_500); // 8.00: a warning whatever the input
    fake.bound.store(500, Ordering::SeqCst);
    assert_eq!(house.admit(&ask(100)).verdict(), Verdict::Warn);
    assert_eq!(counted(&fake), 0);
}

#[test]
fn a_refusal_that_stands_without_any_input_is_not_counted() {
    let (house, fake) = house(Caps::default());
    let _ = house.spend(&call("milli", 0), 9_999);
    let decision = house.refuse(&ask(10)); // the output alone does not fit
    assert_eq!(decision.verdict(), Verdict::Block);
    assert_eq!(counted(&fake), 0);
    // An unknown model and a frozen scope refuse whatever the input is.
    drop(house.refuse(&ask(1).with_model("nobody-knows")));
    assert_eq!(counted(&fake), 0);
}

#[test]
fn a_refusal_that_the_count_confirms_tells_the_counted_need() {
    let (house, fake) = house(Caps::default());
    let _ = house.spend(&call("milli", 0), 4_000);
    let decision = house.refuse(&ask(5_000)); // 6 by the count; 5 alone would leave 9
    assert_eq!(decision.refusals()[0].requested, nanos("6"));
    assert_eq!(counted(&fake), 1);
}

#[test]
fn a_cap_on_the_input_is_judged_by_the_count() {
    let caps = Caps { tokens_input: Some(1_000), ..Caps::default() };
    let (house, fake) = house(caps);
    assert_eq!(house.admit(&ask(100)).estimate(), Estimate::count(1_000));
    assert_eq!(counted(&fake), 1);
    fake.count.store(1_001, Ordering::SeqCst);
    let decision = house.refuse(&ask(100));
    assert_eq!(
        (&decision.refusals()[0].kind, decision.refusals()[0].requested),
        (&RefusalKind::NeverFits, 1_001)
    );
}

#[test]
fn advice_never_counts() {
    let (house, fake) = house(Caps::default());
    let decision = ready(house.enforcer.check(&ask(6_500))).unwrap();
    assert!(decision.is_advice() && decision.verdict() == Verdict::Block);
    assert_eq!(counted(&fake), 0);
}

#[test]
fn a_part_that_cannot_be_counted_takes_the_models_whole_context() {
    let (house, fake) = house(Caps::default());
    let file = |model: &str| {
        let message = Message::user("read this").with_part(Part::Opaque);
        call(model, 100).message(message)
    };
    let reservation = house.admit(&file("pair")); // 7,000 of context: 7.00 and 0.10
    assert_eq!((reservation.estimate(), reservation.quoted()), (Estimate::guess(7_000), usd("7.10")));
    assert_eq!(counted(&fake), 0, "a guess is not made better by counting");
    let error = house.enforcer.reserve(&file("milli")).wait().unwrap_err();
    assert!(error.to_string().starts_with("call: input: "), "{error}");
}

#[test]
fn the_exact_count_of_a_real_text_is_admitted_where_its_bytes_are_not() {
    // "hello" is one token of gpt-4o; a thousand copies are 5,000 bytes.
    let table = token_budget::PricingTable::bundled();
    let fake = Fake::default();
    fake.bound.store(5_007, Ordering::SeqCst);
    fake.count.store(1_007, Ordering::SeqCst);
    let cap = Caps { tokens_input: Some(2_000), ..Caps::default() };
    let policy = crate::support::open_purse().with_caps(cap);
    let house = House::with(policy, |builder| builder.estimator(fake.clone()).prices(table));
    let text = "hello".repeat(1_000);
    let reservation = house.admit(&call("gpt-4o", 10).message(Message::user(text)));
    assert_eq!(reservation.estimate().tokens, 1_007);
}

/// Beside a prompt, an amount was judged anew as if it were tokens and dollars, and its hold of images shrank to none.
#[test]
fn a_call_with_an_amount_of_its_own_is_not_counted_and_keeps_what_it_holds() {
    let fake = Fake::default();
    fake.bound.store(4_000, Ordering::SeqCst);
    fake.count.store(1_000, Ordering::SeqCst);
    let images = Budget::count("images", team(), Unit::Tool("images".into()), 5, Window::month())
        .tiers(Tiers::soft_hard(80, 100).unwrap());
    let house = House::with(Policy::new([images]).unwrap(), |builder| builder.estimator(fake.clone()));
    let four = Amount { tool_calls: vec![("images".into(), 4)], ..Usd::cents(16).into() };
    let job = Call::fixed(four).team("search").prompt("four lighthouses");

    let held = house.admit(&job);

    assert_eq!(held.verdict(), Verdict::Warn, "four of five are 80 %");
    assert_eq!(house.balances(&job), [(0, 4)]);
    assert_eq!(fake.counted.load(Ordering::SeqCst), 0);
}
