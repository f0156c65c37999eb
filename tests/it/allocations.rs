//! The hot path takes one box from the heap for each call, and gives it back.

use token_budget::call::ScopeKind;
use token_budget::enforcer::Prepared;
use token_budget::{Budget, Call, Enforcer, Policy, Usage, Usd, Window};

/// Four scopes, each with a day and a month: eight lines, the most that stand inline.
fn prepared() -> Prepared {
    let kinds = [ScopeKind::Organization, ScopeKind::Team, ScopeKind::Project, ScopeKind::User];
    let budgets = kinds.into_iter().flat_map(|kind| {
        let day = Budget::each_usd(format!("{kind} day"), kind.clone(), Usd::MAX, Window::day());
        [day, Budget::each_usd(format!("{kind} month"), kind, Usd::MAX, Window::month())]
    });
    let enforcer = Enforcer::builder().policy(Policy::new(budgets).unwrap()).build();
    let call = Call::new("gpt-4o").organization("acme").team("search").project("index").user("ada");
    enforcer.prepare(&call).unwrap()
}

fn call(prepared: &Prepared) {
    let reservation = prepared.reserve(1_000, 200).wait().unwrap().or_refusal().unwrap();
    reservation.send().reconcile(Usage::of(1_000, 150)).wait().unwrap();
}

#[test]
fn a_prepared_call_takes_one_box_from_the_heap() {
    let prepared = prepared();
    // More than is remembered of ended calls, so that every table has its size.
    for _ in 0..70_000 {
        call(&prepared);
    }
    let batch = || {
        let measured = allocation_counter::measure(|| (0..1_000).for_each(|_| call(&prepared)));
        (measured.count_total, measured.count_current)
    };
    // The box carries a call from its hold to its receipt; the ledger takes nothing. A table may still
    // make room for itself once, so of a few batches the best one counts.
    assert_eq!((0..5).map(|_| batch()).min(), Some((1_000, 0)));
}

#[test]
fn a_metered_frame_takes_nothing_from_the_heap() {
    use token_budget::wire::StreamMeter;
    let frame = b"data: {\"model\":\"gpt-4o-2024-08-06\",\"choices\":[{\"delta\":{\"content\":\"word\"}}],\"usage\":null}\n\n";
    let mut meter = StreamMeter::new(None);
    meter.push(frame);
    let (head, tail) = frame.split_at(20);
    meter.push(head); // from here on the buffer for a frame that is cut has its size
    meter.push(tail);

    let measured = allocation_counter::measure(|| {
        for _ in 0..1_000 {
            meter.push(frame);
            meter.push(head);
            meter.push(tail);
        }
    });

    assert_eq!((measured.count_total, meter.finish().text.chars), (0, 4 * 2_002));
}

#[test]
fn memory_does_not_grow_with_the_number_of_calls() {
    let prepared = prepared();
    for _ in 0..70_000 {
        call(&prepared);
    }
    let batch = || allocation_counter::measure(|| (0..50_000).for_each(|_| call(&prepared))).bytes_current;
    // A table may still make room for itself once; what grew with every call would grow in every batch.
    assert!((0..4).any(|_| batch() == 0));
}
