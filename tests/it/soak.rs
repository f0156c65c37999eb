//! Do the books hold everything, whatever goes wrong? Many tasks, every fault, and hang-ups at random.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_core::Stream;
use serde_json::{Value, json};
use token_budget::call::ScopeKind;
use token_budget::client::{Failure, StreamingClient};
use token_budget::enforcer::Actual;
use token_budget::stream::{OnCeiling, StreamError, StreamOptions, StreamReader, WireReader};
use token_budget::testing::{
    Oracle, Reply, ScriptedFault, ScriptedProvider, ScriptedResponse, ScriptedStream,
};
use token_budget::tokens::RequestShape;
use token_budget::usage::Unit;
use token_budget::{
    Budget, BudgetEnforcedClient, Call, Enforcer, LlmClient, MemoryLedger, Policy, Scope, Usd, Window, wire,
};

use crate::support::{Dice, FarLedger};

/// A client of the scripted provider: an answer with an error status is an error, as most clients have it.
#[derive(Clone, Debug)]
struct Client(ScriptedProvider);

#[derive(Debug)]
enum Failed {
    Fault,
    Status(u16),
}

impl From<ScriptedFault> for Failed {
    fn from(_: ScriptedFault) -> Self {
        Self::Fault
    }
}

const PATHS: [(&str, &str, &str); 2] =
    [("openai", "/v1/chat/completions", "gpt-4o"), ("anthropic", "/v1/messages", "claude-sonnet-4-5")];

fn door(body: &Value) -> (&'static str, &'static str) {
    let of_model = |(_, _, model): &&(&str, &str, &str)| body["model"] == **model;
    let (provider, path, _) = PATHS.iter().find(of_model).expect("a model of the test");
    (provider, path)
}

impl LlmClient for Client {
    type Request = Value;
    type Response = (&'static str, ScriptedResponse);
    type Error = Failed;

    fn describe(&self, request: &Value, call: Call) -> Call {
        RequestShape::read(request).expect("a request of the test").describe(call).provider(door(request).0)
    }

    async fn call(&self, request: Value) -> Result<Self::Response, Failed> {
        let (provider, path) = door(&request);
        let response = self.0.call(path, request.to_string().as_bytes()).await?;
        if response.status == 200 { Ok((provider, response)) } else { Err(Failed::Status(response.status)) }
    }

    fn actual(&self, (provider, response): &Self::Response) -> Actual {
        wire::extract(Some(provider), &response.body, response.headers())
            .map(Actual::from)
            .unwrap_or_default()
    }

    fn failure(&self, error: &Failed) -> Failure {
        match error {
            Failed::Fault => Failure::Unknown,
            Failed::Status(status) => Failure::of_status(*status),
        }
    }
}

/// Frames, with the client's own error.
struct Frames(ScriptedStream);

impl Stream for Frames {
    type Item = Result<Bytes, Failed>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(context).map_err(Failed::from)
    }
}

impl StreamingClient for Client {
    type Item = Bytes;
    type Stream = Frames;

    async fn stream(&self, mut request: Value) -> Result<Frames, Failed> {
        request["stream"] = true.into();
        let (_, path) = door(&request);
        let stream = self.0.stream(path, request.to_string().as_bytes()).await?;
        if stream.status() == 200 { Ok(Frames(stream)) } else { Err(Failed::Status(stream.status())) }
    }

    fn reader(&self) -> impl StreamReader<Bytes> + 'static {
        WireReader::new(None)
    }
}

/// How many calls the long look makes: `TOKEN_BUDGET_CALLS=100000` in `.ci/run`.
fn calls() -> u64 {
    std::env::var("TOKEN_BUDGET_CALLS").ok().and_then(|calls| calls.parse().ok()).unwrap_or(4_000)
}

const TASKS: u64 = 64;
const USERS: u64 = 8;

/// What happened on the way, so that a run shows that it met everything.
#[derive(Debug, Default)]
struct Met {
    answered: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
    cancelled: AtomicU64,
    cut_off: AtomicU64,
    hung_up: AtomicU64,
}

fn one_more(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// One task's share of the calls, each whole or streamed, some of them left halfway.
async fn share(client: BudgetEnforcedClient<Client>, met: Arc<Met>, mut dice: Dice, calls: u64) {
    for _ in 0..calls {
        let (_, _, model) = *dice.pick(&PATHS);
        let mut request = json!({
            "model": model, "max_tokens": 20 + dice.below(200),
            "messages": [{"role": "user", "content": "How is the weather in Kiel today?"}],
        });
        if dice.one_in(2) && model == "gpt-4o" {
            request["stream_options"] = json!({"include_usage": true});
        }
        let user = format!("u{}", dice.below(USERS));
        match model {
            "gpt-4o" => request["user"] = user.as_str().into(),
            _ => request["metadata"] = json!({"user_id": user}),
        }
        let charge = Call::charging().organization("acme").user(user);
        let patience = dice.one_in(10).then(|| dice.below(6));
        if dice.one_in(2) {
            request.as_object_mut().expect("an object").remove("stream_options");
            whole(&client, &met, charge, request, patience).await;
        } else {
            let leaves_after = dice.one_in(4).then(|| dice.below(40));
            streamed(&client, &met, charge, request, patience, leaves_after).await;
        }
    }
}

async fn whole(
    client: &BudgetEnforcedClient<Client>,
    met: &Met,
    charge: Call,
    request: Value,
    patience: Option<u64>,
) {
    match patiently(patience, client.call_as(charge, request)).await {
        Some(Ok(_)) => one_more(&met.answered),
        Some(Err(token_budget::client::CallError::Refused(_))) => one_more(&met.refused),
        Some(Err(token_budget::client::CallError::Ledger(error))) => panic!("{error}"),
        Some(Err(token_budget::client::CallError::Client(_))) => one_more(&met.failed),
        None => one_more(&met.cancelled),
    }
}

async fn streamed(
    client: &BudgetEnforcedClient<Client>,
    met: &Met,
    charge: Call,
    request: Value,
    patience: Option<u64>,
    leaves_after: Option<u64>,
) {
    let mut stream = match patiently(patience, client.stream_as(charge, request)).await {
        Some(Ok(stream)) => stream,
        Some(Err(token_budget::client::CallError::Refused(_))) => return one_more(&met.refused),
        Some(Err(token_budget::client::CallError::Ledger(error))) => panic!("{error}"),
        Some(Err(token_budget::client::CallError::Client(_))) => return one_more(&met.failed),
        None => return one_more(&met.cancelled),
    };
    let mut frames = 0;
    loop {
        if leaves_after == Some(frames) {
            return one_more(&met.hung_up);
        }
        frames += 1;
        match poll_fn(|context| Pin::new(&mut stream).poll_next(context)).await {
            Some(Ok(_)) => {}
            Some(Err(StreamError::Refused(_))) => return one_more(&met.cut_off),
            Some(Err(StreamError::Client(_))) => return one_more(&met.failed),
            Some(Err(StreamError::Ledger(error))) => panic!("{error}"),
            None => return one_more(&met.answered),
        }
    }
}

/// Polls a future that many times and drops it then; without a number, to its end.
async fn patiently<T>(polls: Option<u64>, future: impl Future<Output = T>) -> Option<T> {
    let mut future = Box::pin(future);
    let Some(polls) = polls else { return Some(future.await) };
    for _ in 0..=polls {
        let mut done = None;
        poll_fn(|context| {
            if let std::task::Poll::Ready(output) = future.as_mut().poll(context) {
                done = Some(output);
            }
            std::task::Poll::Ready(())
        })
        .await;
        if done.is_some() {
            return done;
        }
        tokio::task::yield_now().await;
    }
    None
}

fn policy(organization: Usd) -> Policy {
    let acme = Scope::organization("acme").expect("a name");
    Policy::new([
        Budget::usd("acme", acme.clone(), organization, Window::lifetime()),
        Budget::count("tokens", acme, Unit::Tokens, 1_000_000_000, Window::month()),
        Budget::each_usd("users", ScopeKind::User, Usd::dollars(100_000), Window::month()),
    ])
    .expect("a policy")
}

/// Runs all tasks to their end, and holds the books against the bill.
async fn soak(
    name: &str,
    enforcer: Enforcer,
    ledger: &MemoryLedger,
    options: StreamOptions,
    calls: u64,
) -> Met {
    let mut dice = Dice::new(name);
    let provider = ScriptedProvider::random(dice.next()).ahead(3);
    let client = BudgetEnforcedClient::new(Client(provider.clone()), enforcer.clone(), Call::charging());
    let client = client.streams(options);
    let met = Arc::new(Met::default());
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| tokio::spawn(share(client.clone(), Arc::clone(&met), Dice::of(dice.next()), calls / TASKS)))
        .collect();
    for task in tasks {
        task.await.expect("a task that ends");
    }
    provider.all_ended().await;
    let bill = provider.bill();
    let mut oracle = Oracle::of(&enforcer).verified_by(|| ledger.verify());
    for user in (0..USERS).map(|user| format!("u{user}")) {
        let charge = Call::new("gpt-4o").organization("acme").user(user.as_str());
        oracle = oracle.billed(&charge, &bill.only(|call| call.user.as_deref() == Some(&user)));
    }
    let report = oracle.check().await;
    println!("{name}: {} calls billed ${}, {report}; {met:?}", bill.requests(), bill.usd());
    assert!(report.holds(), "{report}");
    Arc::into_inner(met).expect("all tasks have ended")
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_tasks_with_every_fault_lose_no_cent_and_leave_no_hold() {
    let ledger = MemoryLedger::new();
    let enforcer = Enforcer::builder().policy(policy(Usd::dollars(1_000_000))).ledger(ledger.clone()).build();

    let met = soak("soak", enforcer, &ledger, StreamOptions::slices(32), calls()).await;

    for (what, counter) in [
        ("answered", &met.answered),
        ("failed", &met.failed),
        ("cancelled", &met.cancelled),
        ("hung up", &met.hung_up),
    ] {
        assert!(counter.load(Ordering::Relaxed) > 0, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tight_budget_under_the_same_load_is_exceeded_only_by_what_may_overrun() {
    let ledger = MemoryLedger::new();
    let limit = Usd::cents(50);
    let enforcer = Enforcer::builder().policy(policy(limit)).ledger(ledger.clone()).build();

    let met = soak("soak_tight", enforcer.clone(), &ledger, StreamOptions::slices(8), calls()).await;

    assert!(met.refused.load(Ordering::Relaxed) > 0, "the budget was used up");
    assert!(met.cut_off.load(Ordering::Relaxed) > 0, "and streams met its end");
    let decision = enforcer.check(&Call::new("gpt-4o").organization("acme")).await.expect("advice");
    let spent = Usd::from_nanos(decision.budgets()[0].spent);
    // No task is above by more than an answer of 220 tokens at $15 a million.
    let most = Usd::from_nanos(limit.nanos() + TASKS as i64 * 3_300_000);
    assert!(spent <= most, "{spent} of {limit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_far_away_holds_the_same() {
    let ledger = MemoryLedger::new();
    let far = FarLedger::new(ledger.clone());
    let enforcer = Enforcer::builder().policy(policy(Usd::dollars(1_000_000))).ledger(far).build();
    let options = StreamOptions::slices(32).on_ceiling(OnCeiling::Finish);

    soak("soak_far", enforcer, &ledger, options, calls() / 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_faults_the_books_agree_with_the_bill_to_the_nano_dollar() {
    let ledger = MemoryLedger::new();
    let enforcer = Enforcer::builder().policy(policy(Usd::dollars(1_000_000))).ledger(ledger.clone()).build();
    let provider = ScriptedProvider::new().otherwise(Reply::tokens(90).input(41).cached_input(17));
    let client = BudgetEnforcedClient::new(Client(provider.clone()), enforcer.clone(), Call::charging());
    let client = client.streams(StreamOptions::slices(32));
    let calls = calls() / 4 / TASKS;

    let tasks: Vec<_> = (0..TASKS).map(|task| tokio::spawn(faultless(client.clone(), task, calls))).collect();
    for task in tasks {
        task.await.expect("a task that ends");
    }

    let bill = provider.bill();
    assert_eq!(bill.requests(), TASKS * calls);
    let charge = Call::new("gpt-4o").organization("acme");
    Oracle::of(&enforcer)
        .billed(&charge, &bill)
        .verified_by(|| ledger.verify())
        .exactly()
        .assert_holds()
        .await;
}

/// Calls of both providers in turn, whole and streamed in turn, each to its end.
async fn faultless(client: BudgetEnforcedClient<Client>, task: u64, calls: u64) {
    let met = Met::default();
    for number in 0..calls {
        let (_, _, model) = PATHS[usize::try_from((task + number) % 2).expect("small")];
        let mut request = json!({
            "model": model, "max_tokens": 20 + (task * 7 + number * 13) % 200,
            "messages": [{"role": "user", "content": "How is the weather in Kiel today?"}],
        });
        let charge = Call::charging().organization("acme");
        if number % 4 < 2 {
            whole(&client, &met, charge, request, None).await;
        } else {
            if model == "gpt-4o" {
                request["stream_options"] = json!({"include_usage": true});
            }
            streamed(&client, &met, charge, request, None, None).await;
        }
    }
    assert_eq!(met.answered.load(Ordering::Relaxed), calls, "every call is answered");
}
