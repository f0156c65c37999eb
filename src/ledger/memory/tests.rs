//! Do the books add up after many commands in no particular order?

use std::sync::Arc;
use std::time::Duration;

use super::row::{Change, ChangedLine};
use super::tenants::Asked;
use super::{MemoryLedger, MemoryOptions};
use crate::ledger::{Certainty, Note, OnExpiry, Outcome, Reconcile, Release, Reserve};
use crate::values::{
    Account, BudgetKey, Claim, ClaimLine, ManualClock, Period, ReservationId, Tenant, Threshold, Timestamp,
    Unit,
};
use crate::{BudgetLedger, ErrorKind, Scope};

const CEILING: i64 = 1_000_000;

/// Lines of `b0` to `b{n-1}`, in the period that began at `from` hundred seconds.
fn claim(tenant: &Tenant, lines: usize, number: i64) -> Claim {
    let line = |at: usize| {
        let (budget, window) = (format!("b{at}").into(), "hundred".into());
        let book = BudgetKey { tenant: tenant.clone(), budget, unit: Unit::Usd, window };
        let from = Timestamp::from_secs(number.saturating_mul(100));
        let until = from + Duration::from_secs(100);
        ClaimLine {
            account: Account::new(Arc::new(book), Scope::user("ada").expect("name")),
            period: Period { number, from, until, span: if at % 3 == 2 { 4 } else { 1 } },
            ceiling: CEILING,
            thresholds: [Threshold { at: 5_000, tier: 0 }].into_iter().collect(),
        }
    };
    Claim::new(tenant.clone(), &[], (0..lines).map(line).collect()).expect("claim")
}

/// Marsaglia's xorshift: small, and the same everywhere.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn every_balance_adds_up_whatever_came_in_whatever_order() {
    for seed in 1..=20_u64 {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_000)));
        let options = MemoryOptions {
            ended_max: 7,
            unreported_max: 5,
            journal_entries_max: 11,
            ..MemoryOptions::default()
        };
        let ledger = MemoryLedger::with_options(clock.clone(), options);
        let (tenant, note) = (Tenant::unnamed(), &Note::default());
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut open: Vec<(ReservationId, Claim)> = Vec::new();
        for step in 0..2_000 {
            let dice = next(&mut state);
            clock.advance(Duration::from_millis(dice % 2_000));
            let now = ledger.now().expect("its clock");
            let amount = (dice >> 20) as i64 % 1_000;
            if dice % 5 < 2 || open.is_empty() {
                let lines = [1, 3, 4, 5, 9][(dice >> 8) as usize % 5];
                let claim = claim(&tenant, lines, now.as_nanos() / 100_000_000_000);
                let id = ReservationId::generate(now);
                let on_expiry = if dice & 64 == 0 { OnExpiry::Hold } else { OnExpiry::Nothing };
                let amounts = vec![if dice & 1024 == 0 { CEILING + 1 } else { amount }; lines];
                let expires_at = now + Duration::from_secs(1 + (dice >> 40) % 300);
                let reserve =
                    Reserve { now: None, id, claim: &claim, amounts: &amounts, expires_at, on_expiry, note };
                let reply = BudgetLedger::reserve(&ledger, reserve).wait().expect("an answer");
                if reply.outcome == Outcome::Applied {
                    let again = BudgetLedger::reserve(&ledger, reserve).wait().expect("the answer again");
                    assert!(again.repeated, "seed {seed} step {step}");
                    open.push((id, claim));
                }
            } else {
                let (id, claim) = open.swap_remove((dice >> 8) as usize % open.len());
                // A hold may have expired and been forgotten since: whatever the answer, the books must add up.
                if dice % 5 == 4 {
                    let release = Release { now: None, id, tenant: &tenant, attribution: None, note };
                    let _ = BudgetLedger::release(&ledger, release).wait();
                } else {
                    let (claim, amounts) = (&claim, &vec![amount; claim.lines().len()]);
                    for certainty in [Certainty::Estimated, Certainty::Reported] {
                        let attribution = None;
                        let reconcile =
                            Reconcile { now: None, id, claim, amounts, certainty, attribution, note };
                        BudgetLedger::reconcile(&ledger, reconcile).wait().expect("never refused");
                    }
                }
            }
            let sound = ledger.verify();
            assert!(sound.is_ok(), "seed {seed} step {step}: {sound:?}");
        }
        clock.advance(Duration::from_secs(400));
        let now = ledger.now().expect("its clock");
        let number = now.as_nanos() / 100_000_000_000;
        let claim = claim(&tenant, 9, number);
        let lines: Vec<_> = claim.lines().iter().map(|line| (line.account.clone(), line.period)).collect();
        let balances = BudgetLedger::balances(&ledger, &lines).wait().expect("balances");
        assert!(balances.iter().all(|balance| balance.reserved == 0), "seed {seed}: {balances:?}");
        assert_eq!(ledger.open_holds(), 0, "seed {seed}");
        ledger.verify().expect("sound at the end");
    }
}

/// What `verify` says once a figure of that row was changed behind the journal's back.
///
/// Rows 0 and 1 count a calendar period, row 2 rolls; in each 5 are spent and 7 held.
fn verdict_after(row: u32, change: Change) -> Option<ErrorKind> {
    let ledger = MemoryLedger::with_clock(Arc::new(ManualClock::at(Timestamp::from_secs(1_000))));
    let (tenant, note, now) = (Tenant::unnamed(), Note::default(), ledger.now().expect("its clock"));
    let claim = claim(&tenant, 3, 10);
    let reserve = |amount: i64| {
        let (id, amounts) = (ReservationId::generate(now), [amount; 3]);
        let expires_at = now + Duration::from_secs(60);
        let on_expiry = OnExpiry::Nothing;
        let command =
            Reserve { now: None, id, claim: &claim, amounts: &amounts, expires_at, on_expiry, note: &note };
        BudgetLedger::reserve(&ledger, command).wait().expect("room");
        id
    };
    let charged = Reconcile {
        now: None,
        id: reserve(5),
        claim: &claim,
        amounts: &[5; 3],
        certainty: Certainty::Reported,
        attribution: None,
        note: &note,
    };
    BudgetLedger::reconcile(&ledger, charged).wait().expect("never refused");
    reserve(7);

    ledger
        .0
        .tenants
        .with(&tenant, now, Asked::Nothing, |book| book.rows.apply(&ChangedLine { row, period: 10, change }));

    ledger.verify().err().map(|error| error.kind())
}

#[test]
fn a_figure_that_nothing_accounts_for_is_found() {
    for row in 0..3 {
        assert_eq!(verdict_after(row, Change { spent: 0, reserved: 0 }), None);
        for change in [(1, 0), (-1, 0), (0, 1)] {
            let (spent, reserved) = change;
            let found = verdict_after(row, Change { spent, reserved });
            assert_eq!(found, Some(ErrorKind::Damaged), "row {row}, {change:?}");
        }
    }
}

#[test]
fn less_that_is_reserved_than_is_held_is_found_also_where_a_window_rolls() {
    for row in [0, 2] {
        assert_eq!(verdict_after(row, Change { spent: 0, reserved: -1 }), Some(ErrorKind::Damaged));
    }
}

#[test]
fn what_a_hold_would_have_been_charged_goes_with_it() {
    let ledger = MemoryLedger::with_clock(Arc::new(ManualClock::at(Timestamp::from_secs(1_000))));
    let (tenant, note, now) = (Tenant::unnamed(), Note::default(), ledger.now().expect("its clock"));
    let claim = claim(&tenant, 1, 10);
    let kept = || {
        ledger.0.tenants.with(&tenant, now, Asked::Nothing, |book| {
            let asides = book.calls.iter().filter_map(|(_, record)| record.aside.as_ref());
            asides.filter(|aside| aside.on_expiry.is_some()).count()
        })
    };
    let (id, expires_at) = (ReservationId::generate(now), now + Duration::from_secs(60));
    let on_expiry = OnExpiry::Amounts(&[3]);
    let command = Reserve { now: None, id, claim: &claim, amounts: &[7], expires_at, on_expiry, note: &note };
    BudgetLedger::reserve(&ledger, command).wait().expect("room");
    assert_eq!(kept(), 1);

    let release = Release { now: None, id, tenant: &tenant, attribution: None, note: &note };
    BudgetLedger::release(&ledger, release).wait().expect("it is open");

    assert_eq!(kept(), 0);
}
