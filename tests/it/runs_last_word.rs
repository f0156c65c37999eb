//! Can a run always say its last word, and is it on the strongest model that fits?

use token_budget::decision::RefusalKind;
use token_budget::ledger::Attribution;
use token_budget::run::{KeptBack, RunPart};
use token_budget::usage::Unit;
use token_budget::{
    Admission, Budget, Call, Decision, Policy, Reservation, RunGuard, Tiers, Usage, Usd, Window,
};

use crate::support::{House, call, team, usd};

fn spend(run: &RunGuard, call: &Call, tokens: u64) -> bool {
    match run.reserve(call).wait().unwrap().or_refusal() {
        Ok(reservation) => {
            let _ = reservation.send().reconcile(Usage::of(0, tokens)).wait().unwrap();
            true
        }
        Err(_) => false,
    }
}

fn refuse(run: &RunGuard, call: &Call) -> Box<Decision> {
    run.reserve(call).wait().unwrap().or_refusal().unwrap_err()
}

fn last_word(run: &RunGuard, tokens: u64) -> Admission {
    run.reserve_final(&call("milli", tokens)).wait().unwrap()
}

fn admitted(run: &RunGuard, call: &Call) -> Reservation {
    run.reserve(call).wait().unwrap().or_refusal().unwrap()
}

#[test]
fn what_is_kept_back_is_there_for_the_final_call_alone() {
    let house = House::of([]);
    let kept_back = KeptBack { usd: usd("0.20"), ..KeptBack::default() };
    let run = RunGuard::builder("r").usd(usd("1.00")).keep_back(kept_back);
    let run = run.open(&house.enforcer).wait().unwrap();
    assert!(spend(&run, &call("milli", 800), 800));

    let refused = refuse(&run, &call("milli", 1));

    assert_eq!(refused.refusals()[0].kind, RefusalKind::KeptBack);
    assert_eq!(
        refused.to_string(),
        "block milli; budget run/r lifetime: 0.80 of 1.00 USD used (stops above 0.80), call needs 0.001; \
         what is left is kept back for the final call"
    );
    assert!(run.report().wait().unwrap().over.unwrap().contains("kept back for the final call"));
    assert!(!last_word(&run, 201).is_admitted());
    let receipt =
        last_word(&run, 200).or_refusal().unwrap().send().reconcile(Usage::of(0, 200)).wait().unwrap();
    assert_eq!(receipt.cost(), usd("0.20"));
    assert!(!last_word(&run, 1).is_admitted());
    assert_eq!(run.report().wait().unwrap().spent_usd, usd("1.00"));
}

#[test]
fn tokens_and_rounds_may_be_kept_back_as_well() {
    let house = House::of([]);
    let kept_back = KeptBack { tokens: 100, iterations: 1, ..KeptBack::default() };
    let run = RunGuard::builder("r").tokens(1_000).iterations(3).keep_back(kept_back);
    let run = run.open(&house.enforcer).wait().unwrap();
    assert_eq!(refuse(&run, &call("milli", 901)).refusals()[0].unit, Unit::Tokens);
    assert!(spend(&run, &call("milli", 450), 450) && spend(&run, &call("milli", 450), 450));
    let refused = refuse(&run, &call("milli", 0));
    assert_eq!(
        (&refused.refusals()[0].unit, &refused.refusals()[0].kind),
        (&Unit::Iterations, &RefusalKind::KeptBack)
    );
    assert!(last_word(&run, 100).is_admitted());
}

#[test]
fn more_than_the_limit_cannot_be_kept_back() {
    let house = House::of([]);
    for kept_back in [
        KeptBack { usd: usd("1.01"), ..KeptBack::default() },
        KeptBack { tokens: 1, ..KeptBack::default() },
        KeptBack { iterations: 4, ..KeptBack::default() },
    ] {
        let run = RunGuard::builder("r").usd(usd("1.00")).iterations(3).keep_back(kept_back);
        assert!(run.open(&house.enforcer).wait().is_err(), "{kept_back:?}");
    }
}

#[test]
fn the_final_call_of_a_run_below_leaves_what_is_kept_back_above() {
    let house = House::of([]);
    let kept_back = KeptBack { usd: usd("0.20"), ..KeptBack::default() };
    let top = RunGuard::builder("top").usd(usd("1.00")).keep_back(kept_back);
    let top = top.open(&house.enforcer).wait().unwrap();
    let child = top.child("child").open().wait().unwrap().or_refusal().unwrap();
    assert!(!last_word(&child, 801).is_admitted());
    let part = top.child("part").carve(RunPart::Usd(usd("0.81"))).open().wait().unwrap();
    assert!(part.or_refusal().is_err(), "a part is no final call either");
    assert!(last_word(&top, 1_000).is_admitted());
}

fn ladder(run: &str, house: &House) -> RunGuard {
    let builder = RunGuard::builder(run).usd(usd("10.00")).ladder(["large", "medium", "small"]);
    builder.degrade_at(50).open(&house.enforcer).wait().unwrap()
}

#[test]
fn from_its_share_on_a_run_falls_back_and_returns_when_there_is_room_again() {
    let house = House::of([]);
    let run = ladder("r", &house);
    // A hundred tokens of large are two dollars: the third call would reach half of ten.
    assert_eq!(admitted(&run, &call("large", 100)).model(), "large");
    let first = admitted(&run, &call("large", 100));
    let second = admitted(&run, &call("large", 100));
    // Medium would land on 4.50, which is below the half.
    assert_eq!(admitted(&run, &call("large", 100)).model(), "medium");
    drop(second);
    assert_eq!(admitted(&run, &call("large", 100)).model(), "large", "the hold was released");
    drop(first);

    assert!(spend(&run, &call("large", 100), 200));
    // 4.00 are spent. Medium at 199 tokens stays a tenth of a cent below the half; at 200 it reaches it.
    assert_eq!(admitted(&run, &call("large", 199)).model(), "medium");
    assert_eq!(admitted(&run, &call("large", 200)).model(), "small");
    // The weakest may use all that is left.
    assert_eq!(admitted(&run, &call("large", 6_000)).model(), "small");
    let refused = refuse(&run, &call("large", 6_001));
    assert_eq!(refused.model(), "large", "where none fits, the answer is the first refusal");

    // A raise to thirty moves the half to fifteen.
    run.grant(Usd::dollars(20), Attribution::new("ada", "worth it")).wait().unwrap();
    assert_eq!(admitted(&run, &call("large", 500)).model(), "large");
}

#[test]
fn a_model_that_is_not_on_the_ladder_is_refused_at_the_limit_and_not_before() {
    let house = House::of([]);
    let run = ladder("r", &house);
    assert!(spend(&run, &call("milli", 9_999), 9_999));
    assert!(!spend(&run, &call("milli", 2), 2) && spend(&run, &call("milli", 1), 1));
}

#[test]
fn without_a_ladder_of_its_own_a_run_walks_the_policys() {
    let month = Budget::usd("search", team(), Usd::dollars(100), Window::month());
    let policy = Policy::new([month]).unwrap().with_ladder(["large", "small"]);
    let house = House::new(policy);
    let run = RunGuard::builder("r").usd(usd("10.00")).degrade_at(80).open(&house.enforcer).wait().unwrap();
    // 399 tokens of large are 7.98; 400 reach eighty percent.
    assert_eq!(admitted(&run, &call("large", 399)).model(), "large");
    assert_eq!(admitted(&run, &call("large", 400)).model(), "small");
}

#[test]
fn a_teams_degrade_tier_is_walked_together_with_the_runs() {
    let tier = |percent: u32, action| token_budget::policy::Tier { percent: percent.into(), action };
    let tiers = Tiers::new([
        tier(50, token_budget::decision::TierAction::Degrade),
        tier(100, token_budget::decision::TierAction::Block),
    ]);
    let month = Budget::usd("search", team(), Usd::dollars(4), Window::month()).tiers(tiers.unwrap());
    let house = House::new(Policy::new([month]).unwrap().with_ladder(["large", "medium", "small"]));
    let run = ladder("r", &house);
    // Two dollars of large reach the team's half, well below the run's; half a dollar of medium does not.
    assert_eq!(admitted(&run, &call("large", 99)).model(), "large");
    assert_eq!(admitted(&run, &call("large", 100)).model(), "medium");
}

#[test]
fn a_run_below_falls_back_by_the_share_of_the_run_above() {
    let house = House::of([]);
    let top = ladder("top", &house);
    let child = top.child("child").open().wait().unwrap().or_refusal().unwrap();
    assert!(spend(&top, &call("large", 200), 200));
    assert_eq!(admitted(&child, &call("large", 49)).model(), "large");
    assert_eq!(admitted(&child, &call("large", 50)).model(), "medium");
    // With a ladder of its own it walks that.
    let other = top.child("other").ladder(["large", "small"]).open().wait().unwrap().or_refusal().unwrap();
    assert_eq!(admitted(&other, &call("large", 50)).model(), "small");
}
