//! Do the books of every recipe agree with its provider's own bill?

mod support;

use support::Provider;
use token_budget::Usd;
use token_budget_clients::QUESTIONS;
use tokio::net::TcpSocket;

const RECIPES: [&str; 4] = [
    env!("CARGO_BIN_EXE_async_openai_typed"),
    env!("CARGO_BIN_EXE_genai"),
    env!("CARGO_BIN_EXE_reqwest"),
    env!("CARGO_BIN_EXE_rig"),
];

/// What a recipe said, line by line.
struct Told(Vec<String>);

impl Told {
    /// Runs a recipe as a reader would.
    async fn by(recipe: &str, base_url: &str) -> Self {
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

    /// The books that it closed with.
    fn books(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }
}

#[tokio::test]
async fn every_recipe_is_charged_what_its_provider_bills() {
    for recipe in RECIPES {
        let provider = Provider::start().await;
        let told = Told::by(recipe, &provider.base_url).await;
        let bill = provider.bill();

        assert!(bill.billed() >= 4, "too few calls to show anything");
        assert_eq!(told.count("charged"), bill.billed());
        // The call that was turned away is not billed and not charged; the one that was refused was never sent.
        assert_eq!((bill.turned_away, told.count("failed")), (1, 1));
        assert_eq!(told.count("refused: block gpt-4o; budget team/search"), 1);
        let billed = Usd::from_nanos(bill.nano_dollars());
        assert_eq!(told.books(), format!("books of team/search: ${billed} spent, ${} reserved", Usd::ZERO));
    }
}

#[tokio::test]
async fn an_agent_pays_for_each_of_its_turns() {
    let provider = Provider::start().await;
    let told = Told::by(env!("CARGO_BIN_EXE_rig"), &provider.base_url).await;

    // One turn asks for the tool, one tells what it said; the first answer was lost after its first turn.
    let answers = told.count("answered: Everest");
    assert!(answers >= 2);
    assert_eq!(told.count("charged"), 1 + 2 * answers);
}

#[tokio::test]
async fn a_provider_that_is_not_there_costs_nothing() {
    // Bound and never listened at: the port is nobody else's, and turns every connection away.
    let closed = TcpSocket::new_v4().expect("a socket");
    closed.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let nobody = closed.local_addr().expect("bound");
    for recipe in RECIPES {
        let told = Told::by(recipe, &format!("http://{nobody}/v1")).await;
        assert_eq!((told.count("failed"), told.count("charged")), (QUESTIONS as u64, 0));
        assert_eq!(told.books(), format!("books of team/search: ${0} spent, ${0} reserved", Usd::ZERO));
    }
}
