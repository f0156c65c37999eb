//! Does the oracle find what is wrong with the books, and nothing else?

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use futures_core::Stream;
use token_budget::call::ScopeKind;
use token_budget::ledger::{
    Account, Answer, Balance, Capabilities, Entry, FrozenScope, Hold, MarkScope, MemoryOptions, PendingEvent,
    Reconcile, Record, Release, Reply as LedgerReply, ReservationId, Reserve, Resize, Tenant,
};
use token_budget::policy::Exemption;
use token_budget::testing::{Bill, DifferenceKind, Oracle, OracleReport, Reply, ScriptedProvider};
use token_budget::time::{ManualClock, Period, Timestamp};
use token_budget::usage::Unit;
use token_budget::wire::{StreamMeter, extract};
use token_budget::{
    Budget, BudgetLedger, Call, Enforcer, Error, InFlight, MemoryLedger, Policy, Scope, Usage, Usd, Window,
};

use crate::support::{Dice, FarLedger, House, Link, at, block_on, nanos, prices, ready, team, usd};

const CHAT: &str = "/v1/chat/completions";
const WHOLE: &str = r#"{"model": "pair", "messages": []}"#;

/// A token of `pair` costs a tenth of a cent, in and out: these are 10 in and 5 out.
fn provider() -> ScriptedProvider {
    ScriptedProvider::new().prices(prices()).otherwise(Reply::tokens(5).input(10))
}

fn call() -> Call {
    Call::new("pair").team("search").input_tokens(10).output_tokens(5)
}

fn house() -> House {
    House::of([Budget::usd("search", team(), Usd::dollars(10), Window::month())])
}

fn send(enforcer: &Enforcer, call: &Call) -> InFlight {
    ready(enforcer.reserve(call)).expect("a ledger").or_refusal().expect("room").send()
}

/// Makes a call and charges it as the provider says.
fn make(enforcer: &Enforcer, provider: &ScriptedProvider, call: &Call) {
    let in_flight = send(enforcer, call);
    let response = ready(provider.call(CHAT, WHOLE.as_bytes())).expect("an answer");
    ready(in_flight.reconcile(extract(None, &response.body, []).expect("a body"))).expect("a receipt");
}

fn kinds(report: &OracleReport) -> Vec<DifferenceKind> {
    report.differences.iter().map(|difference| difference.kind.clone()).collect()
}

#[test]
fn good_books_hold_exactly_in_every_unit_a_provider_bills() {
    let units = [Unit::Tokens, Unit::TokensInput, Unit::TokensOutput, Unit::Requests];
    let counts =
        units.into_iter().map(|unit| Budget::count(unit.to_string(), team(), unit, 1_000, Window::day()));
    let dollars = Budget::usd("search", team(), Usd::dollars(10), Window::month());
    let user = Budget::each_usd("users", ScopeKind::User, Usd::dollars(1), Window::day());
    let house = House::of(counts.chain([dollars, user]));
    let provider = provider();
    let call = call().user("ada");
    make(&house.enforcer, &provider, &call);
    make(&house.enforcer, &provider, &call);

    let oracle = Oracle::of(&house.enforcer).billed(&call, &provider.bill()).exactly();
    let report = ready(oracle.verified_by(|| house.ledger.verify()).check());

    assert!(report.holds(), "{report}");
    assert_eq!(report.to_string(), "6 accounts checked, 0 differences");
}

#[test]
fn a_charge_that_was_lost_is_found() {
    let (house, provider) = (house(), provider());
    make(&house.enforcer, &provider, &call());
    let in_flight = send(&house.enforcer, &call());
    ready(provider.call(CHAT, WHOLE.as_bytes())).unwrap();
    ready(in_flight.release()).unwrap();

    let report = ready(Oracle::of(&house.enforcer).billed(&call(), &provider.bill()).check());

    let expected =
        DifferenceKind::BilledBeyondBooks { billed: nanos("0.03"), booked: nanos("0.015"), unseen: 0 };
    assert_eq!(kinds(&report), [expected]);
}

#[test]
fn a_charge_too_many_is_found_only_where_it_should_be_exact() {
    let (house, provider) = (house(), provider());
    make(&house.enforcer, &provider, &call());
    house.spend(&call(), 1);
    let oracle = || Oracle::of(&house.enforcer).billed(&call(), &provider.bill());
    assert!(ready(oracle().check()).holds());
    let expected = DifferenceKind::NotExact { billed: nanos("0.015"), booked: nanos("0.016") };
    assert_eq!(kinds(&ready(oracle().exactly().check())), [expected]);
}

#[test]
fn a_leaked_hold_is_found_unless_calls_are_running() {
    let (house, provider) = (house(), provider());
    make(&house.enforcer, &provider, &call());
    std::mem::forget(send(&house.enforcer, &call()));
    let oracle = || Oracle::of(&house.enforcer).billed(&call(), &provider.bill());
    assert_eq!(kinds(&ready(oracle().check())), [DifferenceKind::StillReserved { reserved: nanos("0.015") }]);
    assert!(ready(oracle().while_running().check()).holds());
}

#[test]
fn a_leaked_hold_is_found_on_other_accounts_and_in_other_periods() {
    let house = House::of([
        Budget::each_usd("users", ScopeKind::User, Usd::dollars(1), Window::day()),
        Budget::usd("search", team(), Usd::dollars(1), Window::lifetime()),
    ]);
    let provider = provider();
    make(&house.enforcer, &provider, &call());
    let later = call().timeout(std::time::Duration::from_secs(200_000));
    std::mem::forget(send(&house.enforcer, &later.clone().user("ada")));
    house.go_to("2026-11-23T12:00:00Z");

    let ada = ready(Oracle::of(&house.enforcer).billed(&later.user("ada"), &Bill::default()).check());
    let nobody = ready(Oracle::of(&house.enforcer).billed(&call(), &provider.bill()).check());

    // The team's lifetime, and ada's yesterday.
    let left = DifferenceKind::StillReserved { reserved: nanos("0.015") };
    assert_eq!(kinds(&ada), [left.clone(), left.clone()]);
    assert_eq!(kinds(&nobody), [left.clone(), left]);
}

#[test]
fn a_hold_that_expired_is_no_leak() {
    let (house, provider) = (house(), provider());
    std::mem::forget(send(&house.enforcer, &call()));
    house.go_to("2026-11-22T13:00:00Z");
    make(&house.enforcer, &provider, &call());
    ready(Oracle::of(&house.enforcer).billed(&call(), &provider.bill()).assert_holds());
}

#[test]
fn what_was_charged_in_an_earlier_window_counts() {
    let house = House::of([
        Budget::usd("search", team(), Usd::dollars(1), Window::day()),
        Budget::usd(
            "pace",
            team(),
            Usd::dollars(1),
            Window::rolling(std::time::Duration::from_secs(60)).unwrap(),
        ),
    ]);
    let provider = provider();
    for instant in ["2026-11-22T12:00:00Z", "2026-11-22T12:00:30Z", "2026-11-23T12:00:00Z"] {
        house.go_to(instant);
        make(&house.enforcer, &provider, &call());
        ready(Oracle::of(&house.enforcer).billed(&call(), &provider.bill()).exactly().assert_holds());
    }
}

#[test]
fn charge_sets_that_share_an_account_are_summed_there() {
    let house = House::of([
        Budget::usd("search", team(), Usd::dollars(10), Window::month()),
        Budget::each_usd("users", ScopeKind::User, Usd::dollars(1), Window::day()),
    ]);
    let (ada, bob) = (call().user("ada"), call().user("bob"));
    let (for_ada, for_bob) = (provider(), provider());
    make(&house.enforcer, &for_ada, &ada);
    make(&house.enforcer, &for_bob, &bob);
    make(&house.enforcer, &for_bob, &bob);
    let right = Oracle::of(&house.enforcer).billed(&ada, &for_ada.bill()).billed(&bob, &for_bob.bill());
    ready(right.exactly().assert_holds());
    let wrong = Oracle::of(&house.enforcer).billed(&ada, &for_bob.bill()).billed(&bob, &for_ada.bill());
    let expected =
        DifferenceKind::BilledBeyondBooks { billed: nanos("0.03"), booked: nanos("0.015"), unseen: 0 };
    assert_eq!(kinds(&ready(wrong.check())), [expected], "only ada's own account differs");
}

#[test]
fn a_call_charged_to_an_exemption_is_booked_there() {
    let budget = Budget::usd("search", team(), Usd::dollars(10), Window::month());
    let exemption = Exemption::new("audit", team(), Unit::Usd, nanos("1"))
        .for_use_case("review")
        .requested_by("kim")
        .approved_by("lee")
        .because("yearly audit");
    let house = House::new(Policy::new([budget]).unwrap().with_exemption(exemption).unwrap());
    let provider = provider();
    make(&house.enforcer, &provider, &call().use_case("review"));
    let report = ready(
        Oracle::of(&house.enforcer).billed(&call().use_case("review"), &provider.bill()).exactly().check(),
    );
    assert!(report.holds(), "{report}");
    assert_eq!(report.accounts, 2);
}

#[test]
fn charges_that_no_budget_binds_are_no_proof() {
    let report = ready(
        Oracle::of(&house().enforcer).billed(&Call::new("pair").team("other"), &Bill::default()).check(),
    );
    assert_eq!(kinds(&report), [DifferenceKind::NoBudget]);
}

#[test]
fn what_cannot_be_delivered_is_found() {
    let far = FarLedger::new(MemoryLedger::new());
    let budget = Budget::usd("search", team(), Usd::dollars(10), Window::month());
    let builder = Enforcer::builder().policy(Policy::new([budget]).unwrap()).prices(prices());
    let enforcer = builder.ledger(far.clone()).build();
    let provider = provider();
    block_on(async {
        let in_flight = enforcer.reserve(&call()).await.unwrap().or_refusal().unwrap().send();
        provider.call(CHAT, WHOLE.as_bytes()).await.unwrap();
        far.set(Link::Away);
        assert!(in_flight.reconcile(Usage::of(10, 5)).await.unwrap().is_pending());
        let bill = provider.bill();
        let report = Oracle::of(&enforcer).billed(&call(), &bill).check().await;
        assert_eq!(kinds(&report)[0], DifferenceKind::Undelivered { commands: 1 });
        assert!(matches!(kinds(&report)[1], DifferenceKind::Unreadable { .. }), "{report}");
        far.set(Link::Up);
        Oracle::of(&enforcer).billed(&call(), &bill).exactly().assert_holds().await;
    });
}

#[test]
fn what_the_ledger_finds_itself_is_told() {
    let (house, provider) = (house(), provider());
    make(&house.enforcer, &provider, &call());
    let damaged = || Err(Error::new(token_budget::ErrorKind::Damaged, "a page is torn"));
    let report =
        ready(Oracle::of(&house.enforcer).billed(&call(), &provider.bill()).verified_by(damaged).check());
    assert_eq!(kinds(&report), [DifferenceKind::Unverified { reason: "a page is torn".into() }]);
}

#[test]
#[should_panic(
    expected = "the books do not hold: 1 account checked, 1 difference:\n  team/search: search (USD, month): 0.015 USD billed, 0.00 booked, 0.00 of the rest unseen"
)]
fn the_assertion_prints_the_report() {
    let (house, provider) = (house(), provider());
    ready(provider.call(CHAT, WHOLE.as_bytes())).unwrap();
    ready(Oracle::of(&house.enforcer).billed(&call(), &provider.bill()).assert_holds());
}

/// A ledger that reads its balances wrongly.
#[derive(Debug)]
struct Forger {
    inner: MemoryLedger,
    forge: fn(Balance) -> Balance,
}

impl BudgetLedger for Forger {
    fn now(&self) -> Option<Timestamp> {
        self.inner.now()
    }

    fn reserve(&self, command: Reserve<'_>) -> Answer<'static, LedgerReply> {
        BudgetLedger::reserve(&self.inner, command)
    }

    fn reconcile(&self, command: Reconcile<'_>) -> Answer<'static, LedgerReply> {
        BudgetLedger::reconcile(&self.inner, command)
    }

    fn release(&self, command: Release<'_>) -> Answer<'static, LedgerReply> {
        BudgetLedger::release(&self.inner, command)
    }

    fn resize(&self, command: Resize<'_>) -> Answer<'static, LedgerReply> {
        BudgetLedger::resize(&self.inner, command)
    }

    fn record(&self, command: Record<'_>) -> Answer<'static, LedgerReply> {
        BudgetLedger::record(&self.inner, command)
    }

    fn mark(&self, command: MarkScope<'_>) -> Answer<'static, LedgerReply> {
        BudgetLedger::mark(&self.inner, command)
    }

    fn marks(&self, tenant: &Tenant, scopes: &[Scope]) -> Answer<'static, Vec<FrozenScope>> {
        BudgetLedger::marks(&self.inner, tenant, scopes)
    }

    fn hold(&self, tenant: &Tenant, id: ReservationId) -> Answer<'static, Option<Hold>> {
        BudgetLedger::hold(&self.inner, tenant, id)
    }

    fn balances(&self, lines: &[(Account, Period)]) -> Answer<'static, Vec<Balance>> {
        let answer = || -> Result<Vec<Balance>, Error> {
            let balances = BudgetLedger::balances(&self.inner, lines).wait()?;
            Ok(balances.into_iter().map(self.forge).collect())
        };
        answer().into()
    }

    fn entries(&self, tenant: &Tenant, from: u64, limit: usize) -> Answer<'static, Vec<Entry>> {
        self.inner.entries(tenant, from, limit)
    }

    fn pending_events(&self, limit: usize) -> Answer<'static, Vec<PendingEvent>> {
        self.inner.pending_events(limit)
    }

    fn delivered(&self, events: &[PendingEvent]) -> Answer<'static, ()> {
        self.inner.delivered(events)
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
}

#[test]
fn forged_balances_are_found() {
    type Forged = (fn(Balance) -> Balance, DifferenceKind);
    let forged: [Forged; 3] = [
        (
            |balance| Balance { spent: balance.spent + 1, ..balance },
            DifferenceKind::JournalDisagrees { journal: nanos("0.015"), balance: nanos("0.015") + 1 },
        ),
        (
            |balance| Balance { reserved: -1, ..balance },
            DifferenceKind::Negative { spent: nanos("0.015"), reserved: -1 },
        ),
        (|balance| Balance { reserved: 1, ..balance }, DifferenceKind::StillReserved { reserved: 1 }),
    ];
    for (forge, expected) in forged {
        let budget = Budget::usd("search", team(), Usd::dollars(10), Window::month());
        let builder = Enforcer::builder().policy(Policy::new([budget]).unwrap()).prices(prices());
        let enforcer = builder.ledger(Forger { inner: MemoryLedger::new(), forge }).build();
        let provider = provider();
        make(&enforcer, &provider, &call());
        let report = ready(Oracle::of(&enforcer).billed(&call(), &provider.bill()).check());
        assert_eq!(kinds(&report), [expected]);
    }
}

#[test]
fn a_folded_journal_is_said_and_the_present_period_still_held_against_the_bill() {
    let clock = Arc::new(ManualClock::at(at("2026-11-22T12:00:00Z")));
    let options = MemoryOptions { journal_entries_max: 3, ..MemoryOptions::default() };
    let ledger = MemoryLedger::with_options(clock, options);
    let budget = Budget::usd("search", team(), Usd::dollars(10), Window::month());
    let builder = Enforcer::builder().policy(Policy::new([budget]).unwrap()).prices(prices());
    let enforcer = builder.ledger(ledger.clone()).build();
    let provider = provider();
    for _ in 0..4 {
        make(&enforcer, &provider, &call());
    }
    let oracle = Oracle::of(&enforcer).billed(&call(), &provider.bill()).exactly();
    let report = ready(oracle.verified_by(|| ledger.verify()).check());
    assert!(report.holds(), "{report}");
    assert_eq!(report.folded, [Tenant::unnamed()]);
    assert!(report.to_string().contains("in the present period only"), "{report}");
}

#[test]
fn what_a_client_could_not_count_is_no_difference_of_the_books() {
    let house = house();
    let provider = ScriptedProvider::new().prices(prices()).ahead(3).otherwise(Reply::tokens(50).input(10));
    let in_flight = send(&house.enforcer, &call().output_tokens(50));
    let mut stream =
        ready(provider.stream(CHAT, br#"{"model": "pair", "stream": true, "messages": []}"#)).unwrap();
    for _ in 0..6 {
        ready(poll_fn(|context| Pin::new(&mut stream).poll_next(context))).unwrap().unwrap(); // role, five tokens
    }
    drop(stream);
    // The client charges what it saw; the provider bills three more.
    ready(in_flight.reconcile(Usage::of(10, 5))).unwrap();
    let bill = provider.bill();
    assert_eq!((bill.usd(), bill.usd_unseen()), (usd("0.018"), usd("0.003")));
    ready(Oracle::of(&house.enforcer).billed(&call(), &bill).assert_holds());
    let short = provider_of_one_more(&provider);
    let report = ready(Oracle::of(&house.enforcer).billed(&call(), &short).check());
    assert!(matches!(kinds(&report)[..], [DifferenceKind::BilledBeyondBooks { .. }]), "{report}");
    ready(Oracle::of(&house.enforcer).billed(&call(), &short).allowing(usd("0.06")).assert_holds());
}

/// The same provider's bill after a call that nobody charged: 60 tokens more.
fn provider_of_one_more(provider: &ScriptedProvider) -> Bill {
    ready(provider.call(CHAT, WHOLE.as_bytes())).unwrap();
    provider.bill()
}

/// Makes a call under whatever chance draws, gives up on some, and reconciles as a careful client does.
async fn make_by_chance(enforcer: &Enforcer, provider: &ScriptedProvider, call: &Call, dice: &mut Dice) {
    let Ok(reservation) = enforcer.reserve(call).await.expect("a ledger").or_refusal() else { return };
    if dice.one_in(20) {
        return drop(reservation);
    }
    let in_flight = reservation.send();
    let streams = dice.one_in(2);
    let path = dice.pick(&[CHAT, "/v1/messages", "/v1/responses"]);
    let body = format!(
        r#"{{"model": "pair", "max_tokens": 150, "stream": {streams}, "stream_options": {{"include_usage": {}}}, "messages": []}}"#,
        dice.one_in(2)
    );
    let gives_up_after = if dice.one_in(5) { dice.below(20) } else { u64::MAX };
    let mut stream = provider.stream(path, body.as_bytes()).await.expect("a runtime");
    let (status, mut bytes, mut frames) = (stream.status(), Vec::new(), 0);
    let is_whole = loop {
        if frames == gives_up_after {
            break false;
        }
        match poll_fn(|context| Pin::new(&mut stream).poll_next(context)).await {
            Some(Ok(piece)) => bytes.extend_from_slice(&piece),
            Some(Err(_)) => break false,
            None => break true,
        }
        frames += 1;
    };
    drop(stream);
    let report = if streams && status == 200 {
        let mut meter = StreamMeter::new(None);
        meter.push(&bytes);
        Some(meter.finish())
    } else {
        extract(None, &bytes, []).ok()
    };
    match report {
        _ if status == 429 || status == 400 => in_flight.release().await.expect("released"),
        Some(report) if is_whole && status == 200 => {
            in_flight.reconcile(report).await.expect("a receipt");
        }
        _ => drop(in_flight),
    }
}

#[test]
fn the_books_hold_under_chance() {
    let seed = Dice::new("the_books_hold_under_chance").next();
    let options = MemoryOptions { journal_entries_max: 100_000, ..MemoryOptions::default() };
    let ledger = MemoryLedger::with_options(Arc::new(token_budget::time::SystemClock), options);
    let budgets = [
        Budget::usd("search", team(), Usd::dollars(400), Window::lifetime()),
        Budget::count("tokens", team(), Unit::Tokens, 10_000_000, Window::lifetime()),
        Budget::count("requests", team(), Unit::Requests, 10_000, Window::lifetime()),
    ];
    let builder = Enforcer::builder().policy(Policy::new(budgets).unwrap()).prices(prices());
    let enforcer = builder.ledger(ledger.clone()).build();
    let provider = ScriptedProvider::random(seed).prices(prices()).ahead(2);
    let call = Call::new("pair").team("search").input_tokens(20).output_tokens(150);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..16 {
            let (enforcer, provider, call) = (enforcer.clone(), provider.clone(), call.clone());
            tasks.spawn(async move {
                let mut dice = Dice::of(seed ^ task);
                for _ in 0..100 {
                    make_by_chance(&enforcer, &provider, &call, &mut dice).await;
                }
            });
        }
        tasks.join_all().await;
    });
    let bill = provider.bill();
    assert!(bill.ended() > 1_000 && bill.requests() < bill.ended(), "{bill:?}");
    block_on(Oracle::of(&enforcer).billed(&call, &bill).verified_by(|| ledger.verify()).assert_holds());
}
