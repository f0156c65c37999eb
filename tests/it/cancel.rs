//! Does a call that is cancelled anywhere leave either everything or nothing?

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use token_budget::enforcer::Actual;
use token_budget::time::ManualClock;
use token_budget::usage::Unit;
use token_budget::{
    Budget, BudgetEnforcedClient, Call, Enforcer, LlmClient, MemoryLedger, Policy, Tiers, Usage, Usd, Window,
};

use crate::support::{Dice, FarLedger, NOON, at, block_on, call, prices, team};

/// A provider with a bill of its own. It generates, bills, and then takes its time to answer.
#[derive(Clone, Debug, Default)]
struct Provider {
    bill: Arc<AtomicI64>,
    billed: Arc<AtomicU64>,
}

impl LlmClient for Provider {
    /// How many tokens it will generate, and how often it makes its caller wait, before and after billing.
    type Request = (u64, u64, u64);
    type Response = u64;
    type Error = ();

    fn describe(&self, request: &Self::Request, call: Call) -> Call {
        // Asks for twice of what it will use.
        call.with_model("milli").output_tokens(request.0 * 2)
    }

    async fn call(&self, (tokens, before, after): Self::Request) -> Result<u64, ()> {
        for _ in 0..before {
            tokio::task::yield_now().await;
        }
        self.bill.fetch_add(i64::try_from(tokens).unwrap() * 1_000_000, Ordering::SeqCst);
        self.billed.fetch_add(1, Ordering::SeqCst);
        for _ in 0..after {
            tokio::task::yield_now().await;
        }
        Ok(tokens)
    }

    fn actual(&self, response: &u64) -> Actual {
        Usage::of(0, *response).into()
    }
}

fn policy(limit: u32) -> Policy {
    let month = Budget::usd("month", team(), Usd::dollars(limit), Window::month())
        .tiers(Tiers::soft_hard(50, 100).unwrap());
    let requests = Budget::count("requests", team(), Unit::Requests, 1_000_000, Window::day());
    Policy::new([month, requests]).unwrap()
}

/// Polls a future so often at most; whether it ended.
fn poll_up_to<F: Future>(future: F, polls: u64) -> bool {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..polls).any(|_| matches!(future.as_mut().poll(&mut context), Poll::Ready(_)))
}

fn spent(enforcer: &Enforcer) -> (i64, i64) {
    let decision = block_on(enforcer.check(&call("milli", 0))).unwrap();
    let month = decision.budgets().into_iter().find(|budget| budget.budget == "month").unwrap();
    (month.spent, month.reserved)
}

#[test]
fn ten_thousand_futures_dropped_at_any_await_leave_no_hold_and_no_unpaid_bill() {
    let mut dice = Dice::new("cancel");
    let clock = Arc::new(ManualClock::at(at(NOON)));
    let books = MemoryLedger::with_clock(clock.clone());
    let enforcer = Enforcer::builder()
        .policy(policy(1_000))
        .prices(prices())
        .ledger(FarLedger::new(books.clone()))
        .clock(clock)
        .build();
    let provider = Provider::default();
    let client =
        BudgetEnforcedClient::new(provider.clone(), enforcer.clone(), Call::charging().team("search"));
    let (mut ended, mut cancelled) = (0_u32, 0_u32);
    for _ in 0..10_000 {
        let request = (1 + dice.below(30), dice.below(3), dice.below(3));
        let whole = poll_up_to(client.call(request), dice.below(14));
        *(if whole { &mut ended } else { &mut cancelled }) += 1;
    }
    assert!(ended > 1_000 && cancelled > 1_000, "{ended} ended, {cancelled} cancelled");

    assert_eq!(block_on(enforcer.flush()).unwrap(), 0);

    let (spent, reserved) = spent(&enforcer);
    let bill = provider.bill.load(Ordering::SeqCst);
    assert_eq!((books.open_holds(), reserved), (0, 0), "nothing waits for an expiry");
    assert!(spent >= bill, "{bill} billed, {spent} spent");
    books.verify().unwrap();
}

#[test]
fn where_every_call_is_reported_the_books_equal_the_bill() {
    let mut dice = Dice::new("cancel: none");
    let clock = Arc::new(ManualClock::at(at(NOON)));
    let books = MemoryLedger::with_clock(clock.clone());
    let ledger = FarLedger::new(books.clone());
    let builder = Enforcer::builder().policy(policy(1_000)).prices(prices()).ledger(ledger).clock(clock);
    let enforcer = builder.build();
    let provider = Provider::default();
    let client =
        BudgetEnforcedClient::new(provider.clone(), enforcer.clone(), Call::charging().team("search"));
    for _ in 0..1_000 {
        let request = (1 + dice.below(30), dice.below(3), dice.below(3));
        // Calls that were cancelled before they could be sent do not matter to the bill.
        poll_up_to(client.call(request), dice.below(3));
        let _ = block_on(client.call(request)).unwrap();
    }
    block_on(enforcer.flush()).unwrap();
    assert_eq!(spent(&enforcer), (provider.bill.load(Ordering::SeqCst), 0));
    assert_eq!(books.open_holds(), 0);
}

#[test]
fn tasks_that_are_cancelled_on_many_threads_leave_no_hold_and_never_pass_the_limit() {
    let mut dice = Dice::new("cancel: tasks");
    let books = MemoryLedger::with_clock(Arc::new(ManualClock::at(at(NOON))));
    // $10 for calls that hold up to 12 cents: some are refused.
    let enforcer = Enforcer::builder().policy(policy(10)).prices(prices()).ledger(books.clone()).build();
    let provider = Provider::default();
    let client =
        BudgetEnforcedClient::new(provider.clone(), enforcer.clone(), Call::charging().team("search"));
    let refused = Arc::new(AtomicU64::new(0));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..64)
            .map(|_| {
                let (client, refused, seed) = (client.clone(), Arc::clone(&refused), dice.next());
                tokio::spawn(async move {
                    let mut dice = Dice::of(seed);
                    for _ in 0..50 {
                        let request = (1 + dice.below(60), dice.below(3), dice.below(3));
                        let patience = dice.below(6);
                        tokio::select! {
                            biased;
                            answer = client.call(request) => {
                                refused.fetch_add(u64::from(answer.is_err()), Ordering::SeqCst);
                            }
                            () = yields(patience) => {}
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    let (spent, reserved) = spent(&enforcer);
    let bill = provider.bill.load(Ordering::SeqCst);
    assert_eq!((books.open_holds(), reserved, enforcer.undelivered()), (0, 0, 0));
    assert!(bill <= spent && spent < 10_000_000_000, "{bill} billed, {spent} spent");
    assert!(refused.load(Ordering::SeqCst) > 0, "the limit was reached");
    books.verify().unwrap();
}

async fn yields(times: u64) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}
