//! Do futures that are dropped at random awaits leave a hold or an unpaid bill, whatever ledger keeps the books?
//!
//! Each call reserves, is sent, grows its hold as the answer flows, and is reconciled; it is dropped after a
//! random number of polls. `TOKEN_BUDGET_DROPS` says how many are.

use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::task::{Context, Poll, Wake};

use futures_core::Stream;
use token_budget::stream::{StreamOptions, StreamSeen};
use token_budget::testing::{FaultyLedger, Odds, Retrying};
use token_budget::usage::Unit;
use token_budget::{
    Budget, BudgetLedger, Call, Enforcer, MemoryLedger, MeteredStream, Policy, Usage, Usd, Window,
};

use crate::support::{Dice, FarLedger, block_on, call, prices, setting, team};

/// So many tokens are held ahead of what was seen.
const SLICE: u64 = 20;

/// A tenth of a cent, in nano-dollars.
const TOKEN: i64 = 1_000_000;

/// A provider's answer, billed piece by piece as it is generated.
struct Answer {
    pieces: VecDeque<Piece>,
    bill: Arc<AtomicI64>,
}

#[derive(Clone, Copy, Debug)]
enum Piece {
    /// Ten tokens.
    Text,
    /// What it used in all.
    Usage(u64),
    /// Nothing for now.
    Pause,
}

impl Answer {
    /// Of one to eight pieces, with pauses between some of them.
    fn draw(dice: &mut Dice, bill: &Arc<AtomicI64>) -> Self {
        let texts = 1 + dice.below(8);
        let mut pieces = VecDeque::new();
        for _ in 0..texts {
            if dice.one_in(3) {
                pieces.push_back(Piece::Pause);
            }
            pieces.push_back(Piece::Text);
        }
        pieces.push_back(Piece::Usage(texts * 10));
        Self { pieces, bill: Arc::clone(bill) }
    }
}

impl Stream for Answer {
    type Item = Result<Piece, ()>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.pieces.pop_front() {
            Some(Piece::Pause) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Piece::Text) => {
                self.bill.fetch_add(10 * TOKEN, Ordering::SeqCst);
                Poll::Ready(Some(Ok(Piece::Text)))
            }
            other => Poll::Ready(other.map(Ok)),
        }
    }
}

fn read(piece: &Piece, seen: &mut StreamSeen) {
    match piece {
        Piece::Text => seen.text("ten tokens"),
        Piece::Usage(output) => seen.usage(Usage::of(0, *output)),
        Piece::Pause => {}
    }
}

/// A call from its reserve to its reconcile.
async fn whole_way(enforcer: &Enforcer, call: &Call, answer: Answer) {
    let reservation = enforcer.reserve(call).await.unwrap().or_refusal().unwrap();
    let options = StreamOptions::slices(SLICE);
    let mut stream = pin!(MeteredStream::new(reservation.send(), answer, read, options));
    while let Some(piece) = std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await {
        piece.expect("room for all of it");
    }
}

/// How a run went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drops {
    /// Futures that were dropped before they had ended, and those that had ended.
    pub(crate) dropped: u64,
    pub(crate) ended: u64,
    /// Of those dropped, the ones whose answer had begun.
    pub(crate) under_way: u64,
    /// Nano-dollars.
    pub(crate) billed: i64,
    pub(crate) booked: i64,
}

/// Whether the future that was polled last may go on.
#[derive(Debug, Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Woken {
    /// Lets the ledger's thread go on until it has an answer, so that each poll is a step of the call.
    fn wait(&self) {
        const TURNS_MAX: u32 = 1_000_000;
        let mut turns = 0..TURNS_MAX;
        let woken = turns.any(|_| {
            self.0.swap(false, Ordering::SeqCst) || {
                std::thread::yield_now();
                false
            }
        });
        assert!(woken, "whoever waits is woken");
    }
}

/// As many dropped futures as `TOKEN_BUDGET_DROPS` says.
pub(crate) fn drops_wanted() -> u64 {
    setting("TOKEN_BUDGET_DROPS", if cfg!(debug_assertions) { 1_000 } else { 10_000 })
}

/// Drops that many calls at random awaits, and asserts that no hold is left and every bill is paid.
///
/// A call that was dropped after it was sent is charged what it had seen and the slice it held
/// ahead: it may be charged that slice too much, and nothing too little.
pub(crate) fn drops(ledger: Arc<dyn BudgetLedger>, wanted: u64) -> Drops {
    let month = Budget::usd("month", team(), Usd::dollars(1_000_000), Window::lifetime());
    let requests = Budget::count("requests", team(), Unit::Requests, 100_000_000, Window::lifetime());
    let policy = Policy::new([month, requests]).unwrap();
    let enforcer = Enforcer::builder().policy(policy).prices(prices()).shared_ledger(ledger).build();
    let (call, bill) = (call("milli", 500).streaming(SLICE), Arc::new(AtomicI64::new(0)));
    let (mut dice, mut dropped, mut ended, mut under_way) = (Dice::new("drops"), 0, 0, 0);
    while dropped < wanted {
        let answer = Answer::draw(&mut dice, &bill);
        // Some ledgers let a call end in a few polls, others in many.
        let most = *dice.pick(&[2, 4, 8, 16, 40]);
        let mut polls = dice.below(most);
        let (before, woken) = (bill.load(Ordering::SeqCst), Arc::new(Woken::default()));
        let mut future = pin!(whole_way(&enforcer, &call, answer));
        let waker = Arc::clone(&woken).into();
        let mut context = Context::from_waker(&waker);
        let is_whole = loop {
            match polls.checked_sub(1) {
                None => break false,
                Some(_) if future.as_mut().poll(&mut context).is_ready() => break true,
                // Dropped here, and not only before its first step or where it would go on anyhow.
                Some(0) => break false,
                Some(left) => polls = left,
            }
            woken.wait();
        };
        *(if is_whole { &mut ended } else { &mut dropped }) += 1;
        under_way += u64::from(!is_whole && bill.load(Ordering::SeqCst) > before);
    }
    assert_eq!(block_on(enforcer.flush()).unwrap(), 0, "nothing waits to be sent");

    let decision = block_on(enforcer.check(&call)).unwrap();
    let reserved: Vec<i64> = decision.budgets().iter().map(|budget| budget.reserved).collect();
    assert_eq!(reserved, [0, 0], "no hold is left");
    let (billed, booked) = (bill.load(Ordering::SeqCst), decision.budgets()[0].spent);
    let ahead = i64::try_from(dropped * SLICE).unwrap() * TOKEN;
    assert!(billed <= booked && booked <= billed + ahead, "{billed} billed, {booked} booked");
    Drops { dropped, ended, under_way, billed, booked }
}

fn show(name: &str, drops: &Drops) {
    let Drops { dropped, under_way, ended, billed, booked } = drops;
    println!("{name}: {dropped} dropped ({under_way} with an answer under way), {ended} ended");
    println!("    {billed} billed, {booked} booked");
    assert!(drops.ended > drops.dropped / 20, "some ended, too: {drops:?}");
}

#[test]
fn over_memory_no_hold_is_left_and_every_bill_is_paid() {
    let books = MemoryLedger::new();

    let drops = drops(Arc::new(FarLedger::new(books.clone())), drops_wanted());

    show("memory", &drops);
    assert_eq!(books.open_holds(), 0);
    books.verify().unwrap();
}

#[test]
fn over_a_ledger_that_answers_at_once_no_hold_is_left_either() {
    let books = MemoryLedger::new();

    let drops = drops(Arc::new(books.clone()), drops_wanted());

    show("memory, at once", &drops);
    assert_eq!(books.open_holds(), 0);
    books.verify().unwrap();
}

#[test]
fn over_a_faulty_wire_no_hold_is_left_and_every_bill_is_paid() {
    let books = MemoryLedger::new();
    let wire = FaultyLedger::new(Arc::new(books.clone()), 7).with_odds(Odds::BAD_DAY);

    let drops = drops(Arc::new(Retrying::new(wire.clone())), drops_wanted());

    show("faulty wire", &drops);
    assert!(wire.unheard() > drops.dropped / 20, "answers were lost: {wire:?}");
    block_on(wire.arrive());
    assert_eq!(books.open_holds(), 0);
    books.verify().unwrap();
}
