//! Is a wrong figure found?

use std::sync::Arc;

use smallvec::smallvec;

use super::*;
use crate::Scope;
use crate::values::{BudgetKey, Tenant, Unit};

fn day(number: i64) -> Period {
    Period { number, from: Timestamp::MIN, until: Timestamp::MAX, span: 1 }
}

/// A line of one account, in that day.
fn line(number: i64) -> ClaimLine {
    let book =
        BudgetKey { tenant: Tenant::unnamed(), budget: "b".into(), unit: Unit::Usd, window: "day".into() };
    let account = Account::new(Arc::new(book), Scope::user("ada").expect("a plain name"));
    ClaimLine { account, period: day(number), ceiling: 10, thresholds: smallvec![] }
}

#[test]
fn a_past_period_below_zero_is_found() {
    // Only the present period was looked at.
    let mut rows = Rows::default();
    let place = rows.find_or_make(1, &line(1)).expect("room");
    rows.apply(KeptLine { row: place, period: 1, change: Change { spent: 3, reserved: 4 } }, 1);
    rows.advance(place, &day(2));
    assert!(rows.below_zero().is_none());

    rows.apply(KeptLine { row: place, period: 1, change: Change { spent: -4, reserved: 0 } }, 2);
    rows.apply(KeptLine { row: place, period: 2, change: Change { spent: 2, reserved: 0 } }, 3);

    // Three less four is below zero in day 1, whatever day 2 and the total say.
    assert_eq!(rows.get(place).total, 1);
    assert!(rows.below_zero().is_some());
}

#[test]
fn each_figure_below_zero_is_found_by_itself() {
    let below_zero = |(spent, reserved, total): (i64, i64, i64)| {
        let mut rows = Rows::default();
        let place = rows.find_or_make(1, &line(1)).expect("room");
        let row = rows.rows.get_mut(place);
        (row.spent, row.reserved, row.total) = (spent, reserved, total);
        rows.below_zero().is_some()
    };
    for sound in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)] {
        assert!(!below_zero(sound), "{sound:?}");
    }
    for wrong in [(-1, 0, 0), (0, -1, 0), (0, 0, -1)] {
        assert!(below_zero(wrong), "{wrong:?}");
    }
}

#[test]
fn each_figure_of_a_past_period_below_zero_is_found_by_itself() {
    let below_zero = |spent, reserved| {
        let mut rows = Rows::default();
        let place = rows.find_or_make(1, &line(2)).expect("room");
        rows.closed.insert((place, 1), Slot { spent, reserved, fired: 0 });
        rows.below_zero().is_some()
    };
    assert_eq!([below_zero(0, 0), below_zero(1, 0), below_zero(0, 1)], [false; 3]);
    assert_eq!([below_zero(-1, 0), below_zero(0, -1)], [true; 2]);
}
