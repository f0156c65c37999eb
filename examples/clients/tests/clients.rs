//! Do the books of every recipe agree with its provider's own bill?

use std::time::Duration;

use futures_util::StreamExt;
use reqwest_middleware::ClientBuilder;
use serde_json::json;
use token_budget::http::BudgetMiddleware;
use token_budget::testing::{CallEnd, Oracle, Reply, ScriptedProvider};
use token_budget::{Call, Usd};
use token_budget_clients::{MODEL, QUESTIONS, enforcer, gate};
use tokio::net::TcpSocket;

/// The recipes that see each receipt, and print it.
const TYPED: [&str; 2] = [env!("CARGO_BIN_EXE_async_openai_typed"), env!("CARGO_BIN_EXE_genai")];

/// The recipes that stream every second answer.
const STREAMING: [&str; 4] = [
    env!("CARGO_BIN_EXE_async_openai_tower"),
    env!("CARGO_BIN_EXE_reqwest"),
    env!("CARGO_BIN_EXE_reqwest_middleware"),
    RIG,
];

const RIG: &str = env!("CARGO_BIN_EXE_rig");

/// What a recipe said, line by line.
struct Told(Vec<String>);

impl Told {
    /// Runs a recipe as a reader would.
    async fn by(recipe: &str, server: &str) -> Self {
        let base_url = format!("{server}/v1");
        let output = tokio::process::Command::new(recipe).arg(base_url).output().await.expect("runs");
        let (said, wrong) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        println!("{recipe}\n{said}\n{wrong}");
        assert!(output.status.success());
        Self(said.lines().map(str::to_owned).collect())
    }

    fn count(&self, start: &str) -> u64 {
        self.0.iter().filter(|line| line.starts_with(start)).count() as u64
    }

    /// What is spent and reserved in the end.
    fn books(&self) -> (Usd, Usd) {
        let words: Vec<&str> = self.0.last().expect("a last line").split(['$', ' ']).collect();
        let ["books", "of", "team/search:", "", spent, "spent,", "", reserved, "reserved"] = words[..] else {
            panic!("no books: {words:?}")
        };
        (spent.parse().expect("dollars"), reserved.parse().expect("dollars"))
    }
}

/// A provider that turns the second request away, and whose answers differ in every figure: no sum is right by
/// chance. They are shorter than what a stream holds at first, so that none is cut. An agent is asked to look the
/// mountain up before each answer.
fn provider(is_asked_by_agent: bool) -> ScriptedProvider {
    let mut provider = ScriptedProvider::new();
    for number in 1..=40 {
        let look_up = Reply::tool_call("height", r#"{"name": "Everest"}"#).input(800 + number);
        let tokens = if is_asked_by_agent { 40 } else { 150 } + number as usize;
        let answer = Reply::tokens(tokens).input(60 + number).cached_input(20 + number);
        provider = match number {
            2 => provider.reply(Reply::status(429)),
            _ if is_asked_by_agent && number % 2 == 1 => provider.reply(look_up),
            _ => provider.reply(answer),
        };
    }
    provider
}

#[tokio::test]
async fn every_recipe_is_charged_what_its_provider_bills() {
    for recipe in TYPED.iter().chain(&STREAMING) {
        let provider = provider(*recipe == RIG);
        let server = provider.serve().await.expect("a free port");
        let told = Told::by(recipe, &server.url()).await;
        let bill = provider.bill();

        assert!(bill.requests() >= 4, "too few calls to show anything");
        // The call that was turned away is not billed and not charged; the one that was refused was never sent.
        assert_eq!((bill.ended() - bill.requests(), told.count("failed")), (1, 1));
        assert_eq!(told.count("refused: "), 1);
        assert_eq!(told.books(), (bill.usd(), Usd::ZERO));
        if TYPED.contains(recipe) {
            assert_eq!(told.count("charged"), bill.requests());
        }
    }
}

#[tokio::test]
async fn a_failure_that_may_have_been_billed_is_charged_and_what_a_provider_hides_is_too() {
    let faults = [
        Reply::status(500),
        Reply::tokens(200).usage_missing(),
        Reply::tokens(200).usage_missing(),
        Reply::tokens(200).usage_zero(),
        Reply::tokens(200).reset_after(400),
    ];
    for recipe in STREAMING.iter().filter(|recipe| **recipe != RIG) {
        let provider = faults.iter().fold(ScriptedProvider::new(), |made, fault| made.reply(fault.clone()));
        let provider = provider.otherwise(Reply::tokens(150));
        let server = provider.serve().await.expect("a free port");
        let told = Told::by(recipe, &server.url()).await;
        let bill = provider.bill();

        let (spent, reserved) = told.books();
        println!("billed {}, unseen {}, spent {spent}", bill.usd(), bill.usd_unseen());
        let known = bill.usd().checked_sub(bill.usd_unseen()).expect("a part");
        assert!(spent >= known, "{spent} of {known}");
        assert_eq!(reserved, Usd::ZERO);
        assert!(told.count("failed") >= 1);
    }
}

#[tokio::test]
async fn an_agent_pays_for_each_of_its_turns() {
    let provider = provider(true);
    let server = provider.serve().await.expect("a free port");
    let told = Told::by(RIG, &server.url()).await;

    // One turn asks for the tool, one tells what it said; the first answer was lost after its first turn.
    let answers = told.count("answered: ");
    assert!(answers >= 2);
    let turns = provider.bill().requests();
    assert!(turns == 1 + 2 * answers || turns == 2 + 2 * answers, "{turns} turns for {answers} answers");
}

#[tokio::test]
async fn a_client_that_leaves_a_stream_pays_for_what_came() {
    let enforcer = enforcer().expect("a fixed policy");
    // The pause is the provider's pace: what is unread when a client leaves is a frame or two.
    let provider = ScriptedProvider::new().otherwise(Reply::tokens(200).pause(Duration::from_millis(5)));
    let server = provider.serve().await.expect("a free port");
    let budget = BudgetMiddleware::new(gate(&enforcer));
    let client = ClientBuilder::new(reqwest::Client::new()).with(budget).build();

    let messages = json!([{"role": "user", "content": "Which mountain is the tallest?"}]);
    let body = json!({"model": MODEL, "max_tokens": 200, "stream": true, "messages": messages});
    for pieces in 1..=4 {
        let sent = client.post(format!("{}/v1/chat/completions", server.url())).json(&body).send().await;
        let mut stream = sent.expect("an answer").bytes_stream();
        for _ in 0..pieces {
            stream.next().await.expect("a piece").expect("bytes");
        }
    }
    provider.all_ended().await;

    let bill = provider.bill();
    assert_eq!(bill.calls().iter().filter(|call| call.end == CallEnd::HungUp).count(), 4);
    Oracle::of(&enforcer).billed(&Call::new(MODEL).team("search"), &bill).assert_holds().await;
}

#[tokio::test]
async fn a_provider_that_is_not_there_costs_nothing() {
    // Terms and never listened at: the port is nobody else's, and turns every connection away.
    let closed = TcpSocket::new_v4().expect("a socket");
    closed.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let nobody = closed.local_addr().expect("bound");
    for recipe in TYPED.iter().chain(&STREAMING) {
        let told = Told::by(recipe, &format!("http://{nobody}")).await;
        assert_eq!((told.count("failed"), told.count("answered")), (QUESTIONS as u64, 0));
        assert_eq!(told.books(), (Usd::ZERO, Usd::ZERO));
    }
}
