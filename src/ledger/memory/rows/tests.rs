//! Is a wrong figure found?

use std::sync::Arc;

use smallvec::smallvec;

use super::*;
use crate::{Book, Root, Scope, Unit};

#[test]
fn a_past_period_below_zero_is_found() {
    // Only the present period was looked at.
    let book = Book { root: Root::unnamed(), budget: "b".into(), unit: Unit::Usd, window: "day".into() };
    let account = Account::new(Arc::new(book), Scope::user("ada").expect("a plain name"));
    let day = |number| Period { number, from: Timestamp::MIN, until: Timestamp::MAX, span: 1 };
    let line = Line { account, period: day(1), ceiling: 10, marks: smallvec![] };
    let mut rows = Rows::default();
    let place = rows.find_or_make(1, &line).expect("room");
    rows.apply(KeptLine { row: place, period: 1, change: Change { spent: 3, reserved: 4 } }, 1);
    rows.advance(place, &day(2));
    assert!(rows.below_zero().is_none());

    rows.apply(KeptLine { row: place, period: 1, change: Change { spent: -4, reserved: 0 } }, 2);
    rows.apply(KeptLine { row: place, period: 2, change: Change { spent: 2, reserved: 0 } }, 3);

    // Three less four is below zero in day 1, whatever day 2 and the total say.
    assert_eq!(rows.get(place).total, 1);
    assert!(rows.below_zero().is_some());
}
