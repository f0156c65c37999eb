//! What does a log see of a handle? That one thing in a line, and never the books behind it.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll};

use futures_core::Stream;
use token_budget::call::{Message, ScopeKind};
use token_budget::enforcer::OutboxFile;
use token_budget::http::{Denial, HttpBudget, RequestHead, Ruling};
use token_budget::ledger::Attribution;
use token_budget::stream::{Drain, StreamOptions, StreamSeen};
use token_budget::tokens::{Calibration, LearnedOutput};
use token_budget::usage::Unit;
use token_budget::{
    Admission, Budget, BudgetEnforcedClient, Call, Enforcer, Event, MemoryLedger, MeteredStream, Observer,
    Policy, RunGuard, Usage, Usd, Window,
};

/// Whoever it belongs to, the name of another user is nobody's business.
const OTHERS: &str = "secretive-user";

/// Formats a thing both ways: in a line, short, and naming nobody else.
fn see(thing: &dyn Debug) {
    for text in [format!("{thing:?}"), format!("{thing:#?}")] {
        assert!(text.len() < 500, "{} bytes: {}", text.len(), &text[..500]);
        assert!(!text.contains(OTHERS), "{text}");
        assert!(!text.contains("my prompt"), "{text}");
    }
}

/// Formats the enforcer whenever it hears something: a log inside of an observer.
#[derive(Debug, Default)]
struct Logs {
    enforcer: OnceLock<Enforcer>,
    heard: Mutex<usize>,
}

#[derive(Debug)]
struct Shared(Arc<Logs>);

impl Observer for Shared {
    fn observe(&self, event: &Event) {
        if let Some(enforcer) = self.0.enforcer.get() {
            see(enforcer);
            assert!(!format!("{event:?}").contains('\n'));
            *self.0.heard.lock().unwrap() += 1;
        }
    }
}

/// Books in which a thousand users have spent.
fn books() -> (Enforcer, MemoryLedger, Arc<Logs>) {
    let each = Budget::each_usd("each user", ScopeKind::User, Usd::dollars(1), Window::day());
    let named = (0..1_000).map(|user| {
        let scope = token_budget::Scope::user(format!("{OTHERS}-{user}")).unwrap();
        Budget::count(format!("of {user}"), scope, Unit::Requests, 5, Window::month())
    });
    let policy = Policy::new(named.chain([each])).unwrap();
    let (ledger, logs) = (MemoryLedger::new(), Arc::new(Logs::default()));
    let observer = Shared(Arc::clone(&logs));
    let enforcer = Enforcer::builder().policy(policy).ledger(ledger.clone()).observer(observer).build();
    logs.enforcer.set(enforcer.clone()).unwrap();
    for user in 0..1_000 {
        let call = Call::new("gpt-4o").user(format!("{OTHERS}-{user}")).input_tokens(10).output_tokens(10);
        let held = enforcer.reserve(&call).wait().unwrap().or_refusal().unwrap();
        held.send().reconcile(Usage::of(10, 10)).wait().unwrap();
    }
    (enforcer, ledger, logs)
}

/// A stream that ends at once.
struct Empty<T>(PhantomData<fn() -> T>);

impl<T> Stream for Empty<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<T>> {
        Poll::Ready(None)
    }
}

fn empty<T>() -> Empty<T> {
    Empty(PhantomData)
}

fn call() -> Call {
    Call::new("gpt-4o").user("ada").message(Message::user("my prompt")).output_tokens(10)
}

// A receipt printed 5.7 MB with the names of all other users in it, and held the books locked meanwhile.
#[test]
fn a_handle_shows_one_line_of_itself_and_never_the_books() {
    let (enforcer, ledger, logs) = books();
    see(&enforcer);
    see(&ledger);
    see(&enforcer.policy());
    see(&Enforcer::builder().policy(Policy::clone(&enforcer.policy())));
    see(&enforcer.prepare(&call()).unwrap());

    let admission = enforcer.reserve(&call()).wait().unwrap();
    see(&admission);
    let reservation = admission.or_refusal().unwrap();
    see(&reservation);
    assert!(format!("{reservation:?}").contains("gpt-4o"), "it shows what it is: {reservation:?}");
    let in_flight = reservation.send();
    see(&in_flight);
    let receipt = in_flight.reconcile(Usage::of(40, 9_000)).wait().unwrap();
    see(&receipt);
    assert!(*logs.heard.lock().unwrap() > 0, "an overrun is heard");

    let Admission::Refused(decision) = enforcer.reserve(&call().choices(99_999)).wait().unwrap() else {
        panic!()
    };
    see(&decision);
}

#[test]
fn runs_streams_and_clients_show_themselves_alone() {
    let (enforcer, ..) = books();
    let builder = RunGuard::builder("trip").usd(Usd::dollars(1)).tool_calls(3);
    see(&builder);
    let run = builder.open(&enforcer).wait().unwrap();
    see(&run);
    see(&run.child("part"));
    see(&run.stopped());
    let tools = run.tools(["search"]).wait().unwrap();
    see(&tools);
    see(&run.report().wait().unwrap().limits);
    run.stop(Attribution::new("ada", "it loops")).wait().unwrap();

    let mut seen = StreamSeen::default();
    seen.text("my prompt, said back");
    see(&seen);
    see(&StreamOptions::default());
    see(&Calibration::default());
    let learned = LearnedOutput::new(950_000).unwrap();
    learned.learn("gpt-4o", Some(OTHERS), 7);
    see(&learned);

    let client = |_: serde_json::Value| async { Ok::<Vec<u8>, std::io::Error>(Vec::new()) };
    see(&BudgetEnforcedClient::new(client, enforcer.clone(), Call::charging().user("ada")));
    let reservation = enforcer.reserve(&call().streaming(5)).wait().unwrap().or_refusal().unwrap();
    let empty = empty::<Result<String, std::io::Error>>();
    let reader = |_: &String, _: &mut StreamSeen| {};
    see(&MeteredStream::new(reservation.send(), empty, reader, StreamOptions::default()));

    #[derive(Debug)]
    struct Nobody;
    impl token_budget::stream::Background for Nobody {
        fn run(
            &self,
            _: std::pin::Pin<Box<dyn std::future::Future<Output = ()> + Send>>,
            _: std::time::Duration,
        ) {
        }
    }
    see(&Drain::new(Nobody));
    let path = std::env::temp_dir().join(format!("token-budget-shown-{}", std::process::id()));
    see(&OutboxFile::open(&path).unwrap());
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn gates_and_what_they_let_through_show_no_body() {
    let (enforcer, ..) = books();
    let gate = HttpBudget::new(enforcer, |head: &RequestHead<'_>| match head.header("x-user") {
        Some(user) => Ok(Call::charging().user(user)),
        None => Err(Denial::unauthorized("who are you?")),
    });
    see(&gate);
    let headers = [("x-user", "ada"), ("authorization", "Bearer my prompt")];
    let head = RequestHead::new("POST", "api.openai.com", "/v1/chat/completions", &headers);
    see(&head);
    let body = br#"{"model":"gpt-4o","max_tokens":5,"messages":[{"role":"user","content":"my prompt"}]}"#;
    let ruling = gate.admit(&head, body).await;
    see(&ruling);
    let Ruling::Admitted(admitted) = ruling else { panic!("there is room") };
    see(&admitted);
    let exchange = admitted.send();
    see(&exchange);
    let answered = exchange.answered(200, &[("content-type", "application/json")]);
    see(&answered);
    see(&answered.meter(empty::<Result<Vec<u8>, std::io::Error>>()));
    let nobody: [(&str, &str); 0] = [];
    see(&gate
        .admit(&RequestHead::new("POST", "api.openai.com", "/v1/chat/completions", &nobody), body)
        .await);

    #[cfg(feature = "tower")]
    {
        use token_budget::http::BudgetLayer;
        use tower_layer::Layer;
        let layer = BudgetLayer::new(gate.clone());
        see(&layer);
        see(&layer.layer(()));
    }
    #[cfg(feature = "reqwest-middleware")]
    see(&token_budget::http::BudgetMiddleware::new(gate));
}

#[cfg(feature = "sqlite")]
#[test]
fn a_ledger_in_a_file_shows_its_file() {
    let folder = std::env::temp_dir().join(format!("token-budget-shown-books-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let ledger = token_budget::ledger::SqliteLedger::open(folder.join("books.db")).unwrap();
    see(&ledger);
    assert!(format!("{ledger:?}").contains("books.db"));
    drop(ledger);
    std::fs::remove_dir_all(&folder).unwrap();
}
