//! What becomes of a call whose id is too old by the time that it arrives?

use std::sync::Arc;

use token_budget::ledger::{Certainty, ClaimLine, MemoryOptions, Reconcile, ReservationId, Tenant};
use token_budget::time::ManualClock;
use token_budget::{Budget, BudgetLedger, Enforcer, ErrorKind, MemoryLedger, Policy, Usd, Window};

use crate::books::{account_in, always, claim_in};
use crate::support::{FarLedger, NOON, at, block_on, call, prices, team};

/// Books that forget an id as it ends.
fn forgetful() -> (MemoryLedger, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(at(NOON)));
    let options = MemoryOptions { ended_max: 0, ..MemoryOptions::default() };
    (MemoryLedger::with_options(clock.clone(), options), clock)
}

fn enforcer(ledger: impl BudgetLedger, clock: Arc<ManualClock>) -> Enforcer {
    let budget = Budget::usd("search", team(), Usd::dollars(10), Window::month());
    let policy = Policy::new([budget]).expect("a policy");
    Enforcer::builder().policy(policy).prices(prices()).ledger(ledger).clock(clock).build()
}

/// Lets the books forget the next so many ids that this thread makes, before it makes them.
fn forget_ahead(books: &MemoryLedger, ids: u128) {
    let last = ReservationId::generate(books.now().expect("its clock")).to_bits();
    let tenant = Tenant::unnamed();
    let account = account_in(&tenant, "team/other");
    let line = ClaimLine { account, period: always(), ceiling: 0, thresholds: Default::default() };
    let claim = claim_in(&tenant, vec![line]);
    let note = &Default::default();
    let charge = Reconcile {
        id: ReservationId::from_bits(last + ids),
        claim: &claim,
        amounts: &[1],
        certainty: Certainty::Reported,
        attribution: None,
        note,
        now: None,
    };
    books.reconcile(charge).wait().expect("never refused");
}

#[test]
fn a_call_whose_id_is_too_old_is_asked_for_once_more_under_a_new_one() {
    let (books, clock) = forgetful();
    let enforcer = enforcer(books.clone(), clock);
    forget_ahead(&books, 1);

    let reservation =
        enforcer.reserve(&call("milli", 1_000)).wait().expect("no error").or_refusal().expect("room");

    assert_eq!(books.open_holds(), 1);
    drop(reservation);
    assert_eq!(books.open_holds(), 0, "it is released under the id that it is held by");
}

#[test]
fn so_is_one_whose_ledger_must_be_waited_for() {
    let (books, clock) = forgetful();
    let enforcer = enforcer(FarLedger::new(books.clone()), clock);
    forget_ahead(&books, 1);

    let admission = block_on(enforcer.reserve(&call("milli", 1_000))).expect("no error");

    assert!(admission.is_admitted());
    assert_eq!(books.open_holds(), 1);
}

#[test]
fn a_ledger_to_which_two_new_ids_are_too_old_is_asked_no_third_time() {
    let (books, clock) = forgetful();
    let enforcer = enforcer(books.clone(), clock);
    forget_ahead(&books, 2);

    let error = enforcer.reserve(&call("milli", 1_000)).wait().expect_err("two are too old");

    assert_eq!(error.kind(), ErrorKind::Forgotten);
    assert_eq!(books.open_holds(), 0);
}
