//! Is a reserve's verdict what the pure function says over the balances just before it?

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};
use std::time::Duration;

use token_budget::call::ScopeKind;
use token_budget::decision::{Quote, RefusalKind, TierAction};
use token_budget::ledger::{Account, Balance, BudgetLedger};
use token_budget::policy::Tier;
use token_budget::usage::Unit;
use token_budget::{
    Amount, Budget, Call, Decision, Policy, Scope, Tiers, Usage, Usd, Verdict, Window, check_budget,
};

use crate::support::{Dice, House, call};

const MODELS: [&str; 5] = ["large", "medium", "small", "milli", "free"];

fn window(dice: &mut Dice) -> Window {
    let windows = [
        Window::day(),
        Window::month(),
        Window::hour().in_zone("Asia/Kolkata").unwrap(),
        Window::lifetime(),
        Window::rolling_minute(),
        Window::fixed(Duration::from_secs(7_200), token_budget::time::Timestamp::EPOCH).unwrap(),
    ];
    dice.pick(&windows).clone()
}

fn tiers(dice: &mut Dice) -> Tiers {
    let tier = |percent: u64, action| Tier { percent: percent.into(), action };
    match dice.below(6) {
        0 => Tiers::hybrid(),
        1 => Tiers::soft_hard(80, 100).unwrap(),
        2 | 3 => Tiers::new([
            tier(20 + dice.below(40), TierAction::Degrade),
            tier(100 + dice.below(40), TierAction::Block),
        ])
        .unwrap(),
        4 => Tiers::new([tier(90, TierAction::Warn)]).unwrap(), // warns and never stops
        _ => Tiers::plain(),
    }
}

fn policy(dice: &mut Dice) -> Policy {
    let mut budgets = Vec::new();
    for number in 0..=dice.below(5) {
        let selector = dice
            .pick(&[
                Scope::team("search").unwrap().into(),
                token_budget::policy::Selector::Each(ScopeKind::User),
                token_budget::policy::Selector::Each(ScopeKind::ApiKey),
            ])
            .clone();
        let unit = dice
            .pick(&[Unit::Usd, Unit::Usd, Unit::Usd, Unit::Tokens, Unit::Requests, Unit::TokensOutput])
            .clone();
        let most = match unit {
            Unit::Usd => 30_000_000_000,
            Unit::Requests => 40,
            _ => 5_000,
        };
        let limit = match dice.below(12) {
            0 => None,
            1 => Some(0),
            _ => Some(i64::try_from(dice.below(most)).unwrap()),
        };
        let dollars = unit == Unit::Usd;
        let mut budget = Budget::new(format!("b{number}"), selector, unit, limit, window(dice));
        if limit.is_some() {
            budget = budget.tiers(tiers(dice));
        }
        if dollars && dice.one_in(3) {
            let guardrail = Usd::from_nanos(i64::try_from(dice.below(10_000_000_000)).unwrap());
            let guarded = budget.clone().guardrail(guardrail, Window::minute());
            // One that can never bind is an error.
            if Policy::new([guarded.clone()]).is_ok() {
                budget = guarded;
            }
        }
        if dice.one_in(5) {
            budget = budget.observe();
        }
        if dice.one_in(6) {
            budget = budget.model(*dice.pick(&MODELS));
        }
        budgets.push(budget);
    }
    let policy = Policy::new(budgets).unwrap();
    let policy = if dice.one_in(8) { policy.observing() } else { policy };
    if dice.one_in(5) { policy } else { policy.with_ladder(["large", "medium", "small"]) }
}

fn any_call(dice: &mut Dice) -> Call {
    let output = if dice.one_in(6) { 0 } else { dice.below(400) };
    let mut call =
        call(dice.pick::<&str>(&MODELS), output).choices(1 + u32::try_from(dice.below(2)).unwrap());
    if dice.one_in(2) {
        call = call.user(*dice.pick::<&str>(&["ada", "grace"]));
    }
    if dice.one_in(2) { call.api_key("k") } else { call }
}

/// Which line refused, its spent, reserved and requested figures, and its kind.
type Refused = (String, Option<Scope>, [i64; 3], Discriminant<RefusalKind>);

/// What both must agree on; when a rolling line frees is known to the ledger alone.
#[derive(Debug, PartialEq)]
struct Answer {
    verdict: Verdict,
    would_be: Verdict,
    budgets: Vec<token_budget::decision::BudgetState>,
    refusals: Vec<Refused>,
    affordable: Option<u64>,
    next_rung: Option<String>,
}

fn answer(decision: &Decision) -> Answer {
    let refusals = decision.refusals().into_iter().map(|refusal| {
        let kind = discriminant(&refusal.kind);
        (
            refusal.budget.to_string() + &refusal.window,
            refusal.scope,
            [refusal.spent, refusal.reserved, refusal.requested],
            kind,
        )
    });
    Answer {
        verdict: decision.verdict(),
        would_be: decision.would_be(),
        budgets: decision.budgets(),
        refusals: refusals.collect(),
        affordable: decision.affordable_output_tokens(),
        next_rung: decision.next_rung().map(str::to_owned),
    }
}

/// What the pure function says, over balances read just before.
fn pure(house: &House, call: &Call, output: u64, choices: u32) -> Decision {
    let now = house.enforcer.now();
    let policy = house.enforcer.policy();
    let binding = policy.bind(call, now).unwrap();
    let lines: Vec<_> = binding.terms.iter().map(|terms| (terms.account.clone(), terms.period)).collect();
    let balances = BudgetLedger::balances(&house.ledger, &lines).wait().unwrap();
    let known: Vec<(Account, Balance)> =
        lines.into_iter().map(|(account, _)| account).zip(balances).collect();
    let price = house.enforcer.prices().find(None, call.model(), now).cloned().unwrap();
    let tokens = output * u64::from(choices);
    let usd = price.quote(0, tokens, &token_budget::call::Conditions::new()).unwrap();
    let quote = Quote { price: Some(price), choices, ..Quote::of(Amount::request(usd, 0, tokens)) };
    let balance = |account: &Account| known.iter().find(|(known, _)| known == account).unwrap().1;
    check_budget(&policy, call, balance, &quote, now).unwrap()
}

#[test]
fn a_reserve_says_what_the_pure_function_says() {
    let mut dice = Dice::new("agree");
    let mut seen = HashMap::new();
    for round in 0..300 {
        let house = House::new(policy(&mut dice));
        let mut open = Vec::new();
        for step in 0..40 {
            house.clock.advance(Duration::from_millis(dice.below(4_000)));
            let output = if dice.one_in(6) { 0 } else { dice.below(400) };
            let choices = 1 + u32::try_from(dice.below(2)).unwrap();
            let asked = any_call(&mut dice).output_tokens(output).choices(choices);
            let expected = pure(&house, &asked, output, choices);
            let context = format!("round {round} step {step}: {expected}");

            match house.enforcer.reserve(&asked).wait().unwrap().or_refusal() {
                Ok(reservation) => {
                    assert!(expected.is_allowed(), "{context}");
                    assert_eq!(reservation.verdict(), expected.verdict(), "{context}");
                    assert_eq!(answer(&reservation.decision()), answer(&expected), "{context}");
                    match dice.below(4) {
                        0 => drop(reservation),
                        1 => drop(reservation.send()),
                        2 => open.push(reservation.send()),
                        _ => {
                            let usage = Usage::of(0, dice.below(800));
                            let _ = reservation.send().reconcile(usage).wait().unwrap();
                        }
                    }
                }
                Err(refused) => assert_eq!(answer(&refused), answer(&expected), "{context}"),
            }
            *seen.entry(expected.verdict()).or_insert(0_u32) += 1;
            if dice.one_in(4)
                && let Some(in_flight) = open.pop()
            {
                let _ = in_flight.reconcile(Usage::of(0, dice.below(800))).wait().unwrap();
            }
        }
        drop(open);
        assert_eq!(house.ledger.open_holds(), 0);
    }
    println!("{seen:?}");
    // The dice reached every verdict, or the test would show nothing.
    for verdict in [Verdict::Allow, Verdict::Warn, Verdict::Degrade, Verdict::Block] {
        assert!(seen.get(&verdict).is_some_and(|times| *times > 50), "{seen:?}");
    }
}
