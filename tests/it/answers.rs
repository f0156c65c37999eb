//! Is a ledger's answer the same, waited for and awaited, now and later?

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use token_budget::ledger::{Answer, SqliteLedger};
use token_budget::{
    Budget, BudgetLedger, Call, Enforcer, Error, ErrorKind, MemoryLedger, Policy, Scope, Usage, Usd, Window,
};

use crate::sqlite::support::Folder;
use crate::support::FarLedger;

fn poll<T>(answer: &mut Answer<'_, T>) -> Poll<Result<T, Error>> {
    Pin::new(answer).poll(&mut Context::from_waker(Waker::noop()))
}

/// How often whoever waits was woken.
#[derive(Debug, Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn an_answer_that_is_here_is_ready_at_once_and_then_pending_for_ever() {
    let mut answer: Answer<'_, i32> = Answer::from(Ok(42));

    assert!(answer.is_now());
    assert!(matches!(poll(&mut answer), Poll::Ready(Ok(42))));
    assert!(poll(&mut answer).is_pending());
    assert!(poll(&mut answer).is_pending());
}

#[test]
fn an_answer_that_comes_later_wakes_who_polled_last_and_is_then_pending_for_ever() {
    let (answerer, mut answer) = Answer::channel();
    let (first, last) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
    for woken in [&first, &last] {
        let waker = Arc::clone(woken).into();
        assert!(Pin::new(&mut answer).poll(&mut Context::from_waker(&waker)).is_pending());
    }

    answerer.answer(Ok("room"));

    assert_eq!((first.0.load(Ordering::SeqCst), last.0.load(Ordering::SeqCst)), (0, 1));
    assert!(matches!(poll(&mut answer), Poll::Ready(Ok("room"))));
    assert!(poll(&mut answer).is_pending());
}

#[test]
fn whoever_waits_for_somebody_who_is_gone_hears_that_the_ledger_is_away() {
    let (answerer, answer) = Answer::<i32>::channel();
    let waiting = thread::spawn(move || answer.wait());

    drop(answerer);

    let error = waiting.join().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LedgerUnavailable);
    assert!(error.is_retryable());
}

#[test]
fn a_dropped_answer_tells_its_answerer_and_harms_nobody() {
    let (answerer, answer) = Answer::channel();
    assert!(!answerer.is_unheard());

    drop(answer);

    assert!(answerer.is_unheard());
    answerer.answer(Ok(42));
}

#[test]
fn what_was_begun_has_made_its_first_step_before_anybody_polls_it() {
    let begun = Arc::new(AtomicBool::new(false));
    let mark = Arc::clone(&begun);
    let answer = Answer::begun(async move {
        mark.store(true, Ordering::SeqCst);
        tokio::task::yield_now().await;
        Ok(42)
    });

    assert!(begun.load(Ordering::SeqCst) && !answer.is_now());
    drop(answer);
    assert!(Answer::begun(async { Ok(42) }).is_now(), "who does not wait has answered");
}

#[test]
fn a_thread_waits_no_longer_than_it_was_told() {
    let (answerer, answer) = Answer::<i32>::channel();

    let error = answer.wait_at_most(Duration::from_millis(5)).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::LedgerUnavailable);
    assert!(error.to_string().contains("no answer within 5ms"), "{error}");
    drop(answerer);
}

// The only thread of the runtime would wait for a task that only this thread could run.
#[test]
fn waiting_where_it_would_never_end_is_an_error_that_says_so() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let begun = || {
        Answer::begun(async {
            tokio::task::yield_now().await;
            Ok(42)
        })
    };

    let waited = runtime.block_on(async { begun().wait() });
    let awaited = runtime.block_on(begun());

    let error = waited.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("await the answer instead"), "{error}");
    assert_eq!(awaited.unwrap(), 42);
    assert_eq!(begun().wait().unwrap(), 42, "and without a runtime it is waited for");
}

// A runtime for many threads had one worker, as on a machine with one processor: a task that waited there hung for ever.
#[test]
fn the_one_worker_of_a_runtime_is_told_that_waiting_would_never_end_and_others_may_wait() {
    let workers =
        |number| tokio::runtime::Builder::new_multi_thread().worker_threads(number).build().unwrap();
    let (one, two) = (workers(1), workers(2));
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let (never, is_pending) = tokio::sync::oneshot::channel::<u32>();
    let received = |receiver: tokio::sync::oneshot::Receiver<u32>| {
        Answer::begun(async move { Ok(receiver.await.unwrap()) })
    };
    let by_a_task = || Answer::begun(async { Ok(tokio::spawn(async { 42 }).await.unwrap()) });
    let at_most = Duration::from_secs(60);

    let alone = one.block_on(one.spawn(async move { received(is_pending).wait_at_most(at_most) })).unwrap();
    let one_of_two = two.spawn(async move { received(receiver).wait_at_most(at_most) });
    sender.send(42).unwrap();
    let one_of_two = two.block_on(one_of_two).unwrap();
    let from_outside = one.block_on(async { by_a_task().wait_at_most(at_most) });
    let awaited = one.block_on(one.spawn(async move { by_a_task().await })).unwrap();

    assert_eq!(alone.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!([one_of_two, from_outside, awaited].map(Result::unwrap), [42; 3]);
    drop(never);
}

/// The first example of the README.
fn enforcer(ledger: Arc<dyn BudgetLedger>) -> Enforcer {
    let search = Budget::usd("search", Scope::team("search").unwrap(), Usd::dollars(500), Window::month());
    Enforcer::builder().policy(Policy::new([search]).unwrap()).shared_ledger(ledger).build()
}

fn readme_call() -> Call {
    Call::new("gpt-4o").team("search").input_tokens(1_200).output_tokens(500)
}

#[test]
fn the_same_lines_wait_for_every_ledger_and_are_awaited_under_a_runtime_of_one_thread() {
    let folder = Folder::in_memory();
    let file = SqliteLedger::open(folder.file("books.db")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ledgers: [Arc<dyn BudgetLedger>; 2] = [Arc::new(MemoryLedger::new()), Arc::new(file)];
    for ledger in ledgers {
        let (enforcer, call) = (enforcer(ledger), readme_call());

        let sent = enforcer.reserve(&call).wait().unwrap().or_refusal().unwrap().send();
        let waited = sent.reconcile(Usage::of(1_200, 350)).wait().unwrap();
        let awaited = runtime.block_on(async {
            let sent = enforcer.reserve(&call).await?.or_refusal().unwrap().send();
            sent.reconcile(Usage::of(1_200, 350)).await
        });
        // A file has a thread of its own, so that even this ends.
        let inside = runtime.block_on(async { enforcer.reserve(&call).wait() }).unwrap();

        // 1,200 × $2.50 and 350 × $10 a million.
        assert_eq!([waited.cost(), awaited.unwrap().cost()], ["0.0065".parse().unwrap(); 2]);
        assert!(inside.is_admitted());
        drop(inside);
        enforcer.flush().wait().unwrap();
        let check = enforcer.check(&call).wait().unwrap();
        assert_eq!((check.budgets()[0].spent, check.budgets()[0].reserved), (13_000_000, 0));
    }
}

#[test]
fn a_reserve_that_is_dropped_on_its_way_is_taken_back() {
    let books = MemoryLedger::new();
    let enforcer = enforcer(Arc::new(FarLedger::new(books.clone())));
    let call = readme_call();

    let answer = enforcer.reserve(&call);
    assert!(!answer.is_now(), "it is under way");
    drop(answer);

    assert_eq!(enforcer.flush().wait().unwrap(), 0);
    assert_eq!(books.open_holds(), 0);
    assert!(enforcer.reserve(&call).wait().unwrap().is_admitted());
}
