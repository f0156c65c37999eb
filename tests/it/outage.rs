//! What happens to calls while the ledger is away, and afterwards?

use std::sync::Arc;
use std::time::Duration;

use token_budget::enforcer::OnOutage;
use token_budget::time::ManualClock;
use token_budget::{
    Admission, Budget, Call, Enforcer, ErrorKind, Event, MemoryLedger, Policy, Usage, Usd, Window,
};

use crate::support::{Ears, FarLedger, Link, NOON, at, block_on, call, nanos, prices, team, usd};

/// Ten dollars a month, on a ledger that must be waited for and that may be away.
struct Far {
    enforcer: Enforcer,
    far: FarLedger,
    books: MemoryLedger,
    clock: Arc<ManualClock>,
    ears: Ears,
}

impl Far {
    fn new(away: OnOutage) -> Self {
        Self::ahead(away, Duration::ZERO)
    }

    /// The same on a machine whose clock is ahead of the ledger's.
    fn ahead(away: OnOutage, ahead: Duration) -> Self {
        let clock = Arc::new(ManualClock::at(at(NOON) + ahead));
        let books = match ahead {
            Duration::ZERO => MemoryLedger::with_clock(clock.clone()),
            _ => MemoryLedger::with_clock(Arc::new(ManualClock::at(at(NOON)))),
        };
        let far = FarLedger::new(books.clone());
        let budget = Budget::usd("search", team(), Usd::dollars(10), Window::month());
        let ears = Ears::default();
        let enforcer = Enforcer::builder()
            .policy(Policy::new([budget]).unwrap())
            .prices(prices())
            .ledger(far.clone())
            .clock(clock.clone())
            .on_outage(away)
            .observer(ears.clone())
            .build();
        Self { enforcer, far, books, clock, ears }
    }

    fn dollars(&self) -> (i64, i64) {
        let decision = block_on(self.enforcer.check(&call("milli", 0))).unwrap();
        (decision.budgets()[0].spent, decision.budgets()[0].reserved)
    }

    fn reserve(&self, call: &Call) -> Result<Admission, token_budget::Error> {
        block_on(self.enforcer.reserve(call))
    }

    fn admit(&self, call: &Call) -> token_budget::Reservation {
        self.reserve(call).unwrap().or_refusal().unwrap()
    }
}

#[test]
fn a_ledger_that_is_away_fails_calls_closed_and_never_says_budget_exceeded() {
    let far = Far::new(OnOutage::FailClosed);
    far.far.set(Link::Away);
    let error = far.reserve(&call("milli", 1_000)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LedgerUnavailable);
    far.far.set(Link::Up);
    drop(far.admit(&call("milli", 10_000)));
}

#[test]
fn a_reserve_whose_answer_was_lost_is_taken_back() {
    let far = Far::new(OnOutage::FailClosed);
    far.far.set(Link::Deaf);
    assert!(far.reserve(&call("milli", 10_000)).is_err());
    assert_eq!((far.books.open_holds(), far.enforcer.undelivered()), (1, 1));
    far.far.set(Link::Up);
    // The next command sends what waits first, so there is room for all of it.
    let reservation = far.admit(&call("milli", 10_000));
    assert_eq!((far.books.open_holds(), far.enforcer.undelivered()), (1, 0));
    drop(reservation);
    assert_eq!(block_on(far.enforcer.flush()).unwrap(), 0);
    assert_eq!(far.dollars(), (0, 0));
}

#[test]
fn usage_under_an_id_that_was_made_days_ahead_is_charged_when_the_ledger_is_back() {
    // Three days ahead is more than a ledger takes. Its answer counted as final, and the usage was lost.
    let far = Far::ahead(OnOutage::FailOpen { at_most: usd("3") }, Duration::from_secs(3 * 86_400));
    far.far.set(Link::Away);
    let unheld = far.admit(&call("milli", 2_000)).send();
    assert!(block_on(unheld.reconcile(Usage::of(0, 1_500))).unwrap().is_pending());

    far.far.set(Link::Up);
    assert_eq!(block_on(far.enforcer.flush()).unwrap(), 0);

    assert_eq!(far.dollars(), (nanos("1.50"), 0));
}

#[test]
fn failing_open_is_bounded_in_each_outage() {
    let far = Far::new(OnOutage::FailOpen { at_most: usd("3") });
    for outage in 1..=2 {
        far.far.set(Link::Away);
        let first = far.admit(&call("milli", 2_000)).send();
        let second = far.admit(&call("milli", 1_000)).send();
        assert_eq!(far.reserve(&call("milli", 1)).unwrap_err().kind(), ErrorKind::LedgerUnavailable);
        let receipt = block_on(first.reconcile(Usage::of(0, 1_500))).unwrap();
        assert!(receipt.is_pending() && receipt.lines().is_empty());
        drop(second);

        far.far.set(Link::Up);
        assert_eq!(block_on(far.enforcer.flush()).unwrap(), 0);
        // 1.50 as reported and 1.00 as quoted, in each of two outages; nothing is held.
        assert_eq!(far.dollars(), (outage * nanos("2.50"), 0));
        drop(far.admit(&call("milli", 1)));
    }
    far.books.verify().unwrap();
}

#[test]
fn a_call_without_a_hold_says_so() {
    let far = Far::new(OnOutage::FailOpen { at_most: usd("3") });
    assert!(far.admit(&call("milli", 1)).is_held());
    far.far.set(Link::Away);
    let reservation = far.admit(&call("milli", 1));
    assert!(!reservation.is_held());
    drop(reservation);
    far.far.set(Link::Up);
    block_on(far.enforcer.flush()).unwrap();
    assert_eq!(far.dollars(), (0, 0));
}

#[test]
fn a_report_that_cannot_be_delivered_waits_and_is_charged_once() {
    let far = Far::new(OnOutage::FailClosed);
    for link in [Link::Away, Link::Deaf] {
        let before = far.dollars().0;
        let in_flight = far.admit(&call("milli", 2_000)).send();
        far.far.set(link);
        let receipt = block_on(in_flight.reconcile(Usage::of(0, 1_500))).unwrap();
        assert!(receipt.is_pending());
        assert_eq!((receipt.cost(), far.enforcer.undelivered()), (usd("1.50"), 1));
        assert_eq!(far.ears.count(|event| matches!(event, Event::Undelivered { .. })), 1);
        assert!(block_on(far.enforcer.flush()).is_err());
        assert_eq!(far.enforcer.undelivered(), 1, "a failed delivery keeps waiting");
        far.far.set(Link::Up);
        assert_eq!(block_on(far.enforcer.flush()).unwrap(), 0);
        assert_eq!(far.dollars(), (before + nanos("1.50"), 0), "{link:?}");
        far.ears.take();
    }
    far.books.verify().unwrap();
}

#[test]
fn what_is_dropped_waits_in_the_outbox_for_the_next_command() {
    let far = Far::new(OnOutage::FailClosed);
    drop(far.admit(&call("milli", 4_000)));
    drop(far.admit(&call("milli", 3_000)).send());
    assert_eq!(far.enforcer.undelivered(), 1, "the second reserve delivered the first release");
    // 3.00 are charged, so 7.00 fit.
    let reservation = far.admit(&call("milli", 7_000));
    assert_eq!(far.enforcer.undelivered(), 0);
    block_on(reservation.release()).unwrap();
    assert_eq!(far.dollars(), (nanos("3"), 0));
}

#[test]
fn an_outage_does_not_make_the_outbox_longer_than_the_calls_then_open() {
    let far = Far::new(OnOutage::FailClosed);
    let open = far.admit(&call("milli", 1_000)).send();
    far.far.set(Link::Away);
    for _ in 0..100 {
        far.reserve(&call("milli", 1)).unwrap_err();
    }
    drop(open);
    assert!(far.enforcer.undelivered() <= 2, "{} commands wait", far.enforcer.undelivered());
    far.far.set(Link::Up);
    drop(far.admit(&call("milli", 1)));
}

#[test]
fn a_flush_that_is_cancelled_loses_nothing() {
    let far = Far::new(OnOutage::FailClosed);
    drop(far.admit(&call("milli", 3_000)).send());
    for polls in 0..3 {
        let mut flush = Box::pin(far.enforcer.flush());
        for _ in 0..polls {
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            let _ = flush.as_mut().poll(&mut context);
        }
        drop(flush);
        assert!(far.enforcer.undelivered() <= 1);
    }
    assert_eq!(block_on(far.enforcer.flush()).unwrap(), 0);
    assert_eq!(far.dollars(), (nanos("3"), 0));
}

#[test]
fn a_thread_without_a_runtime_waits_for_a_ledger_that_answers_later() {
    let far = Far::new(OnOutage::FailClosed);
    let admission = far.enforcer.reserve(&call("milli", 1_000)).wait().unwrap();
    let in_flight = admission.or_refusal().unwrap().send();
    assert!(!in_flight.reconcile(Usage::of(0, 500)).wait().unwrap().is_pending());
    assert_eq!(far.enforcer.undelivered(), 0);
    assert_eq!(far.dollars(), (nanos("0.50"), 0), "the report was not left in the outbox");
    assert_eq!(far.books.open_holds(), 0);
}

#[test]
fn a_ledger_on_another_clock_is_asked_again_in_its_own_month() {
    let far = Far::new(OnOutage::FailClosed);
    // This machine's clock is an hour behind the store's, which is in December already.
    let own = Arc::new(ManualClock::at(at("2026-11-30T23:30:00Z")));
    far.clock.set(at("2026-12-01T00:30:00Z"));
    let budget = Budget::usd("search", team(), Usd::dollars(10), Window::month());
    let enforcer = Enforcer::builder()
        .policy(Policy::new([budget]).unwrap())
        .prices(prices())
        .ledger(far.far.clone())
        .clock(own)
        .build();
    let reservation = block_on(enforcer.reserve(&call("milli", 1_000))).unwrap().or_refusal().unwrap();
    assert_eq!(reservation.decision().budgets()[0].window, "month 2026-12");
    assert_eq!(far.far.commands(), 2, "stale once, then resolved anew");
    assert_eq!(enforcer.now(), at("2026-12-01T00:30:00Z"), "the offset is kept");
    block_on(reservation.release()).unwrap();
}

#[test]
fn nothing_is_lost_in_an_outage_longer_than_the_ledger_remembers_ids() {
    let far = Far::new(OnOutage::FailOpen { at_most: usd("3") });
    far.far.set(Link::Away);
    let in_flight = far.admit(&call("milli", 2_000)).send();
    let receipt = block_on(in_flight.reconcile(Usage::of(0, 1_500))).unwrap();
    assert!(receipt.is_pending());
    far.clock.advance(std::time::Duration::from_secs(2 * 3_600));
    far.far.set(Link::Up);
    assert_eq!(block_on(far.enforcer.flush()).unwrap(), 0);

    // The ledger would not take so old an id; the report was dropped with it, without a word.
    assert_eq!(far.dollars().0, nanos("1.50"));
}
